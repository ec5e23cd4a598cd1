import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../base/bytes.ts'
import { seededRng } from '../../base/random.ts'
import { createKernel } from '../../chunker/kernel.ts'
import type { ChunkerParams } from '../../chunker/params.ts'
import { hash, initHashing, keyedHash } from '../../crypto/hash.ts'
import type { Extent } from '../../format/extent.ts'
import { ZERO_RUN_MIN } from '../../chunker/zero-runs.ts'
import { ContentCutter } from './content-cutter.ts'
import type { ContentSource, CutPlace, CutRange } from './content-cutter.ts'

await initHashing()

const KIB = 1024
const params = { min: 64 * KIB, average: 256 * KIB, max: 1024 * KIB }
const windowSize = ContentCutter.windowSizeFor({ params })
const kernel = createKernel({ arenaSize: windowSize, cdcKey: new Uint8Array(32).fill(9), params })
const cutter = new ContentCutter(kernel, 0, windowSize)

/** A file in memory; `holes` are [start, end) of ranges that have no data. */
function sourceOf(bytes: Uint8Array, holes: readonly (readonly [number, number])[] = []): ContentSource {
  return {
    size: bytes.length,
    read(offset, length, position) {
      // Short reads, as a file system may give them.
      const part = bytes.subarray(position, Math.min(position + length, position + 300_000, bytes.length))
      kernel.memory.set(part, offset)
      return part.length
    },
    data(position) {
      for (const [start, end] of holes) {
        if (position < start) return { start: position, end: start }
        if (position < end) position = end
      }
      return { start: position, end: bytes.length }
    },
  }
}

interface Cut {
  readonly extents: readonly Extent[]
  readonly first: CutPlace
  readonly last: CutPlace
  readonly bytesRead: number
  readonly content: Uint8Array
}

/** Cuts and puts the content together again from what was handed out. */
function cut(source: ContentSource, range: CutRange = { from: 0, start: 0, end: source.size }): Cut {
  const stored: Uint8Array[] = []
  const result = cutter.cut(source, range, (offset, length) => {
    stored.push(kernel.memory.slice(offset, offset + length))
    return new Uint8Array(32).fill(stored.length)
  })
  assert.equal(result.short, false)
  let next = 0
  const content = Buffer.concat(
    result.extents.map((extent) => (extent.ref === undefined ? Buffer.alloc(extent.length) : stored[next++]!)),
  )
  return { ...result, content }
}

function randomBytes(seed: number, size: number): Uint8Array {
  const rng = seededRng(seed)
  const bytes = new Uint32Array(Math.ceil(size / 4))
  for (let i = 0; i < bytes.length; i++) bytes[i] = rng() * 0x1_0000_0000
  return new Uint8Array(bytes.buffer, 0, size)
}

function u32(n: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, n, true)
  return bytes
}

const lengths = (extents: readonly Extent[]) => extents.map(({ length, fill }) => [length, fill])

test('what is cut makes up the file again', () => {
  for (const size of [0, 1, 511, params.min - 1, params.min, params.min + 1, params.max, params.max + 1, 5_000_001]) {
    const bytes = randomBytes(size, size)
    const { content, last } = cut(sourceOf(bytes))
    assert.ok(Buffer.from(bytes).equals(content), `size ${size}`)
    assert.equal(last.position, size)
  }
})

test('a run of zeros is an extent of its own from 64 KiB of whole pages on', () => {
  for (const [pages, expected] of [
    [15, false],
    [16, true],
    [17, true],
    [400, true],
  ] as const) {
    const bytes = randomBytes(1, 3_000_000)
    bytes.fill(0, 100 * 4096, (100 + pages) * 4096)
    const { extents, content } = cut(sourceOf(bytes))
    assert.ok(Buffer.from(bytes).equals(content))
    const run = extents.find((extent) => extent.fill === 'zero')
    assert.equal(run?.length, expected ? pages * 4096 : undefined, `${pages} pages`)
  }
})

test('a file of zeros alone, and zeros at either end', () => {
  const zeros = cut(sourceOf(new Uint8Array(7_000_000)))
  assert.deepEqual(lengths(zeros.extents).slice(0, 1), [[Math.floor(7_000_000 / 4096) * 4096, 'zero']])
  const bytes = randomBytes(3, 4_000_000)
  bytes.fill(0, 0, 1_000_000)
  bytes.fill(0, 3_000_000)
  assert.ok(Buffer.from(bytes).equals(cut(sourceOf(bytes)).content))
})

test('holes are extents of their own and are not read', () => {
  const bytes = randomBytes(4, 3_000_000)
  const holes = [
    [0, 65_536],
    [1_048_576, 2_097_152],
    [2_998_272, 3_000_000],
  ] as const
  for (const [start, end] of holes) bytes.fill(0, start, end)
  const source = sourceOf(bytes, holes)
  const guarded: ContentSource = {
    ...source,
    read(offset, length, position) {
      for (const [start, end] of holes) assert.ok(position + length <= start || position >= end, 'reads no hole')
      return source.read(offset, length, position)
    },
  }
  const { extents, content } = cut(guarded)
  assert.ok(Buffer.from(bytes).equals(content))
  assert.equal(extents.filter((extent) => extent.fill === 'hole').length, 3)
})

