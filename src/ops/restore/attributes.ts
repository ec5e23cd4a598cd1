// Gives a file, a directory or another object the attributes it had. The order matters: a change of owner clears setuid
// bits and capabilities, an ACL changes the mode, every change but the last moves the change time, and after immutable
// nothing can be changed at all. So: owner, extended attributes, mode, times, flags.
import { displayText, equalBytes } from '../../base/bytes.ts'
import { errnoOf } from '../../base/errors.ts'
import type { Timespec } from '../../base/time.ts'
import type { EntryKind } from '../../format/entry-model.ts'
import { AT_FDCWD, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../posix/constants.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, FLAGS_KEPT, getFlags, setFlags } from '../../posix/file-flags.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { chmodAt, chmodFd, chownAt, chownFd, KEEP_ID } from '../../posix/ownership.ts'
import type { FileStat } from '../../posix/stat.ts'
import { setTimesAt, setTimesFd } from '../../posix/times.ts'
import { effectiveUid } from '../../posix/users.ts'
import { getXattr, listXattr, removeXattr, setXattr } from '../../posix/xattr.ts'
import { sameFileTime } from './file-time.ts'
import type { MetadataClasses, WarningClass } from './options.ts'
import { isAccessAcl, isAcl, modeWithoutAcl } from './posix-acl.ts'

export interface PlainXattr {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** As the object has to be in the end. */
export interface Attributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Timespec
  readonly flags: number
  readonly xattrs: readonly PlainXattr[]
}

/** As the object is. */
export interface FoundAttributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Absent when it is sure to be another than the one wanted. */
  readonly mtime?: Timespec
  /** Made a moment ago, so it has no extended attributes or flags of its own. */
  readonly fresh: boolean
}

/** An open file or directory, or a name in an open directory (anything that is neither). */
export type Place = { readonly fd: number } | { readonly dirFd: number; readonly name: Uint8Array }

/** Told of each attribute that could not be given. */
export type Warn = (what: WarningClass, cause: unknown) => void

export const S_ISUID = 0o4000
export const S_ISGID = 0o2000

/**
 * Never throws for what the target cannot hold: `warn` is told. Throws when it is read-only: nothing can be given then.
 * True if anything was changed. `giveName` gives a new file its name, which has to happen before it is locked.
 */
export function applyAttributes(
  place: Place,
  kind: EntryKind,
  wanted: Attributes,
  found: FoundAttributes,
  classes: MetadataClasses,
  warn: Warn,
  giveName?: () => void,
): boolean {
  let changed = !found.fresh && classes.flags && unlockFlags(place, kind, wanted, found, classes)
  const owner = giveOwner(place, wanted, found, classes, warn)
  changed = owner.changed || changed
  const xattrs = giveXattrs(place, wanted, found, classes, warn)
  changed = xattrs.changed || changed
  if (classes.mode && kind !== 'symlink') {
    const mode = permittedMode(kind, wanted, owner, xattrs.aclSet, warn)
    const cleared = owner.changed && (mode & (S_ISUID | S_ISGID)) !== 0
    if (mode !== found.mode || cleared || xattrs.aclChanged) {
      changed = attempt(warn, 'mode', () => changeMode(place, mode)) || changed
    }
  }
  if (classes.times && (found.mtime === undefined || !sameFileTime(found.mtime, wanted.mtime))) {
    changed = attempt(warn, 'times', () => changeTime(place, wanted.mtime)) || changed
  }
  giveName?.()
  if (classes.flags && 'fd' in place) changed = giveFlags(place.fd, wanted.flags, found, warn) || changed
  return changed
}

/**
 * Whether an object that is there has other attributes than it should. Flags are looked at only where the snapshot has
 * some or the object has one that locks it: everything else would have to be opened for it.
 */
export function attributesDiffer(
  place: Place,
  kind: EntryKind,
  wanted: Attributes,
  found: FileStat,
  classes: MetadataClasses,
): boolean {
  if (othersDiffer(place, kind, wanted, found, classes)) return true
  if (!classes.flags || (kind !== 'file' && kind !== 'directory')) return false
  if (wanted.flags === 0 && (Number(found.attributes) & LOCKS) === 0) return false
  return flagsOf(place) !== (wanted.flags & FLAGS_KEPT)
}

