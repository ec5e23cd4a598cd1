// Finds the snapshots and paths that need something broken. Only run when something is: it walks every tree again, except
// subtrees that were found whole before.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Content, Entry } from '../../format/entry-model.ts'
import type { BlobRef, Extent } from '../../format/extent.ts'
import { isLeaf } from '../../format/tree-node.ts'
import type { TreeNode } from '../../format/tree-node.ts'
import type { BlobType } from '../../repo/index/blob-keys.ts'
import { joinPath } from '../browse/tree-walk.ts'
import type { BrokenParts } from './broken-parts.ts'
import type { DamageLog, DamageRecord } from './damage.ts'
import { isDamage } from './damage.ts'
import { readList } from './tree-check.ts'
import type { TreeReader } from './tree-check.ts'

export class AffectedWalk {
  readonly #reader: TreeReader
  readonly #broken: BrokenParts
  readonly #damage: DamageLog
  readonly #locOf: (ref: BlobRef) => Uint8Array
  /** Subtrees and lists without anything broken, by ref, hex. */
  readonly #whole = new Set<string>()

  constructor(reader: TreeReader, broken: BrokenParts, damage: DamageLog, locOf: (ref: BlobRef) => Uint8Array) {
    this.#reader = reader
    this.#broken = broken
    this.#damage = damage
    this.#locOf = locOf
  }

  /** Notes for each damage what it costs this snapshot. */
  async snapshot(id: string, root: BlobRef): Promise<void> {
    await this.#tree(id, root, new Uint8Array(), true)
  }

  /** True if something below is broken. */
  async #tree(id: string, ref: BlobRef, path: Uint8Array, root: boolean): Promise<boolean> {
    const key = toHex(ref)
    if (this.#whole.has(key)) return false
    const read = await this.#read('tree', ref, () => this.#reader.readNode(ref, root))
    if (read.broken !== undefined) {
      read.broken.affects(id, path)
      return true
    }
    const found = await this.#node(id, read.value, path, root)
    if (!found) this.#whole.add(key)
    return found
  }

  async #node(id: string, node: TreeNode, path: Uint8Array, root: boolean): Promise<boolean> {
    let found = false
    if (!isLeaf(node)) {
      for (const child of node.children) found = (await this.#tree(id, child.ref, path, root)) || found
      return found
    }
    for (const entry of node.entries) {
      const records = new Set<DamageRecord>()
      await this.#entry(entry, records)
      for (const record of records) record.affects(id, joinPath(path, entry.name))
      found ||= records.size > 0
      if (entry.subtree === undefined) continue
      found = (await this.#tree(id, entry.subtree.ref, joinPath(path, entry.name), false)) || found
    }
    return found
  }

  async #entry({ content, xattrs }: Entry, records: Set<DamageRecord>): Promise<void> {
    for (const { value } of xattrs ?? []) if (!(value instanceof Uint8Array)) this.#extents(value.extents, records)
    if (content !== undefined) await this.#content(content, records)
  }

  async #content(content: Content, records: Set<DamageRecord>): Promise<void> {
    if (content.kind === 'extents') this.#extents(content.extents, records)
    else if (content.kind === 'list') await this.#list(content.ref, records)
  }

  async #list(ref: BlobRef, records: Set<DamageRecord>): Promise<void> {
    const key = toHex(ref)
    if (this.#whole.has(key)) return
    const before = records.size
    const read = await this.#read('list', ref, () => readList(this.#reader, ref))
    if (read.broken !== undefined) return void records.add(read.broken)
    if ('extents' in read.value) this.#extents(read.value.extents, records)
    else for (const child of read.value.children) await this.#list(child.ref, records)
    if (records.size === before && before === 0) this.#whole.add(key)
  }

  #extents(extents: readonly Extent[], records: Set<DamageRecord>): void {
    for (const { ref } of extents) {
      const record = ref === undefined ? undefined : this.#recordOf('data', ref)
      if (record !== undefined) records.add(record)
    }
  }

  #recordOf(type: BlobType, ref: BlobRef): DamageRecord | undefined {
    return this.#broken.of(ref, this.#locOf(ref), this.#reader.locate(type, ref))
  }

  async #read<T>(
    type: BlobType,
    ref: BlobRef,
    read: () => Promise<T>,
  ): Promise<{ readonly broken: DamageRecord } | { readonly broken: undefined; readonly value: T }> {
    const broken = this.#recordOf(type, ref)
    if (broken !== undefined) return { broken }
    try {
      return { broken: undefined, value: await read() }
    } catch (cause) {
      if (!(cause instanceof BackupError) || !isDamage(cause)) throw cause
      return { broken: this.#damage.addError(cause, `${type} blob ${toHex(ref.subarray(0, 8))}`) }
    }
  }
}
