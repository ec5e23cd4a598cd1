import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIST_PAGE_MAX, type Store } from '../../src/store/store.ts'
import { checkOrder, OrderViolation } from './ordering-oracle.ts'
import { forEachSeed } from './seeds.ts'
import { type Mistake, MISTAKES, packName, toyBackup } from './toy-writer.ts'
import { MAIN, rethrowUnlessCrash, SimWorld } from './world.ts'

const FILE = 'ordering-oracle.test.ts'

test('a writer that keeps the rules passes, alone and beside others, through crashes', () =>
  forEachSeed(FILE, 50, async (seed) => {
    const world = await preparedWorld(seed)
    const other = world.process('other')
    other.store.crashAfter(seed % 20)
    const otherRun = run(other.recorded, world, 'other').then(() => true, rethrowUnlessCrash)
    await run(world.process().recorded, world, MAIN)
    await otherRun
    checkOrder(world.log)
    const dying = world.process()
    dying.store.crashAfter(seed % 25)
    await run(dying.recorded, world, MAIN).then(() => true, rethrowUnlessCrash)
    await dying.store.settle()
    await run(world.process().recorded, world, MAIN)
    checkOrder(world.log)
  }))

for (const [mistake, rule] of Object.entries(MISTAKES) as [Mistake, string][]) {
  test(`${rule}: ${mistake} is noticed`, () =>
    forEachSeed(FILE, 5, async (seed) => {
      const world = await preparedWorld(seed)
      const { store, recorded } = world.process()
      if (mistake === 'failed index ignored') failIndex(store)
      await run(recorded, world, MAIN, mistake)
      assert.throws(
        () => checkOrder(world.log),
        (error) => error instanceof OrderViolation && error.rule === rule && error.message.includes(MAIN),
      )
    }))
}

test('W4: with the names in an index, a named pack that is not acknowledged is noticed at the index already', async () => {
  const world = await preparedWorld(1)
  await run(world.process().recorded, world, MAIN)
  const { name: index } = world.log.operations.find(({ kind, name }) => kind === 'put' && name.startsWith('index/'))!
  const packs = world.log.operations.filter(({ kind, name }) => kind === 'put' && name.startsWith('data/'))
  const packsOf = () => packs.map(({ name }) => name)
  checkOrder(world.log, { packsOf })
  packs[1]!.outcome = 'failed'
  assert.throws(() => checkOrder(world.log, { packsOf }), {
    rule: 'W4',
    message: new RegExp(`names ${packs[1]!.name}.*${index}`),
  })
})

test('readers and pruners are not held to the rules of writers', async () => {
  const world = await preparedWorld(1)
  const pruner = world.process('pruner')
  await pruner.recorded.list('index/')
  await pruner.recorded.delete(packName('old'))
  checkOrder(world.log)
  assert.throws(() => checkOrder(world.log, { isWriter: (actor) => actor === 'pruner' }), { rule: 'W9' })
})

/** Two plans, and an index of more than a page. */
async function preparedWorld(seed: number): Promise<SimWorld> {
  const world = new SimWorld(seed)
  for (const plan of ['aa', 'bb']) await world.objects.put(`gc/${plan}`, [Buffer.from(plan)])
  await world.objects.put(packName('old'), [])
  for (let n = 0; n <= LIST_PAGE_MAX; n++) await world.objects.put(`index/${n}`, [])
  return world
}

function run(store: Store, world: SimWorld, actor: string, mistake?: Mistake) {
  return toyBackup(store, { log: world.log, actor, rng: world.rng, ...(mistake !== undefined && { mistake }) })
}

/** The put of the index fails, nothing else does. */
function failIndex(store: Store): void {
  const put = store.put.bind(store)
  store.put = (name, parts) => (name.startsWith('index/') ? Promise.reject(new Error('simulated')) : put(name, parts))
}
