// Runs of zeros in file content become extents of their own and are neither hashed nor stored. A run consists of whole
// 4 KiB pages (counted from the beginning of the file) and has at least 64 KiB; where it begins and ends depends on the
// bytes of the file alone, never on how it was read.
import type { Kernel } from './kernel.ts'

export const ZERO_PAGE = 4096
/** A shorter run costs less as part of a chunk, where it compresses to nothing, than as an extent of 4 bytes and a cut. */
export const ZERO_RUN_MIN = 64 * 1024

export interface ZeroRun {
  /** Offset in the arena at which the run begins. */
  readonly start: number
  /** Offset at which the bytes present end or the run ends, whichever comes first. */
  readonly end: number
}

/**
 * The first run that begins in `length` bytes at `offset` of the arena, or null. `position` is the place of the first of
 * these bytes in the file. The bytes before it must not be part of a run that goes on here.
 */
export function firstZeroRun(kernel: Kernel, offset: number, length: number, position: number): ZeroRun | null {
  const end = offset + length
  const firstPage = offset + padding(position, ZERO_PAGE)
  // Any run covers a page whose place in the file is a multiple of the least length: only those are looked at.
  for (let probe = offset + padding(position, ZERO_RUN_MIN); probe + ZERO_PAGE <= end;) {
    if (!kernel.isZero(probe, ZERO_PAGE)) {
      probe += ZERO_RUN_MIN
      continue
    }
    let start = probe
    while (start - ZERO_PAGE >= firstPage && kernel.isZero(start - ZERO_PAGE, ZERO_PAGE)) start -= ZERO_PAGE
    const runEnd = start + zeroPages(kernel, start, end - start)
    if (runEnd - start >= ZERO_RUN_MIN) return { start, end: runEnd }
    // The page at runEnd is not zero, so the next run begins after it.
    while (probe < runEnd) probe += ZERO_RUN_MIN
  }
  return null
}

/** Bytes of the whole zero pages that `length` bytes at `offset`, the beginning of a page, start with. */
export function zeroPages(kernel: Kernel, offset: number, length: number): number {
  const zeros = kernel.zeroPrefix(offset, length)
  return zeros - (zeros % ZERO_PAGE)
}

/**
 * Offset from which on the bytes present could be the beginning of a run that what follows completes; `offset + length`
 * if there is no such place. For bytes without a whole run in them.
 */
export function possibleRunStart(kernel: Kernel, offset: number, length: number, position: number): number {
  const end = offset + length
  const firstPage = offset + padding(position, ZERO_PAGE)
  if (firstPage >= end) return end
  const tail = (end - firstPage) % ZERO_PAGE
  let start = end - tail
  if (!kernel.isZero(start, tail)) return end
  while (start - ZERO_PAGE >= firstPage && kernel.isZero(start - ZERO_PAGE, ZERO_PAGE)) start -= ZERO_PAGE
  return start
}

/** Bytes from `position` to the next multiple of `unit`. */
function padding(position: number, unit: number): number {
  const over = position % unit
  return over === 0 ? 0 : unit - over
}
