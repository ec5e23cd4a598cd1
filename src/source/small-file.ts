// Reads a file of limited size next to what is backed up: a cache tag, a file of patterns.
import { asBuffer } from '../base/bytes.ts'
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../posix/constants.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { readInto } from '../posix/read.ts'
import { statFd } from '../posix/stat.ts'

/**
 * The first `limit` bytes of a regular file; null if it is something else. Never follows a symlink, never waits for a fifo.
 * Throws the system's error.
 */
export function readSmallFile(dirFd: number, name: Uint8Array | string, limit: number): Uint8Array | null {
  const fd = openAt(dirFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    if (statFd(fd).kind !== 'file') return null
    const bytes = new Uint8Array(limit)
    let length = 0
    while (length < limit) {
      const count = readInto(fd, bytes, length, limit - length, length)
      if (count === 0) break
      length += count
    }
    return asBuffer(bytes).subarray(0, length)
  } finally {
    closeFd(fd)
  }
}
