// Whatever the suite is, damage is noticed; and where content is in the clear, no secret is, and nobody can forge.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asBuffer } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { hash } from '../../src/crypto/hash.ts'
import { keyFileSealingKey } from '../../src/crypto/keyfile.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { packName, parseObjectName } from '../../src/format/names.ts'
import { SEALED_TYPES } from '../../src/format/object-header.ts'
import { decodeRepoDescription, encodeRepoDescription } from '../../src/format/repo-description.ts'
import { slotKeyOf } from '../../src/credentials/credential.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import type { BlockPlace } from '../../src/repo/index/loaded-index.ts'
import { readSlots } from '../../src/repo/keys/key-slots.ts'
import { BitFlips } from './bit-flips.ts'
import { checked, damagedObjects, failures, readEverything } from './observation.ts'
import { LABEL, SmallRepository } from './small-repository.ts'
import { assertNamed, Laboratory } from './trial.ts'

const TIMES = Number(process.env['HOLDFAST_DAMAGE'] || 1)
const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const PASSPHRASE = 'known to nobody who reads the store'
/** The lowest that a slot may ask for. */
const COST = { memoryKiB: 8192, passes: 1, lanes: 1 }
/** Bytes of a file that is one chunk. */
const FILE = 1024
const clear = await Laboratory.create(1, undefined, 0)

for (const suite of [0, 2] as const) {
  test(`in a repository of suite ${suite} a flipped bit is named with what it costs, in packs and in other objects`, async () => {
    const lab = suite === 0 ? clear : await Laboratory.create(1, undefined, suite)
    const flips = new BitFlips(lab, SEED)
    for (const name of lab.objects.keys()) {
      if (parseObjectName(name)!.kind !== 'pack') await flips.within(name, 2 * TIMES)
    }
    const before = flips.trials
    let lost = 0
    // One pack of content and one of folders: each has every kind of part.
    for (const kind of ['data/', 'meta/']) {
      lost += await flips.withinRegions(
        lab.names('pack').find((name) => name.startsWith(kind))!,
        TIMES,
      )
    }
    assert.ok(lost > (flips.trials - before) / 2, 'much of what is in a pack is needed')
  })
}

test('with suite 0 names and content lie in the store as they are', () => {
  for (const text of ['text that repeats text that repeats', 'in a list', 'small and alike', 'somebody']) {
    assert.ok(where(Buffer.from(text)).length > 0, text)
  }
})

test('with suite 0 no secret, nothing that opens a key slot and no label is in the clear, in the store or on the client', async () => {
  const { store, credential, state, random, clock } = clear.made
  const repo = await clear.made.open()
  const passphrase = { kind: 'passphrase' as const, passphrase: PASSPHRASE }
  const details = { created: timespecFromMs(clock.now()), random, suite: 0 as const, label: 'second', cost: COST }
  const added = await addSlot(store, repo.bundle, passphrase, details)
  const slot = (await readSlots(store)).slots.find(({ name }) => name === added)!.slot
  const { bundle } = repo
  const [domain] = bundle.domains
  const kept = await state.read(`${Buffer.from(repo.id).toString('hex')}.writer`)
  const writerSeed = repo.keySealerOf(bundle.localKey).open(SEALED_TYPES.localState, new Uint8Array(), kept!, 'state')
  const secrets: Record<string, Uint8Array> = {
    'the key file': credential.secret,
    'the passphrase': Buffer.from(PASSPHRASE),
    'what opens the slot of the passphrase': (await slotKeyOf(passphrase, slot.method, added))!,
    'what opens the slot of the key file': keyFileSealingKey(credential.secret),
    'the root seed': bundle.rootSeed!,
    'the local key': bundle.localKey,
    'the seed of the writer': writerSeed,
    'the first label': Buffer.from(LABEL),
    'the second label': Buffer.from('second'),
    ...Object.fromEntries(
      (['keyId', 'keyLoc', 'keyCdc', 'keyIdx', 'dataPrivate', 'metaPrivate'] as const).map((key) => [
        key,
        domain![key]!,
      ]),
    ),
  }
  for (const name of clear.names('session-keys')) {
    const sid = Buffer.from(lastPart(name), 'hex')
    for (const purpose of ['data', 'meta'] as const) {
      secrets[`${purpose} secret of ${name}`] = await repo.sessionKeys.secret(sid, purpose)
    }
  }
  assert.ok(Object.keys(secrets).length >= 19)
  const places = new Map(await clear.made.objects())
  places.set('local state', kept!)
  for (const [what, bytes] of Object.entries(secrets)) {
    assert.ok(bytes.length >= 6)
    // Private keys and seeds are several values in one: a part of one is as bad as the whole.
    for (let at = 0; at < bytes.length; at += 32) {
      const part = Buffer.from(bytes.subarray(at, at + 32))
      for (const form of [part, Buffer.from(part.toString('hex')), Buffer.from(part.toString('base64'))]) {
        assert.deepEqual(where(form, places), [], `${what} is in the clear`)
      }
    }
  }
})

