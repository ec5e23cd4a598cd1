// The calendar of retention, in UTC (docs/format.md, 9.6): a rule is the same whoever applies it, wherever he is.
import type { Period, Span } from '../../format/retention-policy.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** The first of January 1970 was a Thursday, three days after a Monday. */
const DAYS_BEFORE_1970 = 3

/** Which hour, day, week, month or year it is, by a number that goes up by one with each. */
export function periodNumber(period: Period, timeMs: number): number {
  if (period === 'hourly') return Math.floor(timeMs / HOUR_MS)
  if (period === 'daily') return Math.floor(timeMs / DAY_MS)
  if (period === 'weekly') return Math.floor((Math.floor(timeMs / DAY_MS) + DAYS_BEFORE_1970) / 7)
  const date = new Date(timeMs)
  return period === 'yearly' ? date.getUTCFullYear() : date.getUTCFullYear() * 12 + date.getUTCMonth()
}

/** As people call it: `2026-11-21 14h`, `2026-11-21`, `week of 2026-11-16`, `2026-11`, `2026`. */
export function periodName(period: Period, timeMs: number): string {
  const text = new Date(timeMs).toISOString()
  if (period === 'hourly') return `${text.slice(0, 10)} ${text.slice(11, 13)}h`
  if (period === 'daily') return text.slice(0, 10)
  if (period === 'monthly') return text.slice(0, 7)
  if (period === 'yearly') return text.slice(0, 4)
  const monday = (periodNumber('weekly', timeMs) * 7 - DAYS_BEFORE_1970) * DAY_MS
  return `week of ${new Date(monday).toISOString().slice(0, 10)}`
}

/** So long before a time; a month back from the 31st ends in the shorter month. */
export function spanBefore(timeMs: number, { years, months, days, hours }: Span): number {
  const date = new Date(timeMs)
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth() - (years * 12 + months)
  const [year, monthOfYear] = [Math.floor(month / 12), ((month % 12) + 12) % 12]
  const length = new Date(Date.UTC(year, monthOfYear + 1, 0)).getUTCDate()
  const moved = Date.UTC(year, monthOfYear, Math.min(date.getUTCDate(), length))
  // Beyond what a calendar shows everything is within.
  if (Number.isNaN(moved)) return -Infinity
  return moved + (timeMs - Math.floor(timeMs / DAY_MS) * DAY_MS) - days * DAY_MS - hours * HOUR_MS
}

/** `1 year 2 months`, for people. */
export function spanText({ years, months, days, hours }: Span): string {
  const parts = Object.entries({ year: years, month: months, day: days, hour: hours })
  const given = parts
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count} ${unit}${count === 1 ? '' : 's'}`)
  return given.length === 0 ? '0 hours' : given.join(' ')
}
