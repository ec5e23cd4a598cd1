// Cuts the content of a file that does not fit one blob: holes and long runs of zeros become extents of their own, what
// lies between them is cut by content. The file passes through a window of the arena.
//
// Every decision looks at nearby bytes only. So a cut that begins anywhere falls into step with the cut from the
// beginning, usually within a few chunks, and the parts of one huge file can be cut by several threads (segments.ts).
import { assert } from '../../base/assert.ts'
import type { Kernel } from '../../chunker/kernel.ts'
import type { Extent } from '../../format/extent.ts'

/** Zeros count as a run from here on, in whole pages that lie at multiples of PAGE in the file. */
export const ZERO_RUN_MIN = 64 * 1024
const PAGE = 4096

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
  /** Chunks that begin in [start, end) are kept. */
  readonly start: number
  readonly end: number
}

export interface CutResult {
  readonly extents: readonly Extent[]
  readonly firstStart: number
  readonly lastEnd: number
  readonly bytesRead: number
  /** The file ended before its size: it changed. */
  readonly short: boolean
}

export class ContentCutter {
  readonly #kernel: Kernel
  readonly #windowStart: number
  readonly #windowSize: number
  readonly #chunkMax: number
  /** File offset of the window's first byte, and the number of valid bytes in it. */
  #base = 0
  #valid = 0
  #bytesRead = 0
  /** Where the file turned out to end. */
  #eof = Infinity
  /** No run of zeros begins between the current position and here. */
  #zerosAfter = 0

  /** The window is [windowStart, windowStart + windowSize) of the arena; see `windowSizeFor`. */
  constructor(kernel: Kernel, windowStart: number, windowSize: number, chunkMax: number) {
    this.#kernel = kernel
    this.#windowStart = windowStart
    this.#windowSize = windowSize
    this.#chunkMax = chunkMax
  }

  /** A window that always holds one chunk of the largest size and enough behind it to recognise a run of zeros. */
  static windowSizeFor(chunkMax: number): number {
    return chunkMax * 2 + ZERO_RUN_MIN * 2
  }

  /** Calls `store` with each chunk's place in the arena, in order; it returns the chunk's ref. */
  cut(source: ContentSource, range: CutRange, store: (offset: number, length: number) => Uint8Array): CutResult {
    this.#base = range.from
    this.#valid = 0
    this.#bytesRead = 0
    this.#zerosAfter = range.from
    this.#eof = Infinity
    const extents: Extent[] = []
    let end = Math.min(range.end, source.size)
    let position = range.from
    let firstStart = -1
    let dataEnd = range.from
    let short = false
    while (position < end) {
      const mine = position >= range.start
      if (mine && firstStart < 0) firstStart = position
      if (position >= dataEnd) {
        const data = source.data(position)
        dataEnd = data.end
        if (data.start > position) {
          if (mine) extents.push({ length: data.start - position, fill: 'hole' })
          position = data.start
          continue
        }
      }
      const available = this.#fill(source, position, Math.min(dataEnd, source.size))
      if (this.#eof < source.size) {
        // The file is shorter than it was: what there is of it is kept, and the caller is told.
        short = true
        end = Math.min(end, this.#eof)
        dataEnd = Math.min(dataEnd, this.#eof)
        if (available === 0) break
      }
      const atEnd = position + available >= dataEnd
      const zeros = this.#nextZeroRun(position, position + available, atEnd)
      if (zeros === position) {
        const runEnd = this.#zeroRunEnd(source, position, dataEnd)
        if (mine) extents.push({ length: runEnd - position, fill: 'zero' })
        position = runEnd
        continue
      }
      const regionEnd = zeros < 0 ? position + available : zeros
      const offset = this.#windowStart + position - this.#base
      const length = this.#kernel.cut(offset, regionEnd - position, zeros >= 0 || atEnd)
      assert(length > 0, 'the window holds a chunk of the largest size')
      if (mine) extents.push({ length, ref: store(offset, length) })
      position += length
    }
    if (firstStart < 0) firstStart = position
    return { extents, firstStart, lastEnd: position, bytesRead: this.#bytesRead, short }
  }

  /** Bytes of the file from `position` that are in the window: enough for a cut, or all up to `limit`. */
  #fill(source: ContentSource, position: number, limit: number): number {
    const needed = Math.min(this.#chunkMax + ZERO_RUN_MIN + 2 * PAGE, limit - position)
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

  /**
   * Where the first run of zeros in [position, end) begins, or -1. A run has at least ZERO_RUN_MIN bytes, so it covers a
   * page that lies at a multiple of ZERO_RUN_MIN: only those are looked at.
   */
  #nextZeroRun(position: number, end: number, atEnd: boolean): number {
    let probe = Math.ceil(Math.max(position, this.#zerosAfter) / ZERO_RUN_MIN) * ZERO_RUN_MIN
    for (; probe + PAGE <= end; probe += ZERO_RUN_MIN) {
      if (!this.#pageIsZero(probe)) {
        this.#zerosAfter = probe + 1
        continue
      }
      let start = probe
      while (start - PAGE >= position && this.#pageIsZero(start - PAGE)) start -= PAGE
      let stop = probe + PAGE
      while (stop + PAGE <= end && stop - start < ZERO_RUN_MIN && this.#pageIsZero(stop)) stop += PAGE
      if (stop - start >= ZERO_RUN_MIN) return start
      // Cut off by the end of the window: the answer waits for the next one. The cut stays chunkMax before it.
      if (stop + PAGE > end && !atEnd) return -1
      this.#zerosAfter = probe + 1
    }
    return -1
  }

  #zeroRunEnd(source: ContentSource, start: number, limit: number): number {
    let position = start
    while (position + PAGE <= limit) {
      if (position + PAGE > this.#base + this.#valid && this.#fill(source, position, limit) < PAGE) break
      if (!this.#pageIsZero(position)) break
      position += PAGE
    }
    return position
  }

  #pageIsZero(position: number): boolean {
    return this.#kernel.isZero(this.#windowStart + position - this.#base, PAGE)
  }
}
