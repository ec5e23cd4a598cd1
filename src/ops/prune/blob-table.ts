// Which blobs are needed: one bit for each place where a blob lies, and a way from locators to places. Ten million blobs
// take 240 MB, so there is no object for any of them.
//
//   locs      of each place the first 16 bytes of the locator: finding two that agree in them takes 2^64 tries, and one that
//             agrees with a given one 2^128
//   slots     open addressing; a slot holds a place + 1, 0 is empty
//   needed    a bit for each place; of a blob that lies in several, the bit of the one that its slot names counts
//   shared    a bit for each place of such a blob
//   verified  a bit for each place that was opened and is what its locator says
import { LOCATOR_SIZE } from '../../format/block-table.ts'

const WORDS = 4
const LOC_BYTES = WORDS * 4
/** Entries for each slot at most: probes stay short, and the slots take 8 bytes a blob at most. */
const LOAD_MAX = 0.7
const CAPACITY_MIN = 1024

export class BlobTable {
  #locs: Uint32Array
  #slots = new Uint32Array(0)
  #needed: Uint8Array
  #shared: Uint8Array
  #verified: Uint8Array
  #count = 0
  /** Places that the slots know. */
  #known = 0
  readonly #loc = new Uint32Array(WORDS)
  readonly #locBytes = new Uint8Array(this.#loc.buffer)

  /** `expected` places are taken without moving what is there. */
  constructor(expected: number) {
    const capacity = Math.max(CAPACITY_MIN, Math.ceil(expected / 8) * 8)
    this.#locs = new Uint32Array(capacity * WORDS)
    this.#needed = new Uint8Array(capacity / 8)
    this.#shared = new Uint8Array(capacity / 8)
    this.#verified = new Uint8Array(capacity / 8)
  }

  /** How many places there are; the next one gets this number. */
  get count(): number {
    return this.#count
  }

  /** Adds places: `locs` has a locator of 24 bytes for each. */
  add(locs: Uint8Array): void {
    const count = locs.length / LOCATOR_SIZE
    this.#reserve(this.#count + count)
    for (let i = 0; i < count; i++) {
      this.#load(locs, i * LOCATOR_SIZE)
      this.#locs.set(this.#loc, (this.#count + i) * WORDS)
    }
    this.#count += count
  }

