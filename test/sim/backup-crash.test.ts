// Power loss in a backup, at every step of it: whatever is listed afterwards can be restored bit for bit, and the next
// backup finishes on sound data. The same tests must fail for backups that put things in another order.
import assert from 'node:assert/strict'
import test from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { NO_FAULTS } from '../../src/store/faults.ts'
import type { Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import type { RunOptions } from './backup-world.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree } from './source-changes.ts'
import { Hasty, Impatient, Late, Tidying, Trusting } from './weak-stores.ts'

const FILE = 'sim/backup-crash'

test('power loss at every step of a backup leaves each listed snapshot restorable', async () => {
  await forEachSeed(FILE, 4, async (seed) => {
    const world = await BackupWorld.withSmallTree(seed)
    await dieAtEveryStep(world, { workers: 1 + (seed % 3) })
  })
})

test('power loss after some writes of a backup of any tree leaves each listed snapshot restorable', async () => {
  await forEachSeed(FILE, 12, async (seed) => {
    const world = await BackupWorld.withClients(seed, 'ant')
    const client = world.clients[0]!
    for (let round = 0; round < 4; round++) {
      await world.backup(client, { crashAfter: Math.floor(world.rng() * 40), workers: 2 })
      await world.verify()
      changeTree(client.tree, world.rng)
      await world.sleep(world.rng() * 5000)
    }
    await world.backupWell(client)
    await world.verify()
    await world.checkOrder()
  })
})

test('what a store that is not atomic leaves of a backup at a crash stands in the way of none', async () => {
  await forEachSeed(FILE, 3, async (seed) => {
    await dieAtEveryStep(
      await BackupWorld.withSmallTree(seed),
      { faults: { ...NO_FAULTS, torn: true } },
      { torn: true },
    )
  })
})

test('a snapshot that such a store kept a part of is told as an interrupted backup, not as damage', async () => {
  let cutOff = 0
  await forEachSeed(FILE, 3, async (seed) => {
    const world = await BackupWorld.withSmallTree(seed)
    for (let step = 0, finished = false; !finished; step++) {
      const branch = await world.fork(step)
      const client = branch.clients[0]!
      const { outcome } = await branch.backup(client, { faults: { ...NO_FAULTS, torn: true }, crashAfter: step })
      finished = outcome.kind === 'success'
      await branch.backupWell(client)
      const repo = await branch.openForReading()
      const check = await checkRepository({ repo, depth: 'structure', rng: world.rng, threads: 0 })
      const scrub = await scrubStore({ store: branch.objects })
      for (const { cutOff: names, damages } of [check, scrub]) {
        assert.deepEqual(
          damages.filter(({ object }) => object.startsWith('snap/')),
          [],
        )
        cutOff += names.length
      }
    }
  })
  assert.ok(cutOff > 0, 'some snapshots were torn')
})

test('a machine with bad memory stores nothing that it cannot read back', async () => {
  let noticed = 0
  await forEachSeed(FILE, 10, async (seed) => {
    const world = await BackupWorld.withSmallTree(seed)
    const { outcome } = await world.backup(world.clients[0]!, { badMemory: 0.2, workers: 2 })
    if (outcome.kind === 'failed') {
      assert.equal(outcome.error.code, 'corrupt')
      noticed++
    }
    await world.verify()
    await world.backupWell(world.clients[0]!)
    await world.verify()
  })
  assert.ok(noticed > 0, 'some of the wrong bits were in blobs')
})

/** Mistakes, the rule that each breaks, and whether power loss alone makes it lose data. */
const MISTAKES: readonly {
  readonly what: string
  readonly wrap: (store: Store) => Store
  readonly rule: RegExp
  readonly losesData: boolean
}[] = [
  {
    what: 'declares itself and does not wait',
    wrap: (store) => new Impatient(store, ['sess/'], 'skeys/'),
    rule: /^W1 /,
    losesData: false,
  },
  { what: 'reads the index before the plans', wrap: (store) => new Hasty(store), rule: /^W1 /, losesData: false },
  {
    what: 'puts its keys last',
    wrap: (store) => new Late(store, 'skeys/', 'snap/'),
    rule: /^W2 /,
    losesData: true,
  },
  {
    what: 'does not wait for its packs',
    wrap: (store) => new Impatient(store, ['data/', 'meta/'], 'index/'),
    rule: /^W4 /,
    losesData: false, // the next one sees what is missing
  },
  { what: 'puts its packs last', wrap: (store) => new Late(store, 'data/', 'snap/'), rule: /^W4 /, losesData: true },
  {
    what: 'does not wait for its index',
    wrap: (store) => new Impatient(store, ['index/'], 'snap/'),
    rule: /^W5 /,
    losesData: false,
  },
  {
    what: 'puts its index last',
    wrap: (store) => new Late(store, 'index/', 'snap/'),
    rule: /^W4 /,
    losesData: false, // readers find what is in packs that no segment names
  },
  {
    what: 'does not look for its intent again',
    wrap: (store) => new Trusting(store),
    rule: /^W[67] /,
    losesData: false,
  },
  { what: 'tidies up behind itself', wrap: (store) => new Tidying(store), rule: /^W9 /, losesData: false },
]

for (const { what, wrap, rule, losesData } of MISTAKES) {
  test(`a backup that ${what} is found out by the order of its requests`, async () => {
    const broken = await firstError(40, async (seed) => {
      const world = await BackupWorld.withSmallTree(seed)
      await world.backupWell(world.clients[0]!, { wrap })
      await world.checkOrder()
    })
    assert.match(broken?.message ?? 'nothing was noticed', rule)
  })

  if (!losesData) continue
  test(`a backup that ${what} is found out by power loss`, async () => {
    const broken = await firstError(6, async (seed) => {
      await dieAtEveryStep(await BackupWorld.withSmallTree(seed), { wrap }, { order: false })
    })
    assert.ok(broken instanceof BackupError, `what a snapshot needs is missing: ${broken}`)
    assert.match(broken.code, /^(?:corrupt|not-found)$/)
  })
}

async function dieAtEveryStep(
  world: BackupWorld,
  opts: RunOptions,
  { order = true, torn = false }: { readonly order?: boolean; readonly torn?: boolean } = {},
): Promise<void> {
  for (let step = 0, finished = false; !finished; step++) {
    const branch = await world.fork(step)
    const client = branch.clients[0]!
    const { outcome } = await branch.backup(client, { ...opts, crashAfter: step })
    finished = outcome.kind === 'success'
    if (torn) await branch.removeDamagedSnapshots()
    await branch.verify()
    await branch.backupWell(client)
    await branch.verify()
    if (order) await branch.checkOrder()
  }
}

async function firstError(seeds: number, run: (seed: number) => Promise<void>): Promise<Error | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await run(seed)
    } catch (error) {
      return error as Error
    }
  }
  return undefined
}
