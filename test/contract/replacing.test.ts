// What every store promises that can replace a damaged object.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { OverlayStore } from '../../src/store/overlay-store.ts'
import { RetryingStore } from '../../src/store/retrying-store.ts'
import type { Store } from '../../src/store/store.ts'
import { SimWorld } from '../sim/world.ts'
import { RepairableStore } from '../support/repairable-store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { rejectsWith } from './store-contract.ts'

const [PACK, OTHER] = ['data/ab/abcdef', 'data/cd/cdef01']
const [OLD, NEW] = [new Uint8Array(9).fill(1), new Uint8Array(5).fill(2)]

const STORES: Readonly<Record<string, (t: TestContext) => Promise<Store>>> = {
  'a folder': (t) => openFsStore(tempFolder(t), { create: true }),
  'a folder whose files cannot be exchanged': (t) =>
    openFsStore(tempFolder(t), { create: true, exchange: async () => 'unsupported' }),
  'an overlay': async () => new OverlayStore(new MemoryStore(), { now: () => 1, bytesMax: 1000 }),
  'the memory of tests': async () => new RepairableStore(),
  'a process of the simulator': async () => new SimWorld(1).process().store,
  'a record of requests': async () => new SimWorld(1).process().recorded,
  'a store that is tried again': async () =>
    new RetryingStore(new RepairableStore(), { clock: systemClock, sleep: async () => {}, rng: () => 0 }),
}

for (const [what, make] of Object.entries(STORES)) {
  test(`${what} replaces what is there, and brings nothing back that is not`, async (t) => {
    const store = await make(t)
    await store.put(PACK, [OLD])
    assert.equal(await store.replace!(PACK, [NEW.subarray(0, 2), NEW.subarray(2)]), true)
    assert.deepEqual(new Uint8Array(await store.get(PACK)), NEW)
    assert.equal(await store.replace!(OTHER, [NEW]), false)
    assert.equal(await store.stat(OTHER), null)
    await store.delete(PACK)
    assert.equal(await store.replace!(PACK, [NEW]), false)
    assert.equal(await store.stat(PACK), null)
    assert.deepEqual((await store.list('')).objects, [])
    await rejectsWith('usage', store.replace!('../out', [NEW]))
  })
}
