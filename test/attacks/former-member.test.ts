// Somebody whose credential was removed, and who kept what it gave him.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, fromHex } from '../../src/base/bytes.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { BackupError, codeOf, reasonsOf } from '../../src/base/errors.ts'
import { hash } from '../../src/crypto/hash.ts'
import { newKemKeyPair } from '../../src/crypto/kem.ts'
import { slotKeyOf } from '../../src/credentials/credential.ts'
import { decodeKeySlot, encodeRenewedSlot, openKeySlot } from '../../src/format/key-slot.ts'
import type { KeySlot } from '../../src/format/key-slot.ts'
import { keySlotName, planName, PREFIXES } from '../../src/format/names.ts'
import { readDescriptions } from '../../src/repo/descriptions.ts'
import { readSlot } from '../../src/repo/keys/key-slots.ts'
import { removeSlot } from '../../src/repo/keys/keyring.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { Repository } from '../../src/repo/repository.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'
import { readEverything } from '../damage/observation.ts'
import { SmallRepository, storeOf } from '../damage/small-repository.ts'
import { simState } from '../sim/local-state.ts'
import { removeKey, rotate } from '../support/key-changes.ts'
import { backUpAs, letIn, revoke } from './insiders.ts'

test('a credential that was removed opens nothing, and the message counts the slots that were tried', async () => {
  const made = await SmallRepository.create()
  const { credential, slotName } = await letIn(made, 'read')
  await removeSlot(made.store, slotName)
  await assert.rejects(openRepository(made.store, credential), {
    code: 'wrong-key',
    message: /the key file opens no key slot/,
  })
})

test('who kept his keys reads what he can get of the store, also what is stored later: removing a slot is no new key', async () => {
  const made = await SmallRepository.create(2)
  const { slotName, open } = await letIn(made, 'read')
  const { bundle, description, descriptionNumber } = await open()
  await removeSlot(made.store, slotName)
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const store = await storeOf(await made.objects())
  const kept = new Repository({ store, bundle, description, descriptionNumber })
  const reading = await readEverything(kept)
  assert.equal(reading.size, 3)
  for (const found of reading.values()) {
    assert.ok(found instanceof Map && [...found.values()].every((each) => typeof each === 'string'))
  }
})

/** How each snapshot reads for who kept a bundle and has the whole store, oldest first: text, or the error. */
async function readings(
  made: SmallRepository,
  { bundle, description, descriptionNumber }: Repository,
): Promise<unknown[]> {
  const store = await storeOf(await made.objects())
  const kept = new Repository({ store, bundle, description, descriptionNumber })
  const newest = await readDescriptions(store)
  const [{ description: newer }] = newest.found
  // With what he remembers of the repository, and with what the store says today.
  const reading = await readEverything(kept)
  const today = await readEverything(new Repository({ store, bundle, description: newer, descriptionNumber }))
  return [...reading].map(([name, found]) => {
    const [one, other] = [found, today.get(name)!].map((each) =>
      each instanceof Map ? [...each.values()].every((text) => typeof text === 'string') : each,
    )
    if (one instanceof BackupError && other instanceof BackupError) {
      assert.equal(one.code, other.code)
      return other
    }
    assert.equal(one, other)
    return one
  })
}

