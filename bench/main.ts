// `npm run bench -- [--runs N] [--only ROW,…] [--tools ID,…] [--small] [--out FOLDER]`, or `-- --scale`: Holdfast, other backup programs and
// plain floors on the same data, in turns. bench/README.md says how to read the results.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { Unavailable } from './data-sets/data-set.ts'
import { dataSet, SCENARIOS, type DataSet } from './data-sets.ts'
import { FLOORS } from './floors.ts'
import { machine } from './machine.ts'
import { display, measure, type Command } from './measure.ts'
import { markdown, type Results } from './report.ts'
import { floorSamples, type Sample } from './scenarios.ts'
import { borg, borgLz4 } from './tools/borg.ts'
import { holdfast, holdfastKeyFile, holdfastWrite } from './tools/holdfast.ts'
import { restic } from './tools/restic.ts'
import type { Place, Tool } from './tools/tool.ts'

const TOOLS: readonly Tool[] = [holdfast, holdfastKeyFile, holdfastWrite, restic, borg, borgLz4]
const ROUNDS = 5

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: String(ROUNDS) },
    only: { type: 'string' },
    tools: { type: 'string', default: 'holdfast,holdfast-key-file,holdfast-write,restic,borg' },
    small: { type: 'boolean', default: false },
    snapshots: { type: 'string' },
    scale: { type: 'boolean', default: false },
    millions: { type: 'string', default: '1,10,100' },
    out: { type: 'string' },
  },
})
const rounds = Number(values.runs)
// Of what is measured at scale, the indexes can be had alone.
const roundsMin = values.scale ? 0 : 1
if (!Number.isSafeInteger(rounds) || rounds < roundsMin) throw new Error(`--runs takes a number from ${roundsMin} on`)
const snapshots = values.snapshots === undefined ? undefined : Number(values.snapshots)
if (snapshots !== undefined && !(Number.isSafeInteger(snapshots) && snapshots > 1))
  throw new Error('--snapshots takes a number from 2 on')
const only = values.only?.split(',')
const folder = process.env['HOLDFAST_BENCH_DATA'] ?? join(homedir(), '.cache', 'holdfast-bench')
const work = join(folder, 'work')
const restored = join(folder, 'restored')
// A short or partial run does not go among the results that are kept.
const out = values.out ?? (values.small || only ? undefined : join(import.meta.dirname, 'results'))

if (values.scale) {
  const { measureScale } = await import('./scale/main.ts')
  const millions = values.millions.split(',').map(Number)
  await measureScale({ folder, millions, rounds, out: values.out ?? join(import.meta.dirname, 'results') })
  process.exit()
}

const leftOut: string[] = []
const samples: Sample[] = []
const failed = new Set<string>()
const commands: Record<string, string> = {}

const load = machine(import.meta.dirname)
const sets = dataSets()
const tools = await presentTools(values.tools.split(','))
for (let round = 1; round <= rounds; round++) {
  for (const set of sets) {
    // The first of a round finds a quieter disk than the last, so each is first in turn.
    for (const [i] of tools.entries()) await runTool(tools[(i + round) % tools.length]!.tool, set, round)
    await runFloors(set, round)
  }
}
for (const made of [work, restored]) rmSync(made, { recursive: true, force: true })
report()

function dataSets(): DataSet[] {
  mkdirSync(folder, { recursive: true })
  const kernels = process.env['HOLDFAST_BENCH_KERNELS']?.split(/\s+/).filter((word) => word !== '') ?? []
  const found: DataSet[] = []
  for (const id of SCENARIOS) {
    if (only && !only.some((row) => row === id || row.split('-').includes(id))) continue
    try {
      found.push(dataSet(id, { folder, kernels, small: values.small, snapshots }))
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      leaveOut(`data set ${id}: ${error.message}`)
    }
  }
  return found
}

async function presentTools(ids: string[]): Promise<{ tool: Tool; version: string }[]> {
  const unknown = ids.find((id) => !TOOLS.some((tool) => tool.id === id))
  if (unknown !== undefined)
    throw new Error(`unknown tool ${unknown}; there are ${TOOLS.map(({ id }) => id).join(', ')}`)
  const found: { tool: Tool; version: string }[] = []
  for (const tool of TOOLS.filter(({ id }) => ids.includes(id))) {
    try {
      found.push({ tool, version: (await measure(tool.version)).stdout.trim().split('\n')[0]! })
    } catch (error) {
      leaveOut(`${tool.id}: \`${display(tool.version)}\` fails (${tool.install}): ${messageOf(error)}`)
    }
  }
  return found
}

