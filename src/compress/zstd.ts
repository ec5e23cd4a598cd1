// zstd for blocks. Node's own interface makes a context and fresh memory for each call; a backup makes thousands, and
// what the system then does to find and clear pages takes as long as a quarter of the compressing itself. So where it can
// be had, the same zstd, which lies in the program of Node, is called directly with memory that is kept
// (linked-zstd.ts). What comes out is the same either way.
import { linkedZstd } from './linked-zstd.ts'
import { nodeZstd } from './node-zstd.ts'

export interface ZstdParameters {
  /** 1 to 22, or negative for faster ones. */
  readonly level: number
  /** Log2 of the entries of the hash tables, instead of what the level has. */
  readonly hashLog?: number
  readonly chainLog?: number
}

export interface Zstd {
  /** One frame with the content's length and no checksum. Valid until the next call of this thread. */
  compress(plain: Uint8Array, parameters: ZstdParameters): Uint8Array
  /**
   * Fills `into` from its start and returns how many bytes it took. Throws when what is packed is no zstd or does not fit.
   */
  decompress(packed: Uint8Array, into: Uint8Array): number
}

/** Chosen once in each thread, at its first use. */
export function zstd(): Zstd {
  chosen ??= linkedZstd() ?? nodeZstd
  return chosen
}

let chosen: Zstd | undefined
