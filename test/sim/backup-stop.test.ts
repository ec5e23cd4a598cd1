// Backups that are stopped, that run twice at once on one machine, and runs of the simulator that repeat.
import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { NO_FAULTS, swarmFaults } from '../../src/store/faults.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { Accompanied } from './passing-store.ts'
import { forEachSeed } from './seeds.ts'

const FILE = 'sim/backup-stop'

test('a backup that is stopped at any step leaves nothing that the next one does not find', () =>
  forEachSeed(FILE, 2, async (seed) => {
    const world = await BackupWorld.withSmallTree(seed)
    for (let step = 0, stopped = true; stopped; step++) {
      const branch = await world.fork(step)
      const client = branch.clients[0]!
      const stop = new AbortController()
      let left = step
      const wrap = (store: Store) =>
        new Accompanied(store, async () => {
          if (left-- === 0) stop.abort()
        })
      const { outcome } = await branch.backup(client, { wrap, signal: stop.signal, workers: 2 })
      stopped = left < 0
      if (outcome.kind === 'failed') assert.equal(outcome.error.code, 'interrupted')
      await everyPackIsIndexed(branch)
      await branch.verify()
      await branch.backupWell(client)
      await branch.verify()
      await branch.checkOrder()
    }
  }))

test('two backups at once on one machine make one chain of snapshots', () =>
  forEachSeed(FILE, 6, async (seed) => {
    const world = await BackupWorld.withSmallTree(seed)
    const client = world.clients[0]!
    const faults = { ...NO_FAULTS, delayMsMax: 1 + seed * 20 }
    const runs = await world.backupAll([
      { client, opts: { faults } },
      { client, opts: { faults, workers: 2 } },
    ])
    for (const { actor, outcome } of runs) assert.equal(outcome.kind, 'success', actor)
    await world.verify()
    await world.checkOrder()
    const repo = await world.openForReading()
    const chain = (await repo.snapshots()).toSorted((a, b) => a.seq - b.seq)
    for (const [i, { seq, previous, wid }] of chain.entries()) {
      assert.deepEqual([seq, previous, wid], [i + 1, chain[i - 1]?.id, chain[0]!.wid])
    }
  }))

test('a backup whose store never answers is found to hang', async () => {
  const world = await BackupWorld.withSmallTree(1)
  class Silent extends Passing {
    override put(name: string, parts: readonly Uint8Array[]): ReturnType<Store['put']> {
      return name.startsWith(PREFIXES.index) ? new Promise(() => {}) : super.put(name, parts)
    }
  }
  await assert.rejects(
    world.backup(world.clients[0]!, { wrap: (store) => new Silent(store) }),
    /waits for something that never happens/,
  )
})

test('a run repeats with its seed, request by request', async () => {
  const trace = async (seed: number) => {
    const world = await BackupWorld.withSmallTree(seed)
    const opts = { faults: swarmFaults(world.rng), workers: 3, retries: true, disturb: 0.1 }
    const { outcome } = await world.backup(world.clients[0]!, opts)
    const requests = world.log.operations.map(({ kind, name, began, ended, outcome: end }) => {
      return [kind, name, began, ended, end]
    })
    return JSON.stringify([requests, outcome.kind, world.clock.now()])
  }
  const traces = new Set<string>()
  for (let seed = 1; seed <= 5; seed++) {
    const first = await trace(seed)
    assert.equal(await trace(seed), first)
    traces.add(first)
  }
  assert.equal(traces.size, 5)
})

async function everyPackIsIndexed(world: BackupWorld): Promise<void> {
  const repo = await world.openForReading()
  await repo.loadIndex()
  for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
    for await (const { name } of listAll(world.objects, prefix)) {
      if (!repo.index.hasPack(name)) throw new BackupError('corrupt', 'no index names this pack', name)
    }
  }
}
