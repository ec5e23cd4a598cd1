// Paths longer than one system call takes (4,095 bytes): the way to them goes through directories that are opened in
// between. Trees deeper than that are rare but legal; programs make them by changing directory as they go.
import { cString, PATH_BYTES_MAX } from './c-strings.ts'
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from './constants.ts'
import { ERRNO, lastError, systemError } from './errors.ts'
import type { Libc } from './libc.ts'

/** Calls `use` with a directory and a path from there that is short enough. Symlinks on the way are followed as usual. */
export function withinReach<T>(
  c: Libc,
  dirFd: number,
  path: Uint8Array,
  syscall: string,
  use: (dirFd: number, rest: Uint8Array) => T,
): T {
  let at = dirFd
  let rest = path
  try {
    while (rest.length > PATH_BYTES_MAX) {
      const cut = rest.lastIndexOf(SLASH, PATH_BYTES_MAX)
      if (cut <= 0) throw systemError(ERRNO.ENAMETOOLONG, syscall, path)
      const next = c.openat(at, cString(rest.subarray(0, cut), syscall), O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
      if (next < 0) throw lastError(syscall, path)
      if (at !== dirFd) c.close(at)
      at = next
      rest = rest.subarray(cut)
      while (rest[0] === SLASH) rest = rest.subarray(1)
    }
    return use(at, rest)
  } finally {
    if (at !== dirFd) c.close(at)
  }
}

/** True for paths that need `withinReach`; texts are for short ones. */
export function isLong(path: Uint8Array | string): path is Uint8Array {
  return typeof path !== 'string' && path.length > PATH_BYTES_MAX
}

const SLASH = 0x2f
