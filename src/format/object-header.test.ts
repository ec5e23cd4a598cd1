import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { checkHeader, encodeHeader, joinObject, OBJECT_TYPES, readHeader } from './object-header.ts'

const fails = (bytes: Uint8Array, type: 4, code: string) =>
  assert.throws(
    () => checkHeader(bytes, type, 'snap/x'),
    (e) => e instanceof BackupError && e.code === code && e.subject === 'snap/x',
  )
const changed = (at: number, value: number) => {
  const bytes = encodeHeader(OBJECT_TYPES.snapshot, 1)
  bytes[at] = value
  return bytes
}

test('a header is HFST, type, version, suite, zero', () => {
  assert.equal(toHex(encodeHeader(OBJECT_TYPES.snapshot, 2)), '4846535404010200')
  for (const type of Object.values(OBJECT_TYPES)) {
    for (const suite of [0, 1, 2] as const) {
      assert.equal(checkHeader(encodeHeader(type, suite), type, 'x'), suite)
      assert.deepEqual(readHeader(joinObject(type, suite, new Uint8Array(3)), 'x'), { type, suite })
    }
  }
})

test('a newer version, type or suite is unsupported and any other difference is damage', () => {
  fails(changed(5, 2), 4, 'unsupported')
  fails(changed(6, 3), 4, 'unsupported')
  fails(changed(4, 31), 4, 'unsupported')
  fails(changed(5, 0), 4, 'corrupt')
  fails(changed(4, 3), 4, 'corrupt')
  fails(changed(7, 1), 4, 'corrupt')
  for (let at = 0; at < 4; at++) fails(changed(at, 0), 4, 'corrupt')
  for (let length = 0; length < 8; length++) fails(changed(0, 0x48).subarray(0, length), 4, 'corrupt')
})
