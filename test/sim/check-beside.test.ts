// Checks beside others who back up, forget and prune, at any step of the check: what comes and goes meanwhile is no damage.
import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { CheckResult } from '../../src/ops/check.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { Accompanied } from './passing-store.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { WorldPruner } from './world-pruner.ts'

const PRUNE = { maxUnused: 0, silenceMs: 0 }

async function worldToCheck(): Promise<BackupWorld> {
  const world = await BackupWorld.create(1)
  const client = world.addClient('ant', SMALL_TREE)
  await world.backupWell(client)
  for (let changes = 0; changes < 6; changes++) changeTree(client.tree, world.rng)
  await world.backupWell(client)
  return world
}

interface Beside {
  readonly found: CheckResult
  /** Whether the check came so far that something happened. */
  readonly happened: boolean
}

/** A check before whose request number `step`, counted from 0, something happens. */
async function checkBeside(world: BackupWorld, step: number, happens: () => Promise<void>): Promise<Beside> {
  let requests = 0
  let happened = false
  const store: Store = new Accompanied(world.objects, async () => {
    if (requests++ !== step) return
    happened = true
    await happens()
  })
  const check = async () => {
    const repo = await world.openForReading(store)
    return checkRepository({ repo, depth: 'all', rng: seededRng(1), threads: 0, clock: world.clock })
  }
  return { found: await world.finish(check()), happened }
}

const EVENTS: Readonly<Record<string, (world: BackupWorld) => Promise<void>>> = {
  'another machine makes its first backup': async (world) => {
    await world.start(world.addClient('bee', SMALL_TREE), world.newRun(world.clients[1]!), {})
    assert.equal(world.runs.at(-1)!.outcome.kind, 'success')
  },
  'everything is forgotten and pruned': async (world) => {
    const pruner = await WorldPruner.open(world)
    await pruner.forget(1)
    await pruner.run(PRUNE)
  },
  'one snapshot is forgotten, and what the other one needs is copied': async (world) => {
    const pruner = await WorldPruner.open(world)
    do await pruner.forget(0.4)
    while (world.forgotten.size === 0)
    const { packsDeleted } = await pruner.run({ ...PRUNE, repackSmall: true })
    assert.ok(packsDeleted > 0 && world.forgotten.size === 1)
  },
}

for (const [what, happens] of Object.entries(EVENTS)) {
  test(`no check finds damage because ${what} meanwhile`, async () => {
    for (let step = 0, happened = true; happened; step += 5) {
      const world = await worldToCheck()
      const beside = await checkBeside(world, step, () => happens(world))
      happened = beside.happened
      assert.deepEqual(beside.found.damages, [], `at request ${step}`)
    }
  })
}

test('what is lost is damage, also when others change what is there meanwhile', async () => {
  const world = await worldToCheck()
  const [lost] = (await world.objects.list('data/')).objects
  const { found } = await checkBeside(world, 20, async () => {
    await world.objects.delete(lost!.name)
    await EVENTS['another machine makes its first backup']!(world)
  })
  assert.deepEqual(
    found.damages.map(({ object }) => object),
    [lost!.name],
  )
  assert.ok(found.damages[0]!.affectedCount > 0)
})
