// Fills packs with sealed blocks. Data packs all have one size, so that nothing about their content shows. A pack that is
// nearly full waits for a block that still fits while the next one is begun, which keeps the random fill at the end to a
// few tenths of a percent. Memory: one and a quarter packs.
import { assert } from '../base/assert.ts'
import type { SecureRandom } from '../base/random.ts'
import { IncrementalHash } from '../crypto/hash.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SEAL_OVERHEAD } from '../crypto/seal.ts'
import { BLOBS_MAX, BLOCKS_MAX, tablesSize } from '../format/block-table.ts'
import { directorySize, PACK_SIZE_MAX, sealDirectory, sealTrailer, TRAILER_STORED_SIZE } from '../format/directory.ts'
import type { DirectoryBlock } from '../format/directory.ts'
import { encodeHeader, HEADER_SIZE, OBJECT_TYPES } from '../format/object-header.ts'
import { packName } from '../format/names.ts'
import type { PackKind } from '../format/names.ts'
import { padme } from '../format/padme.ts'

/** A block as it goes into a pack. */
export interface PackableBlock {
  readonly sealed: Uint8Array
  readonly codec: number
  readonly plainLength: number
  /** Locators of its blobs, 24 bytes each. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
}

/** A pack ready to be put. */
export interface FinishedPack {
  readonly kind: PackKind
  readonly hash: Uint8Array
  readonly objectName: string
  readonly parts: readonly Uint8Array[]
  readonly size: number
  readonly blocks: readonly DirectoryBlock[]
}

export interface AssemblerOptions {
  readonly kind: PackKind
  /** Size of a full pack in bytes. */
  readonly packSize: number
  /** Seals directory and trailer: K_idx. */
  readonly sealer: Sealer
  readonly suite: Suite
  readonly sid: Uint8Array
  readonly random: SecureRandom
}

/** A pack is closed when less than this share of it is left. */
const ROOM_SHARE = 1 / 200
/** A pack that waits for a block that still fits is closed when the next one has this share of a pack. */
const WAIT_SHARE = 1 / 4

interface OpenPack {
  readonly blocks: PackableBlock[]
  blobs: number
  stored: number
}

export class PackAssembler {
  readonly #opts: AssemblerOptions
  #open: OpenPack[] = []

  constructor(opts: AssemblerOptions) {
    this.#opts = opts
  }

  /** Bytes of blocks that are held in memory. */
  get held(): number {
    return this.#open.reduce((sum, pack) => sum + pack.stored, 0)
  }

  /** Takes a block; returns the packs that became full. */
  add(block: PackableBlock): FinishedPack[] {
    const empty: OpenPack = { blocks: [], blobs: 0, stored: 0 }
    if (!this.#fits(block, empty)) return [this.#close(packWith(block))]
    const finished: FinishedPack[] = []
    let target = this.#open.find((pack) => this.#fits(block, pack))
    if (target === undefined) {
      // Two are open already and the block fits neither: blocks near the size of a pack do that.
      if (this.#open.length === 2) finished.push(this.#close(this.#fullest()))
      target = empty
      this.#open.push(target)
    }
    target.blocks.push(block)
    target.blobs += block.lengths.length
    target.stored += block.sealed.byteLength
    const { packSize } = this.#opts
    if (this.#room(target) < packSize * ROOM_SHARE) finished.push(this.#close(target))
    else if (this.#open.length === 2 && this.#emptiest().stored >= packSize * WAIT_SHARE) {
      finished.push(this.#close(this.#fullest()))
    }
    return finished
  }

  /** Closes what is open; the last pack is padded instead of filled. */
  finish(): FinishedPack[] {
    const finished: FinishedPack[] = []
    while (this.#open.length > 0) finished.push(this.#close(this.#fullest(), this.#open.length === 1))
    return finished
  }

  #fits(block: PackableBlock, pack: OpenPack): boolean {
    if (pack.blocks.length === BLOCKS_MAX || pack.blobs + block.lengths.length > BLOBS_MAX) return false
    return this.#room(pack) >= cost(block)
  }

  #room(pack: OpenPack): number {
    const directory = directorySize(1, pack.blocks.length, pack.blobs) + SEAL_OVERHEAD
    return this.#opts.packSize - HEADER_SIZE - pack.stored - directory - TRAILER_STORED_SIZE
  }

  #fullest(): OpenPack {
    return this.#open.reduce((a, b) => (b.stored > a.stored ? b : a))
  }

  #emptiest(): OpenPack {
    return this.#open.reduce((a, b) => (b.stored < a.stored ? b : a))
  }

  #close(pack: OpenPack, last = false): FinishedPack {
    this.#open = this.#open.filter((other) => other !== pack)
    const { kind, packSize, sealer, suite, sid, random } = this.#opts
    const blocks = pack.blocks.map((block): DirectoryBlock => ({
      storedLength: block.sealed.byteLength,
      plainLength: block.plainLength,
      codec: block.codec,
      session: 0,
      locs: block.locs,
      lengths: block.lengths,
    }))
    const directory = sealDirectory({ sessions: [sid], blocks }, sealer)
    const used = HEADER_SIZE + pack.stored + directory.byteLength + TRAILER_STORED_SIZE
    // Only a block that is larger than a pack makes one that is larger.
    const sizeMax = used > packSize ? PACK_SIZE_MAX : packSize
    const size = last || kind === 'meta' || used > packSize ? Math.min(padme(used), sizeMax) : packSize
    assert(size >= used, 'what was put into a pack fits it')
    const directoryOffset = size - TRAILER_STORED_SIZE - directory.byteLength
    const trailer = sealTrailer({ directoryOffset, directoryLength: directory.byteLength, packLength: size }, sealer)
    const header = encodeHeader(kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, suite)
    const parts = [header, ...pack.blocks.map((block) => block.sealed), random(size - used), directory, trailer]
    const hasher = new IncrementalHash()
    for (const part of parts) hasher.update(part)
    const hash = hasher.digest()
    return { kind, hash, objectName: packName(kind, hash), parts, size, blocks }
  }
}

function packWith(block: PackableBlock): OpenPack {
  return { blocks: [block], blobs: block.lengths.length, stored: block.sealed.byteLength }
}

/** Bytes that a block takes of a pack, its part of the directory included. */
function cost(block: PackableBlock): number {
  return block.sealed.byteLength + tablesSize(1, block.lengths.length)
}
