// Snapshots that are forgotten, brought back and purged by several at once, one of whom sleeps at a certain step: each order is
// one in which something was lost where a rule on trash is left out (docs/format.md, 10; test/model/trash-model.ts).
import assert from 'node:assert/strict'
import test from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { parseObjectName, trashName } from '../../src/format/names.ts'
import { Roots } from '../../src/ops/prune/roots.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { snapshotHead } from '../../src/repo/history/snapshot-head.ts'
import { DAY_MS, moveToTrash, purgeTrash, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import type { TrashOptions } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from '../../src/store/store.ts'
import { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { changeTree, SMALL_TREE } from './source-changes.ts'

/** Falls asleep before one of its requests, until it is woken. */
class Sleepy extends Passing {
  readonly #request: RegExp
  readonly asleep: Promise<void>
  wake: () => void = () => {}
  #fallAsleep: () => void = () => {}
  readonly #woken = new Promise<void>((resolve) => (this.wake = resolve))

  /** `request` as `delete snap/...`. */
  constructor(inner: Store, request: RegExp) {
    super(inner)
    this.#request = request
    this.asleep = new Promise((resolve) => (this.#fallAsleep = resolve))
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    await this.#before(`put ${name}`)
    return super.put(name, parts)
  }

  override async stat(name: string): Promise<ObjectInfo | null> {
    await this.#before(`stat ${name}`)
    return super.stat(name)
  }

  override async delete(name: string): Promise<boolean> {
    await this.#before(`delete ${name}`)
    return super.delete(name)
  }

  async #before(request: string): Promise<void> {
    if (!this.#request.test(request)) return
    this.#fallAsleep()
    await this.#woken
  }
}

/** Lists the trash in two pages, the second of which begins in the middle of the copies of each snapshot. */
class Paging extends Passing {
  readonly #snapshot: string
  readonly #before: (what: string) => Promise<void>

  /** `before` is called before each list with what is listed: `log`, `snap`, `page 1`, `page 2`. */
  constructor(inner: Store, snapshot: string, before: (what: string) => Promise<void>) {
    super(inner)
    this.#snapshot = snapshot
    this.#before = before
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    if (prefix !== 'trash/') {
      await this.#before(prefix.slice(0, -1))
      return super.list(prefix, cursor)
    }
    const middle = `${this.#snapshot.replace('snap/', 'trash/')}-8`
    await this.#before(cursor === undefined ? 'page 1' : 'page 2')
    const { objects } = await super.list(prefix)
    return cursor === undefined
      ? { objects: objects.filter(({ name }) => name < middle), cursor: middle }
      : { objects: objects.filter(({ name }) => name >= middle), cursor: undefined }
  }
}

interface Person {
  readonly repo: Repository
  readonly opts: TrashOptions
}

class Scene {
  readonly world: BackupWorld
  /** The one that everything is about. */
  readonly id: string
  readonly objectName: string

  constructor(world: BackupWorld, { id, objectName }: { readonly id: string; readonly objectName: string }) {
    this.world = world
    this.id = id
    this.objectName = objectName
  }

  /** Of two snapshots it is the first; with more `changes` between them it needs what the other one does not. */
  static async create({ changes = 1 } = {}): Promise<Scene> {
    const world = await BackupWorld.create(1)
    const client = world.addClient('ant', SMALL_TREE)
    const { result } = await world.backupWell(client)
    for (let left = changes; left > 0; left--) changeTree(client.tree, world.rng)
    await world.backupWell(client)
    return new Scene(world, result.snapshot)
  }

  /** With `digit` the copies that they put have this digit alone in their numbers. */
  async person(name: string, store: Store = this.world.objects, digit?: number): Promise<Person> {
    const { clock, secureRandom } = this.world
    const random = digit === undefined ? secureRandom : (size: number) => new Uint8Array(size).fill(digit * 0x11)
    const repo = await this.world.openForReading(store)
    const writer = await writerIdentity(repo, { state: simState(), clock, random: secureRandom, host: name })
    return { repo, opts: { writer, clock, random, by: name } }
  }

  async forget({ repo, opts }: Person): Promise<void> {
    const chosen = (await repo.catalog.list()).filter(({ id }) => id === this.id)
    await moveToTrash(repo, chosen, opts)
  }

  async recall({ repo, opts }: Person): Promise<void> {
    const { snapshots } = await readTrash(repo)
    await recallFromTrash(
      repo,
      snapshots.filter(({ id }) => id === this.id),
      opts,
    )
  }

  async purge({ repo, opts }: Person): Promise<void> {
    await purgeTrash(repo, { ...opts, days: 7 })
  }

  async prune({ repo, opts: { clock, random, by } }: Person): Promise<void> {
    const shared = {
      state: simState(),
      clock,
      random,
      host: by,
      by,
      tool: 'simulator',
      onEvent: ignoreEvents,
      threads: 0,
    }
    await prune(repo, { ...shared, maxRemoved: 1, maxUnused: 0, silenceMs: 0 })
  }

  /** Whether it is among the roots of a pruner, to whom `before` happens. */
  async isRoot(before: (what: string) => Promise<void>): Promise<boolean> {
    const repo = await this.world.openForReading(new Paging(this.world.objects, this.objectName, before))
    return (await new Roots(repo).list(() => {})).some(({ id }) => id === this.id)
  }

  async isThere(): Promise<boolean> {
    const { catalog } = await this.world.openForReading()
    return (await catalog.list()).some(({ id }) => id === this.id)
  }
}

test('who brings a snapshot back keeps it from one who slept in forgetting it and one who slept in purging it', async () => {
  const scene = await Scene.create()
  const { world } = scene
  const lateForget = new Sleepy(world.objects, /^delete snap\//)
  const forgetting = scene.forget(await scene.person('ann', lateForget))
  await lateForget.asleep
  await scene.forget(await scene.person('bob'))
  await world.clock.sleep(8 * DAY_MS)
  const latePurge = new Sleepy(world.objects, /^delete trash\//)
  const purging = scene.purge(await scene.person('cid', latePurge))
  await latePurge.asleep
  await scene.recall(await scene.person('dan'))
  latePurge.wake()
  await purging
  lateForget.wake()
  await forgetting
  await scene.prune(await scene.person('eve'))
  assert.ok(await scene.isThere(), 'it was reported as brought back')
  await world.verify()
})

/** Does each thing once, before a certain list. */
function inTurn(...things: readonly (readonly [before: string, thing: () => Promise<unknown>])[]) {
  const left = [...things]
  return async (what: string) => {
    if (left[0]?.[0] !== what) return
    await left.shift()![1]()
  }
}

test('who looks for what must stay sees what is being brought back while a copy of it is purged', async () => {
  const scene = await Scene.create()
  const { world } = scene
  await scene.forget(await scene.person('ann', world.objects, 15))
  await world.clock.sleep(8 * DAY_MS)
  const latePurge = new Sleepy(world.objects, /^delete trash\//)
  const purging = scene.purge(await scene.person('bob', latePurge))
  await latePurge.asleep
  const lateRecall = new Sleepy(world.objects, /^put snap\//)
  let recalling: Promise<void> | undefined
  const isRoot = await scene.isRoot(
    inTurn([
      'page 2',
      async () => {
        recalling = scene.recall(await scene.person('cid', lateRecall, 0))
        await lateRecall.asleep
        latePurge.wake()
        await purging
      },
    ]),
  )
  lateRecall.wake()
  await recalling
  assert.ok(await scene.isThere(), 'it was reported as brought back')
  assert.ok(isRoot)
})

test('who looks for what must stay begins anew when the log has grown meanwhile', async () => {
  const scene = await Scene.create()
  const { world } = scene
  const latePurge = new Sleepy(world.objects, /^delete trash\//)
  const isRoot = await scene.isRoot(
    inTurn(
      ['snap', async () => scene.forget(await scene.person('ann', world.objects, 15))],
      [
        'page 2',
        async () => {
          await world.clock.sleep(8 * DAY_MS)
          const purging = scene.purge(await scene.person('bob', latePurge))
          await latePurge.asleep
          await scene.recall(await scene.person('cid', world.objects, 0))
          latePurge.wake()
          await purging
        },
      ],
    ),
  )
  assert.ok(await scene.isThere(), 'it was reported as brought back')
  assert.ok(isRoot)
})

test('who sleeps for days between his copy and his record puts another copy, and does not rely on the first', async () => {
  const scene = await Scene.create()
  const { world } = scene
  const late = new Sleepy(world.objects, /^put log\//)
  const forgetting = scene.forget(await scene.person('ann', late))
  await late.asleep
  await world.clock.sleep(2 * DAY_MS)
  late.wake()
  await forgetting
  const { repo } = await scene.person('bob')
  const { snapshots } = await readTrash(repo)
  const { named } = snapshots.find(({ id }) => id === scene.id)!
  // A copy that no record names may be purged after a day.
  const ages = named.map(({ receivedMs }) => world.clock.now() - receivedMs)
  assert.equal(named.length, 2)
  assert.ok(Math.min(...ages) < DAY_MS)
})

/** Something happens once, after the first list of snapshots or of the trash. */
class AfterFirstList extends Passing {
  #happens: (() => Promise<void>) | undefined

  constructor(inner: Store, happens: () => Promise<void>) {
    super(inner)
    this.#happens = happens
  }

  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await super.list(prefix, cursor)
    const happens = this.#happens
    if (!/^(?:snap|trash)\//.test(prefix) || happens === undefined) return page
    this.#happens = undefined
    await happens()
    return page
  }
}

test('the number of a snapshot that is forgotten meanwhile is not given to the next one', async () => {
  const { world } = await Scene.create()
  const newest = (await (await world.openForReading()).catalog.list()).toSorted((a, b) => b.seq - a.seq)[0]!
  const scene = new Scene(world, newest)
  const ann = await scene.person('ann')
  const repo = await world.openForReading(new AfterFirstList(world.objects, () => scene.forget(ann)))
  const head = await snapshotHead(repo, fromHex(newest.wid)!, world.clock)
  assert.equal(head?.seq, newest.seq)
  assert.ok(!(await scene.isThere()))
})

test('who sleeps before he says that he purges takes nothing that was forgotten anew meanwhile', async () => {
  const scene = await Scene.create()
  const { world } = scene
  await scene.forget(await scene.person('ann'))
  await world.clock.sleep(8 * DAY_MS)
  const late = new Sleepy(world.objects, /^put log\//)
  const purging = scene.purge(await scene.person('bob', late))
  await late.asleep
  await scene.recall(await scene.person('cid'))
  await scene.forget(await scene.person('dan'))
  late.wake()
  await purging
  const { snapshots } = await readTrash((await scene.person('eve')).repo)
  assert.equal(snapshots.find(({ id }) => id === scene.id)?.named.length, 3, 'of ann, cid and dan')
})

/** A copy of the snapshot, or a part of one, of somebody who died before he named it; gives its name. */
async function leaveCopy({ world, objectName }: Scene, bytes: Uint8Array): Promise<string> {
  const { wid, seq, hash } = parseObjectName(objectName) as { wid: string; seq: number; hash: string }
  const name = trashName(wid, seq, hash, world.secureRandom(16))
  await world.objects.put(name, [bytes])
  return name
}

/** Does not answer when what a session has left is to be deleted. */
class KeepingSessions extends Passing {
  override async delete(name: string): Promise<boolean> {
    if (name.startsWith('sess/')) throw new BackupError('unreachable', 'it does not answer', name)
    return super.delete(name)
  }
}

/** What the snapshot needed is gone when this resolves; what says that it was confirmed is not. */
async function forgetForGood(scene: Scene): Promise<void> {
  await scene.forget(await scene.person('ann'))
  await scene.world.clock.sleep(8 * DAY_MS)
  await scene.purge(await scene.person('bob'))
  const late = await scene.person('cid', new KeepingSessions(scene.world.objects))
  await assert.rejects(scene.prune(late), { code: 'unreachable' })
}

test('a copy that came too late, of somebody who died, keeps prunes from running for a day at most', async () => {
  const scene = await Scene.create({ changes: 6 })
  const { world, objectName } = scene
  const bytes = await world.objects.get(objectName)
  await forgetForGood(scene)
  const late = await leaveCopy(scene, bytes)
  const hint = /^no record names it: a prune after \S+Z takes it away by itself/
  await assert.rejects(scene.prune(await scene.person('dan')), { subject: late, hint })
  await world.clock.sleep(1.1 * DAY_MS)
  await scene.prune(await scene.person('dan'))
  assert.equal(await world.objects.stat(late), null)
  world.forgotten.add(scene.id)
  await world.verify({ pruned: true })
})

test('a part of a copy is not passed over, as what it needs may be looked for when a repair has made it whole', async () => {
  const scene = await Scene.create({ changes: 6 })
  const { world, objectName } = scene
  const bytes = await world.objects.get(objectName)
  await scene.forget(await scene.person('ann'))
  await world.clock.sleep(8 * DAY_MS)
  const part = await leaveCopy(scene, bytes.subarray(0, 100))
  await scene.purge(await scene.person('bob'))
  await assert.rejects(scene.prune(await scene.person('cid')), { subject: part, hint: /takes it away by itself/ })
  // As a repair from another copy of the repository does it: then nothing is missing.
  await world.objects.delete(part)
  await world.objects.put(part, [bytes])
  await scene.prune(await scene.person('cid'))
  await world.objects.delete(part)
  await world.objects.put(part, [bytes.subarray(0, 100)])
  await world.clock.sleep(1.1 * DAY_MS)
  await scene.prune(await scene.person('cid'))
  assert.equal(await world.objects.stat(part), null)
})

/** Reads what is in the trash wrongly, and each time the same. */
class Misreading extends Passing {
  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    return name.startsWith('trash/') ? bytes.with(120, bytes[120]! ^ 1) : bytes
  }
}

test('a prune that cannot read the copy of somebody who is bringing a snapshot back takes nothing that it needs', async () => {
  const scene = await Scene.create({ changes: 6 })
  const { world } = scene
  await scene.forget(await scene.person('ann'))
  await world.clock.sleep(8 * DAY_MS)
  const latePurge = new Sleepy(world.objects, /^delete trash\//)
  const purging = scene.purge(await scene.person('bob', latePurge))
  await latePurge.asleep
  const lateRecall = new Sleepy(world.objects, /^put snap\//)
  const recalling = scene.recall(await scene.person('cid', lateRecall))
  await lateRecall.asleep
  latePurge.wake()
  await purging
  await assert.rejects(scene.prune(await scene.person('dan', new Misreading(world.objects))), { code: 'corrupt' })
  lateRecall.wake()
  await recalling
  assert.ok(await scene.isThere(), 'it was reported as brought back')
  await world.verify()
})
