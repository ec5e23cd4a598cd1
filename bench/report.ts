// The results as tables: medians, and ratios to Holdfast's figure.
import { GOALS, type Goal, type Measure } from './goals.ts'
import type { Sample } from './scenarios.ts'

export interface Results {
  readonly date: string
  readonly machine: Readonly<Record<string, string>>
  readonly rounds: number
  readonly tools: readonly { id: string; version: string; settings: string }[]
  readonly floors: readonly { id: string; what: string }[]
  readonly dataSets: readonly { id: string; what: string }[]
  /** One command line for each row and tool or floor. */
  readonly commands: Readonly<Record<string, string>>
  readonly leftOut: readonly string[]
  readonly samples: readonly Sample[]
}

const TABLES: readonly { measure: Measure; title: string; note: string; text: (n: number) => string }[] = [
  {
    measure: 'seconds',
    title: 'Time',
    note: 'Median of the rounds, ± half the distance between the fastest and the slowest; ×: how many times as long as Holdfast.',
    text: (n) => (n < 1 ? `${(1000 * n).toFixed(0)} ms` : `${n.toFixed(2)} s`),
  },
  {
    measure: 'cpuSeconds',
    title: 'Processor time',
    note: 'User and system, all threads.',
    text: (n) => `${n.toFixed(2)} s`,
  },
  {
    measure: 'peakBytes',
    title: 'Peak memory',
    note: 'All processes of the command.',
    text: (n) => `${(n / 2 ** 20).toFixed(0)} MiB`,
  },
  {
    measure: 'bytes',
    title: 'Size of the repository',
    note: 'Sum of its files.',
    text: (n) => `${(n / 1e6).toFixed(1)} MB`,
  },
]

export function markdown(results: Results): string {
  const { machine, tools, floors, dataSets, leftOut, commands } = results
  return [
    `# Benchmark of ${results.date}`,
    list(Object.entries(machine).map(([name, value]) => `${name}: ${value}`)),
    `Medians of ${results.rounds} rounds; the tools take turns in every round. Content comes from the page cache; \`sync\` before every command.`,
    list(tools.map(({ id, version, settings }) => `**${id}**: ${version}; ${settings}`)),
    leftOut.length > 0 ? `Left out:\n${list(leftOut)}` : '',
    goalTable(results.samples),
    ...TABLES.map((table) => measureTable(results, table)),
    `## Data\n${list(dataSets.map(({ id, what }) => `${id}: ${what}`))}`,
    `## Floors\n${list(floors.map(({ id, what }) => `${id}: ${what}`))}`,
    `## Command lines\n${list(Object.entries(commands).map(([id, line]) => `${id}: \`${line}\``))}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** What `by` needed in `row`; undefined when it was not measured. */
export function summary(samples: readonly Sample[], row: string, by: string, measure: Measure): Summary | undefined {
  const values = samples
    .filter((sample) => sample.row === row && sample.by === by)
    .map((sample) => sample[measure])
    .filter((value) => value !== undefined)
    .toSorted((a, b) => a - b)
  if (values.length === 0) return undefined
  const middle = values.length / 2
  const median = (values[Math.ceil(middle) - 1]! + values[Math.floor(middle)]!) / 2
  return { median, min: values[0]!, max: values.at(-1)! }
}

function measureTable(results: Results, { measure, title, note, text }: (typeof TABLES)[number]): string {
  const { samples, tools } = results
  const rows = [...new Set(samples.filter((sample) => sample[measure] !== undefined).map((sample) => sample.row))]
  const floorIds = results.floors.map(({ id }) => id)
  const lines = rows.map((row) => {
    const own = summary(samples, row, 'holdfast', measure)
    const cell = (by: string): string => {
      const found = summary(samples, row, by, measure)
      if (found === undefined) return ''
      const spread = found.median > 0 ? Math.round((50 * (found.max - found.min)) / found.median) : 0
      const ratio =
        by === 'holdfast' || own === undefined || own.median === 0 ? '' : ` ${(found.median / own.median).toFixed(2)}×`
      return `${text(found.median)}${spread > 0 ? ` ±${spread} %` : ''}${ratio}`
    }
    const floorCells = floorIds.map((id) => [id, cell(id)] as const).filter(([, content]) => content !== '')
    return [row, ...tools.map(({ id }) => cell(id)), floorCells.map(([id, content]) => `${id} ${content}`).join(', ')]
  })
  return `## ${title}\n${note}\n\n${table(['row', ...tools.map(({ id }) => id), 'floors'], lines)}`
}

function goalTable(samples: readonly Sample[]): string {
  const lines = GOALS.flatMap((goal) => {
    const reached = judge(goal, samples)
    return reached === undefined ? [] : [[goal.row, describe(goal), reached.figure, reached.yes ? 'yes' : '**no**']]
  })
  return lines.length === 0 ? '' : `## Goals\n${table(['row', 'goal', 'figure', 'reached'], lines)}`
}

function judge(goal: Goal, samples: readonly Sample[]): { figure: string; yes: boolean } | undefined {
  const own = summary(samples, goal.row, goal.of ?? 'holdfast', goal.measure)
  if (own === undefined) return undefined
  if (goal.atMost !== undefined) return { figure: figure(own.median, goal.measure), yes: own.median <= goal.atMost }
  const other = summary(samples, goal.versusRow ?? goal.row, goal.versus ?? goal.of ?? 'holdfast', goal.measure)
  if (other === undefined) return undefined
  const ratio = other.median / own.median
  return { figure: `${ratio.toFixed(2)}×`, yes: ratio >= goal.ratio! }
}

function describe(goal: Goal): string {
  const title = TABLES.find(({ measure }) => measure === goal.measure)!.title.toLowerCase()
  if (goal.atMost !== undefined)
    return `${title} at most ${figure(goal.atMost, goal.measure)}${goal.of ? ` (${goal.of})` : ''}`
  const whose = goal.of === undefined ? '' : ` of ${goal.of}`
  return `${title}${whose}: ${goal.versus ?? goal.versusRow} at least ${goal.ratio!.toFixed(2)}×`
}

function figure(value: number, measure: Measure): string {
  return TABLES.find((entry) => entry.measure === measure)!.text(value)
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}
