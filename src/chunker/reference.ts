// The chunker in plain TypeScript, written to be compared with src/chunker/README.md line by line. The tests hold the
// WebAssembly kernel against it; nothing else uses it. 64-bit hashes are kept as two 32-bit halves.
import { GEAR_WINDOW, checkParams, type ChunkerParams } from './params.ts'

export class ReferenceChunker {
  readonly #high = new Uint32Array(256)
  readonly #low = new Uint32Array(256)
  readonly #params: ChunkerParams

  /** `table` is the Gear table: 256 entries of 8 bytes, little endian. */
  constructor(table: Uint8Array, params: ChunkerParams) {
    checkParams(params)
    this.#params = params
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
    for (let i = 0; i < 256; i++) {
      this.#low[i] = view.getUint32(8 * i, true)
      this.#high[i] = view.getUint32(8 * i + 4, true)
    }
  }

  /** Lengths of the chunks of a whole content. */
  cuts(content: Uint8Array): number[] {
    const lengths: number[] = []
    for (let at = 0; at < content.length;) {
      const length = this.cut(content.subarray(at))
      lengths.push(length)
      at += length
    }
    return lengths
  }

  /** Length of the first chunk of `rest`, which goes on to the end of the content. */
  cut(rest: Uint8Array): number {
    const { min, average, max } = this.#params
    const bits = Math.log2(average)
    for (let p = min; p < Math.min(rest.length, max); p++) {
      if (this.#leadingZeroBits(rest, p) >= (p < average ? bits + 2 : bits - 2)) return p
    }
    return Math.min(rest.length, max)
  }

  /** Leading zero bits of the Gear hash of the 64 bytes before position `p`. */
  #leadingZeroBits(content: Uint8Array, p: number): number {
    let high = 0
    let low = 0
    for (let i = p - GEAR_WINDOW; i < p; i++) {
      high = ((high << 1) | (low >>> 31)) >>> 0
      low = (low << 1) >>> 0
      const byte = content[i]!
      const sum = low + this.#low[byte]!
      high = (high + this.#high[byte]! + (sum > 0xffffffff ? 1 : 0)) >>> 0
      low = sum >>> 0
    }
    return high === 0 ? 32 + Math.clz32(low) : Math.clz32(high)
  }
}
