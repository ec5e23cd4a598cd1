import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireCommand } from '../../test/support/requirements.ts'
import { lz4 } from './lz4.ts'

const TEXT = Buffer.from('holdfast '.repeat(20_000))

test('what is compressed comes back', () => {
  const words = fc.array(fc.constantFrom('alpha ', 'beta ', 'gamma ', '\0\0\0\0'), { maxLength: 5000 })
  const content = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 3000 }),
    words.map((list) => Buffer.from(`${list.join('')}.`)),
  )
  fc.assert(
    fc.property(content, (plain) => {
      const back = new Uint8Array(plain.length)
      assert.equal(lz4.decompress(lz4.compress(plain), back), plain.length)
      assert.deepEqual(Buffer.from(back), Buffer.from(plain))
    }),
  )
})

test('it is the LZ4 of everybody: the program reads our blocks, and we read its', (t) => {
  if (!requireCommand(t, 'lz4')) return
  // A legacy frame is a magic number and blocks with their lengths.
  const packed = lz4.compress(TEXT)
  const frame = Buffer.alloc(8)
  frame.writeUInt32LE(0x184c_2102, 0)
  frame.writeUInt32LE(packed.length, 4)
  const read = spawnSync('lz4', ['-d', '-c'], { input: Buffer.concat([frame, packed]), maxBuffer: 2 ** 24 })
  assert.deepEqual(read.stdout, TEXT)
  const written = spawnSync('lz4', ['-l', '-9', '-c'], { input: TEXT }).stdout.subarray(8)
  const back = new Uint8Array(TEXT.length)
  assert.equal(lz4.decompress(written, back), TEXT.length)
  assert.deepEqual(Buffer.from(back), TEXT)
})

test('damage at any byte is an error or other bytes, and nothing beyond the room is written', () => {
  const packed = Uint8Array.from(lz4.compress(TEXT))
  const memory = new Uint8Array(TEXT.length + 64).fill(0xee)
  const room = memory.subarray(0, TEXT.length)
  for (let at = 0; at < packed.length; at++) {
    for (const flip of [1, 0x10, 0x80, 0xff]) {
      try {
        assert.ok(lz4.decompress(packed.with(at, packed[at]! ^ flip), room) <= TEXT.length)
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError))
      }
    }
  }
  assert.ok(memory.subarray(TEXT.length).every((byte) => byte === 0xee))
})

test('content that is longer than its room is refused without being made', () => {
  const bomb = lz4.compress(new Uint8Array(64 * 1024 * 1024))
  const before = process.memoryUsage().rss
  assert.throws(() => lz4.decompress(bomb, new Uint8Array(1000)))
  assert.ok(process.memoryUsage().rss - before < 16 * 1024 * 1024)
  assert.throws(() => lz4.decompress(lz4.compress(TEXT), new Uint8Array(TEXT.length - 1)))
  assert.throws(() => lz4.decompress(new Uint8Array(0), new Uint8Array(10)))
})
