// Deletes from the trash what has been there for long enough (docs/format.md, 9.5 and T4).
import { BackupError, doing } from '../../base/errors.ts'
import { snapshotName } from '../../format/names.ts'
import { appendRecord } from './log-append.ts'
import type { AppendOptions } from './log-append.ts'
import { checkMayLog } from './log.ts'
import { deleteParityOf } from '../objects/parity-maker.ts'
import type { HistorySource } from './history-source.ts'
import { settle } from '../objects/settle.ts'
import { someAtOnce } from '../objects/some-at-once.ts'
import { DAY_MS, readTrash } from './trash-list.ts'
import type { SnapshotInTrash, Trash, TrashCopy, TrashedSnapshot } from './trash-list.ts'

/** Days that a forgotten snapshot can be brought back, unless the policy says another number. */
export const TRASH_DAYS = 7

/**
 * For so long a copy that no record names may be one of somebody who is about to put that record; who needed longer puts another
 * copy (trash.ts).
 */
export const UNNAMED_MS = DAY_MS

export interface PurgeOptions extends AppendOptions {
  readonly days?: number
  /** These alone, whenever they were forgotten: hashes, hex. */
  readonly named?: ReadonlySet<string>
  /** Goes on where records cannot be read, which may say that something was brought back. */
  readonly allowUnread?: boolean
}

export interface Purge {
  readonly purged: readonly TrashedSnapshot[]
  readonly kept: readonly TrashedSnapshot[]
}

/**
 * Deletes from the trash what was forgotten more than `days` ago by the clock of the store, which nobody's wrong clock moves:
 * the note in the log that says so is what tells its time. What is named goes at once. What no record explains stays. Throws `refused` where a record
 * cannot be read and something is due that is not named.
 */
export async function purgeTrash(
  repo: HistorySource,
  { days = TRASH_DAYS, named, allowUnread = named !== undefined, ...opts }: PurgeOptions,
): Promise<Purge> {
  await checkMayLog(repo, opts.writer, 'forget')
  const before = await readTrash(repo)
  const count = dueOf(before, opts.clock.now(), { days, named }).length
  if (count === 0) return { purged: [], kept: before.snapshots }
  if (!allowUnread) checkIsRead(before)
  const note = await appendRecord(repo, { kind: 'note', text: `purging ${count} snapshots from the trash` }, opts)
  const now = await repo.store.stat(note.objectName)
  await settle(repo.store, opts.clock)
  // Looked at after the note: whatever was old by then and is not named now never will be, or by somebody who begins anew.
  const trash = await readTrash(repo)
  if (!allowUnread) checkIsRead(trash)
  const due = now === null ? [] : dueOf(trash, now.receivedMs, { days, named })
  await someAtOnce(due, async ({ snapshot, copies }) => {
    for (const { objectName } of copies) {
      await doing('purging the trash', objectName, () => repo.store.delete(objectName))
    }
    const { wid, seq, id } = snapshot
    const isLast = copies.length === snapshot.named.length + snapshot.others.length
    if (isLast) await deleteParityOf(repo, snapshotName(wid, seq, id))
  })
  const gone = new Set(due.filter(({ isOver }) => isOver).map(({ snapshot }) => snapshot.objectName))
  const { purged = [], kept = [] } = Object.groupBy(trash.snapshots, ({ objectName }) =>
    gone.has(objectName) ? 'purged' : 'kept',
  )
  return { purged, kept }
}

function checkIsRead({ unread: [problem] }: Trash): void {
  if (problem === undefined) return
  throw new BackupError('refused', 'a record of the log cannot be read, so nothing is purged', problem.subject, {
    cause: problem,
    hint: 'it may say that something was brought back: run `holdfast repair`, or name what is to be purged',
  })
}

interface Due {
  readonly snapshot: SnapshotInTrash
  readonly copies: readonly TrashCopy[]
  /** It cannot be brought back any more. */
  readonly isOver: boolean
}

function dueOf(
  { snapshots, leftOver }: Trash,
  nowMs: number,
  { days, named }: { readonly days: number; readonly named: ReadonlySet<string> | undefined },
): Due[] {
  const due: Due[] = []
  const over = new Set<SnapshotInTrash>(
    snapshots.filter(({ id, forgottenMs }) =>
      named === undefined ? nowMs - forgottenMs > days * DAY_MS : named.has(id),
    ),
  )
  for (const snapshot of [...snapshots, ...leftOver]) {
    if (named?.has(snapshot.id) === false) continue
    const isOver = over.has(snapshot)
    const isAbandoned = ({ receivedMs }: TrashCopy) => nowMs - receivedMs > Math.max(days * DAY_MS, UNNAMED_MS)
    const copies = [...(isOver ? snapshot.named : []), ...snapshot.others.filter(isAbandoned)]
    if (copies.length > 0) due.push({ snapshot, copies, isOver })
  }
  return due
}
