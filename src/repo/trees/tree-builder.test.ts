import assert from 'node:assert/strict'
import test from 'node:test'
import { secureRandom, seededRng } from '../../base/random.ts'
import { toHex } from '../../base/bytes.ts'
import { hash, initHashing, keyedHash } from '../../crypto/hash.ts'
import { decodeContentList } from '../../format/content-list.ts'
import type { Content, Entry } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import { decodeTreeNode, isLeaf } from '../../format/tree-node.ts'
import type { LeafNode, TreeNode } from '../../format/tree-node.ts'
import { BlobIndex } from '../index/blob-index.ts'
import { BlobKeys } from '../index/blob-keys.ts'
import { MetaSink } from '../packs/meta-sink.ts'
import type { MetaBundle } from '../packs/meta-sink.ts'
import { TreeBuilder } from './tree-builder.ts'

await initHashing()

const key = () => secureRandom(32)
const keys = new BlobKeys({ keyId: key(), keyLoc: key(), keyCdc: key() })

/** A builder and every blob that it has stored, by ref; what is known already is not stored again. */
function builderOf() {
  const blobs = new Map<string, Uint8Array>()
  const submit = ({ plain, lengths, refs }: MetaBundle) => {
    let at = 0
    for (const [i, length] of lengths.entries()) {
      blobs.set(toHex(refs.subarray(32 * i, 32 * i + 32)), plain.slice(at, at + length))
      at += length
    }
  }
  const sink = new MetaSink({ keys, index: BlobIndex.create(), bundleTarget: 1, submit })
  return { builder: new TreeBuilder(keys, sink), blobs, sink }
}

type Blobs = ReadonlyMap<string, Uint8Array>

const nodeOf = (blobs: Blobs, ref: Uint8Array): TreeNode => decodeTreeNode(blobs.get(toHex(ref))!, toHex(ref))

/** Leaves of a directory from left to right; checks what inner nodes say of them. */
function leavesOf(blobs: Blobs, ref: Uint8Array): LeafNode[] {
  const node = nodeOf(blobs, ref)
  if (isLeaf(node)) return [node]
  const leaves: LeafNode[] = []
  for (const child of node.children) {
    assert.equal(nodeOf(blobs, child.ref).level, node.level - 1)
    const below = leavesOf(blobs, child.ref)
    assert.deepEqual(Buffer.from(child.lastName), Buffer.from(below.at(-1)!.entries.at(-1)!.name))
    const entries = below.flatMap((leaf) => leaf.entries)
    assert.equal(child.entries, entries.length)
    assert.equal(
      child.bytes,
      entries.reduce((sum, { size = 0 }) => sum + size, 0),
    )
    leaves.push(...below)
  }
  return leaves
}

function fileNamed(name: string, text = 'x'): Entry {
  const bytes = Buffer.from(text)
  const content: Content = { kind: 'inline', bytes }
  const mtime = { sec: 1_700_000_000, nsec: 0 }
  const size = bytes.length
  return { name: Buffer.from(name), kind: 'file', mode: 0o644, uid: 0, gid: 0, mtime, ino: 1n, size, content }
}

const filesOf = (count: number): Entry[] => Array.from({ length: count }, (_, i) => fileNamed(`file ${100_000 + i}`))
const namesOf = (entries: readonly Entry[]) => entries.map(({ name }) => Buffer.from(name).toString())

/** Lengths of the leaves as docs/format.md, 6.1, cuts them when no entry is long. */
function plainLeafLengths(entries: readonly Entry[]): number[] {
  if (entries.length <= 512) return [entries.length]
  const lengths: number[] = []
  let count = 0
  for (const [i, { name }] of entries.entries()) {
    count++
    const first = new DataView(keyedHash(keys.split, name).buffer).getUint32(0, true)
    if ((count >= 128 && first % 512 === 0) || count === 4096 || i === entries.length - 1) {
      lengths.push(count)
      count = 0
    }
  }
  return lengths
}

test('directories are cut into leaves by their names alone, as the format says', () => {
  for (const count of [0, 1, 511, 512, 513, 3000, 20_000]) {
    const { builder, blobs } = builderOf()
    const entries = filesOf(count)
    const subtree = builder.directory(entries)
    const leaves = leavesOf(blobs, subtree.ref)
    assert.deepEqual(
      leaves.map((leaf) => leaf.entries.length),
      plainLeafLengths(entries),
      `${count} entries`,
    )
    assert.deepEqual(namesOf(leaves.flatMap((leaf) => leaf.entries)), namesOf(entries))
    assert.deepEqual([subtree.entries, subtree.bytes], [count, count])
  }
})

