// Flags that say which snapshots are kept, and the policy that they come to.
import { BackupError } from '../base/errors.ts'
import { GROUPINGS, PERIODS, POLICY_NUMBER_MAX } from '../format/retention-policy.ts'
import type { CalendarRule, Grouping, Period, RetentionPolicy, Span, WithinRule } from '../format/retention-policy.ts'
import { spanText } from '../ops/retention/periods.ts'
import { TRASH_DAYS } from '../repo/history/trash.ts'
import { parsed, texts } from './flags.ts'

type Count = number | 'all'
interface EveryNth {
  readonly count: Count
  readonly every: number
}

export type RetentionFlags = {
  readonly keepLast?: Count
  readonly keepHourly?: EveryNth
  readonly keepDaily?: EveryNth
  readonly keepWeekly?: EveryNth
  readonly keepMonthly?: EveryNth
  readonly keepYearly?: EveryNth
  readonly keepWithin?: Span
  readonly keepWithinHourly?: Span
  readonly keepWithinDaily?: Span
  readonly keepWithinWeekly?: Span
  readonly keepWithinMonthly?: Span
  readonly keepWithinYearly?: Span
  readonly keepTag?: readonly string[]
  readonly groupBy?: readonly Grouping[]
  readonly trashDays?: number
}

const every = (unit: string) =>
  parsed(
    'N[/M]',
    `Keep the newest of each of the latest N ${unit}s that have one; of every M-th ${unit}`,
    parseEveryNth,
  )
const within = (what: string) => parsed('SPAN', what, parseSpan)

export const RETENTION_FLAGS = {
  keepLast: parsed('N', 'Keep the newest N; `all` keeps all', parseCount),
  keepHourly: every('hour'),
  keepDaily: every('day'),
  keepWeekly: every('week'),
  keepMonthly: every('month'),
  keepYearly: every('year'),
  keepWithin: within('Keep all of the time before the newest, such as 7d, 2w, 6m, 1y6m'),
  keepWithinHourly: within('Keep one of each hour of that time'),
  keepWithinDaily: within('Keep one of each day of that time'),
  keepWithinWeekly: within('Keep one of each week of that time'),
  keepWithinMonthly: within('Keep one of each month of that time'),
  keepWithinYearly: within('Keep one of each year of that time'),
  keepTag: texts('TAG[,TAG]', 'Keep what has this tag, or all of these'),
  groupBy: parsed(
    'WHAT',
    'Snapshots of one writer form a group by `sources` (the default), `host`, `tags`, several of them, or `none`',
    parseGroupings,
  ),
  trashDays: parsed('N', `Days that what is forgotten can be brought back; ${TRASH_DAYS} unless given`, parseTrashDays),
} as const

/** Undefined when no flag says which snapshots are kept. Throws `usage` when one only says how. */
export function policyOfFlags(flags: RetentionFlags): RetentionPolicy | undefined {
  const calendar = PERIODS.flatMap((period): CalendarRule[] => {
    const rule = flags[`keep${titled(period)}`]
    return rule === undefined ? [] : [{ period, ...rule }]
  })
  const within: WithinRule[] = flags.keepWithin === undefined ? [] : [{ span: flags.keepWithin }]
  for (const period of PERIODS) {
    const span = flags[`keepWithin${titled(period)}`]
    if (span !== undefined) within.push({ period, span })
  }
  const tags = (flags.keepTag ?? []).map(parseTags)
  const { keepLast: last, groupBy = ['sources'], trashDays = TRASH_DAYS } = flags
  if (last === undefined && calendar.length + within.length + tags.length === 0) return undefined
  return { ...(last !== undefined && { last }), calendar, within, tags, groupBy, trashDays }
}

/** An empty one, as of a variable that is not set, would keep nothing where all was meant. */
function parseTags(list: string): string[] {
  const tags = list.split(',')
  if (!tags.includes('')) return tags
  throw new BackupError('usage', 'a tag is empty', `--keep-tag ${JSON.stringify(list)}`, {
    hint: 'write one tag or several with commas, such as --keep-tag nightly,offsite',
  })
}