test('after new keys were made a former reader reads nothing that is stored later, by whichever machine', async () => {
  const made = await SmallRepository.create(4)
  const gone = await letIn(made, 'read')
  const kept = await gone.open()
  const stays = await letIn(made, 'read')
  const machine = await letIn(made, 'write')
  // Its bundle is from before: nobody has opened its slot since.
  const old = await machine.open()
  await removeKey(made, gone.slotName)
  await rotate(made)
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const states = [simState(), simState()]
  await backUpAs(made, await stays.open(), { member: Buffer.alloc(3000, 'm') }, states[0]!)
  const { description, descriptionNumber } = await machine.open()
  const withOldBundle = new Repository({ store: made.store, bundle: old.bundle, description, descriptionNumber })
  await backUpAs(made, withOldBundle, { machine: Buffer.alloc(3000, 'w') }, states[1]!)
  const found = await readings(made, kept)
  assert.equal(found.filter((each) => each === true).length, 2)
  const refused = found.filter((each) => each !== true) as BackupError[]
  assert.equal(refused.length, 3)
  for (const error of refused) {
    assert.equal(error.code, 'wrong-key')
    assert.match(
      reasonsOf(error),
      /keys for reading were made new on \d{4}-\d\d-\d\d, and this key was not given the new/,
    )
  }
  for (const credential of [made.credential, stays.credential]) {
    const reading = await readEverything(await openRepository(made.store, credential))
    assert.deepEqual(
      [...reading.values()].map((each) => each instanceof Map),
      [true, true, true, true, true],
    )
  }
  // What is stored on is no more than before: packs of old sessions still count.
  const packs = [...(await made.objects()).keys()].filter((name) => name.startsWith('data/')).length
  await backUpAs(made, withOldBundle, { machine: Buffer.alloc(3000, 'w') }, simState())
  assert.equal([...(await made.objects()).keys()].filter((name) => name.startsWith('data/')).length, packs)
})

test('a removed slot that the store brings back gets no new keys, and neither does one whose public key was exchanged', async () => {
  const made = await SmallRepository.empty(5)
  const gone = await letIn(made, 'read')
  const stays = await letIn(made, 'read')
  const slot = await made.store.get(gone.slotName)
  await removeKey(made, gone.slotName)
  await made.store.put(gone.slotName, [slot])
  // The public key of the operator in the place of that of a member.
  const exchanged = (await made.store.get(stays.slotName)).slice()
  const at = Buffer.from(exchanged).indexOf((await readSlot(made.store, stays.slotName)).publicKey)
  exchanged.set(newKemKeyPair(made.random).publicKey, at)
  const forged = keySlotName(hash(exchanged))
  await made.store.put(forged, [exchanged])
  const { plan } = await rotate(made)
  assert.deepEqual(
    plan.passed.map(({ name, reason }) => `${name} ${reason}`).toSorted(),
    [`${gone.slotName} removed`, `${forged} unsigned`].toSorted(),
  )
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const reading = await readEverything(await openRepository(made.store, gone.credential))
  for (const found of reading.values()) assert.equal((found as BackupError).code, 'wrong-key')
  // Its holder opens the one that is sound.
  for (const found of (await readEverything(await openRepository(made.store, stays.credential))).values())
    assert.ok(found instanceof Map)
})

/** Does something just before the slot of somebody is put anew, or before the old one is deleted. */
class WhileRenewed extends Passing {
  renewed: KeySlot | undefined
  readonly #publicKey: Uint8Array
  #when: 'put' | 'delete'
  #work: (() => Promise<void>) | undefined

