// A pack that the index names and that is gone is damage when somebody needs it, and none when nobody does.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parityName, PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { OperationEvent } from '../../src/ops/events.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import { PruningScene } from '../support/pruning.ts'

/** The first snapshot is forgotten, and a data pack is gone that it alone needs. */
async function scene(t: TestContext, { purge }: { readonly purge: boolean }) {
  const made = await PruningScene.create(t, ['a'], ['b'])
  const repo = await made.scratch.open()
  const [first] = await repo.snapshots()
  const sid = Buffer.from(first!.sid)
  const own = [...repo.index.blocks()].find(
    (block) => sid.equals(block.sid) && block.pack.objectName.startsWith(PREFIXES.data),
  )!
  await made.forget([0], { purge })
  for (const name of [own.pack.objectName, parityName(own.pack.objectName)]) rmSync(join(made.scratch.location, name))
  return { made, pack: own.pack.objectName }
}

async function checked(made: PruningScene) {
  const told: OperationEvent[] = []
  const repo = await made.scratch.open()
  const onEvent = (event: OperationEvent) => void (event.type === 'error' && told.push(event))
  const result = await checkRepository({ repo, depth: 'structure', rng: seededRng(1), threads: 0, onEvent })
  return { ...result, told: told.length }
}

test('one that nobody needs is no damage to a check or a repair, and a prune takes it out of the index', async (t) => {
  const { made, pack } = await scene(t, { purge: true })
  const before = await checked(made)
  assert.deepEqual([before.damages, before.counts.packsGone, before.told], [[], 1, 0])
  const mended = await repair(await made.scratch.open(), {
    state: made.state,
    clock: systemClock,
    random: secureRandom,
    host: 'test',
    tool: 'test',
    by: 'test',
  })
  assert.equal(mended.lostCount, 0)
  await made.prune({ maxUnused: 0 })
  const after = await checked(made)
  assert.deepEqual([after.damages, after.counts.packsGone], [[], 0])
  assert.ok(!(await made.scratch.open()).index.hasPack(pack))
  assert.deepEqual(await made.scratch.readAll(), [made.contents[1]])
})

test('one that only the trash needs is damage', async (t) => {
  const { made, pack } = await scene(t, { purge: false })
  const { damages, told } = await checked(made)
  assert.deepEqual(
    damages.map(({ object, affectedCount }) => [object, affectedCount]),
    [[pack, 1]],
  )
  assert.equal(told, 1)
})

test('while something else cannot be read, nobody knows who needs it', async (t) => {
  const { made, pack } = await scene(t, { purge: true })
  const [snapshot] = await made.names(PREFIXES.snapshots)
  rmSync(join(made.scratch.location, snapshot!))
  writeFileSync(join(made.scratch.location, snapshot!), 'something else')
  const { damages, told } = await checked(made)
  assert.ok(damages.some(({ object }) => object === pack))
  assert.equal(told, damages.length)
})
