// Old data that is sealed anew, cut off at every step: nothing is lost, and who runs it again comes to the end of it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { parseObjectName } from '../../src/format/names.ts'
import type { Operation } from '../../src/store/recording-store.ts'
import { listAll } from '../../src/store/store.ts'
import { packsOpenTo } from '../support/opened-packs.ts'
import { BackupWorld } from './backup-world.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { rethrowUnlessCrash } from './world.ts'
import { WorldPruner } from './world-pruner.ts'

const FILE = 'sim/reencrypt-crash'

test('sealing anew is cut off at any step and loses nothing; the next run ends it, and old keys open nothing more', () =>
  forEachSeed(FILE, 1, async (seed) => {
    const world = await BackupWorld.create(seed)
    const client = world.addClient('ant', SMALL_TREE)
    const backUp = async () => {
      changeTree(client.tree, world.rng)
      await world.backupWell(client)
      await world.clock.sleep(1000)
    }
    await backUp()
    await backUp()
    const former = await world.makeNewKeys()
    await backUp()
    assert.ok((await packsOpenTo(former, world.objects)).length > 2)
    let resumed = 0
    // Every fourth step, others with each seed.
    for (let step = seed % 4, finished = false; !finished; step += 4) {
      const branch = await world.fork(step)
      const pruner = await WorldPruner.open(branch)
      // Half of the times only what changes something counts: more of the steps between are met.
      if (step % 8 < 4) pruner.store.crashAfter(step)
      else pruner.store.crashAfterWrites(step >> 1)
      finished = await branch.finish(pruner.run({ reencrypt: true })).then(() => step % 8 < 4, rethrowUnlessCrash)
      await pruner.store.settle()
      await branch.verify()
      const next = await WorldPruner.open(branch, { name: 'next pruner' })
      // The session of the one that died is taken for dead.
      const { reencryption, newPacks, waiting } = await branch.finish(next.run({ reencrypt: true, silenceMs: 0 }))
      assert.deepEqual([reencryption!.packsLeft, waiting], [0, []])
      if (!finished && newPacks === 0) resumed++
      await branch.verify()
      assert.deepEqual(await packsOpenTo(former, branch.objects), [])
      for (const each of [pruner, next]) await each.checkOrder()
      for (const actor of ['pruner', 'next pruner']) checkSessionOrder(branch.log.operations, actor)
      for await (const { name } of listAll(branch.objects, 'gc/')) assert.fail(`${name} is left`)
      for (const each of branch.clients) await branch.backupWell(each)
      await branch.verify()
    }
    assert.ok(resumed > 0, 'what was named before is not copied again')
  }))

/** Intent, keys, packs, a look whether the intent is there still, index: each acknowledged before the next begins. */
function checkSessionOrder(operations: readonly Operation[], actor: string): void {
  const own = operations.filter((operation) => operation.actor === actor)
  const puts = (kind: string) =>
    own.filter((operation) => operation.kind === 'put' && parseObjectName(operation.name)?.kind === kind)
  const [intent] = puts('session')
  const [keys] = puts('session-keys')
  const packs = puts('pack')
  for (const pack of packs) {
    assert.ok(intent!.ended! < keys!.began && keys!.ended! < pack.began, 'intent, keys, pack')
  }
  const [segment] = puts('index')
  if (segment === undefined || packs.length === 0) return
  const looks = own.filter(({ kind, name }) => kind === 'stat' && name === intent!.name)
  const last = Math.max(...packs.filter(({ began }) => began < segment.began).map(({ ended }) => ended!))
  assert.ok(
    looks.some(({ began, ended }) => began > last && ended! < segment.began),
    'pack, look for the intent, index',
  )
}
