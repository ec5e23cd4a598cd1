// Opens every node of every tree once, and asks the index for every blob that files need.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { decodeContentList } from '../../format/content-list.ts'
import type { ContentListNode } from '../../format/content-list.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef, Extent } from '../../format/extent.ts'
import { isLeaf } from '../../format/tree-node.ts'
import type { TreeNode } from '../../format/tree-node.ts'
import type { BlobType } from '../../repo/blob-keys.ts'
import type { BlobLocation } from '../../repo/loaded-index.ts'
import { isDamage } from './damage.ts'
import type { DamageLog, DamageRecord } from './damage.ts'
import type { BrokenParts } from './broken-parts.ts'

/** What is asked of a repository: a part of `Repository`. */
export interface TreeReader {
  readNode(ref: BlobRef, root?: boolean): Promise<TreeNode>
  readBlob(type: BlobType, ref: BlobRef): Promise<Uint8Array>
  locate(type: BlobType, ref: BlobRef): BlobLocation | undefined
}

/** Deeper trees than this do not come from a file system. */
const DEPTH_MAX = 4096

export class TreeCheck {
  readonly #reader: TreeReader
  readonly #damage: DamageLog
  readonly #broken: BrokenParts
  readonly #progress: () => void
  /** Refs that were checked, hex: snapshots share nearly all of their trees. */
  readonly #seen = new Set<string>()
  entries = 0
  nodes = 0

  constructor(reader: TreeReader, damage: DamageLog, broken: BrokenParts, progress: () => void) {
    this.#reader = reader
    this.#damage = damage
    this.#broken = broken
    this.#progress = progress
  }

  /** Checks a tree and all below it, except what was checked before. */
  async tree(ref: BlobRef, root: boolean, depth = 0): Promise<void> {
    const key = toHex(ref)
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const node = await this.#read(key, () => {
      if (depth > DEPTH_MAX) throw new BackupError('corrupt', 'the tree is too deep', `tree node ${key.slice(0, 16)}`)
      return this.#reader.readNode(ref, root)
    })
    if (node === undefined) return
    this.nodes++
    this.#progress()
    if (!isLeaf(node)) {
      for (const child of node.children) await this.tree(child.ref, root, depth)
      return
    }
    for (const entry of node.entries) {
      this.entries++
      await this.#content(entry)
      if (entry.subtree !== undefined) await this.tree(entry.subtree.ref, false, depth + 1)
    }
  }

  async #content({ content, xattrs, size }: Entry): Promise<void> {
    for (const { value } of xattrs ?? []) if (!(value instanceof Uint8Array)) this.#extents(value.extents)
    if (content?.kind === 'extents') this.#extents(content.extents)
    else if (content?.kind === 'list') await this.#list(content.ref, size)
  }

  async #list(ref: BlobRef, size?: number): Promise<void> {
    const key = toHex(ref)
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const node = await this.#read(key, () => readList(this.#reader, ref))
    if (node === undefined) return
    const parts = 'extents' in node ? node.extents.map(({ length }) => length) : node.children.map(({ bytes }) => bytes)
    const bytes = parts.reduce((sum, part) => sum + part, 0)
    if (size !== undefined && bytes !== size) {
      const message = `content list of ${bytes} bytes for a file of ${size}`
      this.#broken.refs.set(key, this.#damage.add(`content list ${key.slice(0, 16)}`, 'corrupt', message))
    }
    if ('extents' in node) this.#extents(node.extents)
    else for (const child of node.children) await this.#list(child.ref, child.bytes)
  }

  #extents(extents: readonly Extent[]): void {
    for (const { ref, offset = 0, length } of extents) {
      if (ref === undefined) continue
      const location = this.#reader.locate('data', ref)
      if (location !== undefined && offset + length <= location.length) continue
      const key = toHex(ref)
      const message = location === undefined ? 'in no pack that the index names' : 'shorter than the file that needs it'
      this.#broken.refs.set(key, this.#damage.add(`data blob ${key.slice(0, 16)}`, 'not-found', message))
    }
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

function recordOf(damage: DamageLog, error: BackupError, key: string): DamageRecord {
  return damage.addError(error, `tree blob ${key.slice(0, 16)}`)
}

export async function readList(reader: TreeReader, ref: BlobRef): Promise<ContentListNode> {
  return decodeContentList(await reader.readBlob('list', ref), `content list ${toHex(ref.subarray(0, 8))}`)
}
