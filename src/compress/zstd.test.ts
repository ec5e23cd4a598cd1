import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireLinux } from '../../test/support/requirements.ts'
import { linkedZstd } from './linked-zstd.ts'
import { nodeZstd } from './node-zstd.ts'
import type { Zstd, ZstdParameters } from './zstd.ts'

const linked = linkedZstd()
const both: readonly (readonly [string, Zstd])[] = [
  ['node:zlib', nodeZstd],
  ...(linked === null ? [] : [['direct', linked] as const]),
]

test('the zstd of the program itself is used on Linux: without it backups take longer, and nothing else would tell', (t) => {
  if (!requireLinux(t)) return
  assert.notEqual(linked, null)
})

for (const [name, zstd] of both) {
  test(`what one way compresses every way opens, whatever came before (${name})`, () => {
    const levels: ZstdParameters[] = [
      { level: 1 },
      { level: 3, hashLog: 16, chainLog: 15 },
      { level: -3 },
      { level: 9 },
    ]
    const text = fc.array(fc.constantFrom('alpha ', 'beta ', 'gamma ', '\0\0\0\0'), { maxLength: 5000 })
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      text.map((words) => Buffer.from(words.join(''))),
    )
    fc.assert(
      fc.property(content, fc.constantFrom(...levels), (plain, parameters) => {
        const packed = Uint8Array.from(zstd.compress(plain, parameters))
        for (const [, other] of both) {
          const back = new Uint8Array(plain.length)
          assert.equal(other.decompress(packed, back), plain.length)
          assert.deepEqual(Buffer.from(back), Buffer.from(plain))
        }
      }),
      { numRuns: 200 },
    )
  })

  test(`a frame that does not fit, is cut short or damaged is an error, and nothing beyond the room is written (${name})`, () => {
    const plain = Buffer.from('holdfast '.repeat(20_000))
    const packed = Uint8Array.from(zstd.compress(plain, { level: 3 }))
    const memory = new Uint8Array(plain.length + 64).fill(0xee)
    assert.throws(() => zstd.decompress(packed, memory.subarray(0, plain.length - 1)))
    assert.ok(memory.subarray(plain.length - 1).every((byte) => byte === 0xee))
    assert.throws(() => zstd.decompress(packed.subarray(0, packed.length - 1), memory))
    assert.throws(() =>
      zstd.decompress(
        Uint8Array.from(packed, (byte, i) => (i === 0 ? byte ^ 1 : byte)),
        memory,
      ),
    )
    assert.throws(() => zstd.decompress(Buffer.from('no zstd at all'), memory))
    assert.equal(zstd.decompress(packed, memory), plain.length)
  })
}
