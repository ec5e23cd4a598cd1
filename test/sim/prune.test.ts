// Prunes in the simulated world: by themselves, beside backups, beside one another, and cut off at every step.
import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError, codeOf } from '../../src/base/errors.ts'
import { chance, randomBelow } from '../../src/store/faults.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import type { Client } from './backup-world.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { Accompanied } from './passing-store.ts'
import { forEachSeed } from './seeds.ts'
import { checkSnapshot } from './snapshot-check.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { rethrowUnlessCrash } from './world.ts'
import { WorldPruner } from './world-pruner.ts'

const FILE = 'sim/prune'

test('what no snapshot needs goes, and what one needs stays', () =>
  forEachSeed(FILE, 5, async (seed) => {
    const world = await worldWithHistory(seed)
    const before = await packsOf(world)
    const pruner = await WorldPruner.open(world)
    await world.finish(pruner.forget(0.5))
    const report = await world.finish(pruner.run({ maxUnused: 0 }))
    await pruner.checkOrder()
    assert.deepEqual(report.waiting, [])
    await world.verify()
    if (world.forgotten.size === 0) return
    const again = await world.finish(pruner.run({ maxUnused: 0 }))
    assert.equal(again.packsDeleted, 0, 'the next prune finds nothing left to do')
    assert.equal(again.segmentsWritten, 0)
    assert.ok((await packsOf(world)).length > 0 && before.length > 0)
    for (const client of world.clients) await world.backupWell(client)
    await world.verify()
  }))

test('when all snapshots are forgotten nothing is left but what tells of them', async () => {
  const world = await worldWithHistory(3)
  const pruner = await WorldPruner.open(world)
  await world.finish(pruner.forget(1))
  await world.finish(pruner.run())
  const left = new Set<string>()
  for await (const { name } of listAll(world.objects, '')) left.add(name.split('/')[0]!)
  assert.deepEqual([...left].sort(), ['format', 'keys', 'log', 'writers'])
})

test('a prune that is cut off at any step loses nothing, and the next one comes to the same end', () =>
  forEachSeed(FILE, 2, async (seed) => {
    const world = await worldWithHistory(seed, 2)
    await world.finish((await WorldPruner.open(world)).forget(0.5))
    // Every seventh step, others with each seed.
    for (let step = seed % 7, finished = false; !finished; step += 7) {
      const branch = await world.fork(step)
      const pruner = await WorldPruner.open(branch)
      // Half of the times only what changes something counts: more of the steps between are met.
      if (step % 2 === 0) pruner.store.crashAfter(step)
      else pruner.store.crashAfterWrites(step)
      finished = await branch.finish(pruner.run({ maxUnused: 0 })).then(() => step % 2 === 0, rethrowUnlessCrash)
      await pruner.store.settle()
      await branch.verify()
      const next = await WorldPruner.open(branch, { name: 'next pruner' })
      await branch.finish(next.run({ maxUnused: 0 }))
      await branch.verify()
      await pruner.checkOrder()
      await next.checkOrder()
      assert.deepEqual(await namesUnder(branch, 'gc/'), [], 'no plan is left')
      for (const client of branch.clients) await branch.backupWell(client)
      await branch.verify()
    }
  }))

