// What BLAKE3 must answer whichever implementation is loaded. src/crypto/hash.test.ts runs it with the native module,
// hash-without-native.test.ts without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import {
  deriveKey,
  hash,
  IncrementalHash,
  keyedHash,
  keyedHashInto,
  keyedHashOfParts,
  keyedHashOnce,
  NATIVE_FROM,
  NATIVE_ONCE_FROM,
} from '../../src/crypto/hash.ts'

// The key, the context and the input pattern of the official test vectors (BLAKE3 team, test_vectors.json).
const KEY = utf8('whats the Elvish word for friend')
const CONTEXT = 'BLAKE3 2019-12-27 16:29:52 test vectors context'
const pattern = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251)

const thresholds = [NATIVE_FROM, NATIVE_ONCE_FROM].flatMap((n) => [n - 1, n, n + 1])
const LENGTHS = [0, 1, 31, 32, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2048, 2049, 16384, 16385, 102400, ...thresholds]

export function hashCases(): void {
  test('the official vectors come out', () => {
    assert.equal(toHex(hash(pattern(0))), 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262')
    assert.equal(toHex(hash(pattern(1))), '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213')
    assert.equal(toHex(keyedHash(KEY, pattern(0))), '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26')
    assert.equal(
      toHex(deriveKey(CONTEXT, pattern(0))),
      '2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d',
    )
  })

  for (const length of LENGTHS) {
    test(`an input of ${length} bytes hashes as in an independent implementation`, () => {
      const input = pattern(length)
      const keyed = blake3(input, { key: KEY })
      assert.deepEqual(hash(input), blake3(input))
      assert.deepEqual(keyedHash(KEY, input), keyed)
      assert.deepEqual(keyedHashOnce(KEY, input), keyed)
      assert.deepEqual(deriveKey(CONTEXT, input), blake3(input, { context: utf8(CONTEXT) }))
      const out = new Uint8Array(40)
      keyedHashInto(KEY, input, out, 5)
      assert.deepEqual(out.subarray(5, 37), keyed)
      assert.deepEqual([...out.subarray(0, 5), ...out.subarray(37)], Array(8).fill(0))
    })
  }

  test('how an input is cut into parts does not matter', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 8 }), (parts) => {
        const whole = Uint8Array.from(parts.flatMap((part) => [...part]))
        const incremental = new IncrementalHash()
        for (const part of parts) incremental.update(part)
        assert.deepEqual(incremental.digest(), blake3(whole))
        assert.deepEqual(keyedHashOfParts(KEY, parts), blake3(whole, { key: KEY }))
      }),
      { numRuns: 30 },
    )
  })

  test('two incremental hashes that take turns do not mix, nor with hashes in between', () => {
    const first = new IncrementalHash()
    const second = new IncrementalHash()
    for (let at = 0; at < 5; at++) {
      first.update(pattern(700 + at))
      second.update(pattern(900 - at))
      hash(pattern(3000))
      keyedHash(KEY, pattern(10))
    }
    const parts = (base: number, sign: number) => [0, 1, 2, 3, 4].flatMap((at) => [...pattern(base + sign * at)])
    assert.deepEqual(first.digest(), blake3(Uint8Array.from(parts(700, 1))))
    assert.deepEqual(second.digest(), blake3(Uint8Array.from(parts(900, -1))))
  })

  test('a key array that is filled anew stands for its new bytes', () => {
    for (const key of [new Uint8Array(32), Buffer.alloc(32)]) {
      for (const length of [10, 5000]) {
        key.fill(1)
        keyedHash(key, pattern(length))
        key.fill(2)
        assert.deepEqual(keyedHash(key, pattern(length)), blake3(pattern(length), { key: new Uint8Array(32).fill(2) }))
      }
    }
  })

  test('a result owns its memory and later calls do not change it', () => {
    for (const length of [10, 20000]) {
      const results = [hash(pattern(length)), keyedHash(KEY, pattern(length)), deriveKey(CONTEXT, pattern(length))]
      const before = results.map(toHex)
      hash(pattern(length + 1))
      keyedHash(KEY, pattern(length + 1))
      deriveKey(CONTEXT, pattern(length + 1))
      assert.deepEqual(results.map(toHex), before)
      for (const result of results) assert.equal(result.buffer.byteLength, 32)
    }
  })

  test('a view into a larger array hashes as its own bytes only', () => {
    for (const length of [40, 4000]) {
      const arena = pattern(length + 20)
      assert.deepEqual(hash(arena.subarray(7, 7 + length)), blake3(arena.slice(7, 7 + length)))
      assert.deepEqual(keyedHash(KEY, arena.subarray(7, 7 + length)), blake3(arena.slice(7, 7 + length), { key: KEY }))
    }
  })

  test('a key that does not have 32 bytes is a bug', () => {
    for (const input of [pattern(10), pattern(20000)]) {
      for (const length of [0, 31, 33]) {
        assert.throws(() => keyedHash(new Uint8Array(length), input), /32 bytes/)
        assert.throws(() => keyedHashOnce(new Uint8Array(length), input), /32 bytes/)
      }
    }
  })
}
