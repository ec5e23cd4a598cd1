import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../base/bytes.ts'
import { bytesOfText, nativeArguments, textOfBytes } from './native-text.ts'

test('every byte string survives as text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(Uint8Array.from(bytesOfText(textOfBytes(bytes))), bytes)
    }),
  )
})

test('two different byte strings never have the same text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      assert.equal(textOfBytes(a) === textOfBytes(b), Buffer.compare(a, b) === 0)
    }),
  )
})

test('text that is UTF-8 stays as it is, the bytes around it become lone surrogates', () => {
  assert.equal(textOfBytes(utf8('Übung 🎉')), 'Übung 🎉')
  assert.equal(textOfBytes(new Uint8Array([0x61, 0xff, 0xc3, 0xbc, 0xc3])), 'a\udcffü\udcc3')
  // An encoded surrogate is not UTF-8, though it looks like a sequence of three bytes.
  assert.equal(textOfBytes(new Uint8Array([0xed, 0xb3, 0xbf])), '\udced\udcb3\udcbf')
})

test('arguments that Node could not decode are read back from the kernel', () => {
  const commandLine = () => ['node', 'main.ts', 'ls', 'a\xff'].map((part) => Buffer.from(part, 'latin1'))
  assert.deepEqual(nativeArguments(['ls', 'a\ufffd'], commandLine), ['ls', 'a\udcff'])
  assert.deepEqual(
    nativeArguments(['ls', 'a\ufffd'], () => null),
    ['ls', 'a\ufffd'],
  )
})
