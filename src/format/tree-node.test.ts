import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { entries, name, record, ref, safeUint } from '../../test/support/format-arbitraries.ts'
import { AssertionFailed } from '../base/assert.ts'
import { utf8 } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { decodeEntry, encodeEntry } from './entry.ts'
import type { Entry } from './entry.ts'
import { decodeTreeNode, encodeTreeNode, NODE_ITEMS_MAX, refsBelow } from './tree-node.ts'
import type { TreeChild } from './tree-node.ts'

const plain = { kind: 'fifo', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1, nsec: 2 }, ino: 3n } as const
const entryNamed = (text: string): Entry => ({ ...plain, name: utf8(text) })
const file = { ...plain, kind: 'file', name: utf8('f') } as const

/** Writes an entry with some fields replaced, as a hostile writer would. */
function forged(fields: Record<number, (w: CborWriter) => unknown>): Uint8Array {
  const all: Record<number, (w: CborWriter) => unknown> = {
    0: (w) => w.bytes(utf8('f')),
    1: (w) => w.uint(4),
    2: (w) => w.uint(0o644),
    3: (w) => w.uint(0),
    4: (w) => w.uint(0),
    7: (w) => w.timespec({ sec: 0, nsec: 0 }),
    10: (w) => w.uint(1),
    ...fields,
  }
  const w = new CborWriter().openMap()
  for (const [key, value] of Object.entries(all)) value(w.key(Number(key)))
  return w.closeMap().finish()
}
const read = (bytes: Uint8Array, rule = {}) => decodeEntry(new CborReader(bytes, 'node x'), rule)

test('leaves are read back as they were written', () => {
  fc.assert(
    fc.property(entries, (list) => {
      const bytes = encodeTreeNode({ level: 0, entries: list })
      assert.deepEqual(decodeTreeNode(bytes, 'node x'), { level: 0, entries: list })
    }),
  )
})

test('inner nodes are read back as they were written', () => {
  const child = record({ lastName: name, ref, entries: safeUint, bytes: safeUint })
  const children = fc
    .uniqueArray(child, { minLength: 1, maxLength: 20, selector: (c) => Buffer.from(c.lastName).toString('hex') })
    .map((list) => list.toSorted((a, b) => Buffer.compare(a.lastName, b.lastName)))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), children, (level, list) => {
      const node = { level, children: list, unknown: [{ key: 9, value: new Uint8Array([1]) }] }
      assert.deepEqual(decodeTreeNode(encodeTreeNode(node), 'node x'), node)
    }),
  )
})

test('the refs below a node are those that decoding it gives', () => {
  fc.assert(
    fc.property(entries, (list) => {
      const bytes = encodeTreeNode({ level: 0, entries: list })
      const expected = list.flatMap(({ subtree }) => (subtree === undefined ? [] : [subtree.ref]))
      assert.deepEqual(refsBelow(bytes, 'node x'), expected)
    }),
  )
  const children: TreeChild[] = ['a', 'bb'].map((text) => ({
    lastName: utf8(text),
    ref: new Uint8Array(32).fill(text.length),
    entries: 500,
    bytes: 2 ** 40,
  }))
  const bytes = encodeTreeNode({ level: 1, children })
  assert.deepEqual(
    refsBelow(bytes, 'node x'),
    children.map((child) => child.ref),
  )
  for (let length = 0; length < bytes.length - 1; length++) {
    assert.throws(() => refsBelow(bytes.slice(0, length), 'node x'), corruptAbout('node x'))
  }
})

test('damage anywhere in a node is an error with its name or another node', () => {
  const [list] = fc.sample(
    entries.filter((e) => e.length > 8),
    { numRuns: 1, seed: 7 },
  )
  const options = { subject: 'node x', authenticated: false }
  assertDamageIsNamed(encodeTreeNode({ level: 0, entries: list! }), (b) => decodeTreeNode(b, 'node x'), options)
  const children: TreeChild[] = ['a', 'bb'].map((text) => ({
    lastName: utf8(text),
    ref: new Uint8Array(32),
    entries: 500,
    bytes: 2 ** 40,
  }))
  assertDamageIsNamed(encodeTreeNode({ level: 1, children }), (b) => decodeTreeNode(b, 'node x'), options)
})