test('prunes beside backups and one another take nothing that a snapshot refers to', async () => {
  let [successes, deleted, rescued] = [0, 0, 0]
  await forEachSeed(FILE, 8, async (seed) => {
    const world = await BackupWorld.create(seed)
    const { rng, clock } = world
    for (const name of ['ant', 'bee']) world.addClient(name, SMALL_TREE)
    if (chance(rng, 0.5)) world.cloneTrees()
    for (const client of world.clients) await world.backupWell(client)
    const backUp = async (client: Client) => {
      for (let round = 0; round < 3; round++) {
        if (chance(rng, 0.7)) changeTree(client.tree, rng)
        await clock.sleep(rng() * 1000)
        const run = world.newRun(client)
        let untilNap = chance(rng, 0.7) ? randomBelow(rng, chance(rng, 0.5) ? 10 : 40) : -1
        const wrap = (store: Store) =>
          new Accompanied(store, async () => {
            if (untilNap-- === 0) await clock.sleep(rng() * 5000)
          })
        await world.start(client, run, { wrap, workers: 1 })
        if (run.outcome.kind === 'success') successes++
      }
    }
    const pruneOften = async (name: string) => {
      const pruner = await WorldPruner.open(world, { name })
      const silenceMs = chance(rng, 0.5) ? 0 : 2000
      for (let round = 0; round < 3; round++) {
        await clock.sleep(rng() * 1000)
        await pruner.forget(0.4)
        const report = await pruner.run({ maxUnused: 0, silenceMs }).catch(unlessInTheWay)
        deleted += report?.packsDeleted ?? 0
        rescued += report?.newPacks ?? 0
      }
      await pruner.checkOrder()
    }
    await world.finish(Promise.all([...world.clients.map(backUp), pruneOften('one'), pruneOften('other')]))
    await world.verify({ pruned: true })
    await world.checkOrder()
    const last = await WorldPruner.open(world, { name: 'last' })
    await world.finish(last.run({ maxUnused: 0, silenceMs: 0 }))
    await world.verify({ pruned: true })
    for (const client of world.clients) await world.backupWell(client)
    await world.verify({ pruned: true })
  })
  assert.ok(successes > 0 && deleted > 0 && rescued > 0)
})

/** Another prune deleted what this one was about to read: it stops, and the next one goes on. */
function unlessInTheWay(error: unknown): undefined {
  if (codeOf(error) !== 'not-found') throw error
}

async function worldWithHistory(seed: number, rounds = 4): Promise<BackupWorld> {
  const world = await BackupWorld.create(seed)
  for (const name of ['ant', 'bee']) world.addClient(name, SMALL_TREE)
  for (let round = 0; round < rounds; round++) {
    for (const client of world.clients) {
      await world.backupWell(client)
      changeTree(client.tree, world.rng)
      await world.clock.sleep(1000)
    }
  }
  return world
}

async function packsOf(world: BackupWorld): Promise<string[]> {
  return [...(await namesUnder(world, 'data/')), ...(await namesUnder(world, 'meta/'))]
}

async function namesUnder(world: BackupWorld, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of listAll(world.objects, prefix)) names.push(name)
  return names
}

test('a wrong bit in what is read of an intent takes nothing from the snapshot that it confirms', async () => {
  const world = await BackupWorld.create(1)
  const client = world.addClient('ant', SMALL_TREE)
  const wrap = (store: Store) =>
    new Accompanied(store, async (kind, name) => {
      if (kind === 'put' && name.endsWith('.end')) throw new BackupError('io', 'the answer is lost', name)
    })
  await world.backupWell(client, { wrap })
  for (const wrongs of [1, Infinity]) {
    const pruner = await WorldPruner.open(world, { wrap: (store) => new Misread(store, 'sess/', wrongs) })
    await world.finish(pruner.run({ silenceMs: 0 }))
    await world.verify()
  }
})

test('a wrong bit in what is read of a snapshot that is not confirmed makes nothing of it unneeded', async () => {
  const world = await BackupWorld.create(1)
  const client = world.addClient('ant', SMALL_TREE)
  await world.backupWell(client)
  for (const { name } of (await world.objects.list('sess/')).objects) await world.objects.delete(name)
  const pruner = await WorldPruner.open(world, { wrap: (store) => new Misread(store, 'meta/', 1) })
  await world.finish(pruner.run({ silenceMs: 0, maxUnused: 0 }))
  const repo = await world.openForReading()
  await repo.loadIndex()
  for (const snapshot of await repo.snapshots()) await checkSnapshot(repo, snapshot, world.runOf(snapshot))
})

/** Gets a bit wrong in what is below a prefix, so many times for each object. */
class Misread extends Passing {
  readonly #prefix: string
  readonly #times: number
  readonly #read = new Map<string, number>()

  constructor(inner: Store, prefix: string, times: number) {
    super(inner)
    this.#prefix = prefix
    this.#times = times
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    const before = this.#read.get(name) ?? 0
    if (!name.startsWith(this.#prefix) || before >= this.#times) return bytes
    this.#read.set(name, before + 1)
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  }
}
