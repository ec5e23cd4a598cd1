// The index of a large repository on this client's disk, for lookups in little memory. It is a cache: made of segments whose
// names it knows, which never change, and never evidence of anything that the store does not show now.
//
//   id (16)  head, sealed       where the regions lie
//   blocks   8 KiB a page       pack after pack, its blocks:
//                                 pack | offset in it | stored length | plain length | codec | session | blobs n |
//                                 6 n locators | n lengths
//   sorted   4 KiB              of each blob of each block, ascending: first two words of its locator | its block
//   filter   256 KiB            arrays of a BlobFilter over the first two words
//   tables   256 KiB            first word of each page of `sorted` | partitions of the filter
//   coverage 256 KiB            index-coverage.ts
//
// Filter and tables are in memory that threads share: about ten bits a blob. A new blob is told by the filter alone. One that
// is there costs a page of `sorted` and the pages of its block, whose other blobs are then at hand: what lies together in a
// source lies together in blocks.
//
// A block is known by its place, in words. The same blob in several packs is there as often as it is.
import { closeSync, readSync, rmSync } from 'node:fs'
import { codeOf } from '../../base/errors.ts'
import { deriveKey } from '../../crypto/hash.ts'
import { BlobFilter } from './blob-filter.ts'
import type { BlobPlace } from './blob-place.ts'
import { decodeCoverage, STANDING } from './index-coverage.ts'
import type { Coverage } from './index-coverage.ts'
import { RecentBlobs } from './recent-blobs.ts'
import { PageFileError, PageReader, wordsOfPage } from './sealed-pages.ts'
import type { PageFile, PageKey, PageRegion } from './sealed-pages.ts'

export const FILE_VERSION = 1
export const FILE_ID_SIZE = 16
/** Id and head. */
export const HEAD_SIZE = 4096
/** Regions in the order in which they lie; the number is the kind of their pages. */
export const REGIONS = { head: 0, blocks: 1, sorted: 2, filter: 3, tables: 4, coverage: 5, runs: 6 } as const
export const HEAD_REGION: PageRegion = {
  kind: REGIONS.head,
  at: FILE_ID_SIZE,
  pageSize: HEAD_SIZE - FILE_ID_SIZE,
  words: 16,
}
/** By kind. From 10 KiB on, hashing makes native objects that the collector frees too late (crypto/hash.ts). */
export const PAGE_SIZES: readonly number[] = [0, 8192, 4096, 262_144, 262_144, 262_144, 8192]
/** Words of a block before the locators of its blobs. */
export const BLOCK_HEAD = 7
/** Words of a blob in a block. */
export const BLOB_WORDS = 7
/** Words of an entry of `sorted`; a page has a whole number of them. */
export const ENTRY_WORDS = 3

/** What a thread needs to look things up; the arrays are in shared memory. */
export interface IndexFileHandle {
  readonly file: PageFile
  readonly blocks: PageRegion
  readonly sorted: PageRegion
  readonly fences: Uint32Array
  readonly partitions: Uint32Array
  readonly filter: Uint8Array
  /** Of each pack, one of STANDING; settled before anything is looked up. */
  readonly standing: Uint8Array
}

export interface FileBlock {
  readonly pack: number
  readonly offset: number
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  readonly sid: number
}

/** The key of local index files out of the local state key. */
export function indexFileKey(localKey: Uint8Array, repoId: Uint8Array, suite: PageKey['suite']): PageKey {
  return { key: deriveKey('holdfast 1 local index', localKey), repoId: new Uint8Array(repoId), suite }
}

/** Reads what is kept in memory of a file. Throws PageFileError when it is damaged, of another key or another version. */
export function openIndexFile(fd: number, path: string, key: PageKey): { handle: IndexFileHandle; coverage: Coverage } {
  const id = new Uint8Array(FILE_ID_SIZE)
  if (readSync(fd, id, 0, FILE_ID_SIZE, 0) !== FILE_ID_SIZE) {
    throw new PageFileError('corrupt', 'the local index is empty', path)
  }
  const file: PageFile = { fd, path, id, key }
  const head = new PageReader(file, HEAD_REGION).page(0)
  if (head[0] !== FILE_VERSION) throw new PageFileError('corrupt', 'this is a local index of another version', path)
  const region = (kind: number): PageRegion => {
    const at = head[kind * 2 - 1]! * HEAD_SIZE
    return { kind, at, pageSize: PAGE_SIZES[kind]!, words: head[kind * 2]! }
  }
  const sorted = region(REGIONS.sorted)
  const tables = sharedWords(file, region(REGIONS.tables))
  const pages = Math.ceil(sorted.words / wordsOfPage(sorted.pageSize))
  const filter = sharedWords(file, region(REGIONS.filter))
  const coverageRegion = region(REGIONS.coverage)
  const words = new Uint32Array(coverageRegion.words)
  new PageReader(file, coverageRegion).copy(0, words.length, words)
  const coverage = decodeCoverage(words, path)
  const handle: IndexFileHandle = {
    file,
    blocks: region(REGIONS.blocks),
    sorted,
    fences: tables.subarray(0, pages),
    partitions: tables.subarray(pages),
    filter: new Uint8Array(filter.buffer),
    standing: new Uint8Array(new SharedArrayBuffer(coverage.packs.count)),
  }
  return { handle, coverage }
}

