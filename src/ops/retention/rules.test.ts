// The rules against a reference that does it the simple way: for each rule and each period, who is the newest?
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GROUPINGS, PERIODS } from '../../format/retention-policy.ts'
import type { Period, RetentionPolicy } from '../../format/retention-policy.ts'
import { spanBefore } from './periods.ts'
import { keptBy } from './rules.ts'
import type { Dated } from './rules.ts'

const BEGIN = Date.UTC(2024, 0, 1)
const DAY = 86_400_000

const dated = fc.record({
  timeMs: fc.integer({ min: 0, max: 800 * 24 }).map((hours) => BEGIN + hours * (DAY / 24)),
  tags: fc.subarray(['a', 'b', 'c']),
  isSound: fc.boolean(),
})
const histories = fc
  .array(dated, { maxLength: 60 })
  .map((all) => all.map((each, at): Dated => ({ ...each, id: String(at), seq: at + 1 })))
const count = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant('all' as const))
const span = fc.record({ years: fc.nat(1), months: fc.nat(14), days: fc.nat(40), hours: fc.nat(30) })
const period = fc.constantFrom(...PERIODS)
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    last: fc.option(count, { nil: undefined }),
    calendar: fc.array(fc.record({ period, count, every: fc.integer({ min: 1, max: 4 }) }), { maxLength: 4 }),
    within: fc.array(fc.oneof(fc.record({ span }), fc.record({ period, span })), { maxLength: 2 }),
    tags: fc.array(fc.subarray(['a', 'b', 'c'], { minLength: 1 }), { maxLength: 2 }),
    groupBy: fc.subarray([...GROUPINGS]),
    trashDays: fc.nat(30),
  })
  .map(({ last, ...rest }) => ({ ...rest, ...(last !== undefined && { last }) }))

/** Names of calendar units, made from dates alone. */
function unitOf(unit: Period, timeMs: number): number {
  const date = new Date(timeMs)
  const [y, m, d] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (unit === 'yearly') return y
  if (unit === 'monthly') return y * 12 + m
  const days = Date.UTC(y, m, d) / DAY
  if (unit === 'daily') return days
  if (unit === 'hourly') return days * 24 + date.getUTCHours()
  // Mondays: the fifth of January 1970 was one.
  return Math.floor((days - 4) / 7) + 1
}

function reference(all: readonly Dated[], policy: RetentionPolicy): Set<string> {
  const kept = new Set<string>()
  for (const list of [all.filter(({ isSound }) => isSound), all]) {
    const sorted = list.toSorted((a, b) => a.timeMs - b.timeMs || a.seq - b.seq)
    const newest = sorted.at(-1)
    if (newest === undefined) continue
    const { last, calendar, within, tags } = policy
    if (last === undefined && calendar.length + within.length + tags.length === 0) {
      for (const { id } of list) kept.add(id)
      continue
    }
    kept.add(newest.id)
    for (const [at, { id }] of sorted.toReversed().entries()) if (last === 'all' || at < (last ?? 0)) kept.add(id)
    for (const rule of calendar) {
      const newestIn = new Map<number, string>()
      for (const { id, timeMs } of sorted) newestIn.set(Math.floor(unitOf(rule.period, timeMs) / rule.every), id)
      const units = [...newestIn.keys()].toSorted((a, b) => b - a)
      for (const unit of rule.count === 'all' ? units : units.slice(0, rule.count)) kept.add(newestIn.get(unit)!)
      if (rule.count === 'all' || units.length < rule.count) kept.add(sorted[0]!.id)
    }
    for (const { span: back, ...rule } of within) {
      const recent = sorted.filter(({ timeMs }) => timeMs >= spanBefore(newest.timeMs, back))
      const newestIn = new Map<unknown, string>()
      for (const { id, timeMs } of recent)
        newestIn.set(rule.period === undefined ? id : unitOf(rule.period, timeMs), id)
      for (const id of newestIn.values()) kept.add(id)
    }
    for (const each of list) if (tags.some((some) => some.every((tag) => each.tags.includes(tag)))) kept.add(each.id)
  }
  return kept
}

const idsOf = (all: readonly Dated[], policy: RetentionPolicy) => new Set(keptBy(all, policy).keys())
const both = fc.tuple(histories, policies)
const RUNS = { numRuns: 400 }

test('what is kept is what the reference keeps', () => {
  fc.assert(
    fc.property(both, ([all, policy]) => assert.deepEqual(idsOf(all, policy), reference(all, policy))),
    RUNS,
  )
})

test('a second run by the same policy removes nothing more', () => {
  fc.assert(
    fc.property(both, ([all, policy]) => {
      const kept = idsOf(all, policy)
      const left = all.filter(({ id }) => kept.has(id))
      assert.deepEqual(idsOf(left, policy), kept)
    }),
    RUNS,
  )
})

test('one more rule never removes more', () => {
  fc.assert(
    fc.property(histories, policies, policies, (all, one, other) => {
      const more = { ...one, calendar: [...one.calendar, ...other.calendar], within: [...one.within, ...other.within] }
      // No rule at all keeps everything, which is not a rule.
      fc.pre(one.last !== undefined || one.calendar.length + one.within.length + one.tags.length > 0)
      assert.ok(idsOf(all, one).isSubsetOf(idsOf(all, more)))
    }),
    RUNS,
  )
})

test('a greater count never removes more', () => {
  fc.assert(
    fc.property(histories, policies, (all, policy) => {
      const calendar = policy.calendar.map((rule) => ({
        ...rule,
        count: rule.count === 'all' ? rule.count : rule.count + 1,
      }))
      assert.ok(idsOf(all, policy).isSubsetOf(idsOf(all, { ...policy, calendar })))
    }),
    RUNS,
  )
})

test('snapshots that are not sound push out none that is', () => {
  fc.assert(
    fc.property(both, ([all, policy]) => {
      const sound = all.filter(({ isSound }) => isSound)
      assert.ok(idsOf(sound, policy).isSubsetOf(idsOf(all, policy)))
    }),
    RUNS,
  )
})

test('the newest stays, and so does the newest sound one', () => {
  fc.assert(
    fc.property(both, ([all, policy]) => {
      const kept = idsOf(all, policy)
      const byTime = all.toSorted((a, b) => a.timeMs - b.timeMs || a.seq - b.seq)
      for (const newest of [byTime.at(-1), byTime.findLast(({ isSound }) => isSound)]) {
        if (newest !== undefined) assert.ok(kept.has(newest.id))
      }
    }),
    RUNS,
  )
})

test('a span of a month ends on the same day of the month, or on the last of a shorter one', () => {
  const month = { years: 0, months: 1, days: 0, hours: 0 }
  const at = (text: string) => Date.parse(text)
  assert.equal(spanBefore(at('2026-03-31T10:00:00Z'), month), at('2026-02-28T10:00:00Z'))
  assert.equal(spanBefore(at('2026-01-15T00:00:00Z'), month), at('2025-12-15T00:00:00Z'))
  assert.equal(spanBefore(at('2024-02-29T00:00:00Z'), { ...month, months: 0, years: 1 }), at('2023-02-28T00:00:00Z'))
  assert.equal(spanBefore(at('2026-01-15T00:00:00Z'), { ...month, years: 1_000_000 }), -Infinity)
})
