// docs/format.md, 9: what the sealed part of a log record says, a CBOR map. What was done is in a map of its own, whose
// fields depend on the kind.
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { compareBytes } from '../base/bytes.ts'
import type { Timespec } from '../base/time.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import {
  ascend,
  limitCount,
  limitedText,
  need,
  readFilledList,
  readList,
  readTuple,
  withUnknown,
  writeList,
} from './fields.ts'
import { ID_SIZE, SEQ_MAX } from './names.ts'
import { readKeyAction, writeKeyAction } from './key-actions.ts'
import type { KeyAction } from './key-actions.ts'
import { readPlace, withReason, writePlaces, writeText, LOG_PLACES_MAX, LOG_TEXT_MAX } from './log-parts.ts'
import type { ChainPlace } from './log-parts.ts'
import {
  readHoldAction,
  readPolicyAction,
  readRewriteAction,
  readSnapshotsAction,
  writeRetentionAction,
} from './retention-actions.ts'
import type { RetentionAction } from './retention-actions.ts'
import { readRepairAction, writeRepairAction } from './repair-action.ts'
import type { RepairAction } from './repair-action.ts'
import { HEADS_MAX, SHORT_TEXT_MAX } from './snapshot-body.ts'

export * from './log-parts.ts'
export type { KeyAction } from './key-actions.ts'
export type { Hold, RetentionAction, Rewritten } from './retention-actions.ts'

/** What was done. */
export type LogAction = (
  | RetentionAction
  | KeyAction
  /** What could not be made good. */
  | RepairAction
  /** What a writer signs does not count any more, but for what is named. */
  | {
      readonly kind: 'revoke'
      readonly wid: Uint8Array
      /** Number from which on no snapshot counts. */
      readonly fromSeq: number
      /** Hashes of the snapshots before it that count: whoever has the key can make others with the same numbers. */
      readonly snapshots: readonly Uint8Array[]
      /** The last of its records that counts. */
      readonly lastRecord?: RecordPlace
      readonly reason?: string
    }
  /** Packs that somebody read whole and found good. */
  | {
      readonly kind: 'attest'
      readonly dataPacks: readonly AttestedPack[]
      readonly metaPacks: readonly AttestedPack[]
    }
  /** How many packs a plan deleted; bytes of them. */
  | {
      readonly kind: 'prune'
      readonly pid: Uint8Array
      readonly dataPacks: number
      readonly metaPacks: number
      readonly bytes: number
    }
  | { readonly kind: 'note'; readonly text: string }
  /** Somebody knows that the store went back: what was missing then does not come again. */
  | {
      readonly kind: 'accept'
      readonly snapshots: readonly ChainPlace[]
      readonly records: readonly ChainPlace[]
      readonly reason?: string
    }
  /** Of a later version. */
  | { readonly kind: 'unknown'; readonly number: number }
) & { readonly unknown?: readonly RawField[] }

/** One record of a writer that is known from elsewhere. */
export interface RecordPlace {
  readonly seq: number
  readonly hash: Uint8Array
}

export interface AttestedPack {
  /** In the name of the pack. */
  readonly hash: Uint8Array
  /** Of its table of blocks (tables-digest.ts): a segment that has another one says something else of it. */
  readonly tables: Uint8Array
}

export interface LogBody {
  readonly time: Timespec
  /** Who did it, as people are called: `ada@workstation`. What proves it is the signature. */
  readonly by: string
  readonly action: LogAction
  /** The latest records of other writers that were seen. */
  readonly heads: readonly ChainPlace[]
  readonly unknown?: readonly RawField[]
}

/** Snapshots of a revoked writer that count. */
export const KEPT_SNAPSHOTS_MAX = 65_536
/** Packs of either kind attested in one record. */
export const ATTESTED_MAX = 65_536
const NUMBERS = {
  forget: 1,
  revoke: 2,
  attest: 3,
  prune: 4,
  note: 5,
  accept: 6,
  policy: 7,
  hold: 8,
  recall: 9,
  rewrite: 10,
  rotate: 11,
  'remove-slot': 12,
  destroy: 13,
  repair: 14,
  'forget-damaged': 18,
} as const

/** The plaintext of the sealed part. */
export function encodeLogBody({ time, by, action, heads, unknown }: LogBody): Uint8Array {
  limitCount(heads, HEADS_MAX, 'writers')
  const w = new CborWriter(1024).openMap()
  w.key(0).timespec(time)
  w.key(1).text(limitedText(by, SHORT_TEXT_MAX, 'who keeps a log'))
  w.key(2).uint(action.kind === 'unknown' ? action.number : NUMBERS[action.kind])
  w.key(3).openMap()
  writeAction(w, action)
  w.rawFields(action.unknown).closeMap()
  if (heads.length > 0) writePlaces(w.key(4), heads)
  return w.rawFields(unknown).closeMap().finish()
}

