import assert from 'node:assert/strict'
import test from 'node:test'
import { Worker } from 'node:worker_threads'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { BlobIndex, BLOCK_PENDING } from './blob-index.ts'

function locOf(n: number, spread = 2654435761): Uint8Array {
  const loc = new Uint8Array(LOCATOR_SIZE)
  new DataView(loc.buffer).setUint32(0, Math.imul(n, spread) >>> 0, true)
  new DataView(loc.buffer).setUint32(20, n, true)
  return loc
}

test('a blob is claimed once and found afterwards', () => {
  const index = BlobIndex.create()
  assert.equal(index.claim(locOf(1)), true)
  assert.equal(index.claim(locOf(1)), false)
  assert.equal(index.has(locOf(2)), false)
  assert.equal(index.find(locOf(1))!.block, BLOCK_PENDING)
  index.place(locOf(1), 0, 7, 8, 9)
  assert.deepEqual(index.find(locOf(1)), { block: 7, offset: 8, length: 9 })
})

test('the first place of a blob stays', () => {
  const index = BlobIndex.create()
  index.place(locOf(1), 0, 1, 2, 3)
  index.place(locOf(1), 0, 4, 5, 6)
  assert.deepEqual(index.find(locOf(1)), { block: 1, offset: 2, length: 3 })
})

test('locators that fall into the same slot are kept apart', () => {
  const index = BlobIndex.create()
  for (let n = 0; n < 500; n++) index.place(locOf(n, 0), 0, n, n, n)
  for (let n = 0; n < 500; n++) assert.equal(index.find(locOf(n, 0))!.block, n)
  assert.equal(index.has(locOf(500, 0)), false)
})

test('a full table is followed by a larger one and everything stays known', () => {
  const index = BlobIndex.create()
  const count = 300_000
  for (let n = 0; n < count; n++) index.place(locOf(n), 0, n, 0, 1)
  assert.ok(index.tableCount > 1)
  for (let n = 0; n < count; n += 997) assert.equal(index.find(locOf(n))!.block, n)
  assert.equal(index.claim(locOf(5)), false)
  assert.equal(index.claim(locOf(count + 1)), true)
})

test('in a full table a new blob is claimed every time, never taken for known', () => {
  const index = BlobIndex.create()
  for (let n = 0; n < 262_144; n++) assert.equal(index.claim(locOf(n)), true)
  assert.equal(index.claim(locOf(262_144)), true)
  assert.equal(index.claim(locOf(262_144)), true)
  assert.equal(index.claim(locOf(7)), false)
  index.place(locOf(262_144), 0, 3, 4, 5)
  assert.deepEqual(index.find(locOf(262_144)), { block: 3, offset: 4, length: 5 })
})

test('threads that claim the same blobs at once store each of them once', async () => {
  const index = BlobIndex.create()
  const count = 50_000
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ BlobIndex }) => {
      const index = BlobIndex.attach(workerData.handle)
      let won = 0
      const loc = new Uint8Array(${LOCATOR_SIZE})
      const view = new DataView(loc.buffer)
      for (let n = 0; n < ${count}; n++) {
        view.setUint32(0, Math.imul(n, 2654435761) >>> 0, true)
        view.setUint32(20, n, true)
        if (index.claim(loc)) won++
      }
      parentPort.postMessage(won)
    })`
  const module = new URL('./blob-index.ts', import.meta.url).href
  const won = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(source, { eval: true, workerData: { module, handle: index.handle } })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  assert.equal(
    won.reduce((a, b) => a + b, 0),
    count,
  )
})
