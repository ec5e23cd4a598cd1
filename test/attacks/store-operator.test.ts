// Somebody who keeps the store, knows the format and holds no key. Damage, exchanged objects and objects of another
// repository are in test/damage/, what is hidden or rolled back in test/history/, slots for public keys that he makes
// himself in src/repo/keys/foreign-slots.test.ts, hostile costs of slots in src/repo/keys/keyring.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { hash } from '../../src/crypto/hash.ts'
import { encodeKeySlot } from '../../src/format/key-slot.ts'
import {
  descriptionName,
  enrolmentName,
  indexName,
  keySlotName,
  parseObjectName,
  snapshotName,
} from '../../src/format/names.ts'
import { approveEnrolment, listRequests, requestEnrolment } from '../../src/repo/writers/enrolment.ts'
import { readSlots } from '../../src/repo/keys/key-slots.ts'
import { addSlot, removeSlot } from '../../src/repo/keys/keyring.ts'
import { newBundle } from '../../src/repo/keys/new-bundle.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { checked, damagedObjects, story } from '../damage/observation.ts'
import { SmallRepository } from '../damage/small-repository.ts'
import { assertNamed, Laboratory } from '../damage/trial.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { letIn } from './insiders.ts'

const lab = await Laboratory.create()
const COST = { memoryKiB: 16 * 1024, passes: 2, lanes: 1 }

test('an old snapshot under a new number, or in the chain of another writer, is refused by what it says itself', async () => {
  const [name] = lab.names('snapshot')
  const bytes = lab.objects.get(name!)!
  const { wid } = parseObjectName(name!) as { wid: string }
  for (const replayed of [snapshotName(wid, 3, hash(bytes)), snapshotName('ab'.repeat(16), 1, hash(bytes))]) {
    const repo = await lab.made.open(await lab.storeWith({ [replayed]: bytes }))
    const { snapshots, problems } = await repo.catalog.readable()
    assert.equal(snapshots.length, 2)
    assert.deepEqual(
      problems.map(({ subject }) => subject),
      [replayed],
    )
    assert.ok(damagedObjects(await checked(repo)).includes(replayed))
    await assert.rejects(repo.findSnapshot('latest'), (error) => story(error).includes(replayed))
  }
})

test('an old index segment and old keys of a session under new names are named, and nothing is taken from them', async () => {
  const [segment] = lab.names('index')
  const [keys] = lab.names('session-keys')
  const changes = {
    [indexName('cd'.repeat(32))]: lab.objects.get(segment!)!,
    [`skeys/${'cd'.repeat(16)}`]: lab.objects.get(keys!)!,
  }
  const repo = await lab.made.open(await lab.storeWith(changes))
  assert.deepEqual(damagedObjects(await checked(repo)), Object.keys(changes).sort())
  assert.equal(await lab.readOrNamed(repo, Object.keys(changes)), 0)
})

/** Bytes of the header that say what an object is: version of its type, suite. */
const [VERSION, SUITE] = [5, 6]

for (const [what, at, value] of [
  ['suite 0, which is in the clear', SUITE, 0],
  ['the other cipher', SUITE, 2],
  ['a version that never was', VERSION, 0],
  ['a later version', VERSION, 2],
] as const) {
  test(`no object is taken for one of ${what}, under the name that it then has`, async () => {
    for (const kind of ['pack', 'index', 'snapshot', 'session-keys', 'writer', 'description', 'key-slot']) {
      const [name] = lab.names(kind) as [string]
      const bytes = lab.objects.get(name)!.slice()
      bytes[at] = value
      const renamed = name.replace(/[0-9a-f]{64}$/, toHex(hash(bytes))).replace(/\/[0-9a-f]{2}\/(..)/, '/$1/$1')
      const store = await lab.storeWith({ [name]: undefined, [renamed]: bytes })
      const names = [name, renamed]
      // A slot of another suite cannot be told from one for somebody else.
      const repo = await lab.openOrNamed(store, kind === 'key-slot' ? [...names, store.location] : names)
      if (repo === undefined) continue // without its description and its key slot there is no repository
      assert.ok(!['description', 'key-slot'].includes(kind))
      const { damages } = await checked(repo)
      assert.ok(
        damages.some(({ object }) => names.includes(object)),
        `${kind} of ${what}`,
      )
      const { problems } = await (await lab.made.open(store)).catalog.readable()
      for (const problem of problems) assert.ok(names.some((each) => story(problem).includes(each)))
      assert.equal(problems.length > 0, ['snapshot', 'session-keys', 'writer'].includes(kind), kind)
    }
  })
}

