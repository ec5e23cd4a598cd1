// Forgotten snapshots lie in the trash for some days, from where they can be brought back (docs/format.md, 9.5 and 10). The
// same bytes lie under another name: nothing that a pruner keeps for a snapshot is let go while it is in the trash.
import { fromHex } from '../base/bytes.ts'
import { BackupError, doing } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { LOG_PLACES_MAX } from '../format/log-record.ts'
import type { ChainPlace } from '../format/log-record.ts'
import { parseObjectName, PREFIXES, snapshotName, trashName } from '../format/names.ts'
import { listAll } from '../store/store.ts'
import { unlessGone } from './gone-object.ts'
import { checkMayLog, EXPLAINING_ROLES, readLog } from './log.ts'
import { appendRecord } from './log-append.ts'
import { keyOfPlace, LogFacts } from './log-facts.ts'
import type { ListedRecord, OpenedRecord } from './log.ts'
import type { AppendOptions } from './log-append.ts'
import { getNamedByHash } from './named-object.ts'
import { deleteParityOf } from './parity-maker.ts'
import { putOwn } from './put-own.ts'
import type { Repository } from './repository.ts'
import type { ListedSnapshot } from './snapshot-catalog.ts'

/** Days that a forgotten snapshot can be brought back, unless the policy says another number. */
export const TRASH_DAYS = 7
export const DAY_MS = 86_400_000

/** Snapshots moved at once. */
const MOVES = 8

/** Its `objectName` and `receivedMs` are those of the copy in the trash. */
export interface TrashedSnapshot extends ListedSnapshot {
  /** That says why it is not part of the history. */
  readonly record: OpenedRecord
  /** When it was forgotten last, by the store's clock; from then on it counts how long it stays. */
  readonly forgottenMs: number
}

export interface Trash {
  /** In order of name. */
  readonly snapshots: readonly TrashedSnapshot[]
  /** Brought back, and taken out of the history after that: somebody had begun to forget it before, and slept. */
  readonly recalled: readonly ListedSnapshot[]
  /** Neither part of the history nor forgotten by anybody who may: somebody has tampered with the store. */
  readonly unexplained: readonly ListedSnapshot[]
}

/** Names, sizes and times of everything in the trash, also of what was brought back since, in order of name. */
export async function listTrash({ store }: Repository): Promise<ListedSnapshot[]> {
  const listed: ListedSnapshot[] = []
  for await (const { name, size, receivedMs } of listAll(store, PREFIXES.trash)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'trash') continue
    const { hash: id, wid, seq } = parsed
    listed.push({ objectName: name, id, wid, seq, storedSize: size, receivedMs })
  }
  return listed
}

/** What was forgotten and can be brought back. What is among the snapshots too is not forgotten. */
export async function readTrash(repo: Repository): Promise<Trash> {
  const listed = await listTrash(repo)
  if (listed.length === 0) return { snapshots: [], recalled: [], unexplained: [] }
  // In this order: what is brought back meanwhile is seen among the snapshots, what is forgotten has its record by then.
  const present = new Set((await repo.catalog.list()).map(({ objectName }) => objectName))
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const facts = new LogFacts(records)
  const snapshots: TrashedSnapshot[] = []
  const recalled: ListedSnapshot[] = []
  const unexplained: ListedSnapshot[] = []
  for (const each of listed) {
    if (present.has(snapshotName(each.wid, each.seq, each.id))) continue
    const key = keyOfPlace(each.wid, each.seq, each.id)
    const record = facts.gone.get(key)
    // A copy may lie there from an earlier time, when it was forgotten and brought back.
    const forgottenMs = Math.max(each.receivedMs, facts.lastForgottenMs.get(key) ?? 0)
    if (record !== undefined) snapshots.push({ ...each, record, forgottenMs })
    else if (facts.isRecalled(key)) recalled.push(each)
    else unexplained.push(each)
  }
  return { snapshots, recalled, unexplained }
}

