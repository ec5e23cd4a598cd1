import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { secureRandom } from '../../base/random.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import { newKeyFileSecret } from '../../crypto/keyfile.ts'
import { MEMORY_KIB_MAX, MEMORY_KIB_MIN, PASSES_MAX } from '../../crypto/passphrase.ts'
import { encodeBundle } from '../../format/bundle.ts'
import { encodeKeySlot, encodeRenewedSlot } from '../../format/key-slot.ts'
import { keySlotName, PREFIXES } from '../../format/names.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { SlotKeys } from '../../credentials/credential.ts'
import type { Recipient, SecretCredential, Unlocker } from '../../credentials/credential.ts'
import { findSlotName, listSlots, readSlot, readSlots, SLOTS_MAX, SLOTS_READ_MAX } from './key-slots.ts'
import { addSlot, changePassphrase, createSlot, openWithCredential, removeSlot } from './keyring.ts'
import type { NewSlot } from './keyring.ts'
import { newBundle } from './new-bundle.ts'

await initHashing()

const COST = { memoryKiB: MEMORY_KIB_MIN, passes: 1, lanes: 1 }
const DETAILS: NewSlot = { created: { sec: 1_700_000_000, nsec: 0 }, random: secureRandom, suite: 1, cost: COST }
const pass = (passphrase: string): SecretCredential => ({ kind: 'passphrase', passphrase })
const newKeyFile = (): SecretCredential => ({ kind: 'key-file', secret: newKeyFileSecret(secureRandom) })

/** A repository's key slots alone, with one slot for the passphrase `first`. */
async function repository() {
  const store = new MemoryStore()
  const bundle = newBundle(secureRandom)
  const first = await addSlot(store, bundle, pass('first'), { ...DETAILS, label: 'laptop' })
  const open = (credential: SecretCredential) => openWithCredential({ store, repoIds: [bundle.repoId] }, credential)
  return { store, bundle, first, open }
}

const failsWith =
  (code: ErrorCode, pattern = /./) =>
  (error: unknown) =>
    error instanceof BackupError && error.code === code && pattern.test(error.message)

/** Puts an object as a hostile store can: under the name that fits its bytes. */
async function plant(store: MemoryStore, bytes: Uint8Array): Promise<string> {
  const name = keySlotName(hash(bytes))
  await store.put(name, [bytes])
  return name
}

function slotWithCost(bundle: ReturnType<typeof newBundle>, cost: typeof COST, salt = secureRandom(16)): Uint8Array {
  const method = { kind: 'passphrase' as const, params: { salt, ...cost } }
  const slot = { method, bundle, created: { sec: 0, nsec: 0 } }
  return encodeKeySlot(slot, { slotKey: secureRandom(32), repoId: bundle.repoId, suite: 1 })
}

test('a passphrase and a key file open the same capability bundle', async () => {
  const { store, bundle, first, open } = await repository()
  const keyFile = newKeyFile()
  const second = await addSlot(store, bundle, keyFile, DETAILS)
  assert.deepEqual(await open(pass('first')), { bundle, slotName: first, problems: [] })
  assert.deepEqual(await open(keyFile), { bundle, slotName: second, problems: [] })
})

test('a wrong passphrase is told apart from damage, with the number of slots that were tried', async () => {
  const { store, bundle, open } = await repository()
  await addSlot(store, bundle, pass('second'), DETAILS)
  await addSlot(store, bundle, newKeyFile(), DETAILS)
  await assert.rejects(open(pass('third')), failsWith('wrong-key', /2 tried/))
  await assert.rejects(open(newKeyFile()), failsWith('wrong-key', /0 tried/))
  await assert.rejects(open(pass('')), failsWith('usage'))
})

test('without any slot, that is said', async () => {
  const repoId = secureRandom(16)
  await assert.rejects(
    openWithCredential({ store: new MemoryStore(), repoIds: [repoId] }, pass('x')),
    failsWith('not-found'),
  )
})

test('a damaged slot is reported and does not stand in the way of the others', async () => {
  const { store, bundle, first, open } = await repository()
  const second = await addSlot(store, bundle, pass('second'), DETAILS)
  const bytes = await store.get(first)
  bytes[200]! ^= 1
  store.damage(first, bytes)
  const { slotName, problems } = await open(pass('second'))
  assert.equal(slotName, second)
  assert.deepEqual(
    problems.map(({ code, subject }) => [code, subject]),
    [['corrupt', first]],
  )
  await assert.rejects(open(pass('first')), (error: unknown) => {
    assert.ok(failsWith('wrong-key', /1 tried; 1 cannot be used/)(error))
    assert.match((error as BackupError).hint!, /a key slot is damaged: .*`holdfast key import`/)
    return (error as BackupError).cause !== undefined
  })
})

