// docs/format.md, 4.1: what makes good a damaged object. It is never trusted: what is computed with it counts when it has the
// hash in here and in the name of the object, or its signature.
//
//   offset  size    field
//   0       8       header
//   8       t       table
//   8 + t   c r s   cells of parity, row by row
//   …       t       the table again
//
//   offset  size    field of the table
//   0       32      H of the object
//   32      4       length of the object
//   36      4       bytes of a cell c
//   40      2       stripes s
//   42      1       rows of parity r
//   43      1       0
//   44      4 n     CRC-32 of each cell of the object
//   44+4n   4 r s   CRC-32 of each cell of parity
//   …       16      H of the table before[0..16)
//   …       4       bytes of the table t
import { crc32 } from 'node:zlib'
import { equalBytes } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash, HASH_SIZE } from '../crypto/hash.ts'
import type { Suite } from '../crypto/seal.ts'
import type { Parity } from '../parity/code.ts'
import { cellCount, CELL_SIZE_MAX, parityCells, STRIPE_CELLS_MAX, stripeCells } from '../parity/shape.ts'
import type { Shape } from '../parity/shape.ts'
import { checkHeader, HEADER_SIZE, joinObject, OBJECT_TYPES } from './object-header.ts'

export interface ParityObject {
  /** H of the object that it is for. */
  readonly hash: Uint8Array
  readonly shape: Shape
  /** CRC-32 of each cell of the object. */
  readonly sums: Uint32Array
  readonly cells: Uint8Array
  /** Numbers of cells of parity that are not what they were. */
  readonly lostCells: ReadonlySet<number>
  /** All of it is as it was written. */
  readonly isWhole: boolean
}

const FIELDS_SIZE = 44
const TABLE_HASH_SIZE = 16
/** The largest object that can be in a store. */
const LENGTH_MAX = 64 * 1024 * 1024
const CELL_STEP = 32

export function encodeParityObject(hashOfObject: Uint8Array, shape: Shape, parity: Parity, suite: Suite): Uint8Array {
  const table = encodeTable(hashOfObject, shape, parity)
  return joinObject(OBJECT_TYPES.parity, suite, table, parity.cells, table)
}

/** Bytes of the object. */
export function parityObjectSize(shape: Shape): number {
  return HEADER_SIZE + 2 * tableSize(shape) + parityCells(shape) * shape.cellSize
}

function encodeTable(hashOfObject: Uint8Array, shape: Shape, { sums, cells }: Parity): Uint8Array {
  const table = new Uint8Array(tableSize(shape))
  const view = new DataView(table.buffer)
  table.set(hashOfObject)
  view.setUint32(32, shape.length, true)
  view.setUint32(36, shape.cellSize, true)
  view.setUint16(40, shape.stripes, true)
  view.setUint8(42, shape.rows)
  let at = FIELDS_SIZE
  for (const sum of sums) view.setUint32((at += 4) - 4, sum, true)
  for (let i = 0; i < parityCells(shape); i++) {
    view.setUint32((at += 4) - 4, crc32(cells.subarray(i * shape.cellSize, (i + 1) * shape.cellSize)), true)
  }
  table.set(hash(table.subarray(0, at)).subarray(0, TABLE_HASH_SIZE), at)
  view.setUint32(at + TABLE_HASH_SIZE, table.length, true)
  return table
}

/** As much as can be had of it: one of the tables is enough. Throws `corrupt` naming `subject` when both are damaged. */
export function decodeParityObject(bytes: Uint8Array, subject: string): ParityObject {
  const first = tableAt(bytes, HEADER_SIZE)
  const last = lastTable(bytes)
  const table = first ?? last
  if (table === undefined) throw new BackupError('corrupt', 'parity has no table that is whole', subject)
  const { shape } = table
  const begin = HEADER_SIZE + tableSize(shape)
  const size = parityCells(shape) * shape.cellSize
  // What is beyond the end of a cut object is as lost as what has other sums.
  const cells = new Uint8Array(size)
  cells.set(bytes.subarray(begin, Math.min(bytes.length, begin + size)))
  const lostCells = new Set<number>()
  for (const [i, sum] of table.paritySums.entries()) {
    if (crc32(cells.subarray(i * shape.cellSize, (i + 1) * shape.cellSize)) !== sum) lostCells.add(i)
  }
  const isWhole =
    first !== undefined &&
    last !== undefined &&
    equalBytes(first.bytes, last.bytes) &&
    lostCells.size === 0 &&
    bytes.length === begin + size + table.bytes.length &&
    hasHeader(bytes, subject)
  return { hash: table.hash, shape, sums: table.sums, cells, lostCells, isWhole }
}

