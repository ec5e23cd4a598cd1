// Extended attributes; POSIX ACLs (system.posix_acl_*), NFSv4 ACLs (system.nfs4_acl), capabilities
// (security.capability) and SELinux labels are attributes too. Names and values are raw bytes; names are given with
// their namespace (`user.`, `trusted.` …). `trusted.*` is visible to root only.
import { cString, cStringBelow, type PathLike, secondCString } from './c-strings.ts'
import { AT_FDCWD } from './constants.ts'
import { ERRNO, lastError, notSupported, systemError } from './errors.ts'
import { libc, type Libc } from './libc.ts'

/**
 * What has the attributes. `{fd}` is the fastest (0.35 us to list); a descriptor opened with O_PATH does not do.
 * `{dirFd, name}` is the entry itself, never what a symlink points to; it needs /proc to be mounted, since Linux has
 * no *at calls for this before 6.13. `{path}` follows symlinks unless `nofollow`.
 */
export type XattrTarget =
  | { readonly fd: number }
  | { readonly dirFd: number; readonly name: PathLike }
  | { readonly path: PathLike; readonly nofollow?: boolean }

/** The names in ascending byte order; null where the file system (or this system) knows no attributes. */
export function listXattr(target: XattrTarget): Uint8Array[] | null {
  const c = libc()
  if (c === null) return null
  const length = list(c, target)
  if (length >= 0) return splitNames(length)
  if (UNSUPPORTED.has(c.errno())) return null
  throw lastError('listxattr', shown(target))
}

/** The value, or null when there is no such attribute (any more). */
export function getXattr(target: XattrTarget, name: PathLike): Uint8Array | null {
  const c = libc()
  if (c === null) throw notSupported('getxattr', shown(target))
  const length = get(c, target, secondCString(name, 'getxattr'))
  if (length >= 0) return value.slice(0, length)
  if (c.errno() === ERRNO.ENODATA || UNSUPPORTED.has(c.errno())) return null
  throw lastError('getxattr', shown(target))
}

/** Throws ENOTSUP where the file system keeps no such attribute, EPERM where privileges are missing, ENOSPC, E2BIG. */
export function setXattr(target: XattrTarget, name: PathLike, bytes: Uint8Array): void {
  const c = libc()
  if (c === null) throw notSupported('setxattr', shown(target))
  if (bytes.length > XATTR_SIZE_MAX) throw systemError(ERRNO.E2BIG, 'setxattr', shown(target))
  // An empty array may have no memory at all; the call wants an address.
  const memory = bytes.length === 0 ? value : bytes
  if (set(c, target, secondCString(name, 'setxattr'), memory, bytes.length) !== 0) {
    throw lastError('setxattr', shown(target))
  }
}

/** True if the attribute was there. */
export function removeXattr(target: XattrTarget, name: PathLike): boolean {
  const c = libc()
  if (c === null) throw notSupported('removexattr', shown(target))
  if (remove(c, target, secondCString(name, 'removexattr')) === 0) return true
  if (c.errno() === ERRNO.ENODATA) return false
  throw lastError('removexattr', shown(target))
}

/** The kernel's own limit for one value and for the list of names (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
export const XATTR_SIZE_MAX = 65_536

const UNSUPPORTED: ReadonlySet<number> = new Set([ERRNO.ENOTSUP, ERRNO.EOPNOTSUPP, ERRNO.ENOSYS])
const value = new Uint8Array(XATTR_SIZE_MAX)

function splitNames(length: number): Uint8Array[] {
  if (length === 0) return []
  const names: Uint8Array[] = []
  for (let at = 0; at < length;) {
    let end = value.indexOf(0, at)
    if (end < 0 || end > length) end = length
    if (end > at && !isEcho(at)) names.push(value.slice(at, end))
    at = end + 1
  }
  return names.sort(Buffer.compare)
}

/** XFS shows root every POSIX ACL a second time, in a form of its own that other file systems would take for user data. */
const ECHO_PREFIX = Buffer.from('trusted.SGI_ACL_')

function isEcho(at: number): boolean {
  return value[at] === ECHO_PREFIX[0] && ECHO_PREFIX.equals(value.subarray(at, at + ECHO_PREFIX.length))
}

function list(c: Libc, target: XattrTarget): number {
  if ('fd' in target) return c.flistxattr(target.fd, value, value.length)
  const path = pathFor(target, 'listxattr')
  return follows(target) ? c.listxattr(path, value, value.length) : c.llistxattr(path, value, value.length)
}

function get(c: Libc, target: XattrTarget, name: Uint8Array): number {
  if ('fd' in target) return c.fgetxattr(target.fd, name, value, value.length)
  const path = pathFor(target, 'getxattr')
  return follows(target) ? c.getxattr(path, name, value, value.length) : c.lgetxattr(path, name, value, value.length)
}

function set(c: Libc, target: XattrTarget, name: Uint8Array, memory: Uint8Array, size: number): number {
  if ('fd' in target) return c.fsetxattr(target.fd, name, memory, size, 0)
  const path = pathFor(target, 'setxattr')
  return follows(target) ? c.setxattr(path, name, memory, size, 0) : c.lsetxattr(path, name, memory, size, 0)
}

function remove(c: Libc, target: XattrTarget, name: Uint8Array): number {
  if ('fd' in target) return c.fremovexattr(target.fd, name)
  const path = pathFor(target, 'removexattr')
  return follows(target) ? c.removexattr(path, name) : c.lremovexattr(path, name)
}

type Named = Exclude<XattrTarget, { readonly fd: number }>

function follows(target: Named): boolean {
  return 'path' in target && target.nofollow !== true
}

function pathFor(target: Named, syscall: string): Uint8Array {
  if ('path' in target) return cString(target.path, syscall)
  if (target.dirFd === AT_FDCWD) return cString(target.name, syscall)
  return cStringBelow(target.dirFd, target.name, syscall)
}

function shown(target: XattrTarget): PathLike | undefined {
  if ('fd' in target) return undefined
  return 'path' in target ? target.path : target.name
}
