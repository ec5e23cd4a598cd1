import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initHashing } from '../../crypto/hash.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { PackKind } from '../../format/names.ts'
import { Copies } from './copies.ts'
import { PackTable, STANDING } from './pack-table.ts'
import type { PackInfo, Standing } from './pack-table.ts'

await initHashing()

/** One blob in a pack of each of these standings; the first of them was read by the walk. */
function scene(kind: PackKind, ...standings: readonly Standing[]) {
  const packs = new PackTable()
  const copies = new Copies(() => packs)
  const infos = standings.map((standing, i) => {
    const locs = new Uint8Array(LOCATOR_SIZE).fill(7)
    const block = { storedLength: 140, plainLength: 100, codec: 0, session: 0, locs, lengths: Uint32Array.of(100) }
    const hash = new Uint8Array(32).fill(i)
    const info = packs.add({ kind, hash, size: 1000, blocks: [block] }, [new Uint8Array(16)], STANDING.sound)!
    return Object.assign(info, { standing })
  })
  packs.blobs.choose(0)
  packs.blobs.need(0)
  packs.blobs.verify(0)
  copies.prefer(() => false)
  const isLive = (info: PackInfo) => copies.isLive(info.firstBlock, info)
  return { packs, copies, infos, isLive: infos.map(isLive) }
}

for (const kind of ['data', 'meta'] as const) {
  test(`a copy does not go for one that others are about to delete, going by the first: ${kind}`, () => {
    const { isLive } = scene(kind, STANDING.condemnedByOthers, STANDING.condemned)
    assert.ok(isLive[1])
  })

  test(`what cannot be opened does not go either for a copy that others are about to delete: ${kind}`, () => {
    assert.deepEqual(scene(kind, STANDING.condemnedByOthers, STANDING.closed).isLive, [true, true])
  })

  test(`a copy goes for one that was read, is there to stay and can be opened, and for no other: ${kind}`, () => {
    assert.deepEqual(scene(kind, STANDING.sound, STANDING.sound).isLive, [true, false])
    assert.deepEqual(scene(kind, STANDING.sound, STANDING.condemned).isLive, [true, false])
    assert.deepEqual(scene(kind, STANDING.sound, STANDING.unindexed).isLive, [true, false])
    assert.deepEqual(scene(kind, STANDING.unindexed, STANDING.unindexed).isLive, [true, true])
    // Of two that both go one is copied.
    assert.deepEqual(scene(kind, STANDING.condemned, STANDING.condemned).isLive, [true, false])
    // The one that stays was not read.
    assert.deepEqual(scene(kind, STANDING.condemned, STANDING.sound).isLive, [true, true])
    assert.deepEqual(scene(kind, STANDING.missing, STANDING.sound).isLive, [false, true])
    // Its keys may be repaired.
    assert.deepEqual(scene(kind, STANDING.closed, STANDING.sound).isLive, [true, true])
    assert.deepEqual(scene(kind, STANDING.sound, STANDING.closed).isLive, [true, false])
  })
}

test('a block that was copied is not needed any more as long as the copy stays', () => {
  const { packs, copies, infos, isLive } = scene('data', STANDING.condemned, STANDING.sound)
  assert.deepEqual(isLive, [true, true])
  const [old, copy] = infos as [PackInfo, PackInfo]
  copies.noteCopied(old.firstBlock, copy.firstBlock)
  assert.ok(!copies.isLive(old.firstBlock, old))
  assert.ok(packs.blobs.isVerified(1), 'what was compared is the same in a copy')
  copy.standing = STANDING.condemnedByOthers
  assert.ok(copies.isLive(old.firstBlock, old))
})
