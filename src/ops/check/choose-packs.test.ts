import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRng } from '../../base/random.ts'
import { choosePacks } from './choose-packs.ts'
import type { PackAge, PackShare } from './choose-packs.ts'

const DAY = 24 * 60 * 60 * 1000
const NOW = 1000 * DAY

const pack = (name: string, readMs?: number, size = 10, receivedMs = NOW - 500 * DAY): PackAge => ({
  name,
  size,
  receivedMs,
  readMs,
})

function chosen(packs: readonly PackAge[], wanted: PackShare, lastBegunMs?: number, nowMs = NOW): string[] {
  return choosePacks(packs, wanted, { nowMs, lastBegunMs, firstBegunMs: NOW, rng: seededRng(1) }).map(
    ({ name }) => name,
  )
}

test('a share takes first what was never read, then what was read longest ago', () => {
  const packs = [pack('late', NOW - DAY), pack('never'), pack('early', NOW - 9 * DAY)]
  assert.deepEqual(chosen(packs, { kind: 'share', share: 0.1 }), ['never'])
  assert.deepEqual(chosen(packs, { kind: 'share', share: 0.6 }), ['never', 'early'])
  assert.deepEqual(chosen(packs, { kind: 'share', share: 1 }), ['never', 'early', 'late'])
  assert.deepEqual(chosen([], { kind: 'share', share: 1 }), [])
})

test('a share is one of bytes, not of packs', () => {
  const packs = [pack('large', 1, 900), ...Array.from({ length: 10 }, (_, i) => pack(`small ${i}`, 2, 10))]
  assert.deepEqual(chosen(packs, { kind: 'share', share: 0.5 }), ['large'])
})

test('going on passes over what was read since then', () => {
  const packs = [pack('before', NOW - 2), pack('after', NOW), pack('never')]
  assert.deepEqual(chosen(packs, { kind: 'since', sinceMs: NOW - 1 }), ['before', 'never'])
})

test('checks within a period read every pack in it, however often they run', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (sizes, everyDays) => {
        const period = 30 * DAY
        let packs = sizes.map((size, i) => pack(String(i), undefined, size))
        let last: number | undefined
        for (let now = NOW; now < NOW + 70 * DAY; now += everyDays * DAY) {
          const read = new Set(chosen(packs, { kind: 'within', periodMs: period }, last, now))
          packs = packs.map((each) => (read.has(each.name) ? { ...each, readMs: now } : each))
          last = now
          for (const { readMs = NOW } of packs) assert.ok(now - readMs <= period)
        }
      },
    ),
  )
})

test('daily checks of packs that were all read share the work evenly', () => {
  let packs = Array.from({ length: 60 }, (_, i) => pack(String(i), NOW - (i / 2) * DAY))
  for (let day = 1; day <= 60; day++) {
    const now = NOW + day * DAY
    const read = new Set(chosen(packs, { kind: 'within', periodMs: 30 * DAY }, now - DAY, now))
    assert.ok(read.size >= 2 && read.size <= 4, `${read.size} on day ${day}`)
    packs = packs.map((each) => (read.has(each.name) ? { ...each, readMs: now } : each))
  }
})

test('who begins to check an old repository does not read all of it on the second day', () => {
  const packs = Array.from({ length: 100 }, (_, i) => pack(String(i)))
  assert.equal(chosen(packs, { kind: 'within', periodMs: 50 * DAY }, NOW, NOW + DAY).length, 2)
})