test('what a credential of another program lacks is told before damage to a slot, else how to bring the slot back', async () => {
  const { store, bundle, first } = await repository()
  const bytes = await store.get(first)
  bytes[200]! ^= 1
  store.damage(first, bytes)
  await addSlot(store, bundle, newKeyFile(), DETAILS)
  const recipient: Recipient = {
    kind: 'openpgp',
    detail: '',
    wrap: async () => ({ kind: 'openpgp', message: Uint8Array.of(1) }),
  }
  await addSlot(store, bundle, recipient, DETAILS)
  const gpg = (lacks?: BackupError): Unlocker => ({
    kind: 'openpgp',
    description: 'gpg',
    mayOpen: ({ kind }) => kind === 'openpgp',
    unwrap: async () => (lacks === undefined ? null : Promise.reject(lacks)),
  })
  const hintOf = (credential: Unlocker) =>
    openWithCredential({ store, repoIds: [bundle.repoId] }, credential).then(
      () => assert.fail('nothing opens'),
      (error: BackupError) => error.hint,
    )
  assert.match((await hintOf(gpg()))!, /a key slot is damaged: .*`holdfast key import`/)
  assert.equal(await hintOf(gpg(new BackupError('not-found', 'no gpg', 'gpg', { hint: 'install it' }))), 'install it')
})

test('when every slot is damaged, that is what is said, not that the passphrase is wrong', async () => {
  const { store, first, open } = await repository()
  for (const bytes of [new Uint8Array(0), new Uint8Array(100), (await store.get(first)).subarray(0, 300)]) {
    store.damage(first, bytes)
    await assert.rejects(open(pass('first')), failsWith('corrupt'))
  }
})

test('a changed byte of a slot under a fitting name never opens to anything else', async () => {
  const { store, bundle } = await repository()
  const keyFile = newKeyFile()
  const { bytes } = await createSlot(bundle, keyFile, { ...DETAILS, label: 'x' })
  const wanted = toHex(encodeBundle(bundle))
  let opened = 0
  for (let at = 0; at < bytes.length; at++) {
    const changed = new Uint8Array(bytes)
    changed[at]! ^= 1 << (at % 8)
    const hostile = new MemoryStore()
    await plant(hostile, changed)
    try {
      const { bundle: got } = await openWithCredential({ store: hostile, repoIds: [bundle.repoId] }, keyFile)
      assert.equal(toHex(encodeBundle(got)), wanted, `byte ${at}`)
      opened++ // the time, the label and the role in the clear are for listings and decide nothing
    } catch (error) {
      assert.ok(
        error instanceof BackupError && ['wrong-key', 'corrupt', 'unsupported'].includes(error.code),
        `${error}`,
      )
    }
  }
  assert.ok(opened < 80, `${opened} bytes do not matter`)
  assert.equal((await store.list('keys/')).objects.length, 1)
})

test('a slot of another repository does not open', async () => {
  const { store } = await repository()
  await assert.rejects(
    openWithCredential({ store, repoIds: [secureRandom(16), secureRandom(16)] }, pass('first')),
    failsWith('wrong-key', /1 tried/),
  )
})

test('a hostile slot whose key would take too much is refused before it is computed', async () => {
  const { store, bundle, open } = await repository()
  const before = performance.now()
  const hostile = [
    { ...COST, memoryKiB: MEMORY_KIB_MAX + 1 },
    { ...COST, memoryKiB: 1 },
    { ...COST, passes: PASSES_MAX + 1 },
    { ...COST, passes: 0 },
    { ...COST, lanes: 65 },
    { memoryKiB: 2 ** 40, passes: 2 ** 40, lanes: 2 ** 40 },
  ]
  const names = []
  for (const cost of hostile) names.push(await plant(store, slotWithCost(bundle, cost)))
  const { problems } = await open(pass('first'))
  assert.deepEqual(problems.map(({ subject }) => subject).sort(), names.sort())
  for (const problem of problems) assert.equal(problem.code, 'limit')
  assert.ok(performance.now() - before < 2_000)
})

test('the cheapest slots are tried first, so that a dear one does not keep the owner waiting', async () => {
  const { store, bundle, first, open } = await repository()
  for (let at = 0; at < 10; at++) {
    await plant(store, slotWithCost(bundle, { memoryKiB: MEMORY_KIB_MAX, passes: PASSES_MAX, lanes: 1 }))
  }
  const { slotName } = await open(pass('first'))
  assert.equal(slotName, first)
})

