// Whether two tables of blocks say the same of a pack, without keeping both.
import { toHex } from '../../base/bytes.ts'
import { IncrementalHash } from '../../crypto/hash.ts'
import type { DirectoryBlock } from '../../format/block-table.ts'

/** Equal for equal blocks, sessions, locators and lengths, and for nothing else. */
export function tablesDigest(blocks: readonly DirectoryBlock[], sessions: readonly Uint8Array[]): string {
  const hasher = new IncrementalHash()
  for (const { storedLength, plainLength, codec, session, locs, lengths } of blocks) {
    hasher.update(new Uint8Array(Uint32Array.of(storedLength, plainLength, codec, lengths.length).buffer))
    hasher.update(sessions[session]!)
    hasher.update(locs)
    hasher.update(new Uint8Array(lengths.buffer, lengths.byteOffset, lengths.byteLength))
  }
  return toHex(hasher.digest())
}
