import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { entries } from '../../test/support/format-arbitraries.ts'
import { utf8 } from '../base/bytes.ts'
import { CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { encodeEntry } from './entry.ts'
import type { Entry } from './entry.ts'
import { decodeFreshNode, KnownEntries } from './known-entries.ts'
import type { FreshLeaf } from './known-entries.ts'
import { endsOf } from './node-order.ts'
import { decodeTreeNode, isLeaf } from './tree-node.ts'

const fields = { kind: 'fifo', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1_700_000_000, nsec: 2 } } as const
const entryNamed = (text: string, ino = 3n, user = 'ada'): Entry => ({ ...fields, name: utf8(text), ino, user })

/** A leaf, whatever the order of its entries. */
function leafOf(list: readonly Entry[]): Uint8Array {
  const w = new CborWriter().openMap().key(0).uint(0).key(1).array(list.length)
  for (const entry of list) encodeEntry(w, entry)
  return w.closeMap().finish()
}

/** Reads a leaf and keeps what is fresh. */
function read(known: KnownEntries, bytes: Uint8Array): FreshLeaf {
  const leaf = decodeFreshNode(bytes, 'node x', known)
  assert.ok('fresh' in leaf)
  for (const each of leaf.fresh) known.add(leaf, each)
  return leaf
}

const namesOf = ({ fresh }: FreshLeaf): string[] => fresh.map(({ entry }) => Buffer.from(entry.name).toString())

test('what was kept is passed over where the same bytes come again, and all else is read as it is', () => {
  const known = new KnownEntries()
  const list = Array.from({ length: 300 }, (_, i) => entryNamed(`file ${1000 + i}`, BigInt(i)))
  assert.equal(namesOf(read(known, leafOf(list))).length, 300)
  assert.deepEqual(namesOf(read(known, leafOf(list))), [])
  const changed = list
    .with(7, entryNamed('file 1007', 9n))
    .toSpliced(100, 2)
    .toSpliced(200, 0, entryNamed('file 1201b'))
  const leaf = read(known, leafOf(changed))
  assert.deepEqual(namesOf(leaf), ['file 1007', 'file 1201b'])
  assert.deepEqual([leaf.fresh[0]!.entry.ino, leaf.count], [9n, 299])
  assert.deepEqual(namesOf(read(known, leafOf(changed.slice(50)))), [])
  assert.deepEqual(namesOf(read(known, leafOf([]))), [])
})

test('a leaf gives the entries that are not known, and is refused where any reader refuses it', () => {
  fc.assert(
    fc.property(
      fc.array(entries, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (lists, at, flip) => {
        const known = new KnownEntries()
        const kept = new Set<string>()
        for (const list of [...lists, ...lists]) {
          for (const bytes of [leafOf(list), flipped(leafOf(list), at, flip)]) {
            const whole = attempt(() => decodeTreeNode(bytes, 'node x'))
            const found = attempt(() => decodeFreshNode(bytes, 'node x', known))
            if (whole instanceof BackupError || found instanceof BackupError) {
              assert.deepEqual([codeOf(found), codeOf(whole)], ['corrupt', 'corrupt'])
              continue
            }
            if (!isLeaf(whole) || !('fresh' in found)) return assert.deepEqual(found, whole)
            assert.equal(found.count, whole.entries.length)
            const { level, first, last } = found
            assert.deepEqual({ level, first, last }, endsOf(whole))
            const encoded = whole.entries.map((entry) => Buffer.from(leafOf([entry])).toString('hex'))
            for (const { entry } of found.fresh) assert.ok(whole.entries.some((each) => isSame(each, entry)))
            const fresh = new Set(found.fresh.map(({ entry }) => Buffer.from(leafOf([entry])).toString('hex')))
            for (const each of encoded) assert.ok(fresh.has(each) || kept.has(each))
            for (const each of found.fresh) known.add(found, each)
            for (const each of encoded) kept.add(each)
          }
        }
      },
    ),
    { numRuns: 15 },
  )
})

test('entries that are known are in the wrong order all the same', () => {
  const known = new KnownEntries()
  const [a, b] = [entryNamed('a'), entryNamed('b')]
  read(known, leafOf([a, b]))
  const refused = { code: 'corrupt', message: /out of order.*node x/ }
  assert.throws(() => read(known, leafOf([b, a])), refused)
  assert.throws(() => read(known, leafOf([a, a])), refused)
  assert.throws(() => read(known, leafOf([entryNamed('c'), b])), refused)
})

test('a leaf that ends within an entry that is known is refused', () => {
  const known = new KnownEntries()
  const bytes = leafOf([entryNamed('a'), entryNamed('b')])
  read(known, bytes)
  for (let end = 1; end < bytes.length; end++) {
    assert.throws(() => read(known, bytes.subarray(0, end)), { code: 'corrupt' })
  }
})

test('of more than there is room for the oldest are read again, and long ones each time', () => {
  const known = new KnownEntries()
  // Nearly as long as an entry may be that is kept: 16 MiB have room for about 4,300 of them.
  const target = (i: number, length: number): Entry => {
    const name = utf8(`link ${100_000 + i}`)
    return {
      ...fields,
      kind: 'symlink',
      name,
      ino: BigInt(i),
      target: new Uint8Array(length).fill(1 + (i % 255)),
      size: length,
    }
  }
  const leaves = Array.from({ length: 60 }, (_, at) =>
    leafOf(Array.from({ length: 100 }, (_, i) => target(at * 100 + i, 3800))),
  )
  for (const leaf of leaves) assert.equal(read(known, leaf).fresh.length, 100)
  assert.equal(read(known, leaves[59]!).fresh.length, 0)
  assert.equal(read(known, leaves[30]!).fresh.length, 0)
  assert.equal(read(known, leaves[0]!).fresh.length, 100)
  const long = leafOf([target(0, 4095)])
  assert.deepEqual([read(known, long).fresh.length, read(known, long).fresh.length], [1, 1])
})

function flipped(bytes: Uint8Array, at: number, flip: number): Uint8Array {
  return bytes.with(at % bytes.length, bytes[at % bytes.length]! ^ flip)
}

function attempt<T>(step: () => T): T | BackupError {
  try {
    return step()
  } catch (error) {
    if (error instanceof BackupError) return error
    throw error
  }
}

function codeOf(found: unknown): unknown {
  return found instanceof BackupError ? found.code : 'read'
}

function isSame(a: Entry, b: Entry): boolean {
  return Buffer.compare(leafOf([a]), leafOf([b])) === 0
}