/** The same for all attributes but flags. */
function othersDiffer(
  place: Place,
  kind: EntryKind,
  wanted: Attributes,
  found: Omit<FoundAttributes, 'fresh'>,
  classes: MetadataClasses,
): boolean {
  if (classes.owner && (found.uid !== wanted.uid || found.gid !== wanted.gid)) return true
  if (classes.mode && kind !== 'symlink' && found.mode !== wanted.mode) return true
  if (classes.times && (found.mtime === undefined || !sameFileTime(found.mtime, wanted.mtime))) return true
  return (classes.xattrs || classes.acls) && xattrsDiffer(place, wanted.xattrs, classes)
}

/** STATX_ATTR_IMMUTABLE and STATX_ATTR_APPEND are the same bits. */
const LOCKS = FLAG_IMMUTABLE | FLAG_APPEND

function flagsOf(place: Place): number | undefined {
  if ('fd' in place) return (attemptFlags(place.fd) ?? 0) & FLAGS_KEPT
  try {
    const fd = openAt(place.dirFd, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      return (attemptFlags(fd) ?? 0) & FLAGS_KEPT
    } finally {
      closeFd(fd)
    }
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return undefined // setting them will tell why
  }
}

function xattrsDiffer(place: Place, wanted: readonly PlainXattr[], classes: MetadataClasses): boolean {
  const concerns = (name: Uint8Array) => classes[isAcl(name) ? 'acls' : 'xattrs']
  let names: Uint8Array[]
  try {
    names = listXattr(place) ?? []
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return true
  }
  const goal = wanted.filter(({ name }) => concerns(name))
  const others = names.filter((name) => concerns(name) && !goal.some((each) => equalBytes(each.name, name)))
  return (
    goal.some(({ name, value }) => !hasXattr(place, name, value)) ||
    others.some((name) => isAcl(name) || isRemovable(displayText(name)))
  )
}

interface Owner {
  readonly uid: number
  readonly gid: number
  readonly changed: boolean
}

function giveOwner(
  place: Place,
  wanted: Attributes,
  found: FoundAttributes,
  classes: MetadataClasses,
  warn: Warn,
): Owner {
  const { uid, gid } = found
  if (!classes.owner || (uid === wanted.uid && gid === wanted.gid)) return { uid, gid, changed: false }
  try {
    changeOwner(place, wanted.uid, wanted.gid)
    return { uid: wanted.uid, gid: wanted.gid, changed: true }
  } catch (cause) {
    if (errnoOf(cause) === 'EROFS') throw cause
    // Whoever is not root may still give a file of theirs to another of their groups.
    const group = gid !== wanted.gid && attempt(undefined, 'owner', () => changeOwner(place, KEEP_ID, wanted.gid))
    const forbidden = errnoOf(cause) === 'EPERM' && effectiveUid() !== 0
    if (!group || uid !== wanted.uid) warn('owner', forbidden ? 'this user may not set owners' : cause)
    return { uid, gid: group ? wanted.gid : gid, changed: group }
  }
}

/** The wanted mode without what would give rights that the object did not give when it was backed up. */
function permittedMode(kind: EntryKind, wanted: Attributes, owner: Owner, aclSet: boolean, warn: Warn): number {
  let { mode } = wanted
  if (owner.uid !== wanted.uid) mode &= ~S_ISUID
  if (owner.gid !== wanted.gid && kind !== 'directory') mode &= ~S_ISGID
  if (mode !== wanted.mode) warn('mode', 'setuid and setgid bits are not given to another owner')
  const acl = aclSet ? undefined : wanted.xattrs.find(({ name }) => isAccessAcl(name))
  return acl === undefined ? mode : modeWithoutAcl(mode, acl.value)
}

function giveXattrs(
  place: Place,
  wanted: Attributes,
  found: FoundAttributes,
  classes: MetadataClasses,
  warn: Warn,
): { changed: boolean; aclSet: boolean; aclChanged: boolean } {
  let changed = !found.fresh && removeOthers(place, wanted.xattrs, classes, warn)
  let aclSet = false
  let aclChanged = changed
  for (const { name, value } of wanted.xattrs) {
    const what = isAcl(name) ? 'acls' : 'xattrs'
    if (!classes[what]) continue
    const access = isAccessAcl(name)
    if (!found.fresh && hasXattr(place, name, value)) {
      aclSet ||= access
      continue
    }
    if (!attempt(warn, what, () => setXattr(place, name, value))) continue
    changed = true
    aclSet ||= access
    aclChanged ||= access
  }
  return { changed, aclSet, aclChanged }
}

