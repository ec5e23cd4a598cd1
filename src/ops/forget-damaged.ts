// The way out where a snapshot cannot be read and nothing makes it good: it is forgotten as it is, by an order of its own
// (docs/decisions/0026). Damage is not garbage: one wrong bit on the way must not make a snapshot look damaged, so it is read
// several times and held against its parity before that.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { BackupError, doing } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import { LOG_PLACES_MAX } from '../format/log-record.ts'
import { parseObjectName } from '../format/names.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import { keyOfPlace } from '../repo/history/log-facts.ts'
import { checkMayLog } from '../repo/history/log.ts'
import type { ListedRecord } from '../repo/history/log.ts'
import { foreignOf } from '../repo/keys/membership.ts'
import type { Repository } from '../repo/repository.ts'
import type { Held } from '../repo/history/retention-records.ts'
import { isNotPermitted } from '../repo/roles.ts'
import type { ListedSnapshot } from '../repo/history/snapshot-catalog.ts'
import { inTime, nameOfCopy, numberOf, placeOf, putCopy } from '../repo/history/trash-copies.ts'
import type { Copied } from '../repo/history/trash-copies.ts'
import type { Moved, TrashOptions } from '../repo/history/trash.ts'
import { Healer } from './repair/healer.ts'

export interface DamagedSnapshot extends ListedSnapshot {
  /** What is the matter with it. */
  readonly problem: BackupError
  /** As they are: they lie in the trash until somebody has the right ones. */
  readonly bytes: Uint8Array
}

/** How often it is read: bits that are wrong on the way are wrong once. */
const READS = 5
/** Digits of an id or of a writer that a person has to type at least. */
const PREFIX_MIN = 4

/**
 * The listed snapshot of that name: of its object as `check` shows it, the beginning of its id, or writer and number with a
 * slash between them. `not-found`, or `usage` where several fit.
 */
export async function findListed(repo: Repository, spec: string): Promise<ListedSnapshot> {
  const [, wid, number] = /^([0-9a-f]+)\/(\d+)$/.exec(spec) ?? []
  const isLong = (wid ?? spec).length >= PREFIX_MIN
  const fits = ({ objectName, id, wid: own, seq }: ListedSnapshot) =>
    objectName === spec ||
    (isLong && (wid === undefined ? id.startsWith(spec) : own.startsWith(wid) && seq === Number(number)))
  const fitting = (await repo.catalog.list()).filter(fits)
  const [single] = fitting
  if (single !== undefined && fitting.length === 1) return single
  if (fitting.length > 1) {
    throw new BackupError('usage', `${fitting.length} snapshots fit this`, spec, { hint: 'write more digits' })
  }
  throw new BackupError('not-found', 'no snapshot has this name', spec, {
    hint: '`holdfast check` shows the names of what is damaged; a name, WRITER/NUMBER or the beginning of an id will do',
  })
}

/**
 * Makes sure that a snapshot is damaged, and that its parity does not make it good. Throws `refused` where it can be read, or
 * where a repair would do, and what reading it throws where that is no damage.
 */
export async function examineDamaged(repo: Repository, listed: ListedSnapshot): Promise<DamagedSnapshot> {
  const { objectName } = listed
  let problem: BackupError | undefined
  let bytes: Uint8Array | undefined
  for (let read = 0; read < READS; read++) {
    problem = await problemOf(repo, listed)
    const again = await doing('reading a damaged snapshot', objectName, () => repo.store.get(objectName))
    if (bytes !== undefined && !equalBytes(bytes, again)) {
      throw new BackupError('refused', 'it reads otherwise each time, so nothing is known of it', objectName, {
        hint: 'it is the disk, the memory or the way to the store that is wrong; nothing was done',
      })
    }
    bytes = again
  }
  await checkBeyondRepair(repo, causeOf(problem!, objectName))
  return { ...listed, problem: problem!, bytes: bytes! }
}

async function problemOf(repo: Repository, listed: ListedSnapshot): Promise<BackupError> {
  const { objectName } = listed
  try {
    if ((await repo.catalog.open(listed)) === undefined) {
      throw new BackupError('not-found', 'somebody has forgotten it meanwhile', objectName)
    }
  } catch (error) {
    const isDamage = error instanceof BackupError && error.code === 'corrupt' && !isNotPermitted(error)
    if (isDamage && foreignOf(error) === undefined) return error
    throw error
  }
  throw new BackupError('refused', 'this snapshot can be read: it is not damaged', objectName, {
    hint: 'nothing was done; forget it without --damaged',
  })
}

