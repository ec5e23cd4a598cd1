// Which snapshots of a group a policy keeps, and why. No clock is asked: all that counts is the times of the snapshots to one
// another, so that a pause in backing up, or a run by a machine with a wrong clock, removes nothing.
import type { CalendarRule, Period, RetentionPolicy, WithinRule } from '../../format/retention-policy.ts'
import { periodName, periodNumber, spanBefore, spanText } from './periods.ts'

/** What rules look at. */
export interface Dated {
  readonly id: string
  readonly seq: number
  /** When the store received it, in milliseconds since 1970. */
  readonly timeMs: number
  readonly tags: readonly string[]
  /** False for what must not push out others: partial, not confirmed, of the future. */
  readonly isSound: boolean
}

/** Why each snapshot that is kept is: `last`, `daily 2026-11-21`, `within 30 days`, `tag release`, `newest` … */
export type KeptBy = Map<string, string[]>

/**
 * What a policy keeps of one group. A policy without a rule keeps everything. What is not sound does not count for the
 * others: rules are applied to the sound ones, then to all, and what either keeps is kept.
 */
export function keptBy(group: readonly Dated[], policy: RetentionPolicy): KeptBy {
  const kept: KeptBy = new Map()
  const newestFirst = group.toSorted((a, b) => b.timeMs - a.timeMs || b.seq - a.seq)
  const sound = newestFirst.filter(({ isSound }) => isSound)
  for (const list of sound.length === newestFirst.length ? [sound] : [sound, newestFirst]) apply(list, policy, kept)
  return kept
}

export function hasRules({ last, calendar, within, tags }: RetentionPolicy): boolean {
  return last !== undefined || calendar.length + within.length + tags.length > 0
}

/** `list` has the newest first. */
function apply(list: readonly Dated[], policy: RetentionPolicy, kept: KeptBy): void {
  const [newest] = list
  if (newest === undefined) return
  if (!hasRules(policy)) {
    for (const each of list) note(kept, each, 'no rule')
    return
  }
  note(kept, newest, 'newest')
  if (policy.last !== undefined) for (const each of list.slice(0, countOf(policy.last))) note(kept, each, 'last')
  for (const rule of policy.calendar) applyCalendar(list, rule, kept)
  for (const rule of policy.within) applyWithin(list, rule, kept)
  for (const tags of policy.tags) {
    for (const each of list) {
      if (tags.every((tag) => each.tags.includes(tag))) note(kept, each, `tag ${tags.join(',')}`)
    }
  }
}

function applyCalendar(list: readonly Dated[], { period, count, every }: CalendarRule, kept: KeptBy): void {
  const newest = newestOfEach(list, (each) => Math.floor(periodNumber(period, each.timeMs) / every))
  for (const each of newest.slice(0, countOf(count))) note(kept, each, periodReason(period, each.timeMs))
  // As long as the rule is not used up the history is kept as far back as it goes.
  if (newest.length < countOf(count)) note(kept, list.at(-1)!, `oldest (${period})`)
}

function applyWithin(list: readonly Dated[], { period, span }: WithinRule, kept: KeptBy): void {
  const since = spanBefore(list[0]!.timeMs, span)
  const recent = list.filter(({ timeMs }) => timeMs >= since)
  if (period === undefined) {
    for (const each of recent) note(kept, each, `within ${spanText(span)}`)
    return
  }
  for (const each of newestOfEach(recent, ({ timeMs }) => periodNumber(period, timeMs))) {
    note(kept, each, `${periodReason(period, each.timeMs)} within ${spanText(span)}`)
  }
}

/** The first of each period, in the order of the list. */
function newestOfEach(list: readonly Dated[], numberOf: (each: Dated) => number): Dated[] {
  let before: number | undefined
  return list.filter((each) => {
    const number = numberOf(each)
    if (number === before) return false
    before = number
    return true
  })
}

function periodReason(period: Period, timeMs: number): string {
  return `${period} ${periodName(period, timeMs)}`
}

function countOf(count: number | 'all'): number {
  return count === 'all' ? Infinity : count
}

function note(kept: KeptBy, { id }: Dated, reason: string): void {
  const known = kept.get(id)
  if (known === undefined) kept.set(id, [reason])
  else if (!known.includes(reason)) known.push(reason)
}
