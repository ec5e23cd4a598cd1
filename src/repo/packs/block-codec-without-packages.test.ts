import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { CODEC_LZ4, CODEC_XZ } from '../../format/block-table.ts'
import { initHashing } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlock, encodeBlock } from './block-codec.ts'

registerHooks({
  resolve(specifier, context, next) {
    if (/lz4|lzma/.test(specifier)) throw new Error('no native binding for this platform')
    return next(specifier, context)
  },
})

await initHashing()
const type = SEALED_TYPES.dataBlock
const subject = 'pack x'
const sealer = new Sealer(new Uint8Array(32).fill(1), new Uint8Array(16).fill(2), 1)
/** A stream of xz that unpacks to 100 times the letter a. */
const XZ =
  'fd377a585a000000ff12d9410200210116000000742fe5a3e0006300065d0030ee9e00000000000000011a64b1ea74da06729e7a010000000000595a'

test('where a library is missing its blocks are unsupported, not damaged, and the others are read', () => {
  for (const codec of [CODEC_LZ4, CODEC_XZ]) {
    const sealed = sealer.seal(type, Uint8Array.of(codec, 100, 0, 0, 0), Buffer.from(XZ, 'hex'))
    assert.throws(() => decodeBlock(sealer, { type, sealed, codec, plainLength: 100, subject }), {
      code: 'unsupported',
      subject,
      hint: /read it on another system/,
    })
  }
  const plain = new Uint8Array(1000)
  const { sealed, codec } = encodeBlock(sealer, type, plain, { name: 'zstd', level: 3 })
  assert.deepEqual(decodeBlock(sealer, { type, sealed, codec, plainLength: plain.length, subject }), plain)
})
