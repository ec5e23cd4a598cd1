// Backups to a store that has lost packs: the next one stores again whatever the source still has.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PREFIXES } from '../../src/format/names.ts'
import { chance, randomBelow } from '../../src/store/faults.ts'
import { listAll } from '../../src/store/store.ts'
import type { ObjectInfo, Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { Accompanied } from './passing-store.ts'
import { forEachSeed } from './seeds.ts'
import { SMALL_TREE } from './source-changes.ts'

const FILE = 'sim/backup-missing'

test('after some packs are lost one more backup of the same files makes also the older snapshot whole again', () =>
  forEachSeed(FILE, 12, async (seed) => {
    const { world } = await worldWithLoss(seed)
    await world.backupWell(world.clients[0]!)
    await world.verify()
    await world.checkOrder()
  }))

test('two backups at the same time after a loss heal it, whatever each sees of the other', () =>
  forEachSeed(FILE, 6, async (seed) => {
    const { world } = await worldWithLoss(seed)
    world.addClient('bee', SMALL_TREE)
    for (const { outcome } of await world.backupAll(world.clients.map((client) => ({ client })))) {
      assert.equal(outcome.kind, 'success')
    }
    await world.verify()
    await world.checkOrder()
  }))

test('a pack that a plan has taken away just before the plans were read is not taken for stored', () =>
  forEachSeed(FILE, 4, async (seed) => {
    const world = await BackupWorld.create(seed)
    const client = world.addClient('ant', SMALL_TREE)
    await world.backupWell(client)
    await world.forgetAll()
    // A pruner is done, and somebody whom it fenced wakes and puts a segment that names what is gone.
    const wrap = (store: Store) =>
      new Accompanied(store, async (kind, name) => {
        if (kind !== 'list' || name !== PREFIXES.plans) return
        await world.sleep(1000)
        for (const prefix of [PREFIXES.data, PREFIXES.meta]) {
          for await (const pack of listAll(world.objects, prefix)) await world.objects.delete(pack.name)
        }
      })
    await world.backupWell(client, { wrap })
    await world.verify()
    await world.checkOrder()
  }))

test('a backup that takes the index at its word is found to refer to what is lost', async () => {
  const { world, lost } = await worldWithLoss(1, [PREFIXES.data])
  await world.backupWell(world.clients[0]!, { wrap: (store) => new Credulous(store, lost) })
  await assert.rejects(world.verify(), { code: /^(?:corrupt|not-found)$/ })
})

/** A client with a snapshot, and a store that has lost at least one pack since. */
async function worldWithLoss(
  seed: number,
  prefixes: readonly string[] = [PREFIXES.data, PREFIXES.meta],
): Promise<{ readonly world: BackupWorld; readonly lost: ObjectInfo[] }> {
  const world = await BackupWorld.create(seed)
  const client = world.addClient('ant', SMALL_TREE)
  await world.backupWell(client)
  await world.clock.sleep(5000)
  const packs: ObjectInfo[] = []
  for (const prefix of prefixes) {
    for await (const pack of listAll(world.objects, prefix)) packs.push(pack)
  }
  const certain = packs[randomBelow(world.rng, packs.length)]
  const lost = packs.filter((pack) => pack === certain || chance(world.rng, 0.4))
  for (const { name } of lost) await world.objects.delete(name)
  return { world, lost }
}

/** Says of what is lost that it is there. */
class Credulous extends Passing {
  readonly #lost: readonly ObjectInfo[]

  constructor(inner: Store, lost: readonly ObjectInfo[]) {
    super(inner)
    this.#lost = lost
  }

  override async stat(name: string): Promise<ObjectInfo | null> {
    return this.#lost.find((pack) => pack.name === name) ?? super.stat(name)
  }
}
