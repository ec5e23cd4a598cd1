// A snapshot put together by hand, for what no writer would write: names with slashes, entries out of order, extents
// beyond their blob, blocks that are damaged. Blocks are sealed as real ones are; nodes are never encoded.
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { hash, initHashing, keyedHash } from '../../src/crypto/hash.ts'
import { Sealer } from '../../src/crypto/seal.ts'
import type { Content, Entry } from '../../src/format/entry-model.ts'
import type { Extent } from '../../src/format/extent.ts'
import { HEADER_SIZE, SEALED_TYPES } from '../../src/format/object-header.ts'
import type { TreeNode } from '../../src/format/tree-node.ts'
import type { RestoreReader } from '../../src/ops/restore/reader.ts'
import type { BlobType } from '../../src/repo/index/blob-keys.ts'
import { encodeBlock } from '../../src/repo/packs/block-codec.ts'
import type { BlobLocation } from '../../src/repo/index/loaded-index.ts'

const KEYS = Object.fromEntries(
  ['data', 'tree', 'list'].map((type) => [type, new Uint8Array(32).fill(type.length)]),
) as Record<BlobType, Uint8Array>
const SECRET = new Uint8Array(32).fill(9)
const BASE = { mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1_600_000_000, nsec: 5 }, ino: 1n }

export class HandmadeSnapshot implements RestoreReader {
  readonly id = new Uint8Array(16).fill(3)
  readonly suite = 1 as const
  readonly blobKeys = { refKey: (type: BlobType): Uint8Array => KEYS[type] }
  readonly sessionKeys = { secret: async (): Promise<Uint8Array> => SECRET }
  /** Bytes of packs; tests change them. */
  readonly packs = new Map<string, Uint8Array>()
  readonly store = {
    location: 'by hand',
    get: async (name: string, range?: { offset: number; length: number }): Promise<Uint8Array> => {
      this.reads.push({ name, ...range })
      const bytes = this.packs.get(name)
      if (bytes === undefined) throw new BackupError('not-found', 'no such object', name)
      const { offset = 0, length = bytes.length } = range ?? {}
      if (offset + length > bytes.length) throw new BackupError('corrupt', 'object ends early', name)
      return bytes.slice(offset, offset + length)
    },
  }
  readonly reads: { name: string; offset?: number; length?: number }[] = []
  readonly #nodes = new Map<string, TreeNode>()
  readonly #locations = new Map<string, BlobLocation>()
  readonly #lists = new Map<string, Extent[]>()
  #next = 0

  static async create(): Promise<HandmadeSnapshot> {
    await initHashing()
    return new HandmadeSnapshot()
  }

  /** A root with one source, `/source`, that holds these entries. */
  root(entries: readonly Entry[]): Uint8Array {
    return this.node([{ ...this.directory('x', entries), name: utf8('/source') }])
  }

  /** A leaf, whatever its entries are. */
  node(entries: readonly Entry[]): Uint8Array {
    const ref = hash(new Uint8Array(Uint32Array.of(++this.#next).buffer))
    this.#nodes.set(toHex(ref), { level: 0, entries })
    return ref
  }

  directory(name: string | Uint8Array, entries: readonly Entry[]): Entry {
    const ref = this.node(entries)
    return { ...BASE, name: bytesOf(name), kind: 'directory', mode: 0o755, subtree: { ref, entries: 0, bytes: 0 } }
  }

  inner(children: readonly Uint8Array[]): Uint8Array {
    const ref = this.node([])
    const lastName = new Uint8Array([1])
    this.#nodes.set(toHex(ref), {
      level: 1,
      children: children.map((child) => ({ lastName, ref: child, entries: 0, bytes: 0 })),
    })
    return ref
  }

  file(name: string | Uint8Array, content: Content | string, more: Partial<Entry> = {}): Entry {
    const whole: Content = typeof content === 'string' ? { kind: 'inline', bytes: utf8(content) } : content
    const size = whole.kind === 'inline' ? whole.bytes.length : whole.kind === 'extents' ? sum(whole.extents) : 0
    return { ...BASE, name: bytesOf(name), kind: 'file', size, content: whole, ...more }
  }

  symlink(name: string, target: string): Entry {
    return { ...BASE, name: utf8(name), kind: 'symlink', mode: 0o777, target: utf8(target), size: target.length }
  }

  /** Stores blobs in one block of a pack of its own; gives their refs. */
  block(blobs: readonly Uint8Array[], packName = `data/00/${String(this.packs.size).padStart(64, '0')}`): Uint8Array[] {
    const plain = Buffer.concat(blobs)
    const sealer = new Sealer(SECRET, this.id, 1)
    const { sealed, codec } = encodeBlock(sealer, SEALED_TYPES.dataBlock, plain, { name: 'zstd', level: 1 })
    const before = this.packs.get(packName) ?? new Uint8Array(HEADER_SIZE)
    this.packs.set(packName, Buffer.concat([before, sealed]))
    const pack = { objectName: packName, kind: 'data' as const, size: 0, sessions: [] }
    const number = ++this.#next
    const block = {
      number,
      pack,
      offset: before.length,
      storedLength: sealed.length,
      plainLength: plain.length,
      codec,
      sid: new Uint8Array(16),
    }
    let offset = 0
    return blobs.map((blob) => {
      const ref = keyedHash(KEYS.data, blob)
      this.#locations.set(toHex(ref), { block, offset, length: blob.length })
      offset += blob.length
      return ref
    })
  }

  /** Says that a blob lies elsewhere, as a wrong index would. */
  relocate(ref: Uint8Array, change: Partial<BlobLocation>): void {
    const location = this.#locations.get(toHex(ref))!
    this.#locations.set(toHex(ref), { ...location, ...change })
  }

  forget(ref: Uint8Array): void {
    this.#locations.delete(toHex(ref))
  }

  list(extents: Extent[]): Content {
    const ref = this.node([])
    this.#lists.set(toHex(ref), extents)
    return { kind: 'list', level: 0, ref, count: extents.length }
  }

  async readNode(ref: Uint8Array): Promise<TreeNode> {
    const node = this.#nodes.get(toHex(ref))
    if (node === undefined) throw new BackupError('corrupt', 'a tree blob is not what its reference says', 'meta/x')
    return node
  }

  async *resolveContent(content: Content): AsyncGenerator<Extent> {
    if (content.kind === 'extents') yield* content.extents
    else if (content.kind === 'list') yield* this.#lists.get(toHex(content.ref)) ?? this.#noList()
  }

  async readBlob(): Promise<Uint8Array> {
    throw new BackupError('corrupt', 'no such blob', 'data/x')
  }

  locate(_type: BlobType, ref: Uint8Array): BlobLocation | undefined {
    return this.#locations.get(toHex(ref))
  }

  #noList(): Extent[] {
    throw new BackupError('corrupt', 'a list blob is not what its reference says', 'meta/x')
  }
}

function bytesOf(name: string | Uint8Array): Uint8Array {
  return typeof name === 'string' ? utf8(name) : name
}

function sum(extents: readonly Extent[]): number {
  return extents.reduce((total, { length }) => total + length, 0)
}
