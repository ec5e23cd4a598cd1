// The packs of a local index file, as numbers: there are hundreds of thousands in a large repository, and an object for each
// would take more memory than all the rest.
import { fromHex, toHex } from '../../base/bytes.ts'
import { packName, parseObjectName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import { PageFileError } from './sealed-pages.ts'
import type { PackRecord } from './pack-record.ts'

/** hash (8) | tables (8) | kind | size | first | contested | where its sessions are in their list | their number */
const WIDTH = 22
const TABLES = 8
const KIND = 16
const SIZE = 17
const FIRST = 18
const CONTESTED = 19
const SESSIONS = 20
const SESSION_COUNT = 21
const HASH_WORDS = 8
const KINDS: readonly PackKind[] = ['data', 'meta']
/** Slots per pack at least. */
const SLOTS_PER_PACK = 2

export class CoveredPacks {
  /** Sessions that blocks and packs refer to by their place here. */
  readonly sids: readonly Uint8Array[]
  #words: Uint32Array
  #sessions: Uint32Array
  #sessionCount: number
  /** Open addressing by the first word of the hash: number + 1. */
  #slots = new Uint32Array(0)
  count: number

  /** `sids` may grow while packs are added; words and sessions are as `words` and `sessions` gave them. */
  constructor(sids: readonly Uint8Array[], words = new Uint32Array(0), sessions = new Uint32Array(0)) {
    this.sids = sids
    this.#words = words
    this.#sessions = sessions
    this.#sessionCount = sessions.length
    this.count = words.length / WIDTH
    this.#makeSlots(this.count)
  }

  get words(): Uint32Array {
    return this.#words.subarray(0, this.count * WIDTH)
  }

  get sessions(): Uint32Array {
    return this.#sessions.subarray(0, this.#sessionCount)
  }

  /** Adds a pack whose blocks begin at `first` and whose table `tables` stands for (tablesDigest, hex). */
  add(pack: PackRecord, tables: string, first: number, sessions: readonly number[]): number {
    const number = this.count++
    const at = number * WIDTH
    this.#words = grown(this.#words, at + WIDTH)
    this.#words.set(wordsOf(hashOf(pack.objectName)), at)
    this.#words.set(wordsOf(fromHex(tables)!), at + TABLES)
    const numbers = [KINDS.indexOf(pack.kind), pack.size, first, 0, this.#sessionCount, sessions.length]
    this.#words.set(numbers, at + KIND)
    this.#sessions = grown(this.#sessions, this.#sessionCount + sessions.length)
    this.#sessions.set(sessions, this.#sessionCount)
    this.#sessionCount += sessions.length
    if (this.count * SLOTS_PER_PACK > this.#slots.length) this.#makeSlots(this.count * 2)
    else this.#note(number)
    return number
  }

  record(number: number): PackRecord {
    return new CoveredRecord(this, number)
  }

  name(number: number): string {
    return packName(this.kind(number), this.#bytes(number * WIDTH))
  }

  kind(number: number): PackKind {
    return KINDS[this.#words[number * WIDTH + KIND]!]!
  }

  /** Bytes of the object. */
  size(number: number): number {
    return this.#words[number * WIDTH + SIZE]!
  }

  /** Whose secrets seal its blocks; each is one of `sids`. */
  sessionsOf(number: number): Uint8Array[] {
    const from = this.#words[number * WIDTH + SESSIONS]!
    const count = this.#words[number * WIDTH + SESSION_COUNT]!
    const sids: Uint8Array[] = []
    for (let i = 0; i < count; i++) sids.push(this.sids[this.#sessions[from + i]!]!)
    return sids
  }

  /** What stands for its table, hex. */
  tables(number: number): string {
    return toHex(this.#bytes(number * WIDTH + TABLES))
  }

  /** Where its blocks begin in the file. */
  first(number: number): number {
    return this.#words[number * WIDTH + FIRST]!
  }

  /** Where its blocks end, in a file whose blocks end at `end`. */
  end(number: number, end: number): number {
    return number + 1 < this.count ? this.first(number + 1) : end
  }

  /** Whether another pack of the file has some of its blobs too. */
  isContested(number: number): boolean {
    return this.#words[number * WIDTH + CONTESTED] === 1
  }

  /** Two blocks have a blob in common. */
  contest(block: number, other: number): void {
    const [pack, otherPack] = [this.at(block), this.at(other)]
    if (pack === otherPack) return
    for (const number of [pack, otherPack]) this.#words[number * WIDTH + CONTESTED] = 1
  }

  /** The number of the pack that a block is in. */
  at(block: number): number {
    let low = 0
    let high = this.count
    while (low + 1 < high) {
      const middle = (low + high) >>> 1
      if (this.first(middle) <= block) low = middle
      else high = middle
    }
    return low
  }

  /** Numbers of the packs of that name: several where segments say different things of it. */
  *named(objectName: string): Generator<number> {
    if (this.#slots.length === 0 || parseObjectName(objectName)?.kind !== 'pack') return
    const [first] = wordsOf(hashOf(objectName)) as unknown as [number]
    for (let slot = this.#slotOf(first); this.#slots[slot] !== 0; slot = (slot + 1) % this.#slots.length) {
      const number = this.#slots[slot]! - 1
      if (this.#words[number * WIDTH] === first && this.name(number) === objectName) yield number
    }
  }

  /** Numbers of the packs that have the name of this one, itself among them. */
  *sharingName(number: number): Generator<number> {
    const w = this.#words
    const at = number * WIDTH
    for (let slot = this.#slotOf(w[at]!); this.#slots[slot] !== 0; slot = (slot + 1) % this.#slots.length) {
      const other = (this.#slots[slot]! - 1) * WIDTH
      let same = w[other + KIND] === w[at + KIND]
      for (let i = 0; i < HASH_WORDS && same; i++) same = w[other + i] === w[at + i]
      if (same) yield other / WIDTH
    }
  }

  #makeSlots(packs: number): void {
    this.#slots = new Uint32Array(Math.ceil(packs * SLOTS_PER_PACK))
    for (let number = 0; number < this.count; number++) this.#note(number)
  }

  #note(number: number): void {
    let slot = this.#slotOf(this.#words[number * WIDTH]!)
    while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length
    this.#slots[slot] = number + 1
  }

  #slotOf(word: number): number {
    return Math.floor((word * this.#slots.length) / 2 ** 32)
  }

  /** A hash. */
  #bytes(at: number): Uint8Array {
    return new Uint8Array(this.#words.buffer, this.#words.byteOffset + at * 4, HASH_WORDS * 4)
  }
}

/** Says what is asked of it: most records of a large index are asked for one thing alone, or for nothing. */
class CoveredRecord implements PackRecord {
  readonly #packs: CoveredPacks
  readonly #number: number

  constructor(packs: CoveredPacks, number: number) {
    this.#packs = packs
    this.#number = number
  }

  get objectName(): string {
    return this.#packs.name(this.#number)
  }

  get kind(): PackKind {
    return this.#packs.kind(this.#number)
  }

  get size(): number {
    return this.#packs.size(this.#number)
  }

  get sessions(): readonly Uint8Array[] {
    return this.#packs.sessionsOf(this.#number)
  }
}

/** What the words must fulfil to be read as packs of a file whose blocks end at `end`. */
export function checkPackWords(words: Uint32Array, sessions: Uint32Array, subject: string): void {
  const corrupt = (why: string) => new PageFileError('corrupt', `the local index ${why}`, subject)
  if (words.length % WIDTH !== 0) throw corrupt('ends within a pack')
  for (let at = 0; at < words.length; at += WIDTH) {
    if (words[at + KIND]! >= KINDS.length) throw corrupt('has a pack of unknown kind')
    if (words[at + SESSIONS]! + words[at + SESSION_COUNT]! > sessions.length) throw corrupt('lacks sessions of a pack')
  }
}

/** The hash in the name of a pack or a segment. */
export function hashOf(objectName: string): Uint8Array {
  const parsed = parseObjectName(objectName)
  return fromHex(parsed?.kind === 'pack' || parsed?.kind === 'index' ? parsed.hash : '')!
}

/** Bytes as words of this machine. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer)
}

/** The array, or a larger one with the same words. */
export function grown(words: Uint32Array, length: number): Uint32Array {
  if (length <= words.length) return words
  const larger = new Uint32Array(Math.max(length, words.length * 2, 1024))
  larger.set(words)
  return larger
}
