// Segments of an index of any size, made up and the same each time: locators are random as real ones are, and packs have the
// shapes that backups give them. Nine blobs of ten are small files in bundles of 200, 75 bundles to a pack of 32 MiB (source
// code, compressed); the others are chunks of a mebibyte, 31 to a pack.
import { createCipheriv } from 'node:crypto'
import { SEGMENT_BLOBS_MAX } from '../../src/format/index-segment.ts'
import type { DecodedIndexSegment, IndexedPack } from '../../src/format/index-segment.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import type { DirectoryBlock } from '../../src/format/block-table.ts'
import { HEADER_SIZE } from '../../src/format/object-header.ts'

const PACK_SIZE = 32 * 1024 * 1024
const BUNDLES = 75
const BUNDLE_BLOBS = 200
const SMALL_FILE = 10_000
const CHUNK = 1_000_000
const CHUNKS = 31
/** Packs of bundles in a segment: the rest of its blobs are chunks. */
const BUNDLE_PACKS = 4

/** Bytes that look random, by number. */
export function madeBytes(number: number, length: number): Uint8Array {
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(number, 0)
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), iv).update(Buffer.alloc(length))
}

/** How many segments have so many blobs. */
export function segmentsFor(blobs: number): number {
  return Math.ceil(blobs / SEGMENT_BLOBS_MAX)
}

/** Locators of a segment's blobs in the order in which they were stored. */
export function locatorsOf(segment: number): Uint8Array {
  return madeBytes(segment, SEGMENT_BLOBS_MAX * LOCATOR_SIZE)
}

/** A segment of 65,536 blobs, of one session. */
export function madeSegment(segment: number, sid: Uint8Array): DecodedIndexSegment {
  const locs = locatorsOf(segment)
  const packs: DecodedIndexSegment['packs'][number][] = []
  let blob = 0
  const take = (blocks: number, blobs: number, plain: number, stored: number): void => {
    const tables: (DirectoryBlock & { readonly offset: number })[] = []
    let offset = HEADER_SIZE
    for (let i = 0; i < blocks && blob < SEGMENT_BLOBS_MAX; i++) {
      const count = Math.min(blobs, SEGMENT_BLOBS_MAX - blob)
      const lengths = new Uint32Array(count).fill(plain)
      const storedLength = Math.floor(count * stored) + 40
      const part = locs.subarray(blob * LOCATOR_SIZE, (blob + count) * LOCATOR_SIZE)
      tables.push({ storedLength, plainLength: count * plain, codec: 1, session: 0, locs: part, lengths, offset })
      offset += storedLength
      blob += count
    }
    const hash = madeBytes(0x8000_0000 + segment * SEGMENT_BLOBS_MAX + packs.length, 32)
    packs.push({ hash, kind: 'data', size: PACK_SIZE, blocks: tables } satisfies IndexedPack)
  }
  for (let i = 0; i < BUNDLE_PACKS; i++) take(BUNDLES, BUNDLE_BLOBS, SMALL_FILE, SMALL_FILE / 5)
  while (blob < SEGMENT_BLOBS_MAX) take(CHUNKS, 1, CHUNK, CHUNK - 1)
  return { sessions: [sid], packs }
}
