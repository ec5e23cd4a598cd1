import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionFailed } from './assert.ts'
import { fromHex, toHex } from './bytes.ts'
import { CborReader, CborWriter } from './cbor.ts'
import { BackupError } from './errors.ts'

type Item = number | bigint | boolean | string | Uint8Array | Item[] | Map<number, Item>

function write(w: CborWriter, item: Item): CborWriter {
  if (typeof item === 'number') return w.int(item)
  if (typeof item === 'bigint') return w.bigUint(item)
  if (typeof item === 'boolean') return w.bool(item)
  if (typeof item === 'string') return w.text(item)
  if (item instanceof Uint8Array) return w.bytes(item)
  if (Array.isArray(item)) {
    w.array(item.length)
    for (const one of item) write(w, one)
    return w
  }
  w.openMap()
  for (const [key, value] of [...item].sort((a, b) => a[0] - b[0])) write(w.key(key), value)
  return w.closeMap()
}

function readLike(r: CborReader, model: Item): Item {
  if (typeof model === 'number') return r.int()
  if (typeof model === 'bigint') return r.bigUint()
  if (typeof model === 'boolean') return r.bool()
  if (typeof model === 'string') return r.text()
  if (model instanceof Uint8Array) return new Uint8Array(r.bytes())
  if (Array.isArray(model)) {
    const out: Item[] = []
    const count = r.array()
    for (let i = 0; i < count; i++) out.push(readLike(r, model[i] ?? 0))
    r.leave()
    return out
  }
  const out = new Map<number, Item>()
  const count = r.map()
  for (let i = 0, key = -1; i < count; i++) {
    key = r.key(key)
    out.set(key, readLike(r, model.get(key) ?? 0))
  }
  r.leave()
  return out
}

const item = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.boolean(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('item'), { maxLength: 30 }),
    fc
      .uniqueArray(fc.tuple(fc.nat(300), tie('item')), { selector: (pair) => pair[0], maxLength: 30 })
      .map((pairs) => new Map(pairs)),
  ),
})).item

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))!
const isCorrupt = (e: unknown) => e instanceof BackupError && e.code === 'corrupt' && e.message.includes('object x')
const anyItem = (bytes: Uint8Array) => {
  const r = new CborReader(bytes, 'object x')
  r.item()
  r.end()
}

test('what is written is read back', () => {
  fc.assert(
    fc.property(item, (value) => {
      const bytes = write(new CborWriter(0), value).finish()
      anyItem(bytes)
      const r = new CborReader(bytes, 'object x')
      const sorted = readLike(r, value)
      r.end()
      assert.deepEqual(sorted, value)
    }),
  )
})

