// Makes a local index file of packs that come in any order, in memory that does not grow with them: blocks go to the file as
// they come, entries of `sorted` into runs, which are sorted and put aside, and merged at the end. A file gets its name when
// it is whole and has reached the disk; one that was begun has another name, by which the next writer clears it away.
import { closeSync, fdatasyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { HEADER_SIZE } from '../../format/object-header.ts'
import { tablesDigest } from '../../format/tables-digest.ts'
import { BlobFilterBuilder } from './blob-filter.ts'
import { CoveredPacks } from './covered-packs.ts'
import { encodeCoverage } from './index-coverage.ts'
import type { CoveredSegment } from './index-coverage.ts'
import {
  BLOB_WORDS,
  BLOCK_HEAD,
  ENTRY_WORDS,
  FILE_VERSION,
  HEAD_REGION,
  HEAD_SIZE,
  PAGE_SIZES,
  REGIONS,
} from './index-file.ts'
import type { IndexFile } from './index-file.ts'
import { recordOf } from './pack-record.ts'
import type { IndexablePack, PackRecord } from './pack-record.ts'
import { PageFileError, PageWriter, sizeOfRegion, wordsOfPage } from './sealed-pages.ts'
import type { PageFile, PageKey, PageRegion } from './sealed-pages.ts'
import { mergeRuns, sortEntries } from './sorted-runs.ts'

/** Entries of a run: 12 bytes each, and 8 while they are sorted. */
export const RUN_ENTRIES = 1024 * 1024
/** Words of `blocks`, so that blocks of the file and those that come later have different numbers of 32 bits. */
const BLOCK_WORDS_MAX = 0xf000_0000
/** Entries merged between two looks at what else is to be done. */
const BREATH = 64 * 1024

export interface IndexFileOptions {
  /** Name of the file while it is made; written over. */
  readonly path: string
  readonly key: PageKey
  /** Tells this file from others under the same key, 16 bytes. */
  readonly id: Uint8Array
  readonly runEntries?: number
}

export class IndexFileWriter {
  readonly #file: PageFile
  readonly #runFile: PageFile
  readonly #blocks: PageWriter
  readonly #runEntries: number
  readonly #runs: PageRegion[] = []
  #run: Uint32Array
  #pending = 0
  #entries = 0
  readonly #sids: Uint8Array[] = []
  readonly #sidNumbers = new Map<string, number>()
  readonly #packs = new CoveredPacks(this.#sids)
  readonly #segments: CoveredSegment[] = []
  #open = true

  constructor({ path, key, id, runEntries = RUN_ENTRIES }: IndexFileOptions) {
    const fd = create(path)
    this.#file = { fd, path, id, key }
    const runPath = `${path}.runs`
    this.#runFile = { fd: create(runPath), path: runPath, id, key }
    rmSync(runPath) // nothing is left of it when this process ends, however it does
    this.#blocks = new PageWriter(this.#file, regionAt(REGIONS.blocks, HEAD_SIZE))
    this.#runEntries = runEntries
    this.#run = new Uint32Array(runEntries * ENTRY_WORDS)
  }

  /** Adds a pack, whose blocks refer to `sessions`, unless it is there with the same table; gives its number. */
  addPack(pack: IndexablePack, sessions: readonly Uint8Array[]): number {
    const record = recordOf(pack, sessions)
    const tables = toHex(tablesDigest(pack.blocks, sessions))
    for (const known of this.#packs.named(record.objectName)) if (this.#packs.tables(known) === tables) return known
    const number = this.#begin(record, tables)
    let offset = HEADER_SIZE
    for (const { storedLength, plainLength, codec, session, locs, lengths } of pack.blocks) {
      const count = lengths.length
      const words = new Uint32Array(BLOCK_HEAD + count * BLOB_WORDS)
      const sid = this.#sidNumber(sessions[session]!)
      words.set([number, offset, storedLength, plainLength, codec, sid, count])
      new Uint8Array(words.buffer, BLOCK_HEAD * 4, count * LOCATOR_SIZE).set(locs)
      words.set(lengths, BLOCK_HEAD + count * 6)
      this.#addBlock(words)
      offset += storedLength
    }
    return number
  }

  /** Adds a pack as another file has it; gives its number. */
  copyPack(old: number, packs: CoveredPacks, from: IndexFile): number {
    const number = this.#begin(packs.record(old), packs.tables(old))
    for (let at = packs.first(old); at < packs.end(old, from.end);) {
      const { words, end: next } = from.record(at)
      words[0] = number
      words[5] = this.#sidNumber(packs.sids[words[5]!]!)
      this.#addBlock(words)
      at = next
    }
    return number
  }

  /** Notes what a segment names; all of its packs were added. */
  addSegment(segment: CoveredSegment): void {
    this.#segments.push(segment)
  }

  /** Merges and writes what is missing, and gives the file its name; the descriptor is the caller's. */
  async finish(path: string | undefined): Promise<number> {
    this.#spill()
    const blocks = this.#blocks.finish()
    const sorted = new PageWriter(this.#file, regionAfter(REGIONS.sorted, blocks))
    const sortedRegion = { ...regionAfter(REGIONS.sorted, blocks), words: this.#entries * ENTRY_WORDS }
    const arrays = new PageWriter(this.#file, regionAfter(REGIONS.filter, sortedRegion))
    const filter = new BlobFilterBuilder(this.#entries, (array) => arrays.add(new Uint32Array(array.buffer)))
    const pageEntries = wordsOfPage(PAGE_SIZES[REGIONS.sorted]!) / ENTRY_WORDS
    const fences = new Uint32Array(Math.ceil(this.#entries / pageEntries))
    const page = new Uint32Array(pageEntries * ENTRY_WORDS)
    let done = 0
    const before = new Uint32Array(ENTRY_WORDS)
    for (const entry of mergeRuns(this.#runFile, this.#runs)) {
      const [first, second] = [entry[0]!, entry[1]!]
      const place = done % pageEntries
      if (place === 0) fences[done / pageEntries] = first
      page.set(entry, place * ENTRY_WORDS)
      filter.add(first, second)
      if (done > 0 && before[0] === first && before[1] === second) this.#packs.contest(before[2]!, entry[2]!)
      before.set(entry)
      done++
      if (place + 1 === pageEntries) sorted.add(page)
      if (done % BREATH === 0) await breathe()
    }
    assert(done === this.#entries, 'the runs have every entry')
    sorted.add(page.subarray(0, (done % pageEntries) * ENTRY_WORDS))
    const regions = [blocks, sorted.finish()]
    const partitions = filter.finish()
    regions.push(arrays.finish())
    regions.push(this.#region(REGIONS.tables, regions.at(-1)!, [fences, partitions]))
    const coverage = encodeCoverage({ packs: this.#packs, segments: this.#segments })
    regions.push(this.#region(REGIONS.coverage, regions.at(-1)!, [coverage]))
    this.#writeHead(regions)
    return this.#keep(path)
  }

  /** Leaves nothing behind. To be called whatever happens; does nothing after `finish`. */
  discard(): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.#runFile.fd)
    closeSync(this.#file.fd)
    rmSync(this.#file.path, { force: true })
  }

  #begin(pack: PackRecord, tables: string): number {
    const sessions = pack.sessions.map((sid) => this.#sidNumber(sid))
    return this.#packs.add(pack, tables, this.#blocks.words, sessions)
  }

  #addBlock(words: Uint32Array): void {
    const block = this.#blocks.words
    assert(block + words.length <= BLOCK_WORDS_MAX, 'blocks are numbered with 32 bits')
    this.#blocks.add(words)
    const count = words[6]!
    for (let i = 0; i < count; i++) {
      if (this.#pending === this.#runEntries) this.#spill()
      const at = this.#pending++ * ENTRY_WORDS
      this.#run[at] = words[BLOCK_HEAD + i * 6]!
      this.#run[at + 1] = words[BLOCK_HEAD + i * 6 + 1]!
      this.#run[at + 2] = block
    }
    this.#entries += count
  }

  #spill(): void {
    if (this.#pending === 0) return
    const last = this.#runs.at(-1)
    const region = last === undefined ? regionAt(REGIONS.runs, 0) : regionAfter(REGIONS.runs, last)
    const writer = new PageWriter(this.#runFile, region)
    writer.add(sortEntries(this.#run.subarray(0, this.#pending * ENTRY_WORDS)))
    this.#runs.push(writer.finish())
    this.#pending = 0
  }

  #region(kind: number, before: PageRegion, parts: readonly Uint32Array[]): PageRegion {
    const writer = new PageWriter(this.#file, regionAfter(kind, before))
    for (const part of parts) writer.add(part)
    return writer.finish()
  }

  #writeHead(regions: readonly PageRegion[]): void {
    const words = new Uint32Array(HEAD_REGION.words)
    words[0] = FILE_VERSION
    for (const { kind, at, words: count } of regions) words.set([at / HEAD_SIZE, count], kind * 2 - 1)
    const writer = new PageWriter(this.#file, HEAD_REGION)
    writer.add(words)
    writer.finish()
    writeSync(this.#file.fd, this.#file.id, 0, this.#file.id.length, 0)
  }

  #keep(path: string | undefined): number {
    const { fd, path: made } = this.#file
    try {
      if (path === undefined) rmSync(made)
      else {
        fdatasyncSync(fd)
        renameSync(made, path)
      }
    } catch (cause) {
      throw new PageFileError(codeOf(cause), 'the local index cannot be kept', path ?? made, { cause })
    }
    this.#open = false
    closeSync(this.#runFile.fd)
    return fd
  }

  #sidNumber(sid: Uint8Array): number {
    const key = toHex(sid)
    let number = this.#sidNumbers.get(key)
    if (number === undefined) {
      number = this.#sids.push(sid.slice()) - 1
      this.#sidNumbers.set(key, number)
    }
    return number
  }
}

function create(path: string): number {
  try {
    return openSync(path, 'w+', 0o600)
  } catch (cause) {
    throw new PageFileError(codeOf(cause), 'the local index cannot be written', path, { cause })
  }
}

function regionAt(kind: number, at: number): Omit<PageRegion, 'words'> {
  return { kind, at, pageSize: PAGE_SIZES[kind]! }
}

function regionAfter(kind: number, before: PageRegion): Omit<PageRegion, 'words'> {
  return regionAt(kind, before.at + sizeOfRegion(before))
}
