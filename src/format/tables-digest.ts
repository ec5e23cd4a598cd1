// docs/format.md, 9.2: what stands for the table of blocks of a pack, whether a directory or a segment has it. Ordinals of
// sessions differ between those, so the ids of the sessions are in it.
//
//   for each block   4 stored length | 4 plain length | 4 codec | 4 number of blobs | 16 session | 24 n | 4 n
import { releaseMemory } from '../base/bytes.ts'
import { hash } from '../crypto/hash.ts'
import { countBlobs, LOCATOR_SIZE } from './block-table.ts'
import type { DirectoryBlock } from './block-table.ts'
import { writeU32 } from './integers.ts'
import { ID_SIZE } from './names.ts'

/** 32 bytes; equal for equal blocks, sessions, locators and lengths, and for nothing else. */
export function tablesDigest(blocks: readonly DirectoryBlock[], sessions: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(blocks.length * (16 + ID_SIZE) + countBlobs(blocks) * (LOCATOR_SIZE + 4))
  let at = 0
  const put = (value: number): void => {
    writeU32(bytes, at, value)
    at += 4
  }
  for (const { storedLength, plainLength, codec, session, locs, lengths } of blocks) {
    for (const value of [storedLength, plainLength, codec, lengths.length]) put(value)
    bytes.set(sessions[session]!, at)
    bytes.set(locs, at + ID_SIZE)
    at += ID_SIZE + locs.length
    for (let i = 0; i < lengths.length; i++) put(lengths[i]!)
  }
  const digest = hash(bytes)
  releaseMemory(bytes)
  return digest
}