test('a slot with a cheaper passphrase does not open: the cost is bound into the seal', async () => {
  const made = await SmallRepository.create(2)
  const repo = await made.open()
  const credential = { kind: 'passphrase' as const, passphrase: 'correct horse' }
  const details = { created: { sec: 1, nsec: 0 }, random: made.random, suite: 1 as const, cost: COST }
  const name = await addSlot(made.store, repo.bundle, credential, details)
  const { slot } = (await readSlots(made.store)).slots.find((each) => each.name === name)!
  const [at] = fieldsOf(await made.store.get(name), COST)
  for (const [offset, weaker] of [
    [at!, { ...COST, memoryKiB: 8192 }],
    [at!, { ...COST, passes: 1 }],
  ] as const) {
    const bytes = replaced(await made.store.get(name), offset, weaker)
    const store = new MemoryStore()
    for (const [other, object] of await made.objects()) if (other !== name) await store.put(other, [object])
    const weakened = keySlotName(hash(bytes))
    await store.put(weakened, [bytes])
    assert.deepEqual((await readSlots(store)).slots.find((each) => each.name === weakened)?.slot.method, {
      ...slot.method,
      params: { ...(slot.method as { params: object }).params, ...weaker },
    })
    await assert.rejects(openRepository(store, credential), { code: 'wrong-key', message: /1 tried/ })
  }
})

/** Where the cost stands in a slot, as CBOR: memory, passes, lanes under keys 1, 2 and 3. */
function encodedCost({ memoryKiB, passes, lanes }: typeof COST): Buffer {
  return Buffer.from([1, 0x19, memoryKiB >> 8, memoryKiB & 255, 2, passes, 3, lanes])
}

function fieldsOf(bytes: Uint8Array, cost: typeof COST): number[] {
  const at = Buffer.from(bytes).indexOf(encodedCost(cost))
  assert.ok(at > 0)
  return [at]
}

function replaced(bytes: Uint8Array, at: number, cost: typeof COST): Uint8Array {
  const changed = bytes.slice()
  changed.set(encodedCost(cost), at)
  return changed
}

test('a slot that was removed and is brought back opens again: removing takes nothing back', async () => {
  const made = await SmallRepository.create(3)
  const { credential, slotName, open } = await letIn(made, 'read')
  const kept = await made.store.get(slotName)
  await removeSlot(made.store, slotName)
  await assert.rejects(openRepository(made.store, credential), { code: 'wrong-key' })
  await made.store.put(slotName, [kept])
  assert.equal((await (await open()).snapshots()).length, 2)
})

test('a slot that he makes for nobody’s key, and one of another repository, open nothing', async () => {
  const made = await SmallRepository.create(4)
  const foreign = newBundle(made.random)
  const bytes = encodeKeySlot(
    { method: { kind: 'key-file', id: made.random(16) }, bundle: foreign, created: { sec: 1, nsec: 0 }, label: '' },
    { slotKey: made.random(32), repoId: foreign.repoId, suite: 1 },
  )
  await made.store.put(keySlotName(hash(bytes)), [bytes])
  assert.equal((await (await made.open()).snapshots()).length, 2)
})

