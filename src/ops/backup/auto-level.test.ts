import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AUTO_LEVELS, AutoLevel } from './auto-level.ts'

const STALLED = { waiting: true, stalled: true }
const BUSY = { waiting: true, stalled: false }
const IDLE = { waiting: false, stalled: false }

/** The level after each of these moments. */
function levels(auto: AutoLevel, ...moments: (typeof STALLED)[]): number[] {
  return moments.map((moment) => {
    auto.packStored(moment)
    return auto.level
  })
}

const times = (count: number, moment: typeof STALLED) => Array.from({ length: count }, () => moment)

test('while the store is behind the level rises step by step, and no further than the last', () => {
  const auto = new AutoLevel()
  assert.equal(auto.level, 3)
  assert.deepEqual(levels(auto, ...times(8, STALLED)), [3, 3, 3, 6, 6, 6, 6, 9])
  assert.deepEqual(levels(auto, ...times(8, STALLED)), [9, 9, 9, 12, 12, 12, 12, 12])
  assert.equal(levels(auto, ...times(100, STALLED)).at(-1), 12)
})

test('a store that keeps up leaves the level where it begins', () => {
  const auto = new AutoLevel()
  assert.ok(levels(auto, ...times(100, IDLE), ...times(100, BUSY)).every((level) => level === 3))
  for (let i = 0; i < 100; i++) levels(auto, ...times(3, STALLED), i % 2 === 0 ? IDLE : BUSY)
  assert.equal(auto.level, 3)
})

test('when the store waits for the workers the level falls with each pack, and rises later than before', () => {
  const auto = new AutoLevel()
  levels(auto, ...times(12, STALLED))
  assert.deepEqual(levels(auto, BUSY, IDLE, IDLE, IDLE, IDLE), [12, 9, 6, 3, 3])
  // It fell three times, so it takes eight times as long.
  assert.deepEqual([levels(auto, ...times(31, STALLED)).at(-1), levels(auto, STALLED).at(-1)], [3, 6])
})

test('a level that is too high is tried more and more rarely', () => {
  const auto = new AutoLevel()
  let packs = 0
  let tries = 0
  for (; packs < 1000; packs++) {
    auto.packStored(auto.level === 3 ? STALLED : IDLE)
    if (auto.level !== 3) tries++
  }
  assert.ok(tries < 20, `${tries} tries`)
})

test('whatever happens the level is one of those there are, and a repetition gives the same', () => {
  const moments = fc.array(fc.constantFrom(STALLED, BUSY, IDLE), { maxLength: 200 })
  fc.assert(
    fc.property(moments, (list) => {
      const found = levels(new AutoLevel(), ...list)
      assert.ok(found.every((level) => AUTO_LEVELS.includes(level)))
      assert.deepEqual(levels(new AutoLevel(), ...list), found)
    }),
  )
})
