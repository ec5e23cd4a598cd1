// Entries of trees made from what the file system says.
import type { Content, Entry } from '../../format/entry-model.ts'
import type { Xattr } from '../../format/xattr.ts'
import type { FileStat } from '../../posix/stat.ts'
import { entryOfStat, linkGroup } from '../../source/attributes.ts'
import type { Extent } from '../../format/extent.ts'
import { equalBytes } from '../../base/bytes.ts'
import { sameTime } from '../../base/time.ts'
import { keyedHash } from '../../crypto/hash.ts'

/** What an entry has besides its stat. */
export interface EntryExtras {
  readonly content?: Content | undefined
  readonly target?: Uint8Array | undefined
  readonly xattrs?: readonly Xattr[] | undefined
  readonly flags?: number | undefined
  readonly trouble?: readonly number[] | undefined
}

/** An entry for a name; `splitKey` names the group of a file's hard links. */
export function makeEntry(name: Uint8Array, stat: FileStat, extras: EntryExtras, splitKey: Uint8Array): Entry {
  const { content, target, xattrs, flags, trouble } = extras
  const entry: { -readonly [K in keyof Entry]: Entry[K] } = entryOfStat(name, stat, (id) => keyedHash(splitKey, id))
  if (stat.kind === 'symlink' && target !== undefined) entry.size = target.byteLength
  // A sparse file may claim 2^63 bytes.
  if (entry.size !== undefined) entry.size = Math.min(entry.size, Number.MAX_SAFE_INTEGER)
  if (flags !== undefined && flags !== 0) entry.flags = flags
  if (xattrs !== undefined && xattrs.length > 0) entry.xattrs = xattrs
  if (target !== undefined) entry.target = target
  if (content !== undefined) entry.content = content
  if (trouble !== undefined && trouble.length > 0) entry.trouble = trouble
  return entry
}

/**
 * True if everything that a stat tells is as the entry has it, so that the entry can be taken over as it is. Of hard links
 * the group as well: it is made of the number of the device, which may be another one after each start of the machine, and
 * names of one inode that are taken over have to agree with those that are read.
 */
export function describes(entry: Entry, stat: FileStat, splitKey: Uint8Array): boolean {
  const links = stat.kind === 'directory' ? 1 : stat.nlink
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
    (entry.links ?? 1) === links &&
    (links < 2 ||
      equalBytes(
        entry.linkGroup!,
        linkGroup(stat, (id) => keyedHash(splitKey, id)),
      ))
  )
}

/** True if two contents are made of the same blobs in the same order. */
export function sameContent(a: Content, b: Content): boolean {
  if (a.kind === 'inline') return b.kind === 'inline' && equalBytes(a.bytes, b.bytes)
  if (a.kind === 'list') return b.kind === 'list' && a.level === b.level && equalBytes(a.ref, b.ref)
  if (b.kind !== 'extents' || a.extents.length !== b.extents.length) return false
  return a.extents.every((extent, i) => sameExtent(extent, b.extents[i]!))
}

function sameExtent(a: Extent, b: Extent): boolean {
  if (a.length !== b.length || a.fill !== b.fill || (a.offset ?? 0) !== (b.offset ?? 0)) return false
  return a.ref === undefined ? b.ref === undefined : b.ref !== undefined && equalBytes(a.ref, b.ref)
}