test('names that could leave the target are neither written nor read', () => {
  for (const bad of ['', '.', '..', 'a/b', '/', 'a\0', '\0']) {
    assert.throws(() => encodeEntry(new CborWriter(), entryNamed(bad)), AssertionFailed, bad)
    assert.throws(() => read(forged({ 0: (w) => w.bytes(utf8(bad)) })), corruptAbout('node x'), bad)
    const child = new CborWriter().openMap().key(0).uint(1).key(1).array(1)
    child.array(4).bytes(utf8(bad)).bytes(new Uint8Array(32)).uint(1).uint(1)
    assert.throws(() => decodeTreeNode(child.closeMap().finish(), 'node x'), corruptAbout('node x'), bad)
  }
  for (const good of ['...', '.a', 'a.', '..a', '\u00e9', 'x'.repeat(1024)]) {
    assert.deepEqual(read(forged({ 0: (w) => w.bytes(utf8(good)) })).name, new Uint8Array(utf8(good)))
  }
  assert.throws(() => read(forged({ 0: (w) => w.bytes(utf8('x'.repeat(1025))) })), corruptAbout('node x'))
})

test('names of root entries may be paths, and only those', () => {
  const node = { level: 0, entries: [entryNamed('/home/a'), entryNamed('/srv')] } as const
  const bytes = encodeTreeNode(node, { root: true })
  assert.equal(decodeTreeNode(bytes, 'node x', { root: true }).level, 0)
  assert.throws(() => decodeTreeNode(bytes, 'node x'), corruptAbout('node x'))
  assert.throws(() => encodeTreeNode(node), AssertionFailed)
  for (const bad of ['', '..', '/a\0']) {
    assert.throws(() => read(forged({ 0: (w) => w.bytes(utf8(bad)) }), { root: true }), corruptAbout('node x'), bad)
  }
})

test('entries out of order or twice are neither written nor read', () => {
  for (const [a, b] of [
    ['b', 'a'],
    ['a', 'a'],
    ['ab', 'a'],
    ['x'.repeat(70) + 'b', 'x'.repeat(70) + 'a'],
  ] as const) {
    const pair = [entryNamed(a), entryNamed(b)]
    assert.throws(() => encodeTreeNode({ level: 0, entries: pair }), AssertionFailed)
    const w = new CborWriter().openMap().key(0).uint(0).key(1).array(2)
    for (const one of pair) encodeEntry(w, one)
    assert.throws(() => decodeTreeNode(w.closeMap().finish(), 'node x'), corruptAbout('out of order'))
  }
})

test('fields that contradict one another are neither written nor read', () => {
  const bytes32 = new Uint8Array(32)
  const inline = { kind: 'inline', bytes: utf8('four') } as const
  const wrong: Entry[] = [
    { ...file, content: inline },
    { ...file, size: 5, content: inline },
    { ...file, size: 513, content: { kind: 'inline', bytes: new Uint8Array(513) } },
    { ...file, size: 4 },
    { ...file, size: 4, trouble: [2] },
    { ...file, size: 9, content: { kind: 'extents', extents: [{ length: 8, ref: bytes32 }] } },
    { ...file, size: 4, content: { kind: 'list', level: 0, ref: bytes32, count: 0 } },
    { ...file, size: 4, content: inline, target: utf8('x') },
    { ...file, size: 4, content: inline, links: 2 },
    { ...file, size: 4, content: inline, linkGroup: new Uint8Array(8) },
    { ...file, size: 4, content: inline, device: { major: 1, minor: 2 } },
    { ...file, size: 4, content: inline, subtree: { ref: bytes32, entries: 0, bytes: 0 } },
    { ...file, kind: 'directory' },
    { ...file, kind: 'directory', trouble: [4], size: 1 },
    { ...file, kind: 'directory', trouble: [4], links: 2, linkGroup: new Uint8Array(8) },
    { ...file, kind: 'symlink' },
    { ...file, kind: 'symlink', target: utf8('x'), content: inline },
    { ...file, kind: 'char' },
    { ...file, kind: 'fifo', device: { major: 1, minor: 2 } },
    { ...file, kind: 'socket', size: 0 },
  ]
  for (const e of wrong) assert.throws(() => encodeEntry(new CborWriter(), e), AssertionFailed)
  const extent = (w: CborWriter) => w.array(1).array(2).uint(4).uint(1)
  const hostile: Record<number, (w: CborWriter) => unknown>[] = [
    { 1: (w) => w.uint(0) },
    { 1: (w) => w.uint(8) },
    { 2: (w) => w.uint(0o10000) },
    { 3: (w) => w.uint(2 ** 32) },
    { 7: (w) => w.uint(0) },
    { 12: (w) => w.uint(1) },
    { 15: (w) => w.uint(0) },
    { 16: (w) => w.array(0) },
    { 20: (w) => w.array(0) },
    { 20: (w) => w.array(2).uint(2).uint(1) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(5), 18: extent },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(0), 18: (w) => w.array(0) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(0), 18: (w) => w.array(1).array(2).uint(0).uint(1) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(4), 18: (w) => w.array(1).array(2).uint(4).uint(2) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(4), 18: (w) => w.array(1).array(3).uint(4).uint(1).uint(1) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(4), 18: (w) => w.array(1).array(3).uint(4).bytes(bytes32).uint(0) },
    { 1: (w) => w.uint(1), 11: (w) => w.uint(4), 18: (w) => w.array(1).array(2).uint(4).bytes(new Uint8Array(31)) },
    { 1: (w) => w.uint(5), 11: (w) => w.uint(0) },
    { 1: (w) => w.uint(6), 14: (w) => w.array(1).uint(0) },
    { 1: (w) => w.uint(2), 19: (w) => w.array(2).bytes(bytes32).uint(0) },
  ]
  assert.equal(read(forged({})).kind, 'fifo')
  assert.equal(read(forged({ 1: (w) => w.uint(1), 11: (w) => w.uint(4), 18: extent })).size, 4)
  for (const fields of hostile)
    assert.throws(() => read(forged(fields)), corruptAbout('node x'), Object.values(fields).join())
})

