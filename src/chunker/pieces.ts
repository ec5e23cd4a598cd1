// Content of one file as a sequence of pieces: chunks, and runs of zeros between them.
import { assert } from '../base/assert.ts'
import type { Kernel } from './kernel.ts'
import { firstZeroRun, possibleRunStart, zeroPages, ZERO_PAGE, ZERO_RUN_MIN } from './zero-runs.ts'

/**
 * How much content must be present for `next` to find a piece in any case. An arena holds at least this, better a few
 * times as much.
 */
export function pieceWindow(kernel: Pick<Kernel, 'params'>): number {
  return kernel.params.max + ZERO_RUN_MIN + ZERO_PAGE
}

export class PieceCutter {
  readonly #kernel: Kernel
  #position = 0
  #inZeroRun = false
  #blockSize = 0

  /** After `next`: whether the piece is zeros. Neighbouring pieces of zeros are one run, told as it was read. */
  zeros = false

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /**
   * Begins new content. `position` is where it lies in its file, if not at the beginning: after a hole, say. `inZeros`: a
   * run of zeros before it goes on there, whatever there is of it. `blockSize`: not 0 to cut at its multiples in the file,
   * instead of by content; at most the largest chunk.
   */
  begin(position = 0, inZeros = false, blockSize = 0): void {
    assert(blockSize <= this.#kernel.params.max, 'a block is no larger than a chunk')
    this.#blockSize = blockSize
    this.#position = position
    this.#inZeroRun = inZeros
    this.zeros = false
  }

  /** Where the next piece begins in the file. */
  get position(): number {
    return this.#position
  }

  /** Whether the last piece was zeros and the next may be more of them. */
  get inZeros(): boolean {
    return this.#inZeroRun
  }

  /**
   * Length of the next piece. It begins at `offset` of the arena, where `length` bytes are present; `final` if the content
   * ends with them. 0: more bytes are needed, or there are none left. The pieces do not depend on how many bytes are
   * present at which call. A piece of zeros ends with the page in which `zerosMax` bytes are over, if not before.
   */
  next(offset: number, length: number, final: boolean, zerosMax = Infinity): number {
    if (this.#blockSize > 0) return this.#block(offset, length, final)
    const piece = this.#inZeroRun ? this.#moreZeros(offset, length, final) : 0
    let found = piece > 0 || this.#inZeroRun ? piece : this.#chunkOrRun(offset, length, final)
    if (this.zeros && found > zerosMax) {
      found = Math.min(found, Math.ceil(zerosMax / ZERO_PAGE) * ZERO_PAGE)
      this.#inZeroRun = true
    }
    this.#position += found
    return found
  }

  /** All bytes up to the next multiple of the block size; zeros only if all of them are. */
  #block(offset: number, length: number, final: boolean): number {
    const wanted = this.#blockSize - (this.#position % this.#blockSize)
    if (length < wanted && !final) return 0
    const found = Math.min(length, wanted)
    this.zeros = found > 0 && this.#kernel.isZero(offset, found)
    this.#position += found
    return found
  }

  /** The rest of a run that was not over when the bytes present were. 0 leaves #inZeroRun when more bytes must decide. */
  #moreZeros(offset: number, length: number, final: boolean): number {
    if (length < ZERO_PAGE && !final) return 0
    const zeros = zeroPages(this.#kernel, offset, length)
    this.#inZeroRun = zeros > 0 && length - zeros < ZERO_PAGE
    this.zeros = true
    return zeros
  }

  #chunkOrRun(offset: number, length: number, final: boolean): number {
    if (length === 0) return 0
    const kernel = this.#kernel
    // A chunk ends within the maximum, so a run that begins later does not matter yet.
    const seen = Math.min(length, pieceWindow(kernel))
    const run = firstZeroRun(kernel, offset, seen, this.#position)
    this.zeros = run !== null && run.start === offset
    if (run !== null && this.zeros) {
      const zeros = run.end - offset
      this.#inZeroRun = seen - zeros < ZERO_PAGE
      return zeros
    }
    if (run !== null) return kernel.cut(offset, run.start - offset, true)
    const chunk = kernel.cut(offset, length, final)
    if (final) return chunk
    const certain = possibleRunStart(kernel, offset, seen, this.#position) - offset
    assert(chunk > 0 || length < kernel.params.max, 'cut found nothing in a full window')
    return chunk <= certain ? chunk : 0
  }
}
