import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { padme } from './padme.ts'

test('padme gives the values of the paper’s rule at its edges', () => {
  for (const [length, padded] of [
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
    [8, 8],
    [9, 10],
    [15, 16],
    [16, 16],
    [17, 18],
    [33, 36],
    [1000, 1024],
    [1025, 1088],
    [1048577, 1081344],
    [33554431, 33554432],
    [33554433, 34603008],
  ] as const) {
    assert.equal(padme(length), padded, String(length))
  }
})

test('padme never shrinks, adds at most 12 %, keeps order, and padding twice changes nothing', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 45), (length) => {
      const padded = padme(length)
      assert.ok(padded >= length && padded <= length * 1.12 + 1)
      assert.equal(padme(padded), padded)
      assert.ok(padme(length + 1) >= padded)
    }),
    { numRuns: 2000 },
  )
})
