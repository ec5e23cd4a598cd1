import { assert } from './assert.ts'
import {
  CBOR_DEPTH_MAX,
  MAJOR_ARRAY,
  MAJOR_BYTES,
  MAJOR_MAP,
  MAJOR_NEGATIVE,
  MAJOR_TEXT,
  MAJOR_UINT,
} from './cbor-syntax.ts'
import type { RawField } from './cbor-syntax.ts'
import { BackupError } from './errors.ts'
import type { Timespec } from './time.ts'

const MAJOR_NAMES = [
  'an unsigned integer',
  'a negative integer',
  'bytes',
  'text',
  'an array',
  'a map',
  'a tag',
  'a simple value',
]
const NANOSECONDS = 1_000_000_000
/** Slots of the memo for short texts: owner names repeat in nearly every entry of a tree. */
const TEXT_SLOTS = 16

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one item after another and refuses everything that is not deterministic CBOR with BackupError `corrupt`, which
 * names the object and the byte. Nothing is allocated on the word of a length: byte strings are views of the input
 * (they alias it), counts are compared with the bytes that are left.
 */
export class CborReader {
  readonly #bytes: Uint8Array
  readonly #subject: string
  readonly #end: number
  #at: number
  #depth = 0
  readonly #textBytes: Uint8Array[] = []
  readonly #texts: string[] = []

