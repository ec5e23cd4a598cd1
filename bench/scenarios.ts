// What is measured: for each data set a life of a repository in steps, every step one row of the results.
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { ChangingTree, type Versions } from './data-sets/changing-tree.ts'
import { FLOORS } from './floors.ts'
import { measure, type Command, type Cost } from './measure.ts'
import type { Place, Tool } from './tools/tool.ts'

/** What is left of a history after the chore that forgets. */
const KEPT_SNAPSHOTS = 20

export interface Sample {
  readonly row: string
  /** A tool or a floor. */
  readonly by: string
  readonly round: number
  readonly seconds?: number
  readonly cpuSeconds?: number
  readonly peakBytes?: number | undefined
  /** Of the repository. */
  readonly bytes?: number
}

export interface Scenario {
  readonly id: string
  /** In the order in which they come about. */
  readonly rows: readonly string[]
  run(context: Context, tool: Tool, place: Place): AsyncGenerator<Sample>
}

export interface Context {
  /** Folder for all that the runs write; on the disk of the data. */
  readonly work: string
  /**
   * Folder for trees that were restored, emptied at the end of all runs. ext4 does not use an inode again for minutes
   * after its file was removed and searches past it every time: a tree that is created where one was just removed takes
   * five times as long, and it is the next tool that pays.
   */
  readonly restored: string
  /** Counts from 1. */
  readonly round: number
}

/** Samples of one tool in one round. */
function sampler(tool: Tool, { round }: Context): (row: string, cost: Partial<Sample>) => Sample {
  return (row, cost) => ({ row, by: tool.id, round, ...cost })
}

/** Two versions of a tree in turn at one path: first backup, nothing changed, the next version, restore. */
export function treeScenario(older: string, newer: string, at: string): Scenario {
  return {
    id: 'tree',
    rows: ['first-tree', 'size-tree-1', 'again-tree', 'next-tree', 'size-tree-2', 'size-bare-tree-2', 'restore-tree'],
    async *run(context, tool, place) {
      const sample = sampler(tool, context)
      const backup = async (source: string, round: number) => {
        warm(source)
        return costOf(tool.backup(place, source, round))
      }
      swap(older, at)
      try {
        yield sample('first-tree', await backup(at, 1))
        yield sample('size-tree-1', { bytes: sizeOf(place.repository) })
        yield sample('again-tree', await backup(at, 2))
      } finally {
        swap(at, older)
      }
      swap(newer, at)
      try {
        yield sample('next-tree', await backup(at, 3))
        const bytes = sizeOf(place.repository)
        yield sample('size-tree-2', { bytes })
        const parity = tool.parityFolder === undefined ? 0 : sizeOf(join(place.repository, tool.parityFolder))
        yield sample('size-bare-tree-2', { bytes: bytes - parity })
        yield sample('restore-tree', await restore(context, tool, place, at, 3))
      } finally {
        swap(at, newer)
      }
    },
  }
}

/** One large file: first backup, restore. */
export function fileScenario(id: string, file: string): Scenario {
  return {
    id,
    rows: [`first-${id}`, `size-${id}`, `restore-${id}`],
    async *run(context, tool, place) {
      const sample = sampler(tool, context)
      warm(file)
      yield sample(`first-${id}`, await costOf(tool.backup(place, file, 1)))
      yield sample(`size-${id}`, { bytes: sizeOf(place.repository) })
      yield sample(`restore-${id}`, await restore(context, tool, place, file, 1))
    },
  }
}

