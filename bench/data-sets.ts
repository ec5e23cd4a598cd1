// The data sets by scenario, made when first asked for.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDiskImage } from './data-sets/disk-image.ts'
import { kernelTrees, type Trees } from './data-sets/kernel-trees.ts'
import { writeRandomFile } from './data-sets/random-file.ts'
import { writeSqlDump } from './data-sets/sql-dump.ts'
import { fileScenario, historyScenario, startScenario, treeScenario, type Scenario } from './scenarios.ts'

const MiB = 1024 * 1024
const SMALL_PART = 'linux-source-6.1/fs'

export interface DataOptions {
  /** Where data sets are kept. */
  readonly folder: string
  /** Kernel versions to compare, or none. */
  readonly kernels: readonly string[]
  /** Small files and a part of the trees: to try the benchmark itself. */
  readonly small: boolean
  /** Snapshots of the history, unless it is to have the usual number. */
  readonly snapshots?: number | undefined
}

export interface DataSet {
  readonly scenario: Scenario
  /** What floors read; undefined for the start-up rows, where it does not matter. */
  readonly source: string
  readonly what: string
}

export const SCENARIOS = ['tree', 'history', 'random', 'image', 'sql', 'start'] as const
export type ScenarioId = (typeof SCENARIOS)[number]

/** Throws Unavailable. */
export function dataSet(id: ScenarioId, options: DataOptions): DataSet {
  return MAKE[id](options)
}

const MAKE: Readonly<Record<ScenarioId, (options: DataOptions) => DataSet>> = {
  tree(options) {
    const { versions, folders } = trees(options)
    const [older, newer] = folders.map((folder) => join(folder, options.small ? SMALL_PART : ''))
    writeFileSync(noteOf(options.folder), JSON.stringify([older, newer]))
    const what = `Linux source ${versions.join(' and ')} as Debian packs it${options.small ? `, only ${SMALL_PART}` : ''}`
    return { scenario: treeScenario(older!, newer!, commonPath(options.folder)), source: older!, what }
  },
  history(options) {
    const { versions, folders } = trees(options)
    const part = options.small ? SMALL_PART : ''
    const [older, newer] = folders.map((folder) => join(folder, part)) as [string, string]
    const snapshots = options.snapshots ?? (options.small ? 25 : 200)
    const scenario = historyScenario({ older, newer }, join(options.folder, 'source', 'changing'), snapshots)
    const what = `${snapshots} snapshots on the way from Linux source ${versions.join(' to ')}${part && `, only ${part}`}`
    return { scenario, source: older, what }
  },
  random({ folder, small }) {
    const size = (small ? 64 : 2048) * MiB
    const file = made(folder, `random-${size / MiB}`, (path) => writeRandomFile(path, size, 'holdfast bench 1'))
    return { scenario: fileScenario('random', file), source: file, what: `${size / MiB} MiB of random bytes` }
  },
  image(options) {
    const size = (options.small ? 256 : 2048) * MiB
    const file = made(options.folder, `image-${size / MiB}`, (path) => {
      writeDiskImage(path, size, join(trees(options).folders[0], options.small ? SMALL_PART : ''))
    })
    const what = `ext4 image of ${size / MiB} MiB with a Linux source tree in it`
    return { scenario: fileScenario('image', file), source: file, what }
  },
  sql({ folder, small }) {
    const size = (small ? 32 : 1024) * MiB
    const file = made(folder, `dump-${size / MiB}.sql`, (path) => writeSqlDump(path, size, 1))
    const what = `${size / MiB} MiB of SQL text like a database dump`
    return { scenario: fileScenario('sql', file), source: file, what }
  },
  start: () => ({ scenario: startScenario(), source: '/dev/null', what: 'commands on an empty repository' }),
}

/** The file of that name, made first if it is not there. */
function made(folder: string, name: string, make: (path: string) => void): string {
  const path = join(folder, name)
  if (existsSync(path)) return path
  console.error(`making ${name}`)
  mkdirSync(folder, { recursive: true })
  make(`${path}.partial`)
  renameSync(`${path}.partial`, path)
  return path
}

function trees({ folder, kernels }: DataOptions): Trees {
  takeBack(folder)
  return kernelTrees(folder, kernels)
}

/** Where both trees are backed up from in turn. */
function commonPath(folder: string): string {
  return join(folder, 'source', 'tree')
}

/** A run that was stopped may have left a tree at the common path. */
function takeBack(folder: string): void {
  const at = commonPath(folder)
  if (!existsSync(at) || !existsSync(noteOf(folder))) return
  const homes = JSON.parse(readFileSync(noteOf(folder), 'utf8')) as string[]
  const missing = homes.find((home) => !existsSync(home))
  if (missing === undefined) throw new Error(`${at} is in the way; move it away`)
  renameSync(at, missing)
}

/** Names the places where the trees live. */
function noteOf(folder: string): string {
  return join(folder, 'trees.json')
}
