// Which blobs a set certainly does not have: 9 to 10 bits of memory a blob, and one of 256 others is let through. A binary
// fuse filter (Graf and Lemire, ACM JEA 2022): each key has three places in an array of bytes, and the exclusive or of what
// is in them is the key's fingerprint. It is made once of all keys and takes none later.
//
// Keys are the first two words of locators, which are keyed hashes, in ascending order; those with equal first bits make a
// partition with an array of its own, so that the memory it takes to make one does not grow with the set.
import { assert } from '../../base/assert.ts'

/** Keys of a partition, on average: larger ones save a few percent of memory, and take 16 bytes a key while they are made. */
const PARTITION_KEYS = 131_072
/** Words that describe a partition: where its array begins, positions of the first of the three places, length of a segment, seed. */
const WIDTH = 4
const START = 0
const POSITIONS = 1
const SEGMENT = 2
const SEED = 3
/** In place of positions, for keys of which no array could be made: they all pass. */
const PASS_ALL = 0xffff_ffff
/** An array cannot be made of one of a hundred choices of places; of somebody's chosen keys perhaps of none. */
const ATTEMPTS = 64
/** Segments are at most so long: the bits that choose a place within one come out of one word. */
const SEGMENT_MAX = 4096

/** Bits of the first word of `keys` random keys that choose their partition. */
function partitionBitsFor(keys: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, keys) / PARTITION_KEYS)))
}

export class BlobFilterBuilder {
  readonly #bits: number
  readonly #emit: (array: Uint8Array) => void
  readonly #partitions: Uint32Array
  #keys = new Uint32Array(2 * 1024)
  #count = 0
  #partition = 0
  #start = 0
  #space = new Workspace(0, 0)

  /** `emit` gets the arrays, one after the other; the lengths are multiples of four. */
  constructor(keys: number, emit: (array: Uint8Array) => void) {
    this.#bits = partitionBitsFor(keys)
    this.#partitions = new Uint32Array(2 ** this.#bits * WIDTH)
    this.#emit = emit
  }

