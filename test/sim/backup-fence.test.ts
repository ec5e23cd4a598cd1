// Backups beside a pruner: one that is fenced reports no success, what a plan condemns is not relied on, and nothing that
// a successful backup refers to is deleted.
import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError, codeOf, reasonsOf } from '../../src/base/errors.ts'
import { parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { chance, randomBelow } from '../../src/store/faults.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import type { Run } from './backup-world.ts'
import { Accompanied } from './passing-store.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { Careless, Planless, Sessionless, Stubborn, Trusting } from './weak-stores.ts'
import { WorldPruner } from './world-pruner.ts'

const FILE = 'sim/backup-fence'

test('a backup that is fenced at any step begins anew and reports only what is confirmed', () =>
  forEachSeed(FILE, 2, async (seed) => {
    const world = await BackupWorld.create(seed)
    world.addClient('ant', SMALL_TREE)
    for (let step = 0, fenced = true; fenced; step++) {
      const branch = await world.fork(step)
      let left = step
      fenced = false
      const wrap = (store: Store) =>
        new Accompanied(store, async () => {
          if (left-- !== 0) return
          fenced = true
          await fenceAll(branch)
        })
      await branch.backupWell(branch.clients[0]!, { wrap })
      await branch.verify({ pruned: true })
      await branch.checkOrder()
    }
  }))

test('a backup that is fenced each time before it has confirmed itself ends in an error that says so', () =>
  forEachSeed(FILE, 2, async (seed) => {
    const world = await BackupWorld.create(seed)
    const client = world.addClient('ant', SMALL_TREE)
    const wrap = (store: Store) =>
      new Accompanied(store, async (kind, name) => {
        if (kind === 'stat' && name.startsWith('sess/')) await fenceAll(world)
      })
    const { outcome } = await world.backup(client, { wrap })
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.error.code, 'fenced')
    assert.equal(parseObjectName(outcome.error.subject)?.kind, 'session')
    const repo = await world.openForReading()
    assert.deepEqual([...new Set((await repo.snapshots()).map(({ confirmed }) => confirmed))], [false])
    await world.checkOrder()

    const trusting = await world.backup(client, { wrap: (store) => new Trusting(wrap(store)) })
    assert.equal(trusting.outcome.kind, 'success', 'who does not look does not notice')
    await assert.rejects(world.checkOrder(), /^OrderViolation: W[67] /)
  }))

test('a backup stores again what a plan condemns, and refers to nothing of it', () =>
  forEachSeed(FILE, 8, async (seed) => {
    const world = await condemnedWorld(seed)
    await world.backupWell(world.clients[0]!)
    await verifyWithoutCondemned(world)
  }))

for (const [what, wrap] of [
  ['takes no notice of plans', (store: Store) => new Planless(store)],
  ['takes a list of plans that cannot be had for an empty one', (store: Store) => new Careless(failingPlans(store))],
] as const) {
  test(`a backup that ${what} is found to refer to what is condemned`, async () => {
    const world = await condemnedWorld(2)
    await world.backupWell(world.clients[0]!, { wrap })
    await assert.rejects(verifyWithoutCondemned(world), (error) => codeOf(error) === 'corrupt')
  })
}

