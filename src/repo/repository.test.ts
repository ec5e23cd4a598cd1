import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../test/support/scripted-source.ts'
import { hash } from '../crypto/hash.ts'
import { encodeDeletionPlan } from '../format/deletion-plan.ts'
import { encodeIndexSegment } from '../format/index-segment.ts'
import { indexName, planName, PREFIXES } from '../format/names.ts'
import type { ListPage, Store } from '../store/store.ts'
import { listAll } from '../store/store.ts'
import { writerIdentity } from './writers/writer-identity.ts'

/** A store in which something happens right after a prefix was listed. */
function afterListing(store: Store, prefix: string, happens: () => Promise<void>): Store {
  return {
    location: store.location,
    listLagMs: 0,
    put: (name, parts) => store.put(name, parts),
    get: (name, range) => store.get(name, range),
    stat: (name) => store.stat(name),
    keep: (name) => store.keep(name),
    delete: (name) => store.delete(name),
    close: () => store.close(),
    async list(listed, cursor): Promise<ListPage> {
      const page = await store.list(listed, cursor)
      if (listed === prefix) await happens()
      return page
    },
  }
}

async function setUp() {
  const repository = await MemoryRepository.create()
  await repository.backup(new ScriptedSource({ file: Buffer.alloc(5000, 'x') }))
  const repo = await repository.open()
  const { clock, random } = {
    clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() },
    random: (n: number) => new Uint8Array(n),
  }
  const { signer } = await writerIdentity(repo, { state: repository.state, clock, random, host: 'host' })
  const names = async (prefix: string) => {
    const found: string[] = []
    for await (const { name } of listAll(repository.store, prefix)) found.push(name)
    return found
  }
  return { repository, repo, signer, names }
}

test('the index is listed anew when a segment was replaced after it was listed', async () => {
  const { repository, repo, signer, names } = await setUp()
  const [old] = await names(PREFIXES.index)
  let times = 0
  const store = afterListing(repository.store, PREFIXES.index, async () => {
    if (++times > 1) return
    // An empty segment in front, so that the new one has another name.
    const bytes = await repository.store.get(old!)
    await repository.store.delete(old!)
    const empty = encodeIndexSegment({ sessions: [], packs: [] }, { sealer: repo.indexSealer, signer })
    await repository.store.put(indexName(hash(empty)), [empty])
    assert.ok(bytes.length > 0)
  })
  const reader = await repository.open(store)
  await reader.loadIndex()
  assert.equal(times, 2)
  assert.equal(reader.index.packs.length, 0)
})

test('a segment that is listed each time and never there is an error that names it', async () => {
  const { repository, names } = await setUp()
  const [name] = await names(PREFIXES.index)
  const { store } = repository
  const losing: Store = {
    ...afterListing(store, '', async () => {}),
    get: (asked, range) => store.get(asked === name ? 'index/' + '0'.repeat(64) : asked, range),
  }
  const reader = await repository.open(losing)
  await assert.rejects(reader.loadIndex(), { code: 'not-found', subject: name! })
})

test('a plan that was carried out after it was listed condemns nothing any more', async () => {
  const { repository, repo, signer } = await setUp()
  const pid = new Uint8Array(16).fill(5)
  const plan = encodeDeletionPlan(
    { pid, created: { sec: 1, nsec: 0 }, dataPacks: [new Uint8Array(32).fill(1)], metaPacks: [] },
    { sealer: repo.indexSealer, signer },
  )
  await repository.store.put(planName(pid), [plan])
  assert.equal((await repo.condemned()).size, 1)
  const store = afterListing(repository.store, PREFIXES.plans, async () => {
    await repository.store.delete(planName(pid))
  })
  assert.equal((await (await repository.open(store)).condemned()).size, 0)
})

test('a snapshot that was forgotten after it was listed is not among the snapshots', async () => {
  const { repository, names } = await setUp()
  const [name] = await names(PREFIXES.snapshots)
  const store = afterListing(repository.store, PREFIXES.snapshots, async () => {
    await repository.store.delete(name!)
  })
  assert.deepEqual(await (await repository.open(store)).snapshots(), [])
})

test('objects of unknown names are left alone', async () => {
  const { repository } = await setUp()
  for (const name of ['index/readme', 'gc/readme', 'snap/readme', 'sess/readme']) {
    await repository.store.put(name, [Buffer.from('not ours')])
  }
  const reader = await repository.open()
  await reader.loadIndex()
  assert.equal((await reader.condemned()).size, 0)
  assert.equal((await reader.snapshots()).length, 1)
  await repository.backup(new ScriptedSource({ file: Buffer.alloc(5000, 'y') }))
})

test('a plan under the name of another one is damage', async () => {
  const { repository, repo, signer } = await setUp()
  const plan = encodeDeletionPlan(
    { pid: new Uint8Array(16).fill(5), created: { sec: 1, nsec: 0 }, dataPacks: [], metaPacks: [] },
    { sealer: repo.indexSealer, signer },
  )
  const name = planName(new Uint8Array(16).fill(6))
  await repository.store.put(name, [plan])
  await assert.rejects(repo.condemned(), { code: 'corrupt', subject: name })
})
