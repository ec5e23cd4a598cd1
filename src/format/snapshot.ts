// docs/format.md, 7: the object that makes a backup: it names the tree, and it is signed.
//
//   offset  size  field
//   0       8     header
//   8       16    repository id
//   24      16    writer id
//   40      8     sequence number of the writer's snapshots, from 1
//   48      32    hash of the writer's snapshot before, zeros when there is none
//   80      16    session id, which leads to the key of the sealed part
//   96      2     length s of the sealed summary
//   98      s     seal(K_rep, 41, bytes 8 to 96, summary)
//   98 + s  n     seal(SK_meta, 4, bytes 8 to 96, body)
//           64    signature over all bytes before it
//
// The first 98 bytes are in the clear, so that an operator without keys can check chains and signatures.
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SIGNATURE_SIZE } from '../crypto/signing.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { CHAIN_HEAD_END, encodeChainHead, readChainHead } from './chain-head.ts'
import type { ChainHead } from './chain-head.ts'
import { readU16, writeU16 } from './integers.ts'
import { ID_SIZE, snapshotName } from './names.ts'
import { checkHeader, HEADER_SIZE, OBJECT_TYPES, SEALED_TYPES } from './object-header.ts'
import { checkSignedObject, checkSuite, checkWriterId, signObject, writerIdOf } from './signed-object.ts'
import { decodeSnapshotBody, encodeSnapshotBody } from './snapshot-body.ts'
import type { SnapshotBody } from './snapshot-body.ts'
import { decodeSummary, encodeSummary, SUMMARY_SIZE_MAX, summaryOf } from './snapshot-summary.ts'
import type { SnapshotSummary } from './snapshot-summary.ts'

export * from './snapshot-body.ts'

/** The part in the clear. */
export interface SnapshotHead extends ChainHead {
  readonly sid: Uint8Array
}

export interface Snapshot {
  readonly head: SnapshotHead
  readonly body: SnapshotBody
}

const HEAD_END = 96
/** Bytes of a snapshot: 1,000 troubles with the longest paths of Linux and some text are 5 MiB. */
export const SNAPSHOT_SIZE_MAX = 16 * 1024 * 1024

/**
 * The object's bytes. `sealer` is of the session's `SK_meta`, `reports` of the domain's `K_rep`, `signer` the writer's key,
 * from which the head gets `wid`. `limit` when it would be longer than SNAPSHOT_SIZE_MAX.
 */
export function encodeSnapshot(
  head: Omit<SnapshotHead, 'wid'>,
  body: SnapshotBody,
  { sealer, reports, signer }: { readonly sealer: Sealer; readonly reports: Sealer; readonly signer: SigningKey },
): Uint8Array {
  const clear = encodeHead({ ...head, wid: writerIdOf(signer.publicKey) })
  const summary = reports.seal(SEALED_TYPES.snapshotSummary, clear, encodeSummary(summaryOf(body)))
  const length = new Uint8Array(2)
  writeU16(length, 0, summary.length)
  const sealed = sealer.seal(OBJECT_TYPES.snapshot, clear, encodeSnapshotBody(body))
  const bytes = signObject(OBJECT_TYPES.snapshot, sealer.suite, [clear, length, summary, sealed], signer)
  if (bytes.length > SNAPSHOT_SIZE_MAX) {
    throw new BackupError(
      'limit',
      `snapshot needs ${bytes.length} bytes, at most ${SNAPSHOT_SIZE_MAX} are allowed`,
      'new snapshot',
    )
  }
  return bytes
}

/** The name under which a snapshot is put. */
export function snapshotNameOf(bytes: Uint8Array): string {
  const { wid, seq } = readSnapshotHead(bytes, 'new snapshot')
  return snapshotName(wid, seq, hash(bytes))
}

/** The part in the clear, with its suite. Needs no key and proves nothing; `corrupt` where it names another `repoId`. */
export function readSnapshotHead(
  bytes: Uint8Array,
  subject: string,
  repoId?: Uint8Array,
): SnapshotHead & { readonly suite: Suite } {
  const suite = checkHeader(bytes, OBJECT_TYPES.snapshot, subject)
  if (bytes.length < HEAD_END + 2 + 2 * SEAL_OVERHEAD + SIGNATURE_SIZE || bytes.length > SNAPSHOT_SIZE_MAX) {
    throw new BackupError('corrupt', `snapshot has ${bytes.length} bytes`, subject)
  }
  return { ...readChainHead(bytes, 'snapshot', subject, repoId), sid: bytes.slice(CHAIN_HEAD_END, HEAD_END), suite }
}

/** Checks the signature without any secret; gives the part in the clear, which is then true. */
export function verifySnapshot(
  bytes: Uint8Array,
  subject: string,
  { publicKey, repoId }: { readonly publicKey: Uint8Array; readonly repoId: Uint8Array },
): SnapshotHead & { readonly suite: Suite } {
  checkSignedObject(OBJECT_TYPES.snapshot, bytes, subject, publicKey)
  const head = readSnapshotHead(bytes, subject, repoId)
  checkWriterId(head.wid, publicKey, subject)
  return head
}

/** Checks and opens a snapshot: signature, repository, seal and every rule; otherwise `corrupt` naming `subject`. */
export function decodeSnapshot(
  bytes: Uint8Array,
  subject: string,
  keys: { readonly publicKey: Uint8Array; readonly repoId: Uint8Array; readonly sealer: Sealer },
): Snapshot {
  const { suite, ...head } = verifySnapshot(bytes, subject, keys)
  checkSuite(suite, keys.sealer, subject)
  const clear = bytes.subarray(HEADER_SIZE, HEAD_END)
  const sealed = bytes.subarray(summaryEnd(bytes, subject), bytes.length - SIGNATURE_SIZE)
  const body = keys.sealer.open(OBJECT_TYPES.snapshot, clear, sealed, subject)
  return { head, body: decodeSnapshotBody(body, subject) }
}

/** The same for who may only know the summary; `reports` is of `K_rep`. */
export function decodeSnapshotSummary(
  bytes: Uint8Array,
  subject: string,
  keys: { readonly publicKey: Uint8Array; readonly repoId: Uint8Array; readonly reports: Sealer },
): { readonly head: SnapshotHead; readonly summary: SnapshotSummary } {
  const { suite, ...head } = verifySnapshot(bytes, subject, keys)
  checkSuite(suite, keys.reports, subject)
  const clear = bytes.subarray(HEADER_SIZE, HEAD_END)
  const sealed = bytes.subarray(HEAD_END + 2, summaryEnd(bytes, subject))
  const summary = keys.reports.open(SEALED_TYPES.snapshotSummary, clear, sealed, subject)
  return { head, summary: decodeSummary(summary, subject) }
}

/** Where the summary ends and the body begins. */
function summaryEnd(bytes: Uint8Array, subject: string): number {
  const length = readU16(bytes, HEAD_END)
  const end = HEAD_END + 2 + length
  if (length < SEAL_OVERHEAD || length > SUMMARY_SIZE_MAX || end + SEAL_OVERHEAD + SIGNATURE_SIZE > bytes.length) {
    throw new BackupError('corrupt', `snapshot has a summary of ${length} bytes`, subject)
  }
  return end
}

function encodeHead({ sid, ...chain }: SnapshotHead): Uint8Array {
  assert(sid.length === ID_SIZE, 'ids have 16 bytes')
  return concatBytes([encodeChainHead(chain), sid])
}
