// Access and modification times to the nanosecond, also of symlinks and before 1970.
import { futimesSync, fstatSync, lstatSync, lutimesSync, statSync, utimesSync } from 'node:fs'
import { type Timespec, timespecToMs } from '../base/time.ts'
import { cString, type PathLike } from './c-strings.ts'
import { AT_SYMLINK_NOFOLLOW } from './constants.ts'
import { lastError } from './errors.ts'
import { libc } from './libc.ts'
import { pathOf } from './node-paths.ts'

/**
 * Sets the times of `name` in the directory `dirFd`; of a symlink itself unless `followSymlinks`. An `atime` or
 * `mtime` that is undefined stays as it is. Without native calls the precision is about a microsecond.
 */
export function setTimesAt(
  dirFd: number,
  name: PathLike,
  atime: Timespec | undefined,
  mtime: Timespec | undefined,
  followSymlinks = false,
): void {
  const c = libc()
  if (c === null) return setTimesByPath(pathOf(dirFd, name, 'utime'), atime, mtime, followSymlinks)
  fill(atime, mtime)
  const flags = followSymlinks ? 0 : AT_SYMLINK_NOFOLLOW
  if (c.utimensat(dirFd, cString(name, 'utime'), times, flags) !== 0) throw lastError('utime', name)
}

export function setTimesFd(fd: number, atime: Timespec | undefined, mtime: Timespec | undefined): void {
  const c = libc()
  if (c === null) {
    const now = fstatSync(fd)
    return futimesSync(fd, seconds(atime, now.atimeMs), seconds(mtime, now.mtimeMs))
  }
  fill(atime, mtime)
  if (c.futimens(fd, times) !== 0) throw lastError('futime')
}

/** In the place of nanoseconds: leave this time as it is. */
const UTIME_OMIT = 0x3ffffffen
// Two struct timespec of 16 bytes; larger than needed so that it lies outside of V8's moving heap.
const times = new Uint8Array(128)
const words = new BigInt64Array(times.buffer)

function fill(atime: Timespec | undefined, mtime: Timespec | undefined): void {
  words[0] = atime === undefined ? 0n : BigInt(atime.sec)
  words[1] = atime === undefined ? UTIME_OMIT : BigInt(atime.nsec)
  words[2] = mtime === undefined ? 0n : BigInt(mtime.sec)
  words[3] = mtime === undefined ? UTIME_OMIT : BigInt(mtime.nsec)
}

function setTimesByPath(path: Buffer, atime: Timespec | undefined, mtime: Timespec | undefined, follow: boolean): void {
  const now = follow ? statSync(path) : lstatSync(path)
  const set = follow ? utimesSync : lutimesSync
  set(path, seconds(atime, now.atimeMs), seconds(mtime, now.mtimeMs))
}

function seconds(time: Timespec | undefined, nowMs: number): number {
  return (time === undefined ? nowMs : timespecToMs(time)) / 1000
}