function sharedWords(file: PageFile, region: PageRegion): Uint32Array {
  const words = new Uint32Array(new SharedArrayBuffer(region.words * 4))
  new PageReader(file, region).copy(0, region.words, words)
  return words
}

/** Lookups for one thread. */
export class IndexFile {
  readonly handle: IndexFileHandle
  readonly #filter: BlobFilter
  readonly #blocks: PageReader
  readonly #sorted: PageReader
  readonly #recent = new RecentBlobs()
  readonly #head = new Uint32Array(BLOCK_HEAD)
  #blobs = new Uint32Array(0)
  #broken = false

  constructor(handle: IndexFileHandle) {
    this.handle = handle
    this.#filter = new BlobFilter(handle.partitions, handle.filter)
    this.#blocks = new PageReader(handle.file, handle.blocks)
    this.#sorted = new PageReader(handle.file, handle.sorted)
  }

  /** The same file where packs count otherwise. */
  withStanding(standing: Uint8Array): IndexFile {
    return new IndexFile({ ...this.handle, standing })
  }

  /** Blobs, counting one in two packs twice. */
  get size(): number {
    return this.handle.sorted.words / ENTRY_WORDS
  }

  /** Numbers of blocks are below this one. */
  get end(): number {
    return this.handle.blocks.words
  }

  /**
   * Where a blob lies in a pack that counts, a sound one before others. `loc` are the six words of its locator. Throws
   * PageFileError when the file is damaged; it is removed then.
   */
  find(loc: Uint32Array): BlobPlace | undefined {
    const recent = this.#recent.find(loc)
    if (recent !== undefined) return recent
    if (!this.#filter.mayHave(loc[0]!, loc[1]!)) return undefined
    return this.#reading(() => this.#search(loc))
  }

  #reading<T>(step: () => T): T {
    try {
      return step()
    } catch (cause) {
      this.#discard()
      throw new PageFileError(codeOf(cause), 'the local index cannot be used', this.handle.file.path, {
        cause,
        hint: 'it is a cache, and was removed: run the command again, which makes a new one',
      })
    }
  }

  /** Where a blob lies in each pack that counts. Throws as `find`. */
  findAll(loc: Uint32Array): BlobPlace[] {
    if (!this.#filter.mayHave(loc[0]!, loc[1]!)) return []
    return this.#reading(() => {
      const counting = this.#candidates(loc[0]!, loc[1]!).filter((block) => this.standingOf(block) !== STANDING.dead)
      return counting.flatMap((block) => this.#placeIn(block, loc, false) ?? [])
    })
  }