/** Reads the plaintext of the sealed part; `corrupt` naming `subject`. Byte strings are views of `bytes`. */
export function decodeLogBody(bytes: Uint8Array, subject: string): LogBody {
  const r = new CborReader(bytes, subject)
  const b: { -readonly [K in keyof LogBody]?: LogBody[K] } = {}
  let number: number | undefined
  const unknown = r.fields((key) => {
    if (key === 0) b.time = r.timespec()
    else if (key === 1) b.by = r.text(SHORT_TEXT_MAX)
    else if (key === 2) number = r.uint()
    else if (key === 3) b.action = readAction(r, need(r, number, 'kind'))
    else if (key === 4) b.heads = readFilledList(r, HEADS_MAX, () => readPlace(r))
    else return false
    return true
  })
  r.end()
  return {
    time: need(r, b.time, 'time'),
    by: need(r, b.by, 'word on who did it'),
    action: need(r, b.action, 'word on what was done'),
    heads: b.heads ?? [],
    ...withUnknown(unknown),
  }
}

function writeAction(w: CborWriter, action: LogAction): void {
  switch (action.kind) {
    case 'forget':
    case 'forget-damaged':
    case 'recall':
    case 'policy':
    case 'hold':
    case 'rewrite':
      return writeRetentionAction(w, action)
    case 'rotate':
    case 'remove-slot':
    case 'destroy':
      return writeKeyAction(w, action)
    case 'revoke':
      assert(action.wid.length === ID_SIZE && action.fromSeq >= 1, 'a writer is revoked from one of its snapshots on')
      w.key(0).bytes(action.wid)
      w.key(1).uint(action.fromSeq)
      writeText(w, 2, action.reason)
      writeHashes(w.key(3), action.snapshots)
      if (action.lastRecord !== undefined) w.key(4).array(2).uint(action.lastRecord.seq).bytes(action.lastRecord.hash)
      return
    case 'attest':
      writeAttested(w.key(0), action.dataPacks)
      writeAttested(w.key(1), action.metaPacks)
      return
    case 'prune':
      assert(action.pid.length === ID_SIZE, 'the id of a plan has 16 bytes')
      w.key(0).bytes(action.pid)
      w.key(1).uint(action.dataPacks)
      w.key(2).uint(action.metaPacks)
      w.key(3).uint(action.bytes)
      return
    case 'note':
      return writeText(w, 0, action.text)
    case 'accept':
      writePlaces(w.key(0), action.snapshots)
      writePlaces(w.key(1), action.records)
      return writeText(w, 2, action.reason)
    case 'repair':
      return writeRepairAction(w, action)
    case 'unknown':
      return
  }
}

function readAction(r: CborReader, number: number): LogAction {
  switch (number) {
    case NUMBERS.forget:
      return readSnapshotsAction(r, 'forget')
    case NUMBERS['forget-damaged']:
      return readSnapshotsAction(r, 'forget-damaged')
    case NUMBERS.policy:
      return readPolicyAction(r)
    case NUMBERS.hold:
      return readHoldAction(r)
    case NUMBERS.rewrite:
      return readRewriteAction(r)
    case NUMBERS.recall:
      return readSnapshotsAction(r, 'recall')
    case NUMBERS.rotate:
      return readKeyAction(r, 'rotate')
    case NUMBERS['remove-slot']:
      return readKeyAction(r, 'remove-slot')
    case NUMBERS.destroy:
      return readKeyAction(r, 'destroy')
    case NUMBERS.revoke:
      return readRevoke(r)
    case NUMBERS.attest:
      return readAttest(r)
    case NUMBERS.prune:
      return readPrune(r)
    case NUMBERS.note:
      return readNote(r)
    case NUMBERS.accept:
      return readAccept(r)
    case NUMBERS.repair:
      return readRepairAction(r)
    default:
      return { kind: 'unknown', number, ...withUnknown(r.fields(() => false)) }
  }
}

