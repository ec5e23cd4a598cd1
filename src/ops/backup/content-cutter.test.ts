import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { seededRng } from '../../base/random.ts'
import { createKernel } from '../../chunker/kernel.ts'
import type { Extent } from '../../format/extent.ts'
import { ContentCutter, ZERO_RUN_MIN } from './content-cutter.ts'
import type { ContentSource, CutRange } from './content-cutter.ts'

const KIB = 1024
const params = { min: 64 * KIB, average: 256 * KIB, max: 1024 * KIB }
const windowSize = ContentCutter.windowSizeFor(params.max)
const kernel = createKernel({ arenaSize: windowSize, cdcKey: new Uint8Array(32).fill(9), params })
const cutter = new ContentCutter(kernel, 0, windowSize, params.max)

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
  readonly firstStart: number
  readonly lastEnd: number
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

const lengths = (extents: readonly Extent[]) => extents.map(({ length, fill }) => [length, fill])

test('what is cut makes up the file again', () => {
  for (const size of [0, 1, 511, params.min - 1, params.min, params.min + 1, params.max, params.max + 1, 5_000_001]) {
    const bytes = randomBytes(size, size)
    const { content, lastEnd } = cut(sourceOf(bytes))
    assert.ok(Buffer.from(bytes).equals(content), `size ${size}`)
    assert.equal(lastEnd, size)
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
        const segment = 3_000_000
        let position = 0
        const joined: Extent[] = []
        for (let start = 0; start < size; start += segment) {
          const end = Math.min(start + segment, size)
          let part = cut(source, { from: Math.max(0, start - 2 * params.max), start, end })
          if (part.firstStart !== position && position < end)
            part = cut(source, { from: position, start: position, end })
          if (position >= end) continue
          joined.push(...part.extents)
          position = part.lastEnd
        }
        assert.deepEqual(lengths(joined), lengths(whole.extents))
      },
    ),
    { numRuns: 12 },
  )
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
