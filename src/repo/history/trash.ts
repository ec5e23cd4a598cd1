// Forgotten snapshots lie in the trash for some days, from where they can be brought back (docs/format.md, 9.5 and 10). The
// same bytes lie under other names: nothing that a pruner keeps for a snapshot is let go while a copy of it is in the trash.
import { BackupError, codeOf, doing } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import { timespecFromMs } from '../../base/time.ts'
import { LOG_PLACES_MAX } from '../../format/log-record.ts'
import { snapshotName } from '../../format/names.ts'
import type { Store } from '../../store/store.ts'
import { unlessGone } from '../objects/gone-object.ts'
import { appendRecord } from './log-append.ts'
import type { AppendOptions } from './log-append.ts'
import { keyOfPlace, LogFacts } from './log-facts.ts'
import { checkMayLog, EXPLAINING_ROLES, readLog } from './log.ts'
import type { ListedRecord } from './log.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import { putOwn } from '../objects/put-own.ts'
import type { HistorySource } from './history-source.ts'
import type { ListedSnapshot } from './snapshot-catalog.ts'
import { settle } from '../objects/settle.ts'
import { someAtOnce } from '../objects/some-at-once.ts'
import { inTime, nameOfCopy, numberOf, placeOf, putCopy } from './trash-copies.ts'
import type { Copied } from './trash-copies.ts'
import { groupCopies, listTrash, readTrash } from './trash-list.ts'
import type { TrashCopy } from './trash-list.ts'

export { placeOf } from './trash-copies.ts'
export * from './trash-list.ts'
export { abandonedFromMs, purgeLeftOver, purgeTrash, TRASH_DAYS } from './trash-purge.ts'
export type { Purge, PurgeOptions } from './trash-purge.ts'

