// The tree of the snapshot before, read beside the walk: what is in it and still usable need not be read again.
import { equalBytes } from '../../base/bytes.ts'
import { checkListPlace, decodeContentList } from '../../format/content-list.ts'
import type { Content, Entry, Subtree } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import { endsOf, nodeName, NodeOrder } from '../../format/node-order.ts'
import { decodeTreeNode, isLeaf } from '../../format/tree-node.ts'
import type { InnerNode, TreeChild } from '../../format/tree-node.ts'
import type { BlobType } from '../../repo/index/blob-keys.ts'
import type { Repository } from '../../repo/repository.ts'
import type { TreeCache } from '../../repo/trees/tree-cache.ts'

/** One directory of the parent snapshot. A walk asks for names in the order they have here, so a lookup is one step. */
export class ParentDirectory {
  readonly subtree: Subtree
  /** In byte order of names. */
  readonly #entries: readonly Entry[]
  #next = 0

  constructor(subtree: Subtree, entries: readonly Entry[]) {
    this.subtree = subtree
    this.#entries = entries
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.length
  }

  /** The entry of a name, which has one character for each byte. */
  find(key: string): Entry | undefined {
    const entries = this.#entries
    const expected = entries[this.#next]
    if (expected !== undefined && compareWithKey(expected.name, key) === 0) {
      this.#next++
      return expected
    }
    let [low, high] = [0, entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareWithKey(entries[middle]!.name, key)
      if (order === 0) {
        this.#next = middle + 1
        return entries[middle]
      }
      if (order < 0) low = middle + 1
      else high = middle
    }
    this.#next = low
    return undefined
  }
}

/** Orders a name and a key of one character for each byte. */
function compareWithKey(name: Uint8Array, key: string): number {
  const shorter = Math.min(name.length, key.length)
  for (let i = 0; i < shorter; i++) {
    const order = name[i]! - key.charCodeAt(i)
    if (order !== 0) return order
  }
  return name.length - key.length
}

export class ParentTree {
  readonly #repo: Repository
  readonly #cache: TreeCache | undefined

  /**
   * The repository's index is that of the writing session: what it does not name may be on its way out (rule W8). With a
   * cache nodes are read there and nowhere else.
   */
  constructor(repo: Repository, cache?: TreeCache) {
    this.#repo = repo
    this.#cache = cache
  }

  /** A directory of the parent; undefined when a node of it is no longer usable, so that nothing of it is taken over. */
  async directory(subtree: Subtree, root = false): Promise<ParentDirectory | undefined> {
    const entries: Entry[] = []
    if (!(await this.#collect(subtree.ref, root, entries, new NodeOrder()))) return undefined
    return new ParentDirectory(subtree, entries)
  }

  /** True if every blob that an entry refers to is there to be referenced again. */
  usable(entry: Entry): boolean | Promise<boolean> {
    for (const { value } of entry.xattrs ?? []) {
      if (!(value instanceof Uint8Array) && !this.#haveAll(value.extents)) return false
    }
    return entry.content === undefined ? true : this.#contentUsable(entry.content)
  }

  #contentUsable(content: Content): boolean | Promise<boolean> {
    switch (content.kind) {
      case 'inline':
        // Content that lies in an entry can be read by whoever may read trees alone: it is stored anew.
        return content.bytes.length === 0
      case 'extents':
        return this.#haveAll(content.extents)
      case 'list':
        return this.#listUsable(content.ref, content.level)
    }
  }

  async #listUsable(ref: Uint8Array, level: number, bytes?: number): Promise<boolean> {
    const blob = await this.#read('list', ref)
    if (blob === undefined) return false
    const node = decodeContentList(blob, 'content list of the parent snapshot')
    checkListPlace(node, 'content list of the parent snapshot', level, bytes)
    if ('extents' in node) return this.#haveAll(node.extents)
    for (const child of node.children) if (!(await this.#listUsable(child.ref, level - 1, child.bytes))) return false
    return true
  }

  #haveAll(extents: readonly Extent[]): boolean {
    return extents.every(({ ref }) => ref === undefined || this.#has(ref))
  }

  /** Stored, or claimed by this run and so stored when it ends. */
  #has(ref: Uint8Array): boolean {
    return this.#repo.index.blobs.has(this.#repo.blobKeys.locOf(ref))
  }

  /** Undefined when it is in no pack: what this run has only claimed cannot be read yet. */
  async #read(type: BlobType, ref: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#repo.locate(type, ref) === undefined) return undefined
    if (this.#cache === undefined) return this.#repo.readBlob(type, ref)
    const bytes = await this.#cache.read(ref)
    // Two processes may have written the cache at once, or somebody who wants something to be passed over.
    return bytes !== undefined && equalBytes(this.#repo.blobKeys.refOf(type, bytes), ref) ? bytes : undefined
  }

  async #collect(
    ref: Uint8Array,
    root: boolean,
    into: Entry[],
    order: NodeOrder,
    above?: { readonly parent: InnerNode; readonly child: TreeChild },
  ): Promise<boolean> {
    const bytes = await this.#read('tree', ref)
    if (bytes === undefined) return false
    const node = decodeTreeNode(bytes, nodeName(ref), { root })
    order.enter(endsOf(node), nodeName(ref), above?.parent, above?.child)
    if (isLeaf(node)) {
      for (const entry of node.entries) into.push(entry)
      return true
    }
    for (const child of node.children) {
      if (!(await this.#collect(child.ref, root, into, order, { parent: node, child }))) return false
    }
    return true
  }
}
