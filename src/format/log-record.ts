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
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SIGNATURE_SIZE } from '../crypto/signing.ts'
import { CHAIN_HEAD_END, encodeChainHead, readChainHead } from './chain-head.ts'
import type { ChainHead } from './chain-head.ts'
import { decodeLogBody, encodeLogBody } from './log-body.ts'
import type { LogBody } from './log-body.ts'
import { logName } from './names.ts'
import { checkHeader, HEADER_SIZE, OBJECT_TYPES } from './object-header.ts'
import { checkSignedObject, checkSuite, checkWriterId, signObject, writerIdOf } from './signed-object.ts'
import type { SignedPartWriter } from './signed-object.ts'

export * from './log-body.ts'

/** The part in the clear. */
export type LogRecordHead = ChainHead

export interface LogRecord {
  readonly head: LogRecordHead
  readonly body: LogBody
}

/** Bytes of a record: 65,536 attested packs of either kind are 9 MB, the heads of 65,536 chains 4 MB. */
export const LOG_RECORD_SIZE_MAX = 16 * 1024 * 1024

/** The object's bytes. `sealer` is of `K_idx`, `signer` the writer's key, from which the head gets `wid`. */
export function encodeLogRecord(
  head: Omit<LogRecordHead, 'wid'>,
  body: LogBody,
  { sealer, signer }: SignedPartWriter,
): Uint8Array {
  const clear = encodeChainHead({ ...head, wid: writerIdOf(signer.publicKey) })
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
  if (bytes.length < CHAIN_HEAD_END + SEAL_OVERHEAD + SIGNATURE_SIZE || bytes.length > LOG_RECORD_SIZE_MAX) {
    throw new BackupError('corrupt', `log record has ${bytes.length} bytes`, subject)
  }
  return { ...readChainHead(bytes, 'log record', subject, repoId), suite }
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
  const sealed = bytes.subarray(CHAIN_HEAD_END, bytes.length - SIGNATURE_SIZE)
  const body = keys.sealer.open(OBJECT_TYPES.logRecord, bytes.subarray(HEADER_SIZE, CHAIN_HEAD_END), sealed, subject)
  return { head, body: decodeLogBody(body, subject) }
}