export interface TrashOptions extends AppendOptions {
  readonly reason?: string
}

export interface Moved {
  /** Those that were still there. */
  readonly snapshots: readonly ListedSnapshot[]
  /** The records, one for each 65,536 snapshots. */
  readonly records: readonly ListedRecord[]
}

/**
 * Forgets snapshots: copies them into the trash, says so in the log, then takes them out of the history; each step is
 * acknowledged before the next (rules T1 and L1). The times at which they were received are noted. What somebody else has forgotten meanwhile is passed over.
 * Throws `wrong-key` when the role of the writer does not permit it, before anything is done.
 */
export async function moveToTrash(
  repo: Repository,
  snapshots: readonly ListedSnapshot[],
  { reason, ...opts }: TrashOptions,
): Promise<Moved> {
  await checkMayLog(repo, opts.writer, 'forget')
  const moved: ListedSnapshot[] = []
  const records: ListedRecord[] = []
  for (let at = 0; at < snapshots.length; at += LOG_PLACES_MAX) {
    const part = await someAtOnce(snapshots.slice(at, at + LOG_PLACES_MAX), (each) => copyToTrash(repo, each))
    const copied = part.filter((each) => each !== undefined)
    if (copied.length === 0) continue
    const places = copied.map(placeOf)
    const received = copied.map(({ receivedMs }) => timespecFromMs(Math.floor(receivedMs)))
    const action = { kind: 'forget' as const, snapshots: places, received, ...(reason !== undefined && { reason }) }
    records.push(await appendRecord(repo, action, opts))
    await someAtOnce(copied, async ({ wid, seq, id }) => {
      const name = snapshotName(wid, seq, id)
      await doing('forgetting a snapshot', name, () => repo.store.delete(name))
    })
    moved.push(...copied)
  }
  return { snapshots: moved, records }
}

/** Undefined when it is gone. */
async function copyToTrash({ store }: Repository, snapshot: ListedSnapshot): Promise<ListedSnapshot | undefined> {
  const { wid, seq, id } = snapshot
  const [from, to] = [snapshotName(wid, seq, id), trashName(wid, seq, id)]
  const bytes = await unlessGone(store, from, () => getNamedByHash(store, from))
  if (bytes === undefined) return undefined
  const created = await doing('moving a snapshot to the trash', to, () => putOwn(store, to, bytes))
  if (!created || (await store.stat(from)) !== null) return snapshot
  // Somebody has forgotten it meanwhile, and purged it too if this copy is the only one: nothing keeps its content any more.
  await doing('taking a copy out of the trash that came too late', to, () => store.delete(to))
  return undefined
}

/**
 * Brings snapshots back from the trash. Throws `not-found` when one is not there, or was purged while it was brought back,
 * `refused` when its number was given to another one, `wrong-key` when the role of the writer does not permit it.
 */
export async function recallFromTrash(
  repo: Repository,
  snapshots: readonly ListedSnapshot[],
  { reason, ...opts }: TrashOptions,
): Promise<ListedRecord[]> {
  await checkMayLog(repo, opts.writer, 'recall')
  await checkPlacesAreFree(repo, snapshots)
  const records: ListedRecord[] = []
  for (let at = 0; at < snapshots.length; at += LOG_PLACES_MAX) {
    const part = snapshots.slice(at, at + LOG_PLACES_MAX)
    const putAgain = await someAtOnce(part, (each) => recallOne(repo, each))
    const places = part.map(placeOf)
    records.push(
      await appendRecord(repo, { kind: 'recall', snapshots: places, ...(reason !== undefined && { reason }) }, opts),
    )
    // Somebody who was about to forget it may have done so before our record was there to be seen.
    for (const again of putAgain) await again()
  }
  return records
}

