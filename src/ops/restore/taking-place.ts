// Puts something in the place of a file that may be locked (chattr +i or +a). The lock is taken away at the last moment,
// when the new content is complete, and given back when the old file stays after all.
import { errnoOf } from '../../base/errors.ts'
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../../posix/constants.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, getFlags, setFlags } from '../../posix/file-flags.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { statAt } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { effectiveUid } from '../../posix/users.ts'
import { locked, lockedBy } from './changeable.ts'

const LOCKS = FLAG_IMMUTABLE | FLAG_APPEND

/** Runs `step`, which removes or replaces `name`; with `unlocks` also when that is locked. Throws what `step` does. */
export function takingPlace(dirFd: number, name: Uint8Array, unlocks: boolean, step: () => void): void {
  try {
    return step()
  } catch (cause) {
    if (!unlocks || errnoOf(cause) !== 'EPERM') throw cause
    unlocked(dirFd, name, cause, step)
  }
}

/** Throws what replacing something that is locked would: only who restores flags may take them away, and only root can. */
export function requireReplaceable(stat: FileStat, path: Uint8Array, unlocks: boolean): void {
  if (lockedBy(stat) !== 0 && !(unlocks && effectiveUid() === 0)) throw locked(path)
}

function unlocked(dirFd: number, name: Uint8Array, refusal: unknown, step: () => void): void {
  const stat = lookQuietly(dirFd, name)
  const fd = stat?.kind === 'file' && lockedBy(stat) !== 0 ? openQuietly(dirFd, name) : undefined
  if (fd === undefined) throw refusal
  try {
    const flags = getQuietly(fd)
    if (!setQuietly(fd, flags & ~LOCKS)) throw refusal
    try {
      step()
    } catch (cause) {
      setQuietly(fd, flags)
      throw cause
    }
  } finally {
    closeFd(fd)
  }
}

/** Undefined when it may not be read. */
export function openQuietly(dirFd: number, name: Uint8Array): number | undefined {
  try {
    return openAt(dirFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return undefined
  }
}

function lookQuietly(dirFd: number, name: Uint8Array): FileStat | undefined {
  try {
    return statAt(dirFd, name)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return undefined
  }
}

function getQuietly(fd: number): number {
  try {
    return getFlags(fd) ?? 0
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return 0 // a file system that answers with an error has none
  }
}

function setQuietly(fd: number, flags: number): boolean {
  try {
    setFlags(fd, flags)
    return true
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return false
  }
}