/** Flags that give the policy, as somebody would type them. */
export function policyFlags(policy: RetentionPolicy): string[] {
  const { last, calendar, within, tags, groupBy, trashDays } = policy
  const hasRule = last !== undefined || calendar.length + within.length + tags.length > 0
  return [
    ...(hasRule ? [] : ['--none']),
    ...(last === undefined ? [] : [`--keep-last ${last}`]),
    ...calendar.map(({ period, count, every: nth }) => `--keep-${period} ${count}${nth === 1 ? '' : `/${nth}`}`),
    ...within.map(({ period, span }) => `--keep-within${period === undefined ? '' : `-${period}`} ${spanFlag(span)}`),
    ...tags.map((all) => `--keep-tag ${all.join(',')}`),
    `--group-by ${groupBy.length === 0 ? 'none' : groupBy.join(',')}`,
    `--trash-days ${trashDays}`,
  ]
}

/** `14 daily (of every 2nd)`, for people. */
export function policyLines(policy: RetentionPolicy): string[] {
  const { last, calendar, within, tags, groupBy, trashDays } = policy
  const lines = [
    ...(last === undefined ? [] : [last === 'all' ? 'all snapshots' : `the newest ${last}`]),
    ...calendar.map(({ period, count, every: nth }) => {
      const of = nth === 1 ? '' : `, of every ${nth} ${UNITS[period]}s together`
      return `${count} ${period}: the newest of each ${UNITS[period]}${of}`
    }),
    ...within.map(({ period, span }) => {
      const what = period === undefined ? 'everything' : `one of each ${UNITS[period]}`
      return `${what} of ${spanText(span)} before the newest`
    }),
    ...tags.map((all) => `what has the tag ${all.join(' and ')}`),
  ]
  if (lines.length === 0) lines.push('no rule: nothing is forgotten, but what has a date by which it must be gone')
  const together = ['writer', ...groupBy].join(', ')
  return [...lines, `groups: same ${together}`, `trash: ${trashDays} days`]
}

const UNITS: Readonly<Record<Period, string>> = {
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
}

function spanFlag({ years, months, days, hours }: Span): string {
  const parts = [years && `${years}y`, months && `${months}m`, days && `${days}d`, hours && `${hours}h`]
  return parts.filter((part) => part !== 0).join('') || '0h'
}

type Titled<P extends string> = P extends `${infer F}${infer R}` ? `${Uppercase<F>}${R}` : never

function titled<P extends Period>(period: P): Titled<P> {
  return (period[0]!.toUpperCase() + period.slice(1)) as Titled<P>
}

export function parseCount(text: string): Count {
  if (text === 'all' || text === 'unlimited') return 'all'
  return parseNumber(text, 1, 'not a count', 'write a number from 1, or `all`')
}

export function parseEveryNth(text: string): EveryNth {
  const [count, nth, ...more] = text.split('/')
  if (more.length > 0) throw new BackupError('usage', 'not a count', text, { hint: 'write 14, 14/2 or all' })
  return { count: parseCount(count!), every: nth === undefined ? 1 : parseNumber(nth, 1, 'not a number', 'write 14/2') }
}

/** `7d`, `1y6m`, `2w`, `36h`: calendar years and months, weeks, days, hours. */
export function parseSpan(text: string): Span {
  const match = /^(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?$/.exec(text)
  const [years, months, weeks, days, hours] = (match ?? []).slice(1).map((part) => Number(part ?? 0))
  const span = { years: years!, months: months!, days: weeks! * 7 + days!, hours: hours! }
  if (text !== '' && match !== null && Object.values(span).every((part) => part <= POLICY_NUMBER_MAX)) return span
  throw new BackupError('usage', 'not a span of time', text, { hint: 'write 7d, 2w, 6m, 1y6m or 36h' })
}

export function parseGroupings(text: string): Grouping[] {
  if (text === 'none') return []
  const words = text.split(',').map((word) => (word === 'paths' ? 'sources' : word))
  const unknown = words.find((word) => !GROUPINGS.some((each) => each === word))
  if (unknown === undefined) return GROUPINGS.filter((each) => words.includes(each))
  const hint = 'write sources, host, tags, several with commas, or none; the writer is always part of it'
  throw new BackupError('usage', 'not something to group by', unknown, { hint })
}

export function parseTrashDays(text: string): number {
  return parseNumber(text, 0, 'not a number of days', 'write a number')
}

function parseNumber(text: string, min: number, what: string, hint: string): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= POLICY_NUMBER_MAX) return number
  throw new BackupError('usage', what, text, { hint })
}
