// `holdfast stats`.
import { repositoryStats } from '../ops/stats.ts'
import type { Repository } from '../repo/repository.ts'
import { cipherOf } from '../crypto/ciphers.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit-codes.ts'
import { loadIndexOf } from './repository.ts'
import { chosenSnapshots } from './snapshot-view.ts'
import { tableLines } from './table.ts'
import { formatCount, formatSize } from './units.ts'

/** A snapshot that cannot be read is told and not counted; the exit code says so too. */
export async function showStats(context: Context, repository: Repository): Promise<ExitCode> {
  const { out } = context
  const { snapshots, exitCode } = await chosenSnapshots(context, repository, {})
  for (const each of repository.inDomains) if (!each.isIndexLoaded) await loadIndexOf(context, each)
  const stats = await repositoryStats(repository, snapshots)
  const { data, meta } = stats
  const cipher = cipherOf(repository.description.suite)
  const rows = [
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
  ]
  const width = Math.max(...rows.map(([name]) => name!.length))
  for (const [name, value] of rows) out.line(`${name!.padEnd(width)}  ${value}`)
  out.line()
  const kinds = [...stats.objects].sort(([a], [b]) => (a < b ? -1 : 1))
  const columns = [
    { title: 'OBJECTS' },
    { title: 'COUNT', align: 'right' as const },
    { title: 'SIZE', align: 'right' as const },
  ]
  for (const line of tableLines(
    columns,
    kinds.map(([kind, { count, bytes }]) => [kind, formatCount(count), formatSize(bytes)]),
  )) {
    out.line(line)
  }
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
    objects: Object.fromEntries(kinds.map(([kind, { count, bytes }]) => [kind, { count, bytes }])),
  })
  return exitCode
}

function ratio(before: number, after: number, what: string): string {
  return before === 0 || after === 0 ? '' : `  (${what} ${(before / after).toFixed(2)}:1)`
}
