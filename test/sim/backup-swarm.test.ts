// Backups of one or two machines to a store that fails by seed in all the ways it may: what a backup reports as saved is
// saved, what it cannot save it fails at and says so, and once the faults are over everything comes to a good end.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { Rng } from '../../src/base/random.ts'
import { chance, NO_FAULTS, randomBelow, swarmFaults } from '../../src/store/faults.ts'
import { BackupWorld } from './backup-world.ts'
import type { Client, RunOptions } from './backup-world.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree } from './source-changes.ts'

const FILE = 'sim/backup-swarm'

test('a backup to a bad store saves what it says or fails and says at what', async () => {
  const ends = new Map<string, number>()
  await forEachSeed(FILE, 25, (seed) => swarm(seed, ends))
  assert.ok(ends.get('success') && ends.get('failed') && ends.get('crashed'), `all ends were seen: ${[...ends]}`)
})

test('the same with the index in files on the clients’ disks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sim-'))
  let files = 0
  try {
    await forEachSeed(FILE, 6, async (seed) => {
      const indexFolder = join(folder, String(seed))
      await swarm(seed, new Map(), indexFolder)
      files += readdirSync(indexFolder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile()).length
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  assert.ok(files >= 6, `${files} files were made`)
})

async function swarm(seed: number, ends: Map<string, number>, indexFolder?: string): Promise<void> {
  const world = await BackupWorld.withClients(seed, ...['ant', 'bee'].slice(seed % 2))
  world.indexFolder = indexFolder
  for (let round = 0; round < 3; round++) {
    for (const { outcome } of await backupAll(world, world.clients)) {
      ends.set(outcome.kind, (ends.get(outcome.kind) ?? 0) + 1)
    }
    await world.verify()
    await passTime(world)
  }
  await comesToAGoodEnd(world)
  world.close()
}

function backupAll(world: BackupWorld, clients: readonly Client[]): ReturnType<BackupWorld['backupAll']> {
  return world.backupAll(clients.map((client) => ({ client, opts: someOptions(world.rng) })))
}

/** Each kind of trouble in some runs only. */
function someOptions(rng: Rng): RunOptions {
  const sometimes = (most: number) => (chance(rng, 0.3) ? rng() * most : 0)
  return {
    faults: chance(rng, 0.2) ? NO_FAULTS : { ...swarmFaults(rng), torn: false },
    retries: chance(rng, 0.7),
    workers: 1 + randomBelow(rng, 3),
    disturb: sometimes(0.2),
    vanish: sometimes(0.2),
    unreadable: sometimes(0.2),
    ...(chance(rng, 0.25) && { crashAfter: randomBelow(rng, 60) }),
    ...(chance(rng, 0.25) && { killAfterMs: rng() * 10_000 }),
  }
}

/** Trees change, hours pass or none, and somebody sets a clock. */
async function passTime(world: BackupWorld): Promise<void> {
  const { rng, clock } = world
  for (const { tree } of world.clients) if (chance(rng, 0.8)) changeTree(tree, rng)
  await clock.sleep(chance(rng, 0.3) ? rng() * 10 : rng() * 10_000)
  if (chance(rng, 0.1)) clock.jump((rng() - 0.5) * 100_000_000)
}

/** Without faults every client's backup succeeds, and the next one has nothing left to store. */
async function comesToAGoodEnd(world: BackupWorld): Promise<void> {
  for (const client of world.clients) {
    await world.clock.sleep(10_000)
    await world.backupWell(client)
    const { actor } = await world.backupWell(client, { workers: 2 })
    const stored = world.log.operations.filter((o) => o.actor === actor && /^(?:data|meta|index)\//.test(o.name))
    assert.equal(stored.find(({ kind }) => kind === 'put')?.name, undefined, 'everything was stored already')
  }
  await world.verify()
  await world.checkOrder()
}
