// What objects that form a chain begin with, in the clear (docs/format.md, 7 and 9.2): a writer numbers its snapshots and
// its log records, and each names the one before.
//
//   offset  size  field
//   8       16    repository id
//   24      16    writer id
//   40      8     sequence number, from 1
//   48      32    hash of the one before, zeros when there is none
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { readU64, writeU64 } from './integers.ts'
import { ID_SIZE, SEQ_MAX } from './names.ts'
import { HEADER_SIZE } from './object-header.ts'

export interface ChainHead {
  readonly repoId: Uint8Array
  readonly wid: Uint8Array
  readonly seq: number
  /** Hash of the writer's object `seq - 1`; 32 zeros when `seq` is 1. */
  readonly previous: Uint8Array
}

/** Where the head ends in an object. */
export const CHAIN_HEAD_END = 80
const FIRST_PREVIOUS = new Uint8Array(HASH_SIZE)

/** What follows the header of the object. */
export function encodeChainHead({ repoId, wid, seq, previous }: ChainHead): Uint8Array {
  assert(repoId.length === ID_SIZE && wid.length === ID_SIZE, 'ids have 16 bytes')
  assert(seq >= 1 && seq <= SEQ_MAX && previous.length === HASH_SIZE, 'it has its place in a chain')
  assert(equalBytes(previous, FIRST_PREVIOUS) === (seq === 1), 'the first, and no other, follows none')
  const clear = new Uint8Array(CHAIN_HEAD_END - HEADER_SIZE)
  clear.set(repoId, 0)
  clear.set(wid, 16)
  writeU64(clear, 32, seq)
  clear.set(previous, 40)
  return clear
}

/** Reads it out of an object that is long enough. `what` names the kind; `corrupt` where it names another `repoId`. */
export function readChainHead(bytes: Uint8Array, what: string, subject: string, repoId?: Uint8Array): ChainHead {
  const corrupt = (why: string) => new BackupError('corrupt', `${what} ${why}`, subject)
  if (repoId !== undefined && !equalBytes(bytes.subarray(HEADER_SIZE, 24), repoId)) {
    throw corrupt('belongs to another repository')
  }
  const seq = readU64(bytes, 40)
  if (seq < 1 || seq > SEQ_MAX) throw corrupt('has a sequence number out of range')
  const previous = bytes.slice(48, CHAIN_HEAD_END)
  if (equalBytes(previous, FIRST_PREVIOUS) !== (seq === 1)) throw corrupt(`${seq} does not continue its chain`)
  return { repoId: bytes.slice(HEADER_SIZE, 24), wid: bytes.slice(24, 40), seq, previous }
}