function hasXattr(place: Place, name: Uint8Array, value: Uint8Array): boolean {
  try {
    const there = getXattr(place, name)
    return there !== null && equalBytes(there, value)
  } catch {
    return false // setting it will tell why
  }
}

/** Attributes that a system gives by itself (labels and the like) stay; these are what users and programs set. */
function isRemovable(name: string): boolean {
  return name.startsWith('user.') || name.startsWith('trusted.') || name === 'security.capability'
}

function removeOthers(place: Place, wanted: readonly PlainXattr[], classes: MetadataClasses, warn: Warn): boolean {
  if (!classes.xattrs && !classes.acls) return false
  let names: Uint8Array[] | null = null
  if (!attempt(warn, 'xattrs', () => (names = listXattr(place)))) return false
  let changed = false
  for (const name of (names as Uint8Array[] | null) ?? []) {
    const what = isAcl(name) ? 'acls' : 'xattrs'
    if (!classes[what] || (what === 'xattrs' && !isRemovable(displayText(name)))) continue
    if (wanted.some((each) => equalBytes(each.name, name))) continue
    changed = attempt(warn, what, () => removeXattr(place, name)) || changed
  }
  return changed
}

/** Takes immutable and append only away where anything is to be changed; true if they were taken. */
function unlockFlags(
  place: Place,
  kind: EntryKind,
  wanted: Attributes,
  found: FoundAttributes,
  classes: MetadataClasses,
): boolean {
  if (!('fd' in place)) return false
  const flags = attemptFlags(place.fd)
  if (flags === null || (flags & LOCKS) === 0) return false
  const stays = (flags & FLAGS_KEPT) === (wanted.flags & FLAGS_KEPT)
  if (stays && !othersDiffer(place, kind, wanted, found, classes)) return false
  return attempt(undefined, 'flags', () => setFlags(place.fd, flags & ~LOCKS))
}

function giveFlags(fd: number, wanted: number, found: FoundAttributes, warn: Warn): boolean {
  if (found.fresh && wanted === 0) return false
  const now = attemptFlags(fd)
  if (now === null) {
    if (wanted !== 0) warn('flags', 'the file system has no flags')
    return false
  }
  const goal = (now & ~FLAGS_KEPT) | (wanted & FLAGS_KEPT)
  if (goal === now) return false
  if (attempt(undefined, 'flags', () => setFlags(fd, goal))) return true
  // One that is not permitted or not known here takes the others with it: give them one by one, the locks last.
  let changed = false
  let flags = now
  for (const bit of bitsOf(goal ^ now)) {
    if (attempt(warn, 'flags', () => setFlags(fd, flags ^ bit))) {
      flags ^= bit
      changed = true
    }
  }
  return changed
}

function bitsOf(flags: number): number[] {
  const bits: number[] = []
  for (let i = 0; i < 31; i++) if ((flags & (1 << i)) !== 0) bits.push(1 << i)
  const isLock = (bit: number) => (bit === FLAG_IMMUTABLE || bit === FLAG_APPEND ? 1 : 0)
  return bits.sort((a, b) => isLock(a) - isLock(b))
}

function attemptFlags(fd: number): number | null {
  try {
    return getFlags(fd)
  } catch {
    return null // a file system that answers with an error has none that could be set
  }
}

function changeOwner(place: Place, uid: number, gid: number): void {
  if ('fd' in place) chownFd(place.fd, uid, gid)
  else chownAt(place.dirFd, place.name, uid, gid)
}

function changeMode(place: Place, mode: number): void {
  if ('fd' in place) chmodFd(place.fd, mode)
  else chmodNamed(place.dirFd, place.name, mode)
}

/** chmod follows symlinks; through a handle of the name itself there is none to follow. */
export function chmodNamed(dirFd: number, name: Uint8Array, mode: number): void {
  if (O_PATH === 0) return chmodAt(dirFd, name, mode)
  const fd = openAt(dirFd, name, O_PATH | O_NOFOLLOW)
  try {
    chmodAt(AT_FDCWD, `/proc/self/fd/${fd}`, mode)
  } finally {
    closeFd(fd)
  }
}

function changeTime(place: Place, mtime: Timespec): void {
  if ('fd' in place) setTimesFd(place.fd, undefined, mtime)
  else setTimesAt(place.dirFd, place.name, undefined, mtime)
}

function attempt(warn: Warn | undefined, what: WarningClass, step: () => void): boolean {
  try {
    step()
    return true
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === undefined || errno === 'EROFS') throw cause // a bug, or nothing at all can be changed here
    warn?.(what, cause)
    return false
  }
}
