// Parts of a file that take no space. seekData and seekHole move the file's position: read with explicit positions.
import { fstatSync } from 'node:fs'
import { ERRNO, lastError } from './errors.ts'
import { libc } from './libc.ts'

/**
 * Where data begins at or after `offset`; null when only a hole follows (or the offset is at or behind the end).
 * Without native calls every byte counts as data.
 */
export function seekData(fd: number, offset: number): number | null {
  const c = libc()
  if (c === null) return offset < fstatSync(fd).size ? offset : null
  const at = Number(c.lseek(fd, offset, SEEK_DATA))
  if (at >= 0) return at
  if (c.errno() === ERRNO.ENXIO) return null
  throw lastError('lseek')
}

/** Where the next hole begins at or after `offset`; the end of the file counts as one. Null behind the end. */
export function seekHole(fd: number, offset: number): number | null {
  const c = libc()
  if (c === null) return holeWithoutCalls(fd, offset)
  const at = Number(c.lseek(fd, offset, SEEK_HOLE))
  if (at >= 0) return at
  if (c.errno() === ERRNO.ENXIO) return null
  throw lastError('lseek')
}

/** Turns a range into a hole without changing the size; false where the file system cannot. */
export function punchHole(fd: number, offset: number, length: number): boolean {
  const c = libc()
  if (c === null) return false
  if (c.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, length) === 0) return true
  if (c.errno() === ERRNO.ENOTSUP || c.errno() === ERRNO.ENOSYS) return false
  throw lastError('fallocate')
}

/** Reserves space for a file without changing its size; false where the file system cannot. Throws ENOSPC. */
export function reserveSpace(fd: number, offset: number, length: number): boolean {
  const c = libc()
  if (c === null) return false
  if (c.fallocate(fd, KEEP_SIZE, offset, length) === 0) return true
  if (c.errno() === ERRNO.ENOTSUP || c.errno() === ERRNO.ENOSYS) return false
  throw lastError('fallocate')
}

const SEEK_DATA = 3
const SEEK_HOLE = 4
const KEEP_SIZE = 1
const PUNCH_HOLE = 2

function holeWithoutCalls(fd: number, offset: number): number | null {
  const size = fstatSync(fd).size
  return offset < size ? size : null
}
