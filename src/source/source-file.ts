// A regular file of the source, opened to be read.
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../posix/constants.ts'
import { codeOfError } from '../posix/errors.ts'
import { seekData, seekHole } from '../posix/holes.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { readInto } from '../posix/read.ts'
import { type FileStat, statFd } from '../posix/stat.ts'
import { type FileAttributes, readOpenAttributes } from './attributes.ts'

export class SourceFile {
  readonly fd: number
  /** As it was when it was opened; newer than what the walk saw. */
  readonly opened: FileStat

  private constructor(fd: number, opened: FileStat) {
    this.fd = fd
    this.opened = opened
  }

  /**
   * Opens `name` in the directory `dirFd` (or AT_FDCWD). Never follows a symlink and never waits for anybody; what is no
   * regular file (any more) is closed at once: `io`, naming what it is. Throws the system's error otherwise.
   * Call it only for names that were regular files when they were looked at: opening a device can have effects.
   */
  static open(dirFd: number, name: Uint8Array): SourceFile {
    const fd = openQuietly(dirFd, name)
    try {
      const stat = statFd(fd)
      if (stat.kind === 'file') return new SourceFile(fd, stat)
      throw new BackupError('io', `was a file and is now a ${stat.kind}`, displayText(name))
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  /** Bytes read into `arena` at `offset` from `position` in the file; 0 at its end. */
  read(arena: Uint8Array, offset: number, length: number, position: number): number {
    return readInto(this.fd, arena, offset, length, position)
  }

  stat(): FileStat {
    return statFd(this.fd)
  }

  /**
   * The first data at or after `position` and where it ends, within `size`; both `size` when only a hole follows.
   * Files that take as much space as they have bytes are not asked for holes.
   */
  data(position: number, size: number): { readonly start: number; readonly end: number } {
    if (position >= size || this.opened.blocks512 * 512 >= size) return { start: position, end: size }
    const start = seekData(this.fd, position)
    if (start === null || start >= size) return { start: size, end: size }
    return { start, end: Math.min(seekHole(this.fd, start) ?? size, size) }
  }

  attributes(): FileAttributes {
    return readOpenAttributes(this.fd)
  }

  close(): void {
    closeFd(this.fd)
  }
}

/** Reading a file should not change its access time, but only its owner and root may ask for that. */
function openQuietly(dirFd: number, name: Uint8Array): number {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  try {
    return openAt(dirFd, name, flags | O_NOATIME)
  } catch (error) {
    if (codeOfError(error) !== 'EPERM') throw error
    return openAt(dirFd, name, flags)
  }
}
