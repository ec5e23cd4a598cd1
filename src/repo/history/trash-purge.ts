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
  /** Copies that no record names and that went, of snapshots that nobody could bring back any more. */
  readonly leftOver: readonly TrashCopy[]
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
  const { trash, due } = await purge(repo, (all, nowMs) => dueOf(all, nowMs, { days, named }), { ...opts, allowUnread })
  const gone = new Set(due.filter(({ isOver }) => isOver).map(({ snapshot }) => snapshot.objectName))
  const { purged = [], kept = [] } = Object.groupBy(trash.snapshots, ({ objectName }) =>
    gone.has(objectName) ? 'purged' : 'kept',
  )
  return { purged, kept, leftOver: leftOverOf(due) }
}

/**
 * Deletes from the trash what nobody can bring back, of these snapshots, hashes, hex: copies that no record has named within the
 * day that whoever puts one has for it. Gives them. Throws as `purgeTrash` does.
 */
export async function purgeLeftOver(
  repo: HistorySource,
  ids: ReadonlySet<string>,
  opts: AppendOptions,
): Promise<readonly TrashCopy[]> {
  await checkMayLog(repo, opts.writer, 'forget')
  // Of the others nothing goes, also where somebody has said meanwhile that they were forgotten.
  const select = ({ leftOver }: Trash, nowMs: number) =>
    dueOf({ leftOver, snapshots: [] }, nowMs, { days: 0, named: ids })
  const { due } = await purge(repo, select, { ...opts, allowUnread: false })
  return leftOverOf(due)
}

/** When a copy that no record names may be purged at the earliest. */
export function abandonedFromMs({ receivedMs }: Pick<TrashCopy, 'receivedMs'>): number {
  return receivedMs + UNNAMED_MS
}

function leftOverOf(due: readonly Due[]): TrashCopy[] {
  return due.flatMap(({ snapshot, copies }) => (snapshot.named.length === 0 ? copies : []))
}

async function purge(
  repo: HistorySource,
  select: (trash: Trash, nowMs: number) => Due[],
  { allowUnread, ...opts }: AppendOptions & { readonly allowUnread: boolean },
): Promise<{ readonly trash: Trash; readonly due: readonly Due[] }> {
  const before = await readTrash(repo)
  // A machine whose clock is slow goes by what the store has received since.
  const count = select(before, Math.max(opts.clock.now(), before.seenMs)).length
  if (count === 0) return { trash: before, due: [] }
  if (!allowUnread) checkIsRead(before)
  const note = await appendRecord(repo, { kind: 'note', text: `purging ${count} snapshots from the trash` }, opts)
  const now = await repo.store.stat(note.objectName)
  await settle(repo.store, opts.clock)
  // Looked at after the note: whatever was old by then and is not named now never will be, or by somebody who begins anew.
  const trash = await readTrash(repo)
  if (!allowUnread) checkIsRead(trash)
  const due = now === null ? [] : select(trash, now.receivedMs)
  await someAtOnce(due, async ({ snapshot, copies }) => {
    for (const { objectName } of copies) {
      await doing('purging the trash', objectName, () => repo.store.delete(objectName))
    }
    const { wid, seq, id } = snapshot
    const isLast = copies.length === snapshot.named.length + snapshot.others.length
    if (isLast) await deleteParityOf(repo, snapshotName(wid, seq, id))
  })
  return { trash, due }
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
  { snapshots, leftOver }: Pick<Trash, 'snapshots' | 'leftOver'>,
  nowMs: number,
  { days, named }: { readonly days: number; readonly named: ReadonlySet<string> | undefined },
): Due[] {
  const due: Due[] = []
  const over = new Set<SnapshotInTrash>(
    snapshots.filter(({ id, forgottenMs }) =>
      named === undefined ? nowMs - forgottenMs >= days * DAY_MS : named.has(id),
    ),
  )
  for (const snapshot of [...snapshots, ...leftOver]) {
    if (named?.has(snapshot.id) === false) continue
    const isOver = over.has(snapshot)
    // What is named goes as soon as nobody can be about to say of it that it counts.
    const keptMs = Math.max(named === undefined ? days * DAY_MS : 0, UNNAMED_MS)
    const isAbandoned = ({ receivedMs }: TrashCopy) => nowMs - receivedMs > keptMs
    const copies = [...(isOver ? snapshot.named : []), ...snapshot.others.filter(isAbandoned)]
    if (copies.length > 0) due.push({ snapshot, copies, isOver })
  }
  return due
}
