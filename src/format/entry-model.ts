// docs/format.md, 6.2: what an entry of a directory is, with its limits and the rules that hold between its fields.
import type { RawField } from '../base/cbor.ts'
import type { Timespec } from '../base/time.ts'
import { extentBytes, EXTENTS_INLINE_MAX, REF_SIZE } from './extent.ts'
import type { BlobRef, Extent } from './extent.ts'
import type { Xattr } from './xattr.ts'

export type EntryKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block'

/** The bytes of a file. `count` is the number of extents below the node. */
export type Content =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'extents'; readonly extents: readonly Extent[] }
  | { readonly kind: 'list'; readonly level: number; readonly ref: BlobRef; readonly count: number }

/** What a directory holds: its topmost tree node, and totals over everything below it. */
export interface Subtree {
  readonly ref: BlobRef
  readonly entries: number
  readonly bytes: number
}

export interface Entry {
  readonly name: Uint8Array
  readonly kind: EntryKind
  /** Permission bits, 07777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Absent when unknown on the machine. */
  readonly user?: string
  readonly group?: string
  readonly mtime: Timespec
  readonly ctime?: Timespec
  /** Birth. */
  readonly btime?: Timespec
  readonly ino: bigint
  /** Bytes of a file, or of a symlink's target. */
  readonly size?: number
  /** Hard links to the inode; absent when 1 and for directories. */
  readonly links?: number
  /** The same for all names of one inode, 8 bytes; there exactly when `links` is above 1. */
  readonly linkGroup?: Uint8Array
  /** Of character and block devices. */
  readonly device?: { readonly major: number; readonly minor: number }
  /** FS_IOC_GETFLAGS, absent when 0. */
  readonly flags?: number
  readonly xattrs?: readonly Xattr[]
  readonly target?: Uint8Array
  /** Of files, also empty ones; absent only with TROUBLE.content. */
  readonly content?: Content
  /** Of directories; absent only with TROUBLE.listing. */
  readonly subtree?: Subtree
  /** TROUBLE codes. */
  readonly trouble?: readonly number[]
  readonly unknown?: readonly RawField[]
}

export const TROUBLE = {
  /** The content or the target of a link could not be read. */
  content: 1,
  /** The file changed while it was read, on every attempt. */
  changed: 2,
  /** Extended attributes or flags could not be read. */
  attributes: 3,
  /** The directory could not be listed. */
  listing: 4,
} as const

/** Bytes of a name: Linux allows 255, FUSE 1,024, other systems up to 1,020. */
export const NAME_MAX = 1024
/** Bytes of the name of a root entry, which is a whole path. */
export const ROOT_NAME_MAX = 65_535
/** Bytes of a link's target: Linux allows 4,095. */
export const TARGET_MAX = 65_535
/** Bytes of a user or group name. */
export const OWNER_NAME_MAX = 1024
/** Bytes of content in the entry itself, where readers take it; writers put none there but that of empty files. */
export const INLINE_MAX = 512
/** Bytes of an encoded entry: bounds a tree node together with the rule that cuts it. */
export const ENTRY_SIZE_MAX = 1024 * 1024
/** Levels of tree nodes and content lists: at 32 items a node, 12 levels hold 2^60. */
export const LEVEL_MAX = 12
export const LINK_GROUP_SIZE = 8

/** How the names of a node are checked: those of a snapshot's root are paths. */
export interface NameRule {
  readonly root?: boolean
}

const SLASH = 0x2f
const DOT = 0x2e

/** What is wrong with the name of an entry, undefined if nothing is. */
export function nameFlaw(name: Uint8Array, rule: NameRule): string | undefined {
  const root = rule.root === true
  const length = name.length
  if (length === 0) return 'has an empty name'
  if (length > (root ? ROOT_NAME_MAX : NAME_MAX)) return `has a name of ${length} bytes`
  if (length <= 2 && name[0] === DOT && (length === 1 || name[1] === DOT)) return 'is named . or ..'
  for (let i = 0; i < length; i++) {
    const byte = name[i]
    if (byte === 0) return 'has a zero byte in its name'
    if (byte === SLASH && !root) return 'has a / in its name'
  }
  return undefined
}

/** What is wrong between the fields of an entry, undefined if nothing is. */
export function entryFlaw(e: Entry): string | undefined {
  const { kind, content, subtree, target, device } = e
  if (kind !== 'file') {
    if (content !== undefined) return `is a ${kind} with content`
    if (e.size !== undefined && kind !== 'symlink') return `is a ${kind} with a size`
  } else {
    const flaw = fileFlaw(e)
    if (flaw !== undefined) return flaw
  }
  if (kind === 'directory') {
    if (subtree === undefined && !hasTrouble(e, TROUBLE.listing)) return 'is a directory without a subtree'
    if (e.links !== undefined && e.links !== 1) return 'is a directory with hard links'
  } else if (subtree !== undefined) return `is a ${kind} with a subtree`
  if (kind === 'symlink') {
    if (target === undefined && !hasTrouble(e, TROUBLE.content)) return 'is a symlink without a target'
  } else if (target !== undefined) return `is a ${kind} with a target`
  if (target !== undefined && target.length > TARGET_MAX) return `has a target of ${target.length} bytes`
  if (device === undefined ? kind === 'char' || kind === 'block' : kind !== 'char' && kind !== 'block') {
    return device === undefined ? 'is a device without numbers' : `is a ${kind} with device numbers`
  }
  if ((e.links !== undefined && e.links !== 1) !== (e.linkGroup !== undefined)) {
    return 'has a number of links without a link group, or the reverse'
  }
  return undefined
}

function fileFlaw({ size, content, trouble }: Entry): string | undefined {
  if (size === undefined) return 'is a file without a size'
  if (content === undefined) {
    return trouble?.includes(TROUBLE.content) === true ? undefined : 'is a file without content'
  }
  if (content.kind === 'inline') {
    if (content.bytes.length > INLINE_MAX) return `has ${content.bytes.length} bytes of inline content`
    if (content.bytes.length !== size) return `has ${content.bytes.length} bytes of content and the size ${size}`
  } else if (content.kind === 'extents') {
    if (content.extents.length > EXTENTS_INLINE_MAX) return `has ${content.extents.length} extents`
    const bytes = extentBytes(content.extents)
    if (bytes !== size) return `has ${bytes} bytes of content and the size ${size}`
  } else if (content.ref.length !== REF_SIZE || content.count < 1 || content.level > LEVEL_MAX) {
    return 'has a broken content list'
  }
  return undefined
}

function hasTrouble(e: Entry, code: number): boolean {
  return e.trouble !== undefined && e.trouble.includes(code)
}
