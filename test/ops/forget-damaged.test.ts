// A snapshot that cannot be read keeps prunes from running until somebody lets go of it; and nothing that can be read, or made
// good, is let go of like that.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parseObjectName, parityName, PREFIXES, sessionKeysName } from '../../src/format/names.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { checkDamagedNotHeld, examineDamaged, findListed, forgetDamaged } from '../../src/ops/forget-damaged.ts'
import { readRetentionRecords } from '../../src/ops/forget.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { mayLog } from '../../src/repo/history/log.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { placeOf, purgeTrash, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { openFsStore } from '../../src/store/fs-store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { assertSound, PruningScene } from '../support/pruning.ts'

const machine = { clock: systemClock, random: secureRandom, host: 'test' }

async function signing(scene: PruningScene, repo: Repository) {
  const writer = await writerIdentity(repo, { ...machine, state: scene.state, act: 'log' })
  return { writer, clock: systemClock, random: secureRandom, by: 'test' }
}

function spoil(scene: PruningScene, name: string): void {
  const path = join(scene.scratch.location, name)
  rmSync(path)
  writeFileSync(path, 'something else')
}

/** Spoils the first snapshot and its parity; gives its name. */
async function spoilSnapshot(scene: PruningScene): Promise<string> {
  const [name] = await scene.names(PREFIXES.snapshots)
  spoil(scene, name!)
  rmSync(join(scene.scratch.location, parityName(name!)))
  return name!
}

async function letGo(scene: PruningScene, spec: string, repo?: Repository): Promise<void> {
  const opened = repo ?? (await scene.scratch.open())
  const damaged = await examineDamaged(opened, await findListed(opened, spec))
  await forgetDamaged(opened, [damaged], await signing(scene, opened))
}

async function checked(scene: PruningScene) {
  return checkRepository({ repo: await scene.scratch.open(), depth: 'structure', rng: seededRng(1), threads: 0 })
}

for (const how of ['name', 'id', 'number'] as const) {
  test(`a damaged snapshot that is forgotten by its ${how} stops no prune any more, and everybody is told why it is gone`, async (t) => {
    const scene = await PruningScene.create(t, ['a'], ['b'], ['b', 'c'])
    const name = await spoilSnapshot(scene)
    await assert.rejects(scene.prune(), { code: 'corrupt', subject: name, hint: /forget --damaged [0-9a-f]{10}/ })
    const { wid, seq, hash } = parseObjectName(name) as { wid: string; seq: number; hash: string }
    await letGo(scene, { name, id: hash.slice(0, 8), number: `${wid.slice(0, 8)}/${seq}` }[how])
    const report = await scene.prune({ maxUnused: 0 })
    assert.ok(report.packsDeleted > 0, 'what only it needed goes')
    await assertSound(scene, 1, 2)
    const { damages, counts } = await checked(scene)
    assert.deepEqual([damages, counts.snapshotsGivenUp], [[], 1])
    const scrubbed = await scrubStore({ store: await scene.scratch.store() })
    assert.deepEqual([scrubbed.damages, scrubbed.snapshotsGivenUp], [[], 1])
    const repo = await scene.scratch.open()
    const { findings, writers } = await auditHistory({ repo })
    assert.deepEqual(findings, [])
    const gaps = writers.flatMap(({ snapshots }) => snapshots?.gaps ?? [])
    assert.deepEqual(
      gaps.map(({ from, to, reason }) => [from, to, reason]),
      [[1, 1, 'forgotten-damaged']],
    )
    await purgeTrash(repo, { ...(await signing(scene, repo)), days: -1 })
    assert.deepEqual(await scene.names(PREFIXES.trash), [])
    await scene.backUp()
    assert.deepEqual((await auditHistory({ repo: await scene.scratch.open() })).findings, [])
  })
}

test('a copy in the trash that becomes damaged there is damage to a scrub, also one that was damaged before', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  await letGo(scene, await spoilSnapshot(scene))
  await scene.forget([0], { purge: false })
  const names = await scene.names(PREFIXES.trash)
  for (const name of names) {
    const path = join(scene.scratch.location, name)
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    rmSync(path)
    writeFileSync(path, bytes)
  }
  const { damages } = await scrubStore({ store: await scene.scratch.store() })
  assert.deepEqual(
    damages.map(({ object }) => object),
    names,
  )
})

