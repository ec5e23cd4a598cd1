// The lookup from locators to places, shared by all worker threads without a lock. One table is a set of typed arrays
// over a SharedArrayBuffer:
//
//   control   entries used, capacity
//   slots     open addressing, linear probing; 0 is empty, else entry + 1 in the low bits and in those that it does not
//             need the same bits of the locator's second word, which tell most others apart without a look at the
//             entry; written once, by compare-exchange
//   entries   locator (6 x u32) | block | offset in block | length
//
// An entry is written in full before its slot is set, so whoever sees the slot sees the entry. Nothing is ever removed.
// When a table is full a larger one is added behind it; lookups ask all, new claims go to the last. Two threads that
// hold different lists can claim the same blob twice: it is then stored twice, which costs space and nothing else.
//
// Behind the tables there may be a file (index-file.ts) with what does not change while they are used; what a table says
// of a blob comes first.
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { BlobPlace } from './blob-place.ts'
import { IndexFile } from './index-file.ts'
import type { IndexFileHandle } from './index-file.ts'

const ENTRY_WORDS = 9
const CONTROL_WORDS = 4
/** Slots per entry: six bytes a blob, and probes stay within a cache line. */
const SLOTS_PER_ENTRY = 1.5
/** Entry capacity of the first table: 10 MiB of address space, touched only as it fills. */
const CAPACITY_MIN = 256 * 1024
/** Room for what a run adds to the index that it has read. */
const GROWTH = 1.25
/** The block of a blob that this run has claimed and not yet placed. */
export const BLOCK_PENDING = 0xffff_ffff

const TABLE_FULL = 0x7fff_ffff

