// docs/format.md, 4 and 5: the tables of blocks and blobs that pack directories and index segments share. Neither holds
// an offset: block i begins where i - 1 ended, the first after the pack's header, and blobs follow one another in a
// block. So a table cannot describe parts that overlap.
//
//   size  field of a block                       then, for all blobs of the pack in order
//   4     stored length, with its seal           24 n  locators
//   4     plain length                            4 n  lengths
//   1     codec: 0 stored, 1 zstd, 2 LZ4, 3 xz
//   2     ordinal of its session
//   4     number of blobs
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import { readU16, readU32, writeU16, writeU32 } from './integers.ts'
import { HEADER_SIZE } from './object-header.ts'

/** Bytes of a locator, by which directories and the index name a blob. */
export const LOCATOR_SIZE = 24
const BLOB_RECORD_SIZE = LOCATOR_SIZE + 4
export const BLOCK_RECORD_SIZE = 15
/** Plaintext bytes of a block: four times the largest average chunk; bounds what a reader allocates. */
export const BLOCK_PLAIN_MAX = 16 * 1024 * 1024
/** Blocks of a pack: 64 MiB in blocks of 1 KiB. */
export const BLOCKS_MAX = 65_535
/** Blobs of a pack: 64 MiB in blobs of 64 bytes. */
export const BLOBS_MAX = 1_048_576

export const CODEC_STORED = 0
export const CODEC_ZSTD = 1
export const CODEC_LZ4 = 2
export const CODEC_XZ = 3
/** Higher ones belong to later versions. */
const CODEC_MAX = CODEC_XZ

/** A block of a pack as a table describes it. */
export interface DirectoryBlock {
  /** Bytes in the pack, with the 40 of the seal. */
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  /** Which of the table's sessions has the key. */
  readonly session: number
  /** Locators of its blobs, 24 bytes each. */
  readonly locs: Uint8Array
  /** Plain lengths of its blobs in bytes. */
  readonly lengths: Uint32Array
}

/** A block with its place in the pack, which the order of the table gives. */
export interface PlacedBlock extends DirectoryBlock {
  readonly offset: number
}

/** Bytes of the tables of one pack. */
export function tablesSize(blocks: number, blobs: number): number {
  return blocks * BLOCK_RECORD_SIZE + blobs * BLOB_RECORD_SIZE
}

export function countBlobs(blocks: readonly DirectoryBlock[]): number {
  let blobs = 0
  for (const block of blocks) blobs += block.lengths.length
  return blobs
}

/** Writes the tables at `at`; returns where they end. Tables that break a rule are a bug. */
export function writeTables(
  out: Uint8Array,
  at: number,
  blocks: readonly DirectoryBlock[],
  bounds: { readonly sessions: number; readonly end: number },
): number {
  assert(blocks.length <= BLOCKS_MAX, `a pack has at most ${BLOCKS_MAX} blocks`)
  assert(countBlobs(blocks) <= BLOBS_MAX, `a pack has at most ${BLOBS_MAX} blobs`)
  const flaw = tablesFlaw(blocks, bounds, 'table to be written')
  assert(flaw === undefined, `table to be written: ${flaw}`)
  for (const { storedLength, plainLength, codec, session, lengths } of blocks) {
    writeU32(out, at, storedLength)
    writeU32(out, at + 4, plainLength)
    out[at + 8] = codec
    writeU16(out, at + 9, session)
    writeU32(out, at + 11, lengths.length)
    at += BLOCK_RECORD_SIZE
  }
  for (const { locs } of blocks) {
    out.set(locs, at)
    at += locs.length
  }
  for (const { lengths } of blocks) for (let i = 0; i < lengths.length; i++, at += 4) writeU32(out, at, lengths[i]!)
  return at
}

/**
 * Reads the tables of `blockCount` blocks and `blobs` blobs at `at`, which the caller has found to lie in `bytes`.
 * Locators are views of `bytes`. `corrupt` or, for a codec of a later version, `unsupported`, naming `subject`.
 */
export function readTables(
  bytes: Uint8Array,
  at: number,
  blockCount: number,
  blobs: number,
  bounds: { readonly sessions: number; readonly end: number },
  subject: string,
): PlacedBlock[] {
  const locsAt = at + blockCount * BLOCK_RECORD_SIZE
  const lengths = readLengths(bytes, locsAt + blobs * LOCATOR_SIZE, blobs)
  const blocks: PlacedBlock[] = []
  let offset = HEADER_SIZE
  let blob = 0
  for (let i = 0; i < blockCount; i++, at += BLOCK_RECORD_SIZE) {
    const storedLength = readU32(bytes, at)
    const count = readU32(bytes, at + 11)
    if (count > blobs - blob) throw broken(`block ${i} has ${count} blobs where ${blobs - blob} are left`, subject)
    blocks.push({
      storedLength,
      plainLength: readU32(bytes, at + 4),
      codec: bytes[at + 8]!,
      session: readU16(bytes, at + 9),
      locs: bytes.subarray(locsAt + blob * LOCATOR_SIZE, locsAt + (blob + count) * LOCATOR_SIZE),
      lengths: lengths.subarray(blob, blob + count),
      offset,
    })
    offset += storedLength
    blob += count
  }
  if (blob !== blobs) throw broken(`${blobs - blob} blobs belong to no block`, subject)
  const flaw = tablesFlaw(blocks, bounds, subject)
  if (flaw !== undefined) throw broken(flaw, subject)
  return blocks
}

function readLengths(bytes: Uint8Array, at: number, count: number): Uint32Array {
  const lengths = new Uint32Array(count)
  for (let i = 0; i < count; i++, at += 4) lengths[i] = readU32(bytes, at)
  return lengths
}

function tablesFlaw(
  blocks: readonly DirectoryBlock[],
  { sessions, end }: { readonly sessions: number; readonly end: number },
  subject: string,
): string | undefined {
  let offset = HEADER_SIZE
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i]!
    if (block.codec > CODEC_MAX) {
      throw new BackupError('unsupported', `block ${i} has unknown codec ${block.codec}`, subject)
    }
    const flaw = blockFlaw(block, sessions)
    if (flaw !== undefined) return `block ${i} ${flaw}`
    offset += block.storedLength
    if (offset > end) return `block ${i} ends at ${offset}, past ${end}`
  }
  return undefined
}

function blockFlaw(block: DirectoryBlock, sessions: number): string | undefined {
  const { storedLength, plainLength, codec, session, locs, lengths } = block
  if (plainLength > BLOCK_PLAIN_MAX) return `has ${plainLength} bytes of plaintext, more than ${BLOCK_PLAIN_MAX}`
  const packed = storedLength - SEAL_OVERHEAD
  // A compressed block is smaller than its plaintext, else it would have been stored as it is.
  const fits = codec === CODEC_STORED ? packed === plainLength : packed > 0 && packed < plainLength
  if (!fits) return `has ${storedLength} bytes stored for ${plainLength} of plaintext and codec ${codec}`
  if (session >= sessions) return `is of session ${session} of ${sessions}`
  if (lengths.length === 0) return 'has no blobs'
  if (locs.length !== lengths.length * LOCATOR_SIZE) return `has ${locs.length} bytes of locators`
  let plain = 0
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i] === 0) return `has an empty blob`
    plain += lengths[i]!
  }
  return plain === plainLength ? undefined : `has ${plainLength} bytes, its blobs have ${plain}`
}

function broken(what: string, subject: string): BackupError {
  return new BackupError('corrupt', `table of blocks is inconsistent (${what})`, subject)
}