  /** Reads `bytes` from `start` up to `end`; `subject` is the object's name for errors. */
  constructor(bytes: Uint8Array, subject: string, start = 0, end = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, 'the range to read lies in the bytes')
    // A view that ends where reading must: an index past it gives undefined, which no fast path takes for a value.
    this.#bytes = end === bytes.length ? bytes : bytes.subarray(0, end)
    this.#subject = subject
    this.#at = start
    this.#end = end
  }

  /** Offset of the next item in the bytes given. */
  get position(): number {
    return this.#at
  }

  /** Major type of the next item (MAJOR_…), without reading it. */
  major(): number {
    if (this.#at >= this.#end) throw this.corrupt('ends early')
    return this.#bytes[this.#at]! >> 5
  }

  /** An integer from 0 to `max`, which is at most 2^53-1. */
  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const first = this.#bytes[this.#at]!
    if (first < 24 && first <= max) {
      this.#at++
      return first
    }
    const value = this.#head(MAJOR_UINT)
    if (value > max) throw this.corrupt(`has the integer ${value} where at most ${max} is allowed,`)
    return value
  }

  /** An integer from -(2^53-1) to 2^53-1. */
  int(): number {
    if (this.major() !== MAJOR_NEGATIVE) return this.uint()
    const value = this.#head(MAJOR_NEGATIVE)
    if (value === Number.MAX_SAFE_INTEGER) throw this.corrupt('has an integer out of range')
    return -1 - value
  }

  /** An integer from 0 to 2^64-1. */
  bigUint(): bigint {
    const at = this.#at
    if (this.#bytes[at] !== 0x1b || this.#end - at < 9) return BigInt(this.uint())
    const high = this.#u32(at + 1)
    if (high === 0) throw this.corrupt('has an integer that is longer than needed')
    this.#at = at + 9
    return (BigInt(high) << 32n) | BigInt(this.#u32(at + 5))
  }

  bool(): boolean {
    const first = this.#bytes[this.#at]
    if (first !== 0xf4 && first !== 0xf5) throw this.#expected('true or false')
    this.#at++
    return first === 0xf5
  }

  /** A byte string of at most `max` bytes, as a view of the input. */
  bytes(max: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    const length = this.#length(MAJOR_BYTES, max)
    const start = this.#at
    this.#at = start + length
    return this.#bytes.subarray(start, start + length)
  }

  /** A byte string of exactly `length` bytes, as a view of the input. */
  fixed(length: number): Uint8Array {
    const value = this.bytes(length)
    if (value.length !== length) throw this.corrupt(`has ${value.length} bytes where ${length} belong,`)
    return value
  }

  /** Text of at most `max` bytes of UTF-8. */
  text(max: number = Number.MAX_SAFE_INTEGER): string {
    const length = this.#length(MAJOR_TEXT, max)
    const start = this.#at
    this.#at = start + length
    return length <= 32 ? this.#shortText(start, length) : this.#decodeText(start, length)
  }

  /** `[seconds, nanoseconds]`. */
  timespec(): Timespec {
    if (this.array() !== 2) throw this.corrupt('has a time that is not a pair')
    const sec = this.int()
    const nsec = this.uint(NANOSECONDS - 1)
    this.leave()
    return { sec, nsec }
  }

  /** Number of items of the array that begins here; call `leave` after reading them. */
  array(max: number = Number.MAX_SAFE_INTEGER): number {
    const count = this.#head(MAJOR_ARRAY)
    this.#enter(count, count, max)
    return count
  }

  /** Number of pairs of the map that begins here; call `leave` after reading them. */
  map(max: number = Number.MAX_SAFE_INTEGER): number {
    const count = this.#head(MAJOR_MAP)
    this.#enter(count, count * 2, max)
    return count
  }

  leave(): void {
    assert(this.#depth > 0, 'an array or map is open')
    this.#depth--
  }

  /** The next key of a map, above `previous` (-1 for the first). */
  key(previous: number): number {
    const key = this.uint()
    if (key <= previous) throw this.corrupt(`has the map key ${key} after ${previous},`)
    return key
  }

  /**
   * Reads a whole map: `read` reads the value of a key it knows and returns true, or returns false having read nothing.
   * Gives the fields that were not known, undefined if there were none.
   */
  fields(read: (key: number) => boolean): RawField[] | undefined {
    let unknown: RawField[] | undefined
    const count = this.map()
    for (let i = 0, key = -1; i < count; i++) {
      key = this.key(key)
      if (read(key)) continue
      unknown ??= []
      unknown.push({ key, value: this.item() })
    }
    this.leave()
    return unknown
  }

  /** The last `count` pairs of a map, none of them known, after the key `previous`; undefined if there are none. */
  remainingFields(count: number, previous: number): RawField[] | undefined {
    if (count === 0) return undefined
    const unknown: RawField[] = []
    for (let i = 0, key = previous; i < count; i++) {
      key = this.key(key)
      unknown.push({ key, value: this.item() })
    }
    return unknown
  }

  /** One whole item of any kind, checked, as a view of the input. */
  item(): Uint8Array {
    const start = this.#at
    this.#skip()
    return this.#bytes.subarray(start, this.#at)
  }

  /** Goes past `length` bytes that begin an item and are those of a whole one, which was read before. */
  pass(length: number): void {
    assert(length <= this.#end - this.#at, 'what is passed lies in the bytes')
    this.#at += length
  }

  /** The input must end here. */
  end(): void {
    assert(this.#depth === 0, 'every array and map was left')
    if (this.#at !== this.#end) throw this.corrupt(`has ${this.#end - this.#at} bytes too many`)
  }

  /** An error for the value just read or about to be read. */
  corrupt(what: string): BackupError {
    return new BackupError('corrupt', `encoding ${what} at byte ${this.#at}`, this.#subject)
  }

  #enter(count: number, items: number, max: number): void {
    // Every item has at least one byte, so a count that lies is refused before anything is sized by it.
    if (items > this.#end - this.#at)
      throw this.corrupt(`announces ${count} items with ${this.#end - this.#at} bytes left`)
    if (count > max) throw this.corrupt(`has ${count} items where at most ${max} are allowed,`)
    if (++this.#depth > CBOR_DEPTH_MAX) throw this.corrupt(`nests deeper than ${CBOR_DEPTH_MAX}`)
  }

  #length(major: number, max: number): number {
    const length = this.#head(major)
    const left = this.#end - this.#at
    if (length > left) throw this.corrupt(`announces ${length} bytes with ${left} left`)
    if (length > max) throw this.corrupt(`has ${length} bytes where at most ${max} are allowed,`)
    return length
  }

  /** Reads the head of an item of `major` and gives its argument. */
  #head(major: number): number {
    const bytes = this.#bytes
    const at = this.#at
    const first = bytes[at]
    if (first === undefined || first >> 5 !== major) throw this.#expected(MAJOR_NAMES[major]!)
    const info = first & 31
    if (info < 24) {
      this.#at = at + 1
      return info
    }
    if (info > 27) throw this.corrupt(info === 31 ? 'has an indefinite length' : 'has a reserved length code')
    const size = 1 << (info - 24)
    if (this.#end - at - 1 < size) throw this.corrupt('ends early')
    let value: number
    let least: number
    if (size === 1) {
      value = bytes[at + 1]!
      least = 24
    } else if (size === 2) {
      value = (bytes[at + 1]! << 8) | bytes[at + 2]!
      least = 0x100
    } else if (size === 4) {
      value = this.#u32(at + 1)
      least = 0x10000
    } else {
      value = this.#u32(at + 1) * 0x100000000 + this.#u32(at + 5)
      least = 0x100000000
    }
    if (value < least) throw this.corrupt('has an integer that is longer than needed')
    if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt('has an integer above 2^53-1')
    this.#at = at + 1 + size
    return value
  }

  #u32(at: number): number {
    const bytes = this.#bytes
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  #skip(): void {
    const major = this.major()
    if (major === MAJOR_UINT) this.bigUint()
    else if (major === MAJOR_NEGATIVE) this.int()
    else if (major === MAJOR_BYTES) this.bytes()
    else if (major === MAJOR_TEXT) this.text()
    else if (major === MAJOR_ARRAY) {
      for (let left = this.array(); left > 0; left--) this.#skip()
      this.leave()
    } else if (major === MAJOR_MAP) {
      for (let left = this.map(), key = -1; left > 0; left--) {
        key = this.key(key)
        this.#skip()
      }
      this.leave()
    } else this.bool()
  }

  #shortText(start: number, length: number): string {
    const bytes = this.#bytes
    const slot = (length * 31 + (bytes[start] ?? 0) * 7 + (bytes[start + length - 1] ?? 0)) % TEXT_SLOTS
    const known = this.#textBytes[slot]
    if (known !== undefined && known.length === length) {
      let i = 0
      while (i < length && known[i] === bytes[start + i]) i++
      if (i === length) return this.#texts[slot]!
    }
    const text = this.#decodeText(start, length)
    this.#textBytes[slot] = bytes.subarray(start, start + length)
    this.#texts[slot] = text
    return text
  }

  #decodeText(start: number, length: number): string {
    try {
      return utf8Decoder.decode(this.#bytes.subarray(start, start + length))
    } catch {
      throw this.corrupt('has text that is not UTF-8')
    }
  }

  #expected(what: string): BackupError {
    const first = this.#bytes[this.#at]
    if (first === undefined) return this.corrupt('ends early')
    return this.corrupt(`has ${MAJOR_NAMES[first >> 5]} where ${what} belongs,`)
  }
}
