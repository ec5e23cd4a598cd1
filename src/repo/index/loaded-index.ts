// The index as a client holds it: which packs there are, which blocks are in them, and where each blob lies. It is a
// cache of the packs' directories and never evidence that something may be deleted. Of a large repository most of it may be
// in a file (local-index.ts): packs and blocks of that have the first numbers.
import { toHex } from '../../base/bytes.ts'
import type { BackupError } from '../../base/errors.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { HEADER_SIZE } from '../../format/object-header.ts'
import { packName } from '../../format/names.ts'
import { BLOCK_PENDING, BlobIndex } from './blob-index.ts'
import type { BlobPlace } from './blob-place.ts'
import { BlockList } from './block-list.ts'
import { STANDING } from './index-coverage.ts'
import type { FiledIndex } from './local-index.ts'
import { recordOf } from './pack-record.ts'
import type { IndexablePack, PackRecord } from './pack-record.ts'
import type { PackSet } from './pack-names.ts'

export type { IndexablePack, PackRecord } from './pack-record.ts'

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
  /** Some other pack has it too, as of now: one of them may have something else under its locator. */
  readonly isContested?: boolean
}

export class LoadedIndex {
  readonly blobs: BlobIndex
  /** Packs that are not in the file. */
  readonly #records: PackRecord[] = []
  /** Segments that could not be used: what only they name is stored again by a backup, and missing to a reader. */
  readonly damaged: BackupError[] = []
  /** Packs that the index names and that are not there as it says, when a writing session has looked for them. */
  missing: readonly PackRecord[] = []
  /** Packs that are there, and that nobody can open: the keys of a session that sealed them are gone or damaged. */
  closed: readonly PackRecord[] = []
  /** Names of packs that are not to be relied on because of whose they are (usable-packs.ts). */
  readonly passedOver = new Set<string>()
  /** Names of packs that a writing session must not rely on: condemned, missing, closed ones or those passed over. */
  excluded: PackSet = new Set<string>()
  /** Names of packs in which a backup has found something else than the index says: other copies are taken first. */
  readonly distrusted = new Set<string>()
  /** Numbers of the packs from which a blob is taken that another pack has too. */
  readonly #contested = new Set<number>()
  /** Other places of blobs that several packs have, by locator, hex: number of the block, offset, length, and so on. */
  readonly #copies = new Map<string, number[]>()
  /** Locators, hex, of blobs of which one copy was found good. */
  readonly #settled = new Set<string>()
  /** Of those. */
  readonly #packNumbers = new Map<string, number>()
  /** Of each pack that is not in the file, the number of its first block. */
  readonly #firstBlocks: number[] = []
  readonly #filed: FiledIndex | undefined
  /** How many packs the file has; the others have the numbers that follow. */
  readonly #filedPacks: number
  /** The record that was asked for last: that of a pack in the file is made each time. */
  #recent: { readonly number: number; readonly record: PackRecord } | undefined
  /** How far they count: what threads see of it. */
  readonly #standing: Uint8Array
  /** Numbers of blocks that are not in the file begin here. */
  readonly #firstBlock: number
  /** Those that are not in the file. */
  readonly #listed: BlockList
  /** True when a blob was located that only a pack has which no segment names. */
  isIncomplete = false
  #unnamedFrom = Infinity
  /** Blobs in a table that the file has too. */
  #filedTwice = 0

