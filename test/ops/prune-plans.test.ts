// What a prune makes of plans that others have made, and of what others put while it looks or carries one out.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { planName, PREFIXES, sessionEndName, sessionKeysName, sessionName } from '../../src/format/names.ts'
import { Roots } from '../../src/ops/prune/roots.ts'
import type { Root } from '../../src/ops/prune/roots.ts'
import { listSessionNames, SessionReader } from '../../src/ops/prune/sessions.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { ListPage, Store } from '../../src/store/store.ts'
import { assertSound, PruningScene } from '../support/pruning.ts'

const someone = { clock: systemClock, random: secureRandom, host: 'somebody else' }

/** Somebody else condemns the keys of a session. */
async function condemnKeys({ scratch }: PruningScene, sid: Uint8Array): Promise<void> {
  const repo = await scratch.open()
  const { signer } = await writerIdentity(repo, { ...someone, state: memoryState(), act: 'plan' })
  const plan = { pid: secureRandom(16), dataPacks: [], metaPacks: [], sessions: [sid], created: { sec: 1, nsec: 0 } }
  await repo.store.put(planName(plan.pid), [encodeDeletionPlan(plan, { sealer: repo.indexSealer, signer })])
}

async function assertKeysStay(scene: PruningScene, sid: Uint8Array): Promise<void> {
  const store = await scene.scratch.store()
  assert.notEqual(await store.stat(sessionKeysName(sid)), null)
  assert.equal((await store.list(PREFIXES.plans)).objects.length, 1, 'and the plan with them')
}

test('keys that a plan condemns stay where a snapshot is sealed with them, though no pack is', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  // Nothing is new, so there is a snapshot and no pack.
  await scene.backUp()
  const sid = (await (await scene.scratch.open()).snapshots())[1]!.sid
  await condemnKeys(scene, sid)
  await scene.prune()
  await assertKeysStay(scene, sid)
  await assertSound(scene, 0, 0)
})

test('keys that a plan condemns stay where something is lost that they may open', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['a', 'c'])
  const { sid } = (await (await scene.scratch.open()).snapshots())[0]!
  await scene.forget([0])
  const packs = await scene.packs()
  const own = (await scene.scratch.open()).index.packs.filter(({ sessions }) =>
    sessions.some((each) => Buffer.from(each).equals(sid)),
  )
  for (const name of await scene.names(PREFIXES.index)) rmSync(join(scene.scratch.location, name))
  for (const { objectName } of own) rmSync(join(scene.scratch.location, objectName))
  assert.ok(own.length > 0 && own.length < packs.length)
  await condemnKeys(scene, sid)
  await scene.prune({ allowMissing: true })
  await assertKeysStay(scene, sid)
})

/** A session that is under way. */
async function begin({ scratch }: PruningScene) {
  const repo = await scratch.open()
  const writer = await writerIdentity(repo, { ...someone, state: memoryState() })
  const secrets = newSessionSecrets(secureRandom)
  const session = await WriteSession.begin(repo, { ...someone, writer, secrets, tool: 'test' })
  return { session, sid: secrets.sid, wid: toHex(writer.wid) }
}

test('a session is not over because somebody else has put a snapshot that says it is of that session', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  const { sid, wid } = await begin(scene)
  const repo = await scene.scratch.open()
  const [root] = await new Roots(repo).list(() => {})
  const stateWith = async (said: Partial<Root>) => {
    const sessions = await new SessionReader(repo).sessions(await listSessionNames(repo), [{ ...root!, ...said }])
    return sessions.find((each) => each.sid === toHex(sid))?.state
  }
  assert.equal(await stateWith({ sid }), 'open')
  assert.equal(await stateWith({ sid, wid }), 'committed')
})

test('a damaged intent is cleared away when its session ended, as its snapshot’s writer has signed', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['a', 'b'])
  const store = await scene.scratch.store()
  const [ended, other] = await (await scene.scratch.open()).snapshots()
  const damage = async (name: string, at: number) => {
    const right = await store.get(name)
    await store.replace!(name, [right.with(at, right[at]! ^ 1)])
  }
  await damage(sessionName(ended!.sid), 60)
  await damage(sessionName(other!.sid), 60)
  // The signature of the other one.
  await damage(sessionEndName(other!.sid), 60)
  await scene.prune()
  const isThere = (name: string) => store.stat(name).then((found) => found !== null)
  assert.deepEqual([await isThere(sessionName(ended!.sid)), await isThere(sessionEndName(ended!.sid))], [false, true])
  // Nobody else can have it cleared away: it confirms the snapshot.
  assert.equal(await isThere(sessionName(other!.sid)), true)
  for (const { sid } of [ended!, other!]) assert.equal(await isThere(sessionKeysName(sid)), true)
  await damage(sessionEndName(other!.sid), 60)
  await scene.prune()
  await assertSound(scene, 0, 1)
  assert.deepEqual(
    (await (await scene.scratch.open()).snapshots()).map(({ confirmed }) => confirmed),
    [true, true],
  )
})

