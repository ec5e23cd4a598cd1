import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { seededRng } from '../base/random.ts'
import { coefficient, ParityEncoder, rebuildCells } from './code.ts'
import type { Parity } from './code.ts'
import { divide, multiply } from './field.ts'
import { cellCount, parityCells, shapeFor, STRIPE_CELLS_MAX, stripeCells } from './shape.ts'
import type { Shape } from './shape.ts'

/** Russian peasants: no tables in common with the code. */
function slowProduct(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= a
    a = (a << 1) ^ (a & 0x80 ? 0x11b : 0)
  }
  return product
}

test('products and quotients are those of the field, as the standard of AES has them', () => {
  assert.equal(multiply(0x57, 0x83), 0xc1)
  for (let a = 0; a < 256; a++) {
    for (let b = 0; b < 256; b++) {
      assert.equal(multiply(a, b), slowProduct(a, b))
      if (b !== 0) assert.equal(multiply(divide(a, b), b), a)
    }
  }
})

function noise(length: number, seed = 1): Uint8Array {
  const rng = seededRng(seed)
  return Uint8Array.from({ length }, () => Math.floor(rng() * 256))
}

function encode(shape: Shape, bytes: Uint8Array, pieces = 1): Parity {
  const encoder = new ParityEncoder(shape)
  const step = Math.ceil(bytes.length / pieces)
  for (let at = 0; at < bytes.length; at += step) encoder.add(bytes.subarray(at, at + step))
  return encoder.finish()
}

/** Straight from the definition, byte by byte. */
function reference({ cellSize, stripes, rows }: Shape, bytes: Uint8Array): Parity {
  const padded = new Uint8Array(Math.ceil(bytes.length / cellSize) * cellSize)
  padded.set(bytes)
  const cells = new Uint8Array(stripes * rows * cellSize)
  for (const [at, byte] of padded.entries()) {
    const number = Math.floor(at / cellSize)
    for (let row = 0; row < rows; row++) {
      const into = (row * stripes + (number % stripes)) * cellSize + (at % cellSize)
      cells[into]! ^= slowProduct(coefficient(row, Math.floor(number / stripes)), byte)
    }
  }
  const sums = Uint32Array.from({ length: padded.length / cellSize }, (_, i) =>
    crc32(padded.subarray(i * cellSize, (i + 1) * cellSize)),
  )
  return { sums, cells }
}

test('parity is what its definition says, however the object comes in', () => {
  for (const [length, share] of [
    [1, 1],
    [511, 0.01],
    [4096, 1],
    [70_000, 1],
    [70_001, 0.02],
    [300_000, 0.1],
  ] as const) {
    const shape = shapeFor(length, share)
    const bytes = noise(length)
    const expected = reference(shape, bytes)
    for (const pieces of [1, 7, 100]) assert.deepEqual(encode(shape, bytes, pieces), expected, `${length} ${share}`)
  }
})

test('shapes keep their limits and have about the share that was asked for', () => {
  for (const length of [1, 512, 4096, 4097, 65_536, 100_000, 1 << 20, 8 << 20, 32 << 20, 64 << 20]) {
    for (const share of [0.001, 0.015, 0.1, 0.5, 1]) {
      const shape = shapeFor(length, share)
      assert.ok(stripeCells(shape) + shape.rows <= STRIPE_CELLS_MAX, `${length} ${share}`)
      const least = Math.ceil(cellCount(shape) * share)
      assert.ok(parityCells(shape) >= least, `${length} ${share}`)
      const most = Math.max(least * 1.1 + 4, Math.min(cellCount(shape), 16) + 1, (2 * cellCount(shape)) / 253 + 2)
      assert.ok(parityCells(shape) <= most, `${parityCells(shape)} of ${cellCount(shape)} for ${share}`)
    }
  }
})

test('any cells are computed again as long as no stripe has lost more than its parity', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200_000 }),
      fc.constantFrom(0.01, 0.1, 1),
      fc.integer(),
      (length, share, seed) => {
        const shape = shapeFor(length, share)
        const bytes = noise(length, seed)
        const { cells } = encode(shape, bytes)
        const rng = seededRng(seed)
        const lost = new Set<number>()
        const lostParity = new Set<number>()
        for (let stripe = 0; stripe < shape.stripes; stripe++) {
          for (let n = 0; n < shape.rows; n++) {
            const number = stripe + shape.stripes * Math.floor(rng() * stripeCells(shape))
            if (rng() < 0.3) lostParity.add(stripe + shape.stripes * n)
            else if (number < cellCount(shape)) lost.add(number)
          }
        }
        const damaged = bytes.slice()
        for (const number of lost) damaged.fill(0xaa, number * shape.cellSize, (number + 1) * shape.cellSize)
        for (const number of lostParity) cells.fill(0x55, number * shape.cellSize, (number + 1) * shape.cellSize)
        assert.deepEqual(rebuildCells(shape, damaged, cells, lost, lostParity), { left: 0 })
        assert.deepEqual(damaged, bytes)
      },
    ),
    { numRuns: 60 },
  )
})

test('a stretch as long as the parity is computed again, one cell more is left as it is', () => {
  const shape = shapeFor(4 << 20, 0.015)
  const bytes = noise(shape.length)
  const { cells } = encode(shape, bytes)
  const run = parityCells(shape)
  for (const extra of [0, 1]) {
    const damaged = bytes.slice()
    const lost = new Set(Array.from({ length: run + extra }, (_, i) => 100 + i))
    for (const number of lost) damaged.fill(0, number * shape.cellSize, (number + 1) * shape.cellSize)
    const { left } = rebuildCells(shape, damaged, cells, lost, new Set())
    assert.equal(left, extra === 0 ? 0 : shape.rows + 1)
    if (extra === 0) assert.deepEqual(damaged, bytes)
  }
})

test('with a share of 1 the parity alone makes the whole object', () => {
  for (const length of [1, 5000, 300_000]) {
    const shape = shapeFor(length, 1)
    const bytes = noise(length)
    const { cells } = encode(shape, bytes)
    const nothing = new Uint8Array(length)
    const all = new Set(Array.from({ length: cellCount(shape) }, (_, i) => i))
    assert.deepEqual(rebuildCells(shape, nothing, cells, all, new Set()), { left: 0 })
    assert.deepEqual(nothing, bytes)
  }
})
