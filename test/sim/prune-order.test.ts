// The rules on order for pruning see what they are there to see: a prune over a store that answers what is not so, or that does
// nothing, breaks them one by one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PREFIXES } from '../../src/format/names.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { ListPage, PutResult, Store } from '../../src/store/store.ts'
import { listAll } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { OrderViolation } from './ordering-oracle.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'
import { WorldPruner } from './world-pruner.ts'

const NOTHING: ListPage = { objects: [], cursor: undefined }

/** Lists under a prefix do not reach the store; or they do, and who asked is told that nothing is there. */
class Blind extends Passing {
  readonly #prefix: string
  readonly #asks: boolean

  constructor(inner: Store, prefix: string, asks: boolean) {
    super(inner)
    this.#prefix = prefix
    this.#asks = asks
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    if (prefix !== this.#prefix) return super.list(prefix, cursor)
    if (this.#asks) await super.list(prefix, cursor)
    return NOTHING
  }
}

/** Says that it has deleted, and has not. */
class Undeleting extends Passing {
  readonly #names: RegExp

  constructor(inner: Store, names: RegExp) {
    super(inner)
    this.#names = names
  }

  override delete(name: string): Promise<boolean> {
    return this.#names.test(name) ? Promise.resolve(true) : super.delete(name)
  }
}

/** Says that the ends of sessions are safe, and does not ask the store. */
class Trustful extends Passing {
  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    return name.endsWith('.end') ? Promise.resolve({ created: false }) : super.put(name, parts)
  }
}

/** Gives what was put just now from memory. */
class Remembering extends Passing {
  readonly #known = new Map<string, Uint8Array>()

  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    this.#known.set(name, new Uint8Array(Buffer.concat(parts)))
    return super.put(name, parts)
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const known = this.#known.get(name)
    if (known === undefined) return super.get(name, range)
    return range === undefined ? known.slice() : known.slice(range.offset, range.offset + range.length)
  }
}

const MISTAKES: readonly (readonly [rule: string, what: string, wrap: (store: Store) => Store])[] = [
  ['M1', 'does not ask which sessions there are', (store) => new Blind(store, PREFIXES.sessions, false)],
  ['M2', 'waits for no session', (store) => new Blind(store, PREFIXES.sessions, true)],
  ['M3', 'does not look into the trash', (store) => new Blind(store, PREFIXES.trash, false)],
  ['M4', 'leaves segments that name what it deletes', (store) => new Undeleting(store, /^index\//)],
  ['M4', 'does not read back what it has copied', (store) => new Remembering(store)],
  ['M5', 'deletes a plan before the packs', (store) => new Undeleting(store, /^(?:data|meta)\//)],
  ['M7', 'takes an end that it sees for safe', (store) => new Trustful(store)],
]

for (const [rule, what, wrap] of MISTAKES) {
  test(`${rule}: a prune that ${what} is noticed`, async () => {
    const world = await worldToPrune()
    const pruner = await WorldPruner.open(world, { wrap })
    await pruner.forget(0.6)
    // It may come to an end of its own too.
    await world.finish(pruner.run({ maxUnused: 0, silenceMs: 0 })).catch(() => undefined)
    await assert.rejects(pruner.checkOrder(), (error) => error instanceof OrderViolation && error.rule === rule)
  })
}

test('M9: keys of a session that are deleted without a plan are noticed', async () => {
  const world = await worldToPrune()
  let store: Store | undefined
  const pruner = await WorldPruner.open(world, { wrap: (inner) => (store = inner) })
  for await (const { name } of listAll(store!, PREFIXES.sessionKeys)) await world.finish(store!.delete(name))
  await assert.rejects(pruner.checkOrder(), { name: 'OrderViolation', rule: 'M9' })
})

test('a prune as it should be passes', async () => {
  const world = await worldToPrune()
  const pruner = await WorldPruner.open(world)
  await pruner.forget(0.6)
  const report = await world.finish(pruner.run({ maxUnused: 0, silenceMs: 0 }))
  assert.ok(report.packsDeleted > 0 && report.newPacks > 0)
  await pruner.checkOrder()
})

/** Snapshots of a tree that changes, some to be forgotten, and what a backup that died has left. */
async function worldToPrune(): Promise<BackupWorld> {
  const world = await BackupWorld.create(7)
  const client = world.addClient('ant', SMALL_TREE)
  for (let round = 0; round < 4; round++) {
    await world.backupWell(client)
    changeTree(client.tree, world.rng)
    await world.clock.sleep(1000)
  }
  // As late as it takes: the session was declared, and has neither an end nor a snapshot.
  for (let after = 10; !(await isSomebodyLeft(world)); after++) await world.backup(client, { crashAfter: after })
  return world
}

async function isSomebodyLeft({ objects }: BackupWorld): Promise<boolean> {
  const names: string[] = []
  for await (const { name } of listAll(objects, PREFIXES.sessions)) names.push(name)
  return names.some((name) => !name.includes('.') && !names.includes(`${name}.end`))
}