test('a leaf ends with 4,096 entries although no name ends it', () => {
  const { builder, blobs } = builderOf()
  // Names that do not end a leaf, taken from many.
  const quiet = filesOf(10_000)
    .filter(({ name }) => keyedHash(keys.split, name)[0] !== 0)
    .slice(0, 9000)
  const leaves = leavesOf(blobs, builder.directory(quiet).ref)
  assert.deepEqual(
    leaves.map((leaf) => leaf.entries.length),
    [4096, 4096, 808],
  )
})

test('a leaf ends when its entries have 1 MiB together, in directories of any size', () => {
  const xattrs = Array.from({ length: 64 }, (_, i) => ({ name: Buffer.from(`user.${i}`), value: new Uint8Array(1000) }))
  for (const count of [40, 600]) {
    const { builder, blobs } = builderOf()
    const leaves = leavesOf(blobs, builder.directory(filesOf(count).map((file) => ({ ...file, xattrs }))).ref)
    assert.ok(leaves.length >= count / 20, `${leaves.length} leaves`)
    assert.ok(leaves.slice(0, -1).every(({ entries }) => entries.length <= 17))
  }
})

test('one name that is changed, added or removed rewrites one leaf and the nodes above it', () => {
  const { builder, blobs } = builderOf()
  const entries = filesOf(60_000)
  builder.directory(entries)
  const rng = seededRng(7)
  for (let round = 0; round < 12; round++) {
    const at = Math.floor(rng() * entries.length)
    const changed =
      round % 3 === 0
        ? entries.with(at, fileNamed(namesOf([entries[at]!])[0]!, 'another text'))
        : round % 3 === 1
          ? entries.toSpliced(at + 1, 0, fileNamed(`${namesOf([entries[at]!])[0]!} too`))
          : entries.toSpliced(at, 1)
    const before = blobs.size
    const { ref } = builder.directory(changed)
    const levels = nodeOf(blobs, ref).level + 1
    // A name that ends a leaf, when it comes or goes, makes two leaves of one or one of two.
    assert.ok(blobs.size - before <= levels + 2, `${blobs.size - before} new nodes in a tree of ${levels} levels`)
    assert.equal(builder.directory(entries).entries, entries.length)
  }
})

test('up to 64 extents stay in the entry, more make a list that holds all of them', () => {
  const extents: Extent[] = Array.from({ length: 70_000 }, (_, i): Extent => {
    if (i % 50 === 0) return { length: 4096, fill: i % 100 === 0 ? 'zero' : 'hole' }
    return { length: 1000 + (i % 7), ref: hash(Buffer.from(`${i}`)), ...(i % 30 === 0 && { offset: i + 1 }) }
  })
  const { builder, blobs } = builderOf()
  assert.deepEqual(builder.content([]), { kind: 'inline', bytes: new Uint8Array(0) })
  assert.deepEqual(builder.content(extents.slice(0, 64)), { kind: 'extents', extents: extents.slice(0, 64) })
  for (const count of [65, 1000, 1025, 70_000]) {
    const content = builder.content(extents.slice(0, count))
    assert.ok(content.kind === 'list' && content.count === count)
    const found = extentsBelow(blobs, content.ref, content.level)
    assert.equal(found.length, count)
    assert.deepEqual(JSON.stringify(found), JSON.stringify(extents.slice(0, count)))
  }
  const before = blobs.size
  const removed = builder.content(extents.toSpliced(35_000, 1))
  assert.ok(removed.kind === 'list')
  assert.ok(blobs.size - before <= removed.level + 3, `${blobs.size - before} new nodes`)
})

/** Extents below a list node; checks the totals on the way. */
function extentsBelow(blobs: Blobs, ref: Uint8Array, level: number): Extent[] {
  const node = decodeContentList(blobs.get(toHex(ref))!, 'list')
  assert.equal(node.level, level)
  if ('extents' in node) return [...node.extents]
  return node.children.flatMap((child) => {
    const below = extentsBelow(blobs, child.ref, level - 1)
    assert.equal(child.extents, below.length)
    assert.equal(
      child.bytes,
      below.reduce((sum, { length }) => sum + length, 0),
    )
    return below
  })
}

test('totals stop at what an integer of the format says', () => {
  const { builder, blobs } = builderOf()
  const hole = { length: Number.MAX_SAFE_INTEGER, fill: 'hole' as const }
  const content: Content = { kind: 'extents', extents: [hole] }
  const sparse = filesOf(600).map((file): Entry => ({ ...file, size: Number.MAX_SAFE_INTEGER, content }))
  const subtree = builder.directory(sparse)
  assert.equal(subtree.bytes, Number.MAX_SAFE_INTEGER)
  assert.ok(nodeOf(blobs, subtree.ref) !== undefined)
})

test('entries out of order are a bug that does not reach the repository', () => {
  const { builder, blobs } = builderOf()
  assert.throws(() => builder.directory([fileNamed('b'), fileNamed('a')]), /ascend by name/)
  assert.throws(() => builder.directory(filesOf(600).toReversed()), /ascend by name/)
  assert.equal(blobs.size, 0)
})