  /** `expectedBlobs` sizes the table so that it need not grow. Nothing of a file counts until `countFiled` says so. */
  constructor(expectedBlobs = 0, filed?: FiledIndex) {
    const packs = filed?.coverage.packs
    this.#filed = filed
    this.#listed = new BlockList(packs?.sids)
    this.#filedPacks = packs?.count ?? 0
    this.#firstBlock = filed?.file.end ?? 0
    this.#standing = new Uint8Array(new SharedArrayBuffer(this.#filedPacks)).fill(STANDING.dead)
    this.blobs = BlobIndex.create(expectedBlobs, filed?.file.withStanding(this.#standing))
  }

  /** Blocks that are not in a file. Where there is none, their numbers are below this. */
  get blockCount(): number {
    return this.#listed.count
  }

  /** Sessions whose blocks are in it. */
  get sessionCount(): number {
    return this.#listed.sessionCount
  }

  /** Numbers of so many blocks that follow one another, from the one that is `first`. */
  *blockNumbers(first: number, count: number): Generator<number> {
    let number = first
    for (let i = 0; i < count; i++) {
      yield number
      number = number < this.#firstBlock ? this.#filed!.file.after(number) : number + 1
    }
  }

  /** The number of the next block that is added. */
  get endBlock(): number {
    return this.#endBlock
  }

  /** Every block of the packs that count. */
  *blocks(): Generator<BlockPlace> {
    for (const number of this.#counted()) {
      const { coverage, file } = this.#filed!
      const end = coverage.packs.end(number, file.end)
      for (let block = coverage.packs.first(number); block < end; block = file.after(block)) yield this.block(block)
    }
    for (let i = 0; i < this.#listed.count; i++) yield this.block(this.#firstBlock + i)
  }

  /** Blobs that are stored, each counted once. */
  get blobCount(): number {
    const counts = (block: number) => this.#standing[this.#filed!.coverage.packs.at(block)] !== STANDING.dead
    return this.blobs.size - this.#filedTwice + (this.#filed?.file.count(counts) ?? 0)
  }

  /** Those that count, made anew each time; what is asked of one in the file is read each time. */
  get packs(): readonly PackRecord[] {
    return [...Array.from(this.#counted(), (number) => this.#record(number)), ...this.#records]
  }

  /** Packs that could be done without in part, since others have the same blobs: it matters whether they are there. */
  get contested(): readonly PackRecord[] {
    const filed = [...this.#counted()].filter((number) => this.#filed!.coverage.packs.isContested(number))
    return Array.from([...filed, ...this.#contested], (number) => this.#record(number))
  }

  /** Numbers of the packs of the file that count. */
  *#counted(): Generator<number> {
    for (let number = 0; number < this.#filedPacks; number++) {
      if (this.#standing[number] !== STANDING.dead) yield number
    }
  }

  #record(number: number): PackRecord {
    if (number >= this.#filedPacks) return this.#records[number - this.#filedPacks]!
    if (this.#recent?.number !== number) this.#recent = { number, record: this.#filed!.coverage.packs.record(number) }
    return this.#recent.record
  }

  #numberOf(objectName: string): number | undefined {
    const own = this.#packNumbers.get(objectName)
    if (own !== undefined || this.#filed === undefined) return own
    return this.#filed.coverage.packs.named(objectName).find((number) => this.#standing[number] !== STANDING.dead)
  }

  hasPack(objectName: string): boolean {
    return this.#numberOf(objectName) !== undefined
  }

  /**
   * Makes a pack of the file count, unless one of its name does already. With `last` only for what no other has. Packs that
   * are not in the file come after those that are.
   */
  countFiled(number: number, last = false): void {
    const { packs } = this.#filed!.coverage
    for (const other of packs.sharingName(number)) if (this.#standing[other] !== STANDING.dead) return
    if (this.#packNumbers.size > 0 && this.#packNumbers.has(packs.name(number))) return
    this.#standing[number] = last ? STANDING.last : STANDING.sound
  }

  /**
   * Adds what is known of one pack, whose blocks refer to `sessions`; a pack that is known already is passed over. With
   * `last` only what no other pack has that was added before.
   */
  addPack(pack: IndexablePack, sessions: readonly Uint8Array[], last = false): void {
    const record = recordOf(pack, sessions)
    if (this.hasPack(record.objectName)) return
    const packNumber = this.#filedPacks + this.#records.length
    this.#records.push(record)
    this.#packNumbers.set(record.objectName, packNumber)
    this.#firstBlocks.push(this.#firstBlock + this.#listed.count)
    let offset = HEADER_SIZE
    for (const block of pack.blocks) {
      const session = this.#listed.numberOf(sessions[block.session]!)
      const number = this.#firstBlock + this.#listed.add(packNumber, offset, block, session)
      offset += block.storedLength
      let at = 0
      for (let i = 0; i < block.lengths.length; i++) {
        const length = block.lengths[i]!
        this.#place(block.locs, i * LOCATOR_SIZE, { block: number, offset: at, length }, packNumber, last)
        at += length
      }
    }
  }

  #place(locs: Uint8Array, at: number, { block, offset, length }: BlobPlace, packNumber: number, last: boolean): void {
    const filed = this.blobs.findInFile(locs, at)
    if (filed !== undefined) {
      if (last && this.blobs.file!.standingOf(filed.block) === STANDING.sound) return
      this.#contested.add(packNumber)
      this.#addCopy(locs.subarray(at, at + LOCATOR_SIZE), filed)
      this.#addCopy(locs.subarray(at, at + LOCATOR_SIZE), { block, offset, length })
    }
    const taken = this.blobs.place(locs, at, block, offset, length)
    if (taken === block && filed !== undefined) this.#filedTwice++
    if (taken === block) return
    this.#contest(taken, packNumber)
    if (filed === undefined) this.#addCopy(locs.subarray(at, at + LOCATOR_SIZE), { block, offset, length })
  }

  /** A segment distrusts the pack with this hash. */
  distrust(hash: Uint8Array | string): void {
    // A hash does not say of which kind the pack is.
    this.distrusted.add(packName('data', hash))
    this.distrusted.add(packName('meta', hash))
  }

  /** Some blobs are taken from a distrusted pack although another one has them. */
  get overshadowed(): boolean {
    return this.contested.some(({ objectName }) => this.distrusted.has(objectName))
  }

  /** Of the packs of the file, those that are distrusted count from now on only for what no other pack has. */
  demoteDistrusted(): void {
    for (const number of this.#counted()) {
      const { packs } = this.#filed!.coverage
      if (this.distrusted.has(packs.name(number))) this.#standing[number] = STANDING.last
    }
  }

  /** Takes from a pack, which was added before, what is taken from distrusted ones as yet. */
  prefer(pack: IndexablePack): void {
    const objectName = packName(pack.kind, toHex(pack.hash))
    const packNumber = this.#numberOf(objectName)
    if (packNumber === undefined || this.distrusted.has(objectName)) return
    if (packNumber < this.#filedPacks) return this.#preferFiled(pack)
    let number = this.#firstBlocks[packNumber - this.#filedPacks]!
    for (const block of pack.blocks) {
      let at = 0
      for (let i = 0; i < block.lengths.length; i++) {
        const length = block.lengths[i]!
        const now = this.blobs.find(block.locs, i * LOCATOR_SIZE)?.block ?? BLOCK_PENDING
        if (now < this.#endBlock && this.distrusted.has(this.block(now).pack.objectName)) {
          this.blobs.move(block.locs, i * LOCATOR_SIZE, number, at, length)
        }
        at += length
      }
      number++
    }
  }

  /** In the file a pack comes first by its standing; what the table has comes before the file. */
  #preferFiled({ blocks }: IndexablePack): void {
    if (!this.#records.some(({ objectName }) => this.distrusted.has(objectName))) return
    for (const { locs, lengths } of blocks) {
      for (let i = 0; i < lengths.length; i++) {
        const now = this.blobs.find(locs, i * LOCATOR_SIZE)?.block ?? BLOCK_PENDING
        if (now >= this.#endBlock || !this.distrusted.has(this.block(now).pack.objectName)) continue
        const filed = this.blobs.findInFile(locs, i * LOCATOR_SIZE)
        if (filed === undefined || this.blobs.file!.standingOf(filed.block) !== STANDING.sound) continue
        this.blobs.move(locs, i * LOCATOR_SIZE, filed.block, filed.offset, filed.length)
      }
    }
  }

  /** A blob has no place until the pack is added into which it is stored again. */
  forget(loc: Uint8Array): void {
    this.blobs.move(loc, 0, BLOCK_PENDING, 0, 0)
  }

  /** Packs that are added from now on are in no segment; none that is may be added after them. */
  beginUnnamed(): void {
    this.#unnamedFrom = this.#endBlock
  }

  /** Where a blob lies; undefined when the index does not name it, or it is claimed and not yet in a pack. */
  locate(loc: Uint8Array): BlobLocation | undefined {
    const place = this.blobs.find(loc)
    if (place === undefined || place.block >= this.#endBlock) return undefined
    if (place.block >= this.#unnamedFrom) this.isIncomplete = true
    return new FoundBlob(this.block(place.block), place, () => this.#hasCopies(loc, place.block))
  }

  #hasCopies(loc: Uint8Array, block: number): boolean {
    if (this.#copies.size > 0 && this.#copies.has(toHex(loc))) return true
    if (block >= this.#firstBlock || this.#settled.has(toHex(loc))) return false
    const { packs } = this.#filed!.coverage
    return packs.isContested(packs.at(block)) && this.blobs.findAllInFile(loc).length > 1
  }

  /** Where else a blob lies; where a file has several, the place that `locate` gives may be among them. */
  copies(loc: Uint8Array): BlobLocation[] {
    const places = this.#copies.get(toHex(loc)) ?? []
    const known = Array.from({ length: places.length / 3 }, (_, i): BlobPlace => {
      const [block, offset, length] = places.slice(i * 3) as [number, number, number]
      return { block, offset, length }
    })
    const seen = new Set(known.map(({ block }) => block))
    const filed = this.blobs.findAllInFile(loc).filter(({ block }) => !seen.has(block))
    return [...known, ...filed].map(({ block, ...place }) => ({ block: this.block(block), ...place }))
  }

  /** A copy of a blob was found good: from now on it is taken from there, and from nowhere else. */
  settle(loc: Uint8Array, { block, offset, length }: BlobLocation): void {
    this.blobs.move(loc, 0, block.number, offset, length)
    this.#copies.delete(toHex(loc))
    if (this.#filedPacks > 0) this.#settled.add(toHex(loc))
  }

  block(number: number): BlockPlace {
    if (number < this.#firstBlock) {
      const { pack, sid, ...block } = this.#filed!.file.block(number)
      return { number, ...block, pack: this.#record(pack), sid: this.#listed.sid(sid) }
    }
    const { pack, offset, storedLength, plainLength, codec, sid } = this.#listed.at(number - this.#firstBlock)
    return { number, pack: this.#record(pack), offset, storedLength, plainLength, codec, sid }
  }

  /** Numbers of blocks are below this one. */
  get #endBlock(): number {
    return this.#firstBlock + this.#listed.count
  }

  #addCopy(loc: Uint8Array, { block, offset, length }: BlobPlace): void {
    const key = toHex(loc)
    const places = this.#copies.get(key)
    if (places === undefined) this.#copies.set(key, [block, offset, length])
    else places.push(block, offset, length)
  }

  #contest(block: number, otherPack: number): void {
    const pack = this.#listed.packOf(block - this.#firstBlock)
    if (pack !== otherPack) this.#contested.add(pack)
  }
}

/** Looks for other copies when it is asked: in a large index that costs more than the lookup, and a check never asks. */
class FoundBlob implements BlobLocation {
  readonly block: BlockPlace
  readonly offset: number
  readonly length: number
  readonly #hasCopies: () => boolean

  constructor(block: BlockPlace, { offset, length }: BlobPlace, hasCopies: () => boolean) {
    this.block = block
    this.offset = offset
    this.length = length
    this.#hasCopies = hasCopies
  }

  get isContested(): boolean {
    return this.#hasCopies()
  }
}
