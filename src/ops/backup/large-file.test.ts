import assert from 'node:assert/strict'
import test from 'node:test'
import { fileStat } from '../../../test/support/scripted-source.ts'
import { seededRng } from '../../base/random.ts'
import { createKernel } from '../../chunker/kernel.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import type { Extent } from '../../format/extent.ts'
import { ContentCutter } from './content-cutter.ts'
import type { ContentSource } from './content-cutter.ts'
import type { JobResult, SegmentJob, SegmentResult } from './jobs.ts'
import { readLargeFile, SEGMENT_SIZE } from './large-file.ts'

await initHashing()

const MIB = 1024 * 1024
const params = { min: 256 * 1024, average: 1024 * 1024, max: 4 * MIB }
const windowSize = ContentCutter.windowSizeFor({ params })
const kernel = createKernel({ arenaSize: windowSize, cdcKey: new Uint8Array(32).fill(9), params })
const cutter = new ContentCutter(kernel, 0, windowSize)
const block = randomBytes(1, 7 * MIB)

/** A file of any size whose bytes outside of `zeros` and `holes` follow from their position. */
interface Layout {
  readonly size: number
  /** What it is taken to have, where that is more. */
  readonly claimed?: number
  readonly zeros?: readonly (readonly [start: number, end: number])[]
  readonly holes?: readonly (readonly [start: number, end: number])[]
}

function sourceOf({ size, claimed = size, zeros = [], holes = [] }: Layout): ContentSource {
  return {
    size: claimed,
    read(offset, length, position) {
      const part = Math.max(0, Math.min(length, 3 * MIB, size - position))
      for (let done = 0; done < part;) {
        const from = (position + done) % block.length
        const piece = block.subarray(from, Math.min(block.length, from + part - done))
        kernel.memory.set(piece, offset + done)
        done += piece.length
      }
      for (const [start, end] of [...zeros, ...holes]) {
        const [a, b] = [Math.max(start, position), Math.min(end, position + part)]
        if (a < b) kernel.memory.fill(0, offset + a - position, offset + b - position)
      }
      return part
    },
    data(position) {
      for (const [start, end] of holes) {
        if (position < start) return { start: position, end: start }
        if (position < end) position = end
      }
      return { start: Math.min(position, claimed), end: claimed }
    },
  }
}

/** A stand-in for the workers: cuts at once, and counts. */
function worker(layout: Layout, distort: (result: SegmentResult, job: SegmentJob) => SegmentResult = (r) => r) {
  const jobs: SegmentJob[] = []
  let bytesRead = 0
  const run = async (job: SegmentJob): Promise<JobResult> => {
    jobs.push(job)
    const result = cutter.cut(sourceOf(layout), job, (at, length) => hash(kernel.memory.subarray(at, at + length)))
    bytesRead += result.bytesRead
    const segment = distort({ ...result, changed: result.short }, job)
    return { segment, blocks: [], stats: { bytesRead: 0, newBlobs: 0, newBytes: 0 } }
  }
  const path = Buffer.from('/file')
  const identity = fileStat({ size: layout.claimed ?? layout.size })
  const read = (blockSize = 0) =>
    readLargeFile({ path, identity, treatment: { blockSize, method: 0 }, chunkMax: params.max, ahead: 4, run })
  return { jobs, read, bytesRead: () => bytesRead }
}

function cutWhole(layout: Layout): readonly Extent[] {
  const range = { from: 0, start: 0, end: layout.size }
  return cutter.cut(sourceOf(layout), range, (at, length) => hash(kernel.memory.subarray(at, at + length))).extents
}

async function extentsOf(read: ReturnType<typeof readLargeFile>): Promise<readonly Extent[]> {
  const { outcome } = await read
  assert.ok(outcome.kind === 'read')
  assert.equal(
    outcome.length,
    outcome.extents.reduce((sum, { length }) => sum + length, 0),
  )
  return outcome.extents
}

test('segments are stitched to what one cut gives, at and around their borders', async () => {
  for (const size of [SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 2 * SEGMENT_SIZE + 12_345]) {
    assert.deepEqual(await extentsOf(worker({ size }).read()), cutWhole({ size }), `size ${size}`)
  }
  const size = 2 * SEGMENT_SIZE + 5 * MIB
  const zeros = [[SEGMENT_SIZE - 5 * 4096, SEGMENT_SIZE + 12 * 4096]] as const
  const holes = [[2 * SEGMENT_SIZE - 4096, 2 * SEGMENT_SIZE + MIB]] as const
  assert.deepEqual(await extentsOf(worker({ size, zeros, holes }).read()), cutWhole({ size, zeros, holes }))
})