test('a store that answers now with the right bytes and now with others is right or named, never believed', async () => {
  const rng = seededRng(7)
  const names = [...lab.objects.keys()]
  const lied = new Set<string>()
  class Wavering extends Passing {
    override async get(name: string, range?: { readonly offset: number; readonly length: number }) {
      const bytes = await super.get(name, range)
      if (rng() < 0.7 || bytes.length === 0) return bytes
      lied.add(name)
      const others = names.filter((other) => parseObjectName(other)?.kind === parseObjectName(name)?.kind)
      const other = lab.objects.get(others[Math.floor(rng() * others.length)]!)!
      const { offset = 0, length = bytes.length } = range ?? {}
      const wrong = new Uint8Array(range === undefined ? other.length : length)
      wrong.set(other.subarray(offset, offset + wrong.length))
      return wrong
    }
  }
  const honest = await lab.storeWith({})
  let [whole, refused] = [0, 0]
  for (let i = 0; i < 30; i++) {
    const store = new Wavering(honest)
    try {
      const repo = await lab.made.open(store)
      if ((await lab.readOrNamed(repo, names)) === 0) whole++
      else refused++
    } catch (error) {
      assertNamed(error, [...names, store.location])
      refused++
    }
  }
  assert.ok(lied.size > 10 && refused > 10, `${whole} whole, ${refused} refused, ${lied.size} objects lied about`)
})

test('a machine that asks to be let in cannot be replaced by another under its code, nor lost among others', async () => {
  const made = await SmallRepository.create(5)
  const { bundle, description } = await made.open()
  const opts = { repoId: bundle.repoId, recipient: 'age1machine', clock: made.clock }
  const code = await requestEnrolment(made.store, { ...opts, seed: made.random(32) })
  const { name } = (await listRequests(made.store, bundle.repoId))[0]!
  // His own request, under the name of the other one and under its own.
  const evil = new MemoryStore()
  const evilCode = await requestEnrolment(evil, { ...opts, recipient: 'age1evil', seed: made.random(32) })
  const { name: evilName } = (await listRequests(evil, bundle.repoId))[0]!
  const bytes = await evil.get(evilName)
  await made.store.delete(name)
  await made.store.put(name, [bytes])
  await made.store.put(evilName, [bytes])
  assert.notEqual(code, evilCode)
  const approval = { role: 'write' as const, name: 'laptop', clock: made.clock, random: made.random }
  const approve = () =>
    approveEnrolment(made.store, bundle, code, {
      ...approval,
      suite: description.suite,
      recipientOf: () => assert.fail('nobody is let in'),
    })
  await assert.rejects(approve, { code: 'not-found', message: /no machine has asked with this code/ })
  for (let i = 0; i < 260; i++) await made.store.put(enrolmentName(hash(made.random(9))), [made.random(9)])
  await assert.rejects(approve, { code: 'limit', message: /requests to be enrolled/ })
})

test('a certificate that lies in the way of a machine that is let in is named, not taken', async () => {
  const made = await SmallRepository.create(6)
  const { bundle, description } = await made.open()
  const seed = made.random(32)
  const opts = { repoId: bundle.repoId, recipient: 'age1machine', clock: made.clock, seed }
  const code = await requestEnrolment(made.store, opts)
  const { request } = (await listRequests(made.store, bundle.repoId))[0]!
  const wid = toHex(hash(request.publicKey).slice(0, 16))
  await made.store.put(`writers/${wid}`, [Buffer.from('junk')])
  const approve = approveEnrolment(made.store, bundle, code, {
    role: 'write',
    name: 'laptop',
    clock: made.clock,
    random: made.random,
    suite: description.suite,
    recipientOf: () => assert.fail('no key is made for it'),
  })
  await assert.rejects(approve, (error) => error instanceof BackupError && story(error).includes(`writers/${wid}`))
})

test('a description that he signs himself does not count, whatever it promises', async () => {
  const foreign = await SmallRepository.create(9)
  const bytes = await foreign.store.get(descriptionName(1))
  const repo = await lab.made.open(await lab.storeWith({ [descriptionName(7)]: bytes }))
  assert.equal(repo.descriptionNumber, 1)
  assert.deepEqual(
    repo.problems.map(({ subject }) => subject),
    [descriptionName(7)],
  )
  const alone = await lab.storeWith({ [descriptionName(1)]: bytes })
  await assert.rejects(lab.made.open(alone), (error) => story(error).startsWith('wrong-key'))
})
