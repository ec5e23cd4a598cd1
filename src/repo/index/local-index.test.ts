import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { MadeIndex, nameOf, packWith, someLocators, testPlace } from '../../../test/support/made-index.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { seededRng } from '../../base/random.ts'
import { readIndex } from './index-reading.ts'
import { LocalIndex } from './local-index.ts'
import type { LocalIndexOptions } from './local-index.ts'
import { UsablePacks } from './usable-packs.ts'

let scratch: string
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'holdfast-local-index-'))
})
after(() => rmSync(scratch, { recursive: true, force: true }))

const NONE: ReadonlySet<string> = new Set()

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
  const where = testPlace(scratch, { tableBlobsMax: 100_000 })
  const { index, found } = await filled(where)
  assert.equal(found.blobs.file, undefined)
  assert.deepEqual(readdirSync(where.folder), [])
  index.close()
})

test('segments that the file covers are not fetched again', async () => {
  const where = testPlace(scratch)
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
  const where = testPlace(scratch)
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
  const where = testPlace(scratch)
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
  const where = testPlace(scratch)
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
  const where = testPlace(scratch, { kept: false })
  const { index, locs, found } = await filled(where)
  assert.notEqual(found.blobs.file, undefined)
  assert.deepEqual(readdirSync(where.folder), [])
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  index.close()
})

test('where no file can be made the index is in memory, and it is said why', async () => {
  const where = testPlace(scratch, { folder: join(scratch, 'is-not-there') })
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
  const bad = testPlace(scratch, { folder: join(scratch, 'is-not-there') })
  const good = testPlace(scratch, { kept: false })
  const { index, locs, found } = await filled({ ...bad, places: [...bad.places, ...good.places] })
  assert.notEqual(found.blobs.file, undefined)
  assert.ok(locs.every((loc) => found.locate(loc) !== undefined))
  assert.deepEqual(bad.problems, [])
  index.close()
})

test('what a crash left of a file is cleared away later, and one that is being made is not', async () => {
  const where = testPlace(scratch)
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
  const where = testPlace(scratch)
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
  const { index, locs, found } = await filled(testPlace(scratch))
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
  const where = testPlace(scratch)
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
  const { index, locs, found } = await filled(testPlace(scratch))
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
  const hash = new URL('../../crypto/hash.ts', import.meta.url).href
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

test('of a blob that several packs of the file have every copy is given, and the one that is settled on stays', async () => {
  const where = testPlace(scratch)
  const rng = seededRng(21)
  const index = await MadeIndex.create()
  const [loc, ...others] = someLocators(90, rng) as [Uint8Array, ...Uint8Array[]]
  const packs = [0, 1, 2].map((i) => packWith([loc, ...others.slice(i * 29, i * 29 + 29)], rng))
  await index.put(packs)
  const found = await (await index.open(where)).readIndex(NONE)
  assert.notEqual(found.blobs.file, undefined)
  const located = found.locate(loc)!
  assert.equal(located.isContested, true)
  assert.notEqual(found.locate(others[0]!)?.isContested, true)
  const all = found.copies(loc)
  assert.deepEqual(all.map(({ block }) => block.pack.objectName).sort(), packs.map(nameOf).sort())
  const other = all.find(({ block }) => block.number !== located.block.number)!
  found.settle(loc, other)
  assert.equal(found.locate(loc)!.block.number, other.block.number)
  assert.notEqual(found.locate(loc)!.isContested, true)
  index.close()
})
