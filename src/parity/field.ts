// GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, the field of docs/format.md 3.6 and 4.1: sums are xor, 3 generates all but 0.
import { assert } from '../base/assert.ts'

const EXP = new Uint8Array(510)
const LOG = new Uint8Array(256)
for (let power = 0, x = 1; power < 255; power++) {
  EXP[power] = EXP[power + 255] = x
  LOG[x] = power
  // times 3: times 2, and once more
  x ^= (x << 1) ^ (x & 0x80 ? 0x11b : 0)
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!
}

export function divide(a: number, b: number): number {
  assert(b !== 0, 'nothing is divided by 0')
  return a === 0 ? 0 : EXP[LOG[a]! + 255 - LOG[b]!]!
}

/** The inverse of a square matrix that has one. */
export function invert(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: size }, (_, j) => (i === j ? 1 : 0))])
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, i) => i >= column && row[column] !== 0)
    assert(pivot >= 0, 'the matrix has an inverse')
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const own = rows[column]!
    const by = own[column]!
    for (let j = 0; j < own.length; j++) own[j] = divide(own[j]!, by)
    for (const [i, row] of rows.entries()) {
      const times = row[column]!
      if (i === column || times === 0) continue
      for (let j = 0; j < row.length; j++) row[j]! ^= multiply(times, own[j]!)
    }
  }
  return rows.map((row) => row.slice(size))
}
