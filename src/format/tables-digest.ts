// docs/format.md, 9.2: what stands for the table of blocks of a pack, whether a directory or a segment has it. Ordinals of
// sessions differ between those, so the ids of the sessions are in it.
//
//   for each block   4 stored length | 4 plain length | 4 codec | 4 number of blobs | 16 session | 24 n | 4 n
import { IncrementalHash } from '../crypto/hash.ts'
import type { DirectoryBlock } from './block-table.ts'
import { writeU32 } from './integers.ts'

/** 32 bytes; equal for equal blocks, sessions, locators and lengths, and for nothing else. */
export function tablesDigest(blocks: readonly DirectoryBlock[], sessions: readonly Uint8Array[]): Uint8Array {
  const hasher = new IncrementalHash()
  for (const { storedLength, plainLength, codec, session, locs, lengths } of blocks) {
    hasher.update(integers([storedLength, plainLength, codec, lengths.length]))
    hasher.update(sessions[session]!)
    hasher.update(locs)
    hasher.update(integers(lengths))
  }
  return hasher.digest()
}

function integers(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  for (let i = 0; i < values.length; i++) writeU32(bytes, i * 4, values[i]!)
  return bytes
}
