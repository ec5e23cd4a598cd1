import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planReads } from './read-plan.ts'
import type { WantedBlock } from './read-plan.ts'

function block(pack: string, offset: number, storedLength: number): WantedBlock {
  const place = { number: 0, offset, storedLength, plainLength: 1, codec: 0, sid: new Uint8Array(16) }
  return { place: { ...place, pack: { objectName: pack, kind: 'data', size: 0, sessions: [] } } }
}

const LIMITS = { gapMax: 10, lengthMax: 100 }

test('neighbours are read with one request, gaps and lengths within limits', () => {
  const cases: [string, WantedBlock[], [number, number][]][] = [
    ['next to each other', [block('a', 0, 40), block('a', 40, 40)], [[0, 80]]],
    ['a gap of gapMax', [block('a', 0, 40), block('a', 50, 40)], [[0, 90]]],
    [
      'a gap of one more',
      [block('a', 0, 40), block('a', 51, 40)],
      [
        [0, 40],
        [51, 40],
      ],
    ],
    ['as long as lengthMax', [block('a', 0, 40), block('a', 40, 60)], [[0, 100]]],
    [
      'one longer',
      [block('a', 0, 40), block('a', 40, 61)],
      [
        [0, 40],
        [40, 61],
      ],
    ],
    ['longer than lengthMax alone', [block('a', 0, 400)], [[0, 400]]],
    ['out of order', [block('a', 40, 40), block('a', 0, 40)], [[0, 80]]],
  ]
  for (const [what, blocks, ranges] of cases) {
    assert.deepEqual(
      planReads(blocks, LIMITS).map(({ offset, length }) => [offset, length]),
      ranges,
      what,
    )
  }
})

test('packs come in the order in which they are first needed', () => {
  const ranges = planReads([block('b', 0, 5), block('a', 0, 5), block('b', 500, 5)], LIMITS)
  assert.deepEqual(
    ranges.map(({ pack, offset }) => [pack, offset]),
    [
      ['b', 0],
      ['b', 500],
      ['a', 0],
    ],
  )
})

test('every block is read once, in a range that holds it, whatever is wanted', () => {
  const places = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(50), fc.integer({ min: 1, max: 20 })), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(places, (list) => {
      const ends: Record<string, number> = { a: 0, b: 0 }
      const blocks = list.map(([pack, gap, length]) => {
        const offset = ends[pack]! + gap
        ends[pack] = offset + length
        return block(pack, offset, length)
      })
      const ranges = planReads(blocks.toReversed(), LIMITS)
      assert.deepEqual(new Set(ranges.flatMap((range) => range.blocks)), new Set(blocks))
      assert.equal(
        ranges.reduce((sum, range) => sum + range.blocks.length, 0),
        blocks.length,
      )
      for (const { pack, offset, length, blocks: within } of ranges) {
        for (const { place } of within) {
          assert.equal(place.pack.objectName, pack)
          assert.ok(place.offset >= offset && place.offset + place.storedLength <= offset + length)
        }
        assert.ok(within.length === 1 || length <= LIMITS.lengthMax)
      }
    }),
  )
})
