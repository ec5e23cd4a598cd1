// Names of one inode. The first one in the walk is restored, the others become links to it once it is there. Groups whose
// names have all been met are forgotten, so that a tree full of hard links costs no memory in proportion.
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Content, Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { DirectoryNode } from './directory-node.ts'

/** One name of a group. */
export interface LinkName {
  readonly directory: DirectoryNode
  readonly name: Uint8Array
}

export interface LinkGroup {
  readonly first: LinkName
  readonly entry: Entry
  /** Inode of the first name if it was there before and stays. */
  kept: FileStat | undefined
  state: 'pending' | 'done' | 'failed'
  /** What to do with the other names when the first is done or has failed. */
  readonly waiting: ((group: LinkGroup) => void)[]
}

export type LinkRole =
  /** Has no other names, or the other names differ from it. */
  | { readonly kind: 'alone' }
  /** The same inode is said to have another content: the file changed while it was backed up. */
  | { readonly kind: 'differs' }
  | { readonly kind: 'first'; readonly group: LinkGroup }
  | { readonly kind: 'other'; readonly group: LinkGroup }

export class LinkGroups {
  readonly #groups = new Map<string, { readonly group: LinkGroup; met: number }>()
  /** Inodes with several names that stay as they are, and how many of these names may still come. */
  readonly #kept = new Map<string, number>()

  /** The part that an entry has in its group; call once for each name, in the order of the walk. */
  meet(entry: Entry, directory: DirectoryNode, name: Uint8Array): LinkRole {
    const { linkGroup, links } = entry
    if (linkGroup === undefined || links === undefined || entry.kind === 'directory') return { kind: 'alone' }
    const key = toHex(linkGroup)
    const known = this.#groups.get(key)
    if (known === undefined) {
      const first = { directory, name: new Uint8Array(name) }
      const group: LinkGroup = { first, entry, kept: undefined, state: 'pending', waiting: [] }
      this.#groups.set(key, { group, met: 1 })
      return { kind: 'first', group }
    }
    if (++known.met >= links) this.#groups.delete(key)
    return sameObject(known.group.entry, entry) ? { kind: 'other', group: known.group } : { kind: 'differs' }
  }

  /**
   * Whether an inode that is there and right may stay under a name. Not under the name of a second file: names that were
   * one file and are two in the snapshot would remain one. Call `sameInode` for further names of the same group.
   */
  mayKeep(stat: FileStat): boolean {
    if (stat.nlink === 1 || this.#kept.has(inodeOf(stat))) return stat.nlink === 1
    this.#kept.set(inodeOf(stat), stat.nlink - 1)
    return true
  }

  /** One name more of an inode was met; when no more can come it is forgotten. */
  sameInode(stat: FileStat): void {
    const left = (this.#kept.get(inodeOf(stat)) ?? 1) - 1
    if (left > 0) this.#kept.set(inodeOf(stat), left)
    else this.#kept.delete(inodeOf(stat))
  }

  /** Settles a group; the waiting names are linked or fail. */
  settle(group: LinkGroup, state: 'done' | 'failed'): void {
    group.state = state
    for (const proceed of group.waiting.splice(0)) proceed(group)
  }
}

function inodeOf({ dev, ino }: FileStat): string {
  return `${dev}:${ino}`
}

/** Whether two entries that claim one inode can be one. Linking what differs would restore wrong content silently. */
function sameObject(a: Entry, b: Entry): boolean {
  if (a.kind !== b.kind || a.size !== b.size) return false
  if (a.target !== undefined || b.target !== undefined) return sameBytes(a.target, b.target)
  if (a.device?.major !== b.device?.major || a.device?.minor !== b.device?.minor) return false
  return sameContent(a.content, b.content)
}

function sameContent(a: Content | undefined, b: Content | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.kind === 'inline') return b.kind === 'inline' && equalBytes(a.bytes, b.bytes)
  if (a.kind === 'list') return b.kind === 'list' && a.level === b.level && equalBytes(a.ref, b.ref)
  if (b.kind !== 'extents' || a.extents.length !== b.extents.length) return false
  return a.extents.every((x, i) => {
    const y = b.extents[i]!
    return x.length === y.length && x.fill === y.fill && (x.offset ?? 0) === (y.offset ?? 0) && sameBytes(x.ref, y.ref)
  })
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}
