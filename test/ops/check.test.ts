// Checking and scrubbing: nothing is said of a sound repository, and nothing that is wrong with one goes unsaid.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { toHex } from '../../src/base/bytes.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import type { CheckOptions, CheckResult, Damage } from '../../src/ops/check.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { listAll } from '../../src/store/store.ts'
import { entryAt } from '../support/entry-at.ts'
import { backedUp } from '../support/restoring.ts'
import type { Backed } from '../support/restoring.ts'
import { MemoryRepository } from '../support/memory-repository.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** The large file does not fit with the small ones. */
const PACK_SIZE = 2 * 1024 * 1024

interface Scene extends Backed {
  readonly source: string
  /** Every object there is. */
  readonly names: string[]
  /** Ids of the two snapshots, the older first. */
  readonly snapshots: string[]
  check(opts?: Partial<CheckOptions>): Promise<CheckResult>
}

/** Two snapshots: the second has the folder `sub` of the first and a file of its own. */
async function scene(t: TestContext): Promise<Scene> {
  const source = join(tempFolder(t, 'check'), 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'large'), secureRandom(1_500_000))
  for (let i = 0; i < 5; i++) writeFileSync(join(source, 'sub', `small-${i}`), secureRandom(2000 + i))
  const backed = await backedUp(source, { packSize: PACK_SIZE })
  writeFileSync(join(source, 'new'), secureRandom(5000))
  await backed.again(source)
  const names: string[] = []
  for await (const { name } of listAll(backed.store, '')) names.push(name)
  const repo = await backed.open()
  const snapshots = (await repo.snapshots()).map(({ id }) => id)
  return {
    ...backed,
    source,
    names,
    snapshots,
    check: async (opts = {}) =>
      checkRepository({ repo: await backed.open(), depth: 'all', rng: seededRng(1), threads: 0, ...opts }),
  }
}

function find(names: readonly string[], prefix: string): string {
  return names.find((name) => name.startsWith(prefix))!
}

function objects(damages: readonly Damage[]): string[] {
  return damages.map(({ object }) => object)
}

/** `<snapshot number> <path below the source>` for everything a damage costs. */
function affected({ source, snapshots }: Scene, { affected }: Damage): string[] {
  return affected.flatMap(({ id, paths }) =>
    paths.map(
      (path) =>
        `${snapshots.indexOf(id) + 1} ${Buffer.from(path)
          .toString()
          .slice(source.length + 1)}`,
    ),
  )
}

test('a sound repository has no damage at any depth, with threads and without', async (t) => {
  const s = await scene(t)
  for (const depth of ['structure', 'sample', 'all'] as const) {
    for (const threads of [0, 2]) {
      const result = await s.check({ depth, threads, sample: 0.5 })
      assert.deepEqual(result.damages, [])
      assert.deepEqual([result.unreadable, result.unknown, result.counts.packsUnindexed], [[], [], 0])
      const { counts } = result
      assert.deepEqual([counts.snapshots, counts.objects], [2, s.names.length])
      assert.ok(counts.nodes >= 5 && counts.entries >= 12, 'every node of both snapshots')
      if (depth === 'structure') assert.equal(counts.packsRead, 0)
      else if (depth === 'all') assert.equal(counts.packsRead, counts.packs)
      else assert.ok(counts.packsRead >= 1 && counts.packsRead < counts.packs)
    }
  }
  const scrubbed = await scrubStore({ store: s.store })
  assert.deepEqual([scrubbed.damages, scrubbed.unknown, scrubbed.unreadable], [[], [], []])
  assert.equal(scrubbed.objects, s.names.length)
})

test('a sample of almost nothing is still one pack', async (t) => {
  const s = await scene(t)
  assert.equal((await s.check({ depth: 'sample', sample: 1e-9 })).counts.packsRead, 1)
})

test('a flipped bit anywhere is noticed by check and by scrub, and the object is named', async (t) => {
  const s = await scene(t)
  const rng = seededRng(3)
  for (const name of s.names) {
    const good = await s.store.get(name)
    const places = [
      0,
      4,
      5,
      6,
      good.length - 1,
      good.length - 70,
      ...Array.from({ length: 4 }, () => Math.floor(rng() * good.length)),
    ]
    for (const at of places) {
      s.store.damage(name, good.with(at, good[at]! ^ (1 << Math.floor(rng() * 8))))
      const scrubbed = await scrubStore({ store: s.store })
      assert.ok(objects(scrubbed.damages).includes(name), `scrub names ${name} with a bit flipped at ${at}`)
      // Without its description or its slots a repository does not open at all; that is told before a check begins.
      if (name.startsWith(PREFIXES.format) || name.startsWith(PREFIXES.keys)) continue
      const result = await s.check()
      assert.ok(objects(result.damages).includes(name), `check names ${name} with a bit flipped at ${at}`)
    }
    s.store.damage(name, good)
  }
  assert.deepEqual((await s.check()).damages, [])
})

