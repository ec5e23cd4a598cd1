// bcrypt_pbkdf of OpenBSD, with which OpenSSH encrypts private keys: bcrypt (Provos and Mazières, 1999) over SHA-512
// hashes of passphrase and salt, output strided over its blocks. Node and OpenSSL do not have it.
import { createHash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { wipe } from '../crypto/wipe.ts'

const BLOCK_SIZE = 32
/** 2^6 rounds of key schedule, fixed; `rounds` is how often all of it is done. */
const EXPANSIONS = 64
const ENCIPHERINGS = 64
const MAGIC = 'OxychromaticBlowfishSwatDynamite'

export function bcryptPbkdf(passphrase: Uint8Array, salt: Uint8Array, length: number, rounds: number): Uint8Array {
  assert(length > 0 && length <= 1024 && rounds > 0, 'length and rounds are positive, the length is small')
  const blocks = Math.ceil(length / BLOCK_SIZE)
  const key = new Uint8Array(length)
  const hashedPassphrase = sha512(passphrase)
  for (let block = 0; block < blocks; block++) {
    const number = new Uint8Array(4)
    new DataView(number.buffer).setUint32(0, block + 1)
    let step = bcryptHash(hashedPassphrase, sha512(salt, number))
    const sum = Uint8Array.from(step)
    for (let round = 1; round < rounds; round++) {
      step = bcryptHash(hashedPassphrase, sha512(step))
      for (let i = 0; i < BLOCK_SIZE; i++) sum[i]! ^= step[i]!
    }
    for (let i = 0, to = block; i < BLOCK_SIZE && to < length; i++, to += blocks) key[to] = sum[i]!
    wipe(step, sum)
  }
  wipe(hashedPassphrase)
  return key
}

function bcryptHash(passphrase: Uint8Array, salt: Uint8Array): Uint8Array {
  const state = new Blowfish()
  const [passphraseWords, saltWords] = [words(passphrase), words(salt)]
  state.expand(passphraseWords, saltWords)
  for (let i = 0; i < EXPANSIONS; i++) {
    state.expand(saltWords)
    state.expand(passphraseWords)
  }
  const text = words(Buffer.from(MAGIC))
  for (let i = 0; i < ENCIPHERINGS; i++) {
    for (let at = 0; at < text.length; at += 2) {
      state.encipher(text[at]!, text[at + 1]!)
      text[at] = state.left
      text[at + 1] = state.right
    }
  }
  const out = new Uint8Array(BLOCK_SIZE)
  const view = new DataView(out.buffer)
  text.forEach((word, i) => view.setUint32(4 * i, word, true))
  return out
}

const SUBKEYS = 18
const BOX = 256

class Blowfish {
  left = 0
  right = 0
  /** 18 subkeys, then four boxes of 256. */
  readonly #table: Uint32Array

  constructor() {
    this.#table = initialTable().slice()
  }

  /** The key schedule with a key of 16 words, and with a salt of as many where there is one. */
  expand(key: Uint32Array, salt?: Uint32Array): void {
    const table = this.#table
    for (let i = 0; i < SUBKEYS; i++) table[i]! ^= key[i % key.length]!
    this.left = this.right = 0
    for (let i = 0; i < table.length; i += 2) {
      const [saltLeft, saltRight] = salt === undefined ? [0, 0] : [salt[i % salt.length]!, salt[(i + 1) % salt.length]!]
      this.encipher(this.left ^ saltLeft, this.right ^ saltRight)
      table[i] = this.left
      table[i + 1] = this.right
    }
  }

  encipher(left: number, right: number): void {
    const t = this.#table
    let l = left ^ t[0]!
    let r = right
    for (let i = 1; i <= 16; i += 2) {
      r ^= mix(t, l) ^ t[i]!
      l ^= mix(t, r) ^ t[i + 1]!
    }
    this.left = (r ^ t[17]!) >>> 0
    this.right = l >>> 0
  }
}

function mix(t: Uint32Array, x: number): number {
  const a = t[SUBKEYS + (x >>> 24)]!
  const b = t[SUBKEYS + BOX + ((x >>> 16) & 0xff)]!
  const c = t[SUBKEYS + 2 * BOX + ((x >>> 8) & 0xff)]!
  const d = t[SUBKEYS + 3 * BOX + (x & 0xff)]!
  return (((a + b) ^ c) + d) | 0
}

let pi: Uint32Array | undefined

/** Blowfish begins with the bits of pi after the point, 1,042 words of them. Computed: a table could have an error in it. */
function initialTable(): Uint32Array {
  if (pi !== undefined) return pi
  const count = SUBKEYS + 4 * BOX
  const guard = 64n
  const one = 1n << (BigInt(32 * count) + guard)
  // Machin: pi = 16 arctan(1/5) - 4 arctan(1/239)
  const fraction = ((16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) % one) >> guard
  const bytes = Buffer.from(fraction.toString(16).padStart(8 * count, '0'), 'hex')
  pi = words(bytes)
  return pi
}

/** arctan(1/x) in units of 1/one. */
function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x
  let sum = 0n
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += n % 4n === 1n ? power / n : -(power / n)
    power /= x * x
  }
  return sum
}

function words(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i))
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = createHash('sha512')
  for (const part of parts) digest.update(part)
  return new Uint8Array(digest.digest())
}
