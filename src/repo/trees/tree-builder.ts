// Turns the entries of a directory into the nodes of its B-tree, and long lists of extents into content list nodes
// (docs/format.md, 6.1 and 6.3). Where a node ends depends on names and refs alone, so that one change rewrites one leaf
// and the nodes above it.
import { CborWriter } from '../../base/cbor.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { encodeContentList, LIST_ITEMS_MAX } from '../../format/content-list.ts'
import type { ContentListNode, ListChild } from '../../format/content-list.ts'
import { encodeEntry } from '../../format/entry.ts'
import type { Content, Entry, Subtree } from '../../format/entry-model.ts'
import { EXTENTS_INLINE_MAX } from '../../format/extent.ts'
import type { Extent } from '../../format/extent.ts'
import { encodeTreeNode, LEAF_SIZE_CUT, NODE_ITEMS_MAX } from '../../format/tree-node.ts'
import type { TreeChild } from '../../format/tree-node.ts'
import type { BlobKeys } from '../index/blob-keys.ts'
import type { MetaSink } from '../packs/meta-sink.ts'

/** Directories up to this many entries are one leaf. */
const SINGLE_LEAF_MAX = 512
/** No node ends before it has this many items, unless it is the last. */
const NODE_ITEMS_MIN = 128
/** One name in this many ends a node. */
const NODE_SPREAD = 512
const LIST_ITEMS_MIN = 32
const LIST_SPREAD = 128
/** Sparse files can claim more bytes together than an integer of the format says; then it says this many. */
const BYTES_MAX = Number.MAX_SAFE_INTEGER

export class TreeBuilder {
  readonly #keys: BlobKeys
  readonly #sink: MetaSink
  readonly #writer = new CborWriter(64 * 1024)

  constructor(keys: BlobKeys, sink: MetaSink) {
    this.#keys = keys
    this.#sink = sink
  }

  /** Stores a directory; entries ascend by name. `root` allows whole paths as names. */
  directory(entries: readonly Entry[], root = false): Subtree {
    const total = totals(entries)
    // Nearly every directory is one leaf; only where it might be cut for its size is each entry measured.
    if (entries.length <= SINGLE_LEAF_MAX && sum(entries, sizeBound) < LEAF_SIZE_CUT) {
      const node = encodeTreeNode({ level: 0, entries }, { root }, this.#writer)
      return { ref: this.#sink.add('tree', node), ...total }
    }
    let children = this.#leaves(entries, root)
    for (let level = 1; children.length > 1; level++) children = this.#innerNodes(children, level, root)
    return { ref: children[0]!.ref, ...total }
  }

  /** Content as an entry keeps it: short lists inline, long ones as the ref of their topmost node; none is an empty file. */
  content(extents: readonly Extent[]): Content {
    if (extents.length === 0) return { kind: 'inline', bytes: new Uint8Array(0) }
    if (extents.length <= EXTENTS_INLINE_MAX) return { kind: 'extents', extents }
    let level = 0
    let items: readonly ListChild[] = group(extents, (extent) => endsList(extent.ref)).map((part) =>
      this.#listNode(
        { level: 0, extents: part },
        sum(part, (e) => e.length),
        part.length,
      ),
    )
    while (items.length > 1) {
      level++
      items = group(items, (child) => endsList(child.ref)).map((children) =>
        this.#listNode(
          { level, children },
          sum(children, (c) => c.bytes),
          sum(children, (c) => c.extents),
        ),
      )
    }
    return { kind: 'list', level, ref: items[0]!.ref, count: extents.length }
  }

  #listNode(node: ContentListNode, bytes: number, extents: number): ListChild {
    return { bytes, extents, ref: this.#sink.add('list', encodeContentList(node)) }
  }

