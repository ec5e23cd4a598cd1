// Owner, group and permission bits.
import { chmodSync, fchmodSync, fchownSync, lchownSync } from 'node:fs'
import { cString, type PathLike } from './c-strings.ts'
import { AT_SYMLINK_NOFOLLOW } from './constants.ts'
import { lastError } from './errors.ts'
import { libc } from './libc.ts'
import { pathOf } from './node-paths.ts'

/** Leaves the owner or the group as it is. */
export const KEEP_ID = 0xffffffff

/** Changes the name itself, also of a symlink. Clears setuid and setgid bits, so it comes before chmod. */
export function chownAt(dirFd: number, name: PathLike, uid: number, gid: number): void {
  const c = libc()
  if (c === null) lchownSync(pathOf(dirFd, name, 'chown'), nodeId(uid), nodeId(gid))
  else if (c.fchownat(dirFd, cString(name, 'chown'), uid, gid, AT_SYMLINK_NOFOLLOW) !== 0)
    throw lastError('chown', name)
}

export function chownFd(fd: number, uid: number, gid: number): void {
  const c = libc()
  if (c === null) fchownSync(fd, nodeId(uid), nodeId(gid))
  else if (c.fchown(fd, uid, gid) !== 0) throw lastError('fchown')
}

/** Follows symlinks: Linux keeps no permissions for them, so never call it with one. `mode` is 07777. */
export function chmodAt(dirFd: number, name: PathLike, mode: number): void {
  const c = libc()
  if (c === null) chmodSync(pathOf(dirFd, name, 'chmod'), mode)
  else if (c.fchmodat(dirFd, cString(name, 'chmod'), mode, 0) !== 0) throw lastError('chmod', name)
}

export function chmodFd(fd: number, mode: number): void {
  const c = libc()
  if (c === null) fchmodSync(fd, mode)
  else if (c.fchmod(fd, mode) !== 0) throw lastError('fchmod')
}

/** node:fs wants -1 where the system takes 0xffffffff. */
function nodeId(id: number): number {
  return id === KEEP_ID ? -1 : id
}