test('a cut that begins elsewhere falls into step, so segments give what one cut gives', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(fc.tuple(fc.nat(9_000_000), fc.integer({ min: 1, max: 900_000 })), { maxLength: 4 }),
      (seed, zeros) => {
        const size = 9_000_000
        const bytes = randomBytes(seed, size)
        for (const [at, length] of zeros) bytes.fill(0, at, at + length)
        const source = sourceOf(bytes)
        const whole = cut(source)
        assert.deepEqual(lengths(inSegments(source, 3_000_000)), lengths(whole.extents))
      },
    ),
    { numRuns: 12 },
  )
})

/** Extents of a file that is cut in segments, as large-file.ts does it. */
function inSegments(source: ContentSource, segmentSize: number): Extent[] {
  let place: CutPlace = { position: 0, inZeros: false }
  const joined: Extent[] = []
  for (let start = 0; start < source.size; start += segmentSize) {
    const end = Math.min(start + segmentSize, source.size)
    let part = cut(source, { from: Math.max(0, start - 2 * params.max), start, end })
    if (part.first.position !== place.position || part.first.inZeros !== place.inZeros)
      part = cut(source, { from: place.position, start: place.position, end, inZeros: place.inZeros })
    for (const extent of part.extents) {
      const last = joined.at(-1)
      if (extent.fill !== undefined && extent.fill === last?.fill)
        joined[joined.length - 1] = { length: last.length + extent.length, fill: extent.fill }
      else joined.push(extent)
    }
    place = part.last
  }
  return joined
}

test('runs of zeros around the border of a segment are those of one cut', () => {
  const size = 4_000_000
  const border = 2_097_152
  const whole = randomBytes(11, size)
  for (const before of [0, 1, 15, 16, 17, 40]) {
    for (const behind of [0, 1, 15, 16, 17, 40]) {
      const bytes = whole.slice()
      bytes.fill(0, border - before * 4096, border + behind * 4096)
      const source = sourceOf(bytes)
      const segments = inSegments(source, border)
      assert.deepEqual(lengths(segments), lengths(cut(source).extents), `${before} pages before, ${behind} behind`)
    }
  }
})

test('zeros are read once, however many segments they fill', () => {
  const size = 64_000_000
  const source = sourceOf(new Uint8Array(size))
  let read = 0
  const counted: ContentSource = {
    ...source,
    read(offset, length, position) {
      const got = source.read(offset, length, position)
      read += got
      return got
    },
  }
  const [first] = inSegments(counted, 8_000_000)
  assert.equal(first?.length, size - (size % 4096))
  assert.ok(read < 2 * size, `${read} bytes are read of ${size}`)
})

test('cuts are those of the test vectors', () => {
  const vector = JSON.parse(readFileSync(new URL('../../../test/vectors/chunking.json', import.meta.url), 'utf8'))
  const { sizes, pieces } = vector as { sizes: ChunkerParams; pieces: [number, 'chunk' | 'zero'][] }
  const contentKey = fromHex(vector.contentKey)!
  const content = new Uint8Array(400_000)
  for (let n = 0; 32 * n < content.length; n++) content.set(keyedHash(contentKey, u32(n)), 32 * n)
  content.fill(0, 100_000, 200_000)
  content.fill(0, 300_000, 310_000)
  assert.equal(toHex(hash(content)), vector.contentHash)
  const window = ContentCutter.windowSizeFor({ params: sizes })
  // The window begins somewhere in the arena, as in a worker.
  const own = createKernel({ arenaSize: 12_345 + window, cdcKey: fromHex(vector.cdcKey)!, params: sizes })
  const result = new ContentCutter(own, 12_345, window).cut(
    {
      size: content.length,
      read(offset, length, position) {
        const part = content.subarray(position, position + length)
        own.memory.set(part, offset)
        return part.length
      },
      data: (position) => ({ start: position, end: content.length }),
    },
    { from: 0, start: 0, end: content.length },
    () => new Uint8Array(32),
  )
  assert.deepEqual(
    result.extents.map(({ length, fill }) => [length, fill ?? 'chunk']),
    pieces,
  )
})

test('a hole that is punched while the file is asked for its data does not end the cut', () => {
  const bytes = randomBytes(12, 3_000_000)
  const source = sourceOf(bytes)
  let asked = 0
  // The end of the data is where it begins: what was data at the first question is a hole at the second.
  const { content } = cut({ ...source, data: (at) => (asked++ === 0 ? { start: at, end: at } : source.data(at)) })
  assert.ok(Buffer.from(bytes).equals(content))
})

test('a file that ends before its size is reported', () => {
  const bytes = randomBytes(6, 2_000_000)
  const source = { ...sourceOf(bytes), size: 2_500_000, data: () => ({ start: 0, end: 2_500_000 }) }
  const { short } = cutter.cut(
    { ...source, data: (p) => ({ start: p, end: 2_500_000 }) },
    { from: 0, start: 0, end: 2_500_000 },
    () => new Uint8Array(32),
  )
  assert.equal(short, true)
})

test('the smallest run of zeros is a multiple of the page size', () => {
  assert.equal(ZERO_RUN_MIN % 4096, 0)
})
