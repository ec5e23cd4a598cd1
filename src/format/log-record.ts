// docs/format.md, 9: a record of maintenance. Each writer has a chain of them, as it has one of snapshots.
//
//   offset  size  field
//   0       8     header
//   8       16    repository id
//   24      16    writer id
//   40      8     sequence number of the writer's records, from 1
//   48      32    hash of the writer's record before, zeros when there is none
//   80      n     seal(K_idx, 10, bytes 8 to 80, body)
//   80 + n  64    signature over all bytes before it
//
// The first 80 bytes are in the clear, so that an operator without keys can check chains and signatures.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash, HASH_SIZE } from '../crypto/hash.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SIGNATURE_SIZE } from '../crypto/signing.ts'
import { readU64, writeU64 } from './integers.ts'
import { decodeLogBody, encodeLogBody } from './log-body.ts'
import type { LogBody } from './log-body.ts'
import { ID_SIZE, logName, SEQ_MAX } from './names.ts'
import { checkHeader, HEADER_SIZE, OBJECT_TYPES } from './object-header.ts'
import { checkSignedObject, checkSuite, checkWriterId, signObject, writerIdOf } from './signed-object.ts'
import type { SignedPartWriter } from './signed-object.ts'

export * from './log-body.ts'

/** The part in the clear. */
export interface LogRecordHead {
  readonly repoId: Uint8Array
  readonly wid: Uint8Array
  readonly seq: number
  /** Hash of the writer's record `seq - 1`; 32 zeros when `seq` is 1. */
  readonly previous: Uint8Array
}

export interface LogRecord {
  readonly head: LogRecordHead
  readonly body: LogBody
}

const HEAD_END = 80
/** Bytes of a record: 100,000 attested packs of either kind are 7 MB, the heads of 65,536 chains 4 MB. */
export const LOG_RECORD_SIZE_MAX = 16 * 1024 * 1024
const FIRST_PREVIOUS = new Uint8Array(HASH_SIZE)

/** The object's bytes. `sealer` is of `K_idx`, `signer` the writer's key, from which the head gets `wid`. */
export function encodeLogRecord(
  head: Omit<LogRecordHead, 'wid'>,
  body: LogBody,
  { sealer, signer }: SignedPartWriter,
): Uint8Array {
  const clear = encodeHead({ ...head, wid: writerIdOf(signer.publicKey) })
  const sealed = sealer.seal(OBJECT_TYPES.logRecord, clear, encodeLogBody(body))
  const bytes = signObject(OBJECT_TYPES.logRecord, sealer.suite, [clear, sealed], signer)
  if (bytes.length <= LOG_RECORD_SIZE_MAX) return bytes
  throw new BackupError(
    'limit',
    `log record needs ${bytes.length} bytes, at most ${LOG_RECORD_SIZE_MAX} are allowed`,
    'new log record',
  )
}

/** The name under which a record is put. */
export function logNameOf(bytes: Uint8Array): string {
  const { wid, seq } = readLogHead(bytes, 'new log record')
  return logName(wid, seq, hash(bytes))
}

/** The part in the clear. Needs no key and proves nothing; `corrupt` where it names another `repoId`. */
export function readLogHead(
  bytes: Uint8Array,
  subject: string,
  repoId?: Uint8Array,
): LogRecordHead & { readonly suite: Suite } {
  const suite = checkHeader(bytes, OBJECT_TYPES.logRecord, subject)
  const corrupt = (why: string) => new BackupError('corrupt', `log record ${why}`, subject)
  if (bytes.length < HEAD_END + SEAL_OVERHEAD + SIGNATURE_SIZE || bytes.length > LOG_RECORD_SIZE_MAX) {
    throw corrupt(`has ${bytes.length} bytes`)
  }
  if (repoId !== undefined && !equalBytes(bytes.subarray(HEADER_SIZE, 24), repoId)) {
    throw corrupt('belongs to another repository')
  }
  const seq = readU64(bytes, 40)
  if (seq < 1 || seq > SEQ_MAX) throw corrupt('has a sequence number out of range')
  const previous = bytes.slice(48, HEAD_END)
  if (equalBytes(previous, FIRST_PREVIOUS) !== (seq === 1)) throw corrupt(`${seq} does not continue its chain`)
  return { repoId: bytes.slice(HEADER_SIZE, 24), wid: bytes.slice(24, 40), seq, previous, suite }
}

/** Checks the signature without any secret; gives the part in the clear, which is then true. */
export function verifyLogRecord(
  bytes: Uint8Array,
  subject: string,
  { publicKey, repoId }: { readonly publicKey: Uint8Array; readonly repoId: Uint8Array },
): LogRecordHead & { readonly suite: Suite } {
  checkSignedObject(OBJECT_TYPES.logRecord, bytes, subject, publicKey)
  const head = readLogHead(bytes, subject, repoId)
  checkWriterId(head.wid, publicKey, subject)
  return head
}

/** Checks and opens a record: signature, repository, seal and every rule; otherwise `corrupt` naming `subject`. */
export function decodeLogRecord(
  bytes: Uint8Array,
  subject: string,
  keys: { readonly publicKey: Uint8Array; readonly repoId: Uint8Array; readonly sealer: Sealer },
): LogRecord {
  const { suite, ...head } = verifyLogRecord(bytes, subject, keys)
  checkSuite(suite, keys.sealer, subject)
  const sealed = bytes.subarray(HEAD_END, bytes.length - SIGNATURE_SIZE)
  const body = keys.sealer.open(OBJECT_TYPES.logRecord, bytes.subarray(HEADER_SIZE, HEAD_END), sealed, subject)
  return { head, body: decodeLogBody(body, subject) }
}

function encodeHead({ repoId, wid, seq, previous }: LogRecordHead): Uint8Array {
  assert(repoId.length === ID_SIZE && wid.length === ID_SIZE, 'ids have 16 bytes')
  assert(seq >= 1 && seq <= SEQ_MAX && previous.length === HASH_SIZE, 'a record has its place in a chain')
  assert(equalBytes(previous, FIRST_PREVIOUS) === (seq === 1), 'the first record, and no other, follows none')
  const clear = new Uint8Array(HEAD_END - HEADER_SIZE)
  clear.set(repoId, 0)
  clear.set(wid, 16)
  writeU64(clear, 32, seq)
  clear.set(previous, 40)
  return clear
}
