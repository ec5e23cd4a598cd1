// The index as a client holds it: which packs there are, which blocks are in them, and where each blob lies. It is a
// cache of the packs' directories and never evidence that something may be deleted.
import { toHex } from '../base/bytes.ts'
import type { BackupError } from '../base/errors.ts'
import { LOCATOR_SIZE } from '../format/block-table.ts'
import type { DirectoryBlock } from '../format/block-table.ts'
import { HEADER_SIZE } from '../format/object-header.ts'
import { packName } from '../format/names.ts'
import type { PackKind } from '../format/names.ts'
import { BLOCK_PENDING, BlobIndex } from './blob-index.ts'

export interface PackRecord {
  readonly objectName: string
  readonly kind: PackKind
  /** Bytes. */
  readonly size: number
  /** Whose secrets seal its blocks, 16 bytes each. */
  readonly sessions: readonly Uint8Array[]
}

export interface BlockPlace {
  /** Number of the block in this index; equal for all blobs of one block. */
  readonly number: number
  readonly pack: PackRecord
  /** Where it begins in the pack, and its length there with the seal. */
  readonly offset: number
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  /** Session whose secret seals it, 16 bytes. */
  readonly sid: Uint8Array
}

export interface BlobLocation {
  readonly block: BlockPlace
  /** Place in the block's plaintext. */
  readonly offset: number
  readonly length: number
}

/** What a segment or a finished pack tells of one pack. */
export interface IndexablePack {
  readonly hash: Uint8Array
  readonly kind: PackKind
  readonly size: number
  readonly blocks: readonly DirectoryBlock[]
}

/** Numbers kept of each block. */
const BLOCK_WIDTH = 6

export class LoadedIndex {
  readonly blobs: BlobIndex
  readonly packs: PackRecord[] = []
  /** Segments that could not be used: what only they name is stored again by a backup, and missing to a reader. */
  readonly damaged: BackupError[] = []
  /** Packs that the index names and that are not there as it says, when a writing session has looked for them. */
  missing: readonly PackRecord[] = []
  /** Packs that are there, and that nobody can open: the keys of a session that sealed them are gone or damaged. */
  closed: readonly PackRecord[] = []
  /** Names of packs that are not to be relied on because of whose they are (usable-packs.ts). */
  readonly passedOver = new Set<string>()
  /** Names of packs that a writing session must not rely on: condemned, missing, closed ones or those passed over. */
  excluded: ReadonlySet<string> = new Set()
  /** Names of packs in which a backup has found something else than the index says: other copies are taken first. */
  readonly distrusted = new Set<string>()
  /** Numbers of the packs from which a blob is taken that another pack has too. */
  readonly #contested = new Set<number>()
  readonly #packNumbers = new Map<string, number>()
  /** Of each pack, the number of its first block. */
  readonly #firstBlocks: number[] = []
  readonly #sids: Uint8Array[] = []
  readonly #sidNumbers = new Map<string, number>()
  /** True when a blob was located that only a pack has which no segment names. */
  isIncomplete = false
  #unnamedFrom = Infinity
  #blocks = new Uint32Array(BLOCK_WIDTH * 1024)
  #blockCount = 0

  /** `expectedBlobs` sizes the table so that it need not grow. */
  constructor(expectedBlobs = 0) {
    this.blobs = BlobIndex.create(expectedBlobs)
  }

  get blockCount(): number {
    return this.#blockCount
  }

