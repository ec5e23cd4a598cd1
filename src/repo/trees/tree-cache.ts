// The tree of a machine's last snapshot, kept on its own disk by a client that cannot read what it has stored: with it
// unchanged files are found and skipped. Losing it costs reading all files once more, and no upload. Parts of at most a
// megabyte are sealed under the local state key of the credential; a head, written last, says what is in which part.
//
// Parts are never changed: a backup writes down the nodes that are new, and the next head goes on referring to parts of the
// last one. Nodes that a backup reads or makes are those of its snapshot, but for some whose directories have changed: those
// are read no more by the next backup, and so leave the cache with it. A part of which little is left is written anew.
import { concatBytes, toHex } from '../../base/bytes.ts'
import { CborReader, CborWriter } from '../../base/cbor.ts'
import { BackupError } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { readList, readTuple, writeList } from '../../format/fields.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeSnapshotBody, encodeSnapshotBody } from '../../format/snapshot.ts'
import type { SnapshotBody } from '../../format/snapshot.ts'
import type { LocalState } from '../local-state.ts'

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
/** Less than this share of a part does not stay where it is. */
const SPARSE_BELOW = 0.5
/** Parts less than half full: each backup of a tree that changes little adds one, and all are read by the next. */
const SMALL_PARTS_MAX = 8
/** What a power cut takes is found out by its seal. */
const LOSABLE = { lasting: false }
const VERSION = 2

export interface TreeCacheOptions {
  readonly state: LocalState
  /** Begins every name: the repository and the writer, hex. */
  readonly prefix: string
  /** Of the local state key. */
  readonly sealer: Sealer
}

interface Head {
  /** Number of the next part. */
  readonly nextPart: number
  readonly snapshot: KnownSnapshot
  readonly nodes: ReadonlyMap<string, Place>
}

/** What the last backup has kept, and what this one will keep. */
export class TreeCache {
  readonly #opts: TreeCacheOptions
  readonly #last: Head | undefined
  readonly #open = new Map<number, Uint8Array>()
  readonly #next = new Map<string, Place>()
  #nextPart: number
  #pending: Uint8Array[] = []
  #pendingSize = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(opts: TreeCacheOptions, last: Head | undefined) {
    this.#opts = opts
    this.#last = last
    this.#nextPart = last?.nextPart ?? 0
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
    if (!this.#next.has(key)) this.#next.set(key, place)
    return part.slice(place.offset, place.offset + place.length)
  }

  /** Keeps a node or content list; `bytes` must not change. */
  keep(ref: Uint8Array, bytes: Uint8Array): void {
    const key = toHex(ref)
    if (!this.#next.has(key)) this.#add(key, bytes)
  }

  /** Makes what was kept the cache, for this snapshot. Throws when it cannot be written. */
  async finish(snapshot: KnownSnapshot): Promise<void> {
    const gone = await this.#clearSparseParts()
    this.#flush()
    await this.#writing
    const { state, prefix, sealer } = this.#opts
    const head: Head = { nextPart: this.#nextPart, snapshot, nodes: this.#next }
    await state.write(headName(prefix), sealer.seal(SEALED_TYPES.localState, NO_CONTEXT, encodeHead(head)), LOSABLE)
    for (const part of gone) await state.remove(partName(prefix, part))
  }

  #add(key: string, bytes: Uint8Array): void {
    this.#next.set(key, { part: this.#nextPart, offset: this.#pendingSize, length: bytes.length })
    this.#pending.push(bytes)
    this.#pendingSize += bytes.length
    if (this.#pendingSize >= PART_SIZE) this.#flush()
  }

  /** The parts of the last head that the next one does not need, when what is left in some has been written anew. */
  async #clearSparseParts(): Promise<number[]> {
    const parts = partsOf(this.#last?.nodes ?? new Map())
    const left = partsOf(this.#next)
    const gone: number[] = []
    const small: number[] = []
    for (const [part, { size }] of parts) {
      const kept = left.get(part)?.size ?? 0
      if (kept < size * SPARSE_BELOW) gone.push(part)
      else if (kept < PART_SIZE * SPARSE_BELOW) small.push(part)
    }
    if (small.length > SMALL_PARTS_MAX) gone.push(...small)
    for (const number of gone) {
      const nodes = left.get(number)?.nodes ?? []
      const part = nodes.length === 0 ? undefined : await this.#part(number)
      for (const [key, { offset, length }] of nodes) {
        if (part === undefined) this.#next.delete(key)
        else this.#add(key, part.slice(offset, offset + length))
      }
    }
    return gone
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const { state, prefix, sealer } = this.#opts
    const number = this.#nextPart++
    const sealed = sealer.seal(SEALED_TYPES.localState, contextOf(number), concatBytes(this.#pending))
    this.#pending = []
    this.#pendingSize = 0
    this.#writing = this.#writing.then(() => state.write(partName(prefix, number), sealed, LOSABLE))
    this.#writing.catch(() => {}) // `finish` tells
  }

  async #part(number: number): Promise<Uint8Array | undefined> {
    const known = this.#open.get(number)
    if (known !== undefined) return known
    const { state, prefix, sealer } = this.#opts
    const name = partName(prefix, number)
    const sealed = await state.read(name)
    if (sealed === null) return undefined
    const part = openOrNothing(() => sealer.open(SEALED_TYPES.localState, contextOf(number), sealed, name))
    if (part === undefined) return undefined
    if (this.#open.size === OPEN_PARTS) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(number, part)
    return part
  }
}

/** What lies in each part. */
function partsOf(nodes: ReadonlyMap<string, Place>): Map<number, { size: number; nodes: [string, Place][] }> {
  const parts = new Map<number, { size: number; nodes: [string, Place][] }>()
  for (const node of nodes) {
    const { part: number, length } = node[1]
    const part = parts.get(number)
    if (part === undefined) parts.set(number, { size: length, nodes: [node] })
    else {
      part.size += length
      part.nodes.push(node)
    }
  }
  return parts
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

function encodeHead({ nextPart, snapshot, nodes }: Head): Uint8Array {
  const w = new CborWriter(64 * 1024).openMap()
  w.key(0).uint(VERSION)
  w.key(1).uint(nextPart)
  w.key(2).text(snapshot.id)
  w.key(3).bytes(encodeSnapshotBody(snapshot.body))
  writeList(w.key(4), [...nodes], ([ref, { part, offset, length }]) =>
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
    else if (version !== VERSION) return false
    else if (key === 1) head.nextPart = r.uint()
    else if (key === 2) id = r.text(64)
    else if (key === 3) head.snapshot = { id, body: decodeSnapshotBody(r.bytes().slice(), subject) }
    else if (key === 4) head.nodes = new Map(readList(r, NODES_MAX, () => readNodePlace(r)))
    else return false
    return true
  })
  r.end()
  const { nextPart, snapshot, nodes } = head
  const whole = nextPart !== undefined && snapshot !== undefined && nodes !== undefined
  if (version !== VERSION || !whole) throw new BackupError('unsupported', 'kept by another version', subject)
  return { nextPart, snapshot, nodes }
}

function readNodePlace(r: CborReader): [string, Place] {
  return readTuple(r, 4, () => [r.text(64), { part: r.uint(), offset: r.uint(), length: r.uint() }])
}

function headName(prefix: string): string {
  return `${prefix}.tree`
}

function partName(prefix: string, part: number): string {
  return `${prefix}.tree.${part}`
}

/** A part is not taken for another one. */
function contextOf(part: number): Uint8Array {
  const context = new Uint8Array(4)
  new DataView(context.buffer).setUint32(0, part, true)
  return context
}
