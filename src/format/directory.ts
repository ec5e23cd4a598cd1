// docs/format.md, 4: what a pack says of itself, at its end: the directory, and the trailer that tells where it lies.
//
//   offset  size  field of a directory
//   0       2     number of sessions s
//   2       2     number of blocks b
//   4       4     number of blobs n
//   8       16 s  session ids
//           15 b  blocks    \
//           24 n  locators   > block-table.ts
//            4 n  lengths   /
//
//   offset  size  field of a trailer
//   0       4     offset of the directory
//   4       4     stored length of the directory
//   8       4     length of the whole pack
//   12      4     length of the parity between directory and trailer; 0 in this version
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import type { Sealer } from '../crypto/seal.ts'
import { BLOBS_MAX, countBlobs, readTables, tablesSize, writeTables } from './block-table.ts'
import type { DirectoryBlock, PlacedBlock } from './block-table.ts'
import { readU16, readU32, writeU16, writeU32 } from './integers.ts'
import { ID_SIZE } from './names.ts'
import { HEADER_SIZE, SEALED_TYPES } from './object-header.ts'

export type { DirectoryBlock, PlacedBlock } from './block-table.ts'

export interface PackDirectory {
  /** Ids of the sessions whose keys seal the blocks, 16 bytes each. */
  readonly sessions: readonly Uint8Array[]
  readonly blocks: readonly DirectoryBlock[]
}

export interface DecodedDirectory extends PackDirectory {
  readonly blocks: readonly PlacedBlock[]
}

export interface PackTrailer {
  readonly directoryOffset: number
  /** With the 40 bytes of the seal. */
  readonly directoryLength: number
  readonly packLength: number
}

const DIRECTORY_HEAD_SIZE = 8
const TRAILER_SIZE = 16
/** Bytes at the end of a pack that hold the sealed trailer. */
export const TRAILER_STORED_SIZE = TRAILER_SIZE + SEAL_OVERHEAD
/** Sessions whose blocks one pack holds: repacking joins blocks of many runs. */
export const PACK_SESSIONS_MAX = 4096
/** 64 MiB, the largest object of a repository. */
export const PACK_SIZE_MAX = 64 * 1024 * 1024
const NO_CONTEXT = new Uint8Array()

/** Bytes of a directory of so many parts, without its seal: a writer keeps room for it. */
export function directorySize(sessions: number, blocks: number, blobs: number): number {
  return DIRECTORY_HEAD_SIZE + sessions * ID_SIZE + tablesSize(blocks, blobs)
}

/** The plaintext of a directory. */
export function encodeDirectory({ sessions, blocks }: PackDirectory): Uint8Array {
  assert(sessions.length <= PACK_SESSIONS_MAX, `a pack has blocks of at most ${PACK_SESSIONS_MAX} sessions`)
  const blobs = countBlobs(blocks)
  const bytes = new Uint8Array(directorySize(sessions.length, blocks.length, blobs))
  writeU16(bytes, 0, sessions.length)
  writeU16(bytes, 2, blocks.length)
  writeU32(bytes, 4, blobs)
  const at = writeSessions(bytes, DIRECTORY_HEAD_SIZE, sessions)
  writeTables(bytes, at, blocks, { sessions: sessions.length, end: PACK_SIZE_MAX })
  return bytes
}

/**
 * Reads the plaintext of a directory that lies at `directoryOffset` of its pack; `corrupt` naming `subject` if it breaks
 * any rule. Session ids and locators are views of `bytes`.
 */
export function decodeDirectory(bytes: Uint8Array, directoryOffset: number, subject: string): DecodedDirectory {
  const corrupt = (why: string) => new BackupError('corrupt', `pack directory ${why}`, subject)
  if (bytes.length < DIRECTORY_HEAD_SIZE) throw corrupt(`has ${bytes.length} bytes`)
  const sessionCount = readU16(bytes, 0)
  const blockCount = readU16(bytes, 2)
  const blobs = readU32(bytes, 4)
  if (sessionCount > PACK_SESSIONS_MAX) throw corrupt(`lists ${sessionCount} sessions`)
  if (blobs > BLOBS_MAX) throw corrupt(`lists ${blobs} blobs`)
  const size = directorySize(sessionCount, blockCount, blobs)
  if (bytes.length !== size) throw corrupt(`has ${bytes.length} bytes where its counts make ${size}`)
  const sessions = readSessions(bytes, DIRECTORY_HEAD_SIZE, sessionCount)
  const at = DIRECTORY_HEAD_SIZE + sessionCount * ID_SIZE
  const blocks = readTables(bytes, at, blockCount, blobs, { sessions: sessionCount, end: directoryOffset }, subject)
  return { sessions, blocks }
}

