// `holdfast snapshots` for who may not know what is in them.
import { BackupError } from '../base/errors.ts'
import { readReport } from '../repo/report.ts'
import { revocationOf } from '../repo/writers/revocations.ts'
import type { Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { escapeText } from './escape.ts'
import { jsonTime } from './json-lines.ts'
import { warnOf, type UnlockedStore } from './repository.ts'
import { shortId, type SnapshotChoice } from './snapshot-view.ts'
import { tableLines, type Column } from './table.ts'
import { formatCount, formatLocalTime, formatSize } from './units.ts'

const COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'TIME' },
  { title: 'WRITER' },
  { title: 'FILES', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'STORED', align: 'right' },
  { title: 'DOMAIN' },
]

export async function showReport(
  context: Context,
  { store, unlocked, repository }: UnlockedStore,
  { last, ...filters }: SnapshotChoice,
): Promise<ExitCode> {
  const { bundle, description } = unlocked
  if (Object.values(filters).some((value) => value !== undefined)) {
    throw new BackupError(
      'wrong-key',
      `a key with the role ${bundle.role} sees no names to choose by`,
      store.location,
      {
        hint: 'use --last, or a key that may read',
      },
    )
  }
  const { snapshots: all, problems } = await readReport({ store, bundle, description })
  // Who may only see reports cannot read the log, and so not who is revoked.
  const revoked = (await repository?.trust.revoked()) ?? new Map()
  const snapshots = all.filter((each) => context.globals.includeRevoked || revocationOf(each, revoked) === undefined)
  const chosen = last === undefined ? snapshots : snapshots.slice(-last)
  warnOf(context, problems)
  const rows = chosen.map(({ id, wid, domain, summary: { started, stats, partial } }) => [
    shortId(id),
    formatLocalTime(started),
    wid.slice(0, 8),
    formatCount(stats.files),
    formatSize(stats.bytes),
    formatSize(stats.storedBytes),
    `${escapeText(domain)}${partial ? ' [partial]' : ''}`,
  ])
  if (rows.length === 0) context.reporter.note('no snapshots')
  else for (const line of tableLines(COLUMNS, rows)) context.out.line(line)
  for (const { id, wid, seq, domain, summary, storedSize } of chosen) {
    const { started, ended, stats, troubleCount, partial, toolVersion } = summary
    context.out.record({
      type: 'snapshot_summary',
      id,
      short_id: shortId(id),
      writer: wid,
      sequence: seq,
      domain,
      started: jsonTime(started),
      ended: jsonTime(ended),
      partial,
      troubles: troubleCount,
      tool_version: toolVersion,
      object_size: storedSize,
      files: stats.files,
      directories: stats.directories,
      others: stats.others,
      bytes: stats.bytes,
      stored_bytes: stats.storedBytes,
    })
  }
  return problems[0] === undefined ? EXIT.ok : exitCodeOf(problems[0].code)
}