/** Throws `corrupt` unless all of it is as it was written. */
export function checkParityObject(bytes: Uint8Array, subject: string): ParityObject {
  checkHeader(bytes, OBJECT_TYPES.parity, subject)
  const found = decodeParityObject(bytes, subject)
  if (found.isWhole) return found
  throw new BackupError('corrupt', `parity of which a part is damaged`, subject)
}

/** Whether it is of these bytes, whose hash is `own`, as far as they tell: what its own cells come to is not computed. */
export function isParityOf({ hash: of, shape, sums }: ParityObject, own: Uint8Array, bytes: Uint8Array): boolean {
  if (shape.length !== bytes.length || !equalBytes(of, own)) return false
  const last = new Uint8Array(shape.cellSize)
  return sums.every((sum, i) => {
    const cell = bytes.subarray(i * shape.cellSize, (i + 1) * shape.cellSize)
    if (cell.length === shape.cellSize) return crc32(cell) === sum
    last.set(cell)
    return crc32(last) === sum
  })
}

interface Table {
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly shape: Shape
  readonly sums: Uint32Array
  readonly paritySums: Uint32Array
}

function lastTable(bytes: Uint8Array): Table | undefined {
  if (bytes.length < 4) return undefined
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4, true)
  return size > bytes.length - HEADER_SIZE ? undefined : tableAt(bytes, bytes.length - size)
}

function tableAt(bytes: Uint8Array, offset: number): Table | undefined {
  if (offset < HEADER_SIZE || bytes.length < offset + FIELDS_SIZE) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset)
  const shape = {
    length: view.getUint32(32, true),
    cellSize: view.getUint32(36, true),
    stripes: view.getUint16(40, true),
    rows: view.getUint8(42),
  }
  if (!isShape(shape) || view.getUint8(43) !== 0 || tableSize(shape) > view.byteLength) return undefined
  const size = tableSize(shape)
  const table = bytes.subarray(offset, offset + size)
  const end = size - TABLE_HASH_SIZE - 4
  const own = hash(table.subarray(0, end)).subarray(0, TABLE_HASH_SIZE)
  if (!equalBytes(own, table.subarray(end, end + TABLE_HASH_SIZE)) || view.getUint32(size - 4, true) !== size) {
    return undefined
  }
  const sums = Uint32Array.from({ length: cellCount(shape) }, (_, i) => view.getUint32(FIELDS_SIZE + 4 * i, true))
  const after = FIELDS_SIZE + 4 * sums.length
  const paritySums = Uint32Array.from({ length: parityCells(shape) }, (_, i) => view.getUint32(after + 4 * i, true))
  return { bytes: table, hash: table.slice(0, HASH_SIZE), shape, sums, paritySums }
}

function isShape(shape: Shape): boolean {
  const { length, cellSize, stripes, rows } = shape
  if (length < 1 || length > LENGTH_MAX || cellSize < CELL_STEP || cellSize > CELL_SIZE_MAX) return false
  if (cellSize % CELL_STEP !== 0 || stripes < 1 || stripes > cellCount(shape) || rows < 1) return false
  return stripeCells(shape) + rows <= STRIPE_CELLS_MAX && parityCells(shape) * cellSize <= 2 * LENGTH_MAX
}

function tableSize(shape: Shape): number {
  return FIELDS_SIZE + 4 * (cellCount(shape) + parityCells(shape)) + TABLE_HASH_SIZE + 4
}

function hasHeader(bytes: Uint8Array, subject: string): boolean {
  try {
    checkHeader(bytes, OBJECT_TYPES.parity, subject)
    return true
  } catch {
    return false
  }
}
