// Results of the bench at scale as a page.
import type { Cost } from '../measure.ts'

export interface IndexFigures {
  /** Making the file; looking things up in it; the same in a table in memory. */
  readonly what: 'make' | 'look' | 'table'
  readonly blobs: number
  /** Making it, opening it, or filling the table. */
  readonly seconds: number
  readonly peakBytes: number
  /** Of the file. */
  readonly bytes: number
  /** Lookups each second. */
  readonly absent?: number
  readonly inOrder?: number
  readonly scattered?: number
}

export interface CommandFigures extends Cost {
  readonly row: string
  readonly on: string
  readonly round: number
}

export interface ScaleResults {
  readonly date: string
  readonly machine: Record<string, string>
  readonly indexes: readonly IndexFigures[]
  readonly commands: readonly CommandFigures[]
}

const WHAT = { make: 'file: make', look: 'file: open, look up', table: 'table in memory' } as const
const MiB = 1024 * 1024

export function scaleReport({ date, machine, indexes, commands }: ScaleResults): string {
  const lines = [`# The index at scale, ${date}`, '']
  for (const [what, is] of Object.entries(machine)) lines.push(`- ${what}: ${is}`)
  lines.push('', '| blobs | what | s | peak memory, MiB | file, MB | new blobs/s | in order/s | scattered/s |')
  lines.push('|---|---|---|---|---|---|---|---|')
  for (const { what, blobs, seconds, peakBytes, bytes, absent, inOrder, scattered } of indexes) {
    const rates = [absent, inOrder, scattered].map((rate) => rate?.toLocaleString('en') ?? '')
    const cells = [blobs.toLocaleString('en'), WHAT[what], seconds.toFixed(2), (peakBytes / MiB).toFixed(0)]
    lines.push(`| ${[...cells, what === 'table' ? '' : (bytes / 1e6).toFixed(0), ...rates].join(' | ')} |`)
  }
  if (commands.length > 0) {
    lines.push('', '| command | small, s | large, s | ratio | small, MiB | large, MiB |', '|---|---|---|---|---|---|')
    for (const row of new Set(commands.map((each) => each.row)))
      lines.push(`| ${commandRow(row, commands).join(' | ')} |`)
  }
  return `${lines.join('\n')}\n`
}

/** Medians of the time, and the highest peak. */
function commandRow(row: string, commands: readonly CommandFigures[]): string[] {
  const of = (on: string) => commands.filter((each) => each.row === row && each.on === on)
  const time = (on: string) => median(of(on).map(({ seconds }) => seconds))
  const peak = (on: string) => (Math.max(...of(on).map(({ peakBytes }) => peakBytes ?? 0)) / MiB).toFixed(0)
  const [small, large] = [time('small'), time('large')]
  return [row, small.toFixed(2), large.toFixed(2), (large / small).toFixed(2), peak('small'), peak('large')]
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}
