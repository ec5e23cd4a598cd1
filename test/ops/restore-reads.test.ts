// What a restore reads: each block once, neighbours together, nothing that nobody needs.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { utf8 } from '../../src/base/bytes.ts'
import type { Content, Entry } from '../../src/format/entry-model.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import { HandmadeSnapshot } from '../support/handmade-snapshot.ts'
import { tempFolder } from '../support/temp-folder.ts'

const PACK = `data/00/${'0'.repeat(64)}`

/** Files of 600 bytes and more, so many in a block, all blocks in one pack in the order of the files. */
async function manyFiles(blocks: number, perBlock: number) {
  const snapshot = await HandmadeSnapshot.create()
  const entries: Entry[] = []
  for (let b = 0; b < blocks; b++) {
    const blobs = Array.from({ length: perBlock }, (_, i) => {
      const blob = Buffer.alloc(600 + (i % 7), `${b}.${i} `)
      return blob
    })
    for (const [i, ref] of snapshot.block(blobs, PACK).entries()) {
      const content: Content = { kind: 'extents', extents: [{ length: blobs[i]!.length, ref }] }
      entries.push(snapshot.file(`f${String(b * perBlock + i).padStart(6, '0')}`, content))
    }
  }
  return { snapshot, entries }
}

function bytesRead(snapshot: HandmadeSnapshot): number {
  return snapshot.reads.reduce((sum, { length = 0 }) => sum + length, 0)
}

for (const [blocks, perBlock] of [
  [100, 13],
  [3, 1500],
] as const) {
  test(`${blocks} blocks of ${perBlock} files are each read once`, async (t) => {
    const { snapshot, entries } = await manyFiles(blocks, perBlock)
    const target = tempFolder(t, 'reads')
    const root = snapshot.root(entries)
    const result = await restore({ repo: snapshot, root, path: utf8('/source'), target, threads: 0 })
    assert.equal(result.partial, false)
    assert.equal(readdirSync(target).length, entries.length)
    assert.equal(bytesRead(snapshot), snapshot.packs.get(PACK)!.length - 8)
    assert.ok(snapshot.reads.length < blocks, `${snapshot.reads.length} requests`)
  })
}

test('a file is read without the blocks of the others, and nothing is read for files that are there', async (t) => {
  const { snapshot, entries } = await manyFiles(20, 10)
  const target = tempFolder(t, 'reads')
  const root = snapshot.root(entries)
  const only = utf8(`/source/${Buffer.from(entries[105]!.name).toString()}`)
  await restore({ repo: snapshot, root, path: only, target, threads: 0 })
  assert.equal(snapshot.reads.length, 1)
  assert.ok(bytesRead(snapshot) < snapshot.packs.get(PACK)!.length / 10)
  await restore({ repo: snapshot, root, path: utf8('/source'), target, threads: 0 })
  snapshot.reads.length = 0
  const again = await restore({ repo: snapshot, root, path: utf8('/source'), target, threads: 0 })
  assert.equal(again.counts.unchanged, entries.length)
  assert.deepEqual(snapshot.reads, [])
})

test('files with the same content share one read of it', async (t) => {
  const snapshot = await HandmadeSnapshot.create()
  const blob = Buffer.alloc(100_000, 'same')
  const [ref] = snapshot.block([blob], PACK)
  const content: Content = { kind: 'extents', extents: [{ length: blob.length, ref: ref! }] }
  const twice: Content = { kind: 'extents', extents: [0, 1].map(() => ({ length: blob.length, ref: ref! })) }
  const entries = Array.from({ length: 50 }, (_, i) => snapshot.file(`f${10 + i}`, i % 2 === 0 ? content : twice))
  const target = tempFolder(t, 'reads')
  const root = snapshot.root(entries)
  const result = await restore({ repo: snapshot, root, path: utf8('/source'), target, threads: 0 })
  assert.equal(result.counts.bytes, 75 * blob.length)
  assert.equal(snapshot.reads.length, 1)
})