class Table {
  readonly shared: SharedArrayBuffer
  readonly capacity: number
  readonly #control: Int32Array
  readonly #slots: Int32Array
  readonly #entries: Uint32Array
  /** Bits of a slot that hold the entry. */
  readonly #entryMask: number
  /** Slots for each value of a locator's first word. */
  readonly #scale: number

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.#control = new Int32Array(shared, 0, CONTROL_WORDS)
    this.capacity = this.#control[1]!
    const slotCount = Math.ceil(this.capacity * SLOTS_PER_ENTRY)
    this.#slots = new Int32Array(shared, CONTROL_WORDS * 4, slotCount)
    this.#entries = new Uint32Array(shared, (CONTROL_WORDS + slotCount) * 4, this.capacity * ENTRY_WORDS)
    this.#entryMask = 2 ** Math.ceil(Math.log2(this.capacity + 1)) - 1
    this.#scale = slotCount / 2 ** 32
  }

  static create(capacity: number): Table {
    const words = CONTROL_WORDS + Math.ceil(capacity * SLOTS_PER_ENTRY) + capacity * ENTRY_WORDS
    const shared = new SharedArrayBuffer(words * 4)
    new Int32Array(shared, 0, CONTROL_WORDS)[1] = capacity
    return new Table(shared)
  }

  get used(): number {
    return Math.min(Atomics.load(this.#control, 0), this.capacity)
  }

  find(loc: Uint32Array): number {
    const slots = this.#slots
    const mask = this.#entryMask
    for (let slot = Math.floor(loc[0]! * this.#scale); ; slot = this.#after(slot)) {
      const held = Atomics.load(slots, slot)
      if (held === 0) return -1
      if (((held ^ loc[1]!) & ~mask) !== 0) continue
      const entry = (held & mask) - 1
      if (this.#same(entry, loc)) return entry
    }
  }

  /** The entry that stands for `loc` afterwards, negated minus one if it was there before; TABLE_FULL if none fits. */
  insert(loc: Uint32Array, block: number, offset: number, length: number): number {
    let mine = -1
    const slots = this.#slots
    const mask = this.#entryMask
    for (let slot = Math.floor(loc[0]! * this.#scale); ; slot = this.#after(slot)) {
      let held = Atomics.load(slots, slot)
      if (held === 0) {
        if (mine < 0) mine = this.#write(loc, block, offset, length)
        if (mine < 0) return TABLE_FULL
        held = Atomics.compareExchange(slots, slot, 0, (loc[1]! & ~mask) | (mine + 1))
        if (held === 0) return mine
      }
      if (((held ^ loc[1]!) & ~mask) !== 0) continue
      const entry = (held & mask) - 1
      if (this.#same(entry, loc)) return -entry - 1
    }
  }

  #after(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1
  }

  place(entry: number, block: number, offset: number, length: number): void {
    const at = entry * ENTRY_WORDS
    this.#entries[at + 7] = offset
    this.#entries[at + 8] = length
    this.#entries[at + 6] = block
  }

  placeOf(entry: number): BlobPlace {
    const at = entry * ENTRY_WORDS
    return { block: this.#entries[at + 6]!, offset: this.#entries[at + 7]!, length: this.#entries[at + 8]! }
  }

  #write(loc: Uint32Array, block: number, offset: number, length: number): number {
    const entry = Atomics.add(this.#control, 0, 1)
    if (entry >= this.capacity) return -1
    const at = entry * ENTRY_WORDS
    for (let i = 0; i < 6; i++) this.#entries[at + i] = loc[i]!
    this.#entries[at + 6] = block
    this.#entries[at + 7] = offset
    this.#entries[at + 8] = length
    return entry
  }

  #same(entry: number, loc: Uint32Array): boolean {
    const at = entry * ENTRY_WORDS
    const e = this.#entries
    return (
      e[at] === loc[0] &&
      e[at + 1] === loc[1] &&
      e[at + 2] === loc[2] &&
      e[at + 3] === loc[3] &&
      e[at + 4] === loc[4] &&
      e[at + 5] === loc[5]
    )
  }
}

/** What a thread needs to use the index: pass it by postMessage; the memory is shared, not copied. */
export interface SharedIndexHandle {
  readonly tables: readonly SharedArrayBuffer[]
  readonly file?: IndexFileHandle | undefined
}

export class BlobIndex {
  readonly file: IndexFile | undefined
  readonly #tables: Table[]
  readonly #loc = new Uint32Array(LOCATOR_SIZE / 4)
  readonly #locBytes = new Uint8Array(this.#loc.buffer)

  private constructor(tables: Table[], file: IndexFile | undefined) {
    this.#tables = tables
    this.file = file
  }

  static create(expectedEntries = 0, file?: IndexFile): BlobIndex {
    return new BlobIndex([Table.create(Math.max(CAPACITY_MIN, Math.ceil(expectedEntries * GROWTH)))], file)
  }

  static attach({ tables, file }: SharedIndexHandle): BlobIndex {
    return new BlobIndex(
      tables.map((shared) => new Table(shared)),
      file && new IndexFile(file),
    )
  }

  get handle(): SharedIndexHandle {
    return { tables: this.#tables.map((table) => table.shared), file: this.file?.handle }
  }

  /** Blobs in the tables, counting one twice that was claimed in two. */
  get size(): number {
    return this.#tables.reduce((sum, table) => sum + table.used, 0)
  }

  /** Tables; a thread whose list is shorter than the owner's attaches again. */
  get tableCount(): number {
    return this.#tables.length
  }

  /**
   * Makes sure that `entries` more fit in the last table; true if a table was added, so that the threads have to be
   * told. Only the owner calls it, with room for all that the threads may claim before they hear of a new one.
   */
  reserve(entries: number): boolean {
    const last = this.#tables.at(-1)!
    if (last.used + entries <= last.capacity) return false
    this.#tables.push(Table.create(Math.max(last.capacity * 2, entries * 2)))
    return true
  }

  has(locs: Uint8Array, at = 0): boolean {
    this.#load(locs, at)
    return this.#tables.some((table) => table.find(this.#loc) >= 0) || this.file?.has(this.#loc) === true
  }

  find(locs: Uint8Array, at = 0): BlobPlace | undefined {
    this.#load(locs, at)
    for (const table of this.#tables) {
      const entry = table.find(this.#loc)
      if (entry >= 0) return table.placeOf(entry)
    }
    return this.file?.find(this.#loc)
  }

  /** Where the file has a blob, whatever the tables say. */
  findInFile(locs: Uint8Array, at = 0): BlobPlace | undefined {
    if (this.file === undefined) return undefined
    this.#load(locs, at)
    return this.file.find(this.#loc)
  }

  /** Everywhere that the file has a blob. */
  findAllInFile(locs: Uint8Array, at = 0): BlobPlace[] {
    if (this.file === undefined) return []
    this.#load(locs, at)
    return this.file.findAll(this.#loc)
  }

  /**
   * True if the caller is the first to name this blob and therefore has to store it. In a full table every new blob is
   * claimed again each time, so that it may be stored twice and never not at all.
   */
  claim(locs: Uint8Array, at = 0): boolean {
    this.#load(locs, at)
    const last = this.#tables.at(-1)!
    for (const table of this.#tables) {
      if ((table !== last || this.file !== undefined) && table.find(this.#loc) >= 0) return false
    }
    if (this.file?.has(this.#loc) === true) return false
    return last.insert(this.#loc, BLOCK_PENDING, 0, 0) >= 0
  }

  /**
   * Records where a blob lies; keeps the place it has if it was placed before. The block that it lies in afterwards. Owner
   * only.
   */
  place(locs: Uint8Array, at: number, block: number, offset: number, length: number): number {
    this.#load(locs, at)
    const last = this.#tables.at(-1)!
    for (const table of this.#tables) {
      // One probe decides and inserts: an index of a million blobs is loaded through here.
      const found = table === last ? table.insert(this.#loc, block, offset, length) : -table.find(this.#loc) - 1
      if (found === TABLE_FULL) break
      if (found >= 0 && table === last) return block
      const entry = -found - 1
      if (entry < 0) continue
      const before = table.placeOf(entry).block
      if (before !== BLOCK_PENDING) return before
      table.place(entry, block, offset, length)
      return block
    }
    this.reserve(1)
    this.#tables.at(-1)!.insert(this.#loc, block, offset, length)
    return block
  }

  /** Records another place for a blob that is known, BLOCK_PENDING for none as yet. Owner only. */
  move(locs: Uint8Array, at: number, block: number, offset: number, length: number): void {
    this.#load(locs, at)
    for (const table of this.#tables) {
      const entry = table.find(this.#loc)
      if (entry >= 0) return table.place(entry, block, offset, length)
    }
    if (this.file?.has(this.#loc) !== true) return
    this.reserve(1)
    this.#tables.at(-1)!.insert(this.#loc, block, offset, length)
  }

  #load(locs: Uint8Array, at: number): void {
    const bytes = this.#locBytes
    for (let i = 0; i < LOCATOR_SIZE; i++) bytes[i] = locs[at + i]!
  }
}
