// Reads the nodes of a whole subtree before they are asked for, each block once.
//
// Nodes of the newest of many snapshots lie in the blocks of all the backups that changed a folder, and a walk in the order
// of names comes back to each of these blocks again and again. But a backup that writes a node writes all nodes above it:
// what a node leads to was stored by its own session or by an earlier one, and within a session before it. So whoever takes
// sessions from the newest to the oldest, and the blocks of each from the last to the first, has met all refs into a block
// when he opens it. Where that order is not known, or packs have been written anew, some blocks are opened more than once.
import { toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Subtree } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import { nodeName } from '../../format/node-order.ts'
import { refsBelow } from '../../format/tree-node.ts'
import type { BlobLocation, BlockPlace } from '../index/loaded-index.ts'

export interface NodeSource {
  locate(ref: BlobRef): BlobLocation | undefined
  /** Runs `step` with the plaintext of a block, which is valid until it returns. */
  briefly<T>(place: BlockPlace, step: (plain: Uint8Array) => T): Promise<T>
  /** Throws `corrupt` unless these are the bytes of the blob that `ref` names. */
  verify(type: 'tree', bytes: Uint8Array, ref: BlobRef, subject: string): void
}

/** When each session began, by its id, hex: any numbers that grow. */
export type SessionTimes = ReadonlyMap<string, number>

/** A smaller subtree has few nodes: its blocks stay at hand by themselves. */
const ENTRIES_MIN = 2000
/** A larger one is read ahead in parts, as the walk comes to them: 128 bytes an entry are 16 MiB. */
const ENTRIES_MAX = 128 * 1024
/** Bytes of nodes kept, whatever the entries say. */
const BYTES_MAX = 24 * 1024 * 1024

interface WantedBlock {
  readonly place: BlockPlace
  readonly time: number
  readonly nodes: WantedNode[]
}

interface WantedNode {
  readonly key: string
  readonly ref: BlobRef
  readonly offset: number
  readonly length: number
}

export class NodesAhead {
  readonly #source: NodeSource
  /** Bytes of nodes that were read and not yet asked for, by ref, hex. */
  readonly #nodes = new Map<string, Uint8Array>()
  readonly #readTimes: () => Promise<SessionTimes>
  #times: SessionTimes | undefined
  #bytes = 0

  constructor(source: NodeSource, readTimes: () => Promise<SessionTimes>) {
    this.#source = source
    this.#readTimes = readTimes
  }

  /** The bytes of a node that was read ahead, verified; once. */
  take(ref: BlobRef): Uint8Array | undefined {
    if (this.#nodes.size === 0) return undefined
    const key = toHex(ref)
    const bytes = this.#nodes.get(key)
    if (bytes === undefined) return undefined
    this.#nodes.delete(key)
    this.#bytes -= bytes.byteLength
    return bytes
  }

  /**
   * Reads what is below, if that is neither little nor too much. What cannot be read is left to those who ask for it: they
   * are told why.
   */
  async read({ ref, entries }: Pick<Subtree, 'ref' | 'entries'>): Promise<void> {
    if (entries < ENTRIES_MIN || entries > ENTRIES_MAX || this.#nodes.has(toHex(ref))) return
    this.#times ??= await this.#readTimes().catch(unknownTimes)
    const wanted = new WantedBlocks(this.#source, this.#times)
    wanted.add(ref)
    for (let block = wanted.next(); block !== undefined; block = wanted.next()) {
      try {
        await this.#source.briefly(block.place, (plain) => this.#keep(block, plain, wanted))
      } catch (cause) {
        if (!(cause instanceof BackupError)) throw cause
        block.nodes.length = 0
      }
      if (this.#bytes >= BYTES_MAX) return
    }
  }

  #keep({ place, nodes }: WantedBlock, plain: Uint8Array, wanted: WantedBlocks): void {
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const { key, ref, offset, length } = node
      const bytes = new Uint8Array(plain.subarray(offset, offset + length))
      this.#source.verify('tree', bytes, ref, place.pack.objectName)
      this.#nodes.set(key, bytes)
      this.#bytes += length
      for (const below of refsBelow(bytes, nodeName(ref))) wanted.add(below)
    }
  }
}

class WantedBlocks {
  readonly #source: NodeSource
  readonly #times: SessionTimes
  readonly #blocks = new Map<number, WantedBlock>()
  /** Nodes that are or were wanted: one that a tree has twice is read ahead once. */
  readonly #met = new Set<string>()

  constructor(source: NodeSource, times: SessionTimes) {
    this.#source = source
    this.#times = times
  }

  /** One that several packs have is left to those who know which copy is good. */
  add(ref: BlobRef): void {
    const key = toHex(ref)
    if (this.#met.has(key)) return
    this.#met.add(key)
    const location = this.#source.locate(ref)
    if (location === undefined || location.isContested === true) return
    const { block: place, offset, length } = location
    const node = { key, ref, offset, length }
    const known = this.#blocks.get(place.number)
    if (known !== undefined) known.nodes.push(node)
    else this.#blocks.set(place.number, { place, time: this.#times.get(toHex(place.sid)) ?? 0, nodes: [node] })
  }

  /** The block to open next; further nodes in it may be added until another is asked for. */
  next(): WantedBlock | undefined {
    let newest: WantedBlock | undefined
    for (const block of this.#blocks.values()) {
      if (block.nodes.length === 0) this.#blocks.delete(block.place.number)
      else if (newest === undefined || isNewer(block, newest)) newest = block
    }
    return newest
  }
}

function isNewer(a: WantedBlock, b: WantedBlock): boolean {
  if (a.time !== b.time) return a.time > b.time
  const [pack, other] = [a.place.pack.objectName, b.place.pack.objectName]
  return pack === other ? a.place.offset > b.place.offset : pack > other
}

/** It is only an order that they are for. */
function unknownTimes(cause: unknown): SessionTimes {
  if (cause instanceof BackupError) return new Map()
  throw cause
}
