// Somebody who may put objects into the store puts key slots. They open nothing that he does not have; they must not keep out
// those who have a slot either.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hash } from '../../src/crypto/hash.ts'
import { encodeKeySlot } from '../../src/format/key-slot.ts'
import { keySlotName } from '../../src/format/names.ts'
import { readSlot, SLOTS_MAX } from '../../src/repo/keys/key-slots.ts'
import { newBundle } from '../../src/repo/keys/new-bundle.ts'
import { SmallRepository } from '../damage/small-repository.ts'

/** With the slot of its owner in the second half of the list. */
async function scene(seed = 1): Promise<{ readonly made: SmallRepository; readonly own: string }> {
  const made = await SmallRepository.empty(seed)
  const [{ name: own }] = (await made.store.list('keys/')).objects as unknown as [{ name: string }]
  return own > 'keys/8' ? { made, own } : scene(seed + 1)
}

test('as many slots as a client tries, for the same credential as far as can be seen, keep its owner from nothing', async () => {
  const { made, own } = await scene()
  const { bundle, description } = await made.open()
  const { method } = await readSlot(made.store, own)
  const stranger = newBundle(made.random)
  for (let before = 0; before < SLOTS_MAX;) {
    const content = { method, bundle: stranger, maker: stranger, created: { sec: 1, nsec: 0 }, label: '', detail: '' }
    const keys = { slotKey: made.random(32), repoId: bundle.repoId, suite: description.suite }
    const bytes = encodeKeySlot(content, keys)
    const name = keySlotName(hash(bytes))
    if (name < own) before++
    await made.store.put(name, [bytes])
  }
  assert.equal((await made.open()).bundle.role, 'admin')
})
