import assert from 'node:assert/strict'
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { MadeIndex, packWith, someLocators } from '../../test/support/made-index.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import type { BackupError } from '../base/errors.ts'
import { seededRng } from '../base/random.ts'
import type { Rng } from '../base/random.ts'
import type { IndexedPack } from '../format/index-segment.ts'
import { packName } from '../format/names.ts'
import { readIndex } from './index-reading.ts'
import type { LoadedIndex } from './loaded-index.ts'
import { LocalIndex } from './local-index.ts'
import type { LocalIndexOptions, LocalIndexPlace } from './local-index.ts'
import type { Repository } from './repository.ts'
import { UsablePacks } from './usable-packs.ts'

let scratch: string
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'holdfast-local-index-'))
})
after(() => rmSync(scratch, { recursive: true, force: true }))

const NONE: ReadonlySet<string> = new Set()

interface TestPlace extends LocalIndexOptions {
  readonly folder: string
  readonly problems: BackupError[]
}

/** A folder of its own; files are made of a handful of blobs, in runs of a few. */
function place(over: Partial<LocalIndexPlace> & Pick<LocalIndexOptions, 'tableBlobsMax'> = {}): TestPlace {
  const { folder = mkdtempSync(join(scratch, 'x-')), kept = true, tableBlobsMax = 60 } = over
  const problems: BackupError[] = []
  const onProblem = (problem: BackupError) => problems.push(problem)
  return { folder, problems, onProblem, places: [{ folder, kept }], tableBlobsMax, runEntries: 16 }
}

function nameOf({ kind, hash }: IndexedPack): string {
  return packName(kind, hash)
}

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
  const where = place()
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

async function filled(where: LocalIndexOptions, seed = 5) {
  const rng = seededRng(seed)
  const index = await MadeIndex.create()
  const locs = someLocators(400, rng)
  const packs = Array.from({ length: 20 }, (_, i) => packWith(locs.slice(i * 20, i * 20 + 20), rng))
  for (let i = 0; i < packs.length; i += 4) await index.put(packs.slice(i, i + 4))
  const repo = await index.open(where)
  return { index, locs, packs, repo, found: await repo.readIndex(NONE) }
}

test('below the threshold nothing is written', async () => {
  const where = place({ tableBlobsMax: 100_000 })
  const { index, found } = await filled(where)
  assert.equal(found.blobs.file, undefined)
  assert.deepEqual(readdirSync(where.folder), [])
  index.close()
})

test('segments that the file covers are not fetched again', async () => {
  const where = place()
  const { index, locs } = await filled(where)
  const repo = await index.open(where)
  const { store } = repo
  const get = store.get.bind(store)
  const fetched: string[] = []
  store.get = (name, range) => {
    fetched.push(name)
    return get(name, range)
  }
  const found = await repo.readIndex(NONE)
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  assert.deepEqual(
    fetched.filter((name) => name.startsWith('index/')),
    [],
  )
  index.close()
})

test('a damaged page: what it had is stored again, a reader is told, and the next one makes the file anew', async () => {
  const where = place()
  const { index, locs, found } = await filled(where)
  const [name] = readdirSync(where.folder)
  const path = join(where.folder, name!)
  // Every page of the blocks, which begin after the first 4 KiB.
  const fd = openSync(path, 'r+')
  for (let at = 4096; at < found.blobs.file!.handle.sorted.at; at += 4096) writeSync(fd, new Uint8Array(64), 0, 64, at)
  closeSync(fd)
  const repo = await index.open(where)
  const damaged = await repo.readIndex(NONE)
  assert.throws(() => damaged.locate(locs[0]!), { code: 'corrupt', subject: path, message: /cannot be used/ })
  assert.deepEqual(readdirSync(where.folder), [])
  for (const loc of locs) assert.equal(damaged.blobs.claim(loc), true)
  const healed = await (await index.open(where)).readIndex(NONE)
  assert.ok(locs.every((loc) => healed.locate(loc) !== undefined))
  assert.equal(readdirSync(where.folder).length, 1)
  index.close()
})

test('a file is made anew from the segments when the old one turns out to be damaged', async () => {
  const where = place()
  const { index, locs, found, packs } = await filled(where)
  const [name] = readdirSync(where.folder)
  const fd = openSync(join(where.folder, name!), 'r+')
  writeSync(fd, new Uint8Array(64), 0, 64, 4096 + 100)
  closeSync(fd)
  const rng = seededRng(77)
  const more = someLocators(200, rng)
  for (let i = 0; i < 200; i += 20) packs.push(packWith(more.slice(i, i + 20), rng))
  await index.put(packs.slice(20))
  const repo = await index.open(where)
  const healed = await repo.readIndex(NONE)
  assert.ok([...locs, ...more].every((loc) => healed.locate(loc) !== undefined))
  assert.ok(healed.blobs.file!.end > found.blobs.file!.end)
  assert.deepEqual(where.problems, [])
  index.close()
})

test('a file under another key has another name and is left alone', async () => {
  const where = place()
  const { index, locs } = await filled(where)
  const other = await index.open()
  const { id: repoId, domain } = other
  other.localIndex = new LocalIndex(where, { repoId, domainId: domain.id, localKey: new Uint8Array(32), suite: 1 })
  const found = await other.readIndex(NONE)
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  assert.equal(readdirSync(where.folder).length, 2)
  other.localIndex.close()
  index.close()
})