test('encodings are those of RFC 8949, appendix A', () => {
  const table: [string, Item][] = [
    ['00', 0],
    ['17', 23],
    ['18 18', 24],
    ['18 ff', 255],
    ['19 0100', 256],
    ['19 ffff', 65535],
    ['1a 00010000', 65536],
    ['1a ffffffff', 4294967295],
    ['1b 0000000100000000', 4294967296],
    ['1b 001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['1b ffffffffffffffff', 18446744073709551615n],
    ['20', -1],
    ['37', -24],
    ['38 18', -25],
    ['39 03e7', -1000],
    ['3b 001ffffffffffffe', -Number.MAX_SAFE_INTEGER],
    ['f4', false],
    ['f5', true],
    ['40', new Uint8Array()],
    ['44 01020304', new Uint8Array([1, 2, 3, 4])],
    ['60', ''],
    ['64 49455446', 'IETF'],
    ['62 c3bc', 'ü'],
    ['64 f0908591', '\u{10151}'],
    ['80', []],
    ['83 01 82 02 03 82 04 05', [1, [2, 3], [4, 5]]],
    ['a0', new Map()],
    [
      'a2 01 02 03 04',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
  ]
  for (const [encoded, value] of table) {
    assert.equal(toHex(write(new CborWriter(), value).finish()), encoded.replaceAll(' ', ''))
    assert.deepEqual(readLike(new CborReader(hex(encoded), 'x'), value), value)
  }
})

test('a map of more than 23, 255 and 65,535 keys is written with the shortest head', () => {
  for (const [count, head] of [
    [23, 'b7'],
    [24, 'b818'],
    [255, 'b8ff'],
    [256, 'b90100'],
    [65535, 'b9ffff'],
    [65536, 'ba00010000'],
  ] as const) {
    const w = new CborWriter().openMap()
    for (let key = 0; key < count; key++) w.key(key).uint(0)
    const bytes = w.closeMap().finish()
    assert.ok(toHex(bytes.subarray(0, 5)).startsWith(head))
    anyItem(bytes)
  }
})

test('everything but the one right encoding is refused', () => {
  const refused: [string, string][] = [
    ['', 'nothing'],
    ['18 17', 'a byte where the value fits the head'],
    ['19 00ff', 'two bytes where one is enough'],
    ['1a 0000ffff', 'four bytes where two are enough'],
    ['1b 00000000ffffffff', 'eight bytes where four are enough'],
    ['38 17', 'a long negative'],
    ['3b 001fffffffffffff', 'a negative below -(2^53-1)'],
    ['58 01 00', 'a long length of bytes'],
    ['78 01 61', 'a long length of text'],
    ['98 01 00', 'a long count of an array'],
    ['b8 01 00 00', 'a long count of a map'],
    ['5f 41 00 ff', 'bytes of indefinite length'],
    ['7f 61 61 ff', 'text of indefinite length'],
    ['9f 00 ff', 'an array of indefinite length'],
    ['bf 00 00 ff', 'a map of indefinite length'],
    ['1c', 'a reserved length code'],
    ['c0 00', 'a tag'],
    ['f6', 'null'],
    ['f7', 'undefined'],
    ['f9 3c00', 'a half float'],
    ['fb 3ff0000000000000', 'a float'],
    ['f8 14', 'false in two bytes'],
    ['ff', 'a break'],
    ['a2 01 00 01 00', 'a key twice'],
    ['a2 02 00 01 00', 'keys in descending order'],
    ['a1 61 61 00', 'a key that is text'],
    ['a1 20 00', 'a negative key'],
    ['a1 00', 'a key without a value'],
    ['61 ff', 'text that is not UTF-8'],
    ['62 c080', 'an overlong NUL in text'],
    ['63 eda080', 'a surrogate in text'],
    ['5b 7fffffffffffffff', 'bytes longer than memory'],
    ['5a ffffffff 00', 'bytes longer than the input'],
    ['9b 001fffffffffffff', 'a vast array'],
    ['9a 00ffffff 00', 'an array longer than the input'],
    ['ba 00ffffff 00 00', 'a map longer than the input'],
    ['00 00', 'an item too many'],
  ]
  for (const [encoded, what] of refused) assert.throws(() => anyItem(hex(encoded)), isCorrupt, what)
})

test('nesting is read to a depth of 16 and refused at 17', () => {
  const nested = (depth: number) => new Uint8Array(depth).fill(0x81).fill(0x80, depth - 1)
  anyItem(nested(16))
  assert.throws(() => anyItem(nested(17)), /nests deeper than 16/)
  assert.throws(() => anyItem(nested(100_000)), /nests deeper than 16/)
  // Depth counts from the outermost item, also where a codec entered some levels itself.
  const r = new CborReader(nested(17), 'object x')
  r.array()
  r.array()
  assert.throws(() => r.item(), /nests deeper than 16/)
})

test('any bytes give a value or a named error, cut anywhere too', () => {
  const survives = (bytes: Uint8Array) => {
    try {
      anyItem(bytes)
    } catch (e) {
      assert.ok(isCorrupt(e), String(e))
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), survives))
  fc.assert(
    fc.property(item, (value) => {
      const bytes = write(new CborWriter(), value).finish()
      for (let cut = 0; cut < Math.min(bytes.length, 200); cut++) {
        assert.throws(() => anyItem(bytes.subarray(0, cut)), isCorrupt)
      }
    }),
    { numRuns: 30 },
  )
})

test('a reader stops at its end although the array goes on', () => {
  const bytes = hex('82 01 18 20')
  const r = new CborReader(bytes, 'object x', 0, 3)
  r.array()
  assert.equal(r.uint(), 1)
  assert.throws(() => r.uint(), isCorrupt)
})

test('limits of a call are enforced', () => {
  const reader = (text: string) => new CborReader(hex(text), 'object x')
  assert.equal(reader('18 64').uint(100), 100)
  assert.throws(() => reader('18 65').uint(100), isCorrupt)
  assert.throws(() => reader('05').uint(4), isCorrupt)
  assert.throws(() => reader('43 000000').bytes(2), isCorrupt)
  assert.throws(() => reader('43 000000').fixed(4), isCorrupt)
  assert.throws(() => reader('83 00 00 00').array(2), isCorrupt)
  assert.throws(() => reader('82 00 1a 3b9aca00').timespec(), isCorrupt) // 10^9 nanoseconds
  assert.deepEqual(reader('82 20 1a 3b9ac9ff').timespec(), { sec: -1, nsec: 999_999_999 })
})

test('unknown fields are kept and written again as they were', () => {
  const bytes = hex('a4 01 02 05 82 0304 07 a1 00 f5 1903e8 42 beef')
  const r = new CborReader(bytes, 'object x')
  let one = 0
  const unknown = r.fields((key) => {
    if (key !== 1) return false
    one = r.uint()
    return true
  })
  r.end()
  assert.deepEqual(
    unknown?.map((field) => field.key),
    [5, 7, 1000],
  )
  assert.deepEqual(new CborWriter().openMap().key(1).uint(one).rawFields(unknown).closeMap().finish(), bytes)
})

test('equal short texts come out right from the memo of the reader', () => {
  const texts = ['root', 'rost', 'rabt', '', 'root', 'rost', 'grün', 'root', 'x'.repeat(32), 'y'.repeat(33)]
  const bytes = write(new CborWriter(), texts).finish()
  assert.deepEqual(readLike(new CborReader(bytes, 'x'), texts), texts)
})

test('the writer refuses what would not be deterministic', () => {
  const bugs: (() => unknown)[] = [
    () => new CborWriter().uint(-1),
    () => new CborWriter().uint(1.5),
    () => new CborWriter().uint(Number.MAX_SAFE_INTEGER + 1),
    () => new CborWriter().bigUint(-1n),
    () => new CborWriter().bigUint(1n << 64n),
    () => new CborWriter().timespec({ sec: 0, nsec: 1e9 }),
    () => new CborWriter().openMap().key(1).uint(0).key(1),
    () => new CborWriter().key(1),
    () => new CborWriter().openMap().finish(),
    () => new CborWriter().closeMap(),
  ]
  for (const bug of bugs) assert.throws(bug, AssertionFailed)
})

test('finish gives memory of its own, and reset begins anew', () => {
  const w = new CborWriter(16).uint(7)
  const first = w.finish()
  assert.equal(first.buffer.byteLength, 1)
  assert.deepEqual(w.reset().uint(8).finish(), new Uint8Array([8]))
  assert.deepEqual(first, new Uint8Array([7]))
})