/** First it is there again, then it is looked whether the copy still was, and with it all that the snapshot needs (T2). */
async function recallOne({ store }: Repository, { wid, seq, id }: ListedSnapshot): Promise<() => Promise<void>> {
  const [from, to] = [trashName(wid, seq, id), snapshotName(wid, seq, id)]
  const bytes = await doing('bringing back a snapshot', from, () => getNamedByHash(store, from))
  await doing('bringing back a snapshot', to, () => putOwn(store, to, bytes))
  const look = async () => {
    if ((await store.stat(from)) !== null) return
    throw new BackupError('not-found', 'it was purged from the trash while it was brought back', to, {
      hint: 'it may lack content: run `holdfast check`, then `holdfast forget` it again if it is damaged',
    })
  }
  await look()
  return async () => {
    if ((await store.stat(to)) !== null) return
    await putOwn(store, to, bytes)
    await look()
  }
}

/**
 * Puts back what was brought back and is in the trash alone all the same: a delete of it was on its way from somebody who had
 * begun to forget it before that. Gives those snapshots. Throws as `recallFromTrash` does.
 */
export async function putBackRecalled(repo: Repository): Promise<readonly ListedSnapshot[]> {
  const { recalled } = await readTrash(repo)
  await checkPlacesAreFree(repo, recalled)
  await someAtOnce(recalled, (each) => recallOne(repo, each))
  return recalled
}

async function checkPlacesAreFree(repo: Repository, snapshots: readonly ListedSnapshot[]): Promise<void> {
  if (snapshots.length === 0) return
  const taken = new Map((await repo.catalog.list()).map((each) => [`${each.wid}/${each.seq}`, each]))
  for (const { wid, seq, id } of snapshots) {
    const rival = taken.get(`${wid}/${seq}`)
    if (rival === undefined || rival.id === id) continue
    throw new BackupError(
      'refused',
      `its number was given to another snapshot, ${rival.objectName}`,
      trashName(wid, seq, id),
    )
  }
}

export interface PurgeOptions extends AppendOptions {
  readonly days?: number
  /** These alone, whenever they were forgotten: hashes, hex. */
  readonly named?: ReadonlySet<string>
}

export interface Purge {
  readonly purged: readonly TrashedSnapshot[]
  readonly kept: readonly TrashedSnapshot[]
}

/**
 * Deletes from the trash what was forgotten more than `days` ago by the clock of the store, which nobody's wrong clock moves:
 * the note in the log that says so is what tells its time. What is named goes at once. What no record explains stays.
 */
export async function purgeTrash(
  repo: Repository,
  { days = TRASH_DAYS, named, ...opts }: PurgeOptions,
): Promise<Purge> {
  await checkMayLog(repo, opts.writer, 'forget')
  const { snapshots } = await readTrash(repo)
  const isOver = (nowMs: number) => (each: TrashedSnapshot) =>
    named === undefined ? nowMs - each.forgottenMs > days * DAY_MS : named.has(each.id)
  const due = snapshots.filter(isOver(opts.clock.now())).length
  if (due === 0) return { purged: [], kept: snapshots }
  const note = await appendRecord(repo, { kind: 'note', text: `purging ${due} snapshots from the trash` }, opts)
  const now = await repo.store.stat(note.objectName)
  const isPurged = now === null ? () => false : isOver(now.receivedMs)
  const { purged = [], kept = [] } = Object.groupBy(snapshots, (each) => (isPurged(each) ? 'purged' : 'kept'))
  await someAtOnce(purged, async ({ objectName, wid, seq, id }) => {
    await doing('purging the trash', objectName, () => repo.store.delete(objectName))
    await deleteParityOf(repo, snapshotName(wid, seq, id))
  })
  return { purged, kept }
}

export function placeOf({ wid, seq, id }: ListedSnapshot): ChainPlace {
  return { wid: fromHex(wid)!, seq, hash: fromHex(id)! }
}

async function someAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += MOVES) {
    results.push(...(await Promise.all(items.slice(at, at + MOVES).map((item) => work(item)))))
  }
  return results
}