test('with suite 0 somebody who can change the store and knows no key cannot change what is read', async () => {
  const text = Buffer.from('text that repeats ')
  const pack = where(text).find((name) => name.startsWith('data/'))!
  const bytes = Buffer.from(clear.objects.get(pack)!)
  bytes.set(Buffer.from('TEXT'), bytes.indexOf(text))
  // Under the old name, and under the one that the new bytes have, which anybody can compute.
  const renamed = packName('data', hash(bytes))
  for (const changes of [{ [pack]: bytes }, { [pack]: bytes, [renamed]: bytes }]) {
    const repo = await clear.made.open(await clear.storeWith(changes))
    assert.ok((await clear.readOrNamed(repo, [pack])) > 0)
  }
  // What the index says of a pack is signed.
  for (const segment of clear.names('index')) {
    const forged = Buffer.from(clear.objects.get(segment)!)
    const at = forged.indexOf(Buffer.from(lastPart(pack), 'hex'))
    if (at === -1) continue
    forged.set(hash(bytes), at)
    const name = `index/${Buffer.from(hash(forged)).toString('hex')}`
    const changes = { [segment]: undefined, [name]: forged, [renamed]: bytes }
    const repo = await clear.made.open(await clear.storeWith(changes))
    await repo.loadIndex()
    assert.deepEqual(
      repo.index.damaged.map(({ subject }) => subject),
      [name],
    )
  }
})

test('two sound blocks of a repository of suite 0 that change places are noticed', async () => {
  const made = await SmallRepository.empty(3, undefined, 0)
  // Enough of one size for several bundles, each as long as the other.
  const files = Array.from({ length: 40 }, (_, i) => [`file ${i}`, made.random(FILE)])
  await made.backup(Object.fromEntries(files))
  const repo = await made.open()
  await repo.loadIndex()
  const { index } = repo
  const blocks = Array.from({ length: index.blockCount }, (_, i) => index.block(i))
  const kind = ({ pack, codec, plainLength }: BlockPlace) => `${pack.objectName} ${codec} ${plainLength}`
  const [one, two] = Object.values(Object.groupBy(blocks, kind)).find((alike) => alike!.length > 1) ?? []
  assert.ok(one !== undefined && two !== undefined, 'two blocks are alike in everything that the index says')
  const { objectName } = one.pack
  const original = await made.store.get(objectName)
  const bytes = original.slice()
  bytes.set(original.subarray(one.offset, one.offset + one.storedLength), two.offset)
  bytes.set(original.subarray(two.offset, two.offset + two.storedLength), one.offset)
  made.store.damage(objectName, bytes)
  const swapped = await made.open()
  assert.deepEqual(damagedObjects(await checked(swapped)), [objectName])
  for (const found of (await readEverything(swapped)).values()) {
    assert.ok(found instanceof Map)
    const lost = failures(found)
    assert.ok(lost.length > 2)
    for (const [, error] of lost) assertNamed(error, [objectName])
  }
})

test('a store cannot make a repository one of suite 0: the root key has signed which it has', async () => {
  const made = (await Laboratory.create(2)).made
  const bytes = await made.store.get('format/1')
  const description = decodeRepoDescription(bytes, 'format/1')
  const turned = bytes.slice()
  turned[6] = 0
  made.store.damage('format/1', turned)
  await assert.rejects(made.open(), (error) => (assertNamed(error, ['format/1']), true))
  // Signed anew by a root key of its own it is another repository's.
  const evil = signingKeyFromSeed(made.random(32))
  made.store.damage('format/1', encodeRepoDescription({ ...description, suite: 0 }, evil))
  await assert.rejects(made.open(), (error) => error instanceof BackupError && error.code === 'corrupt')
})

/** Names of the objects that hold these bytes. */
function where(bytes: Uint8Array, objects: ReadonlyMap<string, Uint8Array> = clear.objects): string[] {
  return [...objects].filter(([, object]) => asBuffer(object).includes(asBuffer(bytes))).map(([name]) => name)
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
