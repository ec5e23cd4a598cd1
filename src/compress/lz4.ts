// LZ4 for blocks: one LZ4 block as in lz4_Block_format.md, without the frame around it. The length of the content is
// known to whoever reads a block, and its seal says that nothing has changed; a frame would only repeat both.
import { asBuffer, releaseMemory } from '../base/bytes.ts'
import { lz4Package } from './packages.ts'

/** Bytes of the length that the package writes before a block and wants there. */
const LENGTH_SIZE = 4

export const lz4 = {
  compress(plain: Uint8Array): Uint8Array {
    return lz4Package().compressSync(asBuffer(plain)).subarray(LENGTH_SIZE)
  },

  /** Fills `into` from its start and returns how many bytes it took. Throws when it is no LZ4 block or does not fit. */
  decompress(packed: Uint8Array, into: Uint8Array): number {
    // The length is the room that there is, whatever whoever packed it says: more is refused without being made.
    const sized = Buffer.allocUnsafe(LENGTH_SIZE + packed.byteLength)
    sized.writeUInt32LE(into.byteLength)
    sized.set(packed, LENGTH_SIZE)
    const plain = lz4Package().uncompressSync(sized)
    into.set(plain)
    const { byteLength } = plain
    releaseMemory(plain)
    return byteLength
  },
}
