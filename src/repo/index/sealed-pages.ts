// A file in pages that are sealed one by one, each bound to its file, its region and its place, so that a page is verified
// when it is read and nothing else need be. What lies in it are words of 32 bits in this machine's order: such a file is a
// cache and does not travel. Reading is synchronous and by position, so that threads may share one descriptor.
import { readSync, writeSync } from 'node:fs'
import { assert } from '../../base/assert.ts'
import { releaseMemory } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { SEAL_OVERHEAD, Sealer } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'

/** What opens and seals the pages; passes between threads. */
export interface PageKey {
  readonly key: Uint8Array
  readonly repoId: Uint8Array
  readonly suite: Suite
}

/** The file cannot be read or written, or is not what was written. */
export class PageFileError extends BackupError {}

/** Whether a failure comes from such a file, whatever was being done. */
export function isOfPageFile(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof PageFileError) return true
  return false
}

function pageFileError(what: string, { path }: PageFile, cause: unknown): PageFileError {
  return new PageFileError(codeOf(cause), what, path, { cause })
}

export interface PageFile {
  readonly fd: number
  /** For messages. */
  readonly path: string
  /** Tells this file from others under the same key, 16 bytes. */
  readonly id: Uint8Array
  readonly key: PageKey
}

/** A part of the file with pages of one size. */
export interface PageRegion {
  /** Tells it from other regions. */
  readonly kind: number
  /** Where it begins, in bytes. */
  readonly at: number
  /** Bytes of a page. */
  readonly pageSize: number
  /** Words in it; the last page is filled with zeros. */
  readonly words: number
}

/** Words of a page. */
export function wordsOfPage(pageSize: number): number {
  return (pageSize - SEAL_OVERHEAD) / 4
}

/** Bytes that a region takes. */
export function sizeOfRegion({ pageSize, words }: Pick<PageRegion, 'pageSize' | 'words'>): number {
  return Math.ceil(words / wordsOfPage(pageSize)) * pageSize
}

/** Pages written at once, in bytes. */
const WRITE_SIZE = 1024 * 1024
const ID_SIZE = 16

export function pageSealer({ key, repoId, suite }: PageKey): Sealer {
  return new Sealer(key, repoId, suite)
}

function contextOf(id: Uint8Array, kind: number, page: number): Uint8Array {
  const context = new Uint8Array(ID_SIZE + 5)
  context.set(id)
  setPage(context, kind, page)
  return context
}

function setPage(context: Uint8Array, kind: number, page: number): void {
  context[ID_SIZE] = kind
  for (let i = 0; i < 4; i++) context[ID_SIZE + 1 + i] = page >>> (8 * i)
}

export class PageReader {
  readonly region: PageRegion
  readonly pageWords: number
  readonly #file: PageFile
  readonly #sealer: Sealer
  readonly #context: Uint8Array
  readonly #sealed: Uint8Array
  readonly #plain: Uint8Array
  readonly #words: Uint32Array
  /** Which page `#words` has. */
  #held = -1

  constructor(file: PageFile, region: PageRegion) {
    this.region = region
    this.pageWords = wordsOfPage(region.pageSize)
    this.#file = file
    this.#sealer = pageSealer(file.key)
    this.#context = contextOf(file.id, region.kind, 0)
    this.#sealed = new Uint8Array(region.pageSize)
    this.#plain = new Uint8Array(this.pageWords * 4)
    this.#words = new Uint32Array(this.#plain.buffer)
  }

  /** The page that is open; none when it is negative. */
  get held(): number {
    return this.#held
  }

  /** The words of a page, until the next one is read. Throws `corrupt` when they are not what was written there. */
  page(number: number): Uint32Array {
    if (number === this.#held) return this.#words
    const { fd, path } = this.#file
    const { kind, at, pageSize } = this.region
    this.#held = -1
    try {
      const length = readSync(fd, this.#sealed, 0, pageSize, at + number * pageSize)
      if (length !== pageSize) throw new BackupError('corrupt', `it ends within page ${number}`, path)
      setPage(this.#context, kind, number)
      this.#sealer.open(SEALED_TYPES.localState, this.#context, this.#sealed, path, { into: this.#plain })
    } catch (cause) {
      throw pageFileError('the local index cannot be read', this.#file, cause)
    }
    this.#held = number
    return this.#words
  }

  /** Copies `words` words from `from` on to `into`. */
  copy(from: number, words: number, into: Uint32Array, at = 0): void {
    if (from + words > this.region.words) {
      throw new PageFileError('corrupt', `the local index has no words at ${from}`, this.#file.path)
    }
    for (let done = 0; done < words;) {
      const number = Math.floor((from + done) / this.pageWords)
      const start = from + done - number * this.pageWords
      const count = Math.min(words - done, this.pageWords - start)
      into.set(this.page(number).subarray(start, start + count), at + done)
      done += count
    }
  }
}

/** Writes the words of a region one after the other. */
export class PageWriter {
  readonly #file: PageFile
  readonly #region: Omit<PageRegion, 'words'>
  readonly #sealer: Sealer
  readonly #context: Uint8Array
  readonly #page: Uint32Array
  readonly #out: Uint8Array
  #used = 0
  #pages = 0
  #pending = 0
  #written = 0
  words = 0

  constructor(file: PageFile, region: Omit<PageRegion, 'words'>) {
    this.#file = file
    this.#region = region
    this.#sealer = pageSealer(file.key)
    this.#context = contextOf(file.id, region.kind, 0)
    this.#page = new Uint32Array(wordsOfPage(region.pageSize))
    this.#out = new Uint8Array(Math.max(WRITE_SIZE, region.pageSize))
  }

  add(words: Uint32Array): void {
    for (let at = 0; at < words.length;) {
      const count = Math.min(words.length - at, this.#page.length - this.#used)
      this.#page.set(words.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
      if (this.#used === this.#page.length) this.#seal()
    }
    this.words += words.length
  }

  /** The region, once everything is added. */
  finish(): PageRegion {
    if (this.#used > 0) {
      this.#page.fill(0, this.#used)
      this.#seal()
    }
    this.#flush()
    return { ...this.#region, words: this.words }
  }

  #seal(): void {
    const { kind, pageSize } = this.#region
    setPage(this.#context, kind, this.#pages++)
    const plain = new Uint8Array(this.#page.buffer)
    const sealed = this.#sealer.seal(SEALED_TYPES.localState, this.#context, plain)
    assert(sealed.length === pageSize, 'a sealed page has the size of a page')
    if (this.#pending + pageSize > this.#out.length) this.#flush()
    this.#out.set(sealed, this.#pending)
    releaseMemory(sealed) // thousands of pages a second: the collector would be too late
    this.#pending += pageSize
    this.#used = 0
  }

  #flush(): void {
    const { fd } = this.#file
    try {
      for (let at = 0; at < this.#pending;) {
        at += writeSync(fd, this.#out, at, this.#pending - at, this.#region.at + this.#written + at)
      }
    } catch (cause) {
      throw pageFileError('the local index cannot be written', this.#file, cause)
    }
    this.#written += this.#pending
    this.#pending = 0
  }
}
