// How a worker reaches files. The product opens real ones; the simulator has a tree in memory.
import type { FileStat } from '../../posix/stat.ts'
import type { FileAttributes } from '../../source/attributes.ts'

export interface OpenFile {
  /** As it was when it was opened. */
  readonly opened: FileStat
  /** Bytes read into `arena` at `offset` from `position` in the file; 0 at its end. */
  read(arena: Uint8Array, offset: number, length: number, position: number): number
  stat(): FileStat
  /** The first data at or after `position` and where it ends, within `size`; both `size` when only a hole follows. */
  data(position: number, size: number): { readonly start: number; readonly end: number }
  attributes(): FileAttributes
  close(): void
}

export interface FileReader {
  /** Opens a regular file for reading, never through a symlink and never waiting for a fifo. Throws the system's error. */
  open(path: Uint8Array): OpenFile
}
