// Draws which days have a snapshot, and on which of them all go: a row for each month, or for each year where there are many.
import type { Verdict } from '../ops/retention/plan.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'

/** Something stays; all of it goes; some stays and some goes. */
const MARKS = { stays: '#', goes: '-', both: '+', none: '.' } as const
export const CALENDAR_LEGEND = `${MARKS.stays} stays  ${MARKS.goes} goes  ${MARKS.both} some stay, some go`

/** Rows of months; older ones are drawn as years. */
const MONTH_ROWS_MAX = 24
/** Columns that a row of days takes with a space after each. */
const WIDE = 8 + 2 * 31

/** Lines for a terminal of so many columns; UTC, as rules count. */
export function calendarLines(verdicts: readonly Verdict<SnapshotInfo>[], columns: number): string[] {
  const dated = verdicts.filter(({ timeMs }) => !Number.isNaN(new Date(timeMs).getTime()))
  const newest = Math.max(...dated.map(({ timeMs }) => timeMs))
  if (dated.length === 0) return []
  const since = monthOf(newest) - (MONTH_ROWS_MAX - 1)
  const old = dated.filter(({ timeMs }) => monthOf(timeMs) < since)
  const recent = dated.filter(({ timeMs }) => monthOf(timeMs) >= since)
  const space = columns >= WIDE ? ' ' : ''
  const lines: string[] = []
  if (old.length > 0) {
    lines.push(rowOf('year', ['J', 'F', 'M', 'A', 'M', 'J', 'J', 'A', 'S', 'O', 'N', 'D'], ' '))
    for (const [year, inYear] of sortedGroups(old, ({ timeMs }) => new Date(timeMs).getUTCFullYear())) {
      const months = Array.from({ length: 12 }, (_, at) =>
        inYear.filter(({ timeMs }) => new Date(timeMs).getUTCMonth() === at),
      )
      lines.push(rowOf(String(year), months.map(markOf), ' '))
    }
  }
  const heads = Array.from({ length: 31 }, (_, at) => ((at + 1) % 5 === 0 ? String((at + 1) % 10) : ' '))
  lines.push(rowOf('month', heads, space))
  for (const [month, inMonth] of sortedGroups(recent, ({ timeMs }) => monthOf(timeMs))) {
    const name = `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`
    const length = new Date(Date.UTC(Math.floor(month / 12), (month % 12) + 1, 0)).getUTCDate()
    const byDay = Map.groupBy(inMonth, ({ timeMs }) => new Date(timeMs).getUTCDate())
    lines.push(
      rowOf(
        name,
        Array.from({ length }, (_, at) => markOf(byDay.get(at + 1) ?? [])),
        space,
      ),
    )
  }
  return lines
}

function rowOf(title: string, cells: readonly string[], space: string): string {
  return `${title.padEnd(8)}${cells.join(space)}`.trimEnd()
}

function markOf(verdicts: readonly Verdict<SnapshotInfo>[]): string {
  if (verdicts.length === 0) return MARKS.none
  const kept = verdicts.filter(({ isKept }) => isKept).length
  if (kept === 0) return MARKS.goes
  return kept === verdicts.length ? MARKS.stays : MARKS.both
}

function monthOf(timeMs: number): number {
  const date = new Date(timeMs)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

function sortedGroups<T>(items: readonly T[], keyOf: (item: T) => number): [number, T[]][] {
  return [...Map.groupBy(items, keyOf)].toSorted(([a], [b]) => a - b)
}
