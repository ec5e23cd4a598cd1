// What lies in the trash: copies of snapshots, each under a name that is never used again, and what the records of the log say
// of them (docs/format.md, 9.5). A copy that no record names may have come too late to keep what the snapshot needs.
import type { BackupError } from '../../base/errors.ts'
import { PREFIXES, parseObjectName, snapshotName } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import { keyOfPlace, LogFacts } from './log-facts.ts'
import { EXPLAINING_ROLES, readLog } from './log.ts'
import type { OpenedRecord } from './log.ts'
import type { HistorySource } from './history-source.ts'
import type { ListedSnapshot } from './snapshot-catalog.ts'

export const DAY_MS = 86_400_000

/** Its `objectName` and `receivedMs` are those of the copy. */
export interface TrashCopy extends ListedSnapshot {
  /** Number of the copy, hex. */
  readonly copy: string
}

/** Its `objectName` and `receivedMs` are those of a copy that a record names, where there is one. */
export interface SnapshotInTrash extends ListedSnapshot {
  /** Those that a record names; where none does nobody vouches for what is in `others`. */
  readonly named: readonly TrashCopy[]
  readonly others: readonly TrashCopy[]
}

export interface TrashedSnapshot extends SnapshotInTrash {
  /** That says why it is not part of the history. */
  readonly record: OpenedRecord
  /** When it was forgotten last, by the store's clock; from then on it counts how long it stays. */
  readonly forgottenMs: number
}

export interface Trash {
  /** In order of name. */
  readonly snapshots: readonly TrashedSnapshot[]
  /** Brought back, and taken out of the history after that: somebody had begun to forget it before, and slept. */
  readonly recalled: readonly SnapshotInTrash[]
  /** Forgotten, with copies alone that no record names: what the snapshot needs may be gone, and nobody can bring it back. */
  readonly leftOver: readonly SnapshotInTrash[]
  /** Neither part of the history nor forgotten by anybody who may: somebody has tampered with the store. */
  readonly unexplained: readonly SnapshotInTrash[]
  /** Why records could not be read: what they say of the trash is not known. */
  readonly unread: readonly BackupError[]
  /** Newest time of receipt that was met on the way: by the store's clock it is not earlier than that. */
  readonly seenMs: number
}

type Lists = {
  -readonly [K in keyof Trash as Trash[K] extends number ? never : K]: Extract<Trash[K], readonly unknown[]>[number][]
}

/** Names, sizes and times of all copies in the trash, also of what was brought back since, in order of name. */
export async function listTrash({ store }: HistorySource): Promise<TrashCopy[]> {
  const listed: TrashCopy[] = []
  for await (const { name, size, receivedMs } of listAll(store, PREFIXES.trash)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'trash') continue
    const { hash: id, wid, seq, copy } = parsed
    listed.push({ objectName: name, id, wid, seq, copy, storedSize: size, receivedMs })
  }
  return listed
}

/** What was forgotten and can be brought back. What is among the snapshots too is not forgotten. */
export async function readTrash(repo: HistorySource): Promise<Trash> {
  const copies = await listTrash(repo)
  const trash: Lists = { snapshots: [], recalled: [], leftOver: [], unexplained: [], unread: [] }
  if (copies.length === 0) return { ...trash, seenMs: 0 }
  // In this order: what is brought back meanwhile is seen among the snapshots, what is forgotten has its record by then.
  const listed = await repo.catalog.list()
  const present = new Set(listed.map(({ objectName }) => objectName))
  const { records, problems } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const seenMs = [...copies, ...listed, ...records].reduce((newest, { receivedMs }) => Math.max(newest, receivedMs), 0)
  trash.unread.push(...problems)
  const facts = new LogFacts(records)
  for (const [key, each] of groupCopies(copies, facts)) {
    if (present.has(snapshotName(each.wid, each.seq, each.id))) continue
    const record = facts.gone.get(key)
    if (record === undefined) {
      const isRecalled = facts.isRecalled(key) && each.named.length > 0
      trash[isRecalled ? 'recalled' : 'unexplained'].push(each)
    } else if (each.named.length === 0) {
      trash.leftOver.push(each)
    } else {
      // A copy of the repository has received its copies later than the records say.
      const receivedMs = Math.max(...each.named.map((copy) => copy.receivedMs))
      trash.snapshots.push({
        ...each,
        record,
        forgottenMs: Math.max(receivedMs, facts.lastForgottenMs.get(key) ?? 0),
      })
    }
  }
  return { ...trash, seenMs }
}

/** By `placeKey`. */
export function groupCopies(copies: readonly TrashCopy[], facts: LogFacts): Map<string, SnapshotInTrash> {
  const grouped = new Map<string, SnapshotInTrash>()
  for (const [key, each] of Map.groupBy(copies, ({ wid, seq, id }) => keyOfPlace(wid, seq, id))) {
    const numbers = facts.copiesOf(key)
    const named = each.filter(({ copy }) => numbers.has(copy))
    const others = each.filter(({ copy }) => !numbers.has(copy))
    grouped.set(key, { ...(named[0] ?? others[0]!), named, others })
  }
  return grouped
}

/** Each snapshot once, whatever the number of its copies. */
export function eachOnce(copies: readonly TrashCopy[]): TrashCopy[] {
  return [...new Map(copies.map((copy) => [copy.id, copy])).values()]
}
