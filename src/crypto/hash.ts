// BLAKE3 (docs/format.md, 1): `hash` is H, `keyedHash` is KH, `deriveKey` is DK.
//
// Two implementations give the same bytes: the native one of @napi-rs/blake-hash, fast on large inputs, and hash-wasm,
// fast on small ones and the only one where the native module does not load. Measured on one thread of a 2-core x86-64
// machine under Node 24, keyed, with hasher objects reused, in microseconds:
//
//   bytes             32   256  1,024  2,048  4,096  65,536  1 MiB
//   WASM            0.23  0.44    1.3    2.4    4.7      76   1,220
//   native, reused  0.50  0.80    1.9    2.0    2.0     7.5     115
//   native, new       11    11     12     12     12      11     117
//
// So a native hasher is made once for each key and then reset, and its digest is taken as hex: `digestBuffer` costs 1.8
// microseconds more, because it makes an external buffer.
import { createRequire } from 'node:module'
import { assert } from '../base/assert.ts'
import { asBuffer, equalBytes, toHex, utf8 } from '../base/bytes.ts'
import type { Blake3Hasher } from '@napi-rs/blake-hash'
import type * as HashWasm from 'hash-wasm'
import type { IHasher } from 'hash-wasm'

export const HASH_SIZE = 32
export const KEY_SIZE = 32
/** Inputs of at least this many bytes go to the native module; see the table above. */
export const NATIVE_FROM = 1_536
/** The same where a native hasher would have to be made for this one input. */
export const NATIVE_ONCE_FROM = 10_240

/** H: BLAKE3 of `x`, 32 bytes in an array of their own. */
export function hash(x: Uint8Array): Uint8Array {
  if (plainNative !== null && x.length >= NATIVE_FROM) {
    plainNative.reset()
    return takeNative(plainNative.update(asBuffer(x)))
  }
  return loaded().plain.init().update(x).digest('binary')
}

/**
 * KH: BLAKE3 keyed hash, 32 bytes in an array of their own. The key is 32 bytes. The native hasher of a key is kept as
 * long as the array that holds the key, so pass the same array again rather than a copy of it.
 */
export function keyedHash(key: Uint8Array, x: Uint8Array): Uint8Array {
  if (native !== null && x.length >= NATIVE_FROM) return takeNative(nativeFor(key).update(asBuffer(x)))
  return wasmKeyed(key).update(x).digest('binary')
}

/** `keyedHash` under a key that is used for this input only: makes no lasting hasher. */
export function keyedHashOnce(key: Uint8Array, x: Uint8Array): Uint8Array {
  if (native !== null && x.length >= NATIVE_ONCE_FROM) {
    assert(key.length === KEY_SIZE, 'a hash key has 32 bytes')
    return takeNative(native.newKeyed(asBuffer(key)).update(asBuffer(x)))
  }
  return wasmKeyed(key).update(x).digest('binary')
}

/** `keyedHash` for many small inputs: puts the 32 bytes into `out` at `outOffset`. */
export function keyedHashInto(key: Uint8Array, x: Uint8Array, out: Uint8Array, outOffset: number): void {
  out.set(keyedHash(key, x), outOffset)
}

/** `keyedHash` of the concatenation of `parts`. */
export function keyedHashOfParts(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  if (native !== null && length >= NATIVE_FROM) {
    const hasher = nativeFor(key)
    for (const part of parts) hasher.update(asBuffer(part))
    return takeNative(hasher)
  }
  const hasher = wasmKeyed(key)
  for (const part of parts) hasher.update(part)
  return hasher.digest('binary')
}

/** DK: BLAKE3 in derive-key mode. `context` is a constant ASCII text of Holdfast, never input. */
export function deriveKey(context: string, key: Uint8Array): Uint8Array {
  if (native !== null) return new Uint8Array(native.deriveKey(context, asBuffer(key)))
  const contextKey = wasmWithFlags(IV, FLAG_DERIVE_KEY_CONTEXT).update(utf8(context)).digest('binary')
  return wasmWithFlags(contextKey, FLAG_DERIVE_KEY_MATERIAL).update(key).digest('binary')
}

/** H over parts that come one after another. `digest` ends it. */
export class IncrementalHash {
  readonly #native: Blake3Hasher | null
  #state: Uint8Array | null = null

