// `npm run bench -- --scale`: the index with a million blobs, ten and a hundred, and commands on a repository with ten.
// bench/README.md says how to read the results.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../machine.ts'
import { cleanEnvironment, measure, type Command, type Cost } from '../measure.ts'
import { makeRepository } from './made-repository.ts'
import { madeBytes } from './made-segments.ts'
import { scaleReport, type IndexFigures, type ScaleResults } from './report.ts'

/** Blobs at most of the repository on which commands are measured. */
const REPOSITORY_BLOBS_MAX = 10_000_000
/** Up to here the table in memory is measured too. */
const TABLE_BLOBS_MAX = 10_000_000
/** Packs of it that are as large as real ones, and half of which a prune copies. */
const FULL_PACKS = 16
const RANDOM_FILE = 500_000_000
const SMALL_FILES = 10_000
const SMALL_FILE = 12_000
/** As the launcher starts Node. */
const NODE_FLAGS = ['--expose-gc', '--max-semi-space-size=4', '--max-old-space-size=2000']
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '8388608' }
const PROGRAM = join(import.meta.dirname, '..', '..', 'holdfast')

export interface ScaleOptions {
  /** Scratch space: 45 bytes a blob at most, and 4 GB. */
  readonly folder: string
  /** Sizes of index, in millions of blobs; the repository on which commands are measured has as many as the largest. */
  readonly millions: readonly number[]
  readonly rounds: number
  /** Where results go; printed alone without it. */
  readonly out: string | undefined
}

export async function measureScale({ folder, millions, rounds, out }: ScaleOptions): Promise<void> {
  const work = join(folder, 'scale')
  const before = machine(import.meta.dirname)
  rmSync(work, { recursive: true, force: true })
  try {
    const indexes: IndexFigures[] = []
    for (const million of millions) indexes.push(...(await measureIndex(join(work, 'index'), million * 1_000_000)))
    const largest = Math.min(REPOSITORY_BLOBS_MAX, Math.max(...millions) * 1_000_000)
    const commands = rounds > 0 ? await measureCommands(work, largest, rounds) : []
    const results: ScaleResults = { date: new Date().toISOString().slice(0, 10), machine: before, indexes, commands }
    const text = scaleReport(results)
    process.stdout.write(text)
    if (out === undefined) return
    mkdirSync(out, { recursive: true })
    writeFileSync(join(out, `${results.date}-scale.md`), text)
    writeFileSync(join(out, `${results.date}-scale.json`), `${JSON.stringify(results, undefined, 1)}\n`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function measureIndex(folder: string, blobs: number): Promise<IndexFigures[]> {
  const found: IndexFigures[] = []
  for (const what of ['make', 'look', 'table'] as const) {
    if (what === 'table' && blobs > TABLE_BLOBS_MAX) continue
    mkdirSync(folder, { recursive: true })
    const script = join(import.meta.dirname, 'index-process.ts')
    const args = [...NODE_FLAGS, script, what, String(blobs), folder]
    const { stdout } = await measure({
      program: process.execPath,
      args,
      env: { ...cleanEnvironment(folder), ...ALLOCATOR },
    })
    found.push({ what, ...(JSON.parse(stdout) as Omit<IndexFigures, 'what'>) })
    console.error(JSON.stringify(found.at(-1)))
  }
  rmSync(folder, { recursive: true, force: true })
  return found
}

/** The same commands on a repository that is empty at first and on one with a large index, in turns. */
async function measureCommands(work: string, blobs: number, rounds: number): Promise<ScaleResults['commands']> {
  const found: ScaleResults['commands'][number][] = []
  const sizes = { small: 0, large: blobs }
  for (const [name, size] of Object.entries(sizes)) {
    await makeRepository(join(work, name, 'repository'), join(work, name, 'key'), size, size > 0 ? FULL_PACKS : 0)
  }
  for (let round = 1; round <= rounds; round++) {
    const sources = makeSources(join(work, 'source'), round)
    const names = round % 2 === 1 ? ['small', 'large'] : ['large', 'small']
    for (const name of names) {
      const run = async (row: string, ...args: string[]) => {
        const cost = await costOf(command(join(work, name), args))
        found.push({ row, on: name, round, ...cost })
        console.error(
          `round ${round}  ${row}  ${name}  ${cost.seconds.toFixed(2)} s  ${(cost.peakBytes ?? 0) / 2 ** 20} MiB`,
        )
      }
      if (round === 1) await run('open-first', 'stats')
      await run('backup-random', 'backup', sources.random)
      await run('backup-files', 'backup', sources.files)
      await run('backup-again', 'backup', sources.files)
      await run('ls', 'ls', '-R', 'latest')
      await run('stats', 'stats')
      await run('find', 'find', 'no-such-file')
      await run('check', 'check')
      // Last: it leaves a repository in which there is less to do.
      if (round === rounds) await run('prune', 'prune', '--max-unused', '0%', '--max-removed', '90%')
    }
  }
  return found
}

function makeSources(folder: string, round: number): { readonly random: string; readonly files: string } {
  rmSync(folder, { recursive: true, force: true })
  const files = join(folder, 'files')
  mkdirSync(files, { recursive: true })
  const random = join(folder, 'random')
  writeFileSync(random, madeBytes(0x5000_0000 + round, RANDOM_FILE))
  const bytes = madeBytes(0x6000_0000 + round, SMALL_FILES * SMALL_FILE)
  for (let i = 0; i < SMALL_FILES; i++) {
    writeFileSync(join(files, String(i)), bytes.subarray(i * SMALL_FILE, (i + 1) * SMALL_FILE))
  }
  return { random, files }
}

function command(folder: string, args: readonly string[]): Command {
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  const env = {
    ...cleanEnvironment(home),
    HOLDFAST_REPO: join(folder, 'repository'),
    HOLDFAST_KEY_FILE: join(folder, 'key'),
  }
  return { program: PROGRAM, args, env }
}

async function costOf(what: Command): Promise<Cost> {
  const { seconds, cpuSeconds, peakBytes } = await measure(what)
  return { seconds, cpuSeconds, peakBytes }
}
