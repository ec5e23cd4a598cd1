// What each role can do with a repository and what it cannot: by the real code, with the key of that role.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { compareBytes, fromHex } from '../../src/base/bytes.ts'
import { BackupError, reasonsOf } from '../../src/base/errors.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { planName } from '../../src/format/names.ts'
import { contentOf } from '../../src/ops/cat.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { listTree } from '../../src/ops/ls.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { Repository } from '../../src/repo/repository.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, readTree, ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024
const NOW = { sec: 1_790_000_000, nsec: 0 }

interface Scene {
  readonly scratch: ScratchRepository
  readonly source: string
  readonly file: (name: string) => string
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = tempFolder(t)
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  const file = (name: string) => join(source, name)
  writeFileSync(file('small'), 'small '.repeat(1000))
  writeFileSync(file('sub/other'), 'other '.repeat(2000))
  // More extents than an entry holds: its content is a list.
  writeFileSync(file('large'), secureRandom(9 * MIB))
  return { scratch: await ScratchRepository.create(folder, { packSize: MIB }), source, file }
}

const isWrongKey = (error: unknown) => error instanceof BackupError && error.code === 'wrong-key'

test('a machine that may only write makes backups, and what has not changed is not read or stored again', async (t) => {
  const { scratch, source, file } = await scene(t)
  const credential = await scratch.addRole('write')
  const state = memoryState()
  const first = await backUp(scratch, [source], { repository: await scratch.openWith(credential), state })
  assert.deepEqual(first.problems, [])
  assert.equal(first.body.stats.newFiles, 3)
  writeFileSync(file('sub/new'), 'new '.repeat(1000))
  const second = await backUp(scratch, [source], { repository: await scratch.openWith(credential), state })
  assert.deepEqual([second.body.stats.newFiles, second.body.stats.unchangedFiles], [1, 3])
  assert.deepEqual([...second.body.parent!], [...Buffer.from(first.snapshot.id, 'hex')])
  const third = await backUp(scratch, [source], { repository: await scratch.openWith(credential), state })
  assert.deepEqual([third.body.stats.unchangedFiles, third.body.stats.newBlobs], [4, 0])
  // Without what it has kept it reads everything once more, and uploads nothing.
  const lost = await backUp(scratch, [source], { repository: await scratch.openWith(credential) })
  assert.deepEqual([lost.body.stats.unchangedFiles, lost.body.stats.newBlobs], [0, 0])
  // The administrator reads it all.
  const [content] = await scratch.readAll(3)
  assert.equal(content![file('sub/new')], fileWith('new '.repeat(1000)))
})

test('what it has kept is of no use to another key, and what is damaged of it is as good as lost', async (t) => {
  const { scratch, source } = await scene(t)
  const [one, other] = [await scratch.addRole('write'), await scratch.addRole('write')]
  const state = memoryState()
  const kept = new Map<string, Uint8Array>()
  const watched = { ...state, write: async (name: string, bytes: Uint8Array) => void kept.set(name, bytes) }
  await backUp(scratch, [source], {
    repository: await scratch.openWith(one),
    state: { ...watched, write: async (name, bytes) => (kept.set(name, bytes), state.write(name, bytes)) },
  })
  const trees = [...kept].filter(([name]) => name.includes('.tree'))
  assert.ok(trees.length >= 2)
  for (const [, bytes] of trees) assert.ok(!Buffer.from(bytes).includes('small'), 'names are in the clear')
  const byOther = await backUp(scratch, [source], { repository: await scratch.openWith(other), state })
  assert.equal(byOther.body.stats.unchangedFiles, 0)
  for (const [name, bytes] of trees) {
    const damaged = bytes.slice()
    damaged[damaged.length >> 1]! ^= 1
    await state.write(name, damaged)
    const again = await backUp(scratch, [source], { repository: await scratch.openWith(one), state })
    assert.deepEqual(again.problems, [], name)
    assert.equal(again.body.stats.newBlobs, 0)
  }
  assert.equal((await scratch.readAll()).length, 2 + trees.length)
})

test('what is gone from the repository is stored again, whatever the machine remembers', async (t) => {
  const { scratch, source, file } = await scene(t)
  const credential = await scratch.addRole('write')
  const state = memoryState()
  await backUp(scratch, [source], { repository: await scratch.openWith(credential), state })
  rmSync(join(scratch.location, 'data'), { recursive: true })
  const again = await backUp(scratch, [source], { repository: await scratch.openWith(credential), state })
  assert.ok(again.body.stats.newBlobs > 3)
  const [content] = await scratch.readAll(1)
  assert.equal(content![file('small')], fileWith('small '.repeat(1000)))
})

test('a machine that may only write reads nothing of what is stored', async (t) => {
  const { scratch, source } = await scene(t)
  await backUp(scratch, [source])
  const credential = await scratch.addRole('write')
  await backUp(scratch, [source], { repository: await scratch.openWith(credential) })
  const repo = await scratch.openWith(credential)
  await assert.rejects(repo.snapshots(), isWrongKey)
  await assert.rejects(repo.findSnapshot('latest'), isWrongKey)
  const [{ body }] = (await (await scratch.open()).snapshots()) as [Awaited<ReturnType<Repository['snapshots']>>[0]]
  await assert.rejects(repo.readNode(body.root, true), isWrongKey)
  for (const domain of repo.bundle.domains) {
    assert.deepEqual([domain.dataPrivate, domain.metaPrivate, repo.bundle.rootSeed], [undefined, undefined, undefined])
  }
})