  /** Packs that could be done without in part, since others have the same blobs: it matters whether they are there. */
  get contested(): readonly PackRecord[] {
    return Array.from(this.#contested, (number) => this.packs[number]!)
  }

  hasPack(objectName: string): boolean {
    return this.#packNumbers.has(objectName)
  }

  /** Adds what is known of one pack, whose blocks refer to `sessions`; a pack that is known already is passed over. */
  addPack(pack: IndexablePack, sessions: readonly Uint8Array[]): void {
    const objectName = packName(pack.kind, toHex(pack.hash))
    if (this.#packNumbers.has(objectName)) return
    const packNumber = this.packs.length
    const used = new Set(pack.blocks.map(({ session }) => session))
    this.packs.push({
      objectName,
      kind: pack.kind,
      size: pack.size,
      sessions: Array.from(used, (ordinal) => sessions[ordinal]!),
    })
    this.#packNumbers.set(objectName, packNumber)
    this.#firstBlocks.push(this.#blockCount)
    let offset = HEADER_SIZE
    for (const block of pack.blocks) {
      const number = this.#addBlock(packNumber, offset, block, this.#sidNumber(sessions[block.session]!))
      offset += block.storedLength
      let at = 0
      for (let i = 0; i < block.lengths.length; i++) {
        const length = block.lengths[i]!
        const taken = this.blobs.place(block.locs, i * LOCATOR_SIZE, number, at, length)
        if (taken !== number) this.#contest(taken, packNumber)
        at += length
      }
    }
  }

  /** Some blobs are taken from a distrusted pack although another one has them. */
  get overshadowed(): boolean {
    return this.contested.some(({ objectName }) => this.distrusted.has(objectName))
  }

  /** Takes from a pack, which was added before, what is taken from distrusted ones as yet. */
  prefer(pack: IndexablePack): void {
    const objectName = packName(pack.kind, toHex(pack.hash))
    const packNumber = this.#packNumbers.get(objectName)
    if (packNumber === undefined || this.distrusted.has(objectName)) return
    let number = this.#firstBlocks[packNumber]!
    for (const block of pack.blocks) {
      let at = 0
      for (let i = 0; i < block.lengths.length; i++) {
        const length = block.lengths[i]!
        const now = this.blobs.find(block.locs, i * LOCATOR_SIZE)?.block ?? BLOCK_PENDING
        if (now < this.#blockCount && this.distrusted.has(this.block(now).pack.objectName)) {
          this.blobs.move(block.locs, i * LOCATOR_SIZE, number, at, length)
        }
        at += length
      }
      number++
    }
  }

  /** A blob has no place until the pack is added into which it is stored again. */
  forget(loc: Uint8Array): void {
    this.blobs.move(loc, 0, BLOCK_PENDING, 0, 0)
  }

  /** Packs that are added from now on are in no segment; none that is may be added after them. */
  beginUnnamed(): void {
    this.#unnamedFrom = this.#blockCount
  }

  /** Where a blob lies; undefined when the index does not name it, or it is claimed and not yet in a pack. */
  locate(loc: Uint8Array): BlobLocation | undefined {
    const place = this.blobs.find(loc)
    if (place === undefined || place.block >= this.#blockCount) return undefined
    if (place.block >= this.#unnamedFrom) this.isIncomplete = true
    return { block: this.block(place.block), offset: place.offset, length: place.length }
  }

  block(number: number): BlockPlace {
    const at = number * BLOCK_WIDTH
    const b = this.#blocks
    return {
      number,
      pack: this.packs[b[at]!]!,
      offset: b[at + 1]!,
      storedLength: b[at + 2]!,
      plainLength: b[at + 3]!,
      codec: b[at + 4]!,
      sid: this.#sids[b[at + 5]!]!,
    }
  }

  #contest(block: number, otherPack: number): void {
    const pack = this.#blocks[block * BLOCK_WIDTH]!
    if (pack !== otherPack) this.#contested.add(pack)
  }

  #addBlock(pack: number, offset: number, block: DirectoryBlock, sid: number): number {
    const number = this.#blockCount++
    const at = number * BLOCK_WIDTH
    if (at + BLOCK_WIDTH > this.#blocks.length) {
      const larger = new Uint32Array(this.#blocks.length * 2)
      larger.set(this.#blocks)
      this.#blocks = larger
    }
    this.#blocks.set([pack, offset, block.storedLength, block.plainLength, block.codec, sid], at)
    return number
  }

  #sidNumber(sid: Uint8Array): number {
    const key = toHex(sid)
    let number = this.#sidNumbers.get(key)
    if (number === undefined) {
      number = this.#sids.length
      this.#sids.push(sid.slice())
      this.#sidNumbers.set(key, number)
    }
    return number
  }
}
