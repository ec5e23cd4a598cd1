import { hash } from '../../../src/crypto/hash.ts'
import { checkParityObject, decodeParityObject, encodeParityObject } from '../../../src/format/parity-object.ts'
import { ParityEncoder } from '../../../src/parity/code.ts'
import type { Shape } from '../../../src/parity/shape.ts'
import { fixedBytes } from '../../support/format-keys.ts'
import { flipped } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

/** The object that is protected: 1,111 bytes, nothing about which repeats. */
function protectedObject(): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: 40 }, (_, i) => fixedBytes(`cell ${i}`)))).slice(0, 1111)
}

const SHAPES: Readonly<Record<string, Omit<Shape, 'length'>>> = {
  'parity of two rows in three stripes': { cellSize: 128, stripes: 3, rows: 2 },
  'a copy of one cell': { cellSize: 2048, stripes: 1, rows: 1 },
  'as much parity as object': { cellSize: 256, stripes: 1, rows: 5 },
}

function parityOf(shape: Omit<Shape, 'length'>): Uint8Array {
  const bytes = protectedObject()
  const whole = { ...shape, length: bytes.length }
  const encoder = new ParityEncoder(whole)
  encoder.add(bytes)
  return encodeParityObject(hash(bytes), whole, encoder.finish(), 1)
}

function read(bytes: Uint8Array, subject: string): unknown {
  const { hash: own, shape, sums, cells } = checkParityObject(bytes, subject)
  return { hash: own, ...shape, sums, cells }
}

function successes(): OkCase[] {
  return Object.entries(SHAPES).map(([name, shape]) => {
    const bytes = parityOf(shape)
    const { hash: own, shape: whole, sums, cells } = decodeParityObject(bytes, name)
    return { name, kind: 'parity', bytes, value: { hash: own, ...whole, sums, cells } }
  })
}

function failures(): FailCase[] {
  const good = parityOf({ cellSize: 128, stripes: 3, rows: 2 })
  const fail = (name: string, bytes: Uint8Array): FailCase => ({ name, kind: 'parity', bytes, error: 'corrupt' })
  return [
    fail('a damaged first table', flipped(good, 60)),
    fail('a damaged last table', flipped(good, -40)),
    fail('a damaged cell', flipped(good, good.length >> 1)),
    fail('cut off', good.slice(0, -1)),
    fail('something behind it', new Uint8Array([...good, 0])),
    fail('nothing but a header', good.slice(0, 8)),
  ]
}

export const paritySection: Section = {
  file: 'parity.json',
  about: 'docs/format.md 4.1: parity of one object in several shapes.',
  given: () => ({ object: protectedObject() }),
  ok: successes,
  fail: failures,
  read: (_, bytes, subject) => read(bytes, subject),
}
