// Everything about an entry but its content (docs/format.md, 6.2). Works in worker threads on an open file and on the main
// thread for directories, symlinks and special files.
import type { Entry } from '../format/entry-model.ts'
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../posix/constants.ts'
import { codeOfError } from '../posix/errors.ts'
import { FLAGS_KEPT, getFlags } from '../posix/file-flags.ts'
import { readLinkAt } from '../posix/names.ts'
import { closeFd, openAt } from '../posix/open.ts'
import type { FileStat } from '../posix/stat.ts'
import { groupName, userName } from '../posix/users.ts'
import { getXattr, listXattr, type XattrTarget } from '../posix/xattr.ts'
import { TROUBLE } from './problems.ts'

/** One extended attribute as the system has it; long values become extents where the entry is written. */
export interface RawXattr {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export interface FileAttributes {
  /** Ascending by name; absent when there are none. */
  readonly xattrs?: readonly RawXattr[]
  /** Those that can be set again, see FLAGS_KEPT; absent when 0. */
  readonly flags?: number
  /** Some attribute is there and could not be read. */
  readonly failed: boolean
  /** Why, in one sentence. */
  readonly reason?: string
}

/** `KH(K_split, x)[0..8)`: makes the number that all names of one inode share (docs/format.md, 6.2, key 13). */
export type LinkGroupOf = (identity: Uint8Array) => Uint8Array

/** Where an entry is: its directory, its name there, and its own file descriptor if it is open. */
export interface EntryPlace {
  readonly dirFd: number
  readonly name: Uint8Array
  readonly fd?: number
}

/** The fields of an entry that follow from its stat. Without content, target, subtree, attributes. */
export function entryOfStat(name: Uint8Array, stat: FileStat, linkGroupOf: LinkGroupOf): Entry {
  const { kind, mode, uid, gid, mtime, ctime, btime, ino } = stat
  // Assigned one by one: a hundred thousand are made in a second, and each spread would make an object more.
  const entry: Mutable<Entry> = { name, kind, mode, uid, gid, mtime, ctime, ino }
  const user = userName(uid)
  if (user !== undefined) entry.user = user
  const group = groupName(gid)
  if (group !== undefined) entry.group = group
  if (btime !== undefined) entry.btime = btime
  if (kind === 'file' || kind === 'symlink') entry.size = stat.size
  if (stat.nlink > 1 && kind !== 'directory') {
    entry.links = stat.nlink
    entry.linkGroup = linkGroup(stat, linkGroupOf)
  }
  if (kind === 'char' || kind === 'block') entry.device = stat.rdev
  return entry
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Extended attributes and flags of an open file or directory. Never throws. */
export function readOpenAttributes(fd: number): FileAttributes {
  return gather({ fd }, () => flagsOf(fd))
}

/**
 * Extended attributes and flags of an entry that need not be open. Symlinks and special files are not opened (they have no
 * flags); a regular file or directory is, for its flags. Never throws.
 */
export function readAttributes({ dirFd, name, fd }: EntryPlace, kind: FileStat['kind']): FileAttributes {
  if (fd !== undefined && fd >= 0) return readOpenAttributes(fd)
  const hasFlags = kind === 'file' || kind === 'directory'
  return gather({ dirFd, name }, () => (hasFlags ? flagsByName(dirFd, name, kind === 'directory') : 0))
}

/**
 * The whole entry of anything but a regular file, which a caller adds content to, and a directory, which it adds a subtree
 * to. Never throws: what cannot be read is missing and named in `trouble`; `reasons` says why, for the report.
 */
export function describeEntry(
  place: EntryPlace,
  stat: FileStat,
  linkGroupOf: LinkGroupOf,
): { readonly entry: Omit<Entry, 'xattrs'>; readonly attributes: FileAttributes; readonly reasons: readonly string[] } {
  const reasons: string[] = []
  const trouble: number[] = []
  let entry = entryOfStat(place.name, stat, linkGroupOf)
  if (stat.kind === 'symlink') {
    try {
      const target = readLinkAt(place.dirFd, place.name)
      entry = { ...entry, target, size: target.length }
    } catch (cause) {
      trouble.push(TROUBLE.content)
      reasons.push(`target of the symlink cannot be read: ${messageOf(cause)}`)
    }
  }
  const attributes = readAttributes(place, stat.kind)
  if (attributes.failed) {
    trouble.push(TROUBLE.attributes)
    reasons.push(attributes.reason ?? 'attributes cannot be read')
  }
  if (attributes.flags !== undefined) entry = { ...entry, flags: attributes.flags }
  return { entry: trouble.length === 0 ? entry : { ...entry, trouble }, attributes, reasons }
}

/** What an entry that no worker reads brings along. */
export interface OtherExtras {
  /** Why something is missing, for people: one for each trouble. */
  readonly reasons?: readonly string[]
  readonly target?: Uint8Array
  readonly xattrs?: readonly RawXattr[]
  readonly flags?: number
  readonly trouble?: readonly number[]
}

/** What there is to know of an entry besides its stat and its content. Never throws. */
export function readExtras(place: EntryPlace, stat: FileStat): OtherExtras {
  const { entry, attributes, reasons } = describeEntry(place, stat, noGroup)
  return {
    reasons,
    ...(entry.target !== undefined && { target: entry.target }),
    ...(entry.trouble !== undefined && { trouble: entry.trouble }),
    ...(entry.flags !== undefined && { flags: entry.flags }),
    ...(attributes.xattrs !== undefined && { xattrs: attributes.xattrs }),
  }
}

/** Groups of hard links are named where entries are made. */
const noGroup = () => new Uint8Array(8)

function gather(target: XattrTarget, readFlags: () => number): FileAttributes {
  let reason: string | undefined
  const attempt = <T>(what: string, read: () => T, otherwise: T): T => {
    try {
      return read()
    } catch (cause) {
      // What is gone has no attributes; that it is gone is found out where it matters.
      if (codeOfError(cause) !== 'ENOENT') reason ??= `${what} cannot be read: ${messageOf(cause)}`
      return otherwise
    }
  }
  const names = attempt('list of extended attributes', () => listXattr(target) ?? [], [])
  const xattrs: RawXattr[] = []
  for (const name of names) {
    const value = attempt('extended attribute', () => getXattr(target, name), null)
    if (value !== null) xattrs.push({ name, value })
  }
  const flags = attempt('flags', readFlags, 0)
  return {
    ...(xattrs.length > 0 && { xattrs }),
    ...(flags !== 0 && { flags }),
    failed: reason !== undefined,
    ...(reason !== undefined && { reason }),
  }
}

function flagsOf(fd: number): number {
  return (getFlags(fd) ?? 0) & FLAGS_KEPT
}

function flagsByName(dirFd: number, name: Uint8Array, isDirectory: boolean): number {
  const fd = openAt(dirFd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (isDirectory ? O_DIRECTORY : 0))
  try {
    return flagsOf(fd)
  } finally {
    closeFd(fd)
  }
}

/** The number of the file's inode in a snapshot, 8 bytes. */
export function linkGroup({ dev, ino }: FileStat, linkGroupOf: LinkGroupOf): Uint8Array {
  const identity = new Uint8Array(16)
  const view = new DataView(identity.buffer)
  view.setBigUint64(0, dev, true)
  view.setBigUint64(8, ino, true)
  return linkGroupOf(identity).slice(0, 8)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
