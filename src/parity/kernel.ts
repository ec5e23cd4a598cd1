// The hot loop of parity over one linear memory: products of cells, added to others. About as fast as memory allows for the
// first row of each stripe, which is a plain sum, and a few gigabytes a second for the others.
import { readFileSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { multiply } from './field.ts'

interface Exports {
  products(): number
  arenaBase(): number
  addProduct(into: number, from: number, length: number, factor: number): void
}

export interface ParityKernel {
  /** All zeros at first. */
  readonly memory: Uint8Array
  /** Adds `factor` times the bytes at `from` to those at `into`; places and length are multiples of 32. */
  addProduct(into: number, from: number, length: number, factor: number): void
}

const PAGE = 65_536
/** Cells are multiples of it. */
export const STEP = 32

export function createParityKernel(size: number): ParityKernel {
  const bytes = Math.ceil(size / STEP) * STEP
  const linear = new WebAssembly.Memory({ initial: Math.ceil((STATIC_SIZE + bytes) / PAGE) })
  const wasm = new WebAssembly.Instance(kernelModule(), { env: { memory: linear } }).exports as unknown as Exports
  assert(wasm.arenaBase() <= STATIC_SIZE, 'the data of the module ends before the arena')
  new Uint8Array(linear.buffer, wasm.products(), PRODUCTS_SIZE).set(productTables())
  const memory = new Uint8Array(linear.buffer, STATIC_SIZE, bytes)
  return {
    memory,
    addProduct: (into, from, length, factor) => {
      const fits = (at: number) => at >= 0 && at % STEP === 0 && at + length <= bytes
      assert(length % STEP === 0 && fits(into) && fits(from), 'cells lie in the arena')
      if (factor !== 0) wasm.addProduct(STATIC_SIZE + into, STATIC_SIZE + from, length, factor)
    },
  }
}

const PRODUCTS_SIZE = 256 * 32
const STATIC_SIZE = 16 * 1024

let tables: Uint8Array | undefined
let compiled: WebAssembly.Module | undefined

/** Of each factor its products with 0 to 15, then with 0, 16 … 240. */
function productTables(): Uint8Array {
  if (tables !== undefined) return tables
  tables = new Uint8Array(PRODUCTS_SIZE)
  for (let factor = 0; factor < 256; factor++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      tables[factor * 32 + nibble] = multiply(factor, nibble)
      tables[factor * 32 + 16 + nibble] = multiply(factor, nibble << 4)
    }
  }
  return tables
}

/** Compiled once per thread. */
function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('kernel.wasm', import.meta.url)))
  return compiled
}
