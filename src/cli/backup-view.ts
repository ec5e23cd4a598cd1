// What a backup did, how to get it back, and what is still missing for it to be safe.
import type { BackupResult } from '../ops/backup/backup.ts'
import { parseObjectName } from '../format/names.ts'
import type { Context } from './context.ts'
import { escapeName, quoteForShell } from './escape.ts'
import { nativeWorkingFolder } from './native-text.ts'
import { programName } from './program-name.ts'
import { shortId, snapshotRecord } from './snapshot-view.ts'
import { counted, formatCount, formatDuration, formatSize } from './units.ts'

export interface BackupPlace {
  readonly location: string
  /** Was made by this run. */
  readonly created: boolean
  /** Whether the key in use can restore it. */
  readonly isReadable: boolean
  /** Shares a file system with something that was backed up. */
  readonly onSameDisk: boolean
}

export function printBackup(context: Context, result: BackupResult, place: BackupPlace): void {
  const { out, reporter, globals } = context
  const { snapshot, body, durationMs, storedBytes } = result
  if (out.json) return printRecord(context, result, place)
  const sources = body.sources.map((source) => escapeName(source)).join(', ')
  out.line(`snapshot ${shortId(snapshot.id)} of ${sources}${body.partial ? ' (partial)' : ''}`)
  if (globals.quiet) return
  const { stats } = body
  out.line(
    `  ${counted(stats.files, 'file')} (${formatSize(stats.bytes)}) in ${counted(stats.directories, 'folder')}${fileCounts(result)}`,
  )
  const rate = durationMs < 1000 ? '' : `, ${formatSize(stats.bytes / (durationMs / 1000))}/s`
  out.line(
    `  stored ${formatSize(storedBytes)} for ${formatSize(stats.newPlainBytes)} of new data in ${formatDuration(durationMs)}${rate}`,
  )
  if (result.packsPassedOver > 0) {
    const packs = counted(result.packsPassedOver, 'pack')
    out.line(`  ${packs} of other machines not relied on: what is in there was stored again where it was needed`)
  }
  if (body.partial)
    out.line(`  ${counted(body.troubleCount, 'problem')}: what is named above is missing or not as it was`)
  const how = place.isReadable ? 'with' : 'with a key that can read files, and'
  out.line(`  restore it ${how}: ${restoreCommand(context, snapshot.id)}`)
  if (place.onSameDisk) {
    reporter.note(
      `The repository, ${place.location}, is on the same disk as the files. It helps after a mistake, not after the disk is lost: keep one on another disk or machine too.`,
    )
  }
}

function fileCounts({ body: { stats } }: BackupResult): string {
  const counts: [number, string][] = [
    [stats.newFiles, 'new'],
    [stats.changedFiles, 'changed'],
    [stats.unchangedFiles, 'unchanged'],
  ]
  const told = counts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`)
  return told.length === 0 ? '' : `: ${told.join(', ')}`
}

/** A command that can be pasted; it names the repository only if this run had to. */
function restoreCommand({ env, globals }: Context, id: string): string {
  const cwd = nativeWorkingFolder()
  const repo = globals.repo === undefined ? '' : ` --repo ${quoteForShell(globals.repo)}`
  return `${programName(env, cwd)}${repo} restore ${shortId(id)} --target restored`
}

function printRecord(
  { out }: Context,
  { snapshot, body, durationMs, packsPassedOver }: BackupResult,
  place: BackupPlace,
): void {
  const name = parseObjectName(snapshot.objectName)
  const wid = name?.kind === 'snapshot' ? name.wid : ''
  out.record({
    ...snapshotRecord({ id: snapshot.id, wid, seq: snapshot.seq, body, confirmed: true }, 'summary'),
    duration_seconds: Math.round(durationMs) / 1000,
    repository: place.location,
    repository_created: place.created,
    on_same_disk: place.onSameDisk,
    packs_passed_over: packsPassedOver,
  })
}
