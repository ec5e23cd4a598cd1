// All packs of a domain and their blocks, as numbers: 8 bytes a block, and the places of its blobs in a BlobTable. Of meta
// packs there is more, for their blocks are read.
import { toHex } from '../../base/bytes.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { DirectoryBlock } from '../../format/block-table.ts'
import { HEADER_SIZE } from '../../format/object-header.ts'
import { packName } from '../../format/names.ts'
import { tablesDigest } from '../../format/tables-digest.ts'
import type { PackKind } from '../../format/names.ts'
import type { IndexablePack } from '../../repo/index/loaded-index.ts'
import { BlobTable } from './blob-table.ts'

/** How far a pack can be relied on; of the copies of a blob the one in the pack with the lowest number counts. */
export const STANDING = {
  /** It is there, it can be opened, and the index names it. */
  sound: 0,
  /** The same, and a plan says that it goes that is about to be carried out, or that others carry out. */
  condemned: 1,
  condemnedByOthers: 2,
  /** It stays, and a plan condemns the keys of a session that sealed it: they go when it is not there any more. */
  keysCondemned: 3,
  /** No segment names it: that it shows does not mean that it survives a power cut. */
  unindexed: 4,
  /** A backup has found something else in it than the index says. */
  distrusted: 5,
  distrustedCondemned: 6,
  distrustedCondemnedByOthers: 7,
  /** Nobody can open it: the keys of a session that sealed it are gone. */
  closed: 8,
  /** It is not there as the index says. */
  missing: 9,
} as const
export type Standing = (typeof STANDING)[keyof typeof STANDING]

export interface PackInfo {
  readonly name: string
  readonly kind: PackKind
  /** Bytes. */
  readonly size: number
  /** Sessions that sealed its blocks, hex. */
  readonly sessions: readonly string[]
  /** Numbers of its blocks: from this one up to, not with, the other. */
  readonly firstBlock: number
  readonly endBlock: number
  /** Of its table. */
  readonly digest: string
  standing: Standing
  /** Whether somebody who has older keys of the domain alone can open a block of it. */
  isUnderOlderKeys: boolean
}

/** What opens a block of a meta pack and finds the blobs in it. */
export interface MetaBlock {
  readonly pack: PackInfo
  readonly offset: number
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  readonly sid: Uint8Array
  readonly lengths: Uint32Array
  readonly firstPlace: number
}

const BLOCK_WIDTH = 2

export class PackTable {
  readonly blobs = new BlobTable()
  readonly packs: PackInfo[] = []
  readonly #byName = new Map<string, PackInfo>()
  readonly #sessions = new Map<string, string>()
  /** Of each block its stored length, and the place after its last blob. */
  #blocks = new Uint32Array(1024 * BLOCK_WIDTH)
  #blockCount = 0
  readonly #meta = new Map<number, MetaBlock>()

  get blockCount(): number {
    return this.#blockCount
  }

  find(name: string): PackInfo | undefined {
    return this.#byName.get(name)
  }

  /**
   * Adds a pack whose blocks refer to `sessions`; undefined when it is known with another table or size: then one of the two
   * who say what it is is wrong, or lies.
   */
  add(pack: IndexablePack, sessions: readonly Uint8Array[], standing: Standing): PackInfo | undefined {
    const name = packName(pack.kind, pack.hash)
    const known = this.#byName.get(name)
    const digest = digestOf(pack, sessions)
    if (known !== undefined) return known.digest === digest && known.size === pack.size ? known : undefined
    const used = new Set(pack.blocks.map(({ session }) => session))
    const info: PackInfo = {
      name,
      kind: pack.kind,
      size: pack.size,
      sessions: Array.from(used, (ordinal) => this.#sessionOf(sessions[ordinal]!)),
      firstBlock: this.#blockCount,
      endBlock: this.#blockCount + pack.blocks.length,
      digest,
      standing,
      isUnderOlderKeys: false,
    }
    this.packs.push(info)
    this.#byName.set(name, info)
    let offset = HEADER_SIZE
    for (const block of pack.blocks) {
      this.#addBlock(info, block, offset, sessions[block.session]!)
      offset += block.storedLength
    }
    return info
  }

  /** Its id in hex, one text for all packs. */
  #sessionOf(sid: Uint8Array): string {
    const hex = toHex(sid)
    const known = this.#sessions.get(hex)
    if (known === undefined) this.#sessions.set(hex, hex)
    return known ?? hex
  }

  /** Bytes of a block in its pack. */
  storedLength(block: number): number {
    return this.#blocks[block * BLOCK_WIDTH]!
  }

  firstPlace(block: number): number {
    return block === 0 ? 0 : this.endPlace(block - 1)
  }

  endPlace(block: number): number {
    return this.#blocks[block * BLOCK_WIDTH + 1]!
  }

  /** What is needed to read a block; undefined for those of data packs. */
  metaBlock(block: number): MetaBlock | undefined {
    return this.#meta.get(block)
  }

  blockOf(place: number): number {
    let low = 0
    let high = this.#blockCount - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.endPlace(middle) > place) high = middle
      else low = middle + 1
    }
    return low
  }

  packOf(place: number): PackInfo {
    return this.packOfBlock(this.blockOf(place))
  }

  packOfBlock(block: number): PackInfo {
    let low = 0
    let high = this.packs.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.packs[middle]!.endBlock > block) high = middle
      else low = middle + 1
    }
    return this.packs[low]!
  }

  #addBlock(pack: PackInfo, block: DirectoryBlock, offset: number, sid: Uint8Array): void {
    const firstPlace = this.blobs.count
    this.blobs.add(block.locs.subarray(0, block.lengths.length * LOCATOR_SIZE))
    const number = this.#blockCount++
    if (this.#blockCount * BLOCK_WIDTH > this.#blocks.length) {
      const larger = new Uint32Array(this.#blocks.length * 2)
      larger.set(this.#blocks)
      this.#blocks = larger
    }
    this.#blocks[number * BLOCK_WIDTH] = block.storedLength
    this.#blocks[number * BLOCK_WIDTH + 1] = this.blobs.count
    if (pack.kind !== 'meta') return
    const { storedLength, plainLength, codec, lengths } = block
    this.#meta.set(number, {
      pack,
      offset,
      storedLength,
      plainLength,
      codec,
      sid: sid.slice(),
      lengths: lengths.slice(),
      firstPlace,
    })
  }
}

export function digestOf({ blocks }: IndexablePack, sessions: readonly Uint8Array[]): string {
  return toHex(tablesDigest(blocks, sessions))
}
