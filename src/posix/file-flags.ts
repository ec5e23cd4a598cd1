// Flags that chattr sets: immutable, append only, no dump, no copy on write and others (FS_IOC_GETFLAGS).
import { ERRNO, lastError, notSupported } from './errors.ts'
import { libc } from './libc.ts'

/** Flags of an open file or directory (FS_*_FL bits); null where the file system or this system has none. */
export function getFlags(fd: number): number | null {
  const c = libc()
  if (c === null) return null
  // The kernel writes an int although the request is declared with a long.
  if (c.ioctl(fd, FS_IOC_GETFLAGS, argument) === 0) return words[0]!
  if (WITHOUT_FLAGS.has(c.errno())) return null
  throw lastError('ioctl')
}

/** Sets all flags. Immutable and append only need privileges (EPERM); ENOTTY or ENOTSUP where there are none. */
export function setFlags(fd: number, flags: number): void {
  const c = libc()
  if (c === null) throw notSupported('ioctl')
  argument.fill(0)
  words[0] = flags
  if (c.ioctl(fd, FS_IOC_SETFLAGS, argument) !== 0) throw lastError('ioctl')
}

export const FLAG_IMMUTABLE = 0x10
export const FLAG_APPEND = 0x20
export const FLAG_NODUMP = 0x40
/** Not to copy on write (btrfs); can only be set while a file is empty. */
export const FLAG_NOCOW = 0x800000
/**
 * What a user can set and what therefore is worth keeping: secure deletion, undelete, compress, synchronous, immutable,
 * append, no dump, no access time; do not compress, journal data, no tail merging, synchronous directory, top of
 * directories, no copy on write, direct access, project inheritance. The rest describes how a file is stored (extents,
 * index, inline data, encryption).
 */
export const FLAGS_KEPT = 0xff | 0x400 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x800000 | 0x2000000 | 0x20000000

const FS_IOC_GETFLAGS = 0x80086601
const FS_IOC_SETFLAGS = 0x40086602
const WITHOUT_FLAGS: ReadonlySet<number> = new Set([
  ERRNO.ENOTTY,
  ERRNO.ENOTSUP,
  ERRNO.EOPNOTSUPP,
  ERRNO.ENOSYS,
  ERRNO.EINVAL,
])
const argument = new Uint8Array(64)
const words = new Uint32Array(argument.buffer)
