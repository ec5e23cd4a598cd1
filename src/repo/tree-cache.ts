// The tree of a machine's last snapshot, kept on its own disk by a client that cannot read what it has stored: with it
// unchanged files are found and skipped. Losing it costs reading all files once more, and no upload. Parts of at most a
// megabyte are sealed under the local state key of the credential; a head, written last, says what is in which part.
//
// Nodes that a backup reads or makes are those of its snapshot, but for some whose directories have changed: those are
// read no more by the next backup, and so leave the cache with it.
import { concatBytes, toHex } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Sealer } from '../crypto/seal.ts'
import { readList, readTuple, writeList } from '../format/fields.ts'
import { SEALED_TYPES } from '../format/object-header.ts'
import { decodeSnapshotBody, encodeSnapshotBody } from '../format/snapshot.ts'
import type { SnapshotBody } from '../format/snapshot.ts'
import type { LocalState } from './local-state.ts'

/** A snapshot that a backup is compared with. */
export interface KnownSnapshot {
  /** Hash of the object, hex. */
  readonly id: string
  readonly body: SnapshotBody
}

interface Place {
  readonly part: number
  readonly offset: number
  readonly length: number
}

/** Bytes of a part before it is sealed; a node is at most 8 MiB and never split. */
const PART_SIZE = 1024 * 1024
/** Parts kept open: a walk reads nodes nearly in the order in which the last one made them. */
const OPEN_PARTS = 4
const NODES_MAX = 100_000_000
const NO_CONTEXT = new Uint8Array(0)
const VERSION = 1

export interface TreeCacheOptions {
  readonly state: LocalState
  /** Begins every name: the repository and the writer, hex. */
  readonly prefix: string
  /** Of the local state key. */
  readonly sealer: Sealer
}

interface Head {
  /** Tells the parts of this cache from those of the one before. */
  readonly generation: number
  readonly parts: number
  readonly snapshot: KnownSnapshot
  readonly nodes: ReadonlyMap<string, Place>
}

