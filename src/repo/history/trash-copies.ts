// Copies in the trash, as those who forget and bring back put them: under names that nobody uses again, and in time (docs/format.md,
// 10, T1 and T2).
import { fromHex, toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError, doing } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import { hash } from '../../crypto/hash.ts'
import { numberOfDamagedCopy } from '../../format/damaged-copy.ts'
import type { ChainPlace } from '../../format/log-record.ts'
import { ID_SIZE, snapshotName, trashName } from '../../format/names.ts'
import type { Store } from '../../store/store.ts'
import type { ListedRecord } from './log.ts'
import { putOwn } from '../objects/put-own.ts'
import type { HistorySource } from './history-source.ts'
import type { ListedSnapshot } from './snapshot-catalog.ts'
import { settle } from '../objects/settle.ts'
import { someAtOnce } from '../objects/some-at-once.ts'
import { UNNAMED_MS } from './trash-purge.ts'

/** How often who was too slow, by the clock of the store, puts other copies and another record. */
const ATTEMPTS = 5

/** A snapshot with the copy in the trash that this process has put. */
export interface Copied {
  readonly snapshot: ListedSnapshot
  /** Its number, hex. */
  readonly copy: string
}

/** Gives its number, by which a copy of bytes that were damaged before is told from one that was damaged since. */
export async function putCopy(
  store: Store,
  { wid, seq, id }: ListedSnapshot,
  bytes: Uint8Array,
  random: SecureRandom,
): Promise<string> {
  const isSound = toHex(hash(bytes)) === id
  const copy = toHex(isSound ? random(ID_SIZE) : numberOfDamagedCopy(bytes, random(ID_SIZE)))
  const name = trashName(wid, seq, id, copy)
  await doing('putting a copy into the trash', name, () => putOwn(store, name, bytes))
  return copy
}

/**
 * What is done by a copy and a record counts when the store has received the record soon after the copy: one that no record
 * names is purged after a day (T4). Who has slept in between does it again, with another copy. `step` gives nothing when there
 * is nothing left to do; `finish` is called for what counts.
 */
export async function inTime(
  { store }: HistorySource,
  clock: Clock,
  snapshots: readonly ListedSnapshot[],
  step: (left: readonly ListedSnapshot[]) => Promise<
    | {
        readonly copied: readonly Copied[]
        readonly record: ListedRecord
        readonly finish: (copied: Copied) => Promise<void>
      }
    | undefined
  >,
): Promise<void> {
  for (let left = snapshots, attempt = 1; left.length > 0; attempt++) {
    const done = await step(left)
    if (done === undefined) return
    // Whoever looks for what must stay sees the copies then, or the snapshots before they go.
    await settle(store, clock)
    const said = await store.stat(done.record.objectName)
    const isInTime = await someAtOnce(done.copied, async (copied) => {
      const there = await store.stat(nameOfCopy(copied))
      const counts = there !== null && said !== null && said.receivedMs - there.receivedMs < UNNAMED_MS
      if (counts) await done.finish(copied)
      return counts
    })
    left = done.copied.flatMap(({ snapshot }, i) => (isInTime[i] === true ? [] : [snapshot]))
    if (left.length === 0 || attempt < ATTEMPTS) continue
    const { wid, seq, id } = left[0]!
    throw new BackupError('io', 'a copy in the trash went away before it was noted', snapshotName(wid, seq, id), {
      hint: 'does this machine sleep for days? run it again',
    })
  }
}

export function placeOf({ wid, seq, id }: ListedSnapshot): ChainPlace {
  return { wid: fromHex(wid)!, seq, hash: fromHex(id)! }
}

export function nameOfCopy({ snapshot: { wid, seq, id }, copy }: Copied): string {
  return trashName(wid, seq, id, copy)
}

export function numberOf({ copy }: Copied): Uint8Array {
  return fromHex(copy)!
}
