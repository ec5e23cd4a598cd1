// Slots for a public key, which everybody can make, beside those of the right repository.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { secureRandom } from '../../base/random.ts'
import { initHashing } from '../../crypto/hash.ts'
import type { Recipient, Unlocker } from '../../credentials/credential.ts'
import { SLOT_SECRET_SIZE } from '../../format/slot-kinds.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { addSlot, openWithCredential, removeSlot } from './keyring.ts'
import { newBundle } from './new-bundle.ts'

before(initHashing)

const DETAILS = { created: { sec: 1_700_000_000, nsec: 0 }, random: secureRandom, suite: 1 as const }

/** Hides nothing: what counts here is that everybody can make a slot for it. */
const recipient: Recipient = {
  kind: 'age',
  detail: 'ann',
  wrap: async (secret) => ({ kind: 'age', file: Uint8Array.from(secret) }),
}
const unlocker: Unlocker = {
  kind: 'age',
  description: 'the identity ann',
  mayOpen: () => true,
  unwrap: async (method) =>
    method.kind === 'age' && method.file.length === SLOT_SECRET_SIZE ? Uint8Array.from(method.file) : null,
}

function hasCode(code: string) {
  return (error: unknown) => error instanceof BackupError && error.code === code
}

test('a slot that leads to another repository is passed over where the root key is known, and told', async () => {
  const [mine, foreign] = [newBundle(secureRandom), newBundle(secureRandom)]
  const repoIds = [foreign.repoId, mine.repoId]
  for (let round = 0; round < 8; round++) {
    const store = new MemoryStore()
    await addSlot(store, mine, recipient, DETAILS)
    const stranger = new MemoryStore()
    const name = await addSlot(stranger, foreign, recipient, DETAILS)
    await store.put(name, [await stranger.get(name)])
    const { bundle } = await openWithCredential({ store, repoIds, root: mine.rootPublic }, unlocker)
    assert.ok(equalBytes(bundle.rootPublic, mine.rootPublic))
    await assert.rejects(
      openWithCredential({ store: stranger, repoIds, root: mine.rootPublic }, unlocker),
      hasCode('refused'),
    )
    await openWithCredential({ store: stranger, repoIds }, unlocker)
  }
})

test('a recipient gets one slot, and the last key that is proved to work stays', async () => {
  const bundle = newBundle(secureRandom)
  const store = new MemoryStore()
  const first = await addSlot(store, bundle, recipient, DETAILS)
  await assert.rejects(addSlot(store, bundle, recipient, DETAILS), hasCode('exists'))
  const second = await addSlot(store, bundle, { ...recipient, detail: 'bob' }, DETAILS)
  await assert.rejects(removeSlot(store, first, { inUse: first }), hasCode('refused'))
  await removeSlot(store, first, { inUse: second })
  await assert.rejects(removeSlot(store, second, { inUse: second }), hasCode('refused'))
  await addSlot(store, bundle, { kind: 'key-file', secret: secureRandom(32) }, DETAILS)
  await removeSlot(store, second, { inUse: second })
})

test('when nothing opens, the message counts what there is, and a program that is missing comes first', async () => {
  const bundle = newBundle(secureRandom)
  const store = new MemoryStore()
  const cost = { memoryKiB: 8192, passes: 1, lanes: 1 }
  await addSlot(store, bundle, { kind: 'passphrase', passphrase: 'x' }, { ...DETAILS, cost })
  await addSlot(store, bundle, { kind: 'key-file', secret: secureRandom(32) }, DETAILS)
  await addSlot(store, bundle, recipient, DETAILS)
  const open = (unwrap: Unlocker['unwrap']) =>
    openWithCredential({ store, repoIds: [bundle.repoId] }, { ...unlocker, unwrap })
  const hint = (wanted: RegExp) => (error: unknown) => {
    assert.ok(error instanceof BackupError && error.code === 'wrong-key')
    assert.match(error.message, /the identity ann opens no key slot \(1 tried/)
    assert.match(error.hint!, wanted)
    return true
  }
  const others = /^the repository has 1 passphrase, 1 .* and 1 .*: try another age identity, or open it with a .* or a /
  await assert.rejects(
    open(async () => null),
    hint(others),
  )
  const missing = new BackupError('not-found', 'no such program', 'age-plugin-x', { hint: 'install it' })
  await assert.rejects(
    open(() => Promise.reject(missing)),
    hint(/^install it$/),
  )
})
