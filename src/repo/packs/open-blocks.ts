// Plaintexts of blocks that are at hand, the least recently used first. Their memory is used again: with fresh memory for each
// block, making it and clearing it away would take longer than decompressing.
import { releaseMemory, uninitialised } from '../../base/bytes.ts'
import type { Room } from './block-codec.ts'

/** Rooms have sizes of whole steps, so that one fits most blocks, which are all little more than a bundle. */
const STEP = 64 * 1024
/** Rooms that are kept for the blocks to come. */
const FREE_MAX = 4

export class OpenBlocks implements Room {
  readonly #bytesMax: number
  readonly #blocks = new Map<number, Uint8Array>()
  readonly #free: Uint8Array[] = []
  #bytes = 0

  /** `bytesMax`: bytes of plaintext at most, but for a single block that has more. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A block that is at hand. What is in it changes with the next one that is added: copy it at once. */
  get(number: number): Uint8Array | undefined {
    const plain = this.#blocks.get(number)
    if (plain === undefined) return undefined
    this.#blocks.delete(number)
    this.#blocks.set(number, plain)
    return plain
  }

  /** Where the plaintext of a block is to be put, which then is added or given up. */
  room(length: number): Uint8Array {
    const at = this.#free.findIndex(
      ({ buffer }) => buffer.byteLength >= length && buffer.byteLength < length + 2 * STEP,
    )
    const [free] = at === -1 ? [] : this.#free.splice(at, 1)
    const buffer = free?.buffer ?? uninitialised(Math.ceil(length / STEP) * STEP).buffer
    return new Uint8Array(buffer, 0, length)
  }

  /** Adds a block, in a room that was asked for. */
  add(number: number, plain: Uint8Array): void {
    this.#blocks.set(number, plain)
    this.#bytes += plain.buffer.byteLength
    for (const [oldest, bytes] of this.#blocks) {
      if (this.#bytes <= this.#bytesMax || oldest === number) break
      this.#blocks.delete(oldest)
      this.#bytes -= bytes.buffer.byteLength
      if (this.#free.length < FREE_MAX) this.#free.push(bytes)
      else releaseMemory(bytes)
    }
  }
}
