// A prune gives up a copy of what is stored twice. Somebody who may make backups, or read them, tries to have it keep what he
// has put under the names of others' content, and delete theirs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../src/format/entry-model.ts'
import type { Role } from '../../src/format/bundle.ts'
import { LOCATOR_SIZE } from '../../src/format/block-table.ts'
import type { IndexedPack } from '../../src/format/index-segment.ts'
import { packName, sessionKeysName } from '../../src/format/names.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import type { PruneOptions } from '../../src/ops/prune/prune.ts'
import type { SnapshotInfo } from '../../src/repo/history/snapshot-catalog.ts'
import { moveToTrash, purgeTrash } from '../../src/repo/history/trash.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { Passing } from '../../src/store/passing-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'
import { ENTRY, HostileWriter } from '../damage/hostile-writer.ts'
import { readEverything, story } from '../damage/observation.ts'
import { SmallRepository } from '../damage/small-repository.ts'
import { letIn } from './insiders.ts'

const KNOWN = Buffer.alloc(900, 'what the attacker has as well')
const OWN = Buffer.alloc(5000, 'the own content of the attacker')

interface Scene {
  readonly made: SmallRepository
  readonly hostile: HostileWriter
  /** Name of the victim's snapshot. */
  readonly victim: string
}

async function sceneWith(role: Role): Promise<Scene> {
  const made = await SmallRepository.empty()
  const { snapshot } = await made.backup({ known: KNOWN })
  const hostile = await HostileWriter.in(made, await (await letIn(made, role)).open())
  return { made, hostile, victim: snapshot.objectName }
}

function file(name: string, size: number, ref: Uint8Array): Entry {
  return {
    ...ENTRY,
    name: Buffer.from(name),
    kind: 'file',
    size,
    content: { kind: 'extents', extents: [{ length: size, ref, offset: 0 }] },
  }
}

/** A snapshot of the attacker with these files, all that it needs stored and named. */
async function commit(
  hostile: HostileWriter,
  entries: readonly Entry[],
  asIndexed: (pack: IndexedPack) => IndexedPack = (pack) => pack,
): Promise<void> {
  const root = hostile.root(hostile.node({ level: 0, entries: [...entries] }))
  await hostile.flush()
  await hostile.index(undefined, hostile.packs.map(asIndexed))
  await hostile.snapshot(root)
}

async function pruneTwice(
  { made }: Scene,
  opts: Partial<PruneOptions> = {},
  by: { readonly open: () => Promise<Repository>; readonly state: LocalState } = {
    open: () => made.open(),
    state: made.state,
  },
): Promise<void> {
  const { clock, random } = made
  for (let i = 0; i < 2; i++) {
    await prune(await by.open(), {
      state: by.state,
      clock,
      random,
      host: 'host',
      by: 'ada@desk',
      tool: 'test',
      threads: 0,
      onEvent: ignoreEvents,
      maxRemoved: 1,
      maxUnused: 0,
      silenceMs: 0,
      ...opts,
    })
  }
}

/** Everything of the victim can be read; a prune that refuses to go on is no loss. */
async function assertNothingIsLost(scene: Scene, pruned: Promise<void>): Promise<void> {
  await pruned.catch(() => {})
  const found = (await readEverything(await scene.made.open())).get(scene.victim)
  assert.ok(found instanceof Map, story(found))
  for (const [path, what] of found) assert.equal(typeof what, 'string', `${path}: ${story(what)}`)
}

test('what a directory says truly proves nothing of what the index says of the same pack', async () => {
  const scene = await sceneWith('write')
  const { hostile } = scene
  hostile.blob('data', Buffer.alloc(KNOWN.length, 'junk'))
  const own = hostile.blob('data', OWN)
  const locs = hostile.repo.blobKeys.locOf(hostile.ref('data', KNOWN)).slice(0, LOCATOR_SIZE)
  await commit(hostile, [file('own', OWN.length, own)], ({ kind, blocks: [first, ...others], ...pack }) => {
    return { ...pack, kind, blocks: kind === 'data' ? [{ ...first!, locs }, ...others] : [first!, ...others] }
  })
  await assertNothingIsLost(scene, pruneTwice(scene))
})