test('one whose keys are lost is let go of too', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const repo = await scene.scratch.open()
  const [first] = await repo.snapshots()
  for (const name of [sessionKeysName(first!.sid), parityName(sessionKeysName(first!.sid))]) {
    rmSync(join(scene.scratch.location, name))
  }
  await letGo(scene, first!.objectName)
  await scene.prune({ allowMissing: true, maxUnused: 0 })
  assert.deepEqual(await scene.scratch.readAll(), [scene.contents[1]])
})

test('what parity makes good, and what can be read, is not let go of', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const [first, second] = await scene.names(PREFIXES.snapshots)
  spoil(scene, first!)
  await assert.rejects(letGo(scene, first!), { code: 'refused', hint: /holdfast repair/ })
  await assert.rejects(letGo(scene, second!), { code: 'refused', message: /can be read/ })
  assert.deepEqual(await scene.names(PREFIXES.trash), [])
  await assert.rejects(letGo(scene, 'snap'), { code: 'not-found' })
  await assert.rejects(letGo(scene, `${parseObjectWid(first!)}/7`), { code: 'not-found' })
})

function parseObjectWid(name: string): string {
  return (parseObjectName(name) as { wid: string }).wid
}

/** Gives wrong bytes for an object, as often as `wrong` says of the number of the read. */
class Flaky extends Passing {
  readonly #name: string
  readonly #wrong: (read: number) => number
  #reads = 0

  constructor(inner: ConstructorParameters<typeof Passing>[0], name: string, wrong: (read: number) => number) {
    super(inner)
    this.#name = name
    this.#wrong = wrong
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    const bit = name === this.#name ? this.#wrong(++this.#reads) : 0
    return bit === 0 ? bytes : bytes.with(bytes.length - 1, bytes.at(-1)! ^ bit)
  }
}

test('bits that are wrong on the way make nothing forgettable', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const [name] = await scene.names(PREFIXES.snapshots)
  const inner = await scene.scratch.store()
  rmSync(join(scene.scratch.location, parityName(name!)))
  for (const [wrong, message] of [
    [(read: number) => (read <= 4 ? 1 : 0), /can be read|reads otherwise/],
    [(read: number) => 1 + (read % 3), /reads otherwise/],
  ] as const) {
    const repo = await scene.scratch.open(new Flaky(inner, name!, wrong))
    await assert.rejects(letGo(scene, name!, repo), { code: 'refused', message })
  }
  assert.deepEqual(await scene.names(PREFIXES.trash), [])
  // Nor is a prune kept from running by one, or told that something in the trash is damaged.
  await scene.prune({ repo: await scene.scratch.open(new Flaky(inner, name!, (read) => (read === 1 ? 1 : 0))) })
})

test('a wrong bit in the trash takes nothing away from what was made good there', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const copy = join(scene.folder, 'copy')
  cpSync(scene.scratch.location, copy, { recursive: true })
  const name = await spoilSnapshot(scene)
  await letGo(scene, name)
  const mirror = await openFsStore(copy, { create: false })
  const result = await repair(await scene.scratch.open(), {
    ...machine,
    state: scene.state,
    tool: 'test',
    by: 'test',
    mirror,
  })
  assert.ok(result.steps.some((step) => step.kind === 'healed' && step.object.startsWith(PREFIXES.trash)))
  const [trashed] = await scene.names(PREFIXES.trash)
  const flaky = new Flaky(await scene.scratch.store(), trashed!, (read) => (read === 1 ? 1 : 0))
  await scene.prune({ repo: await scene.scratch.open(flaky), maxUnused: 0 })
  // What is wrong in another way each time is not what lies there.
  const noise = new Flaky(await scene.scratch.store(), trashed!, (read) => 1 + (read % 3))
  await assert.rejects(scene.prune({ repo: await scene.scratch.open(noise), maxUnused: 0 }), { code: 'corrupt' })
  const repo = await scene.scratch.open()
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, await signing(scene, repo))
  await assertSound(scene, 0, 1)
})

