// Reads blobs: finds the block, fetches its range of the pack, opens it once and keeps a few open ones at hand.
import { equalBytes, releaseMemory } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { Store } from '../../store/store.ts'
import { decodeBlock, decodeBlockBriefly, decodeBlockInto } from './block-codec.ts'
import { OpenBlocks } from './open-blocks.ts'
import type { BlobKeys, BlobType } from '../index/blob-keys.ts'
import type { BlobLocation, BlockPlace, LoadedIndex } from '../index/loaded-index.ts'

/**
 * Open blocks with nodes of trees, in bytes of plaintext: each backup adds some for every part of a tree that has changed, and
 * a walk through the tree comes back to all of them.
 */
const NODE_BYTES_MAX = 48 * 1024 * 1024
/** The same for blocks with content, which is mostly read in order. */
const CONTENT_BYTES_MAX = 24 * 1024 * 1024

/** Gives the sealer of a session's blocks; throws `wrong-key` when the credential cannot open them. */
export type BlockSealers = (sid: Uint8Array, kind: 'data' | 'meta') => Promise<Sealer>

/** Looks for a blob that the index does not name. */
export type Search = (ref: Uint8Array) => Promise<BlobLocation | undefined>

export class BlockReader {
  readonly #store: Store
  readonly #index: LoadedIndex
  readonly #keys: BlobKeys
  readonly #sealers: BlockSealers
  readonly #search: Search | undefined
  /** Blocks of meta packs. */
  readonly #nodes: OpenBlocks
  readonly #opening = new Map<number, Promise<void>>()
  /** Plaintext of blocks of data packs by their number, the least recently used first. */
  readonly #cache = new Map<number, Uint8Array>()
  readonly #pending = new Map<number, Promise<Uint8Array>>()
  #cached = 0

  constructor(
    store: Store,
    index: LoadedIndex,
    keys: BlobKeys,
    sealers: BlockSealers,
    search?: Search,
    nodeBytesMax = NODE_BYTES_MAX,
  ) {
    this.#nodes = new OpenBlocks(nodeBytesMax)
    this.#store = store
    this.#index = index
    this.#keys = keys
    this.#sealers = sealers
    this.#search = search
  }

  locate(ref: Uint8Array): BlobLocation | undefined {
    return this.#index.locate(this.#keys.locOf(ref))
  }

  /**
   * The bytes of a blob, compared with its ref: of content a view of the block, so copy what has to live long. Where several packs
   * have it, one that has something else does not stand in the way of the others.
   */
  async blob(type: BlobType, ref: Uint8Array): Promise<Uint8Array> {
    const location = this.locate(ref) ?? (await this.#search?.(ref))
    if (location === undefined) throw missing(type, ref, this.#index.damaged)
    if (location.isContested !== true) return this.#from(location, type, ref)
    const loc = this.#keys.locOf(ref)
    let failure: unknown
    for (const each of [location, ...this.#index.copies(loc)]) {
      try {
        const bytes = await this.#from(each, type, ref)
        this.#index.settle(loc, each)
        return bytes
      } catch (error) {
        if (!(error instanceof BackupError) || !OF_ONE_COPY.has(error.code)) throw error
        failure ??= error
      }
    }
    throw failure
  }

  async #from(location: BlobLocation, type: BlobType, ref: Uint8Array): Promise<Uint8Array> {
    const { block, offset, length } = location
    const bytes =
      block.pack.kind === 'meta'
        ? await this.#partOfMeta(block, offset, offset + length)
        : (await this.block(block)).subarray(offset, offset + length)
    this.verify(type, bytes, ref, location.block.pack.objectName)
    return bytes
  }

  /** Throws `corrupt` naming the pack unless `bytes` are the blob that `ref` names. */
  verify(type: BlobType, bytes: Uint8Array, ref: Uint8Array, subject: string): void {
    if (equalBytes(this.#keys.refOf(type, bytes), ref)) return
    throw new BackupError('corrupt', `a ${type} blob is not what its reference says`, subject, {
      hint: 'run `holdfast check --read-data` to learn which snapshots it touches',
    })
  }

  /** A copy of a part of a block of a meta pack. */
  async #partOfMeta(place: BlockPlace, from: number, to: number): Promise<Uint8Array> {
    const { number } = place
    for (;;) {
      const plain = this.#nodes.get(number)
      if (plain !== undefined) return plain.slice(from, to)
      let opening = this.#opening.get(number)
      if (opening === undefined) {
        const decode: typeof decodeBlock = (sealer, block) => decodeBlockInto(this.#nodes, sealer, block)
        const add = (opened: Uint8Array) => this.#nodes.add(number, opened)
        opening = this.#open(place, decode, add).finally(() => this.#opening.delete(number))
        this.#opening.set(number, opening)
      }
      await opening
    }
  }

  /** Plaintext of a block, opened and decompressed; who takes blobs from it verifies them. */
  async block(place: BlockPlace): Promise<Uint8Array> {
    if (place.pack.kind === 'meta') return this.#partOfMeta(place, 0, place.plainLength)
    const cached = this.#cache.get(place.number)
    if (cached !== undefined) {
      this.#cache.delete(place.number)
      this.#cache.set(place.number, cached)
      return cached
    }
    let pending = this.#pending.get(place.number)
    if (pending === undefined) {
      pending = this.#fetch(place).finally(() => this.#pending.delete(place.number))
      this.#pending.set(place.number, pending)
    }
    return pending
  }

  /** Runs `step` with the plaintext of a block, which is not kept and valid until it returns. */
  briefly<T>(place: BlockPlace, step: (plain: Uint8Array) => T): Promise<T> {
    return this.#open(place, decodeBlockBriefly, step)
  }

  #fetch(place: BlockPlace): Promise<Uint8Array> {
    return this.#open(place, decodeBlock, (plain) => {
      this.#keep(place.number, plain)
      return plain
    })
  }

  async #open<T>(place: BlockPlace, decode: typeof decodeBlock, step: (plain: Uint8Array) => T): Promise<T> {
    const { pack, offset, storedLength, codec, plainLength, sid } = place
    return doing(`reading the block at ${offset}`, pack.objectName, async () => {
      const sealer = await this.#sealers(sid, pack.kind)
      const sealed = await this.#store.get(pack.objectName, { offset, length: storedLength })
      const type = pack.kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
      const plain = decode(sealer, { type, sealed, codec, plainLength, subject: pack.objectName })
      releaseMemory(sealed)
      return step(plain)
    })
  }

  #keep(number: number, plain: Uint8Array): void {
    this.#cache.set(number, plain)
    this.#cached += plain.byteLength
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cached <= CONTENT_BYTES_MAX || oldest === number) break
      this.#cache.delete(oldest)
      this.#cached -= bytes.byteLength
    }
  }
}

const OF_ONE_COPY: ReadonlySet<BackupError['code']> = new Set(['corrupt', 'not-found', 'limit', 'unsupported'])

function missing(type: BlobType, ref: Uint8Array, damaged: readonly BackupError[]): BackupError {
  const shown = Buffer.from(ref.subarray(0, 8)).toString('hex')
  const where = damaged.length === 0 ? '' : `, and ${damaged.length} segments of it are damaged`
  return new BackupError('corrupt', `a ${type} blob is in no pack that the index names${where}`, `blob ${shown}`, {
    cause: damaged[0],
    hint: 'run `holdfast check` to learn what is missing and which snapshots need it',
  })
}
