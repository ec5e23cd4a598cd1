// Forgetting, bringing back and purging, cut off at every step, beside backups: a snapshot is among the others or in the
// trash with a record that says why, and what is in the trash comes back whole.
import assert from 'node:assert/strict'
import test from 'node:test'
import { auditHistory } from '../../src/ops/audit.ts'
import { carryOut, goers, planForget, readRetention } from '../../src/ops/forget.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { DAY_MS, moveToTrash, purgeTrash, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import type { TrashOptions } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { FaultyStore } from '../../src/store/faulty-store.ts'
import { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { checkMaintenanceOrder } from './maintenance-order.ts'
import { OrderViolation } from './ordering-oracle.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { rethrowUnlessCrash } from './world.ts'

const FILE = 'sim/forget-crash'
/** Twice what everything in these worlds takes. */
const STEPS_MAX = 300

interface Maintainer {
  readonly store: FaultyStore
  readonly repo: Repository
  readonly opts: TrashOptions
}

async function maintainer(world: BackupWorld, name: string): Promise<Maintainer> {
  const { store, recorded } = world.process(name)
  const repo = await world.openForReading(recorded)
  const { clock, secureRandom: random } = world
  const writer = await world.finish(writerIdentity(repo, { state: simState(), clock, random, host: name }))
  return { store, repo, opts: { writer, clock, random, by: name } }
}

async function forgetSome({ repo, opts }: Maintainer): Promise<void> {
  const policy = { last: 1, calendar: [], within: [], tags: [], groupBy: [], trashDays: 7 }
  const plan = planForget(await readRetention(repo), { policy }, opts.clock.now())
  assert.ok(goers(plan).length > 0)
  await carryOut(repo, plan, opts)
}

async function recallAll({ repo, opts }: Maintainer): Promise<void> {
  const { snapshots, unexplained } = await readTrash(repo)
  assert.deepEqual(unexplained, [])
  if (snapshots.length > 0) await recallFromTrash(repo, snapshots, opts)
}

async function worldWithSnapshots(seed: number): Promise<BackupWorld> {
  const world = await BackupWorld.create(seed)
  const client = world.addClient('ant', SMALL_TREE)
  for (let day = 0; day < 3; day++) {
    await world.backupWell(client)
    changeTree(client.tree, world.rng)
    await world.finish(world.sleep(DAY_MS))
  }
  return world
}

/** All snapshots of successful backups, and nothing else, in the history or in the trash. */
async function assertNothingLost(world: BackupWorld): Promise<void> {
  const repo = await world.openForReading()
  const there = new Set((await repo.catalog.list()).map(({ id }) => id))
  for (const { id } of (await readTrash(repo)).snapshots) there.add(id)
  for (const { outcome, actor } of world.runs) {
    if (outcome.kind === 'success') assert.ok(there.has(outcome.result.snapshot.id), `that of ${actor} is there`)
  }
  const { findings } = await auditHistory({ repo })
  // A forked world has received everything anew.
  const lost = findings.filter(({ kind }) => kind !== 'back-dated' && kind !== 'withheld')
  assert.deepEqual(
    lost.map(({ kind, message }) => `${kind} ${message}`),
    [],
  )
}

/** Cuts `work` off at step after step, each time from the same state, and has somebody else bring back everything. */
async function dieAtEveryStep(world: BackupWorld, work: (who: Maintainer, branch: BackupWorld) => Promise<void>) {
  for (let step = 0, finished = false; !finished; step++) {
    assert.ok(step < STEPS_MAX)
    const branch = await world.fork(step)
    const who = await maintainer(branch, 'maintainer')
    who.store.crashAfter(step)
    finished = await branch.finish(work(who, branch)).then(() => true, rethrowUnlessCrash)
    await who.store.settle()
    checkMaintenanceOrder(branch.log)
    await assertNothingLost(branch)
    await branch.finish(recallAll(await maintainer(branch, 'other maintainer')))
    checkMaintenanceOrder(branch.log)
    await branch.verify()
    for (const client of branch.clients) await branch.backupWell(client)
    await assertNothingLost(branch)
  }
}

test('a forget that is cut off at any step loses nothing', () =>
  forEachSeed(FILE, 2, async (seed) => dieAtEveryStep(await worldWithSnapshots(seed), (who) => forgetSome(who))))

test('so it is beside a backup', () =>
  forEachSeed(FILE, 1, async (seed) =>
    dieAtEveryStep(await worldWithSnapshots(seed), async (who, branch) => {
      const [client] = branch.clients
      const backup = branch.start(client!, branch.newRun(client!), {})
      try {
        await forgetSome(who)
      } finally {
        await backup
      }
    }),
  ))

test('bringing back that is cut off at any step loses nothing', () =>
  forEachSeed(FILE, 2, async (seed) => {
    const world = await worldWithSnapshots(seed)
    await world.finish(forgetSome(await maintainer(world, 'first')))
    await dieAtEveryStep(world, (who) => recallAll(who))
  }))

test('a purge that is cut off at any step takes only what is over', () =>
  forEachSeed(FILE, 1, async (seed) => {
    const world = await worldWithSnapshots(seed)
    const who = await maintainer(world, 'first')
    const [oldest] = await who.repo.catalog.list()
    await world.finish(moveToTrash(who.repo, [oldest!], who.opts))
    world.runs.shift()
    let left = -1
    for (let step = 0, finished = false; !finished; step++) {
      const branch = await world.fork(step)
      await branch.finish(branch.sleep(8 * DAY_MS))
      const { repo, opts } = await maintainer(branch, 'second')
      const [young] = await repo.catalog.list()
      await branch.finish(moveToTrash(repo, [young!], opts))
      const purger = await maintainer(branch, 'purger')
      purger.store.crashAfter(step)
      finished = await branch.finish(purgeTrash(purger.repo, purger.opts)).then(() => true, rethrowUnlessCrash)
      await purger.store.settle()
      const { snapshots } = await readTrash(await branch.openForReading())
      assert.ok(snapshots.some(({ id }) => id === young!.id))
      await assertNothingLost(branch)
      left = snapshots.length
    }
    assert.equal(left, 1)
  }))

test('L1, T1, T2, T4: who does it in another order is noticed', async () => {
  const world = await worldWithSnapshots(1)
  const broken = async (rule: string, act: (who: Maintainer, name: string) => Promise<unknown>) => {
    const branch = await world.fork(7)
    const who = await maintainer(branch, 'hasty')
    const [snapshot] = await who.repo.catalog.list()
    await branch.finish(act(who, snapshot!.objectName))
    assert.throws(
      () => checkMaintenanceOrder(branch.log),
      (error) => error instanceof OrderViolation && error.rule === rule,
      rule,
    )
  }
  const number = (digit: string) => digit.repeat(32)
  const inTrash = (name: string, digit = '1') => `${name.replace('snap/', 'trash/')}-${number(digit)}`
  await broken('T1', ({ repo }, name) => repo.store.delete(name))
  await broken('T1', async ({ repo: { store } }, name) => {
    await store.put(inTrash(name), [await store.get(name)])
    await store.put('log/x', [])
    await store.stat(inTrash(name))
    await store.delete(name)
  })
  await broken('L1', async ({ repo: { store } }, name) => {
    await store.put(inTrash(name), [await store.get(name)])
    await store.stat(name)
    await store.delete(name)
  })
  await broken('T1', async ({ repo: { store } }, name) => {
    await store.put(inTrash(name), [await store.get(name)])
    await store.stat(name)
    await store.put('log/x', [])
    await store.delete(name)
  })
  const otherCopy = inTrash('snap/0123456789abcdef0123456789abcdef/x', '3')
  await broken('T4', ({ repo: { store } }) => store.delete(otherCopy))
  await broken('T4', async ({ repo: { store } }) => {
    await store.put('log/x', [])
    for (const folder of ['snap/', 'trash/', 'log/']) await store.list(folder)
    await store.delete(otherCopy)
  })
  await broken('T2', async ({ repo: { store } }, name) => {
    await store.put(inTrash(name), [await store.get(name)])
    await store.put(name, [await store.get(inTrash(name))])
  })
  await broken('T2', async ({ repo: { store } }, name) => {
    await store.put(inTrash(name), [await store.get(name)])
    await store.get(inTrash(name))
    await store.stat(inTrash(name))
    await store.put(inTrash(name, '2'), [await store.get(name)])
    await store.put(name, [])
  })
})
