// Actions in log records by which snapshots are kept, forgotten and brought back (docs/format.md, 9.2).
import type { CborReader, CborWriter, RawField } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { assert } from '../base/assert.ts'
import { limitCount, need, readFilledList, readTuple, withUnknown, writeList } from './fields.ts'
import { LOG_PLACES_MAX, LOG_TEXT_MAX, readPlace, withReason, writePlaces, writeText } from './log-parts.ts'
import type { ChainPlace } from './log-parts.ts'
import { ID_SIZE } from './names.ts'
import { readPolicy, writePolicy } from './retention-policy.ts'
import type { RetentionPolicy } from './retention-policy.ts'

export type RetentionAction =
  /**
   * Snapshots are no longer part of the history. `received` has, in their order, when the store had received them: who
   * brings one back puts it anew. `copies` has, in their order, the numbers of the copies in the trash. `forget-damaged` says of
   * snapshots besides that they could not be read: what only they needed is not kept while they lie in the trash.
   */
  | {
      readonly kind: 'forget' | 'forget-damaged'
      readonly snapshots: readonly ChainPlace[]
      readonly received?: readonly Timespec[]
      readonly copies?: readonly Uint8Array[]
      readonly reason?: string
    }
  /** By what snapshots are forgotten from now on. */
  | { readonly kind: 'policy'; readonly policy: RetentionPolicy; readonly reason?: string }
  /** What is to become of snapshots whatever the policy says. */
  | ({ readonly kind: 'hold'; readonly snapshots: readonly ChainPlace[]; readonly reason?: string } & Hold)
  /** Snapshots were made of others by leaving out paths; they take the places of those. */
  | { readonly kind: 'rewrite'; readonly rewritten: readonly Rewritten[]; readonly reason?: string }
  /**
   * What had been forgotten is part of the history again: undoes the forgets that its writer has seen. `copies` has, in their
   * order, the numbers of the copies that who brought them back has put into the trash.
   */
  | {
      readonly kind: 'recall'
      readonly snapshots: readonly ChainPlace[]
      readonly copies?: readonly Uint8Array[]
      readonly reason?: string
    }

/** Kept until released, or until a time; to be forgotten in time for a time; or none of these any more. */
export type Hold =
  | { readonly hold: 'keep' | 'release' }
  | { readonly hold: 'keep-until' | 'destroy-by'; readonly time: Timespec }

export interface Rewritten {
  readonly from: ChainPlace
  readonly to: ChainPlace
  /** When the store had received the first of those that this one goes back to. */
  readonly received: Timespec
}

type Read<A> = A & { readonly unknown?: readonly RawField[] }

export function writeRetentionAction(w: CborWriter, action: RetentionAction): void {
  if (action.kind === 'hold') return writeHold(w, action)
  if (action.kind === 'policy') writePolicy(w.key(0), action.policy)
  else if (action.kind === 'rewrite') {
    limitCount(action.rewritten, LOG_PLACES_MAX, 'snapshots in one record')
    writeList(w.key(0), action.rewritten, ({ from, to, received }) => {
      w.array(3)
      for (const { wid, seq, hash } of [from, to]) w.array(3).bytes(wid).uint(seq).bytes(hash)
      w.timespec(received)
    })
  } else writePlaces(w.key(0), action.snapshots)
  writeText(w, 1, action.reason)
  if (!isForget(action) && action.kind !== 'recall') return
  if (action.kind !== 'recall' && action.received !== undefined) {
    assert(action.received.length === action.snapshots.length, 'each of the snapshots has a time')
    writeList(w.key(2), action.received, (time) => w.timespec(time))
  }
  if (action.copies === undefined) return
  assert(action.copies.length === action.snapshots.length, 'each of the snapshots has a copy')
  writeList(w.key(3), action.copies, (copy) => w.bytes(copy))
}

/** Whether an action takes snapshots out of the history. */
export function isForget<A extends { readonly kind: string }>(
  action: A,
): action is Extract<A, { readonly kind: 'forget' | 'forget-damaged' }> {
  return action.kind === 'forget' || action.kind === 'forget-damaged'
}

export function readSnapshotsAction(
  r: CborReader,
  kind: 'forget' | 'forget-damaged' | 'recall',
): Read<RetentionAction> {
  let snapshots: ChainPlace[] | undefined
  let reason: string | undefined
  let received: Timespec[] | undefined
  let copies: Uint8Array[] | undefined
  const unknown = r.fields((key) => {
    if (key === 0) snapshots = readFilledList(r, LOG_PLACES_MAX, () => readPlace(r))
    else if (key === 1) reason = r.text(LOG_TEXT_MAX)
    else if (key === 2 && kind !== 'recall') received = readFilledList(r, LOG_PLACES_MAX, () => r.timespec())
    else if (key === 3) copies = readFilledList(r, LOG_PLACES_MAX, () => r.fixed(ID_SIZE))
    else return false
    return true
  })
  const common = {
    snapshots: need(r, snapshots, 'list of snapshots'),
    ...(copies !== undefined && { copies }),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
  if (copies !== undefined && copies.length !== common.snapshots.length) {
    throw r.corrupt('has more snapshots than copies,')
  }
  if (kind === 'recall' || received === undefined) return { kind, ...common }
  if (received.length !== common.snapshots.length) throw r.corrupt('has more snapshots than times,')
  return { kind, received, ...common }
}

export function readRewriteAction(r: CborReader): Read<RetentionAction> {
  let rewritten: Rewritten[] | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) {
      rewritten = readFilledList(r, LOG_PLACES_MAX, () =>
        readTuple(r, 3, () => ({ from: readPlace(r), to: readPlace(r), received: r.timespec() })),
      )
    } else if (key === 1) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return {
    kind: 'rewrite',
    rewritten: need(r, rewritten, 'list of snapshots'),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
}

export function readPolicyAction(r: CborReader): Read<RetentionAction> {
  let policy: RetentionPolicy | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) policy = readPolicy(r)
    else if (key === 1) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return { kind: 'policy', policy: need(r, policy, 'policy'), ...withReason(reason), ...withUnknown(unknown) }
}

const HOLDS = ['release', 'keep', 'keep-until', 'destroy-by'] as const

function writeHold(w: CborWriter, action: Extract<RetentionAction, { kind: 'hold' }>): void {
  writePlaces(w.key(0), action.snapshots)
  writeText(w, 1, action.reason)
  w.key(2).uint(HOLDS.indexOf(action.hold))
  if ('time' in action) w.key(3).timespec(action.time)
}

export function readHoldAction(r: CborReader): Read<RetentionAction> {
  let snapshots: ChainPlace[] | undefined
  let reason: string | undefined
  let what: number | undefined
  let time: Timespec | undefined
  const unknown = r.fields((key) => {
    if (key === 0) snapshots = readFilledList(r, LOG_PLACES_MAX, () => readPlace(r))
    else if (key === 1) reason = r.text(LOG_TEXT_MAX)
    else if (key === 2) what = r.uint(HOLDS.length - 1)
    else if (key === 3) time = r.timespec()
    else return false
    return true
  })
  const hold = HOLDS[need(r, what, 'word on what is held')]!
  const common = {
    kind: 'hold' as const,
    snapshots: need(r, snapshots, 'list of snapshots'),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
  if (hold === 'keep-until' || hold === 'destroy-by') return { ...common, hold, time: need(r, time, 'time') }
  if (time !== undefined) throw r.corrupt('has a time that means nothing,')
  return { ...common, hold }
}