/** The directory as it is stored; `sealer` is of `K_idx`. */
export function sealDirectory(directory: PackDirectory, sealer: Sealer): Uint8Array {
  return sealer.seal(SEALED_TYPES.directory, NO_CONTEXT, encodeDirectory(directory))
}

export function openDirectory(
  sealed: Uint8Array,
  directoryOffset: number,
  subject: string,
  sealer: Sealer,
): DecodedDirectory {
  const bytes = sealer.open(SEALED_TYPES.directory, NO_CONTEXT, sealed, subject)
  return decodeDirectory(bytes, directoryOffset, subject)
}

/** The plaintext of a trailer. */
export function encodeTrailer(trailer: PackTrailer): Uint8Array {
  const flaw = trailerFlaw(trailer, 0)
  assert(flaw === undefined, `a trailer to be written ${flaw}`)
  const bytes = new Uint8Array(TRAILER_SIZE)
  writeU32(bytes, 0, trailer.directoryOffset)
  writeU32(bytes, 4, trailer.directoryLength)
  writeU32(bytes, 8, trailer.packLength)
  return bytes
}

/** Reads the plaintext of a trailer; `corrupt` naming `subject` if its numbers do not fit together. */
export function decodeTrailer(bytes: Uint8Array, subject: string): PackTrailer {
  if (bytes.length !== TRAILER_SIZE) {
    throw new BackupError('corrupt', `pack trailer has ${bytes.length} bytes, not ${TRAILER_SIZE}`, subject)
  }
  const trailer = {
    directoryOffset: readU32(bytes, 0),
    directoryLength: readU32(bytes, 4),
    packLength: readU32(bytes, 8),
  }
  const flaw = trailerFlaw(trailer, readU32(bytes, 12))
  if (flaw !== undefined) throw new BackupError('corrupt', `pack trailer ${flaw}`, subject)
  return trailer
}

/** The trailer as it is stored; `sealer` is of `K_idx`. */
export function sealTrailer(trailer: PackTrailer, sealer: Sealer): Uint8Array {
  return sealer.seal(SEALED_TYPES.trailer, NO_CONTEXT, encodeTrailer(trailer))
}

export function openTrailer(sealed: Uint8Array, subject: string, sealer: Sealer): PackTrailer {
  return decodeTrailer(sealer.open(SEALED_TYPES.trailer, NO_CONTEXT, sealed, subject), subject)
}

function trailerFlaw(
  { directoryOffset, directoryLength, packLength }: PackTrailer,
  parity: number,
): string | undefined {
  if (packLength > PACK_SIZE_MAX) return `tells a length of ${packLength} bytes`
  if (directoryOffset < HEADER_SIZE || directoryLength < DIRECTORY_HEAD_SIZE + SEAL_OVERHEAD) {
    return `tells of a directory of ${directoryLength} bytes at ${directoryOffset}`
  }
  const end = directoryOffset + directoryLength + parity + TRAILER_STORED_SIZE
  return end === packLength ? undefined : `tells a length of ${packLength} bytes, its parts end at ${end}`
}

export function writeSessions(bytes: Uint8Array, at: number, sessions: readonly Uint8Array[]): number {
  for (const sid of sessions) {
    assert(sid.length === ID_SIZE, 'a session id has 16 bytes')
    bytes.set(sid, at)
    at += ID_SIZE
  }
  return at
}

export function readSessions(bytes: Uint8Array, at: number, count: number): Uint8Array[] {
  const sessions: Uint8Array[] = []
  for (let i = 0; i < count; i++, at += ID_SIZE) sessions.push(bytes.subarray(at, at + ID_SIZE))
  return sessions
}