test('an object that is cut short or longer than it was is noticed without reading the packs', async (t) => {
  const s = await scene(t)
  for (const name of s.names) {
    if (name.startsWith(PREFIXES.format) || name.startsWith(PREFIXES.keys)) continue
    const good = await s.store.get(name)
    for (const bad of [good.slice(0, -1), good.slice(0, 7), new Uint8Array(), Buffer.concat([good, Buffer.of(0)])]) {
      s.store.damage(name, bad)
      const result = await s.check({ depth: 'structure' })
      assert.ok(objects(result.damages).includes(name), `${name} of ${bad.length} bytes`)
    }
    s.store.damage(name, good)
  }
})

test('a damaged block names the files that need it, in every snapshot, and no others', async (t) => {
  const s = await scene(t)
  const repo = await s.open()
  await repo.loadIndex()
  const block = blockOf(repo, s, 'sub/small-0')
  const good = await s.store.get((await block).name)
  const { name, offset } = await block
  s.store.damage(name, good.with(offset + 30, good[offset + 30]! ^ 1))
  for (const threads of [0, 2]) {
    const result = await s.check({ threads })
    assert.deepEqual(objects(result.damages), [name])
    const expected = [1, 2].flatMap((snapshot) => [0, 1, 2, 3, 4].map((i) => `${snapshot} sub/small-${i}`))
    // The short last piece of the large file may lie in the same bundle.
    const small = affected(s, result.damages[0]!).filter((path) => !path.endsWith(' large'))
    assert.deepEqual(small.sort(), expected)
  }
  assert.deepEqual((await s.check({ depth: 'structure' })).damages, [], 'the structure is sound')
})

async function blockOf(repo: Repository, s: Scene, path: string): Promise<{ name: string; offset: number }> {
  const entry = await entryAt(repo, s.root, join(s.source, path))
  assert.ok(entry.content?.kind === 'extents')
  const { block } = repo.locate('data', entry.content.extents[0]!.ref!)!
  return { name: block.pack.objectName, offset: block.offset }
}

test('a pack that is gone is named with everything that needs it, without reading other packs', async (t) => {
  const s = await scene(t)
  const repo = await s.open()
  await repo.loadIndex()
  const { name } = await blockOf(repo, s, 'new').catch(() => blockOf(repo, s, 'large'))
  await s.store.delete(name)
  const result = await s.check({ depth: 'structure' })
  assert.deepEqual(objects(result.damages), [name])
  assert.equal(result.damages[0]!.code, 'not-found')
  assert.ok(affected(s, result.damages[0]!).includes('1 large'))
})

test('a meta pack that is gone costs the folders whose nodes are in it', async (t) => {
  const s = await scene(t)
  const repo = await s.open()
  await repo.loadIndex()
  const sub = await entryAt(repo, s.root, join(s.source, 'sub'))
  const { name } = { name: repo.locate('tree', sub.subtree!.ref)!.block.pack.objectName }
  await s.store.delete(name)
  const result = await s.check({ depth: 'structure' })
  assert.deepEqual(objects(result.damages), [name])
  const costs = affected(s, result.damages[0]!)
  assert.ok(costs.includes('2 sub'), 'the second snapshot has a root of its own')
  assert.ok(result.damages[0]!.affected.some(({ id }) => id === s.snapshots[0]))
})

test('an index segment that is gone is told, and what it named is still found in the packs', async (t) => {
  const s = await scene(t)
  assert.equal((await s.check({ depth: 'structure' })).indexIncomplete, false)
  await s.store.delete(find(s.names, PREFIXES.index))
  for (const depth of ['structure', 'all'] as const) {
    const result = await s.check({ depth })
    assert.deepEqual(result.damages, [])
    assert.equal(result.indexIncomplete, true)
    assert.ok(result.counts.packsUnindexed > 0)
  }
})