test('who maintains sees names and trees, and reads no file, however small', async (t) => {
  const { scratch, source, file } = await scene(t)
  writeFileSync(file('passphrase'), 'hunter2')
  writeFileSync(file('empty'), '')
  await backUp(scratch, [source])
  const repo = await scratch.openWith(await scratch.addRole('maintain'))
  const [snapshot] = await repo.snapshots()
  assert.deepEqual(
    snapshot!.body.sources.map((path) => Buffer.from(path).toString()),
    [source],
  )
  await assert.rejects(readTree(repo, snapshot!.body.root), isWrongKey)
  const files: Entry[] = []
  const onEntry = (_path: Uint8Array, entry: Entry) =>
    void (entry.kind === 'file' && files.push(structuredClone(entry)))
  await listTree({ reader: repo, root: snapshot!.body.root, path: new Uint8Array(0), recursive: true, onEntry })
  assert.equal(files.length, 5)
  for (const entry of files.filter(({ size }) => size !== 0)) {
    await assert.rejects(async () => {
      for await (const _ of contentOf(repo, entry, 'a file')) break
    }, isWrongKey)
  }
})

test('who reads restores everything, and makes backups of its own', async (t) => {
  const { scratch, source, file } = await scene(t)
  await backUp(scratch, [source])
  const credential = await scratch.addRole('read')
  const repo = await scratch.openWith(credential)
  const [snapshot] = await repo.snapshots()
  assert.equal((await readTree(repo, snapshot!.body.root))[file('small')], fileWith('small '.repeat(1000)))
  const own = await backUp(scratch, [source], { repository: await scratch.openWith(credential) })
  assert.equal(own.body.stats.unchangedFiles, 3)
})

test('a machine that may only write condemns nothing, and keeps nobody from making backups', async (t) => {
  const { scratch, source } = await scene(t)
  await backUp(scratch, [source])
  const hostile = await scratch.openWith(await scratch.addRole('write'))
  const { seed } = hostile.bundle.writer!
  const hashes = hostile.index.packs.map(({ objectName }) => fromHex(objectName.slice(-64))!)
  const plan = { pid: secureRandom(16), dataPacks: hashes.toSorted(compareBytes), metaPacks: [], created: NOW }
  const signer = signingKeyFromSeed(seed)
  const bytes = encodeDeletionPlan(plan, { sealer: hostile.indexSealer, signer })
  await hostile.store.put(planName(plan.pid), [bytes])
  assert.equal((await (await scratch.open()).condemned()).size, 0)
  const again = await backUp(scratch, [source])
  assert.deepEqual([again.problems, again.body.stats.newBlobs], [[], 0])
  const report = await checkRepository({
    repo: await scratch.open(),
    depth: 'structure',
    rng: seededRng(1),
    threads: 0,
  })
  const [found, ...others] = report.damages
  assert.equal(found?.object, planName(plan.pid))
  assert.match(found.messages.join(), /role write, who may not/)
  assert.deepEqual(others, [])
})

test('a snapshot counts only from a writer who may make one', async (t) => {
  const { scratch, source } = await scene(t)
  const tidy = await scratch.openWith(await scratch.addRole('maintain'))
  await assert.rejects(backUp(scratch, [source], { repository: tidy }), isWrongKey)
  const hostile = new Repository({ ...tidy, bundle: { ...tidy.bundle, role: 'write' } })
  await hostile.loadIndex()
  const publicKey = async (wid: Uint8Array) => (await hostile.writers.certificate(wid)).publicKey
  Object.assign(hostile.writers, { publicKey }) // its own program does not look
  await backUp(scratch, [source], { repository: hostile })
  const repo = await scratch.open()
  assert.deepEqual(await repo.snapshots(), [])
  const { problems } = await repo.catalog.readable()
  assert.match(problems.map(reasonsOf).join(), /role maintain, who may not/)
  await assert.rejects(repo.findSnapshot('latest'), { code: 'not-found' })
  // A backup by somebody else is not kept from anything by it.
  const own = await backUp(scratch, [source])
  assert.equal(own.body.stats.newFiles + own.body.stats.unchangedFiles, 3)
})

test('nobody gives what he has not', async (t) => {
  const { scratch } = await scene(t)
  const random = secureRandom
  const admin = (await scratch.open()).bundle
  const of = {
    read: restrictBundle(admin, { role: 'read', random }),
    write: restrictBundle(admin, { role: 'write', random }),
  }
  const maintain = restrictBundle(admin, { role: 'maintain', random })
  const report = restrictBundle(admin, { role: 'report', random })
  for (const [bundle, role] of [
    [of.read, 'admin'],
    [maintain, 'read'],
    [of.write, 'read'],
    [of.write, 'maintain'],
    [report, 'write'],
    [report, 'report'],
  ] as const) {
    assert.throws(() => restrictBundle(bundle, { role, random }), isWrongKey, `${bundle.role} gives ${role}`)
  }
  assert.throws(() => restrictBundle(admin, { role: 'read', domains: ['nowhere'], random }), { code: 'not-found' })
})
