// Without native calls there is no openat: directories that were opened here are remembered by their path, and
// node:fs gets whole paths. Longer ones than the system permits fail then, and a directory renamed meanwhile is lost.
import { concatBytes, utf8 } from '../base/bytes.ts'
import { AT_FDCWD } from './constants.ts'
import type { PathLike } from './c-strings.ts'
import { ERRNO, systemError } from './errors.ts'

/** The path of `name` in an open directory, for node:fs. */
export function pathOf(dirFd: number, name: PathLike, syscall: string): Buffer {
  const bytes = typeof name === 'string' ? utf8(name) : name
  if (dirFd === AT_FDCWD || bytes[0] === 0x2f) return Buffer.from(bytes)
  return Buffer.from(concatBytes([pathOfFd(dirFd, syscall), SLASH, bytes]))
}

/** The path that an open file was opened under. */
export function pathOfFd(fd: number, syscall: string): Uint8Array {
  const known = paths.get(fd)
  if (known !== undefined) return known
  if (process.platform === 'linux') return utf8(`/proc/self/fd/${fd}`)
  throw systemError(ERRNO.EBADF, syscall)
}

export function rememberPath(fd: number, path: Uint8Array): void {
  paths.set(fd, path)
}

export function forgetPath(fd: number): void {
  paths.delete(fd)
}

const SLASH = Uint8Array.of(0x2f)
const paths = new Map<number, Uint8Array>()
