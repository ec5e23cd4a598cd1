import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRng } from '../base/random.ts'
import { createKernel } from './kernel.ts'
import { PieceCutter, pieceWindow } from './pieces.ts'
import { ZERO_PAGE, ZERO_RUN_MIN } from './zero-runs.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1)
const PARAMS = { min: 2048, average: 8192, max: 32_768 }
const ARENA = 2 << 20

/** [length, zeros]; neighbouring zeros joined. */
type Piece = [length: number, zeros: boolean]

const kernel = createKernel({ arenaSize: ARENA, cdcKey: KEY, params: PARAMS })

test('a run of whole pages of at least 64 KiB is a piece of its own', () => {
  const content = randomBytes(1, 400_000)
  content.fill(0, 100_000, 300_000)
  const start = 25 * ZERO_PAGE // the first page boundary after 100,000
  const end = 73 * ZERO_PAGE // the last one before 300,000
  const pieces = piecesOf(content)
  assert.deepEqual(zeroRanges(pieces), [[start, end]])
})

for (const [pages, found] of [
  [15, false],
  [16, true],
  [17, true],
] as const) {
  test(`${pages} zero pages are ${found ? '' : 'not '}a run, wherever they lie`, () => {
    for (let first = 0; first < 34; first++) {
      const content = randomBytes(2, 60 * ZERO_PAGE)
      // A page that is zero but for one byte does not count on either side.
      content.fill(0, Math.max(0, (first - 1) * ZERO_PAGE + 1), (first + pages + 1) * ZERO_PAGE - 1)
      if (first > 0) content[(first - 1) * ZERO_PAGE] = 1
      content[(first + pages + 1) * ZERO_PAGE - 1] = 1
      const expected = found ? [[first * ZERO_PAGE, (first + pages) * ZERO_PAGE]] : []
      assert.deepEqual(zeroRanges(piecesOf(content)), expected, `first page ${first}`)
    }
  })
}

test('content of zeros alone is one run and, when it does not end with a page, a short chunk', () => {
  assert.deepEqual(piecesOf(new Uint8Array(ZERO_RUN_MIN)), [[ZERO_RUN_MIN, true]])
  assert.deepEqual(piecesOf(new Uint8Array(ZERO_RUN_MIN + 5)), [
    [ZERO_RUN_MIN, true],
    [5, false],
  ])
  assert.deepEqual(zeroRanges(piecesOf(new Uint8Array(ZERO_RUN_MIN - 1))), [])
  assert.deepEqual(piecesOf(new Uint8Array(0)), [])
})

test('pages count from the beginning of the file, not of the bytes looked at', () => {
  const content = randomBytes(3, 200_000)
  content.fill(0, 1000, 150_000)
  const pieces = piecesOf(content.subarray(100), [content.length], 100)
  assert.deepEqual(zeroRanges(pieces), [[ZERO_PAGE - 100, 36 * ZERO_PAGE - 100]])
})

test('content between runs is cut as if it were alone', () => {
  const middle = randomBytes(4, 200_000 - (200_000 % ZERO_PAGE))
  const content = new Uint8Array(2 * ZERO_RUN_MIN + middle.length)
  content.set(middle, ZERO_RUN_MIN)
  assert.deepEqual(piecesOf(content), [[ZERO_RUN_MIN, true], ...piecesOf(middle), [ZERO_RUN_MIN, true]])
})

test('the pieces add up to the content, agree with a plain search, and do not depend on the reads', () => {
  fc.assert(
    fc.property(
      fc.array(stretch, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1 }),
      (stretches, reads) => {
        const content = contentOf(stretches)
        const whole = piecesOf(content)
        assert.equal(
          whole.reduce((sum, [length]) => sum + length, 0),
          content.length,
        )
        assert.deepEqual(zeroRanges(whole), plainZeroRanges(content))
        assert.deepEqual(piecesOf(content, reads), whole)
      },
    ),
    { numRuns: 150 },
  )
})

test('blocks end at the multiples of their size in the file, and are zeros only as a whole', () => {
  const size = 4096
  fc.assert(
    fc.property(
      fc.array(stretch, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1 }),
      fc.nat(3 * size),
      (stretches, reads, position) => {
        const content = contentOf(stretches)
        const pieces = piecesOf(content, reads, position, size)
        const expected: Piece[] = []
        for (let at = 0; at < content.length;) {
          const end = Math.min(content.length, at + size - ((position + at) % size))
          const zeros = content.subarray(at, end).every((byte) => byte === 0)
          add(expected, end - at, zeros)
          at = end
        }
        assert.deepEqual(pieces, expected)
      },
    ),
    { numRuns: 100 },
  )
})

/** Zeros or not, in steps of half a page so that unaligned boundaries come up, with a stray byte added. */
const stretch = fc.record({
  zeros: fc.boolean(),
  halfPages: fc.integer({ min: 0, max: 50 }),
  extra: fc.constantFrom(0, 0, 1),
})

function contentOf(stretches: { zeros: boolean; halfPages: number; extra: number }[]): Uint8Array {
  const lengths = stretches.map(({ halfPages, extra }) => (halfPages * ZERO_PAGE) / 2 + extra)
  const content = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  for (const [i, { zeros }] of stretches.entries()) {
    if (!zeros) content.set(randomBytes(i, lengths[i]!), at)
    at += lengths[i]!
  }
  return content
}

/** Runs found page by page. */
function plainZeroRanges(content: Uint8Array): [number, number][] {
  const ranges: [number, number][] = []
  let start = 0
  let at = 0
  const close = () => {
    if (at - start >= ZERO_RUN_MIN) ranges.push([start, at])
  }
  for (; at + ZERO_PAGE <= content.length; at += ZERO_PAGE) {
    if (content.subarray(at, at + ZERO_PAGE).every((byte) => byte === 0)) continue
    close()
    start = at + ZERO_PAGE
  }
  close()
  return ranges
}

function zeroRanges(pieces: Piece[]): number[][] {
  const ranges: number[][] = []
  let at = 0
  for (const [length, zeros] of pieces) {
    if (zeros) ranges.push([at, at + length])
    at += length
  }
  return ranges
}

/** Pieces of a whole content; `reads` are how many bytes more are there each time `next` asks, and it asks at once when 0. */
function piecesOf(content: Uint8Array, reads: number[] = [content.length], position = 0, blockSize = 0): Piece[] {
  const pieces: Piece[] = []
  const cutter = new PieceCutter(kernel)
  kernel.memory.set(content)
  let present = 0
  let read = 0
  cutter.begin(position, false, blockSize)
  for (let at = 0; at < content.length;) {
    const length = cutter.next(at, present - at, present === content.length)
    if (length === 0) {
      assert.ok(present < content.length, 'asks for bytes after the end')
      assert.ok(present - at < pieceWindow(kernel), 'asks for more than a window')
      present = Math.min(content.length, present + Math.max(1, reads[read++ % reads.length]!))
    } else {
      add(pieces, length, cutter.zeros)
      at += length
    }
    assert.equal(cutter.position, position + at)
  }
  return pieces
}

function add(pieces: Piece[], length: number, zeros: boolean): void {
  const last = pieces.at(-1)
  if (zeros && last?.[1] === true) last[0] += length
  else pieces.push([length, zeros])
}

function randomBytes(seed: number, length: number): Uint8Array {
  const rng = seededRng(seed)
  return Uint8Array.from({ length }, () => 1 + Math.floor(rng() * 255))
}
