// Making, moving and removing names in open directories.
import { linkSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { asBuffer } from '../base/bytes.ts'
import { cString, PATH_BYTES_MAX, type PathLike, secondCString } from './c-strings.ts'
import { AT_REMOVEDIR } from './constants.ts'
import { codeOfError, ERRNO, lastError, systemError } from './errors.ts'
import { libc } from './libc.ts'
import { isLong, withinReach } from './long-paths.ts'
import { pathOf } from './node-paths.ts'

/** The target of a symlink, as it was written. */
export function readLinkAt(dirFd: number, name: PathLike): Uint8Array {
  const c = libc()
  if (c === null) return Uint8Array.from(readlinkSync(pathOf(dirFd, name, 'readlink'), { encoding: 'buffer' }))
  if (isLong(name)) return withinReach(c, dirFd, name, 'readlink', readLinkAt)
  const length = c.readlinkat(dirFd, cString(name, 'readlink'), target, target.length)
  if (length < 0) throw lastError('readlink', name)
  return target.slice(0, length)
}

export function mkdirAt(dirFd: number, name: PathLike, mode: number): void {
  const c = libc()
  if (c === null) mkdirSync(pathOf(dirFd, name, 'mkdir'), mode)
  else if (c.mkdirat(dirFd, cString(name, 'mkdir'), mode) !== 0) throw lastError('mkdir', name)
}

export function unlinkAt(dirFd: number, name: PathLike, isDirectory: boolean): void {
  const c = libc()
  if (c === null) {
    if (isDirectory) rmdirSync(pathOf(dirFd, name, 'rmdir'))
    else unlinkSync(pathOf(dirFd, name, 'unlink'))
  } else if (c.unlinkat(dirFd, cString(name, 'unlink'), isDirectory ? AT_REMOVEDIR : 0) !== 0) {
    throw lastError(isDirectory ? 'rmdir' : 'unlink', name)
  }
}

/** Makes `name` a symlink that says `to`; at most 4,095 bytes. */
export function symlinkAt(to: PathLike, dirFd: number, name: PathLike): void {
  const c = libc()
  if (c === null) symlinkSync(typeof to === 'string' ? to : asBuffer(to), pathOf(dirFd, name, 'symlink'))
  else if (c.symlinkat(secondCString(to, 'symlink'), dirFd, cString(name, 'symlink')) !== 0) {
    throw lastError('symlink', name)
  }
}

/** Another name for a file; for a symlink itself where `from` is one. */
export function linkAt(fromFd: number, from: PathLike, toFd: number, to: PathLike): void {
  const c = libc()
  if (c === null) linkSync(pathOf(fromFd, from, 'link'), pathOf(toFd, to, 'link'))
  else if (c.linkat(fromFd, cString(from, 'link'), toFd, secondCString(to, 'link'), 0) !== 0)
    throw lastError('link', to)
}

/**
 * `replace` (as rename does), `keep` (EEXIST when `to` exists) or `exchange` (both must exist). Without native calls
 * `keep` looks first, which another process can race, and `exchange` is ENOSYS. File systems without it say EINVAL.
 */
export function renameAt(
  fromFd: number,
  from: PathLike,
  toFd: number,
  to: PathLike,
  existing: 'replace' | 'keep' | 'exchange' = 'replace',
): void {
  const c = libc()
  if (c === null) return renameByPath(pathOf(fromFd, from, 'rename'), pathOf(toFd, to, 'rename'), existing)
  const flags = RENAME_FLAGS[existing]
  if (c.renameat2(fromFd, cString(from, 'rename'), toFd, secondCString(to, 'rename'), flags) !== 0) {
    throw lastError('rename', from)
  }
}

const RENAME_FLAGS = { replace: 0, keep: 1, exchange: 2 } as const
const target = new Uint8Array(PATH_BYTES_MAX + 1)

function renameByPath(from: Buffer, to: Buffer, existing: 'replace' | 'keep' | 'exchange'): void {
  if (existing === 'exchange') throw systemError(ERRNO.ENOSYS, 'rename', from)
  if (existing === 'keep' && exists(to)) throw systemError(ERRNO.EEXIST, 'rename', to)
  renameSync(from, to)
}

function exists(path: Buffer): boolean {
  try {
    lstatSync(path)
    return true
  } catch (cause) {
    if (codeOfError(cause) === 'ENOENT') return false
    throw cause
  }
}
