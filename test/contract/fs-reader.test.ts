import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/clock.ts'
import { FsReader } from '../../src/store/fs-reader.ts'
import { openRoot } from '../../src/store/fs-root.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { WatchedCalls } from './watched-calls.ts'

const LARGE = 256 * 1024

/** A reader by a clock that stands still, and how many objects it has asked another thread for since that was asked last. */
async function reading(t: TestContext, clock: Pick<Clock, 'monotonic'> = { monotonic: () => 0 }) {
  const folder = tempFolder(t)
  const root = await openRoot(join(folder, 'store'), true)
  const calls = new WatchedCalls(t, folder)
  mkdirSync(join(folder, 'store/snap'))
  const put = (name: string, bytes: Uint8Array) => writeFileSync(join(folder, 'store', name), bytes)
  const elsewhere = () => {
    const opened = calls.done.filter(({ kind }) => kind === 'open').length
    calls.done.length = 0
    return opened
  }
  return { reader: new FsReader(root, { ...NO_TIME, ...clock }), put, elsewhere, calls }
}

const NO_TIME: Clock = { now: () => 0, monotonic: () => 0, sleep: async () => {} }

test('what is read in this thread is what is read in another one, to the length from which it always is another', async (t) => {
  const { reader, put, elsewhere } = await reading(t)
  for (const [size, count] of [
    [0, 0],
    [1, 0],
    [LARGE - 1, 0],
    [LARGE, 0],
    [LARGE + 1, 1],
  ] as const) {
    const bytes = new Uint8Array(size).fill(size % 251)
    put(`snap/${size}`, bytes)
    assert.deepEqual(Buffer.compare(await reader.read(`snap/${size}`), bytes), 0)
    assert.equal(elsewhere(), count)
  }
  put(
    'snap/x',
    new Uint8Array(2 * LARGE).map((_, i) => i % 251),
  )
  assert.deepEqual(await reader.read('snap/x', { offset: 250, length: 3 }), new Uint8Array([250, 0, 1]))
  assert.equal(elsewhere(), 0)
})

test('what is not as it should be is told by the thread that is asked then', async (t) => {
  const { reader, put } = await reading(t)
  put('snap/x', new Uint8Array(3))
  const codes = { 'snap/none': 'not-found', snap: 'not-found' }
  for (const [name, code] of Object.entries(codes)) {
    await assert.rejects(reader.read(name), (error: BackupError) => error.code === code)
  }
  const tooMuch = reader.read('snap/x', { offset: 1, length: 3 })
  await assert.rejects(tooMuch, (error: BackupError) => error.code === 'corrupt' && error.subject === 'snap/x')
})

test('after an answer that took long others are asked in another thread, more of them each time', async (t) => {
  let time = 0
  let answerMs = 2
  const { reader, put, elsewhere, calls } = await reading(t, { monotonic: () => time })
  put('snap/x', new Uint8Array(3))
  calls.failure = () => {
    time += answerMs
    return undefined
  }
  const askedElsewhere = async (reads: number) => {
    for (let i = 0; i < reads; i++) await reader.read('snap/x')
    return elsewhere()
  }
  assert.equal(await askedElsewhere(18), 16)
  answerMs = 0
  assert.equal(await askedElsewhere(100), 32)
  answerMs = 2
  assert.equal(await askedElsewhere(18), 16)
})

test('whatever else waits in this thread gets its turn every few milliseconds', async (t) => {
  let time = 0
  const { reader, put, elsewhere } = await reading(t, { monotonic: () => (time += 0.1) })
  put('snap/x', new Uint8Array(3))
  await reader.read('snap/x')
  elsewhere()
  for (let i = 0; i < 200; i++) await reader.read('snap/x')
  const turns = elsewhere()
  assert.ok(turns >= 5 && turns <= 20, `${turns} turns`)
})
