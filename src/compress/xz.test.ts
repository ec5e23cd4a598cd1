import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { requireCommand, requireLinux } from '../../test/support/requirements.ts'
import { systemLiblzma } from './system-liblzma.ts'
import { xz } from './xz.ts'
import { XZ_DICTIONARY_MAX, xzPlainLength } from './xz-layout.ts'

const TEXT = Buffer.from('holdfast '.repeat(20_000))
const program = (input: Uint8Array, ...flags: string[]) =>
  spawnSync('xz', ['-c', '-T1', ...flags], { input, maxBuffer: 2 ** 28 }).stdout

function unpacked(packed: Uint8Array, room = TEXT.length): Buffer {
  const into = new Uint8Array(room)
  return Buffer.from(into.subarray(0, xz.decompress(packed, into)))
}

test('what is compressed comes back, whatever came before', (t) => {
  if (!requireLinux(t)) return
  assert.notEqual(systemLiblzma(), null)
  const words = fc.array(fc.constantFrom('alpha ', 'beta ', 'gamma ', '\0\0\0\0'), { maxLength: 5000 })
  const content = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 3000 }),
    words.map((list) => Buffer.from(`${list.join('')}.`)),
  )
  fc.assert(
    fc.property(content, fc.constantFrom(0, 1, 6, 9), (plain, preset) => {
      const packed = xz.compress(plain, preset)
      assert.equal(xzPlainLength(packed), plain.length)
      assert.deepEqual(unpacked(packed, plain.length), Buffer.from(plain))
    }),
    { numRuns: 50 },
  )
})

test('the highest preset asks nobody for a dictionary longer than a block', (t) => {
  if (!requireLinux(t)) return
  const plain = new Uint8Array(XZ_DICTIONARY_MAX)
  for (let at = 0; at < plain.length; at += 1000) plain[at] = at / 1000
  assert.equal(xzPlainLength(xz.compress(plain, 9)), plain.length)
})

test('it is the xz of everybody: the program reads our streams, and we read its', (t) => {
  if (!requireLinux(t) || !requireCommand(t, 'xz')) return
  assert.deepEqual(program(xz.compress(TEXT, 6), '-d'), TEXT)
  assert.deepEqual(unpacked(program(TEXT, '-6', '--check=none')), TEXT)
})

test('damage at any byte is an error or other bytes of the same length, and nothing beyond the room is written', (t) => {
  if (!requireLinux(t)) return
  const packed = Uint8Array.from(xz.compress(TEXT, 6))
  const memory = new Uint8Array(TEXT.length + 64).fill(0xee)
  const room = memory.subarray(0, TEXT.length)
  for (let at = 0; at < packed.length; at++) {
    for (const flip of [1, 0x10, 0x80, 0xff]) {
      let length = TEXT.length
      try {
        length = xz.decompress(packed.with(at, packed[at]! ^ flip), room)
      } catch (error) {
        assert.ok(error instanceof Error)
      }
      assert.equal(length, TEXT.length)
    }
  }
  for (let length = 0; length < packed.length; length++) assert.throws(() => unpacked(packed.subarray(0, length)))
  assert.ok(memory.subarray(TEXT.length).every((byte) => byte === 0xee))
})

test('streams that unpack to more than they may are refused by their headers', (t) => {
  if (!requireLinux(t) || !requireCommand(t, 'xz')) return
  const own = Uint8Array.from(xz.compress(TEXT, 6))
  const hostile: [string, Uint8Array, RegExp][] = [
    ['a bomb', program(new Uint8Array(2 ** 26), '--check=none', '-6'), /longer than it says/],
    ['a dictionary of 64 MiB', program(TEXT, '--check=none', '-9'), /dictionary has 67108864 bytes/],
    ['two streams', Buffer.concat([own, own]), /after its stream/],
    ['stream padding', Buffer.concat([own, new Uint8Array(4)]), /after its stream/],
    ['two blocks', program(TEXT, '--check=none', '--block-size=100000'), /more than one block/],
    ['a check', program(TEXT, '--check=crc32'), /has a check/],
    ['another filter before', program(TEXT, '--check=none', '--x86', '--lzma2=preset=6'), /another filter/],
    ['no content', program(new Uint8Array(0), '--check=none'), /filter|cut short/],
    ['something else', Buffer.from('no xz at all'), /does not begin/],
  ]
  const before = process.memoryUsage().rss
  for (const [what, packed, why] of hostile) assert.throws(() => unpacked(packed), why, what)
  assert.ok(process.memoryUsage().rss - before < 32 * 1024 * 1024)
  assert.throws(() => unpacked(own, TEXT.length - 1), /longer than it says/)
})