test('slots of equal salt and cost share one computation', () => {
  const keys = new SlotKeys(pass('x'))
  const salt = secureRandom(16)
  const params = { salt, ...COST }
  const one = keys.of({ kind: 'passphrase', params }, 'a')
  assert.equal(keys.of({ kind: 'passphrase', params: { ...params, salt: new Uint8Array(salt) } }, 'b'), one)
  assert.notEqual(keys.of({ kind: 'passphrase', params: { ...params, passes: 2 } }, 'c'), one)
})

test('no more than the limit of slots is tried, and not more than the limit is read', async () => {
  const { store, bundle, open } = await repository()
  const salt = secureRandom(16)
  for (let at = 1; at <= SLOTS_READ_MAX; at++) await plant(store, slotWithCost(bundle, COST, salt))
  await assert.rejects(open(pass('wrong')), failsWith('wrong-key', new RegExp(`${SLOTS_MAX} tried; 1 cannot be used`)))
  assert.equal((await readSlots(store)).slots.length, SLOTS_READ_MAX)
  await assert.rejects(addSlot(store, bundle, pass('more'), DETAILS), failsWith('limit'))
})

test('the content of a key slot is encrypted also in a repository whose data is not', async () => {
  const { bundle } = await repository()
  const { bytes } = await createSlot(bundle, pass('x'), { ...DETAILS, suite: 0 })
  assert.equal(bytes[6], 1)
  assert.ok(!toHex(bytes).includes(toHex(bundle.rootSeed!)))
})

test('a slot that is not encrypted is not used', async () => {
  const { store, bundle, open } = await repository()
  const { bytes } = await createSlot(bundle, newKeyFile(), DETAILS)
  bytes[6] = 0
  await plant(store, bytes)
  const { problems } = await open(pass('first'))
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['corrupt'],
  )
})

test('a list of slots shows kind, role, time and label, the oldest first', async () => {
  const { store, bundle, first } = await repository()
  const later = { ...DETAILS, created: { sec: 1_700_000_001, nsec: 0 } }
  const second = await addSlot(store, bundle, newKeyFile(), { ...later, label: 'safe in the cellar' })
  const { slots, problems } = await listSlots(store, bundle)
  const admin = { role: 'admin', detail: '', isRenewable: true, hasNewestKeys: true } as const
  assert.deepEqual(slots, [
    { ...admin, name: first, kind: 'passphrase', words: 'passphrase', created: DETAILS.created, label: 'laptop' },
    {
      ...admin,
      name: second,
      kind: 'key-file',
      words: 'key file',
      created: later.created,
      label: 'safe in the cellar',
    },
  ])
  assert.deepEqual(problems, [])
  assert.equal((await listSlots(store, newBundle(secureRandom))).slots[0]?.label, null)
})

test('a slot is found by its name or the beginning of its hash', async () => {
  const names = [`keys/aab${'0'.repeat(61)}`, `keys/aac${'0'.repeat(61)}`]
  assert.equal(findSlotName(names, 'aab'), names[0])
  assert.equal(findSlotName(names, names[1]!), names[1])
  assert.throws(() => findSlotName(names, 'aa'), failsWith('usage', /2 key slots/))
  assert.throws(() => findSlotName(names, 'b'), failsWith('not-found'))
  assert.throws(() => findSlotName(names, ''), failsWith('not-found'))
})

test('a key file gets one slot only', async () => {
  const { store, bundle } = await repository()
  const keyFile = newKeyFile()
  const name = await addSlot(store, bundle, keyFile, DETAILS)
  await assert.rejects(addSlot(store, bundle, keyFile, DETAILS), (error: unknown) => {
    return failsWith('exists')(error) && (error as BackupError).subject === name
  })
})

test('a store that gives back other bytes than it was given fails the new slot', async () => {
  const { bundle } = await repository()
  class Forgetful extends MemoryStore {
    override async get(name: string) {
      const bytes = await super.get(name)
      bytes[bytes.length >> 1]! ^= 4
      return bytes
    }
  }
  await assert.rejects(addSlot(new Forgetful(), bundle, pass('x'), DETAILS), failsWith('corrupt'))
})

test('the last slot cannot be removed, nor the last that is sound', async () => {
  const { store, bundle, first, open } = await repository()
  await assert.rejects(removeSlot(store, first), failsWith('refused'))
  const second = await addSlot(store, bundle, pass('second'), DETAILS)
  store.damage(second, new Uint8Array(50))
  await assert.rejects(removeSlot(store, first), failsWith('refused'))
  await removeSlot(store, second)
  assert.deepEqual(await open(pass('first')), { bundle, slotName: first, problems: [] })
  await assert.rejects(removeSlot(store, second), failsWith('not-found'))
})

