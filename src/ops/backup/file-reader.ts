// How a worker reaches files. The product opens real ones; the simulator has a tree in memory.
import type { FileStat } from '../../posix/stat.ts'

export interface RawXattr {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export interface FileAttributes {
  readonly xattrs?: readonly RawXattr[]
  readonly flags?: number
  /** Some attribute is there and could not be read. */
  readonly failed: boolean
}

export interface OpenFile {
  /** Bytes read into `arena` at `offset`; 0 at the end of the file. */
  read(arena: Uint8Array, offset: number, length: number, position: number): number
  stat(): FileStat
  /** The first data at or after `position`, and its end; both `size` when only a hole follows. */
  data(position: number, size: number): { readonly start: number; readonly end: number }
  attributes(): FileAttributes
  close(): void
}

export interface FileReader {
  /** Opens a regular file for reading, never through a symlink and never waiting for a fifo. Throws the system's error. */
  open(path: Uint8Array): OpenFile
}
