// Whether names can be put into a directory or taken from it, found out without trying: for dry runs, and before trees are
// removed, which would otherwise be half gone when the last step is refused.
import { accessSync, constants } from 'node:fs'
import { asBuffer, displayText } from '../../base/bytes.ts'
import { BackupError, errnoOf } from '../../base/errors.ts'
import { ERRNO, systemError } from '../../posix/errors.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE } from '../../posix/file-flags.ts'
import { pathOfFd } from '../../posix/node-paths.ts'
import { statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { effectiveUid } from '../../posix/users.ts'
import type { DirectoryNode, OpenDirectories } from './directory-node.ts'

/** What a directory needs for its owner to work in it. */
const WORKING_MODE = 0o700

/** Throws what putting a name into a directory would, or, with `taking`, taking one from it or replacing it. */
export function requireChangeable(directories: OpenDirectories, node: DirectoryNode, taking: boolean): void {
  if (node.missing) return // it would be made
  directories.using(node, (fd) => {
    const stat = statFd(fd)
    if (lockedBy(stat) !== 0 && node.unlockable) return
    if (taking && (lockedBy(stat) & FLAG_APPEND) !== 0) throw locked(node.path)
    // The target itself is not opened up: its mode is none of ours.
    if (node.parent === undefined || !canBeOpenedUp(stat)) requireWritable(fd)
  })
}

/** Throws what writing to an open directory would. */
export function requireWritable(fd: number): void {
  try {
    accessSync(asBuffer(pathOfFd(fd, 'access')), constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw systemError(ERRNO[errnoOf(cause) as keyof typeof ERRNO] ?? ERRNO.EIO, 'access') // without the number of the descriptor
  }
}

/** Why nothing can be put into an open directory at all: no permission, or a file system that is read-only. */
export function whyNotWritable(fd: number): unknown {
  try {
    requireWritable(fd)
    return undefined
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return cause
  }
}

/**
 * Whether attributes of something that lies in (or is) the open directory can be changed, for dry runs. Throws EROFS when
 * nothing can.
 */
export function canChange(fd: number, stat: FileStat, unlocks: boolean): boolean {
  const why = whyNotWritable(fd)
  if (errnoOf(why) === 'EROFS') throw why
  const uid = effectiveUid()
  return uid === 0 ? lockedBy(stat) === 0 || unlocks : lockedBy(stat) === 0 && uid === stat.uid
}

/** Whoever is not root may own a directory that is closed to them. */
export function isClosedToOwner({ mode }: FileStat): boolean {
  return (mode & WORKING_MODE) !== WORKING_MODE && effectiveUid() !== 0
}

/** Whether a directory is closed to whoever runs this and belongs to them. */
export function canBeOpenedUp(stat: FileStat): boolean {
  return isClosedToOwner(stat) && stat.uid === effectiveUid()
}

/** FLAG_IMMUTABLE and FLAG_APPEND as far as something has them; STATX_ATTR_IMMUTABLE and STATX_ATTR_APPEND are the same bits. */
export function lockedBy({ attributes }: FileStat): number {
  return Number(attributes) & (FLAG_IMMUTABLE | FLAG_APPEND)
}

export function locked(path: Uint8Array): BackupError {
  return new BackupError('refused', 'it is locked (chattr +i or +a)', displayText(path), {
    hint: 'unlock it with `chattr -ia`',
  })
}