  constructor(inner: Store, publicKey: Uint8Array, when: 'put' | 'delete', work: () => Promise<void>) {
    super(inner)
    this.#publicKey = publicKey
    this.#when = when
    this.#work = work
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const slot = name.startsWith(PREFIXES.keys) ? decodeKeySlot(Buffer.concat(parts), name) : undefined
    if (slot !== undefined && Buffer.compare(slot.publicKey, this.#publicKey) === 0) {
      this.renewed ??= slot
      if (this.#when === 'put') await this.#now()
    }
    return super.put(name, parts)
  }

  override async delete(name: string): Promise<boolean> {
    if (this.#when === 'delete' && this.renewed !== undefined && name.startsWith(PREFIXES.keys)) await this.#now()
    return super.delete(name)
  }

  async #now(): Promise<void> {
    const work = this.#work
    this.#work = undefined
    await work?.()
  }
}

for (const when of ['put', 'delete'] as const) {
  test(`who is removed while new keys are made does not get them: before the ${when}`, async () => {
    const made = await SmallRepository.empty(7)
    const gone = await letIn(made, 'read')
    const { publicKey } = await readSlot(made.store, gone.slotName)
    const store = new WhileRenewed(made.store, publicKey, when, () => removeKey(made, gone.slotName))
    const { description } = await rotate(made, { store })
    await assert.rejects(openRepository(made.store, gone.credential), (error) => codeOf(error) === 'wrong-key')
    // Who was quick enough to read the slot has keys that are used for nothing.
    const slotKey = await slotKeyOf(gone.credential, store.renewed!.method, 'slot')
    const { domains } = openKeySlot(store.renewed!, { slotKey: slotKey!, repoId: description.repoId }, 'slot')
    assert.notDeepEqual(description.announced![0]!.dataPublic, domains[0]!.dataPublic)
  })
}

test('a slot that is made anew while it is removed goes all the same', async () => {
  const made = await SmallRepository.empty(7)
  const gone = await letIn(made, 'read')
  const { rootPublic } = (await made.open()).bundle
  const beforeDeleting = async () => void (await rotate(made))
  await removeSlot(made.store, gone.slotName, { rootPublic, beforeDeleting })
  await assert.rejects(openRepository(made.store, gone.credential), (error) => codeOf(error) === 'wrong-key')
  await made.open()
})

test('new keys are not made while the log lacks a record that may be that of a removal', async () => {
  const made = await SmallRepository.create(6)
  const [gone, other] = [await letIn(made, 'read'), await letIn(made, 'read')]
  await removeKey(made, gone.slotName)
  await removeKey(made, other.slotName)
  const records = [...(await made.objects()).keys()].filter((name) => name.startsWith('log/')).toSorted()
  assert.equal(records.length, 2)
  const bytes = await made.store.get(records[0]!)
  await made.store.delete(records[0]!)
  await assert.rejects(rotate(made), { code: 'corrupt', message: /it is not known which keys were removed/ })
  const damaged = bytes.slice()
  damaged[100]! ^= 1
  await made.store.put(records[0]!, [damaged])
  await assert.rejects(rotate(made), { code: 'corrupt' })
  await made.store.delete(records[0]!)
  await made.store.put(records[0]!, [bytes])
  await rotate(made)
})

test('a passphrase is not led into another repository by a slot that was sealed to its public key', async () => {
  const [made, hostile] = [await SmallRepository.empty(7), await SmallRepository.empty(8)]
  const { bundle: own } = await hostile.open()
  const [[name, bytes]] = [...(await made.objects())].filter(([each]) => each.startsWith('keys/')) as [
    [string, Uint8Array],
  ]
  const { repoId } = (await made.open()).bundle
  const forged = encodeRenewedSlot(decodeKeySlot(bytes, name), {
    bundle: { ...own, repoId },
    maker: { ...own, repoId },
  })
  const store = await storeOf(new Map([[keySlotName(hash(forged)), forged]]))
  for (const [format, description] of await made.objects()) {
    if (format.startsWith('format/')) await store.put(format, [description])
  }
  await assert.rejects(openRepository(store, made.credential), (error) =>
    /was made for another root key/.test(reasonsOf(error)),
  )
})

test('who kept the keys of a machine that may only write reads nothing with them, early or late', async () => {
  const made = await SmallRepository.create(3)
  const { slotName, open } = await letIn(made, 'write')
  const { bundle, description, descriptionNumber } = await open()
  await removeSlot(made.store, slotName)
  await made.backup({ later: Buffer.alloc(3000, 'x') })
  const kept = new Repository({ store: made.store, bundle, description, descriptionNumber })
  for (const found of (await readEverything(kept)).values())
    assert.equal((found as { code?: string }).code, 'wrong-key')
})

test('a plan of who maintained and is revoked condemns nothing', async () => {
  const made = await SmallRepository.create(4)
  const { open, bundle } = await letIn(made, 'maintain')
  const repo = await open()
  const signer = signingKeyFromSeed(bundle.writer!.seed)
  const packs = repo.index.packs.filter(({ kind }) => kind === 'data')
  const dataPacks = packs.map(({ objectName }) => fromHex(objectName.slice(-64))!).sort(compareBytes)
  const plan = { pid: made.random(16), dataPacks, metaPacks: [], created: { sec: 1, nsec: 0 } }
  await made.store.put(planName(plan.pid), [encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer })])
  assert.equal((await (await made.open()).condemned()).size, packs.length)
  await revoke(made, bundle.writer!.wid)
  assert.equal((await (await made.open()).condemned()).size, 0)
})
