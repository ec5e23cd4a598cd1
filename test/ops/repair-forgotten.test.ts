// Repair and what was forgotten: it is healed where it lies, and never brought back.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parityName, PREFIXES, sessionKeysName } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import { readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { PruningScene } from '../support/pruning.ts'

async function repaired(scene: PruningScene, mirror?: Store): Promise<string[]> {
  const { steps, lostCount } = await repair(await scene.scratch.open(), {
    state: scene.state,
    clock: systemClock,
    random: secureRandom,
    host: 'test',
    tool: 'test',
    by: 'test',
    ...(mirror !== undefined && { mirror }),
  })
  assert.equal(lostCount, 0)
  return steps.flatMap((step) =>
    'object' in step && !step.object.startsWith(PREFIXES.parity) ? [`${step.kind} ${step.object}`] : [],
  )
}

function damage(scene: PruningScene, name: string): void {
  const path = join(scene.scratch.location, name)
  rmSync(path)
  writeFileSync(path, 'something else')
}

test('a forgotten snapshot is healed in the trash, and is not back', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  await scene.forget([0], { purge: false })
  const [trashed] = await scene.names(PREFIXES.trash)
  damage(scene, trashed!)
  assert.deepEqual(await repaired(scene), [`healed ${trashed}`])
  assert.equal((await scene.names(PREFIXES.snapshots)).length, 1)
})

test('keys that nothing but a snapshot in the trash needs are missed, and come back', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  await scene.backUp()
  await scene.backUp()
  const unchanged = (await (await scene.scratch.open()).snapshots())[1]!
  const keys = sessionKeysName(unchanged.sid)
  await scene.forget([1], { purge: false })
  rmSync(join(scene.scratch.location, keys))
  const { damages } = await checkRepository({
    repo: await scene.scratch.open(),
    depth: 'structure',
    rng: seededRng(1),
    threads: 0,
  })
  assert.deepEqual(
    damages.map(({ object, code }) => [object, code]),
    [[keys, 'not-found']],
  )
  assert.deepEqual(await repaired(scene), [`brought-back ${keys}`])
  const { recalled, snapshots } = await readTrash(await scene.scratch.open())
  assert.deepEqual([recalled.length, snapshots.map(({ id }) => id)], [0, [unchanged.id]])
  await scene.prune()
})

test('a snapshot that was brought back is healed, though copies of it are in the trash', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  await scene.forget([0], { purge: false })
  const repo = await scene.scratch.open()
  const identity = { clock: systemClock, random: secureRandom }
  const writer = await writerIdentity(repo, { ...identity, state: scene.state, host: 'test' })
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, { ...identity, writer, by: 'test' })
  const [first] = await scene.names(PREFIXES.snapshots)
  damage(scene, first!)
  assert.deepEqual(await repaired(scene), [`healed ${first}`])
  assert.equal((await scene.scratch.readAll()).length, 2)
})

test('a snapshot that was forgotten does not come back from another copy beside the record that says so', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const mirror = new MemoryStore({ location: 'mirror:' })
  const copyAll = async () => {
    const store = await scene.scratch.store()
    for (const name of await scene.names('')) await mirror.put(name, [await store.get(name)])
  }
  await copyAll()
  await scene.forget([0])
  await copyAll()
  await scene.prune({ maxUnused: 0 })
  const [record] = await scene.names(PREFIXES.log)
  for (const name of [record!, parityName(record!)]) rmSync(join(scene.scratch.location, name))
  const snapshots = await scene.names(PREFIXES.snapshots)
  assert.deepEqual(await repaired(scene, mirror), [`brought-back ${record}`])
  assert.deepEqual(await scene.names(PREFIXES.snapshots), snapshots)
})

test('nothing of what was purged and pruned comes back, and no parity of it stays', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const before = await scene.packs()
  await scene.forget([0])
  await scene.prune({ maxUnused: 0 })
  const after = await scene.packs()
  assert.ok(before.some((name) => !after.includes(name)))
  assert.deepEqual(await repaired(scene), [])
  assert.deepEqual(await scene.packs(), after)
  const parity = await scene.names(`${PREFIXES.parity}${PREFIXES.snapshots}`)
  assert.deepEqual(
    parity.map((name) => name.slice(PREFIXES.parity.length)),
    await scene.names(PREFIXES.snapshots),
  )
})
