// Cuts the content of a file that does not fit one blob: holes and long runs of zeros become extents of their own, what
// lies between them is cut by content (chunker/pieces.ts). The file passes through a window of the arena.
//
// Every decision looks at nearby bytes only. So a cut that begins anywhere falls into step with the cut from the
// beginning, usually within a few chunks, and the parts of one huge file can be cut by several threads (large-file.ts).
// A run of zeros has no end that is nearby; the cut of a part follows it to the end of the part and says that it goes on.
import { assert } from '../../base/assert.ts'
import type { Kernel } from '../../chunker/kernel.ts'
import { PieceCutter, pieceWindow } from '../../chunker/pieces.ts'
import { ZERO_PAGE } from '../../chunker/zero-runs.ts'
import type { Extent } from '../../format/extent.ts'

export interface ContentSource {
  /** Bytes the file is taken to have. */
  readonly size: number
  /** Reads into the arena; fewer bytes than asked for only at the end of the file. */
  read(arenaOffset: number, length: number, position: number): number
  /** The first data at or after `position` and where it ends; both `size` when only a hole follows. */
  data(position: number): { readonly start: number; readonly end: number }
}

export interface CutRange {
  /** Where cutting begins. */
  readonly from: number
  /** What begins in [start, end) is kept. */
  readonly start: number
  readonly end: number
  /** A run of zeros before `from` goes on there. */
  readonly inZeros?: boolean
  /** Not 0: cut at its multiples instead of by content. */
  readonly blockSize?: number
}

/** Where a cut stands between two extents; two cuts in one place go on alike. */
export interface CutPlace {
  readonly position: number
  /** In a run of zeros that may go on. */
  readonly inZeros: boolean
}

export interface CutResult {
  readonly extents: readonly Extent[]
  readonly first: CutPlace
  readonly last: CutPlace
  readonly bytesRead: number
  /** The file ended before its size: it changed. */
  readonly short: boolean
}

export class ContentCutter {
  readonly #kernel: Kernel
  readonly #pieces: PieceCutter
  readonly #windowStart: number
  readonly #windowSize: number
  /** File offset of the window's first byte, and the number of valid bytes in it. */
  #base = 0
  #valid = 0
  #bytesRead = 0
  /** Where the file turned out to end. */
  #eof = Infinity

  /** The window is [windowStart, windowStart + windowSize) of the arena; see `windowSizeFor`. */
  constructor(kernel: Kernel, windowStart: number, windowSize: number) {
    this.#kernel = kernel
    this.#pieces = new PieceCutter(kernel)
    this.#windowStart = windowStart
    this.#windowSize = windowSize
  }

  /** Twice what a decision needs, so that little is moved within the window. */
  static windowSizeFor(kernel: Pick<Kernel, 'params'>): number {
    return 2 * pieceWindow(kernel)
  }

  /** Calls `store` with each chunk's place in the arena, in order; it returns the chunk's ref. */
  cut(source: ContentSource, range: CutRange, store: (offset: number, length: number) => Uint8Array): CutResult {
    const pieces = this.#pieces
    this.#base = range.from
    this.#valid = 0
    this.#bytesRead = 0
    this.#eof = Infinity
    pieces.begin(range.from, range.inZeros, range.blockSize)
    const extents: Extent[] = []
    let end = Math.min(range.end, source.size)
    let dataEnd = range.from
    let first: CutPlace | undefined
    let short = false
    while (pieces.position < end) {
      const { position } = pieces
      const mine = position >= range.start
      if (mine) first ??= placeOf(pieces)
      if (position >= dataEnd) {
        const data = source.data(position)
        // A hole that is made between the two questions for data and its end leaves none: a page, to get on.
        dataEnd = data.end > data.start ? data.end : Math.min(data.start + ZERO_PAGE, source.size)
        if (data.start > position) {
          if (mine) extents.push({ length: data.start - position, fill: 'hole' })
          pieces.begin(data.start, false, range.blockSize)
          continue
        }
      }
      // No more is read than a decision just before `end` needs.
      const available = this.#fill(source, position, Math.min(dataEnd, source.size, end + pieceWindow(this.#kernel)))
      if (this.#eof < source.size) {
        // The file is shorter than it was: what there is of it is kept, and the caller is told.
        short = true
        end = Math.min(end, this.#eof)
        dataEnd = Math.min(dataEnd, this.#eof)
        if (available === 0) break
      }
      const offset = this.#windowStart + position - this.#base
      const border = mine ? end : range.start
      const length = pieces.next(offset, available, position + available >= dataEnd, border - position)
      assert(length > 0, 'the window holds enough for any decision')
      if (!mine) continue
      if (!pieces.zeros) extents.push({ length, ref: store(offset, length) })
      else addZeros(extents, length)
    }
    return { extents, first: first ?? placeOf(pieces), last: placeOf(pieces), bytesRead: this.#bytesRead, short }
  }

  /** Bytes of the file from `position` that are in the window: enough for a decision, or all up to `limit`. */
  #fill(source: ContentSource, position: number, limit: number): number {
    const needed = Math.min(pieceWindow(this.#kernel), limit - position)
    let have = this.#base + this.#valid - position
    if (have < 0 || position < this.#base) {
      this.#base = position
      this.#valid = 0
      have = 0
    }
    if (have >= needed) return Math.min(have, limit - position)
    const used = position - this.#base
    if (used > 0 && have > 0)
      this.#kernel.memory.copyWithin(this.#windowStart, this.#windowStart + used, this.#windowStart + this.#valid)
    this.#base = position
    this.#valid = have
    while (this.#valid < this.#windowSize && position + this.#valid < limit) {
      const want = Math.min(this.#windowSize - this.#valid, limit - position - this.#valid)
      const got = source.read(this.#windowStart + this.#valid, want, position + this.#valid)
      if (got === 0) {
        this.#eof = this.#base + this.#valid
        break
      }
      this.#valid += got
      this.#bytesRead += got
    }
    return this.#valid
  }
}

function placeOf({ position, inZeros }: PieceCutter): CutPlace {
  return { position, inZeros }
}

/** A run comes in pieces, as the window goes over it. */
function addZeros(extents: Extent[], length: number): void {
  const last = extents.at(-1)
  if (last?.fill === 'zero') extents[extents.length - 1] = { length: last.length + length, fill: 'zero' }
  else extents.push({ length, fill: 'zero' })
}