test('a file that is not kept has no name', async () => {
  const where = place({ kept: false })
  const { index, locs, found } = await filled(where)
  assert.notEqual(found.blobs.file, undefined)
  assert.deepEqual(readdirSync(where.folder), [])
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  index.close()
})

test('where no file can be made the index is in memory, and it is said why', async () => {
  const where = place({ folder: join(scratch, 'is-not-there') })
  const { index, locs, found } = await filled(where)
  assert.equal(found.blobs.file, undefined)
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  assert.deepEqual(
    where.problems.map(({ subject }) => subject),
    [where.folder],
  )
  index.close()
})

test('where the first place is of no use the file lies in the next', async () => {
  const bad = place({ folder: join(scratch, 'is-not-there') })
  const good = place({ kept: false })
  const { index, locs, found } = await filled({ ...bad, places: [...bad.places, ...good.places] })
  assert.notEqual(found.blobs.file, undefined)
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  assert.deepEqual(bad.problems, [])
  index.close()
})

test('what a crash left of a file is cleared away later, and one that is being made is not', async () => {
  const where = place()
  const { index } = await filled(where)
  const [name] = readdirSync(where.folder)
  rmSync(join(where.folder, name!))
  const left = join(where.folder, `${name}.new0`)
  const made = join(where.folder, `${name}.new1`)
  for (const path of [left, made]) writeFileSync(path, 'unfinished')
  const old = Date.now() / 1000 - 7200
  utimesSync(left, old, old)
  await (await index.open(where)).readIndex(NONE)
  assert.deepEqual(readdirSync(where.folder).sort(), [name, `${name}.new1`])
  index.close()
})

test('processes that make the file at once do not disturb one another', async () => {
  const where = place()
  const { index, locs } = await filled(where)
  for (const name of readdirSync(where.folder)) rmSync(join(where.folder, name))
  const repos = await Promise.all(Array.from({ length: 4 }, () => index.open(where)))
  const found = await Promise.all(repos.map((repo) => repo.readIndex(NONE)))
  for (const each of found) {
    assert.notEqual(each.blobs.file, undefined)
    assert.ok(locs.every((loc) => each.locate(loc) !== undefined))
  }
  assert.equal(readdirSync(where.folder).length, 1)
  index.close()
})

test('a blob is forgotten and placed again although the file has it', async () => {
  const { index, locs, found } = await filled(place())
  const [loc] = locs as [Uint8Array]
  found.forget(loc)
  assert.equal(found.locate(loc), undefined)
  assert.equal(found.blobs.claim(loc), false)
  const pack = packWith([loc], seededRng(3))
  found.addPack(pack, [new Uint8Array(16), new Uint8Array(16)])
  assert.equal(found.locate(loc)!.block.pack.objectName, nameOf(pack))
  index.close()
})

test('of a pack of which two writers say different things the one counts that is relied on', async () => {
  const where = place()
  const rng = seededRng(9)
  const index = await MadeIndex.create()
  const [truth, lie] = [someLocators(30, rng), someLocators(30, rng)]
  const pack = packWith(truth, rng)
  const lies = { ...packWith(lie, rng), kind: pack.kind, hash: pack.hash }
  await index.put([pack, packWith(someLocators(50, rng), rng)], [], 'ant')
  await index.put([lies], [], 'eve')
  const wids = { ant: toHex((await index.writer('ant')).wid), eve: toHex((await index.writer('eve')).wid) }
  for (const [relied, said, other] of [
    ['ant', truth, lie],
    ['eve', lie, truth],
  ] as const) {
    const repo = await index.open(where)
    const usable = await UsablePacks.of(repo, { wid: fromHex(wids[relied])!, trust: 'own+attested' })
    const found = await readIndex(repo, { condemned: NONE, usable })
    assert.notEqual(found.blobs.file, undefined)
    assert.ok(said.every((loc) => found.locate(loc)?.block.pack.objectName === nameOf(pack)))
    assert.ok(other.every((loc) => found.locate(loc) === undefined && found.blobs.claim(loc)))
  }
  // A revoked writer is believed where nobody else says anything, which is for readers alone.
  const reader = await index.open(where)
  reader.trust.revoked = async () => new Map([[wids.eve, [] as never]])
  const found = await reader.readIndex(NONE)
  assert.ok(truth.every((loc) => found.locate(loc) !== undefined))
  assert.ok(lie.every((loc) => found.locate(loc) === undefined))
  index.close()
})

test('threads that claim at once store each new blob once and nothing that the file has', async () => {
  const { index, locs, found } = await filled(place())
  const fresh = someLocators(5000, seededRng(11))
  const all = new Uint8Array(Buffer.concat([...locs, ...fresh]))
  found.blobs.reserve(20_000)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    Promise.all([import(workerData.hash), import(workerData.module)]).then(async ([{ initHashing }, { BlobIndex }]) => {
      await initHashing()
      const index = BlobIndex.attach(workerData.handle)
      const won = []
      for (let at = 0; at < workerData.all.length; at += 24) if (index.claim(workerData.all, at)) won.push(at / 24)
      parentPort.postMessage(won)
    })`
  const module = new URL('./blob-index.ts', import.meta.url).href
  const hash = new URL('../crypto/hash.ts', import.meta.url).href
  const won = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<number[]>((resolve, reject) => {
          const worker = new Worker(source, {
            eval: true,
            workerData: { module, hash, all, handle: found.blobs.handle },
          })
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  assert.deepEqual(
    won.flat().sort((a, b) => a - b),
    fresh.map((_, i) => locs.length + i),
  )
  index.close()
})
