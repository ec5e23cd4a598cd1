// Reading a file that others may be writing. Before and after each pass the file is looked at; if size, mtime or ctime
// changed in between, what was read may be a mixture, and the file is read again, within limits. A file that never holds
// still is recorded as it was read last, with TROUBLE.changed.
//
// - A pass reads no more than the size at its beginning, so a log that grows faster than it is read comes to an end.
// - A file of size 0 may have content all the same (/proc); it is read to its end, up to ENDLESS_BYTES_MAX.
// - A file that ends early although nothing changed (/sys gives 4,096 as the size of everything) has the bytes it gave.
// - Changes within one tick of the clock (a few milliseconds) leave no trace in the times; the next backup reads the file
//   again for that reason (change-detection.ts). Writes through mappings show when the kernel writes them back.
import { sameTime } from '../base/time.ts'
import { TROUBLE } from '../format/entry-model.ts'
import type { FileStat } from '../posix/stat.ts'

/** How often a file is read again by default. */
export const REREADS_MAX = 3
/** 4 GiB: a larger file that changed is not read again; a database that is in use would cost hours and not hold still. */
export const REREAD_BYTES_MAX = 4 * 1024 ** 3
/** 16 MiB: content of a file that says it has none; bounds what a file without an end can cost. */
export const ENDLESS_BYTES_MAX = 16 * 1024 * 1024

export interface StableReadOptions {
  readonly rereadsMax?: number
  readonly rereadBytesMax?: number
  readonly endlessBytesMax?: number
}

/** What a pass is to read. */
export interface Pass {
  /** 0 for the first. */
  readonly attempt: number
  /** The file at the beginning of the pass. */
  readonly stat: FileStat
  /** Read to the end of the file, but no more than this. */
  readonly bytesMax: number
}

/** What a pass has read: the number of bytes, and whatever the caller makes of them. */
export interface PassResult<T> {
  readonly bytes: number
  readonly value: T
}

export interface StableReadResult<T> extends PassResult<T> {
  /** The file as it was when the pass began whose bytes these are; the entry is made from it, with `bytes` as its size. */
  readonly stat: FileStat
  readonly attempts: number
  /** TROUBLE.changed if it never held still or has no end. */
  readonly trouble: typeof TROUBLE.changed | undefined
}

/** Calls `read` until the file held still during a pass, or a limit is reached. Errors of `read` and `stat` pass through. */
export function readStably<T>(
  file: { stat(): FileStat },
  read: (pass: Pass) => PassResult<T>,
  options: StableReadOptions = {},
): StableReadResult<T> {
  const { rereadsMax = REREADS_MAX, rereadBytesMax = REREAD_BYTES_MAX, endlessBytesMax = ENDLESS_BYTES_MAX } = options
  let stat = file.stat()
  for (let attempt = 0; ; attempt++) {
    const bytesMax = stat.size > 0 ? stat.size : endlessBytesMax
    const result = read({ attempt, stat, bytesMax })
    const after = file.stat()
    const changed = !heldStill(stat, after)
    const done = { ...result, stat, attempts: attempt + 1 }
    if (!changed) {
      const isEndless = stat.size === 0 && result.bytes >= endlessBytesMax
      return { ...done, trouble: isEndless ? TROUBLE.changed : undefined }
    }
    if (attempt >= rereadsMax || after.size > rereadBytesMax) return { ...done, trouble: TROUBLE.changed }
    stat = after
  }
}

/** True if nothing was written between two looks at an open file. */
export function heldStill(before: FileStat, after: FileStat): boolean {
  return before.size === after.size && sameTime(before.mtime, after.mtime) && sameTime(before.ctime, after.ctime)
}
