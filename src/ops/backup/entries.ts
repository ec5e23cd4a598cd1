// Entries of trees made from what the file system says.
import type { Content, Entry } from '../../format/entry-model.ts'
import type { Xattr } from '../../format/xattr.ts'
import type { FileStat } from '../../posix/stat.ts'
import { groupName, userName } from '../../posix/users.ts'
import { sameTime } from '../../base/time.ts'
import { keyedHash } from '../../crypto/hash.ts'

/** What an entry has besides its stat. */
export interface EntryExtras {
  readonly content?: Content
  readonly target?: Uint8Array
  readonly xattrs?: readonly Xattr[] | undefined
  readonly flags?: number | undefined
  readonly trouble?: readonly number[] | undefined
}

const LINK_GROUP_SIZE = 8

/** An entry for a name; `splitKey` names the group of a file's hard links. */
export function makeEntry(name: Uint8Array, stat: FileStat, extras: EntryExtras, splitKey: Uint8Array): Entry {
  const { kind, mode, uid, gid, mtime, ctime, btime, ino } = stat
  const user = userName(uid)
  const group = groupName(gid)
  const { content, target, xattrs, flags, trouble } = extras
  const entry: { -readonly [K in keyof Entry]: Entry[K] } = { name, kind, mode, uid, gid, mtime, ctime, ino }
  if (user !== undefined) entry.user = user
  if (group !== undefined) entry.group = group
  if (btime !== undefined) entry.btime = btime
  if (kind === 'file') entry.size = stat.size
  if (kind === 'symlink' && target !== undefined) entry.size = target.byteLength
  if (kind !== 'directory' && stat.nlink > 1) {
    entry.links = stat.nlink
    entry.linkGroup = linkGroup(stat, splitKey)
  }
  if (kind === 'char' || kind === 'block') entry.device = stat.rdev
  if (flags !== undefined && flags !== 0) entry.flags = flags
  if (xattrs !== undefined && xattrs.length > 0) entry.xattrs = xattrs
  if (target !== undefined) entry.target = target
  if (content !== undefined) entry.content = content
  if (trouble !== undefined && trouble.length > 0) entry.trouble = trouble
  return entry
}

/** True if everything that a stat tells is as the entry has it, so that the entry can be taken over as it is. */
export function describes(entry: Entry, stat: FileStat): boolean {
  return (
    entry.kind === stat.kind &&
    entry.mode === stat.mode &&
    entry.uid === stat.uid &&
    entry.gid === stat.gid &&
    entry.ino === stat.ino &&
    sameTime(entry.mtime, stat.mtime) &&
    entry.ctime !== undefined &&
    sameTime(entry.ctime, stat.ctime) &&
    (entry.kind !== 'file' || entry.size === stat.size) &&
    (entry.kind === 'directory' || (entry.links ?? 1) === stat.nlink)
  )
}

function linkGroup({ dev, ino }: FileStat, splitKey: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, dev, true)
  view.setBigUint64(8, ino, true)
  return keyedHash(splitKey, bytes).slice(0, LINK_GROUP_SIZE)
}
