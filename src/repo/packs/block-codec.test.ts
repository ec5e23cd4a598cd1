import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireLinux } from '../../../test/support/requirements.ts'
import type { FixedMethod } from '../../compress/method.ts'
import { initHashing } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlock, decodeBlockBriefly, encodeBlock } from './block-codec.ts'

await initHashing()
const sealer = new Sealer(new Uint8Array(32).fill(1), new Uint8Array(16).fill(2), 1)
const TYPE = SEALED_TYPES.dataBlock

const METHODS: readonly (readonly [FixedMethod, codec: number])[] = [
  [{ name: 'none' }, 0],
  [{ name: 'zstd', level: 3 }, 1],
  [{ name: 'zstd', level: -7 }, 1],
  [{ name: 'zstd', level: 19 }, 1],
  [{ name: 'lz4' }, 2],
  [{ name: 'xz', level: 0 }, 3],
  [{ name: 'xz', level: 9 }, 3],
]

/** The additional data of a block. */
function context(codec: number, length: number): Uint8Array {
  const bytes = new Uint8Array(5)
  bytes[0] = codec
  new DataView(bytes.buffer).setUint32(1, length, true)
  return bytes
}

for (const [method, codec] of METHODS) {
  const name = JSON.stringify(method)
  const usable = method.name === 'xz' ? requireLinux : () => true

  test(`blocks come back as they were, and say what they were compressed with (${name})`, (t) => {
    if (!usable(t)) return
    const text = fc
      .array(fc.constantFrom('alpha ', 'beta ', 'gamma '), { minLength: 50, maxLength: 2000 })
      .map((words) => Buffer.from(words.join('')))
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array({ minLength: 1, maxLength: 2000 })), (plain) => {
        const block = encodeBlock(sealer, TYPE, plain, method)
        const stored = { type: TYPE, ...block, plainLength: plain.length, subject: 'block' }
        assert.deepEqual(Buffer.from(decodeBlock(sealer, stored)), Buffer.from(plain))
        assert.deepEqual(Buffer.from(decodeBlockBriefly(sealer, stored)), Buffer.from(plain))
        assert.ok(block.sealed.length <= plain.length + 40)
        assert.ok(block.codec === codec || block.codec === 0)
      }),
      { numRuns: 40 },
    )
    assert.equal(encodeBlock(sealer, TYPE, Buffer.from('text '.repeat(1000)), method).codec, codec)
  })

  test(`a block that is damaged anywhere, or longer or shorter than it says, is corrupt (${name})`, (t) => {
    if (!usable(t)) return
    const plain = Buffer.from('alpha beta gamma '.repeat(20))
    const { sealed, codec: found } = encodeBlock(sealer, TYPE, plain, method)
    const decode = (bytes: Uint8Array, codec = found, plainLength = plain.length) =>
      decodeBlock(sealer, { type: TYPE, sealed: bytes, codec, plainLength, subject: 'pack x' })
    for (let at = 0; at < sealed.length; at++) {
      assert.throws(() => decode(sealed.with(at, sealed[at]! ^ 1)), { code: 'corrupt', subject: 'pack x' })
    }
    for (const other of [0, 1, 2, 3])
      if (other !== found) assert.throws(() => decode(sealed, other), { code: 'corrupt' })
    // Somebody with the keys seals what does not fit.
    const packed = sealer.open(TYPE, context(found, plain.length), sealed, 'block')
    for (const length of [1, plain.length - 1, plain.length + 1, 16 * 1024 * 1024]) {
      const lie = sealer.seal(TYPE, context(found, length), packed)
      assert.throws(() => decode(lie, found, length), { code: 'corrupt', subject: 'pack x' })
    }
    const huge = 16 * 1024 * 1024 + 1
    assert.throws(() => decode(sealer.seal(TYPE, context(found, huge), packed), found, huge), { code: 'limit' })
    const noise = sealer.seal(
      TYPE,
      context(found, 1000),
      Uint8Array.from({ length: 100 }, (_, i) => i * 37),
    )
    assert.throws(() => decode(noise, found, 1000), { code: 'corrupt' })
  })
}

test('a codec of a later version is unsupported, not damage', () => {
  const sealed = sealer.seal(TYPE, context(4, 3), Uint8Array.of(1, 2, 3))
  const block = { type: TYPE, sealed, codec: 4, plainLength: 3, subject: 'pack x' }
  assert.throws(() => decodeBlock(sealer, block), { code: 'unsupported', subject: 'pack x' })
})

test('what a sample says does not shrink is stored by every method', (t) => {
  if (!requireLinux(t)) return
  const noise = new Uint8Array(200_000)
  for (let at = 0, x = 1; at < noise.length; at++) noise[at] = (x = (x * 48_271) % 0x7fff_ffff) >>> 8
  for (const [method] of METHODS) assert.equal(encodeBlock(sealer, TYPE, noise, method).codec, 0)
})
