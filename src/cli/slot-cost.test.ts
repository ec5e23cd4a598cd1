import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { NEW_SLOT_COST } from '../crypto/passphrase.ts'
import { readSlots } from '../repo/keys/key-slots.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { Context } from './context.ts'
import { createAt } from './creation.ts'

test('the passphrase of a new repository costs what this machine computes in its time', async () => {
  const store = new MemoryStore()
  let now = 0
  const context = { clock: { ...systemClock, monotonic: () => (now += 75) } } as Context
  await createAt(context, store, { kind: 'passphrase', passphrase: 'x' })
  const { method } = (await readSlots(store)).slots[0]!.slot
  assert.ok(method.kind === 'passphrase')
  const { salt: _, ...cost } = method.params
  assert.deepEqual(cost, { ...NEW_SLOT_COST, passes: 4 }, 'of 75 ms each')
})