test('a segment that is not in step with the one before is cut again from where that one ended', async () => {
  const layout = { size: 3 * SEGMENT_SIZE }
  // As if the warm-up had not sufficed: the second segment begins elsewhere.
  const { jobs, read } = worker(layout, (result, job) =>
    job.start === SEGMENT_SIZE ? { ...result, first: { position: job.start, inZeros: false } } : result,
  )
  assert.deepEqual(await extentsOf(read()), cutWhole(layout))
  assert.equal(jobs.length, 4)
  assert.ok(jobs.some(({ start, from }) => start === from && start > SEGMENT_SIZE))
})

test('a file of zeros is read about once', async () => {
  const size = 6 * SEGMENT_SIZE
  const { read, bytesRead } = worker({ size, zeros: [[0, size]] })
  assert.deepEqual(await extentsOf(read()), [{ length: size, fill: 'zero' }])
  assert.ok(bytesRead() < 1.3 * size, `${bytesRead()} bytes are read of ${size}`)
})

test('in blocks of one size every segment is read once, and every block ends at a multiple', async () => {
  const size = 3 * SEGMENT_SIZE + 12_345
  const { read, bytesRead } = worker({ size, zeros: [[MIB, 9 * MIB]], holes: [[20 * MIB + 4096, 21 * MIB]] })
  const extents = await extentsOf(read(65_536))
  let at = 0
  for (const { length, fill } of extents) {
    if (fill === undefined)
      assert.equal(
        length,
        Math.min(65_536 - (at % 65_536), size - at, at < 20 * MIB + 4096 ? 20 * MIB + 4096 - at : size),
      )
    at += length
  }
  assert.equal(at, size)
  assert.deepEqual(
    extents.filter(({ fill }) => fill !== undefined).map(({ length, fill }) => [fill, length]),
    [
      ['zero', 8 * MIB],
      ['hole', MIB - 4096],
    ],
  )
  assert.ok(bytesRead() <= size + 3 * windowSize, `${bytesRead()} bytes are read of ${size}`)
})

test('a hole as large as numbers go takes a few segments', async () => {
  const size = 2 ** 50 + 3 * MIB
  const layout = { size, holes: [[MIB, size - MIB]] as const }
  const { jobs, read } = worker(layout)
  assert.deepEqual(await extentsOf(read()), cutWhole(layout))
  assert.ok(jobs.length < 12, `${jobs.length} segments`)
})

test('no more segments are asked for than those ahead', async () => {
  let running = 0
  let most = 0
  const path = Buffer.from('/file')
  const run = async (job: SegmentJob): Promise<JobResult> => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    const first = { position: job.start, inZeros: false }
    const last = { position: job.end, inZeros: false }
    const extents = [{ length: job.end - job.start, ref: new Uint8Array(32) }]
    const segment = { extents, first, last, changed: false }
    return { segment, blocks: [], stats: { bytesRead: 0, newBlobs: 0, newBytes: 0 } }
  }
  const identity = fileStat({ size: 12 * SEGMENT_SIZE })
  await readLargeFile({ path, identity, chunkMax: params.max, ahead: 3, run })
  assert.equal(most, 3)
})

test('a file that has become shorter ends where it ends, and nothing is asked for behind that', async () => {
  const size = 2 * SEGMENT_SIZE + MIB
  const { jobs, read } = worker({ size, claimed: 20 * SEGMENT_SIZE })
  const { outcome, changed } = await read()
  assert.ok(outcome.kind === 'read')
  assert.equal(outcome.length, size)
  assert.equal(changed, true)
  assert.ok(jobs.length <= 7, `${jobs.length} segments`)
})

test('after a segment that cannot be read no more are asked for', async () => {
  const error = { code: 'io', message: 'EIO: i/o error' }
  const { jobs, read } = worker({ size: 20 * SEGMENT_SIZE, holes: [[0, 20 * SEGMENT_SIZE - 1]] }, (result, job) =>
    job.start === 0 ? { ...result, error } : result,
  )
  const { outcome } = await read()
  assert.deepEqual(outcome, { kind: 'failed', ...error })
  assert.equal(jobs.length, 4)
})

test('an empty file has its attributes', async () => {
  const extra = { index: 0, flags: 64 }
  const { read } = worker({ size: 0 }, (result) => ({ ...result, extra }))
  const { outcome } = await read()
  assert.deepEqual(outcome, { kind: 'read', extents: [], length: 0, extra })
})

function randomBytes(seed: number, size: number): Uint8Array {
  const rng = seededRng(seed)
  const words = new Uint32Array(size / 4)
  for (let i = 0; i < words.length; i++) words[i] = rng() * 0x1_0000_0000
  return new Uint8Array(words.buffer)
}
