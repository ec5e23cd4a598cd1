// docs/format.md, 5: an index segment, the directories of some packs in one object.
//
//   header (8) | wid (16) | seal(K_idx, 3, wid, body) | signature (64)
//
//   offset  size  field of the body
//   0       4     number of packs p
//   4       2     number of sessions s
//   6       2     number of packs not relied on d
//   8       16 s  session ids
//           32 d  hashes of data packs that are not relied on, ascending
//                 then p times:
//           32    hash in the pack's name
//           1     1 data, 2 meta
//           1     0
//           2     number of blocks b
//           4     number of blobs n
//           4     size of the pack
//           15 b  blocks    \
//           24 n  locators   > block-table.ts
//            4 n  lengths   /
import { assert } from '../base/assert.ts'
import { compareBytes, releaseMemory } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { BLOBS_MAX, countBlobs, readTables, tablesSize, writeTables } from './block-table.ts'
import type { DirectoryBlock, PlacedBlock } from './block-table.ts'
import { PACK_SIZE_MAX, readSessions, TRAILER_STORED_SIZE, writeSessions } from './directory.ts'
import { readU16, readU32, writeU16, writeU32 } from './integers.ts'
import { ID_SIZE } from './names.ts'
import type { PackKind } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { openSignedPart, sealSignedPart } from './signed-object.ts'
import type { SignedPartReader, SignedPartWriter } from './signed-object.ts'

export interface IndexedPack {
  /** The hash in its name, 32 bytes. */
  readonly hash: Uint8Array
  readonly kind: PackKind
  /** Bytes of the whole pack. */
  readonly size: number
  readonly blocks: readonly DirectoryBlock[]
}

export interface IndexSegment {
  readonly sessions: readonly Uint8Array[]
  readonly packs: readonly IndexedPack[]
  /**
   * Hashes of data packs in which something is not what the index says, 32 bytes each, ascending: what another pack has
   * too is taken from there. Absent when there are none.
   */
  readonly distrusted?: readonly Uint8Array[]
}

export interface DecodedIndexedPack extends IndexedPack {
  readonly blocks: readonly PlacedBlock[]
}

export interface DecodedIndexSegment extends IndexSegment {
  readonly packs: readonly DecodedIndexedPack[]
}

/** Packs of a segment. */
export const SEGMENT_PACKS_MAX = 4096
/** Packs that a segment says are not relied on. */
export const SEGMENT_DISTRUSTED_MAX = 4096
/** Blobs of a segment of more than one pack: about 2 MiB, so that no object grows with the repository. */
export const SEGMENT_BLOBS_MAX = 65_536
/** Bytes of a body: the largest pack's tables fit. */
const BODY_SIZE_MAX = 64 * 1024 * 1024
const BODY_HEAD_SIZE = 8
const PACK_HEAD_SIZE = HASH_SIZE + 12
const KINDS: readonly PackKind[] = ['data', 'meta']

/** The object's bytes. */
export function encodeIndexSegment(segment: IndexSegment, keys: SignedPartWriter): Uint8Array {
  return sealSignedPart(OBJECT_TYPES.indexSegment, encodeIndexBody(segment), keys)
}

/** Reads a segment: signature, seal and every rule are checked; otherwise `corrupt` naming `subject`. */
export function decodeIndexSegment(bytes: Uint8Array, subject: string, keys: SignedPartReader): DecodedIndexSegment {
  const { body } = openSignedPart(OBJECT_TYPES.indexSegment, bytes, subject, keys)
  return decodeIndexBody(body, subject)
}

/**
 * Gives the memory of a decoded segment back, for who reads a large index from end to end. Nothing of it may be used any more,
 * nor anything that was made of it and is no copy.
 */
export function releaseSegment({ packs }: DecodedIndexSegment): void {
  // Hashes and locators of all packs are views of one body.
  for (const { hash } of packs.slice(0, 1)) releaseMemory(hash)
}

/** The body alone, to be sealed; also how a client keeps the index on its own disk. */
export function encodeIndexBody({ sessions, packs, distrusted = [] }: IndexSegment): Uint8Array {
  assert(packs.length <= SEGMENT_PACKS_MAX, `a segment has at most ${SEGMENT_PACKS_MAX} packs`)
  assert(sessions.length <= 0xffff, 'a segment has at most 65,535 sessions')
  assert(distrusted.length <= SEGMENT_DISTRUSTED_MAX, `a segment distrusts at most ${SEGMENT_DISTRUSTED_MAX} packs`)
  let size = BODY_HEAD_SIZE + sessions.length * ID_SIZE + distrusted.length * HASH_SIZE
  let blobs = 0
  for (const pack of packs) {
    const count = countBlobs(pack.blocks)
    size += PACK_HEAD_SIZE + tablesSize(pack.blocks.length, count)
    blobs += count
  }
  assert(packs.length <= 1 || blobs <= SEGMENT_BLOBS_MAX, `a segment has at most ${SEGMENT_BLOBS_MAX} blobs`)
  const bytes = new Uint8Array(size)
  writeU32(bytes, 0, packs.length)
  writeU16(bytes, 4, sessions.length)
  writeU16(bytes, 6, distrusted.length)
  let at = writeSessions(bytes, BODY_HEAD_SIZE, sessions)
  for (const [i, hash] of distrusted.entries()) {
    assert(hash.length === HASH_SIZE, 'the name of a pack has a hash')
    assert(i === 0 || compareBytes(distrusted[i - 1]!, hash) < 0, 'hashes ascend')
    bytes.set(hash, at)
    at += HASH_SIZE
  }
  for (const pack of packs) at = writePack(bytes, at, pack, sessions.length)
  assert(at === size, 'the packs fill the body')
  return bytes
}

