// Opens every node of every tree once, and asks the index for every blob that files need.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { decodeContentList, listBytes } from '../../format/content-list.ts'
import type { ContentListNode } from '../../format/content-list.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef, Extent } from '../../format/extent.ts'
import { KnownEntries } from '../../format/known-entries.ts'
import type { FreshNode } from '../../format/known-entries.ts'
import { endsOf, keptEnds, nodeName, NodeOrder } from '../../format/node-order.ts'
import type { NodeEnds } from '../../format/node-order.ts'
import type { InnerNode, TreeChild, TreeNode } from '../../format/tree-node.ts'
import type { BlobType } from '../../repo/index/blob-keys.ts'
import type { BlobLocation } from '../../repo/index/loaded-index.ts'
import { isDamage } from './damage.ts'
import type { DamageLog, DamageRecord } from './damage.ts'
import type { BrokenParts } from './broken-parts.ts'

/** What is asked of a repository: a part of `Repository`. */
export interface TreeReader {
  readNode(ref: BlobRef, root?: boolean): Promise<TreeNode>
  readBlob(type: BlobType, ref: BlobRef): Promise<Uint8Array>
  locate(type: BlobType, ref: BlobRef): BlobLocation | undefined
}

export interface FreshTreeReader extends TreeReader {
  /** A node that is not the topmost one of a snapshot, without the entries that are known. */
  readFreshNode(ref: BlobRef, known: KnownEntries): Promise<FreshNode | TreeNode>
}

/** Deeper trees than this do not come from a file system. */
const DEPTH_MAX = 4096

interface Above {
  readonly parent: InnerNode
  readonly child: TreeChild
}

interface ListPlace {
  readonly level: number
  readonly bytes: number
}

export class TreeCheck {
  readonly #reader: FreshTreeReader
  readonly #damage: DamageLog
  readonly #broken: BrokenParts
  readonly #progress: () => void
  /** Refs that were checked, hex: snapshots share nearly all of their trees. */
  readonly #seen = new Set<string>()
  /** Entries without a flaw, whose content is there and whose subtrees were checked. */
  readonly #known = new KnownEntries()
  /** Ends of the nodes among them that are below others: only crowded directories have such. */
  readonly #ends = new Map<string, NodeEnds>()
  /** Levels and bytes of the content lists among them. */
  readonly #lists = new Map<string, ListPlace>()
  entries = 0
  nodes = 0

  constructor(reader: FreshTreeReader, damage: DamageLog, broken: BrokenParts, progress: () => void) {
    this.#reader = reader
    this.#damage = damage
    this.#broken = broken
    this.#progress = progress
  }

  /** Checks a tree and all below it, except what was checked before. */
  async tree(ref: BlobRef, root: boolean, depth = 0): Promise<void> {
    const key = toHex(ref)
    if (this.#seen.has(key)) return
    await this.#node(ref, root, depth, new NodeOrder())
  }

  async #node(ref: BlobRef, root: boolean, depth: number, order: NodeOrder, above?: Above): Promise<void> {
    const key = toHex(ref)
    const enter = (ends: NodeEnds) => order.enter(ends, nodeName(ref), above?.parent, above?.child)
    const known = this.#ends.get(key)
    if (known !== undefined) {
      await this.#read(key, async () => enter(known))
      return order.pass(known)
    }
    const first = !this.#seen.has(key)
    this.#seen.add(key)
    const node = await this.#read(key, async () => {
      if (depth > DEPTH_MAX) throw new BackupError('corrupt', 'the tree is too deep', nodeName(ref))
      return root ? this.#reader.readNode(ref, root) : this.#reader.readFreshNode(ref, this.#known)
    })
    if (node === undefined) return
    const ends = 'fresh' in node ? node : endsOf(node)
    if (above !== undefined) this.#ends.set(key, keptEnds(ends))
    const entered = await this.#read(key, async () => {
      enter(ends)
      return true
    })
    if (entered === undefined) return
    if (!first) return order.pass(ends)
    this.nodes++
    this.#progress()
    if ('children' in node) {
      for (const child of node.children) await this.#node(child.ref, root, depth, order, { parent: node, child })
    } else if ('entries' in node) {
      for (const entry of node.entries) await this.#entry(entry, depth)
    } else {
      this.entries += node.count - node.fresh.length
      for (const each of node.fresh) if (await this.#entry(each.entry, depth)) this.#known.add(node, each)
    }
  }

  /** True when the same entry needs not be looked at again. */
  async #entry({ content, xattrs, size, subtree }: Entry, depth: number): Promise<boolean> {
    this.entries++
    let isWhole = content?.kind !== 'list'
    for (const { value } of xattrs ?? []) {
      if (!(value instanceof Uint8Array) && !this.#extents(value.extents)) isWhole = false
    }
    if (content?.kind === 'extents') isWhole = this.#extents(content.extents) && isWhole
    else if (content?.kind === 'list') await this.#list(content.ref, content.level, size ?? 0)
    if (subtree !== undefined) await this.tree(subtree.ref, false, depth + 1)
    return isWhole
  }

  async #list(ref: BlobRef, level: number, size: number): Promise<void> {
    const key = toHex(ref)
    const known = this.#lists.get(key)
    if (known !== undefined) return this.#listPlace(key, known, level, size)
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const node = await this.#read(key, () => readList(this.#reader, ref))
    if (node === undefined) return
    const place = { level: node.level, bytes: listBytes(node) }
    this.#lists.set(key, place)
    this.#listPlace(key, place, level, size)
    if ('extents' in node) this.#extents(node.extents)
    else for (const child of node.children) await this.#list(child.ref, node.level - 1, child.bytes)
  }

  /** A list that is whole in itself may be in the wrong place. */
  #listPlace(key: string, own: ListPlace, level: number, size: number): void {
    if (own.level === level && own.bytes === size) return
    const message = `on level ${own.level} with ${own.bytes} bytes, in the place of one on level ${level} with ${size}`
    this.#broken.refs.set(key, this.#damage.add(`content list ${key.slice(0, 16)}`, 'corrupt', message))
  }

  /** False when some are not there. */
  #extents(extents: readonly Extent[]): boolean {
    let areThere = true
    for (const { ref, offset = 0, length } of extents) {
      if (ref === undefined) continue
      const location = this.#reader.locate('data', ref)
      const flaw = extentFlaw(location, offset + length)
      if (flaw === undefined) continue
      areThere = false
      const key = toHex(ref)
      this.#broken.refs.set(key, this.#damage.add(`data blob ${key.slice(0, 16)}`, 'not-found', flaw))
    }
    return areThere
  }

  async #read<T>(key: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (cause) {
      if (!(cause instanceof BackupError) || !isDamage(cause)) throw cause
      this.#broken.refs.set(key, recordOf(this.#damage, cause, key))
      return undefined
    }
  }
}

function extentFlaw(location: BlobLocation | undefined, end: number): string | undefined {
  if (location === undefined) return 'in no pack that the index names'
  if (location.block.pack.kind !== 'data') return 'among the nodes of trees, where no content is'
  return end <= location.length ? undefined : 'shorter than the file that needs it'
}

function recordOf(damage: DamageLog, error: BackupError, key: string): DamageRecord {
  return damage.addError(error, `tree blob ${key.slice(0, 16)}`)
}

export async function readList(reader: TreeReader, ref: BlobRef): Promise<ContentListNode> {
  return decodeContentList(await reader.readBlob('list', ref), `content list ${toHex(ref.subarray(0, 8))}`)
}
