// docs/format.md, 9: packs and keys of sessions that a pruner means to delete.
//
//   header (8) | wid (16) | seal(K_idx, 9, wid, CBOR body) | signature (64)
//   body: {0: pid, 1: [H of data packs], 2: created, 3: [H of meta packs], 4: [H of data packs copied into], 5: [sid]},
//   hashes and sids ascending, 4 and 5 left out when empty
import { assert } from '../base/assert.ts'
import { compareBytes } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { ascend, need, readFilledList, readList, withUnknown, writeList } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { openSignedPart, sealSignedPart } from './signed-object.ts'
import type { SignedPartReader, SignedPartWriter } from './signed-object.ts'

export interface DeletionPlan {
  readonly pid: Uint8Array
  /** Hashes in the names of the packs, 32 bytes each. */
  readonly dataPacks: readonly Uint8Array[]
  readonly metaPacks: readonly Uint8Array[]
  /** Of data packs into which its maker has copied what was needed of these. */
  readonly copies?: readonly Uint8Array[]
  /** Sessions whose key objects go, 16 bytes each. */
  readonly sessions?: readonly Uint8Array[]
  readonly created: Timespec
  readonly unknown?: readonly RawField[]
}

/** Packs of either kind in one plan, 34 MB; a larger prune takes several plans. */
export const PLAN_PACKS_MAX = 500_000
/** Sessions in one plan, 1.1 MB; the keys of more take several plans. */
export const PLAN_SESSIONS_MAX = 65_536

/** The bytes of `gc/<pid>`; `sealer` is of `K_idx`. The hashes are put in order. */
export function encodeDeletionPlan(plan: DeletionPlan, keys: SignedPartWriter): Uint8Array {
  assert(plan.pid.length === ID_SIZE, 'the id of a plan has 16 bytes')
  const w = new CborWriter(4096).openMap()
  w.key(0).bytes(plan.pid)
  writeHashes(w.key(1), plan.dataPacks)
  w.key(2).timespec(plan.created)
  writeHashes(w.key(3), plan.metaPacks)
  if (plan.copies !== undefined && plan.copies.length > 0) writeHashes(w.key(4), plan.copies)
  if (plan.sessions !== undefined && plan.sessions.length > 0) writeSessions(w.key(5), plan.sessions)
  return sealSignedPart(OBJECT_TYPES.deletionPlan, w.rawFields(plan.unknown).closeMap().finish(), keys)
}

/** Reads a plan; `readSignerId(OBJECT_TYPES.deletionPlan, …)` tells first whose it is. `corrupt` naming `subject`. */
export function decodeDeletionPlan(bytes: Uint8Array, subject: string, keys: SignedPartReader): DeletionPlan {
  const { body } = openSignedPart(OBJECT_TYPES.deletionPlan, bytes, subject, keys)
  const r = new CborReader(body, subject)
  const plan: { -readonly [K in keyof DeletionPlan]?: DeletionPlan[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) plan.pid = r.fixed(ID_SIZE)
    else if (key === 1) plan.dataPacks = readHashes(r)
    else if (key === 2) plan.created = r.timespec()
    else if (key === 3) plan.metaPacks = readHashes(r)
    else if (key === 4) plan.copies = readHashes(r, readFilledList)
    else if (key === 5) plan.sessions = readSessions(r)
    else return false
    return true
  })
  r.end()
  return {
    pid: need(r, plan.pid, 'id'),
    dataPacks: need(r, plan.dataPacks, 'list of data packs'),
    metaPacks: need(r, plan.metaPacks, 'list of meta packs'),
    created: need(r, plan.created, 'time of creation'),
    ...(plan.copies !== undefined && { copies: plan.copies }),
    ...(plan.sessions !== undefined && { sessions: plan.sessions }),
    ...withUnknown(unknown),
  }
}

function writeHashes(w: CborWriter, hashes: readonly Uint8Array[]): void {
  assert(hashes.length <= PLAN_PACKS_MAX, `a plan has at most ${PLAN_PACKS_MAX} packs of a kind`)
  const sorted = hashes.toSorted(compareBytes)
  assert(ascend(sorted) && sorted.every((one) => one.length === HASH_SIZE), 'the packs of a plan differ')
  writeList(w, sorted, (one) => w.bytes(one))
}

function writeSessions(w: CborWriter, sessions: readonly Uint8Array[]): void {
  assert(sessions.length <= PLAN_SESSIONS_MAX, `a plan has at most ${PLAN_SESSIONS_MAX} sessions`)
  const sorted = sessions.toSorted(compareBytes)
  assert(ascend(sorted) && sorted.every((one) => one.length === ID_SIZE), 'the sessions of a plan differ')
  writeList(w, sorted, (one) => w.bytes(one))
}

function readSessions(r: CborReader): Uint8Array[] {
  const sessions = readFilledList(r, PLAN_SESSIONS_MAX, () => r.fixed(ID_SIZE))
  if (!ascend(sessions)) throw r.corrupt('has sessions out of order')
  return sessions
}

function readHashes(r: CborReader, read: typeof readList = readList): Uint8Array[] {
  const hashes = read(r, PLAN_PACKS_MAX, () => r.fixed(HASH_SIZE))
  if (!ascend(hashes)) throw r.corrupt('has packs out of order')
  return hashes
}
