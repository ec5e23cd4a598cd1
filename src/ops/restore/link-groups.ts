// Names of one inode. The first one in the walk is restored, the others become links to it once it is there. Groups whose
// names have all been met are forgotten, so that a tree full of hard links costs no memory in proportion.
import { toHex, utf8 } from '../../base/bytes.ts'
import { IncrementalHash } from '../../crypto/hash.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { DirectoryNode } from './directory-node.ts'

/** One name of a group. */
export interface LinkName {
  readonly directory: DirectoryNode
  readonly name: Uint8Array
}

export interface LinkGroup {
  readonly first: LinkName
  /** What its names have in common, so that those that differ are told apart. */
  readonly fingerprint: string
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
    const fingerprint = fingerprintOf(entry)
    if (known === undefined) {
      const first = { directory, name: new Uint8Array(name) }
      const group: LinkGroup = { first, fingerprint, kept: undefined, state: 'pending', waiting: [] }
      this.#groups.set(key, { group, met: 1 })
      return { kind: 'first', group }
    }
    if (++known.met >= links) this.#groups.delete(key)
    return known.group.fingerprint === fingerprint ? { kind: 'other', group: known.group } : { kind: 'differs' }
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

/**
 * Says what an inode is made of. Two entries that claim one inode and differ in this must not be linked: that would restore
 * wrong content silently. A hash, because an entry would keep the block that it was read from in memory.
 */
function fingerprintOf({ kind, size, target, device, content }: Entry): string {
  const hasher = new IncrementalHash()
  const text = (...parts: readonly (string | number | undefined)[]) => hasher.update(utf8(`${parts.join(' ')};`))
  text(kind, size, device?.major, device?.minor, target?.length, content?.kind)
  if (target !== undefined) hasher.update(target)
  if (content?.kind === 'inline') hasher.update(content.bytes)
  else if (content?.kind === 'list') text(content.level, content.count, toHex(content.ref))
  for (const { length, ref, offset, fill } of content?.kind === 'extents' ? content.extents : []) {
    text(length, offset ?? 0, fill, ref === undefined ? undefined : toHex(ref))
  }
  return toHex(hasher.digest())
}
