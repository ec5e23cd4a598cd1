// Advisory locks between processes on one machine (flock); released when the file is closed or the process ends.
import { ERRNO, lastError, notSupported } from './errors.ts'
import { libc } from './libc.ts'

/**
 * Locks an open file. False when somebody else holds it and `wait` is false; with `wait` the thread blocks.
 * ENOSYS without native calls, ENOLCK and others from network file systems: a lock is a courtesy, never what
 * correctness rests on.
 */
export function lockFile(fd: number, exclusive: boolean, wait: boolean): boolean {
  const c = libc()
  if (c === null) throw notSupported('flock')
  const operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)
  for (;;) {
    if (c.flock(fd, operation) === 0) return true
    if (c.errno() === ERRNO.EWOULDBLOCK) return false
    if (c.errno() !== ERRNO.EINTR) throw lastError('flock')
  }
}

export function unlockFile(fd: number): void {
  const c = libc()
  if (c === null) throw notSupported('flock')
  if (c.flock(fd, LOCK_UN) !== 0) throw lastError('flock')
}

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8
