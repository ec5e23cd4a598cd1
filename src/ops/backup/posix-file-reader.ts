// Files of this machine, opened by path.
import { BackupError, errnoOf } from '../../base/errors.ts'
import { displayText } from '../../base/bytes.ts'
import { AT_FDCWD, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../../posix/constants.ts'
import { seekData, seekHole } from '../../posix/holes.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { readInto } from '../../posix/read.ts'
import { statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { readFdAttributes } from './entry-attributes.ts'
import type { FileAttributes, FileReader, OpenFile } from './file-reader.ts'

export const posixFileReader: FileReader = {
  open(path) {
    const fd = openForReading(path)
    const stat = statFd(fd)
    if (stat.kind === 'file') return new PosixFile(fd, stat)
    closeFd(fd)
    throw new BackupError('io', `was a file and is now a ${stat.kind}`, displayText(path))
  },
}

class PosixFile implements OpenFile {
  readonly #fd: number
  /** Fewer blocks than bytes: there are holes to look for. */
  readonly #sparse: boolean

  constructor(fd: number, stat: FileStat) {
    this.#fd = fd
    this.#sparse = stat.blocks512 * 512 < stat.size
  }

  read(arena: Uint8Array, offset: number, length: number, position: number): number {
    return readInto(this.#fd, arena, offset, length, position)
  }

  stat(): FileStat {
    return statFd(this.#fd)
  }

  data(position: number, size: number): { start: number; end: number } {
    if (!this.#sparse) return { start: position, end: size }
    const start = seekData(this.#fd, position)
    if (start === null || start >= size) return { start: size, end: size }
    return { start, end: Math.min(seekHole(this.#fd, start) ?? size, size) }
  }

  attributes(): FileAttributes {
    return readFdAttributes(this.#fd)
  }

  close(): void {
    closeFd(this.#fd)
  }
}

/** Reading a file should not change its access time, but only its owner may ask for that. */
function openForReading(path: Uint8Array): number {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  try {
    return openAt(AT_FDCWD, path, flags | O_NOATIME)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    return openAt(AT_FDCWD, path, flags)
  }
}