/** All steps of one scenario by one tool, as far as rows are wanted. What fails is left out from there on. */
async function runTool(tool: Tool, { scenario }: DataSet, round: number): Promise<void> {
  const last = scenario.rows.findLast((row) => wanted(row))
  const what = `${tool.id} on ${scenario.id}`
  if (last === undefined || tool.scenarios?.includes(scenario.id) === false || failed.has(what)) return
  rmSync(work, { recursive: true, force: true })
  const place: Place = { repository: join(work, 'repository'), home: join(work, 'home') }
  mkdirSync(place.home, { recursive: true })
  noteCommands(tool, place, scenario.id)
  try {
    await measure(tool.init(place))
    for await (const sample of scenario.run({ work, restored, round }, tool, place)) {
      note(sample)
      if (sample.row === last && scenario.id !== 'start') break
    }
  } catch (error) {
    failed.add(what)
    leaveOut(`${what}: ${messageOf(error)}`)
  }
}

async function runFloors({ scenario, source }: DataSet, round: number): Promise<void> {
  for (const row of scenario.rows.filter((row) => wanted(row))) {
    const what = `floors of ${row}`
    if (failed.has(what)) continue
    try {
      for await (const sample of floorSamples({ work, restored, round }, row, source)) note(sample)
    } catch (error) {
      failed.add(what)
      leaveOut(`${what}: ${messageOf(error)}`)
    }
  }
}

function report(): void {
  const floors = Object.values(FLOORS).flat()
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    machine: load,
    rounds,
    tools: tools.map(({ tool, version }) => ({ id: tool.id, version, settings: tool.settings })),
    floors: [...new Map(floors.map(({ id, what }) => [id, { id, what }])).values()],
    dataSets: sets.map(({ scenario, what }) => ({ id: scenario.id, what })),
    commands,
    leftOut,
    samples,
  }
  const text = markdown(results)
  process.stdout.write(text)
  if (out === undefined) return
  const model = load['processor']!.toLowerCase()
    .replaceAll(/\(r\)|\(tm\)|,.*$/g, '')
    .trim()
    .replaceAll(/[^a-z0-9]+/g, '-')
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, `${results.date}-${model}.md`), text)
  writeFileSync(join(out, `${results.date}-${model}.json`), `${JSON.stringify(results, undefined, 1)}\n`)
}

function wanted(row: string): boolean {
  return only === undefined || only.some((word) => word === row || row.split('-').includes(word))
}

function note(sample: Sample): void {
  samples.push(sample)
  const figure =
    sample.seconds === undefined ? `${(sample.bytes! / 1e6).toFixed(1)} MB` : `${sample.seconds.toFixed(3)} s`
  console.error(`round ${sample.round}  ${sample.row}  ${sample.by}  ${figure}`)
}

function noteCommands(tool: Tool, place: Place, scenario: string): void {
  const shown = (command: Command) => portable(display(command))
  if (scenario === 'start') {
    for (const [row, command] of Object.entries(tool.starts(place))) commands[`${row} ${tool.id}`] = shown(command)
  } else {
    commands[`init ${tool.id}`] = shown(tool.init(place))
    commands[`backup ${tool.id}`] = shown(tool.backup(place, 'SOURCE', 1))
    commands[`restore ${tool.id}`] = shown(tool.restore(place, 'TARGET', 1))
  }
}

function leaveOut(what: string): void {
  leftOut.push(portable(what).replaceAll('\n', ' ').slice(0, 500))
  console.error(`left out: ${what}`)
}

/** Without the paths of this machine: results are published. */
function portable(text: string): string {
  const root = dirname(import.meta.dirname)
  return text
    .replaceAll(work, 'WORK')
    .replaceAll(restored, 'RESTORED')
    .replaceAll(folder, 'DATA')
    .replaceAll(root, '.')
    .replaceAll(homedir(), '~')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