test('a damaged intent stays where writers do not agree whose session it is', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  const repo = await scene.scratch.open()
  const [root] = await new Roots(repo).list(() => {})
  const name = sessionName(root!.sid)
  const right = await repo.store.get(name)
  await repo.store.replace!(name, [right.with(60, right[60]! ^ 1)])
  const stateWith = async (...roots: readonly Root[]) => {
    const sessions = await new SessionReader(repo).sessions(await listSessionNames(repo), roots)
    return sessions.find((each) => each.sid === toHex(root!.sid))?.state
  }
  const wid = toHex((await writerIdentity(repo, { ...someone, state: memoryState() })).wid)
  assert.equal(await stateWith(root!), 'ended')
  assert.equal(await stateWith({ ...root!, wid }), 'committed')
  assert.equal(await stateWith(root!, { ...root!, wid }), 'committed')
  assert.equal(await stateWith(), 'unsound')
})

/** Each intent reads wrong the first time. */
class WrongOnce extends Passing {
  readonly #read = new Set<string>()

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    if (!name.startsWith(PREFIXES.sessions) || this.#read.has(name)) return bytes
    this.#read.add(name)
    return bytes.with(60, bytes[60]! ^ 1)
  }
}

test('an intent that reads wrong once has nobody taken for dead', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  const { sid } = await begin(scene)
  const store = await scene.scratch.store()
  await scene.prune({ repo: await scene.scratch.open(new WrongOnce(store)) })
  assert.notEqual(await store.stat(sessionName(sid)), null)
})

test('who has no key for content sees what another one has copied, and copies nothing twice', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['b', 'd'])
  await scene.forget([0])
  const { session } = await begin(scene)
  const maintain = async () =>
    scene.prune({
      repo: await scene.scratch.openWith(credential),
      maxUnused: 0,
      state: memoryState(),
    })
  const credential = await scene.scratch.addRole('maintain')
  const first = await maintain()
  assert.ok(first.newPacks > 0)
  assert.deepEqual([first.packsDeleted, first.waiting.length], [0, 1])
  await session.end()
  const second = await maintain()
  assert.equal(second.newPacks, 0)
  assert.ok(second.packsDeleted > 0)
  await assertSound(scene, 1)
})

/** Somebody puts an object before the first pack is deleted. */
class Meanwhile extends Passing {
  readonly #happens: () => Promise<unknown>
  #done = false

  constructor(inner: Store, happens: () => Promise<unknown>) {
    super(inner)
    this.#happens = happens
  }

  override async delete(name: string): Promise<boolean> {
    if (!this.#done && name.startsWith(PREFIXES.data)) {
      this.#done = true
      await this.#happens()
    }
    return super.delete(name)
  }
}

async function segmentsOf(t: TestContext, scene: PruningScene): Promise<ReadonlyMap<string, Uint8Array>> {
  const store = await scene.scratch.store()
  t.after(() => store.close())
  const names = await scene.names(PREFIXES.index)
  return new Map(await Promise.all(names.map(async (name) => [name, await store.get(name)] as const)))
}

test('what somebody names while the packs go is taken out of the index again', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c'], ['b'])
  await scene.forget([0])
  const before = await segmentsOf(t, scene)
  const store = await scene.scratch.store()
  const again = async () => {
    for (const [name, bytes] of before) await store.put(name, [bytes])
  }
  const repo = await scene.scratch.open(new Meanwhile(store, again))
  assert.ok((await scene.prune({ repo, maxUnused: 0 })).packsDeleted > 0)
  const there = new Set(await scene.packs())
  for (const { objectName } of (await scene.scratch.open()).index.packs) assert.ok(there.has(objectName), objectName)
  assert.deepEqual(await scene.scratch.readAll(), [scene.contents[1]])
})

/** Somebody puts ends of sessions and deletes their intents while these are listed: the list has neither. */
class Sessionless extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await super.list(prefix, cursor)
    return prefix === PREFIXES.sessions ? { ...page, objects: [] } : page
  }
}

test('a snapshot whose keys are damaged stands in the way though its session is in no list, as long as its end is there', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'])
  const store = await scene.scratch.store()
  const keys = sessionKeysName((await (await scene.scratch.open()).snapshots())[0]!.sid)
  const right = await store.get(keys)
  await store.replace!(keys, [right.with(60, right[60]! ^ 1)])
  const before = await scene.packs()
  const repo = await scene.scratch.open(new Sessionless(store))
  await assert.rejects(scene.prune({ repo, maxUnused: 0 }), /cannot be read, so nothing is deleted/)
  assert.deepEqual(await scene.packs(), before)
})

test('a damaged copy in the trash stands in the way where the record is damaged that may name it', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.forget([0], { purge: false })
  const store = await scene.scratch.store()
  for (const prefix of [PREFIXES.trash, PREFIXES.log]) {
    const [name] = await scene.names(prefix)
    const right = await store.get(name!)
    await store.replace!(name!, [right.with(90, right[90]! ^ 1)])
  }
  const before = await scene.packs()
  await assert.rejects(scene.prune({ maxUnused: 0, allowMissing: true }), /cannot be read, so nothing is deleted/)
  assert.deepEqual(await scene.packs(), before)
})
