// Removes something from the target, with everything below it when it is a directory. Never follows a symlink, never
// crosses into another file system, never touches what is guarded.
import { displayText } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { readDirectory } from '../../posix/directory.ts'
import { ERRNO, systemError } from '../../posix/errors.ts'
import { unlinkAt } from '../../posix/names.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { ATTRIBUTE_MOUNT_ROOT, statAt, statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { joinPath } from '../browse/tree-walk.ts'
import { chmodNamed } from './attributes.ts'
import { canBeOpenedUp, isClosedToOwner, locked, lockedBy, requireWritable } from './changeable.ts'
import { OPEN_DIRECTORY_FLAGS } from './directory-node.ts'

/** Throws `refused` for what must stay. */
export type Guard = (stat: FileStat, path: Uint8Array) => void

/** Removes what has been looked at before, or only tells what would be removed. */
export interface Removal {
  readonly guard: Guard
  /** Nothing is changed; what would be removed is told all the same. */
  readonly dryRun: boolean
  /** Told of each name that is gone, what is in a directory before the directory. */
  readonly removed: (path: Uint8Array) => void
}

/**
 * Removes `name` from the open directory `dirFd`; `path` is for messages. Everything below it is looked at first: when
 * anything must stay nothing is removed, and `refused` is thrown. A dry run refuses and tells the same.
 */
export function removeTree(dirFd: number, name: Uint8Array, path: Uint8Array, removal: Removal): void {
  const { guard, dryRun, removed } = removal
  const mayGo = (stat: FileStat, at: Uint8Array) => {
    guard(stat, at)
    refuseLocked(stat, at)
  }
  const entered = (fd: number, stat: FileStat) => {
    if (!canBeOpenedUp(stat)) requireWritable(fd)
  }
  walkTree(dirFd, name, path, { enter: mayGo, entered, leave: () => {}, readOnly: dryRun })
  const leave = (fd: number, each: Uint8Array, at: Uint8Array, isDirectory: boolean) => {
    if (!dryRun) unlinkAt(fd, each, isDirectory)
    removed(at)
  }
  walkTree(dirFd, name, path, { enter: mayGo, entered: () => {}, leave, readOnly: dryRun })
}

/** Removes a directory that has to be empty; throws as `removeTree` does, and ENOTEMPTY. */
export function removeEmpty(
  dirFd: number,
  name: Uint8Array,
  path: Uint8Array,
  { guard, dryRun }: Omit<Removal, 'removed'>,
): void {
  const stat = statAt(dirFd, name)
  guard(stat, path)
  refuseLocked(stat, path)
  if (!dryRun) return unlinkAt(dirFd, name, true)
  const fd = openForRemoval(dirFd, name, stat, true)
  try {
    if (readDirectory(fd).names.length > 0) throw systemError(ERRNO.ENOTEMPTY, 'rmdir', name)
  } finally {
    closeFd(fd)
  }
}

interface Visitor {
  /** Each name, a directory before what is in it; throws to end the walk. */
  enter(stat: FileStat, path: Uint8Array): void
  /** A directory that is open now. */
  entered(fd: number, stat: FileStat): void
  /** Each name in the open directory `dirFd`, a directory after what is in it. */
  leave(dirFd: number, name: Uint8Array, path: Uint8Array, isDirectory: boolean): void
  readonly readOnly: boolean
}

interface Level {
  readonly name: Uint8Array
  readonly path: Uint8Array
  readonly stat: FileStat
  /** Names that are directories, still to be visited. */
  readonly folders: Uint8Array[]
}

/** One directory is open at a time, so that the depth does not matter; going up is checked as going down is. */
function walkTree(dirFd: number, name: Uint8Array, path: Uint8Array, visitor: Visitor): void {
  const top = statAt(dirFd, name)
  visitor.enter(top, path)
  if (top.kind !== 'directory') return visitor.leave(dirFd, name, path, false)
  const levels: Level[] = []
  let fd = openForRemoval(dirFd, name, top, visitor.readOnly)
  const enter = (level: Omit<Level, 'folders'>) => {
    const folders: Uint8Array[] = []
    levels.push({ ...level, folders })
    const { names } = readDirectory(fd)
    if (names.length > 0) visitor.entered(fd, level.stat)
    for (const each of names) {
      const below = statAt(fd, each)
      const at = joinPath(level.path, each)
      visitor.enter(below, at)
      if (below.kind === 'directory') folders.push(each)
      else visitor.leave(fd, each, at, false)
    }
  }
  try {
    enter({ name, path, stat: top })
    for (;;) {
      const level = levels.at(-1)!
      const folder = level.folders.pop()
      if (folder !== undefined) {
        const below = statAt(fd, folder)
        const at = joinPath(level.path, folder)
        visitor.enter(below, at) // it may be another one by now
        const next = openForRemoval(fd, folder, below, visitor.readOnly)
        closeFd(fd)
        fd = next
        enter({ name: folder, path: at, stat: below })
        continue
      }
      levels.pop()
      const above = levels.at(-1)
      if (above === undefined) break
      const parent = openAt(fd, '..', OPEN_DIRECTORY_FLAGS)
      closeFd(fd)
      fd = parent
      checkIdentity(fd, above.stat, above.path)
      visitor.leave(fd, level.name, level.path, true)
    }
  } finally {
    closeFd(fd)
  }
  visitor.leave(dirFd, name, path, true)
}

function openForRemoval(dirFd: number, name: Uint8Array, expected: FileStat, readOnly: boolean): number {
  if (isClosedToOwner(expected) && !readOnly) chmodNamed(dirFd, name, 0o700)
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

/** Whoever has locked something wants it to stay, also when a snapshot does not have it. */
function refuseLocked(stat: FileStat, path: Uint8Array): void {
  if (lockedBy(stat) !== 0) throw locked(path)
}

/** Keeps other file systems, and the directories with these identities, from being removed. */
export function guardOf(target: FileStat, kept: readonly FileStat[]): Guard {
  return (stat, path) => {
    refuseMountPoint(stat, path)
    if (stat.dev !== target.dev) throw mounted(path)
    if (kept.some(({ ino, dev }) => ino === stat.ino && dev === stat.dev)) {
      throw new BackupError('refused', 'the repository itself is not removed', displayText(path))
    }
  }
}

/** Nothing can take the place of a mount point. */
export function refuseMountPoint({ attributes }: FileStat, path: Uint8Array): void {
  if ((attributes & ATTRIBUTE_MOUNT_ROOT) !== 0n) throw mounted(path)
}

function mounted(path: Uint8Array): BackupError {
  return new BackupError('refused', 'another file system is mounted here and is not removed', displayText(path))
}
