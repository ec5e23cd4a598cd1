// How the parity of an object is laid out (docs/format.md, 4.1). An object is cut into cells, cell i belongs to stripe
// `i mod stripes`, and each stripe has `rows` cells of parity. Neighbours are in different stripes, so a stretch of
// `stripes * rows` cells that a disk has lost can be computed, and as many single ones as fall into different stripes.
import { assert } from '../base/assert.ts'

export interface Shape {
  /** Of the object, in bytes. */
  readonly length: number
  /** Bytes of a cell: of the last one of an object what is beyond its end counts as zeros. */
  readonly cellSize: number
  readonly stripes: number
  /** Cells of parity of each stripe. */
  readonly rows: number
}

/** A sector of a disk, a page of a flash drive's bookkeeping. */
const CELL_SIZE = 4096
const CELL_SIZE_MIN = 512
/** What a reader takes: 64 KiB. */
export const CELL_SIZE_MAX = 65_536
/** Cells of a stripe, those of parity included. */
export const STRIPE_CELLS_MAX = 255
/** Parity of a small object makes good so many cells, however small the share: 32 KiB. */
const LEAST_CELLS = 8
/** More rows make good more single cells in unlucky places, and each costs the time of one more product. */
const ROWS = 2
const ROWS_OF_COPIES = 4

export function cellCount({ length, cellSize }: Shape): number {
  return Math.ceil(length / cellSize)
}

/** Data cells of the first stripes; later ones may have one less. */
export function stripeCells(shape: Shape): number {
  return Math.ceil(cellCount(shape) / shape.stripes)
}

export function parityCells({ stripes, rows }: Shape): number {
  return stripes * rows
}

/** For an object of `length` bytes; with a share of 1 the parity alone makes the whole object. */
export function shapeFor(length: number, share: number): Shape {
  assert(length > 0 && share > 0 && share <= 1, 'parity is a share of something')
  let cellSize = CELL_SIZE_MIN
  while (cellSize < CELL_SIZE && cellSize < length) cellSize *= 2
  const cells = Math.ceil(length / cellSize)
  const wanted = Math.max(Math.ceil(cells * share), Math.min(cells, LEAST_CELLS))
  if (wanted >= cells) {
    const stripes = Math.ceil(cells / ROWS_OF_COPIES)
    return { length, cellSize, stripes, rows: Math.ceil(cells / stripes) }
  }
  const least = Math.ceil(cells / (STRIPE_CELLS_MAX - ROWS))
  return { length, cellSize, stripes: Math.max(least, Math.ceil(wanted / ROWS)), rows: ROWS }
}