test('packs that no segment names are told apart: of a backup that was killed, of one that ended, of somebody else', async (t) => {
  const s = await scene(t)
  const count = async () => {
    const { counts, damages } = await s.check({ depth: 'structure' })
    assert.deepEqual(damages, [])
    return [counts.packsUnindexed, counts.packsUnfinished, counts.packsUnopened]
  }
  const foreign = await MemoryRepository.create()
  await foreign.backup(new ScriptedSource({ file: Buffer.alloc(5000, 'x') }))
  for await (const { name } of listAll(foreign.store, PREFIXES.data))
    await s.store.put(name, [await foreign.store.get(name)])
  assert.deepEqual(await count(), [1, 0, 1])
  const before = new Set((await s.store.list('')).objects.map(({ name }) => name))
  writeFileSync(join(s.source, 'newer'), secureRandom(5000))
  await s.again(s.source)
  const added = (await s.store.list('')).objects.map(({ name }) => name).filter((name) => !before.has(name))
  for (const name of added) if (/^(?:snap|index)\//.test(name)) await s.store.delete(name)
  const packs = added.filter((name) => /^(?:data|meta)\//.test(name)).length
  assert.ok(packs > 0)
  assert.deepEqual(await count(), [1 + packs, 0, 1])
  await s.store.delete(added.find((name) => name.endsWith('.end'))!)
  assert.deepEqual(await count(), [1 + packs, packs, 1])
})

test('a snapshot that is gone breaks the chain of its writer', async (t) => {
  const s = await scene(t)
  const first = s.names.find((name) => name.endsWith(s.snapshots[0]!))!
  const second = s.names.find((name) => name.endsWith(s.snapshots[1]!))!
  await s.store.delete(first)
  for (const { damages } of [await s.check({ depth: 'structure' }), await scrubStore({ store: s.store })]) {
    assert.deepEqual(objects(damages), [second])
    assert.match(damages[0]!.messages[0]!, /snapshot 1 of its writer is not there/)
  }
})

test('keys of a session that are gone are named with what they cost', async (t) => {
  const s = await scene(t)
  const repo = await s.open()
  const [first] = await repo.snapshots()
  const keys = `${PREFIXES.sessionKeys}${toHex(first!.sid)}`
  await s.store.delete(keys)
  const result = await s.check()
  assert.ok(objects(result.damages).includes(keys))
  const damage = result.damages.find(({ object }) => object === keys)!
  assert.ok(affected(s, damage).includes('2 large'))
  assert.ok(objects((await scrubStore({ store: s.store })).damages).includes(keys))
})

test('a certificate that is gone is named itself, not everything that its writer signed', async (t) => {
  const s = await scene(t)
  const name = find(s.names, PREFIXES.writers)
  await s.store.delete(name)
  for (const { damages } of [await scrubStore({ store: s.store }), await s.check({ depth: 'structure' })]) {
    const damage = damages.find(({ object }) => object === name)
    assert.equal(damage?.code, 'not-found')
  }
})

test('what cannot be read is not damage, and a store that does not answer is neither', async (t) => {
  const s = await scene(t)
  const pack = find(s.names, PREFIXES.data)
  const failing = (code: 'io' | 'unreachable') => {
    const get: typeof s.store.get = async (name, range) => {
      if (name === pack && range === undefined) throw new BackupError(code, 'no answer', name)
      return s.store.get(name, range)
    }
    return new Proxy(s.store, {
      get: (target, key) =>
        key === 'get'
          ? get
          : ((Reflect.get(target, key, target) as () => void).bind?.(target) ?? Reflect.get(target, key, target)),
    })
  }
  const result = await s.check({ repo: await s.open(failing('io')) })
  assert.deepEqual(result.damages, [])
  assert.deepEqual(
    result.unreadable.map(({ object }) => object),
    [pack],
  )
  const scrubbed = await scrubStore({ store: failing('io') })
  assert.deepEqual([scrubbed.damages, scrubbed.unreadable.map(({ object }) => object)], [[], [pack]])
  await assert.rejects(s.check({ repo: await s.open(failing('unreachable')) }), { code: 'unreachable' })
  await assert.rejects(scrubStore({ store: failing('unreachable') }), { code: 'unreachable' })
})

test('names that belong to no repository are listed and are no damage', async (t) => {
  const s = await scene(t)
  await s.store.put('data/00/not-a-pack', [new Uint8Array(5)])
  await s.store.put('notes/readme', [new Uint8Array(5)])
  const result = await s.check({ depth: 'structure' })
  assert.deepEqual([result.damageCount, result.unknown], [0, ['data/00/not-a-pack', 'notes/readme']])
  const scrubbed = await scrubStore({ store: s.store })
  assert.deepEqual([scrubbed.damageCount, scrubbed.unknown], [0, ['data/00/not-a-pack', 'notes/readme']])
})

test('a pack under the name of another is noticed by both', async (t) => {
  const s = await scene(t)
  const [a, b] = s.names.filter((name) => name.startsWith(PREFIXES.data))
  s.store.damage(b!, await s.store.get(a!))
  assert.ok(objects((await s.check()).damages).includes(b!))
  assert.ok(objects((await scrubStore({ store: s.store })).damages).includes(b!))
})

test('no repository at all is not a damaged one', async (t) => {
  const s = await scene(t)
  for (const name of s.names) await s.store.delete(name)
  await assert.rejects(scrubStore({ store: s.store }), { code: 'not-found' })
})

test('without its description the hashes of a store can still be scrubbed', async (t) => {
  const s = await scene(t)
  const description = find(s.names, PREFIXES.format)
  const pack = find(s.names, PREFIXES.data)
  s.store.damage(description, (await s.store.get(description)).fill(0, 20, 40))
  const bad = await s.store.get(pack)
  s.store.damage(pack, bad.with(1000, bad[1000]! ^ 1))
  const { damages } = await scrubStore({ store: s.store })
  assert.deepEqual(objects(damages).sort(), [pack, description].sort())
})

test('both can be stopped', async (t) => {
  const s = await scene(t)
  const signal = AbortSignal.abort()
  await assert.rejects(s.check({ signal }), { code: 'interrupted' })
  await assert.rejects(scrubStore({ store: s.store, signal }), { code: 'interrupted' })
})
