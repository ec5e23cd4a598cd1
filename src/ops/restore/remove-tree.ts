// Removes something from the target, with everything below it when it is a directory. Never follows a symlink, never
// crosses into another file system, never touches what is guarded.
import { displayText } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { readDirectory } from '../../posix/directory.ts'
import { unlinkAt } from '../../posix/names.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { ATTRIBUTE_MOUNT_ROOT, statAt, statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { effectiveUid } from '../../posix/users.ts'
import { joinPath } from '../browse/tree-walk.ts'
import { chmodNamed } from './attributes.ts'
import { OPEN_DIRECTORY_FLAGS } from './directory-node.ts'

/** Throws `refused` for what must stay. */
export type Guard = (stat: FileStat, path: Uint8Array) => void

/**
 * Removes `name` from the open directory `dirFd`; `path` is for messages. Returns how many names were removed. When it
 * throws, what it got to is gone and the rest is there.
 */
export function removeTree(dirFd: number, name: Uint8Array, path: Uint8Array, guard: Guard): number {
  const stat = statAt(dirFd, name)
  guard(stat, path)
  if (stat.kind !== 'directory') {
    unlinkAt(dirFd, name, false)
    return 1
  }
  return removeDirectory(dirFd, name, path, stat, guard)
}

interface Level {
  readonly name: Uint8Array
  readonly path: Uint8Array
  readonly stat: FileStat
  /** Names that are directories, still to be removed. */
  readonly folders: Uint8Array[]
}

/** One directory is open at a time, so that the depth does not matter; going up is checked as going down is. */
function removeDirectory(dirFd: number, name: Uint8Array, path: Uint8Array, stat: FileStat, guard: Guard): number {
  let removed = 0
  const levels: Level[] = []
  let fd = openForRemoval(dirFd, name, stat)
  const enter = (level: Omit<Level, 'folders'>) => {
    const folders: Uint8Array[] = []
    levels.push({ ...level, folders })
    for (const each of readDirectory(fd).names) {
      const below = statAt(fd, each)
      const at = joinPath(level.path, each)
      guard(below, at)
      if (below.kind === 'directory') folders.push(each)
      else {
        unlinkAt(fd, each, false)
        removed++
      }
    }
  }
  try {
    enter({ name, path, stat })
    for (;;) {
      const level = levels.at(-1)!
      const folder = level.folders.pop()
      if (folder !== undefined) {
        const below = statAt(fd, folder)
        const next = openForRemoval(fd, folder, below)
        closeFd(fd)
        fd = next
        enter({ name: folder, path: joinPath(level.path, folder), stat: below })
        continue
      }
      levels.pop()
      const above = levels.at(-1)
      if (above === undefined) break
      const parent = openAt(fd, '..', OPEN_DIRECTORY_FLAGS)
      closeFd(fd)
      fd = parent
      checkIdentity(fd, above.stat, above.path)
      unlinkAt(fd, level.name, true)
      removed++
    }
  } finally {
    closeFd(fd)
  }
  unlinkAt(dirFd, name, true)
  return removed + 1
}

function openForRemoval(dirFd: number, name: Uint8Array, expected: FileStat): number {
  // Whoever is not root may own a directory that is closed to them.
  if ((expected.mode & 0o700) !== 0o700 && effectiveUid() !== 0) chmodNamed(dirFd, name, 0o700)
  const fd = openAt(dirFd, name, OPEN_DIRECTORY_FLAGS)
  try {
    checkIdentity(fd, expected, name)
  } catch (cause) {
    closeFd(fd)
    throw cause
  }
  return fd
}

function checkIdentity(fd: number, expected: FileStat, path: Uint8Array): void {
  const { ino, dev } = statFd(fd)
  if (ino === expected.ino && dev === expected.dev) return
  throw new BackupError('refused', 'a directory was replaced while it was removed', displayText(path))
}

/** Keeps other file systems, and the directories with these identities, from being removed. */
export function guardOf(target: FileStat, kept: readonly FileStat[]): Guard {
  return (stat, path) => {
    if (stat.dev !== target.dev || (stat.attributes & ATTRIBUTE_MOUNT_ROOT) !== 0n) {
      throw new BackupError('refused', 'another file system is mounted here and is not removed', displayText(path))
    }
    if (kept.some(({ ino, dev }) => ino === stat.ino && dev === stat.dev)) {
      throw new BackupError('refused', 'the repository itself is not removed', displayText(path))
    }
  }
}
