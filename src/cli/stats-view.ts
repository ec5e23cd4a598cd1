// `holdfast stats`.
import { objectTotals, repositoryStats } from '../ops/stats.ts'
import type { RepositoryStats } from '../ops/stats.ts'
import type { Repository } from '../repo/repository.ts'
import { cipherOf } from '../crypto/ciphers.ts'
import type { Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { loadIndexOf, warnOf, type UnlockedStore } from './repository.ts'
import { chosenSnapshots } from './snapshot-view.ts'
import { tableLines } from './table.ts'
import { timespecFromMs } from '../base/time.ts'
import { notedProof, rememberedProof } from '../repo/history/drill-state.ts'
import type { DrillProof } from '../repo/history/drill-state.ts'
import { readLog } from '../repo/history/log.ts'
import { readReport } from '../repo/report.ts'
import type { SnapshotSummary } from '../format/snapshot-summary.ts'
import type { Output } from './output.ts'
import { jsonTime } from './json-lines.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { formatCount, formatLocalTime, formatSize } from './units.ts'

/** A snapshot that cannot be read is told and not counted; the exit code says so too. */
export async function showStats(context: Context, repository: Repository): Promise<ExitCode> {
  const { out } = context
  const { snapshots, exitCode } = await chosenSnapshots(context, repository, {})
  for (const each of repository.inDomains) if (!each.isIndexLoaded) await loadIndexOf(context, each)
  const stats = await repositoryStats(repository, snapshots)
  const { data, meta } = stats
  const cipher = cipherOf(repository.description.suite)
  const proof = await lastProof(context, repository)
  const rows: [string, string][] = [
    ['snapshots', formatCount(stats.snapshots)],
    ['files in them', formatCount(stats.files)],
    ['restored one by one', formatSize(stats.restoredBytes)],
    [
      'different content',
      `${formatSize(data.plainBytes)}${ratio(stats.restoredBytes, data.plainBytes, 'deduplication')}`,
    ],
    ['stored content', `${formatSize(data.storedBytes)}${ratio(data.plainBytes, data.storedBytes, 'compression')}`],
    ['stored folders', formatSize(meta.storedBytes)],
    ['whole store', `${formatSize(stats.storeBytes)}${ratio(stats.restoredBytes, stats.storeBytes, 'in all')}`],
    ['blobs', formatCount(stats.blobs)],
    ['cipher', cipher],
    [
      'restore proved',
      proof === undefined ? 'never: run `holdfast drill`' : formatLocalTime(timespecFromMs(proof.timeMs)),
    ],
  ]
  showRows(out, rows)
  showObjects(out, stats.objects)
  out.record({
    type: 'stats',
    snapshots: stats.snapshots,
    files: stats.files,
    restored_bytes: stats.restoredBytes,
    blobs: stats.blobs,
    data_plain_bytes: data.plainBytes,
    data_stored_bytes: data.storedBytes,
    meta_plain_bytes: meta.plainBytes,
    meta_stored_bytes: meta.storedBytes,
    store_bytes: stats.storeBytes,
    cipher,
    restore_proved: proof === undefined ? null : jsonTime(timespecFromMs(proof.timeMs)),
    objects: objectsRecord(stats.objects),
  })
  return exitCode
}

/** For who may not read snapshots: what their writers say of them to everybody. */
export async function showReportStats(context: Context, { store, unlocked }: UnlockedStore): Promise<ExitCode> {
  const { out } = context
  const { bundle, description } = unlocked
  const { snapshots, problems } = await readReport({ store, bundle, description })
  warnOf(context, problems)
  const objects = await objectTotals({ store })
  const sum = (of: (summary: SnapshotSummary) => number) =>
    snapshots.reduce((total, { summary }) => total + of(summary), 0)
  const [files, restoredBytes] = [sum(({ stats }) => stats.files), sum(({ stats }) => stats.bytes)]
  const storeBytes = [...objects.values()].reduce((total, { bytes }) => total + bytes, 0)
  const cipher = cipherOf(description.suite)
  showRows(out, [
    ['snapshots', formatCount(snapshots.length)],
    ['files in them', formatCount(files)],
    ['restored one by one', formatSize(restoredBytes)],
    ['whole store', `${formatSize(storeBytes)}${ratio(restoredBytes, storeBytes, 'in all')}`],
    ['cipher', cipher],
  ])
  showObjects(out, objects)
  out.record({
    type: 'stats',
    snapshots: snapshots.length,
    files,
    restored_bytes: restoredBytes,
    store_bytes: storeBytes,
    cipher,
    objects: objectsRecord(objects),
  })
  const [problem] = problems
  return problem === undefined ? EXIT.ok : exitCodeOf(problem.code)
}

function showRows(out: Output, rows: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value] of rows) out.line(`${name.padEnd(width)}  ${value}`)
  out.line()
}

function showObjects(out: Output, objects: RepositoryStats['objects']): void {
  const columns = [
    { title: 'OBJECTS' },
    { title: 'COUNT', align: 'right' as const },
    { title: 'SIZE', align: 'right' as const },
  ]
  const rows = byKind(objects).map(([kind, { count, bytes }]) => [kind, formatCount(count), formatSize(bytes)])
  for (const line of tableLines(columns, rows)) out.line(line)
}

function objectsRecord(objects: RepositoryStats['objects']) {
  return Object.fromEntries(byKind(objects).map(([kind, { count, bytes }]) => [kind, { count, bytes }]))
}

function byKind(objects: RepositoryStats['objects']) {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The latest that this machine remembers, or that any has noted in the log. */
async function lastProof({ env }: Context, repository: Repository): Promise<DrillProof | undefined> {
  const own = await rememberedProof(repository, openStateFolder(stateFolder(env)))
  const noted = notedProof((await readLog(repository)).records)
  return (noted?.timeMs ?? 0) > (own?.timeMs ?? 0) ? noted : own
}

function ratio(before: number, after: number, what: string): string {
  return before === 0 || after === 0 ? '' : `  (${what} ${(before / after).toFixed(2)}:1)`
}