test('what is held is not let go of, and who may not forget may not do that', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const name = await spoilSnapshot(scene)
  const repo = await scene.scratch.open()
  const listed = await findListed(repo, name)
  const opts = await signing(scene, repo)
  const damaged = await examineDamaged(repo, listed)
  await appendRecord(repo, { kind: 'hold', hold: 'keep', snapshots: [placeOf(listed)] }, opts)
  const { held } = await readRetentionRecords(repo)
  assert.throws(() => checkDamagedNotHeld([listed], held, Date.now()), { code: 'refused' })
  for (const role of ['read', 'write'] as const) {
    assert.ok(!mayLog(role, 'forget-damaged'))
    const lesser = await scene.scratch.openWith(await scene.scratch.addRole(role))
    const writer = await writerIdentity(lesser, { ...machine, state: scene.state, act: 'log' })
    await assert.rejects(forgetDamaged(lesser, [damaged], { ...opts, writer }), { code: 'wrong-key' })
  }
  assert.deepEqual(await scene.names(PREFIXES.trash), [])
  const maintainer = await scene.scratch.openWith(await scene.scratch.addRole('maintain'))
  const writer = await writerIdentity(maintainer, { ...machine, state: scene.state, act: 'log' })
  const again = await examineDamaged(maintainer, listed)
  assert.equal((await forgetDamaged(maintainer, [again], { ...opts, writer })).snapshots.length, 1)
})

test('what was made good meanwhile stays', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const [name] = await scene.names(PREFIXES.snapshots)
  const store = await scene.scratch.store()
  const right = await store.get(name!)
  await spoilSnapshot(scene)
  const repo = await scene.scratch.open()
  const damaged = await examineDamaged(repo, await findListed(repo, name!))
  await store.replace!(name!, [right])
  await assert.rejects(forgetDamaged(repo, [damaged], await signing(scene, repo)), { code: 'refused' })
  assert.deepEqual(await scene.names(PREFIXES.trash), [])
  await assertSound(scene, 0, 1)
})

test('damage in the trash stops a prune that names what is damaged, until that is purged by name', async (t) => {
  for (const prefix of [PREFIXES.meta, PREFIXES.trash]) {
    const scene = await PruningScene.create(t, ['a'], ['b'], ['c'])
    const trees = await treesOfTheFirstTwo(scene)
    await scene.forget([0, 1], { purge: false })
    const trash = await scene.names(PREFIXES.trash)
    for (const name of prefix === PREFIXES.trash ? trash : trees) spoil(scene, name)
    const ids = trash.map((name) => (parseObjectName(name) as { hash: string }).hash)
    await assert.rejects(scene.prune(), (error: { code: string; hint: string }) => {
      assert.equal(error.code, 'corrupt')
      for (const id of ids) assert.ok(error.hint.includes(id.slice(0, 10)), error.hint)
      return /holdfast trash purge [0-9a-f]{10}/.test(error.hint)
    })
    const repo = await scene.scratch.open()
    const { purged, kept: left } = await purgeTrash(repo, { ...(await signing(scene, repo)), named: new Set(ids) })
    assert.deepEqual([purged.length, left.length], [2, 0])
    await scene.prune({ maxUnused: 0 })
    assert.deepEqual(await scene.scratch.readAll(), [scene.contents[2]])
  }
})

/** Packs of trees that the first two backups have stored. */
async function treesOfTheFirstTwo(scene: PruningScene): Promise<string[]> {
  const repo = await scene.scratch.open()
  const sids = (await repo.snapshots()).slice(0, 2).map(({ sid }) => Buffer.from(sid).toString('hex'))
  const blocks = [...repo.index.blocks()].filter(({ sid }) => sids.includes(Buffer.from(sid).toString('hex')))
  return [...new Set(blocks.map(({ pack }) => pack.objectName))].filter((name) => name.startsWith(PREFIXES.meta))
}