  /** Whether a blob lies in a pack that counts. What a damaged file has does not: it is stored again. */
  has(loc: Uint32Array): boolean {
    if (this.#broken) return false
    try {
      return this.find(loc) !== undefined
    } catch {
      return false
    }
  }

  /** How far the pack of a block counts, one of STANDING. */
  standingOf(block: number): number {
    return this.handle.standing[this.block(block).pack]!
  }

  block(number: number): FileBlock {
    const head = this.#head
    this.#blocks.copy(number, BLOCK_HEAD, head)
    return {
      pack: head[0]!,
      offset: head[1]!,
      storedLength: head[2]!,
      plainLength: head[3]!,
      codec: head[4]!,
      sid: head[5]!,
    }
  }

  /** Where the block after this one begins. */
  after(number: number): number {
    this.#blocks.copy(number, BLOCK_HEAD, this.#head)
    return number + BLOCK_HEAD + this.#head[6]! * BLOB_WORDS
  }

  /** The words of the block at a place, and where the next one begins. They are the caller's until the next call. */
  record(number: number): { readonly words: Uint32Array; readonly end: number } {
    this.#blocks.copy(number, BLOCK_HEAD, this.#head)
    const length = BLOCK_HEAD + this.#head[6]! * BLOB_WORDS
    if (length > this.#blobs.length) this.#blobs = new Uint32Array(Math.min(length * 2, this.end))
    this.#blocks.copy(number, length, this.#blobs)
    return { words: this.#blobs.subarray(0, length), end: number + length }
  }

  /** How many blobs there are, each counted once, in blocks that count. */
  count(counts: (block: number) => boolean): number {
    const perPage = this.#sorted.pageWords / ENTRY_WORDS
    let [first, second, counted, total] = [0, 0, false, 0]
    for (let page = 0; page * perPage < this.size; page++) {
      const words = this.#sorted.page(page)
      const count = Math.min(perPage, this.size - page * perPage)
      for (let at = 0; at < count * ENTRY_WORDS; at += ENTRY_WORDS) {
        if (words[at] !== first || words[at + 1] !== second) counted = false
        first = words[at]!
        second = words[at + 1]!
        if (counted || !counts(words[at + 2]!)) continue
        counted = true
        total++
      }
    }
    return total
  }

  #search(loc: Uint32Array): BlobPlace | undefined {
    let last: BlobPlace | undefined
    for (const number of this.#candidates(loc[0]!, loc[1]!)) {
      const standing = this.standingOf(number)
      if (standing === STANDING.dead) continue
      const place = this.#placeIn(number, loc, standing === STANDING.sound)
      if (place === undefined) continue
      if (standing === STANDING.sound) return place
      last ??= place
    }
    return last
  }

  /** Blocks with blobs whose locators begin with these words. */
  #candidates(first: number, second: number): number[] {
    const { fences, sorted } = this.handle
    const found: number[] = []
    const perPage = this.#sorted.pageWords / ENTRY_WORDS
    for (let page = Math.max(0, firstNotBelow(fences, first) - 1); page < fences.length; page++) {
      if (fences[page]! > first) break
      const words = this.#sorted.page(page)
      const count = Math.min(perPage, sorted.words / ENTRY_WORDS - page * perPage)
      for (let i = firstEntry(words, count, first, second); i < count; i++) {
        const at = i * ENTRY_WORDS
        if (words[at] !== first || words[at + 1] !== second) break
        found.push(words[at + 2]!)
      }
    }
    return found
  }

  #placeIn(block: number, loc: Uint32Array, keep: boolean): BlobPlace | undefined {
    const { words, end } = this.record(block)
    const found = placeIn(words, block, loc, keep ? this.#recent : undefined)
    if (found !== undefined && keep) this.#keepNext(end)
    return found
  }

  /** Keeps the blobs of the blocks that follow, as far as they lie whole in the page that is open. */
  #keepNext(from: number): void {
    const { pageWords } = this.#blocks
    const page = Math.floor(from / pageWords)
    if (from >= this.end || page !== this.#blocks.held) return
    const words = this.#blocks.page(page)
    const limit = Math.min(pageWords, this.end - page * pageWords)
    for (let at = from - page * pageWords; at + BLOCK_HEAD <= limit;) {
      const next = at + BLOCK_HEAD + words[at + 6]! * BLOB_WORDS
      if (next > limit || this.handle.standing[words[at]!] !== STANDING.sound) return
      placeIn(words.subarray(at, next), page * pageWords + at, NOWHERE, this.#recent)
      at = next
    }
  }

  /** Whoever comes next makes a new one. If another process has put a good one there already, that costs it the same. */
  #discard(): void {
    this.#broken = true
    rmSync(this.handle.file.path, { force: true })
  }

  close(): void {
    closeSync(this.handle.file.fd)
  }
}

/** No locator: what is looked for is nothing. */
const NOWHERE = new Uint32Array(0)

/** The place of a blob in a block; all others are kept in `recent`. */
function placeIn(words: Uint32Array, block: number, loc: Uint32Array, recent?: RecentBlobs): BlobPlace | undefined {
  const count = words[6]!
  const lengths = BLOCK_HEAD + count * 6
  let found: BlobPlace | undefined
  let offset = 0
  for (let i = 0; i < count; i++) {
    const at = BLOCK_HEAD + i * 6
    const length = words[lengths + i]!
    recent?.keep(words, at, block, offset, length)
    if (found === undefined && sameLocator(words, at, loc)) found = { block, offset, length }
    offset += length
  }
  return found
}

function sameLocator(words: Uint32Array, at: number, loc: Uint32Array): boolean {
  for (let i = 0; i < 6; i++) if (words[at + i] !== loc[i]) return false
  return true
}

/** The first of ascending values that is at least `value`; how many there are if none is. */
function firstNotBelow(values: Uint32Array, value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

function firstEntry(words: Uint32Array, count: number, first: number, second: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle * ENTRY_WORDS
    if (words[at]! < first || (words[at] === first && words[at + 1]! < second)) low = middle + 1
    else high = middle
  }
  return low
}