/** What the last backup has kept, and what this one will keep. */
export class TreeCache {
  readonly #opts: TreeCacheOptions
  readonly #last: Head | undefined
  readonly #open = new Map<number, Uint8Array>()
  readonly #next = new Map<string, Place>()
  #generation: number
  #parts = 0
  #pending: Uint8Array[] = []
  #pendingSize = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(opts: TreeCacheOptions, last: Head | undefined) {
    this.#opts = opts
    this.#last = last
    this.#generation = (last?.generation ?? 0) ^ 1
  }

  /** A cache that is damaged, of another credential or of another version is as good as none. */
  static async open(opts: TreeCacheOptions): Promise<TreeCache> {
    return new TreeCache(opts, await readHead(opts))
  }

  /** The snapshot whose tree is here. */
  get snapshot(): KnownSnapshot | undefined {
    return this.#last?.snapshot
  }

  /** A node or content list of that tree, which is kept for the next time too; undefined when it is not here. */
  async read(ref: Uint8Array): Promise<Uint8Array | undefined> {
    const key = toHex(ref)
    const place = this.#last?.nodes.get(key)
    if (place === undefined) return undefined
    const part = await this.#part(place.part)
    if (part === undefined || place.offset + place.length > part.length) return undefined
    const bytes = part.slice(place.offset, place.offset + place.length)
    this.keep(ref, bytes)
    return bytes
  }

  /** Keeps a node or content list; `bytes` must not change. */
  keep(ref: Uint8Array, bytes: Uint8Array): void {
    const key = toHex(ref)
    if (this.#next.has(key)) return
    this.#next.set(key, { part: this.#parts, offset: this.#pendingSize, length: bytes.length })
    this.#pending.push(bytes)
    this.#pendingSize += bytes.length
    if (this.#pendingSize >= PART_SIZE) this.#flush()
  }

  /** Makes what was kept the cache, for this snapshot. Throws when it cannot be written. */
  async finish(snapshot: KnownSnapshot): Promise<void> {
    this.#flush()
    await this.#writing
    const { state, prefix, sealer } = this.#opts
    const head: Head = { generation: this.#generation, parts: this.#parts, snapshot, nodes: this.#next }
    await state.write(headName(prefix), sealer.seal(SEALED_TYPES.localState, NO_CONTEXT, encodeHead(head)))
    const { generation, parts } = this.#last ?? { generation: this.#generation ^ 1, parts: 0 }
    for (let part = 0; part < parts; part++) await state.remove(partName(prefix, generation, part))
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const { state, prefix, sealer } = this.#opts
    const name = partName(prefix, this.#generation, this.#parts)
    const sealed = sealer.seal(
      SEALED_TYPES.localState,
      contextOf(this.#generation, this.#parts),
      concatBytes(this.#pending),
    )
    this.#parts++
    this.#pending = []
    this.#pendingSize = 0
    this.#writing = this.#writing.then(() => state.write(name, sealed))
    this.#writing.catch(() => {}) // `finish` tells
  }

  async #part(number: number): Promise<Uint8Array | undefined> {
    const known = this.#open.get(number)
    if (known !== undefined) return known
    const { state, prefix, sealer } = this.#opts
    const { generation } = this.#last!
    const name = partName(prefix, generation, number)
    const sealed = await state.read(name)
    if (sealed === null) return undefined
    const part = openOrNothing(() => sealer.open(SEALED_TYPES.localState, contextOf(generation, number), sealed, name))
    if (part === undefined) return undefined
    if (this.#open.size === OPEN_PARTS) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(number, part)
    return part
  }
}

async function readHead({ state, prefix, sealer }: TreeCacheOptions): Promise<Head | undefined> {
  const name = headName(prefix)
  const sealed = await state.read(name)
  if (sealed === null) return undefined
  return openOrNothing(() => decodeHead(sealer.open(SEALED_TYPES.localState, NO_CONTEXT, sealed, name), name))
}

function openOrNothing<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch (error) {
    if (error instanceof BackupError && LOST.has(error.code)) return undefined
    throw error
  }
}

const LOST: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'unsupported', 'limit'])

function encodeHead({ generation, parts, snapshot, nodes }: Head): Uint8Array {
  const w = new CborWriter(64 * 1024).openMap()
  w.key(0).uint(VERSION)
  w.key(1).uint(generation)
  w.key(2).uint(parts)
  w.key(3).text(snapshot.id)
  w.key(4).bytes(encodeSnapshotBody(snapshot.body))
  writeList(w.key(5), [...nodes], ([ref, { part, offset, length }]) =>
    w.array(4).text(ref).uint(part).uint(offset).uint(length),
  )
  return w.closeMap().finish()
}

function decodeHead(bytes: Uint8Array, subject: string): Head {
  const r = new CborReader(bytes, subject)
  const head: { -readonly [K in keyof Head]?: Head[K] } = {}
  let id = ''
  let version = 0
  r.fields((key) => {
    if (key === 0) version = r.uint()
    else if (key === 1) head.generation = r.uint()
    else if (key === 2) head.parts = r.uint()
    else if (key === 3) id = r.text(64)
    else if (key === 4) head.snapshot = { id, body: decodeSnapshotBody(r.bytes().slice(), subject) }
    else if (key === 5) head.nodes = new Map(readList(r, NODES_MAX, () => readNodePlace(r)))
    else return false
    return true
  })
  r.end()
  const { generation, parts, snapshot, nodes } = head
  const whole = generation !== undefined && parts !== undefined && snapshot !== undefined && nodes !== undefined
  if (version !== VERSION || !whole) throw new BackupError('unsupported', 'kept by another version', subject)
  return { generation, parts, snapshot, nodes }
}

function readNodePlace(r: CborReader): [string, Place] {
  return readTuple(r, 4, () => [r.text(64), { part: r.uint(), offset: r.uint(), length: r.uint() }])
}

function headName(prefix: string): string {
  return `${prefix}.tree`
}

function partName(prefix: string, generation: number, part: number): string {
  return `${prefix}.tree.${generation}.${part}`
}

/** A part of one cache is not taken for that of another. */
function contextOf(generation: number, part: number): Uint8Array {
  const context = new Uint8Array(5)
  context[0] = generation
  new DataView(context.buffer).setUint32(1, part, true)
  return context
}
