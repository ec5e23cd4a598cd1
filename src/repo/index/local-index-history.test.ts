import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { MadeIndex, nameOf, packWith, someLocators, testPlace } from '../../../test/support/made-index.ts'
import { seededRng } from '../../base/random.ts'
import type { Rng } from '../../base/random.ts'
import type { IndexedPack } from '../../format/index-segment.ts'
import type { LoadedIndex } from './loaded-index.ts'
import type { Repository } from '../repository.ts'

let scratch: string
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'holdfast-local-index-'))
})
after(() => rmSync(scratch, { recursive: true, force: true }))

const NONE: ReadonlySet<string> = new Set()

function some<T>(rng: Rng, of: readonly T[], count: number): T[] {
  return Array.from({ length: count }, () => of[Math.floor(rng() * of.length)]!)
}

/** That both indexes say the same of every blob, save for which of several copies is taken. */
function assertSame(
  found: LoadedIndex,
  plain: LoadedIndex,
  locs: readonly Uint8Array[],
  packs: readonly IndexedPack[],
  last: ReadonlySet<string>,
): void {
  const names = (index: LoadedIndex) => index.packs.map(({ objectName }) => objectName).sort()
  assert.deepEqual(names(found), names(plain))
  assert.deepEqual([...found.distrusted].sort(), [...plain.distrusted].sort())
  // Two blobs with the same first words count as one where the file counts them.
  if (firstWordsDiffer(locs)) assert.equal(found.blobCount, plain.blobCount)
  const blocks = (index: LoadedIndex) =>
    Array.from(index.blocks(), ({ pack, offset, storedLength, plainLength, codec, sid }) =>
      [pack.objectName, offset, storedLength, plainLength, codec, sid].join(' '),
    ).sort()
  assert.deepEqual(blocks(found), blocks(plain))
  for (const loc of locs) {
    const copies = copiesOf(loc, packs, new Set(names(plain)))
    const at = found.locate(loc)
    assert.equal(at === undefined, plain.locate(loc) === undefined)
    if (at === undefined) continue
    const { pack, offset } = at.block
    const copy = copies.find(
      ({ name, block, within }) => name === pack.objectName && block === offset && within === at.offset,
    )
    assert.ok(copy !== undefined, 'it is a place where the blob is')
    assert.equal(at.length, copy.length)
    assert.ok(!last.has(copy.name) || copies.every(({ name }) => last.has(name)), 'others come before those in `last`')
  }
  const claimed = (index: LoadedIndex) => locs.map((loc) => index.blobs.claim(loc))
  assert.deepEqual(claimed(found), claimed(plain))
}

function firstWordsDiffer(locs: readonly Uint8Array[]): boolean {
  return new Set(locs.map((loc) => Buffer.from(loc.subarray(0, 8)).toString('hex'))).size === locs.length
}

function copiesOf(loc: Uint8Array, packs: readonly IndexedPack[], counting: ReadonlySet<string>) {
  const copies: { name: string; block: number; within: number; length: number }[] = []
  for (const pack of packs) {
    if (!counting.has(nameOf(pack))) continue
    let block = 8
    for (const { locs, lengths, storedLength } of pack.blocks) {
      let within = 0
      for (let i = 0; i < lengths.length; i++) {
        if (Buffer.compare(loc, locs.subarray(i * 24, i * 24 + 24)) === 0) {
          copies.push({ name: nameOf(pack), block, within, length: lengths[i]! })
        }
        within += lengths[i]!
      }
      block += storedLength
    }
  }
  return copies
}

/** Segments come and go at random; whoever opens the repository then is given the same index with the file and without. */
async function runHistory(seed: number, disturb?: (folder: string, rng: Rng) => void): Promise<number> {
  const rng = seededRng(seed)
  const index = await MadeIndex.create()
  const where = testPlace(scratch)
  const pool = someLocators(120, rng, seed % 2 === 0 ? [0] : [0, 0, 0, 4, 8, 20])
  const packs: IndexedPack[] = []
  const segments: string[] = []
  let files = 0
  let long: Repository | undefined
  for (let step = 0; step < 12; step++) {
    for (let i = 0; i < 2 + rng() * 3; i++) {
      const fresh = Array.from({ length: 1 + Math.floor(rng() * 3) }, () =>
        packWith(some(rng, pool, 1 + Math.floor(rng() * 9)), rng),
      )
      packs.push(...fresh)
      const again = packs.length > 3 && rng() < 0.3 ? some(rng, packs, 1) : []
      const both = [...fresh, ...again.filter((pack) => !fresh.includes(pack))]
      const distrusted =
        rng() < 0.2
          ? both
              .filter(({ kind }) => kind === 'data')
              .slice(0, 1)
              .map(({ hash }) => hash)
          : []
      segments.push(await index.put(both, distrusted))
    }
    while (segments.length > 3 && rng() < 0.6) {
      const [gone] = segments.splice(Math.floor(rng() * segments.length), 1)
      await index.made.store.delete(gone!)
    }
    const condemned = rng() < 0.5 ? new Set(some(rng, packs, 3).map(nameOf)) : NONE
    const last = rng() < 0.5 ? new Set(some(rng, packs, 3).map(nameOf)) : NONE
    disturb?.(where.folder, rng)
    // A process that has gone on since an earlier step, or a new one.
    const repo = long !== undefined && rng() < 0.4 ? long : await index.open(where)
    if (rng() < 0.3) long = repo
    const found = await repo.readIndex(condemned, last)
    const plain = await (await index.open()).readIndex(condemned, last)
    if (found.blobs.file !== undefined) files++
    assertSame(found, plain, [...pool, ...someLocators(40, rng, [0])], packs, last)
  }
  assert.deepEqual(where.problems, [])
  index.close()
  return files
}

test('an index with a file says what one without it says, whatever segments came and went', async () => {
  let files = 0
  for (let seed = 1; seed <= 6; seed++) files += await runHistory(seed)
  assert.ok(files > 30, `${files} indexes had a file`)
})

test('a file that is damaged, cut short, empty or somebody else’s is made anew', async () => {
  let disturbed = 0
  const damage = (folder: string, rng: Rng) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      const { size } = statSync(path)
      if (size === 0 || rng() < 0.4) continue
      disturbed++
      const fd = openSync(path, 'r+')
      // In the part that is read when it is opened: damage elsewhere is for the next tests.
      if (rng() < 0.5) writeSync(fd, new Uint8Array(1).fill(7), 0, 1, Math.floor(rng() * 4000))
      else ftruncateSync(fd, Math.floor(rng() * 4096))
      closeSync(fd)
    }
  }
  for (let seed = 100; seed < 104; seed++) await runHistory(seed, damage)
  assert.ok(disturbed > 5)
})
