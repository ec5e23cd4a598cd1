// The hot loops of a backup, over one linear memory: files are read straight into the arena, cut, hashed and tested for
// zeros there, and nothing is copied in between. One kernel per thread.
//
// Linear memory:
//   0                static data of the module
//   arena            arenaSize bytes, aligned to 64 KiB
//   slots            KEY_SLOTS_MAX keys of 32 bytes
//   result           32 bytes
//   staging          STAGING_SIZE bytes, for input from outside
//   chaining values  32 bytes per KiB of the largest input, and one more that the fourth lane may write
import { readFileSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { checkParams, type ChunkerParams } from './params.ts'

/** A key that was set up with `addKey`; belongs to one kernel. */
export type KeySlot = number & { readonly keySlot: unique symbol }

export interface Kernel {
  /** The arena: a view over linear memory, which never grows, so the view stays valid. */
  readonly memory: Uint8Array
  readonly params: ChunkerParams

  /**
   * Length of the chunk that begins at `offset` of the arena, where `length` bytes of content are present; `final` if the
   * content ends with them. 0 means that more bytes are needed: only when not `final` and `length` is below the maximum.
   */
  cut(offset: number, length: number, final: boolean): number

  /** Keeps a 32-byte key for `hash` and `hashInto`. At most KEY_SLOTS_MAX - 1 a kernel. */
  addKey(key: Uint8Array): KeySlot
  /** BLAKE3 keyed hash of arena bytes; a new array of 32 bytes. */
  hash(key: KeySlot, offset: number, length: number): Uint8Array
  /** `hash` that allocates nothing: writes 32 bytes to `out` at `outOffset`. */
  hashInto(key: KeySlot, offset: number, length: number, out: Uint8Array, outOffset: number): void
  /** `hash` of bytes outside of the arena, at most HASH_INPUT_MAX; they are copied in, so best kept small. */
  hashOf(key: KeySlot, bytes: Uint8Array): Uint8Array

  /** `hash` with a key that is not kept. */
  keyedHash(key: Uint8Array, offset: number, length: number): Uint8Array
  /** `hashOf` with a key that is not kept. */
  keyedHashOf(key: Uint8Array, bytes: Uint8Array): Uint8Array

  isZero(offset: number, length: number): boolean
  /** How many bytes at `offset` are zero, up to `length`. */
  zeroPrefix(offset: number, length: number): number
}

export interface KernelOptions {
  /** Bytes of content the arena holds. */
  readonly arenaSize: number
  /** K_cdc, 32 bytes. */
  readonly cdcKey: Uint8Array
  readonly params: ChunkerParams
}

export const KEY_SLOTS_MAX = 64 // a handful per domain of a repository; 2 KiB in all
export const ARENA_MAX = 1024 * 1024 * 1024 // linear memory ends at 4 GiB; no caller has a use for more than this
/** Longest input of `hashOf`: a block's plaintext (docs/format.md, 4). */
export const HASH_INPUT_MAX = 16 * 1024 * 1024

const HASH_LENGTH = 32
const PAGE = 65_536
const STAGING_SIZE = 64 * 1024 // stays in the second-level cache between copy and hash
const HASH_CHUNK = 1024 // BLAKE3's leaf

interface Exports {
  setCutParameters(min: number, average: number, max: number): void
  cut(start: number, length: number, final: number): number
  blake3(key: number, input: number, length: number, cvs: number, out: number): void
  blake3Chunks(key: number, input: number, length: number, counter: number, out: number): number
  blake3Root(key: number, cvs: number, count: number, out: number): void
  zeroPrefix(start: number, length: number): number
  gearTable(): number
}

/** Synchronous. Throws `limit` for chunker sizes that checkParams refuses. */
export function createKernel(options: KernelOptions): Kernel {
  const { arenaSize, cdcKey, params } = options
  checkParams(params)
  assert(Number.isSafeInteger(arenaSize) && arenaSize > 0 && arenaSize <= ARENA_MAX, 'arena size out of range')

  const arena = STATIC_SIZE
  const slots = arena + roundUp(arenaSize, PAGE)
  const result = slots + KEY_SLOTS_MAX * HASH_LENGTH
  const staging = result + HASH_LENGTH
  const cvs = staging + STAGING_SIZE
  const end = cvs + HASH_LENGTH * (Math.ceil(Math.max(arenaSize, HASH_INPUT_MAX) / HASH_CHUNK) + 1)

  const pages = Math.ceil(end / PAGE)
  const linear = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const wasm = new WebAssembly.Instance(kernelModule(), { env: { memory: linear } }).exports as unknown as Exports
  const bytes = new Uint8Array(linear.buffer)
  const resultView = bytes.subarray(result, result + HASH_LENGTH)
  const memory = bytes.subarray(arena, arena + arenaSize)

  // Slot 0 is for keys that are not kept.
  let slotsUsed = 1
  const slotAddress = (slot: number) => slots + slot * HASH_LENGTH
  const setSlot = (slot: number, key: Uint8Array) => {
    assert(key.length === HASH_LENGTH, 'a hash key has 32 bytes')
    bytes.set(key, slotAddress(slot))
    return slot as KeySlot
  }
  const inArena = (offset: number, length: number) => {
    assert(offset >= 0 && length >= 0 && offset + length <= arenaSize, 'range outside of the arena')
  }

  const run = (slot: KeySlot, offset: number, length: number) => {
    inArena(offset, length)
    assert(slot < slotsUsed, 'unknown key slot')
    wasm.blake3(slotAddress(slot), arena + offset, length, cvs, result)
  }
  const hash = (slot: KeySlot, offset: number, length: number) => {
    run(slot, offset, length)
    return resultView.slice()
  }
  const hashOf = (slot: KeySlot, input: Uint8Array) => {
    assert(input.length <= HASH_INPUT_MAX, 'input of hashOf is over HASH_INPUT_MAX')
    assert(slot < slotsUsed, 'unknown key slot')
    const key = slotAddress(slot)
    if (input.length <= STAGING_SIZE) {
      bytes.set(input, staging)
      wasm.blake3(key, staging, input.length, cvs, result)
      return resultView.slice()
    }
    let count = 0
    for (let at = 0; at < input.length; at += STAGING_SIZE) {
      const part = input.subarray(at, at + STAGING_SIZE)
      bytes.set(part, staging)
      count += wasm.blake3Chunks(key, staging, part.length, count, cvs + HASH_LENGTH * count)
    }
    wasm.blake3Root(key, cvs, count, result)
    return resultView.slice()
  }

  const kernel: Kernel = {
    memory,
    params,
    cut(offset, length, final) {
      inArena(offset, length)
      return wasm.cut(arena + offset, length, final ? 1 : 0)
    },
    addKey(key) {
      assert(slotsUsed < KEY_SLOTS_MAX, 'no free key slot')
      return setSlot(slotsUsed++, key)
    },
    hash,
    hashInto(slot, offset, length, out, outOffset) {
      run(slot, offset, length)
      out.set(resultView, outOffset)
    },
    hashOf,
    keyedHash: (key, offset, length) => hash(setSlot(0, key), offset, length),
    keyedHashOf: (key, input) => hashOf(setSlot(0, key), input),
    isZero(offset, length) {
      inArena(offset, length)
      return wasm.zeroPrefix(arena + offset, length) === length
    },
    zeroPrefix(offset, length) {
      inArena(offset, length)
      return wasm.zeroPrefix(arena + offset, length)
    },
  }

  wasm.setCutParameters(params.min, params.average, params.max)
  bytes.set(
    gearTable((i) => kernel.keyedHashOf(cdcKey, Uint8Array.of(i))),
    wasm.gearTable(),
  )
  return kernel
}

/** Entry i: the first 8 bytes of KH(K_cdc, the byte i), little endian. */
export function gearTable(hashOfIndex: (i: number) => Uint8Array): Uint8Array {
  const table = new Uint8Array(256 * 8)
  for (let i = 0; i < 256; i++) table.set(hashOfIndex(i).subarray(0, 8), 8 * i)
  return table
}

const STATIC_SIZE = PAGE // what the module's own data may take; kernel.test.ts compares with its arenaBase()

let compiled: WebAssembly.Module | undefined

/** Compiled once per thread. */
function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('kernel.wasm', import.meta.url)))
  return compiled
}

function roundUp(n: number, multiple: number): number {
  return Math.ceil(n / multiple) * multiple
}