test('an entry without one of the fields that all have is refused', () => {
  for (const missing of [0, 1, 2, 3, 4, 7, 10]) {
    const w = new CborWriter().openMap()
    const r = new CborReader(forged({}), 'x')
    r.fields((key) => {
      const value = r.item()
      if (key !== missing) w.key(key).raw(value)
      return true
    })
    assert.throws(() => read(w.closeMap().finish()), corruptAbout('node x'))
  }
})

test('an entry has one encoding: defaults are left out, attributes and troubles are put in order', () => {
  const xattrs = ['user.b', 'user.a'].map((text) => ({ name: utf8(text), value: new Uint8Array() }))
  const w = new CborWriter()
  encodeEntry(w, { ...entryNamed('f'), links: 1, flags: 0, xattrs, trouble: [3, 2, 3] })
  const e = read(w.finish())
  assert.deepEqual(Object.keys(e).slice(7), ['xattrs', 'trouble'])
  assert.deepEqual(
    e.xattrs!.map((x) => Buffer.from(x.name).toString()),
    ['user.a', 'user.b'],
  )
  assert.deepEqual(e.trouble, [2, 3])
})

test('a file with more attributes than an entry holds is a limit that names it', () => {
  const xattrs = Array.from({ length: 16_385 }, (_, i) => ({ name: utf8(`user.${i}`), value: new Uint8Array() }))
  const isLimit = (e: unknown) => e instanceof BackupError && e.code === 'limit' && e.subject === 'f'
  assert.throws(() => encodeEntry(new CborWriter(), { ...entryNamed('f'), xattrs }), isLimit)
  const extents = Array.from({ length: 64 }, () => ({ length: 1, ref: new Uint8Array(32) }))
  const long = xattrs.slice(0, 900).map((x) => ({ name: x.name, value: { length: 64, extents } }))
  assert.throws(() => encodeEntry(new CborWriter(), { ...entryNamed('f'), xattrs: long }), isLimit)
})

test('times and sizes that no number holds do not end a backup in a bug', () => {
  const w = new CborWriter()
  encodeEntry(w, { ...entryNamed('f'), mtime: { sec: 2 ** 62, nsec: 5 }, ctime: { sec: -(2 ** 62), nsec: 0 } })
  const e = read(w.finish())
  assert.deepEqual([e.mtime.sec, e.ctime?.sec], [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER])
  const vast: Entry = { ...file, size: 2 ** 63, trouble: [1] }
  assert.throws(
    () => encodeEntry(new CborWriter(), vast),
    (e) => e instanceof BackupError && e.code === 'limit' && e.subject === 'f',
  )
})

test('a node of more items than allowed is refused before they are read', () => {
  const w = new CborWriter()
    .openMap()
    .key(0)
    .uint(0)
    .key(1)
    .array(NODE_ITEMS_MAX + 1)
  w.raw(new Uint8Array(NODE_ITEMS_MAX + 1).fill(0xa0))
  assert.throws(() => decodeTreeNode(w.closeMap().finish(), 'node x'), corruptAbout('at most 4096'))
  assert.throws(() => decodeTreeNode(new Uint8Array(8 * 1024 * 1024 + 1), 'node x'), corruptAbout('more than 8388608'))
  const empty = new CborWriter().openMap().key(0).uint(1).key(1).array(0).closeMap().finish()
  assert.throws(() => decodeTreeNode(empty, 'node x'), corruptAbout('without children'))
})
