import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { corruptAbout } from '../../test/support/damage.ts'
import { hash, initHashing } from '../crypto/hash.ts'
import { ParityEncoder } from '../parity/code.ts'
import { checkParityObject, decodeParityObject, encodeParityObject } from './parity-object.ts'

before(() => initHashing())

const SHAPE = { length: 1000, cellSize: 64, stripes: 3, rows: 2 }
const object = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) >> 2)

function encoded(): Uint8Array {
  const encoder = new ParityEncoder(SHAPE)
  encoder.add(object)
  return encodeParityObject(hash(object), SHAPE, encoder.finish(), 1)
}

test('parity is read back', () => {
  const { hash: own, shape, lostCells, isWhole } = decodeParityObject(encoded(), 'parity/x')
  assert.deepEqual([own, shape, lostCells, isWhole], [hash(object), SHAPE, new Set(), true])
})

test('any damage is noticed, and as much is used as is left', () => {
  const good = encoded()
  const whole = decodeParityObject(good, 'parity/x')
  for (let at = 0; at < good.length; at++) {
    const bad = good.with(at, good[at]! ^ 0x10)
    // Another type, version or suite is newer, as far as a header tells.
    const error = at >= 4 && at <= 6 ? { subject: 'parity/x' } : corruptAbout('parity/x')
    assert.throws(() => checkParityObject(bad, 'parity/x'), error, `byte ${at}`)
    const { shape, sums, lostCells, isWhole } = decodeParityObject(bad, 'parity/x')
    assert.deepEqual([shape, sums, isWhole], [whole.shape, whole.sums, false], `byte ${at}`)
    assert.ok(lostCells.size <= 1)
  }
})

test('what is cut off or longer is used as far as a table is whole', () => {
  const good = encoded()
  for (let length = 0; length < good.length; length += 7) {
    const cut = good.slice(0, length)
    try {
      const { isWhole, shape } = decodeParityObject(cut, 'parity/x')
      assert.deepEqual([isWhole, shape], [false, SHAPE])
    } catch (error) {
      assert.ok(corruptAbout('parity/x')(error))
    }
  }
  assert.equal(decodeParityObject(new Uint8Array([...good, 1]), 'parity/x').isWhole, false)
})

test('tables that ask for more than there can be are refused before anything is allocated', () => {
  const good = encoded()
  for (const [at, bytes] of [
    [40, [0xff, 0xff, 0xff, 0xff]],
    [44, [0, 0, 0, 0]],
    [48, [0, 0]],
    [48, [0xff, 0xff]],
    [50, [0]],
    [50, [255]],
  ] as const) {
    const bad = good.slice()
    bad.set(bytes, at)
    bad.set(bytes, good.length - (good.length - at) + 0)
    assert.throws(() => checkParityObject(bad, 'parity/x'), corruptAbout('parity/x'))
  }
})
