// Orders of events in which somebody sleeps at the worst moment of a deletion, one by one: what the model of the protocol
// (test/model) found, and what random histories meet too rarely.
import assert from 'node:assert/strict'
import test from 'node:test'
import { reasonsOf } from '../../src/base/errors.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { Sleeper } from './sleeping-store.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { Planless } from './weak-stores.ts'
import { WorldPruner } from './world-pruner.ts'

/** Of two snapshots the first is forgotten: what is still needed of its packs has to be copied out of them. */
async function worldToCopyIn({ forgets = true } = {}): Promise<BackupWorld> {
  const world = await BackupWorld.create(1)
  const client = world.addClient('ant', SMALL_TREE)
  // Who has the same files as the first snapshot.
  world.addClient('bee', SMALL_TREE)
  world.cloneTrees()
  await world.backupWell(client)
  for (let changes = 0; changes < 6; changes++) changeTree(client.tree, world.rng)
  await world.clock.sleep(1000)
  await world.backupWell(client)
  if (forgets) await forgetFirst(world)
  return world
}

async function forgetFirst(world: BackupWorld): Promise<void> {
  const [first] = await (await world.openForReading()).catalog.list()
  world.forgotten.add(first!.id)
  await world.objects.delete(first!.objectName)
}

async function packsOf(world: BackupWorld): Promise<string[]> {
  return [...(await namesUnder(world, 'data/')), ...(await namesUnder(world, 'meta/'))]
}

async function namesUnder(world: BackupWorld, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of listAll(world.objects, prefix)) names.push(name)
  return names
}

const PRUNE = { maxUnused: 0, silenceMs: 0, allowMissing: true }

/** False when the process ends without having come to where it was to sleep. */
function fellAsleep(sleeper: Sleeper, ends: Promise<unknown>): Promise<boolean> {
  return sleeper.asleep(ends).then(
    () => true,
    () => false,
  )
}

/**
 * Somebody has read blocks of a session, to copy them, and sleeps. Meanwhile the snapshots are forgotten, and another one deletes
 * the packs, and sleeps before he does `what` with the keys of the session, or does not sleep. The first wakes and names his
 * copies, a backup comes, then the other one wakes.
 */
async function copyWhileKeysGo(
  what: ((kind: string, name: string) => boolean) | undefined,
  { wrap = (store) => store }: { readonly wrap?: (store: Store) => Store } = {},
): Promise<BackupWorld> {
  const world = await worldToCopyIn()
  const copier = new Sleeper((kind, name) => kind === 'put' && /^(?:data|meta)\//.test(name))
  const deleter = new Sleeper(what ?? (() => false))
  const one = await WorldPruner.open(world, { name: 'copier', wrap: copier.wrap })
  const two = await WorldPruner.open(world, { name: 'deleter', wrap: deleter.wrap })
  const scene = async () => {
    const copying = one.run({ ...PRUNE, repackSmall: true })
    await copier.asleep(copying)
    await world.forgetAll()
    const deleting = two.run(PRUNE)
    if (what === undefined) await deleting
    else await deleter.asleep(deleting)
    copier.wake()
    await copying
    const [client] = world.clients
    const run = world.newRun(client!)
    await world.start(client!, run, { wrap })
    assert.equal(run.outcome.kind, 'success')
    deleter.wake()
    await deleting
  }
  await world.finish(scene())
  return world
}

const KEYS_ARE = {
  'about to be condemned': (kind: string, name: string) => kind === 'put' && name.startsWith('gc/') && plans++ === 2,
  'about to be deleted': (kind: string, name: string) => kind === 'delete' && name.startsWith('skeys/'),
  deleted: undefined,
}
/** Plans that were put: the one for packs, again when it is carried out, then the one for keys. */
let plans = 0

for (const [when, what] of Object.entries(KEYS_ARE)) {
  test(`a backup relies on nothing that somebody has copied while the keys for it are ${when}`, async () => {
    plans = 0
    const world = await copyWhileKeysGo(what)
    await world.verify()
    await world.checkOrder()
    await world.forgetAll()
    await world.finish((await WorldPruner.open(world, { name: 'last' })).run(PRUNE))
    const left = [
      ...(await namesUnder(world, 'gc/')),
      ...(await packsOf(world)),
      ...(await namesUnder(world, 'skeys/')),
    ]
    assert.deepEqual(left, [], 'and when nobody needs it everything goes')
  })
}

test('a backup that takes no notice of the plan for keys loses what it relies on', async () => {
  const world = await copyWhileKeysGo(KEYS_ARE['about to be deleted'], { wrap: (store) => new Planless(store) })
  await assert.rejects(world.verify(), (error) => /keys of a session are missing/.test(reasonsOf(error)))
})

/**
 * The index is lost. Somebody who has read a pack, to name it again, falls asleep before he says that it is to stay; two prune
 * and delete the pack, since its snapshot is forgotten meanwhile, and one of them sleeps just before he does. The first wakes, a
 * backup comes, then the other one wakes. False when the pack is not one of which nothing is needed.
 */
async function adoptWhilePackGoes(number: number, adopt: (world: BackupWorld, adopter: Sleeper) => Promise<unknown>) {
  const world = await worldToCopyIn({ forgets: false })
  const [ant, bee] = world.clients
  const pack = (await packsOf(world))[number]
  if (pack === undefined) return undefined
  for (const { name } of (await world.objects.list('index/')).objects) await world.objects.delete(name)
  const adopter = new Sleeper((kind, name) => (kind === 'put' || kind === 'keep') && name === pack)
  const deleter = new Sleeper((kind, name) => kind === 'delete' && name === pack)
  const one = await WorldPruner.open(world, { name: 'deleter', wrap: deleter.wrap })
  const two = await WorldPruner.open(world, { name: 'other deleter' })
  const scene = async () => {
    const adopting = adopt(world, adopter)
    if (!(await fellAsleep(adopter, adopting))) return false
    await forgetFirst(world)
    const deleting = one.run(PRUNE)
    const sleeps = await fellAsleep(deleter, deleting)
    if (sleeps) await two.run(PRUNE)
    adopter.wake()
    await adopting
    for (const client of [bee!, ant!]) {
      const run = world.newRun(client)
      await world.start(client, run, {})
      assert.equal(run.outcome.kind, 'success')
    }
    deleter.wake()
    await deleting
    return sleeps
  }
  const isScene = await world.finish(scene())
  await world.verify({ pruned: true })
  return isScene
}

const ADOPTERS = {
  'a backup': async (world: BackupWorld, adopter: Sleeper) => {
    const [ant] = world.clients
    await world.start(ant!, world.newRun(ant!), { wrap: adopter.wrap })
  },
  'a prune': async (world: BackupWorld, adopter: Sleeper) => {
    await (await WorldPruner.open(world, { name: 'adopter', wrap: adopter.wrap })).run(PRUNE)
  },
}

for (const [who, adopt] of Object.entries(ADOPTERS)) {
  test(`${who} that names packs again does not bring back one that was deleted while it slept`, async () => {
    let scenes = 0
    for (let number = 0; ; number++) {
      const found = await adoptWhilePackGoes(number, adopt)
      if (found === undefined) break
      if (found) scenes++
    }
    assert.ok(scenes > 0)
  })
}