export interface TrashOptions extends AppendOptions {
  /** For the names of copies, none of which may come twice. */
  readonly random: SecureRandom
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
 * acknowledged before the next (rules T1 and L1). The times at which they were received are noted. What somebody else has
 * forgotten meanwhile is passed over. Throws `wrong-key` when the role of the writer does not permit it, before anything is done.
 */
export async function moveToTrash(
  repo: HistorySource,
  snapshots: readonly ListedSnapshot[],
  { reason, random, ...opts }: TrashOptions,
): Promise<Moved> {
  await checkMayLog(repo, opts.writer, 'forget')
  const moved: ListedSnapshot[] = []
  const records: ListedRecord[] = []
  for (let at = 0; at < snapshots.length; at += LOG_PLACES_MAX) {
    await inTime(repo, opts.clock, snapshots.slice(at, at + LOG_PLACES_MAX), async (left) => {
      const copied = (await someAtOnce(left, (each) => copyToTrash(repo, each, random))).filter(isDefined)
      if (copied.length === 0) return undefined
      const received = copied.map(({ snapshot }) => timespecFromMs(Math.floor(snapshot.receivedMs)))
      const places = { snapshots: copied.map(({ snapshot }) => placeOf(snapshot)), copies: copied.map(numberOf) }
      const action = { kind: 'forget' as const, ...places, received, ...(reason !== undefined && { reason }) }
      const record = await appendRecord(repo, action, opts)
      records.push(record)
      const finish = async ({ snapshot: { wid, seq, id }, snapshot }: Copied) => {
        const name = snapshotName(wid, seq, id)
        await doing('forgetting a snapshot', name, () => repo.store.delete(name))
        moved.push(snapshot)
      }
      return { copied, record, finish }
    })
  }
  return { snapshots: moved, records }
}

/** Undefined when it is gone. */
async function copyToTrash(
  { store }: HistorySource,
  snapshot: ListedSnapshot,
  random: SecureRandom,
): Promise<Copied | undefined> {
  const from = snapshotName(snapshot.wid, snapshot.seq, snapshot.id)
  const bytes = await unlessGone(store, from, () => getNamedByHash(store, from))
  if (bytes === undefined) return undefined
  const copy = await putCopy(store, snapshot, bytes, random)
  if ((await store.stat(from)) !== null) return { snapshot, copy }
  // Somebody has forgotten it meanwhile, and may have purged it too: then nothing keeps its content any more.
  const name = nameOfCopy({ snapshot, copy })
  await doing('taking a copy out of the trash that came too late', name, () => store.delete(name))
  return undefined
}

/**
 * Brings snapshots back from the trash. Throws `not-found` when one is not there, or was purged while it was brought back,
 * `refused` when its number was given to another one, `wrong-key` when the role of the writer does not permit it.
 */
export async function recallFromTrash(
  repo: HistorySource,
  snapshots: readonly ListedSnapshot[],
  { reason, random, ...opts }: TrashOptions,
): Promise<ListedRecord[]> {
  await checkMayLog(repo, opts.writer, 'recall')
  await checkPlacesAreFree(repo, snapshots)
  const records: ListedRecord[] = []
  for (let at = 0; at < snapshots.length; at += LOG_PLACES_MAX) {
    await inTime(repo, opts.clock, snapshots.slice(at, at + LOG_PLACES_MAX), async (left) => {
      const copied = await recallAll(repo, left, { random, clock: opts.clock })
      const places = { snapshots: left.map(placeOf), copies: copied.map(numberOf) }
      const action = { kind: 'recall' as const, ...places, ...(reason !== undefined && { reason }) }
      const record = await appendRecord(repo, action, opts)
      records.push(record)
      return { copied, record, finish: (each) => putAgain(repo.store, each) }
    })
  }
  return records
}

/**
 * Puts back what was brought back and is in the trash alone all the same: a delete of it was on its way from somebody who had
 * begun to forget it before that. Gives those snapshots. Throws as `recallFromTrash` does.
 */
export async function putBackRecalled(repo: HistorySource, opts: CopyOptions): Promise<readonly ListedSnapshot[]> {
  const { recalled } = await readTrash(repo)
  if (recalled.length === 0) return []
  await checkPlacesAreFree(repo, recalled)
  await recallAll(repo, recalled, opts)
  return recalled
}

type CopyOptions = Pick<TrashOptions, 'random' | 'clock'>

/**
 * First another copy of each, under a name that nobody else deletes; then it is looked whether one of those that were there still
 * is, and with it all that the snapshot needs; then the snapshot (T2). In the order of `snapshots`.
 */
async function recallAll(
  repo: HistorySource,
  snapshots: readonly ListedSnapshot[],
  { random, clock }: CopyOptions,
): Promise<Copied[]> {
  const { store } = repo
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const facts = new LogFacts(records)
  const grouped = groupCopies(await listTrash(repo), facts)
  const copied = await someAtOnce(snapshots, async (snapshot) => {
    const key = keyOfPlace(snapshot.wid, snapshot.seq, snapshot.id)
    const { named, others } = grouped.get(key) ?? { named: [], others: [] }
    // Where records name copies and none of these is left, another one may be there without what the snapshot needs.
    const before = facts.copiesOf(key).size > 0 ? named : others
    const bytes = await anyOf(store, snapshot, before)
    return { snapshot, before, copy: await putCopy(store, snapshot, bytes, random) }
  })
  // Whoever lists the trash from now on sees them, and keeps what the snapshots need.
  await settle(store, clock)
  return someAtOnce(copied, async ({ before, ...own }) => {
    if (!(await isAnyThere(store, before))) {
      await store.delete(nameOfCopy(own))
      throw purged(own.snapshot)
    }
    await putFromCopy(store, own)
    return own
  })
}

/** The bytes of the first copy that is sound. */
async function anyOf(store: Store, snapshot: ListedSnapshot, copies: readonly TrashCopy[]): Promise<Uint8Array> {
  let problem: unknown = purged(snapshot)
  for (const { objectName } of copies) {
    try {
      return await doing('bringing back a snapshot', objectName, () => getNamedByHash(store, objectName))
    } catch (cause) {
      const code = codeOf(cause)
      if (code === 'corrupt') problem = cause
      else if (code !== 'not-found') throw cause
    }
  }
  throw problem
}

async function isAnyThere(store: Store, copies: readonly TrashCopy[]): Promise<boolean> {
  for (const { objectName } of copies) if ((await store.stat(objectName)) !== null) return true
  return false
}

function purged({ wid, seq, id }: ListedSnapshot): BackupError {
  return new BackupError('not-found', 'it was purged from the trash', snapshotName(wid, seq, id), {
    hint: 'where `holdfast snapshots` lists it all the same it may lack content: run `holdfast check`, and `holdfast forget` it again if it is damaged',
  })
}

/** Somebody who was about to forget it may have taken it out of the history before our record was there to be seen. */
async function putAgain(store: Store, own: Copied): Promise<void> {
  const { wid, seq, id } = own.snapshot
  if ((await store.stat(snapshotName(wid, seq, id))) === null) await putFromCopy(store, own)
}

async function putFromCopy(store: Store, own: Copied): Promise<void> {
  const { wid, seq, id } = own.snapshot
  const to = snapshotName(wid, seq, id)
  await doing('bringing back a snapshot', to, async () =>
    putOwn(store, to, await getNamedByHash(store, nameOfCopy(own))),
  )
}

async function checkPlacesAreFree(repo: HistorySource, snapshots: readonly ListedSnapshot[]): Promise<void> {
  if (snapshots.length === 0) return
  const taken = new Map((await repo.catalog.list()).map((each) => [`${each.wid}/${each.seq}`, each]))
  for (const { wid, seq, id, objectName } of snapshots) {
    const rival = taken.get(`${wid}/${seq}`)
    if (rival === undefined || rival.id === id) continue
    throw new BackupError('refused', `its number was given to another snapshot, ${rival.objectName}`, objectName)
  }
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined
}
