import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromBase32, toBase32 } from './base32.ts'

test('bytes come back from their letters, in capitals and with letters for digits too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = toBase32(bytes)
      assert.match(text, /^[0-9a-hjkmnp-tv-z]*$/)
      assert.deepEqual(fromBase32(text), bytes)
      assert.deepEqual(fromBase32(text.toUpperCase().replaceAll('0', 'O').replaceAll('1', 'I')), bytes)
    }),
  )
  assert.equal(toBase32(Buffer.from('foobar')), 'csqpyrk1e8')
})

test('what is no base32, or has one letter more or less, is refused', () => {
  for (const text of ['u', 'ab-', 'z', '00z', 'zz']) assert.equal(fromBase32(text), null, text)
})