  /** Keys come in ascending order; one that comes again is passed over. */
  add(first: number, second: number): void {
    const partition = partitionOf(first, this.#bits)
    assert(partition >= this.#partition, 'keys ascend')
    if (partition !== this.#partition) this.#close(partition)
    const at = this.#count * 2
    if (this.#count > 0 && this.#keys[at - 2] === first && this.#keys[at - 1] === second) return
    if (at === this.#keys.length) {
      const larger = new Uint32Array(at * 2)
      larger.set(this.#keys)
      this.#keys = larger
    }
    this.#keys[at] = first
    this.#keys[at + 1] = second
    this.#count++
  }

  /** What `BlobFilter` needs besides the arrays. */
  finish(): Uint32Array {
    this.#close(0)
    return this.#partitions
  }

  #close(next: number): void {
    const described = this.#partitions.subarray(this.#partition * WIDTH, (this.#partition + 1) * WIDTH)
    const made = makeArray(this.#keys, this.#count, described, (keys, length) => {
      if (!this.#space.fits(keys, length)) this.#space = new Workspace(keys + (keys >>> 3), length + (length >>> 3))
      return this.#space
    })
    described[START] = this.#start
    this.#emit(made)
    this.#start += made.length
    this.#count = 0
    this.#partition = next
  }
}

/** A filter over arrays and partitions that were made before; the memory may be shared by threads. */
export class BlobFilter {
  readonly #bits: number
  readonly #partitions: Uint32Array
  readonly #arrays: Uint8Array

  constructor(partitions: Uint32Array, arrays: Uint8Array) {
    this.#bits = Math.log2(partitions.length / WIDTH)
    this.#partitions = partitions
    this.#arrays = arrays
  }

  /** False for keys that are not in the set. */
  mayHave(first: number, second: number): boolean {
    const at = partitionOf(first, this.#bits) * WIDTH
    const positions = this.#partitions[at + POSITIONS]!
    if (positions === 0) return false
    if (positions === PASS_ALL) return true
    const segment = this.#partitions[at + SEGMENT]!
    const a = mixed(second ^ this.#partitions[at + SEED]!)
    const b = mixed(first + a)
    const arrays = this.#arrays
    const start = this.#partitions[at + START]!
    const place = firstPlace(a, positions)
    const found =
      arrays[start + place]! ^
      arrays[start + secondPlace(place, b, segment)]! ^
      arrays[start + thirdPlace(place, b, segment)]!
    return found === fingerprint(a, b)
  }
}

function partitionOf(first: number, bits: number): number {
  return bits === 0 ? 0 : first >>> (32 - bits)
}

/** The finaliser of MurmurHash3: a permutation of words. */
function mixed(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** One in each of three segments that follow one another. */
function firstPlace(a: number, positions: number): number {
  return Math.floor((a * positions) / 2 ** 32)
}

function secondPlace(first: number, b: number, segment: number): number {
  return (first + segment) ^ (b & (segment - 1))
}

function thirdPlace(first: number, b: number, segment: number): number {
  return (first + 2 * segment) ^ ((b >>> 12) & (segment - 1))
}

function fingerprint(a: number, b: number): number {
  return (a ^ (b >>> 24)) & 0xff
}

/** The array for keys that are all different; fills in what describes it. */
function makeArray(
  keys: Uint32Array,
  count: number,
  described: Uint32Array,
  spaceFor: (keys: number, length: number) => Workspace,
): Uint8Array {
  if (count === 0) return new Uint8Array(0)
  const n = Math.max(2, count)
  const segment = Math.min(SEGMENT_MAX, 2 ** Math.floor(Math.log(n) / Math.log(3.33) + 2.25))
  const factor = Math.max(1.125, 0.875 + (0.25 * Math.log(1e6)) / Math.log(n))
  const segments = Math.max(1, Math.ceil((n * factor) / segment) - 2)
  described[POSITIONS] = segments * segment
  described[SEGMENT] = segment
  for (let seed = 0; seed < ATTEMPTS; seed++) {
    described[SEED] = Math.imul(seed, 0x9e37_79b1)
    const length = (segments + 2) * segment
    const array = tryArray(keys, count, described, length, spaceFor(count, length))
    if (array !== undefined) return array
  }
  described[POSITIONS] = PASS_ALL
  return new Uint8Array(0)
}

/** What it takes to make an array; used for one partition after the other. */
class Workspace {
  /** The three places of each key, and its fingerprint. */
  readonly places: Uint32Array
  readonly prints: Uint8Array
  /** Of each place, how many keys have it, and the exclusive or of their numbers. */
  readonly uses: Uint16Array
  readonly users: Uint32Array
  /** Places that one key alone has. */
  readonly alone: Uint32Array
  /** Keys in the order in which they were taken out, and the places that they have for their own. */
  readonly order: Uint32Array
  readonly own: Uint32Array

  constructor(keys: number, length: number) {
    this.places = new Uint32Array(keys * 3)
    this.prints = new Uint8Array(keys)
    this.uses = new Uint16Array(length)
    this.users = new Uint32Array(length)
    this.alone = new Uint32Array(length)
    this.order = new Uint32Array(keys)
    this.own = new Uint32Array(keys)
  }

  fits(keys: number, length: number): boolean {
    return keys <= this.prints.length && length <= this.uses.length
  }
}

function tryArray(
  keys: Uint32Array,
  count: number,
  described: Uint32Array,
  length: number,
  space: Workspace,
): Uint8Array | undefined {
  const positions = described[POSITIONS]!
  const segment = described[SEGMENT]!
  const seed = described[SEED]!
  const { places, prints, uses, users, alone, order, own } = space
  uses.fill(0, 0, length)
  users.fill(0, 0, length)
  for (let key = 0; key < count; key++) {
    const a = mixed(keys[key * 2 + 1]! ^ seed)
    const b = mixed(keys[key * 2]! + a)
    const first = firstPlace(a, positions)
    places[key * 3] = first
    places[key * 3 + 1] = secondPlace(first, b, segment)
    places[key * 3 + 2] = thirdPlace(first, b, segment)
    prints[key] = fingerprint(a, b)
    for (let i = 0; i < 3; i++) {
      const place = places[key * 3 + i]!
      uses[place]!++
      users[place]! ^= key
    }
  }
  // Whoever is alone in a place can have it for its own, whatever the others need: it is taken out, and others are alone.
  let waiting = 0
  for (let place = 0; place < length; place++) if (uses[place] === 1) alone[waiting++] = place
  let taken = 0
  while (waiting > 0) {
    const place = alone[--waiting]!
    if (uses[place] !== 1) continue
    const key = users[place]!
    order[taken] = key
    own[taken++] = place
    for (let i = 0; i < 3; i++) {
      const other = places[key * 3 + i]!
      uses[other]!--
      users[other]! ^= key
      if (uses[other] === 1) alone[waiting++] = other
    }
  }
  if (taken < count) return undefined
  const array = new Uint8Array(Math.ceil(length / 4) * 4)
  for (let i = count - 1; i >= 0; i--) {
    const key = order[i]!
    array[own[i]!] =
      prints[key]! ^ array[places[key * 3]!]! ^ array[places[key * 3 + 1]!]! ^ array[places[key * 3 + 2]!]!
  }
  return array
}
