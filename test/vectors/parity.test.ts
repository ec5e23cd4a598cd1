// The vectors of parity, computed again from the words of docs/format.md 4.1 alone: no code in common with the program.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'

interface ParityValue {
  readonly length: number
  readonly cellSize: number
  readonly stripes: number
  readonly rows: number
  readonly sums: readonly number[]
  readonly cells: string
}

const file = JSON.parse(readFileSync(new URL('parity.json', import.meta.url), 'utf8')) as {
  readonly given: { readonly object: string }
  readonly ok: readonly { readonly name: string; readonly value: ParityValue }[]
}

/** CRC-32 of ISO 3309, bit by bit. */
function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return (sum ^ 0xffffffff) >>> 0
}

function times(a: number, b: number): number {
  let product = 0
  for (let x = a, bit = 1; bit < 256; bit <<= 1, x = (x << 1) ^ (x > 127 ? 0x11b : 0)) if (b & bit) product ^= x
  return product
}

function inverse(a: number): number {
  for (let b = 1; b < 256; b++) if (times(a, b) === 1) return b
  throw new Error('0 has no inverse')
}

for (const { name, value } of file.ok) {
  test(`the definition gives ${name}`, () => {
    const { length, cellSize, stripes, rows } = value
    const object = Buffer.from(file.given.object, 'hex')
    assert.equal(object.length, length)
    const count = Math.ceil(length / cellSize)
    const cells = Array.from({ length: count }, (_, i) => {
      const cell = new Uint8Array(cellSize)
      cell.set(object.subarray(i * cellSize, (i + 1) * cellSize))
      return cell
    })
    assert.deepEqual(cells.map(crc), value.sums)
    const parity = Array.from({ length: rows * stripes }, () => new Uint8Array(cellSize))
    for (const [i, cell] of cells.entries()) {
      const place = Math.floor(i / stripes)
      for (let row = 0; row < rows; row++) {
        const factor = times(255 ^ place, inverse((255 - row) ^ place))
        const into = parity[row * stripes + (i % stripes)]!
        for (const [at, byte] of cell.entries()) into[at]! ^= times(factor, byte)
      }
    }
    assert.equal(toHex(new Uint8Array(Buffer.concat(parity))), value.cells)
  })
}
