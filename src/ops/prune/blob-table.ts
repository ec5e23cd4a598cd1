// Which blobs are needed: one bit for each place where a blob lies, and a way from locators to places. Ten million blobs
// take 230 MB, so there is no object for any of them, and nothing large is ever moved to a larger place.
//
//   locs      in pages of 65,536 places, of each place the first 16 bytes of the locator: finding two that agree in them takes
//             2^64 tries, and one that agrees with a given one 2^128
//   slots     open addressing; a slot holds a place + 1, 0 is empty
//   needed    a bit for each place; of a blob that lies in several, the bit of the one that its slot names counts
//   shared    a bit for each place of such a blob
//   verified  a bit for each place that was opened and is what its locator says
import { releaseMemory } from '../../base/bytes.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { PlaceSet } from './place-set.ts'

const WORDS = 4
const LOC_BYTES = WORDS * 4
/** Entries for each slot at most: probes stay short. */
const LOAD_MAX = 0.8
/** Slots are made for so many times the places that there are, as what is copied is added to them: 5.5 bytes a blob. */
const SPARE = 1.1
const SLOTS_MIN = 1024
/** Places of a page, as bits of a place's number. */
const PAGE_BITS = 16
const PAGE_PLACES = 1 << PAGE_BITS
const IN_PAGE = PAGE_PLACES - 1

export class BlobTable {
  readonly #locs: Uint32Array[] = []
  #slots = new Uint32Array(0)
  readonly #needed = new PlaceSet()
  readonly #shared = new PlaceSet()
  readonly #verified = new PlaceSet()
  #count = 0
  /** Places that the slots know. */
  #known = 0
  readonly #loc = new Uint32Array(WORDS)
  readonly #locBytes = new Uint8Array(this.#loc.buffer)

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
      this.#pageOf(this.#count + i).set(this.#loc, inPage(this.#count + i))
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
    return this.#slots[this.#slotOf(this.#pageOf(place), inPage(place))]! - 1
  }

  /** All places of the blob that lies at this one; looks at every place there is. */
  *placesLike(place: number): Generator<number> {
    const [locs, at] = [this.#pageOf(place), inPage(place)]
    for (let other = 0; other < this.#count; other++) if (this.#isAt(other, locs, at)) yield other
  }

  /** Notes that the blob is needed whose place `find` gave; true the first time. */
  need(place: number): boolean {
    if (this.isNeeded(place)) return false
    this.#needed.add(place)
    return true
  }

  forgetNeeds(): void {
    this.#needed.clear()
  }

  isNeeded(place: number): boolean {
    return this.#needed.has(place)
  }

  /** Whether one of the places from `first` up to `end` is needed. */
  isAnyNeeded(first: number, end: number): boolean {
    for (let place = first; place < end; place++) if (this.isNeeded(place)) return true
    return false
  }

  /** Whether the blob of a place lies somewhere else too. */
  isShared(place: number): boolean {
    this.#fillSlots()
    return this.#shared.has(place)
  }

  /** Notes that the blob at this very place was opened and compared. */
  verify(place: number): void {
    this.#verified.add(place)
  }

  isVerified(place: number): boolean {
    return this.#verified.has(place)
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
    const slot = this.#slotOf(this.#pageOf(place), inPage(place))
    const current = this.#slots[slot]! - 1
    if (current === place) return
    this.#slots[slot] = place + 1
    if (!this.isNeeded(current)) return
    this.#needed.delete(current)
    this.need(place)
  }

  /** The 16 bytes of the places from `first` up to `end`, a copy. */
  locsOf(first: number, end: number): Uint8Array {
    const locs = new Uint32Array((end - first) * WORDS)
    for (let place = first; place < end; place++) {
      const at = inPage(place)
      locs.set(this.#pageOf(place).subarray(at, at + WORDS), (place - first) * WORDS)
    }
    return new Uint8Array(locs.buffer)
  }

  #fillSlots(): void {
    if (this.#known === this.#count) return
    if (this.#count > this.#slots.length * LOAD_MAX) {
      const length = Math.max(SLOTS_MIN, Math.ceil((this.#count * SPARE) / LOAD_MAX))
      releaseMemory(new Uint8Array(this.#slots.buffer)) // so that there are never two of them
      this.#slots = new Uint32Array(length)
      this.#known = 0
      // What a blob counted as may have been another place than its first: that one goes in before.
      this.#fill((place) => this.#shared.has(place) && this.isNeeded(place))
    }
    this.#fill(() => true)
    this.#known = this.#count
  }

  #fill(which: (place: number) => boolean): void {
    for (let place = this.#known; place < this.#count; place++) {
      if (!which(place)) continue
      const slot = this.#slotOf(this.#pageOf(place), inPage(place))
      const there = this.#slots[slot]! - 1
      if (there < 0) this.#slots[slot] = place + 1
      else if (there !== place) {
        this.#shared.add(there)
        this.#shared.add(place)
      }
    }
  }

  /** The slot of a locator, or the empty one where it belongs. */
  #slotOf(locs: Uint32Array, at: number): number {
    const slots = this.#slots
    for (let slot = Math.floor((locs[at]! * slots.length) / 2 ** 32); ; slot++) {
      if (slot === slots.length) slot = 0
      const place = slots[slot]! - 1
      if (place < 0 || this.#isAt(place, locs, at)) return slot
    }
  }

  #isAt(place: number, locs: Uint32Array, at: number): boolean {
    const own = this.#pageOf(place)
    const from = inPage(place)
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
    while (this.#locs.length * PAGE_PLACES < count) this.#locs.push(new Uint32Array(PAGE_PLACES * WORDS))
  }

  #pageOf(place: number): Uint32Array {
    return this.#locs[place >>> PAGE_BITS]!
  }
}

/** Where a place's words begin in its page. */
function inPage(place: number): number {
  return (place & IN_PAGE) * WORDS
}
