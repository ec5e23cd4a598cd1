import { assert } from './assert.ts'
import { asBuffer } from './bytes.ts'
import { CBOR_DEPTH_MAX } from './cbor-syntax.ts'
import type { RawField } from './cbor-syntax.ts'
import type { Timespec } from './time.ts'

/**
 * Writes one item after another into a growing array. Calls chain. What it is told to write must be right: a wrong count,
 * a key out of order, a negative `uint` are bugs and throw AssertionFailed, so that no wrong bytes leave.
 */
export class CborWriter {
  #bytes: Uint8Array
  #length = 0
  // One element per open map: where its head is, how many keys it has, the last key.
  readonly #heads: number[] = []
  readonly #counts: number[] = []
  readonly #lastKeys: number[] = []

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16))
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** A copy of what was written, in an ArrayBuffer of its own. */
  finish(): Uint8Array {
    assert(this.#heads.length === 0, 'every map is closed before the bytes are taken')
    return this.#bytes.slice(0, this.#length)
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#length = 0
    this.#heads.length = 0
    this.#counts.length = 0
    this.#lastKeys.length = 0
    return this
  }

  /** An integer from 0 to 2^53-1. */
  uint(value: number): this {
    if (value >= 0 && value < 24 && Number.isInteger(value)) {
      if (this.#length === this.#bytes.length) this.#grow(1)
      this.#bytes[this.#length++] = value
    } else {
      this.#head(0x00, value)
    }
    return this
  }

  /** An integer from -(2^53-1) to 2^53-1. */
  int(value: number): this {
    if (value >= 0) this.#head(0x00, value)
    else this.#head(0x20, -1 - value)
    return this
  }

  /** An integer from 0 to 2^64-1. */
  bigUint(value: bigint): this {
    if (value >= 0n && value <= 0x1fffffffffffffn) return this.uint(Number(value))
    assert(value >= 0n && value <= 0xffffffffffffffffn, 'an unsigned integer has at most 64 bits')
    this.#need(9)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = 0x1b
    at = putU32(bytes, at, Number(value >> 32n))
    this.#length = putU32(bytes, at, Number(value & 0xffffffffn))
    return this
  }

  bytes(value: Uint8Array): this {
    const length = value.length
    this.#head(0x40, length)
    this.raw(value)
    return this
  }

  /** Text as UTF-8; a lone surrogate becomes U+FFFD. */
  text(value: string): this {
    const length = value.length
    if (length <= 32) {
      // Short text is nearly always ASCII (user names); skip the encoder.
      this.#head(0x60, length)
      this.#need(length)
      const bytes = this.#bytes
      const start = this.#length
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 127) break
        bytes[start + i] = code
      }
      if (i === length) {
        this.#length = start + length
        return this
      }
      this.#length = start - (length < 24 ? 1 : 2)
    }
    const encoded = new TextEncoder().encode(value)
    this.#head(0x60, encoded.length)
    return this.raw(encoded)
  }

  bool(value: boolean): this {
    return this.#byte(value ? 0xf5 : 0xf4)
  }

  /** Head of an array of `count` items, which the caller writes next. */
  array(count: number): this {
    this.#head(0x80, count)
    return this
  }

  /** `[seconds, nanoseconds]`. */
  timespec(value: Timespec): this {
    assert(value.nsec >= 0 && value.nsec < 1_000_000_000, 'nanoseconds are in [0, 10^9)')
    this.#byte(0x82)
    return this.int(value.sec).uint(value.nsec)
  }

  /** Begins a map; each value is written after its `key`, and `closeMap` ends it. */
  openMap(): this {
    assert(this.#heads.length < CBOR_DEPTH_MAX, `maps nest at most ${CBOR_DEPTH_MAX} deep`)
    this.#heads.push(this.#length)
    this.#counts.push(0)
    this.#lastKeys.push(-1)
    return this.#byte(0xa0)
  }

  /** The next key of the open map; must be above the one before. */
  key(key: number): this {
    const top = this.#heads.length - 1
    assert(top >= 0 && key > this.#lastKeys[top]!, 'map keys are written in ascending order')
    this.#lastKeys[top] = key
    this.#counts[top]!++
    return this.uint(key)
  }

  closeMap(): this {
    const head = this.#heads.pop()
    const count = this.#counts.pop()
    this.#lastKeys.pop()
    assert(head !== undefined && count !== undefined, 'a map is open')
    if (count < 24) {
      this.#bytes[head] = 0xa0 | count
      return this
    }
    // Rare: the head needs more than the byte kept for it.
    const end = this.#length
    const headSize = count < 0x100 ? 2 : count < 0x10000 ? 3 : 5
    this.#need(headSize - 1)
    this.#bytes.copyWithin(head + headSize, head + 1, end)
    this.#length = head
    this.#head(0xa0, count)
    this.#length = end + headSize - 1
    return this
  }

  /** Keys of the open map that an earlier reader did not know. */
  rawFields(fields: readonly RawField[] | undefined): this {
    if (fields !== undefined) for (const field of fields) this.key(field.key).raw(field.value)
    return this
  }

  /** Bytes that are encoded already. */
  raw(value: Uint8Array): this {
    const length = value.length
    this.#need(length)
    const at = this.#length
    if (length <= 16) {
      const bytes = this.#bytes
      for (let i = 0; i < length; i++) bytes[at + i] = value[i]!
    } else {
      this.#bytes.set(value, at)
    }
    this.#length = at + length
    return this
  }

  #byte(value: number): this {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
    return this
  }

  #head(major: number, argument: number): void {
    this.#need(9)
    const bytes = this.#bytes
    let at = this.#length
    if (argument >= 0 && argument < 24 && Number.isInteger(argument)) {
      bytes[at++] = major | argument
    } else {
      assert(Number.isSafeInteger(argument) && argument >= 0, 'a CBOR argument is an integer from 0 to 2^53-1')
      if (argument < 0x100) {
        bytes[at++] = major | 24
        bytes[at++] = argument
      } else if (argument < 0x10000) {
        bytes[at++] = major | 25
        bytes[at++] = argument >>> 8
        bytes[at++] = argument & 0xff
      } else if (argument < 0x100000000) {
        bytes[at++] = major | 26
        at = putU32(bytes, at, argument)
      } else {
        bytes[at++] = major | 27
        at = putU32(bytes, at, Math.floor(argument / 0x100000000))
        at = putU32(bytes, at, argument >>> 0)
      }
    }
    this.#length = at
  }

  #need(extra: number): void {
    if (this.#length + extra > this.#bytes.length) this.#grow(extra)
  }

  #grow(extra: number): void {
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra))
    bigger.set(asBuffer(this.#bytes).subarray(0, this.#length))
    this.#bytes = bigger
  }
}

function putU32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}
