// Paths dropped from snapshots while somebody prunes: each new snapshot has all that it needs.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { readRetention } from '../../src/ops/forget.ts'
import { rewriteSnapshots, snapshotsWith } from '../../src/ops/rewrite.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { listAll } from '../../src/store/store.ts'
import type { ObjectInfo, PutResult, Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { PruningScene } from '../support/pruning.ts'

/** Once a snapshot was put and confirmed, something else happens. */
class AfterCommit extends Passing {
  #work: (() => Promise<void>) | undefined
  #isPut = false

  constructor(inner: Store, work: () => Promise<void>) {
    super(inner)
    this.#work = work
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const result = await super.put(name, parts)
    this.#isPut ||= name.startsWith(PREFIXES.snapshots)
    return result
  }

  override async stat(name: string): Promise<ObjectInfo | null> {
    const found = await super.stat(name)
    const work = this.#work
    if (!this.#isPut || work === undefined || !name.startsWith(PREFIXES.sessions)) return found
    this.#work = undefined
    await work()
    return found
  }
}

test('what a prune deletes after the first new snapshot is not relied on by the second', async (t) => {
  const scene = await PruningScene.create(t, ['kept'], ['kept', 'dropped'], ['kept', 'dropped', 'other'])
  // What is left of the second snapshot was the first one, which nobody needs now.
  await scene.forget([0])
  const store = new AfterCommit(await scene.scratch.store(), async () => {
    assert.ok((await scene.prune({ state: memoryState(), maxUnused: 0 })).packsDeleted > 0)
  })
  const repo = await scene.scratch.open(store)
  await repo.loadIndex()
  const state = await readRetention(repo)
  const work = await snapshotsWith(repo, state.snapshots, [Buffer.from(join(scene.source, 'dropped'))])
  const [clock, random, host] = [systemClock, secureRandom, 'test']
  const writer = await writerIdentity(repo, { state: memoryState(), clock, random, host })
  const opts = { writer, clock, random, host, by: host, tool: host, state }
  assert.equal((await rewriteSnapshots(repo, work.toReversed(), opts)).length, 2)
  const checked = await checkRepository({
    repo: await scene.scratch.open(),
    depth: 'all',
    rng: seededRng(1),
    threads: 0,
  })
  assert.deepEqual(checked.damages, [])
})

test('in the place of a snapshot that was purged meanwhile nothing is put', async (t) => {
  const scene = await PruningScene.create(t, ['gone', 'dropped'], ['other'])
  const repo = await scene.scratch.open()
  await repo.loadIndex()
  const state = await readRetention(repo)
  const work = await snapshotsWith(repo, state.snapshots, [Buffer.from(join(scene.source, 'dropped'))])
  assert.equal(work.length, 1)
  await scene.forget([0])
  assert.ok((await scene.prune({ state: memoryState() })).packsDeleted > 0)
  const [clock, random, host] = [systemClock, secureRandom, 'test']
  const writer = await writerIdentity(repo, { state: memoryState(), clock, random, host })
  const opts = { writer, clock, random, host, by: host, tool: host, state }
  assert.deepEqual(await rewriteSnapshots(repo, work, opts), [])
  assert.equal((await repo.snapshots()).length, 1)
  const checked = await checkRepository({
    repo: await scene.scratch.open(),
    depth: 'all',
    rng: seededRng(1),
    threads: 0,
  })
  assert.deepEqual(checked.damages, [])
})

test('a snapshot of which nothing would be left is refused, and no prune waits for what was begun', async (t) => {
  const scene = await PruningScene.create(t, ['only'])
  const repo = await scene.scratch.open()
  await repo.loadIndex()
  const state = await readRetention(repo)
  const work = await snapshotsWith(repo, state.snapshots, [Buffer.from(scene.source)])
  const [clock, random, host] = [systemClock, secureRandom, 'test']
  const writer = await writerIdentity(repo, { state: memoryState(), clock, random, host })
  const opts = { writer, clock, random, host, by: host, tool: host, state }
  const refused = { code: 'usage', message: /nothing would be left/ }
  const sessions = async (): Promise<string[]> => {
    const listed: string[] = []
    for await (const { name } of listAll(await scene.scratch.store(), PREFIXES.sessions)) listed.push(name)
    return listed
  }
  const before = await sessions()
  await assert.rejects(rewriteSnapshots(repo, work, opts), refused)
  assert.deepEqual(await sessions(), before)
  // Of one that says that it has more sources than it has, that shows when it is read.
  const lying = work.map(({ snapshot, paths }) => {
    const { body } = snapshot
    return { paths, snapshot: { ...snapshot, body: { ...body, sources: [...body.sources, Buffer.from('/more')] } } }
  })
  await assert.rejects(rewriteSnapshots(repo, lying, opts), refused)
  const listed = await sessions()
  assert.ok(listed.length > before.length)
  const ids = (kind: string) => listed.filter((name) => parseObjectName(name)?.kind === kind)
  assert.equal(ids('session').length, ids('session-end').length, listed.join())
})