/** The object that is damaged or missing: the snapshot, or what vouches for it or opens it. */
function causeOf(problem: BackupError, objectName: string): string {
  let cause = objectName
  for (let at: unknown = problem; at instanceof BackupError; at = at.cause) {
    if (parseObjectName(at.subject) !== null) cause = at.subject
  }
  return cause
}

async function checkBeyondRepair({ store }: Repository, name: string): Promise<void> {
  // Parity has the hash of the object, which is compared.
  const healed = await new Healer({ store, verify: () => {} }).find(name, parseObjectName(name)!)
  if (healed.bytes === undefined) return
  const isThere = (await store.stat(name)) !== null && equalBytes(await store.get(name), healed.bytes)
  if (isThere) return // it was never right
  throw new BackupError('refused', 'what is damaged can be made good from its parity', name, {
    hint: 'nothing was done; run `holdfast repair`',
  })
}

/** Throws `refused` for the first that is held; what it says itself of how long it is to be kept nobody can read. */
export function checkDamagedNotHeld(
  snapshots: readonly ListedSnapshot[],
  held: ReadonlyMap<string, Held>,
  nowMs: number,
): void {
  for (const { wid, seq, id } of snapshots) {
    const orders = held.get(keyOfPlace(wid, seq, id))
    if (orders === undefined || (orders.holds.length === 0 && (orders.keepUntilMs ?? 0) <= nowMs)) continue
    throw new BackupError('refused', 'this snapshot is not to be forgotten (held)', id, {
      hint: '`holdfast hold list` says who wants it kept; `holdfast hold remove` releases it',
    })
  }
}

/**
 * Forgets damaged snapshots: their bytes go to the trash as they are, a record says that they could not be read, then they are
 * taken out of the history. Nobody keeps what they needed from then on, as far as nothing else needs it. Throws `wrong-key` when
 * the role of the writer does not permit it, `refused` when one has changed since it was examined.
 */
export async function forgetDamaged(
  repo: Repository,
  snapshots: readonly DamagedSnapshot[],
  { reason, random, ...opts }: TrashOptions,
): Promise<Moved> {
  await checkMayLog(repo, opts.writer, 'forget-damaged')
  const moved: ListedSnapshot[] = []
  const records: ListedRecord[] = []
  assert(snapshots.length <= LOG_PLACES_MAX, 'nobody names so many')
  const damaged = new Map(snapshots.map((each) => [each.id, each]))
  await inTime(repo, opts.clock, snapshots, async (left) => {
    const copied: Copied[] = []
    for (const { id } of left) {
      const copy = await copyAsItIs(repo, damaged.get(id)!, random)
      if (copy !== undefined) copied.push(copy)
    }
    if (copied.length === 0) return undefined
    const record = await appendRecord(
      repo,
      {
        kind: 'forget-damaged',
        snapshots: copied.map(({ snapshot }) => placeOf(snapshot)),
        received: copied.map(({ snapshot: { receivedMs } }) => timespecFromMs(Math.floor(receivedMs))),
        copies: copied.map(numberOf),
        ...(reason !== undefined && { reason }),
      },
      opts,
    )
    records.push(record)
    const finish = async ({ snapshot }: Copied) => {
      const { objectName } = snapshot
      await doing('forgetting a damaged snapshot', objectName, () => repo.store.delete(objectName))
      moved.push(snapshot)
    }
    return { copied, record, finish }
  })
  return { snapshots: moved, records }
}

/** Undefined when it is gone: somebody else has forgotten it. */
async function copyAsItIs(
  { store }: Repository,
  snapshot: DamagedSnapshot,
  random: SecureRandom,
): Promise<Copied | undefined> {
  const { objectName, bytes } = snapshot
  const copied = { snapshot, copy: await putCopy(store, snapshot, bytes, random) }
  // Somebody may have made it good since it was looked at.
  const isThere = (await store.stat(objectName)) !== null
  if (isThere && equalBytes(await store.get(objectName), bytes)) return copied
  await store.delete(nameOfCopy(copied))
  if (!isThere) return undefined
  throw new BackupError('refused', 'it was repaired or exchanged meanwhile', objectName, { hint: 'look at it again' })
}
