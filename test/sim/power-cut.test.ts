// The store loses power while several machines back up to it: what shows and was acknowledged to nobody may be gone, also
// if somebody else has built on it (docs/format.md, section 10).
import assert from 'node:assert/strict'
import test from 'node:test'
import { PREFIXES } from '../../src/format/names.ts'
import { NO_FAULTS } from '../../src/store/faults.ts'
import type { ListPage, Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { indexFromDirectories } from './directory-index.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'

const FILE = 'sim/power-cut'

test('a power cut in the middle of two backups takes nothing that a success refers to', () =>
  forEachSeed(FILE, 5, async (seed) => {
    const world = await BackupWorld.withClients(seed, 'ant', 'bee')
    for (let round = 0; round < 3; round++) {
      const runs = world.clients.map((client) => ({ client, run: world.newRun(client) }))
      const backups = runs.map(({ client, run }) => world.start(client, run, { faults: slowed(world.rng() * 500) }))
      await world.sleep(world.rng() * 10_000)
      await world.losePower()
      await world.finish(Promise.all(backups))
      await verifyBySegments(world)
      for (const { tree } of world.clients) changeTree(tree, world.rng)
    }
    for (const client of world.clients) await world.backupWell(client)
    await verifyBySegments(world)
  }))

test('a backup that built on the segment of another survives a power cut before that one is acknowledged', () =>
  forEachSeed(FILE, 3, async (seed) => {
    const { world } = await builtUpon(seed)
    await verifyBySegments(world)
  }))

test('where a store does not keep what a writer has listed, a segment may be lost, and nothing of what it names', async () => {
  let lost = 0
  for (let seed = 1; seed <= 6; seed++) {
    const { world, taken } = await builtUpon(seed, (store, reader) => new Listing(store, reader))
    lost += taken
    if (taken > 0) await assert.rejects(verifyBySegments(world), /in no pack that the index names/)
    const repo = await world.openForReading()
    repo.useIndex(await indexFromDirectories(repo))
    await world.verifyWith(repo)
  }
  assert.ok(lost > 0)
})

/** One backs up slowly; another does as soon as it sees its segment, has all it needs, and succeeds; then the power fails. */
async function builtUpon(seed: number, wrap: (store: Store, reader: Store) => Store = (store) => store) {
  const world = await BackupWorld.create(seed)
  const [ant, bee] = [world.addClient('ant', SMALL_TREE), world.addClient('bee', SMALL_TREE)]
  world.cloneTrees()
  const slow = world.start(ant, world.newRun(ant), { faults: slowed(5000) })
  while ((await segments(world)) === 0) await world.sleep(1)
  const reader = world.process('reader').store
  const { actor } = await world.backupWell(bee, { wrap: (store) => wrap(store, reader) })
  const packs = world.log.operations.filter((o) => o.actor === actor && o.kind === 'put' && o.name.startsWith('data/'))
  assert.deepEqual(packs, [], 'all that it needs was stored by the other')
  const before = await segments(world)
  await world.losePower()
  await world.finish(slow)
  return { world, taken: before - (await segments(world)) }
}

/** Its lists are those of somebody who only reads: what they show is nobody's to rely on. */
class Listing extends Passing {
  readonly #reader: Store

  constructor(inner: Store, reader: Store) {
    super(inner)
    this.#reader = reader
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#reader.list(prefix, cursor)
  }
}

/** As `verify` of the world; packs that no segment names are not looked into. */
async function verifyBySegments(world: BackupWorld): Promise<void> {
  const repo = await world.openForReading()
  repo.useIndex(await repo.readIndex(new Set()))
  await world.verifyWith(repo)
}

async function segments(world: BackupWorld): Promise<number> {
  return (await world.objects.list(PREFIXES.index)).objects.length
}

function slowed(delayMsMax: number) {
  return { ...NO_FAULTS, delayMsMax }
}