test('a backup that cannot list the plans fails', async () => {
  const world = await condemnedWorld(1)
  const { outcome } = await world.backup(world.clients[0]!, { wrap: failingPlans })
  assert.ok(outcome.kind === 'failed' && outcome.error.code === 'io')
  assert.match(outcome.error.message, /gc\//)
})

test('a pruner that runs beside backups makes none of them fail and takes nothing that one refers to', async () => {
  let successes = 0
  await forEachSeed(FILE, 20, async (seed) => {
    for (const { outcome } of await backupsBesidePruner(seed)) {
      if (outcome.kind === 'success') successes++
      // Three times in one run, each time it had begun anew.
      else assert.equal(outcome.kind === 'failed' && outcome.error.code, 'fenced')
    }
  })
  assert.ok(successes > 0)
})

for (const [what, mistakes] of [
  ['of a backup that takes no notice of plans', { wrap: (store: Store) => new Planless(store) }],
  ['of a backup that does not look for its intent again', { wrap: (store: Store) => new Trusting(store) }],
  ['of a pruner that does not wait for sessions', { pruner: (store: Store) => new Sessionless(store) }],
  ['of a pruner that does not look again', { pruner: (store: Store) => new Stubborn(store) }],
] as const) {
  test(`the mistake ${what} loses data`, async () => {
    let found: unknown
    for (let seed = 1; found === undefined && seed <= 60; seed++) {
      await backupsBesidePruner(seed, mistakes).catch((error: unknown) => {
        found = error
      })
    }
    assert.match(reasonsOf(found), LOST)
  })
}

/** Content, nodes, or the keys of a session that a snapshot needs. */
const LOST = /in no pack that the index names|it is in no pack|no such object|keys of a session are missing/

interface Mistakes {
  readonly wrap?: (store: Store) => Store
  readonly pruner?: (store: Store) => Store
}

/** Two clients back up time and again, some of them with long pauses, while a pruner works. */
async function backupsBesidePruner(seed: number, { wrap, pruner }: Mistakes = {}): Promise<Run[]> {
  const world = await BackupWorld.create(seed)
  const { rng, clock } = world
  for (const name of ['ant', 'bee']) world.addClient(name, SMALL_TREE)
  if (chance(rng, 0.5)) world.cloneTrees()
  for (const client of world.clients) await world.backupWell(client)
  const runs: Run[] = []
  const backUp = async (client: (typeof world.clients)[number]) => {
    for (let round = 0; round < 2; round++) {
      if (chance(rng, 0.7)) changeTree(client.tree, rng)
      await clock.sleep(rng() * 1000)
      const run = world.newRun(client)
      runs.push(run)
      let untilNap = chance(rng, 0.7) ? randomBelow(rng, chance(rng, 0.5) ? 10 : 40) : -1
      const napping = (store: Store) => {
        const slow = new Accompanied(store, async () => {
          if (untilNap-- === 0) await clock.sleep(rng() * 5000)
        })
        return wrap?.(slow) ?? slow
      }
      await world.start(client, run, { wrap: napping, workers: 1 })
    }
  }
  const prune = async () => {
    const silenceMs = chance(rng, 0.5) ? 0 : 2000
    const opened = await WorldPruner.open(world, pruner === undefined ? {} : { wrap: pruner })
    for (let round = 0; round < 3; round++) {
      await clock.sleep(rng() * 1000)
      await opened.forget(0.5)
      await opened.run({ silenceMs, maxUnused: 0, allowMissing: pruner !== undefined || wrap !== undefined })
    }
    if (pruner === undefined) await opened.checkOrder()
  }
  await world.finish(Promise.all([...world.clients.map(backUp), prune()]))
  await world.verify({ pruned: true })
  if (wrap === undefined) await world.checkOrder()
  for (const client of world.clients) await world.backupWell(client)
  await world.verify({ pruned: true })
  return runs
}

/** A repository whose snapshot was forgotten, a part of whose packs is condemned. */
async function condemnedWorld(seed: number): Promise<BackupWorld> {
  const world = await BackupWorld.create(seed)
  const client = world.addClient('ant', SMALL_TREE)
  await world.backupWell(client)
  // Some nodes of the second snapshot are in packs of the first.
  client.tree.link(client.tree.root, 'new', client.tree.newNode('directory'))
  await world.clock.sleep(5000)
  await world.backupWell(client)
  const packs: string[] = []
  for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
    for await (const { name } of listAll(world.objects, prefix)) packs.push(name)
  }
  const pruner = await WorldPruner.open(world)
  // Even seeds: all of them.
  const condemned = seed % 2 === 0 ? packs : packs.filter(() => chance(world.rng, 0.5))
  await world.finish(pruner.condemn(condemned))
  return world
}

/** The newest snapshot, read by an index that does not know what is condemned. */
async function verifyWithoutCondemned(world: BackupWorld): Promise<void> {
  const repo = await world.openForReading()
  for (const { id, objectName } of (await repo.snapshots()).slice(0, -1)) {
    world.forgotten.add(id)
    await world.objects.delete(objectName)
  }
  const reader = await world.openForReading()
  reader.useIndex(await reader.readIndex(await reader.condemned()))
  await world.verifyWith(reader)
}

/** As a pruner does that takes every session for dead. */
async function fenceAll(world: BackupWorld): Promise<void> {
  const { objects } = world
  for await (const { name } of listAll(objects, PREFIXES.sessions)) {
    if (parseObjectName(name)?.kind === 'session') await objects.delete(name)
  }
}

function failingPlans(store: Store): Store {
  return new Accompanied(store, async (kind, name) => {
    if (kind === 'list' && name === PREFIXES.plans) throw new BackupError('io', 'the list broke off', name)
  })
}
