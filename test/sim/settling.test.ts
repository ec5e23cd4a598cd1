// On a store whose lists lag everybody waits where others have to see what he did (docs/format.md, 10, "Lists that lag"). Whether
// these are the pauses that are needed the model tells (test/model/deletion.test.ts); here it is that they are made.
import assert from 'node:assert/strict'
import test from 'node:test'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { DAY_MS, moveToTrash, purgeTrash, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { NO_FAULTS } from '../../src/store/faults.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { Accompanied } from './passing-store.ts'
import { forEachSeed } from './seeds.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { WorldPruner } from './world-pruner.ts'

/** Longer than everything that is done in these worlds takes. */
const LAG_MS = 20 * 60_000

interface Request {
  /** As `put snap/...`. */
  readonly what: string
  readonly began: number
  readonly ended: number
}

/** Says that its lists lag, which they do not, and notes when it was asked for what. */
class Noting extends Passing {
  readonly requests: Request[] = []
  readonly #world: BackupWorld
  readonly #lagMs: number

  constructor(inner: Store, world: BackupWorld, lagMs = LAG_MS) {
    super(inner)
    this.#world = world
    this.#lagMs = lagMs
  }

  override get listLagMs(): number {
    return this.#lagMs
  }

  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    return this.#note(`put ${name}`, () => super.put(name, parts))
  }

  override stat(name: string): Promise<ObjectInfo | null> {
    return this.#note(`stat ${name}`, () => super.stat(name))
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#note(`list ${prefix}`, () => super.list(prefix, cursor))
  }

  override delete(name: string): Promise<boolean> {
    return this.#note(`delete ${name}`, () => super.delete(name))
  }

  async #note<T>(what: string, request: () => Promise<T>): Promise<T> {
    const began = this.#world.clock.monotonic()
    const result = await request()
    this.requests.push({ what, began, ended: this.#world.clock.monotonic() })
    return result
  }

  /** Whenever the one was done, and then the other for the first time, there was a pause in between. */
  assertPauses(after: RegExp, before: RegExp): void {
    let pauses = 0
    let since: number | undefined
    for (const { what, began, ended } of this.requests) {
      if (before.test(what) && since !== undefined) {
        assert.ok(began - since >= LAG_MS, `${what} comes ${Math.round(began - since)} ms after ${after}`)
        since = undefined
        pauses++
      }
      if (after.test(what)) since = ended
    }
    assert.ok(pauses > 0, `${before} comes after ${after}`)
  }
}

async function worldWithSnapshots(seed = 1): Promise<BackupWorld> {
  const world = await BackupWorld.create(seed)
  const client = world.addClient('ant', SMALL_TREE)
  for (let day = 0; day < 3; day++) {
    await world.backupWell(client)
    changeTree(client.tree, world.rng)
  }
  return world
}

test('a backup waits until its intent shows, and its snapshot', async () => {
  const world = await worldWithSnapshots()
  let noting: Noting | undefined
  await world.backupWell(world.clients[0]!, { wrap: (store) => (noting = new Noting(store, world)) })
  noting!.assertPauses(/^put sess\/[0-9a-f]+$/, /^list gc\//)
  noting!.assertPauses(/^put snap\//, /^stat sess\//)
  await world.verify()
})

test('who forgets, brings back and purges waits until his copies and records show', async () => {
  const world = await worldWithSnapshots()
  const { clock, secureRandom: random } = world
  const store = new Noting(world.objects, world)
  const repo = await world.openForReading(store)
  const writer = await writerIdentity(repo, { state: simState(), clock, random, host: 'ann' })
  const opts = { writer, clock, random, by: 'ann' }
  const [first] = await repo.catalog.list()
  await world.finish(moveToTrash(repo, [first!], opts))
  store.assertPauses(/^put log\//, /^delete snap\//)
  await world.finish(recallFromTrash(repo, (await readTrash(repo)).snapshots, opts))
  for (const text of ['one', 'another']) await world.finish(appendRecord(repo, { kind: 'note', text }, opts))
  store.assertPauses(/^put log\//, /^list log\//)
  store.assertPauses(/^put trash\//, /^(?:stat trash|put snap)\//)
  await world.finish(moveToTrash(repo, [first!], opts))
  await world.clock.sleep(DAY_MS)
  await world.finish(purgeTrash(repo, { ...opts, days: 0 }))
  store.assertPauses(/^put log\//, /^list trash\//)
})

test('who prunes waits until a plan shows, whosever it is, a fence, and that what it condemned is gone', async () => {
  const world = await worldWithSnapshots()
  await world.finish((await WorldPruner.open(world)).forget(0.7))
  // One that is taken for dead.
  await world.backup(world.clients[0]!, { crashAfter: 30 })
  let noting: Noting | undefined
  const wrap = (store: Store) => (noting = new Noting(store, world))
  const pruner = await WorldPruner.open(world, { wrap })
  const report = await world.finish(pruner.run({ maxUnused: 0, silenceMs: 0 }))
  assert.ok(report.packsDeleted > 0 && report.sessionsFenced > 0, JSON.stringify(report))
  const own = noting!
  own.assertPauses(/^put gc\//, /^list sess\//)
  own.assertPauses(/^delete sess\/[0-9a-f]+$/, /^list (?:log|trash|snap)\//)
  own.assertPauses(/^list snap\//, /^list index\//)
  own.assertPauses(/^put index\//, /^delete index\//)
  own.assertPauses(/^delete (?:data|meta)\//, /^list index\//)
  own.assertPauses(/^delete (?:data|meta)\//, /^delete gc\//)
  own.assertPauses(/^list sess\//, /^list index\//)
  await world.verify()
  const packs = (await world.objects.list('data/')).objects.map(({ name }) => name)
  await (await WorldPruner.open(world, { name: 'other pruner' })).condemn(packs.slice(0, 1))
  const next = await WorldPruner.open(world, { name: 'next pruner', wrap })
  await world.finish(next.run({ maxUnused: 0, silenceMs: 0 }))
  noting!.assertPauses(/^put gc\//, /^list sess\//)
  await world.verify()
})

test('a snapshot that is in the list still and was forgotten just now ends no backup', () =>
  forEachSeed('sim/settling', 5, async (seed) => {
    const world = await worldWithSnapshots(seed)
    const faults = { ...NO_FAULTS, listLagMs: LAG_MS }
    const { clock, secureRandom: random } = world
    const repo = await world.openForReading(world.process('ann', faults).recorded)
    const writer = await world.finish(writerIdentity(repo, { state: simState(), clock, random, host: 'ann' }))
    const last = (await repo.catalog.list()).slice(-1)
    let isForgotten = false
    const forget = async (kind: string, name: string) => {
      if (kind !== 'put' || !name.startsWith('index/') || isForgotten) return
      isForgotten = true
      await moveToTrash(repo, last, { writer, clock, random, by: 'ann' })
    }
    await world.backupWell(world.clients[0]!, { faults, wrap: (store) => new Accompanied(store, forget) })
    assert.ok(isForgotten)
  }))

test('nobody waits where lists do not lag', async () => {
  const world = await worldWithSnapshots()
  const began = world.clock.monotonic()
  const wrap = (store: Store) => new Noting(store, world, 0)
  await world.backupWell(world.clients[0]!, { wrap })
  const pruner = await WorldPruner.open(world, { wrap })
  await world.finish(pruner.forget(0.5))
  await world.finish(pruner.run({ maxUnused: 0 }))
  assert.ok(world.clock.monotonic() - began < LAG_MS / 10)
})