/** Reads a body; hashes, sessions and blob tables are views of `bytes`. */
export function decodeIndexBody(bytes: Uint8Array, subject: string): DecodedIndexSegment {
  const corrupt = (why: string) => new BackupError('corrupt', `index segment ${why}`, subject)
  if (bytes.length < BODY_HEAD_SIZE || bytes.length > BODY_SIZE_MAX) throw corrupt(`has ${bytes.length} bytes`)
  const packCount = readU32(bytes, 0)
  const sessionCount = readU16(bytes, 4)
  if (packCount > SEGMENT_PACKS_MAX) throw corrupt(`lists ${packCount} packs`)
  const distrustedCount = readU16(bytes, 6)
  if (distrustedCount > SEGMENT_DISTRUSTED_MAX) throw corrupt(`distrusts ${distrustedCount} packs`)
  const sessionsEnd = BODY_HEAD_SIZE + sessionCount * ID_SIZE
  let at = sessionsEnd + distrustedCount * HASH_SIZE
  if (at > bytes.length)
    throw corrupt(`ends within its ${sessionCount} sessions and ${distrustedCount} distrusted packs`)
  const sessions = readSessions(bytes, BODY_HEAD_SIZE, sessionCount)
  const distrusted: Uint8Array[] = []
  for (let from = sessionsEnd; from < at; from += HASH_SIZE) {
    const hash = bytes.subarray(from, from + HASH_SIZE)
    if (from > sessionsEnd && compareBytes(distrusted.at(-1)!, hash) >= 0) throw corrupt('distrusts packs out of order')
    distrusted.push(hash)
  }
  const packs: DecodedIndexedPack[] = []
  let blobs = 0
  for (let i = 0; i < packCount; i++) {
    const { pack, blobs: count, end } = readPack(bytes, at, sessionCount, subject)
    packs.push(pack)
    at = end
    blobs += count
    if (i > 0 && blobs > SEGMENT_BLOBS_MAX) throw corrupt(`lists more than ${SEGMENT_BLOBS_MAX} blobs`)
  }
  if (at !== bytes.length) throw corrupt(`has ${bytes.length - at} bytes too many`)
  return { sessions, packs, ...(distrusted.length > 0 && { distrusted }) }
}

function writePack(bytes: Uint8Array, at: number, pack: IndexedPack, sessions: number): number {
  const { hash, kind, size, blocks } = pack
  assert(hash.length === HASH_SIZE && size <= PACK_SIZE_MAX, 'a pack has a hash and a size up to 64 MiB')
  bytes.set(hash, at)
  bytes[at + 32] = KINDS.indexOf(kind) + 1
  writeU16(bytes, at + 34, blocks.length)
  writeU32(bytes, at + 36, countBlobs(blocks))
  writeU32(bytes, at + 40, size)
  return writeTables(bytes, at + PACK_HEAD_SIZE, blocks, { sessions, end: size - TRAILER_STORED_SIZE })
}

function readPack(
  bytes: Uint8Array,
  at: number,
  sessions: number,
  subject: string,
): { pack: DecodedIndexedPack; blobs: number; end: number } {
  const corrupt = (why: string) => new BackupError('corrupt', `index segment ${why} at byte ${at}`, subject)
  const tablesAt = at + PACK_HEAD_SIZE
  if (tablesAt > bytes.length) throw corrupt('ends within a pack')
  const kind = KINDS[bytes[at + 32]! - 1]
  if (kind === undefined || bytes[at + 33] !== 0) throw corrupt('has a pack of unknown kind')
  const blockCount = readU16(bytes, at + 34)
  const blobs = readU32(bytes, at + 36)
  const size = readU32(bytes, at + 40)
  if (blobs > BLOBS_MAX || size > PACK_SIZE_MAX) throw corrupt(`has a pack of ${size} bytes and ${blobs} blobs`)
  const end = tablesAt + tablesSize(blockCount, blobs)
  if (end > bytes.length) throw corrupt('ends within a pack')
  const bounds = { sessions, end: size - TRAILER_STORED_SIZE }
  const blocks = readTables(bytes, tablesAt, blockCount, blobs, bounds, subject)
  return { pack: { hash: bytes.subarray(at, at + HASH_SIZE), kind, size, blocks }, blobs, end }
}