  /** The place of a blob that counts for it; -1 when it has none. */
  find(loc: Uint8Array, at = 0): number {
    this.#fillSlots()
    if (this.#slots.length === 0) return -1
    this.#load(loc, at)
    return this.#slots[this.#slotOf(this.#loc, 0)]! - 1
  }

  /** The place that counts for the blob that lies at this one. */
  countingPlace(place: number): number {
    this.#fillSlots()
    return this.#slots[this.#slotOf(this.#locs, place * WORDS)]! - 1
  }

  /** All places of the blob that lies at this one; looks at every place there is. */
  *placesLike(place: number): Generator<number> {
    const at = place * WORDS
    for (let other = 0; other < this.#count; other++) if (this.#isAt(other, this.#locs, at)) yield other
  }

  /** Notes that the blob is needed whose place `find` gave; true the first time. */
  need(place: number): boolean {
    if (this.isNeeded(place)) return false
    this.#needed[place >>> 3]! |= 1 << (place & 7)
    return true
  }

  forgetNeeds(): void {
    this.#needed.fill(0)
  }

  isNeeded(place: number): boolean {
    return (this.#needed[place >>> 3]! & (1 << (place & 7))) !== 0
  }

  /** Whether one of the places from `first` up to `end` is needed. */
  isAnyNeeded(first: number, end: number): boolean {
    for (let place = first; place < end; place++) if (this.isNeeded(place)) return true
    return false
  }

  /** Whether the blob of a place lies somewhere else too. */
  isShared(place: number): boolean {
    this.#fillSlots()
    return (this.#shared[place >>> 3]! & (1 << (place & 7))) !== 0
  }

  /** Notes that the blob at this very place was opened and compared. */
  verify(place: number): void {
    this.#verified[place >>> 3]! |= 1 << (place & 7)
  }

  isVerified(place: number): boolean {
    return (this.#verified[place >>> 3]! & (1 << (place & 7))) !== 0
  }

  /** From now on this place counts for its blob. */
  choose(place: number): void {
    if (!this.isShared(place)) return
    this.#move(place)
  }

  /** For every blob that lies in several places the best one is to count; `isBetter` tells whether `a` is better than `b`. */
  prefer(isBetter: (a: number, b: number) => boolean): void {
    this.#fillSlots()
    for (let place = 0; place < this.#count; place++) {
      if (!this.isShared(place)) continue
      const current = this.countingPlace(place)
      if (current !== place && isBetter(place, current)) this.#move(place)
    }
  }

  #move(place: number): void {
    const slot = this.#slotOf(this.#locs, place * WORDS)
    const current = this.#slots[slot]! - 1
    if (current === place) return
    this.#slots[slot] = place + 1
    if (!this.isNeeded(current)) return
    this.#needed[current >>> 3]! &= ~(1 << (current & 7))
    this.need(place)
  }

  /** The 16 bytes of the places from `first` up to `end`, a copy. */
  locsOf(first: number, end: number): Uint8Array {
    return new Uint8Array(this.#locs.buffer, first * LOC_BYTES, (end - first) * LOC_BYTES).slice()
  }

  #fillSlots(): void {
    if (this.#known === this.#count) return
    if (this.#count > this.#slots.length * LOAD_MAX) {
      this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(this.#count / LOAD_MAX)))
      this.#known = 0
      // What a blob counted as may have been another place than its first: that one goes in before.
      this.#fill((place) => !this.#isOnlyCopy(place) && this.isNeeded(place))
    }
    this.#fill(() => true)
    this.#known = this.#count
  }

  #isOnlyCopy(place: number): boolean {
    return (this.#shared[place >>> 3]! & (1 << (place & 7))) === 0
  }

  #fill(which: (place: number) => boolean): void {
    for (let place = this.#known; place < this.#count; place++) {
      if (!which(place)) continue
      const slot = this.#slotOf(this.#locs, place * WORDS)
      const there = this.#slots[slot]! - 1
      if (there < 0) this.#slots[slot] = place + 1
      else if (there !== place) {
        this.#share(there)
        this.#share(place)
      }
    }
  }

  #share(place: number): void {
    this.#shared[place >>> 3]! |= 1 << (place & 7)
  }

  /** The slot of a locator, or the empty one where it belongs. */
  #slotOf(locs: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1
    for (let slot = locs[at]! & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot]! - 1
      if (place < 0 || this.#isAt(place, locs, at)) return slot
    }
  }

  #isAt(place: number, locs: Uint32Array, at: number): boolean {
    const own = this.#locs
    const from = place * WORDS
    return (
      own[from] === locs[at] &&
      own[from + 1] === locs[at + 1] &&
      own[from + 2] === locs[at + 2] &&
      own[from + 3] === locs[at + 3]
    )
  }

  #load(bytes: Uint8Array, at: number): void {
    for (let i = 0; i < LOC_BYTES; i++) this.#locBytes[i] = bytes[at + i]!
  }

  #reserve(count: number): void {
    const capacity = this.#locs.length / WORDS
    if (count <= capacity) return
    const larger = Math.ceil(Math.max(count, capacity * 1.5) / 8) * 8
    const locs = new Uint32Array(larger * WORDS)
    locs.set(this.#locs)
    this.#locs = locs
    this.#needed = grown(this.#needed, larger / 8)
    this.#shared = grown(this.#shared, larger / 8)
    this.#verified = grown(this.#verified, larger / 8)
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(length)
  larger.set(bytes)
  return larger
}
