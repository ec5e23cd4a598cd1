// A systematic Reed-Solomon code over each stripe of an object: parity cell j of a stripe is the sum of
// `coefficient(j, i) * cell i`. The coefficients are a Cauchy matrix with each column divided by its first element, so that
// any cells that are lost can be computed from as many cells of parity (Blömer et al., ICSI TR-95-048, 1995).
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { divide, invert } from './field.ts'
import { createParityKernel } from './kernel.ts'
import type { ParityKernel } from './kernel.ts'
import { cellCount, parityCells } from './shape.ts'
import type { Shape } from './shape.ts'

/** Of parity cell `row` and data cell `place` of a stripe: the first row is a plain sum. */
export function coefficient(row: number, place: number): number {
  return divide(255 ^ place, (255 - row) ^ place)
}

export interface Parity {
  /** CRC-32 of each cell of the object; the last one as if zeros followed. */
  readonly sums: Uint32Array
  /** Row by row: cell `row * stripes + stripe`. */
  readonly cells: Uint8Array
}

/** Bytes taken at once. */
const BATCH_CELLS = 64

/** Takes an object piece by piece, however it is cut. */
export class ParityEncoder {
  readonly #shape: Shape
  readonly #kernel: ParityKernel
  readonly #sums: Uint32Array
  /** Where cells are put together, behind the parity. */
  readonly #batch: number
  #filled = 0
  #cells = 0
  #length = 0

  constructor(shape: Shape) {
    this.#shape = shape
    this.#batch = parityCells(shape) * shape.cellSize
    this.#kernel = createParityKernel(this.#batch + BATCH_CELLS * shape.cellSize)
    this.#sums = new Uint32Array(cellCount(shape))
  }

  add(bytes: Uint8Array): void {
    const room = BATCH_CELLS * this.#shape.cellSize
    this.#length += bytes.length
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + room - this.#filled)
      this.#kernel.memory.set(part, this.#batch + this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === room) this.#flush()
    }
  }

  /** All bytes must have come. */
  finish(): Parity {
    assert(this.#length === this.#shape.length, 'an object has as many bytes as its parity was made for')
    const { cellSize } = this.#shape
    const end = Math.ceil(this.#filled / cellSize) * cellSize
    this.#kernel.memory.fill(0, this.#batch + this.#filled, this.#batch + end)
    this.#filled = end
    this.#flush()
    return { sums: this.#sums, cells: this.#kernel.memory.slice(0, this.#batch) }
  }

  #flush(): void {
    const { cellSize, stripes, rows } = this.#shape
    for (let at = this.#batch; at < this.#batch + this.#filled; at += cellSize) {
      const number = this.#cells++
      this.#sums[number] = crc32(this.#kernel.memory.subarray(at, at + cellSize))
      const stripe = number % stripes
      const place = (number - stripe) / stripes
      for (let row = 0; row < rows; row++) {
        this.#kernel.addProduct((row * stripes + stripe) * cellSize, at, cellSize, coefficient(row, place))
      }
    }
    this.#filled = 0
  }
}

/** Computes cells that are lost from those that are not. `lost` and `lostParity` are the numbers of what may not be used. */
export function rebuildCells(
  shape: Shape,
  bytes: Uint8Array,
  parity: Uint8Array,
  lost: ReadonlySet<number>,
  lostParity: ReadonlySet<number>,
): { readonly left: number } {
  const byStripe = Map.groupBy(lost, (number) => number % shape.stripes)
  let left = 0
  for (const [stripe, numbers] of byStripe) {
    const rows: number[] = []
    for (let row = 0; row < shape.rows && rows.length < numbers.length; row++) {
      if (!lostParity.has(row * shape.stripes + stripe)) rows.push(row)
    }
    if (rows.length < numbers.length) left += numbers.length
    else rebuildStripe(shape, bytes, parity, { stripe, numbers, rows })
  }
  return { left }
}

function rebuildStripe(
  { length, cellSize, stripes }: Shape,
  bytes: Uint8Array,
  parity: Uint8Array,
  { stripe, numbers, rows }: { readonly stripe: number; readonly numbers: readonly number[]; readonly rows: number[] },
): void {
  const places = numbers.map((number) => (number - stripe) / stripes)
  const inverse = invert(rows.map((row) => places.map((place) => coefficient(row, place))))
  // Cell 0 is what is read, then what each row of parity says of the lost cells, then those.
  const kernel = createParityKernel((1 + 2 * rows.length) * cellSize)
  const cell = (number: number) => bytes.subarray(number * cellSize, Math.min(length, (number + 1) * cellSize))
  for (const [i, row] of rows.entries()) {
    const from = (row * stripes + stripe) * cellSize
    kernel.memory.set(parity.subarray(from, from + cellSize), (1 + i) * cellSize)
  }
  const lost = new Set(numbers)
  for (let number = stripe; number * cellSize < length; number += stripes) {
    if (lost.has(number)) continue
    const own = cell(number)
    kernel.memory.fill(0, 0, cellSize)
    kernel.memory.set(own, 0)
    const place = (number - stripe) / stripes
    for (const [i, row] of rows.entries()) kernel.addProduct((1 + i) * cellSize, 0, cellSize, coefficient(row, place))
  }
  for (const [i, number] of numbers.entries()) {
    const into = (1 + rows.length + i) * cellSize
    for (let j = 0; j < rows.length; j++) kernel.addProduct(into, (1 + j) * cellSize, cellSize, inverse[i]![j]!)
    const own = cell(number)
    own.set(kernel.memory.subarray(into, into + own.length))
  }
}