/** A tree that changes a little before each of many backups; then what is done with a repository that has a history. */
export function historyScenario(versions: Versions, at: string, snapshots: number): Scenario {
  const chores = ['list', 'find', 'diff', 'check', 'restore', 'forget', 'prune'].map((chore) => `${chore}-history`)
  return {
    id: 'history',
    rows: ['make-history', 'size-history', 'restore-fresh', ...chores, 'size-pruned', 'check-pruned'],
    async *run(context, tool, place) {
      const sample = sampler(tool, context)
      const tree = new ChangingTree(at, versions, snapshots)
      const made = { seconds: 0, cpuSeconds: 0, peakBytes: 0 }
      for (let step = 0; step < snapshots; step++) {
        if (step > 0) tree.advance(step)
        const { seconds, cpuSeconds, peakBytes } = await costOf(tool.backup(place, at, step + 1))
        if (step === 0) continue
        made.seconds += seconds
        made.cpuSeconds += cpuSeconds
        made.peakBytes = Math.max(made.peakBytes, peakBytes ?? 0)
      }
      yield sample('make-history', made)
      yield sample('size-history', { bytes: sizeOf(place.repository) })

      const fresh: Place = { repository: `${place.repository}-fresh`, home: `${place.home}-fresh` }
      mkdirSync(fresh.home, { recursive: true })
      await measure(tool.init(fresh))
      await measure(tool.backup(fresh, at, 1))
      yield sample('restore-fresh', await restore(context, tool, fresh, at, 1))

      const ids = tool.idsOf((await measure(tool.list(place))).stdout)
      if (ids.length !== snapshots) throw new Error(`${tool.id} lists ${ids.length} snapshots instead of ${snapshots}`)
      for (const [row, command] of Object.entries(tool.chores(place, { ids, file: 'Kconfig', keep: KEPT_SNAPSHOTS }))) {
        if (row === 'forget-history')
          yield sample('restore-history', await restore(context, tool, place, at, snapshots))
        warm(place.repository)
        yield sample(row, await costOf(command))
      }
      yield sample('size-pruned', { bytes: sizeOf(place.repository) })
      const { 'check-history': check } = tool.chores(place, { ids, file: 'Kconfig', keep: KEPT_SNAPSHOTS })
      yield sample('check-pruned', await costOf(check!))
      const left = tool.idsOf((await measure(tool.list(place))).stdout)
      if (left.length !== Math.min(snapshots, KEPT_SNAPSHOTS))
        throw new Error(`${tool.id} kept ${left.length} snapshots`)
    },
  }
}

/** Commands on an empty repository, several times each. */
export function startScenario(): Scenario {
  const REPEATS = 5 // each takes a fraction of a second and varies by a third
  return {
    id: 'start',
    rows: ['start-version', 'start-scrub', 'start-list'],
    async *run(context, tool, place) {
      for (const [row, command] of Object.entries(tool.starts(place))) {
        await measure(command) // fills caches of the program and of the system
        for (let i = 0; i < REPEATS; i++) yield { row, by: tool.id, round: context.round, ...(await costOf(command)) }
      }
    },
  }
}

/** Floors of one row. */
export async function* floorSamples(context: Context, row: string, source: string): AsyncGenerator<Sample> {
  for (const floor of FLOORS[row] ?? []) {
    const target = freshFolder(join(context.restored, `${context.round}-floor-${floor.id}`))
    warm(source)
    sync()
    const { stdout, ...cost } = await measure(floor.command(source, target))
    const seconds = floor.printsSeconds === true ? Number(stdout) : cost.seconds
    yield { row, by: floor.id, round: context.round, ...cost, seconds }
    if (row !== 'restore-tree') rmSync(target, { recursive: true, force: true })
  }
}

async function costOf(command: Command): Promise<Cost> {
  sync()
  const { seconds, cpuSeconds, peakBytes } = await measure(command)
  return { seconds, cpuSeconds, peakBytes }
}

async function restore(context: Context, tool: Tool, place: Place, source: string, round: number): Promise<Cost> {
  const target = freshFolder(
    join(context.restored, `${context.round}-${tool.id}-${basename(place.repository)}-${basename(source)}`),
  )
  warm(place.repository)
  const cost = await costOf(tool.restore(place, target, round))
  if (context.round === 1) compare(source, join(target, source), tool)
  if (statSync(source).isFile()) rmSync(target, { recursive: true, force: true })
  return cost
}

/** A figure for a restore counts only if what was restored is right. */
function compare(source: string, restored: string, tool: Tool): void {
  if (!existsSync(restored)) throw new Error(`${tool.id} restored nothing at ${restored}`)
  const diff = spawnSync('diff', ['-rq', '--no-dereference', source, restored], { encoding: 'utf8' })
  if (diff.status !== 0)
    throw new Error(`${tool.id} restored something else:\n${diff.stdout.slice(0, 2000)}${diff.stderr}`)
}

/** Reads all of it, so that it comes from memory. */
function warm(path: string): void {
  spawnSync('/bin/sh', ['-c', 'find "$1" -type f -print0 | xargs -0 cat >/dev/null', 'sh', path])
}

/** What earlier steps wrote must not be written while the next one is measured. */
function sync(): void {
  spawnSync('sync')
}

function swap(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  const moved = spawnSync('mv', ['-nT', from, to], { encoding: 'utf8' })
  if (moved.status !== 0 || existsSync(from)) throw new Error(`cannot move ${from} to ${to}: ${moved.stderr}`)
}

/** Sum of the lengths of its files; what the file system rounds up does not count. */
function sizeOf(folder: string): number {
  const found = spawnSync('find', [folder, '-type', 'f', '-printf', '%s\\n'], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return found.stdout.split('\n').reduce((sum, size) => sum + Number(size), 0)
}

function freshFolder(path: string): string {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  return path
}