function readRevoke(r: CborReader): LogAction {
  let wid: Uint8Array | undefined
  let fromSeq: number | undefined
  let reason: string | undefined
  let snapshots: Uint8Array[] | undefined
  let lastRecord: RecordPlace | undefined
  const unknown = r.fields((key) => {
    if (key === 0) wid = r.fixed(ID_SIZE)
    else if (key === 1) fromSeq = r.uint(SEQ_MAX)
    else if (key === 2) reason = r.text(LOG_TEXT_MAX)
    else if (key === 3) snapshots = readHashes(r)
    else if (key === 4) lastRecord = readTuple(r, 2, () => ({ seq: readNumber(r), hash: r.fixed(HASH_SIZE) }))
    else return false
    return true
  })
  if (fromSeq === 0) throw r.corrupt('revokes from a snapshot 0 on,')
  return {
    kind: 'revoke',
    wid: need(r, wid, 'writer'),
    fromSeq: need(r, fromSeq, 'first number'),
    snapshots: need(r, snapshots, 'list of snapshots'),
    ...(lastRecord !== undefined && { lastRecord }),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
}

function readNumber(r: CborReader): number {
  const number = r.uint(SEQ_MAX)
  if (number === 0) throw r.corrupt('names a record 0,')
  return number
}

function readAttest(r: CborReader): LogAction {
  let dataPacks: AttestedPack[] | undefined
  let metaPacks: AttestedPack[] | undefined
  const unknown = r.fields((key) => {
    if (key === 0) dataPacks = readAttested(r)
    else if (key === 1) metaPacks = readAttested(r)
    else return false
    return true
  })
  return {
    kind: 'attest',
    dataPacks: need(r, dataPacks, 'list of data packs'),
    metaPacks: need(r, metaPacks, 'list of meta packs'),
    ...withUnknown(unknown),
  }
}

function readPrune(r: CborReader): LogAction {
  let pid: Uint8Array | undefined
  let dataPacks: number | undefined
  let metaPacks: number | undefined
  let bytes: number | undefined
  const unknown = r.fields((key) => {
    if (key === 0) pid = r.fixed(ID_SIZE)
    else if (key === 1) dataPacks = r.uint()
    else if (key === 2) metaPacks = r.uint()
    else if (key === 3) bytes = r.uint()
    else return false
    return true
  })
  return {
    kind: 'prune',
    pid: need(r, pid, 'plan'),
    dataPacks: need(r, dataPacks, 'count of data packs'),
    metaPacks: need(r, metaPacks, 'count of meta packs'),
    bytes: need(r, bytes, 'count of bytes'),
    ...withUnknown(unknown),
  }
}

function readNote(r: CborReader): LogAction {
  let text: string | undefined
  const unknown = r.fields((key) => {
    if (key !== 0) return false
    text = r.text(LOG_TEXT_MAX)
    return true
  })
  return { kind: 'note', text: need(r, text, 'text'), ...withUnknown(unknown) }
}

function readAccept(r: CborReader): LogAction {
  let snapshots: ChainPlace[] | undefined
  let records: ChainPlace[] | undefined
  let reason: string | undefined
  const unknown = r.fields((key) => {
    if (key === 0) snapshots = readList(r, LOG_PLACES_MAX, () => readPlace(r))
    else if (key === 1) records = readList(r, LOG_PLACES_MAX, () => readPlace(r))
    else if (key === 2) reason = r.text(LOG_TEXT_MAX)
    else return false
    return true
  })
  return {
    kind: 'accept',
    snapshots: need(r, snapshots, 'list of snapshots'),
    records: need(r, records, 'list of records'),
    ...withReason(reason),
    ...withUnknown(unknown),
  }
}

function writeHashes(w: CborWriter, hashes: readonly Uint8Array[]): void {
  limitCount(hashes, KEPT_SNAPSHOTS_MAX, 'snapshots in one record')
  const sorted = hashes.toSorted(compareBytes)
  assert(ascend(sorted) && sorted.every((one) => one.length === HASH_SIZE), 'the snapshots of a record differ')
  writeList(w, sorted, (one) => w.bytes(one))
}

function readHashes(r: CborReader): Uint8Array[] {
  const hashes = readList(r, KEPT_SNAPSHOTS_MAX, () => r.fixed(HASH_SIZE))
  if (!ascend(hashes)) throw r.corrupt('has snapshots out of order')
  return hashes
}

function writeAttested(w: CborWriter, packs: readonly AttestedPack[]): void {
  limitCount(packs, ATTESTED_MAX, 'packs in one record')
  const sorted = packs.toSorted((a, b) => compareBytes(a.hash, b.hash))
  assert(ascend(sorted.map((one) => one.hash)), 'the packs of a record differ')
  writeList(w, sorted, ({ hash, tables }) => {
    assert(hash.length === HASH_SIZE && tables.length === HASH_SIZE, 'a pack is attested by two hashes')
    w.array(2).bytes(hash).bytes(tables)
  })
}

function readAttested(r: CborReader): AttestedPack[] {
  const packs = readList(r, ATTESTED_MAX, () =>
    readTuple(r, 2, () => ({ hash: r.fixed(HASH_SIZE), tables: r.fixed(HASH_SIZE) })),
  )
  if (!ascend(packs.map((one) => one.hash))) throw r.corrupt('has packs out of order')
  return packs
}
