// Reading one file in a worker: what of it is trouble of that file alone, and how its bytes come into the arena.
import { BackupError } from '../../base/errors.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { OpenFile } from './file-reader.ts'

/**
 * Why a block could not be made of blobs that were claimed already. Other files may refer to them by then, so it is never
 * trouble of the file that is being read.
 */
export class StoringFailed extends Error {}

/**
 * True for errors of the system and for what the reader says of the file. Everything else ends the backup: a bug, a lack
 * of memory, a block that does not decode. With it go blobs that the shared index takes for stored by now.
 */
export function isTroubleOfFile(cause: unknown): boolean {
  if (cause instanceof StoringFailed) return false
  if (cause instanceof BackupError) return cause.code !== 'corrupt'
  return cause instanceof Error && 'syscall' in cause
}

/** Costs nothing for a file that takes the space of its bytes. */
export function hasHoles(file: OpenFile, size: number): boolean {
  const first = file.data(0, size)
  return first.start > 0 || first.end < size
}

/** Looks at an open file; the first answer is what was seen when it was opened. */
export function onceFrom(file: OpenFile): () => FileStat {
  let first = true
  return () => {
    if (!first) return file.stat()
    first = false
    return file.opened
  }
}

/** `EACCES: permission denied`, without the call and the path that Node appends. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split(', ')[0]! : String(cause)
}

/** Bytes asked for at once. Files of /proc/sys refuse 4 MiB and more for want of memory, whatever they have. */
const READ_MAX = 1024 * 1024

/** Reads until `length` bytes are there or the file ends. */
export function readFully(file: OpenFile, arena: Uint8Array, offset: number, length: number, position: number): number {
  let done = 0
  while (done < length) {
    const got = file.read(arena, offset + done, Math.min(length - done, READ_MAX), position + done)
    if (got === 0) break
    done += got
  }
  return done
}
