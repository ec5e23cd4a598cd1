// Paths dropped from old snapshots, cut off at every step: the old ones are there or in the trash, and a second run ends
// with one snapshot in the place of each.
import assert from 'node:assert/strict'
import test from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { readRetention } from '../../src/ops/forget.ts'
import { rewriteSnapshots, snapshotsWith } from '../../src/ops/rewrite.ts'
import { directoryEntries } from '../../src/ops/browse/tree-walk.ts'
import { seededRng } from '../../src/base/random.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { readTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { checkMaintenanceOrder } from './maintenance-order.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { rethrowUnlessCrash } from './world.ts'

const FILE = 'sim/rewrite-crash'
const DAY_MS = 86_400_000
/** Twice what a run takes in these worlds. */
const STEPS_MAX = 600

/** A directory or file that the first snapshot has in its source. */
async function somePath(world: BackupWorld): Promise<Uint8Array> {
  const repo = await world.openForReading()
  await repo.loadIndex()
  const [first] = await repo.snapshots()
  const [source] = await directoryEntries(repo, first!.body.root, true)
  const [child] = await directoryEntries(repo, source!.subtree!.ref, false)
  return Buffer.concat([source!.name, Buffer.from('/'), child!.name])
}

async function rewrite(world: BackupWorld, state: LocalState, path: Uint8Array, crashAfter?: number): Promise<boolean> {
  const { store, recorded } = world.process('administrator')
  const { clock, secureRandom: random } = world
  if (crashAfter !== undefined) store.crashAfter(crashAfter)
  const run = async () => {
    const repo = await world.openForReading(recorded)
    await repo.loadIndex()
    const writer = await writerIdentity(repo, { state, clock, random, host: 'administrator' })
    const known = await readRetention(repo)
    await rewriteSnapshots(repo, await snapshotsWith(repo, known.snapshots, [path]), {
      writer,
      clock,
      random,
      by: 'administrator',
      host: 'administrator',
      tool: 'test',
      state: known,
    })
  }
  const finished = await world.finish(run().then(() => true, rethrowUnlessCrash))
  await store.settle()
  return finished
}

test('a rewrite that is cut off at any step loses nothing, and the next one comes to its end', () =>
  forEachSeed(FILE, 1, async (seed) => {
    const world = await BackupWorld.create(seed)
    const client = world.addClient('ant', SMALL_TREE)
    for (let day = 0; day < 2; day++) {
      await world.backupWell(client)
      changeTree(client.tree, world.rng)
      await world.finish(world.sleep(DAY_MS))
    }
    const path = await somePath(world)
    // Every third step: the steps between are those of others.
    for (let step = 0, finished = false; !finished; step += 3) {
      assert.ok(step < STEPS_MAX)
      const branch = await world.fork(step)
      const state = simState()
      finished = await rewrite(branch, state, path, step)
      checkMaintenanceOrder(branch.log)
      const between = await branch.openForReading()
      const there = new Set((await between.catalog.list()).map(({ id }) => id))
      for (const { id } of (await readTrash(between)).snapshots) there.add(id)
      for (const { outcome } of world.runs)
        assert.ok(outcome.kind === 'success' && there.has(outcome.result.snapshot.id))
      assert.equal(await rewrite(branch, state, path), true)
      const repo = await branch.openForReading()
      await repo.loadIndex()
      const after = await readRetention(repo)
      assert.deepEqual(await snapshotsWith(repo, after.snapshots, [path]), [])
      const places = new Set(
        after.snapshots.map(({ id, body }) => (body.rewrittenFrom ? toHex(body.rewrittenFrom) : id)),
      )
      assert.ok(places.size === 2 && after.snapshots.length === 2)
      const { damages } = await checkRepository({ repo, depth: 'all', rng: seededRng(seed), threads: 0 })
      assert.deepEqual(damages, [])
    }
  }))