test('what a renewal that was cut off has left of a slot is removed with it, and no slot that only says to be one', async () => {
  const { store, bundle, first, open } = await repository()
  const second = await addSlot(store, bundle, pass('second'), DETAILS)
  const slot = await readSlot(store, second)
  const copy = encodeRenewedSlot(slot, { bundle, maker: bundle })
  await plant(store, copy)
  const claimed = await plant(store, copy.with(copy.length - 1, copy.at(-1)! ^ 1))
  await removeSlot(store, second, { rootPublic: bundle.rootPublic })
  await assert.rejects(open(pass('second')), failsWith('wrong-key'))
  const left = (await store.list(PREFIXES.keys)).objects.map(({ name }) => name)
  assert.deepEqual(left.toSorted(), [first, claimed].toSorted())
})

test('the old passphrase does not open what a renewal that was cut off has left of its slot', async () => {
  const { store, bundle, first, open } = await repository()
  const older = await readSlot(store, first)
  const slotName = await plant(store, encodeRenewedSlot(older, { bundle, maker: bundle }))
  const second = await changePassphrase(store, { bundle, slotName }, 'second', DETAILS)
  await assert.rejects(open(pass('first')), failsWith('wrong-key'))
  assert.equal((await open(pass('second'))).slotName, second)
})

test('the last administrator cannot be removed while readers are left', async () => {
  const { store, bundle, first } = await repository()
  const { rootSeed: _, ...rest } = bundle
  const reader = await addSlot(store, { ...rest, role: 'read' }, pass('reader'), DETAILS)
  await assert.rejects(removeSlot(store, first), failsWith('refused', /administrator/))
  await removeSlot(store, reader)
})

test('two clients that remove the last two slots at once leave one', async () => {
  const { store, bundle, first, open } = await repository()
  const second = await addSlot(store, bundle, pass('second'), DETAILS)
  const results = await Promise.allSettled([removeSlot(store, first), removeSlot(store, second)])
  assert.ok(results.some(({ status }) => status === 'rejected'))
  const opened = await Promise.allSettled([open(pass('first')), open(pass('second'))])
  assert.ok(opened.some(({ status }) => status === 'fulfilled'))
})

test('a changed passphrase opens, the old one does not, and the label stays', async () => {
  const { store, bundle, first, open } = await repository()
  const opened = await open(pass('first'))
  const name = await changePassphrase(store, opened, 'next', DETAILS)
  assert.notEqual(name, first)
  assert.deepEqual(await open(pass('next')), { bundle, slotName: name, problems: [] })
  await assert.rejects(open(pass('first')), failsWith('wrong-key'))
  assert.equal((await listSlots(store, bundle)).slots[0]?.label, 'laptop')
})

test('who opened with a key file cannot change a passphrase', async () => {
  const { store, bundle, open } = await repository()
  const keyFile = newKeyFile()
  await addSlot(store, bundle, keyFile, DETAILS)
  await assert.rejects(changePassphrase(store, await open(keyFile), 'next', DETAILS), failsWith('usage'))
})

test('when the old slot cannot be deleted, the error says that both passphrases open', async () => {
  const { store, bundle, first, open } = await repository()
  const opened = await open(pass('first'))
  store.delete = async () => {
    throw new BackupError('refused', 'deleting', first)
  }
  await assert.rejects(changePassphrase(store, opened, 'next', DETAILS), failsWith('refused', /the old one still does/))
  for (const word of ['first', 'next']) assert.deepEqual((await open(pass(word))).bundle, bundle)
})

test('a store that does not answer is not taken for one without slots', async () => {
  const { store, bundle, first, open } = await repository()
  const second = await addSlot(store, bundle, pass('second'), DETAILS)
  const { get } = store
  store.get = async (name, ...rest) => {
    if (name === second) throw new BackupError('unreachable', 'no answer from the store', 'memory:')
    return get.call(store, name, ...rest)
  }
  await assert.rejects(open(pass('second')), failsWith('unreachable'))
  await assert.rejects(removeSlot(store, first), failsWith('unreachable'))
  store.get = get
  store.list = async () => {
    throw new BackupError('io', 'listing', 'keys/')
  }
  await assert.rejects(open(pass('first')), failsWith('io'))
  await assert.rejects(removeSlot(store, first), failsWith('io'))
  assert.ok(await readSlot(store, first))
})
