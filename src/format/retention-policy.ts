// docs/format.md, 9.6: which snapshots are kept. A policy lies in the log of the repository, so that it is the same whoever
// forgets by it.
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { limitedText, need, readFilledList, readList, readTuple, withUnknown, writeList } from './fields.ts'
import { SHORT_TEXT_MAX, TAGS_MAX } from './snapshot-body.ts'

export const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type Period = (typeof PERIODS)[number]

/** The newest snapshot of each of the latest `count` periods that have one; with `every`, of each n-th period. */
export interface CalendarRule {
  readonly period: Period
  readonly count: number | 'all'
  readonly every: number
}

/** Calendar time back from the newest snapshot of a group. */
export interface Span {
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
}

/** All snapshots of that time; with a period the newest of each period in it. */
export interface WithinRule {
  readonly period?: Period
  readonly span: Span
}

/** What snapshots of one writer must have in common to be of one group. */
export const GROUPINGS = ['sources', 'host', 'tags'] as const
export type Grouping = (typeof GROUPINGS)[number]

export interface RetentionPolicy {
  /** So many of the newest. */
  readonly last?: number | 'all'
  readonly calendar: readonly CalendarRule[]
  readonly within: readonly WithinRule[]
  /** Snapshots that have all tags of one of these lists. */
  readonly tags: readonly (readonly string[])[]
  readonly groupBy: readonly Grouping[]
  /** Days that a forgotten snapshot can be brought back. */
  readonly trashDays: number
  readonly unknown?: readonly RawField[]
}

/** Greatest count, span and number of days: a snapshot every minute for two years. */
export const POLICY_NUMBER_MAX = 1_000_000
/** Rules of one kind in a policy. */
export const POLICY_RULES_MAX = 64

/** A value within a map. */
export function writePolicy(w: CborWriter, policy: RetentionPolicy): void {
  const { last, calendar, within, tags, groupBy, trashDays } = policy
  assert(trashDays >= 0 && trashDays <= POLICY_NUMBER_MAX, 'the trash keeps for a number of days')
  w.openMap()
  if (last !== undefined) w.key(0).uint(countNumber(last))
  if (calendar.length > 0) {
    writeList(w.key(1), calendar, ({ period, count, every }) =>
      w.array(3).uint(PERIODS.indexOf(period)).uint(countNumber(count)).uint(every),
    )
  }
  if (within.length > 0) {
    writeList(w.key(2), within, ({ period, span }) => {
      w.array(5).uint(period === undefined ? PERIODS.length : PERIODS.indexOf(period))
      w.uint(span.years).uint(span.months).uint(span.days).uint(span.hours)
    })
  }
  if (tags.length > 0) {
    writeList(w.key(3), tags, (all) => writeList(w, all, (tag) => w.text(limitedText(tag, SHORT_TEXT_MAX, 'tag'))))
  }
  const groupings = groupBy.map((each) => GROUPINGS.indexOf(each)).toSorted((a, b) => a - b)
  writeList(w.key(4), groupings, (each) => w.uint(each))
  w.key(5).uint(trashDays)
  w.rawFields(policy.unknown).closeMap()
}

export function readPolicy(r: CborReader): RetentionPolicy {
  const p: { -readonly [K in keyof RetentionPolicy]?: RetentionPolicy[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) p.last = readCount(r)
    else if (key === 1) p.calendar = readFilledList(r, POLICY_RULES_MAX, () => readCalendar(r))
    else if (key === 2) p.within = readFilledList(r, POLICY_RULES_MAX, () => readWithin(r))
    else if (key === 3) p.tags = readFilledList(r, POLICY_RULES_MAX, () => readTags(r))
    else if (key === 4) p.groupBy = readGroupings(r)
    else if (key === 5) p.trashDays = r.uint(POLICY_NUMBER_MAX)
    else return false
    return true
  })
  return {
    ...(p.last !== undefined && { last: p.last }),
    calendar: p.calendar ?? [],
    within: p.within ?? [],
    tags: p.tags ?? [],
    groupBy: need(r, p.groupBy, 'word on groups'),
    trashDays: need(r, p.trashDays, 'number of days'),
    ...withUnknown(unknown),
  }
}

/** 0 stands for all. */
function countNumber(count: number | 'all'): number {
  assert(count === 'all' || (count >= 1 && count <= POLICY_NUMBER_MAX), 'a rule keeps one or more')
  return count === 'all' ? 0 : count
}

function readCount(r: CborReader): number | 'all' {
  const count = r.uint(POLICY_NUMBER_MAX)
  return count === 0 ? 'all' : count
}

function readCalendar(r: CborReader): CalendarRule {
  return readTuple(r, 3, () => {
    const period = PERIODS[r.uint(PERIODS.length - 1)]!
    const count = readCount(r)
    const every = r.uint(POLICY_NUMBER_MAX)
    if (every === 0) throw r.corrupt('has a rule for every 0th period,')
    return { period, count, every }
  })
}

function readWithin(r: CborReader): WithinRule {
  return readTuple(r, 5, () => {
    const period = PERIODS[r.uint(PERIODS.length)]
    const number = () => r.uint(POLICY_NUMBER_MAX)
    const span = { years: number(), months: number(), days: number(), hours: number() }
    return { ...(period !== undefined && { period }), span }
  })
}

function readTags(r: CborReader): string[] {
  return readFilledList(r, TAGS_MAX, () => r.text(SHORT_TEXT_MAX))
}

function readGroupings(r: CborReader): Grouping[] {
  const numbers = readList(r, GROUPINGS.length, () => r.uint(GROUPINGS.length - 1))
  if (numbers.some((each, at) => at > 0 && each <= numbers[at - 1]!)) throw r.corrupt('has groupings out of order')
  return numbers.map((each) => GROUPINGS[each]!)
}