test('a size that is wrong makes no pack of others missing', async () => {
  const scene = await sceneWith('write')
  const { hostile } = scene
  for (const { pack, sessions } of await packsOf(hostile.repo)) {
    if (pack.kind !== 'data') continue
    await hostile.index(undefined, [{ ...pack, size: pack.size + 1 }], [], sessions)
  }
  hostile.block('data', Buffer.alloc(KNOWN.length, 'junk'), hostile.ref('data', KNOWN))
  const own = hostile.blob('data', OWN)
  await commit(hostile, [file('own', OWN.length, own)])
  await assertNothingIsLost(scene, pruneTwice(scene))
})

test('a folder that somebody calls the content of a file is read as a folder all the same', async () => {
  const scene = await sceneWith('read')
  const { made, hostile, victim } = scene
  const repo = await made.open()
  const { body } = (await repo.snapshots()).find(({ objectName }) => objectName === victim)!
  await commit(hostile, [file('a folder', 1, body.root)])
  await assertNothingIsLost(scene, pruneTwice(scene))
})

test('what a pruner has copied along is no more to be relied on than where it was', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  const own = hostile.ref('data', OWN)
  hostile.bundle('data', [
    { plain: Buffer.alloc(KNOWN.length, 'junk'), ref: hostile.ref('data', KNOWN) },
    { plain: OWN, ref: own },
  ])
  hostile.blob('data', Buffer.alloc(1000, 'what nobody needs'))
  await commit(hostile, [file('own', OWN.length, own)])
  // For as long as a backup is under way the plan waits.
  await HostileWriter.in(made, hostile.repo)
  await pruneTwice(scene, { silenceMs: 1e9 })
  assert.ok((await made.store.list('gc/')).objects.length > 0)
  await assertNothingIsLost(scene, pruneTwice(scene))
})

test('what somebody without keys for content has copied along stands for nothing that he condemns with it', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  const maintainer = await letIn(made, 'maintain')
  const maintain = async (silenceMs: number) =>
    pruneTwice(scene, { silenceMs }, { open: () => maintainer.open(), state: memoryState() })
  const [first] = await (await made.open()).snapshots()
  await made.backup({ other: Buffer.from('another file') })
  await forgetForGood(made, first!)
  const own = hostile.ref('data', OWN)
  hostile.bundle('data', [
    { plain: Buffer.alloc(KNOWN.length, 'junk'), ref: hostile.ref('data', KNOWN) },
    { plain: OWN, ref: own },
  ])
  hostile.blob('data', Buffer.alloc(1000, 'what nobody needs'))
  await commit(hostile, [file('own', OWN.length, own)])
  // The backup relies on what it has found, and is under way while the plan is made that condemns it.
  const meanwhile = new BeforeSnapshot(made.store, () => maintain(1e9))
  const { snapshot } = await made.backup({ known: KNOWN }, meanwhile)
  assert.ok((await made.store.list('gc/')).objects.length > 0)
  await assertNothingIsLost({ ...scene, victim: snapshot.objectName }, maintain(0))
  assert.deepEqual((await made.store.list('gc/')).objects, [], 'the plan was carried out')
})

/** Something happens before a snapshot is put. */
class BeforeSnapshot extends Passing {
  readonly #happens: () => Promise<void>

  constructor(inner: Store, happens: () => Promise<void>) {
    super(inner)
    this.#happens = happens
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith('snap/')) await this.#happens()
    return super.put(name, parts)
  }
}