  #leaves(entries: readonly Entry[], root: boolean): TreeChild[] {
    const children: TreeChild[] = []
    const single = entries.length <= SINGLE_LEAF_MAX
    let start = 0
    let size = 0
    const measure = new CborWriter(4096)
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      encodeEntry(measure.reset(), entry, { root })
      size += measure.length
      const count = i + 1 - start
      const ends = (!single && this.#ends(count, entry.name, 0)) || size >= LEAF_SIZE_CUT || i === entries.length - 1
      if (!ends) continue
      const leaf = entries.slice(start, i + 1)
      const ref = this.#sink.add('tree', encodeTreeNode({ level: 0, entries: leaf }, { root }, this.#writer))
      children.push({ lastName: entry.name, ref, ...totals(leaf) })
      start = i + 1
      size = 0
    }
    return children
  }

  #innerNodes(below: readonly TreeChild[], level: number, root: boolean): TreeChild[] {
    const parents: TreeChild[] = []
    const single = below.length <= SINGLE_LEAF_MAX
    let start = 0
    for (let i = 0; i < below.length; i++) {
      const { lastName } = below[i]!
      const ends = (!single && this.#ends(i + 1 - start, lastName, level)) || i === below.length - 1
      if (!ends) continue
      const children = below.slice(start, i + 1)
      const ref = this.#sink.add('tree', encodeTreeNode({ level, children }, { root }, this.#writer))
      const entries = sum(children, (child) => child.entries)
      parents.push({
        lastName,
        ref,
        entries,
        bytes: Math.min(
          sum(children, (child) => child.bytes),
          BYTES_MAX,
        ),
      })
      start = i + 1
    }
    return parents
  }

  #ends(count: number, name: Uint8Array, level: number): boolean {
    if (count < NODE_ITEMS_MIN) return false
    return count >= NODE_ITEMS_MAX || firstU32(keyedHash(this.#keys.splitKey(level), name)) % NODE_SPREAD === 0
  }
}

/** Bytes of an encoded entry beside those that `sizeBound` adds up: numbers, times, refs, and the heads of all. */
const ENTRY_NUMBERS_MAX = 320
/** The same of an extent, and of an extended attribute. */
const EXTENT_NUMBERS_MAX = 64
const ATTRIBUTE_NUMBERS_MAX = 16

/** Bytes that an encoded entry certainly does not pass. */
function sizeBound({ name, user = '', group = '', target, content, xattrs = [], unknown = [] }: Entry): number {
  let bytes = ENTRY_NUMBERS_MAX + name.byteLength + 3 * (user.length + group.length) + (target?.byteLength ?? 0)
  if (content?.kind === 'inline') bytes += content.bytes.byteLength
  if (content?.kind === 'extents') bytes += content.extents.length * EXTENT_NUMBERS_MAX
  for (const { name: key, value } of xattrs) {
    const size = value instanceof Uint8Array ? value.byteLength : value.extents.length * EXTENT_NUMBERS_MAX
    bytes += ATTRIBUTE_NUMBERS_MAX + key.byteLength + size
  }
  for (const { value } of unknown) bytes += ATTRIBUTE_NUMBERS_MAX + value.byteLength
  return bytes
}

/** Entries and bytes of everything in and below a directory. */
function totals(entries: readonly Entry[]): { readonly entries: number; readonly bytes: number } {
  let count = entries.length
  let bytes = 0
  for (const entry of entries) {
    if (entry.subtree !== undefined) {
      count += entry.subtree.entries
      bytes += entry.subtree.bytes
    } else if (entry.kind === 'file') {
      bytes += entry.size ?? 0
    }
  }
  return { entries: count, bytes: Math.min(bytes, BYTES_MAX) }
}

function endsList(ref: Uint8Array | undefined): boolean {
  return ref !== undefined && firstU32(ref) % LIST_SPREAD === 0
}

function group<T>(items: readonly T[], ends: (item: T) => boolean): T[][] {
  const groups: T[][] = []
  let start = 0
  for (let i = 0; i < items.length; i++) {
    const count = i + 1 - start
    if (count < LIST_ITEMS_MIN && i < items.length - 1) continue
    if (count < LIST_ITEMS_MAX && i < items.length - 1 && !ends(items[i]!)) continue
    groups.push(items.slice(start, i + 1))
    start = i + 1
  }
  return groups
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0
  for (const item of items) total += of(item)
  return total
}

function firstU32(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
}