  constructor() {
    this.#native = native === null ? null : new native()
    if (this.#native === null) this.#state = loaded().plain.init().save()
  }

  update(x: Uint8Array): this {
    if (this.#native !== null) this.#native.update(asBuffer(x))
    // One WASM instance serves every incremental hash of the thread, so each keeps its state (1.9 KiB) outside.
    else this.#state = this.#resume().update(x).save()
    return this
  }

  digest(): Uint8Array {
    if (this.#native !== null) return takeNative(this.#native)
    const digest = this.#resume().digest('binary')
    this.#state = null
    return digest
  }

  #resume(): IHasher {
    assert(this.#state !== null, 'an incremental hash is used after its digest')
    return loaded().plain.load(this.#state)
  }
}

/**
 * Loads both implementations; await it once in each thread before the functions above. Without the native module (an
 * unsupported platform, an install without optional packages) everything works at about a tenth of the speed.
 */
export function initHashing(): Promise<void> {
  initialised ??= load()
  return initialised
}

/** Whether the native module was loaded: the operator is told when it was not. */
export function hashingIsNative(): boolean {
  return native !== null
}

interface Wasm {
  readonly plain: IHasher
  readonly keyed: IHasher
}

let initialised: Promise<void> | undefined
let native: typeof Blake3Hasher | null = null
let plainNative: Blake3Hasher | null = null
let wasm: Wasm | undefined

async function load(): Promise<void> {
  // The whole package is thirteen times as large, and each thread would parse and keep it.
  const blake3 = createRequire(import.meta.url)('hash-wasm/dist/blake3.umd.min.js') as typeof HashWasm
  const { createBLAKE3 } = blake3
  wasm = { plain: await createBLAKE3(256), keyed: await createBLAKE3(256, wasmKey) }
  try {
    native = (await import('@napi-rs/blake-hash')).Blake3Hasher
    plainNative = new native()
  } catch {
    native = null // hashingIsNative() tells; nothing is lost but speed
  }
  selfTest()
}

function loaded(): Wasm {
  assert(wasm !== undefined, 'initHashing() was not awaited in this thread')
  return wasm
}

// hash-wasm takes the key when an instance is made, which is asynchronous, but reads it from the caller's array at each
// init(). So one instance over this array serves every key. selfTest() checks that it is still so.
const wasmKey = new Uint8Array(KEY_SIZE)

function wasmKeyed(key: Uint8Array): IHasher {
  assert(key.length === KEY_SIZE, 'a hash key has 32 bytes')
  wasmKey.set(key)
  return loaded().keyed.init()
}

// hash-wasm has no derive-key mode. It differs from keyed hashing by the flags in the state alone (BLAKE3 paper, 2.3),
// and the state can be saved, changed and loaded.
const IV = new Uint8Array(
  Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19).buffer,
)
const FLAG_DERIVE_KEY_CONTEXT = 32
const FLAG_DERIVE_KEY_MATERIAL = 64
/** In a saved state: 4 bytes of its version, key 32, chaining value 32, counter 8, buffer 64, two lengths, then flags. */
const STATE_FLAGS_OFFSET = 142

function wasmWithFlags(key: Uint8Array, flags: number): IHasher {
  const hasher = wasmKeyed(key)
  const state = hasher.save()
  state[STATE_FLAGS_OFFSET] = flags
  return hasher.load(state)
}

interface CachedHasher {
  readonly key: Uint8Array
  readonly hasher: Blake3Hasher
}

const nativeByKey = new WeakMap<Uint8Array, CachedHasher>()

/** The native hasher of a key, ready for input. The bytes are compared too: an array may be wiped or filled anew. */
function nativeFor(key: Uint8Array): Blake3Hasher {
  const cached = nativeByKey.get(key)
  if (cached !== undefined && equalBytes(cached.key, key)) {
    cached.hasher.reset()
    return cached.hasher
  }
  assert(native !== null && key.length === KEY_SIZE, 'a hash key has 32 bytes')
  const hasher = native.newKeyed(asBuffer(key))
  nativeByKey.set(key, { key: new Uint8Array(key), hasher }) // not slice(): of a Buffer that is a view
  return hasher
}

const hexScratch = Buffer.alloc(HASH_SIZE)

function takeNative(hasher: Blake3Hasher): Uint8Array {
  hexScratch.write(hasher.digest('hex'), 'hex')
  return new Uint8Array(hexScratch)
}

/** What must hold of both libraries, the uses that lean on the inside of hash-wasm above all; 0.1 ms. */
function selfTest(): void {
  const key = Uint8Array.from({ length: KEY_SIZE }, (_, at) => at)
  const input = Uint8Array.from({ length: 64 }, (_, at) => at + 1)
  const wasmContext = wasmWithFlags(IV, FLAG_DERIVE_KEY_CONTEXT).update(utf8('holdfast 1 self test')).digest('binary')
  const wasmDerived = wasmWithFlags(wasmContext, FLAG_DERIVE_KEY_MATERIAL).update(key).digest('binary')
  const expect = (what: string, got: Uint8Array, want: string) =>
    assert(toHex(got).startsWith(want), `BLAKE3 (${what}) gives a wrong answer on this machine`)
  expect('WASM, plain', hash(input), 'dfea3ddc725b9faf208d92c178a6d17a')
  expect('WASM, keyed', keyedHash(key, input), '8f7ded5d826dee95e35c784ca9439c60')
  expect('WASM, derived', wasmDerived, '90061188dfb90e5f7544edcf2458d683')
  if (native === null || plainNative === null) return
  expect('native, plain', takeNative(plainNative.update(asBuffer(input))), 'dfea3ddc725b9faf208d92c178a6d17a')
  expect('native, keyed', takeNative(nativeFor(key).update(asBuffer(input))), '8f7ded5d826dee95e35c784ca9439c60')
  expect('native, derived', deriveKey('holdfast 1 self test', key), '90061188dfb90e5f7544edcf2458d683')
}