test('a pack that the index has lost is not given up for what somebody else has put under the same locators', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  for (const { name } of (await made.store.list('index/')).objects) await made.store.delete(name)
  hostile.block('data', Buffer.alloc(KNOWN.length, 'junk'), hostile.ref('data', KNOWN))
  const own = hostile.blob('data', OWN)
  await commit(hostile, [file('own', OWN.length, own)])
  await assertNothingIsLost(scene, pruneTwice(scene))
})

test('a pack that the index has lost does not go for what somebody else says is in it', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  const packs = await packsOf(await made.open())
  for (const { name } of (await made.store.list('index/')).objects) await made.store.delete(name)
  for (const { pack, sessions } of packs) {
    const [first, ...others] = pack.blocks
    if (pack.kind !== 'data') await hostile.index(undefined, [pack], [], sessions)
    else
      await hostile.index(
        undefined,
        [{ ...pack, blocks: [{ ...first!, locs: made.random(24) }, ...others] }],
        [],
        sessions,
      )
  }
  hostile.block('data', Buffer.alloc(KNOWN.length, 'junk'), hostile.ref('data', KNOWN))
  const own = hostile.blob('data', OWN)
  await commit(hostile, [file('own', OWN.length, own)])
  await pruneTwice(scene).catch(() => {})
  for (const { name } of packs) assert.notEqual(await made.store.stat(name), null)
})

test('what somebody puts under the locators of folders keeps nobody from pruning', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  const kept = await packsOf(await made.open())
  for (const { pack } of kept) {
    for (const { locs, lengths } of pack.kind === 'meta' ? pack.blocks : []) {
      for (const [i, length] of lengths.entries()) {
        hostile.block('meta', Buffer.alloc(length, 'junk'), hostile.ref('tree', KNOWN))
        hostile.lieAbout('meta', locs.slice(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE))
      }
    }
  }
  await hostile.flush()
  await hostile.index()
  // It comes first in the index, as often as not.
  await assert.doesNotReject(pruneTwice(scene))
  const left = new Set((await packsOf(await made.open())).map(({ name }) => name))
  for (const { name } of kept) assert.ok(left.has(name))
  await assertNothingIsLost(scene, Promise.resolve())
})

test('what cannot be opened because keys are damaged is not given up for what somebody else has put under the same locators', async () => {
  const scene = await sceneWith('write')
  const { made, hostile } = scene
  const [first] = await (await made.open()).snapshots()
  const keys = sessionKeysName(first!.sid)
  const right = await made.store.get(keys)
  const { snapshot } = await made.backup({ known: KNOWN, other: Buffer.from('another file') })
  await forgetForGood(made, first!)
  hostile.block('data', Buffer.alloc(KNOWN.length, 'junk'), hostile.ref('data', KNOWN))
  const own = hostile.blob('data', OWN)
  await commit(hostile, [file('own', OWN.length, own)])
  made.store.damage(keys, right.with(60, right[60]! ^ 1))
  await pruneTwice(scene).catch(() => {})
  // A repair computes them from their parity, or has them from another copy of the repository.
  made.store.damage(keys, right)
  await assertNothingIsLost({ ...scene, victim: snapshot.objectName }, Promise.resolve())
})

async function forgetForGood(made: SmallRepository, snapshot: SnapshotInfo): Promise<void> {
  const { state, clock, random } = made
  const repo = await made.open()
  const writer = await writerIdentity(repo, { state, clock, random, host: 'host' })
  await moveToTrash(repo, [snapshot], { writer, clock, random, by: 'ada@desk' })
  await purgeTrash(repo, { writer, clock, by: 'ada@desk', named: new Set([snapshot.id]) })
}

async function packsOf(repo: Repository) {
  const found = []
  for (const { name } of (await repo.store.list('index/')).objects) {
    const { packs, sessions } = await repo.readSegment(name)
    for (const pack of packs) found.push({ pack, sessions, name: packName(pack.kind, pack.hash) })
  }
  return found
}
