// A second look at a path that the walk has left behind: the same way again, from the source down, never through a
// symlink. By its whole path a file could be reached through a folder that somebody has meanwhile replaced by a symlink,
// and would be one that was never listed.
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../posix/constants.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { type FileStat, statAt } from '../posix/stat.ts'
import { type OtherExtras, readExtras } from './attributes.ts'
import { TROUBLE } from './problems.ts'

const SLASH = 0x2f

/** The entry at `path`, which is one of the sources or below one. Throws the system's error; ENOTDIR at a symlink. */
export function lookAgain(path: Uint8Array, sources: readonly Uint8Array[]): FileStat {
  return again(path, sources, (dirFd, name) => statAt(dirFd, name))
}

/** Its attributes. Never throws: what cannot be read is in `trouble`. */
export function extrasAgain(path: Uint8Array, stat: FileStat, sources: readonly Uint8Array[]): OtherExtras {
  try {
    return again(path, sources, (dirFd, name) => readExtras({ dirFd, name }, stat))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return { trouble: [TROUBLE.attributes], reasons: [`attributes cannot be read: ${reason}`] }
  }
}

function again<T>(path: Uint8Array, sources: readonly Uint8Array[], look: (dirFd: number, name: Uint8Array) => T): T {
  const start = sourceLength(path, sources)
  if (start === 0 || start >= path.length) return look(AT_FDCWD, path)
  let dirFd = openFolder(AT_FDCWD, path.subarray(0, start))
  try {
    let at = start
    for (;;) {
      while (path[at] === SLASH) at++
      const end = path.indexOf(SLASH, at)
      if (end < 0) return look(dirFd, path.subarray(at))
      const next = openFolder(dirFd, path.subarray(at, end))
      closeFd(dirFd)
      dirFd = next
      at = end
    }
  } finally {
    closeFd(dirFd)
  }
}

/** Bytes of the longest source that is `path` or holds it; 0 when none does. */
export function sourceLength(path: Uint8Array, sources: readonly Uint8Array[]): number {
  return sources.reduce((longest, source) => Math.max(longest, lengthAbove(source, path)), 0)
}

/** How much of `path` is the source; 0 when it does not lie below it. */
function lengthAbove(source: Uint8Array, path: Uint8Array): number {
  if (source.length > path.length || source.some((byte, i) => path[i] !== byte)) return 0
  const isWhole = source.length === path.length || source.at(-1) === SLASH || path[source.length] === SLASH
  return isWhole ? source.length : 0
}

function openFolder(dirFd: number, name: Uint8Array): number {
  return openAt(dirFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}
