// Storing anew, under the newest keys, what was stored when somebody could read who should not any more.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import type { SecretCredential } from '../../src/credentials/credential.ts'
import { parseObjectName, sessionEndName } from '../../src/format/names.ts'
import type { PruneReport } from '../../src/ops/prune/prune.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { Repository } from '../../src/repo/repository.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { ReadOnlyStore } from '../../src/store/read-only-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { PutResult } from '../../src/store/store.ts'
import { rotate } from '../support/key-changes.ts'
import { putLies } from '../support/lies.ts'
import { packsOpenTo } from '../support/opened-packs.ts'
import { assertSound, PruningScene } from '../support/pruning.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, readTree } from '../support/scratch-repository.ts'

/** Two snapshots under older keys, one under the newest; nothing else is left to do. */
async function rotatedScene(t: TestContext): Promise<{ readonly scene: PruningScene; readonly former: Repository }> {
  const scene = await PruningScene.create(t, ['a', 'b', 'c'], ['a', 'c'])
  const former = await scene.scratch.open()
  await rotateIn(scene)
  await scene.change(['a', 'd'])
  await scene.prune()
  return { scene, former }
}

async function rotateIn({ scratch }: PruningScene, except: readonly string[] = []): Promise<void> {
  const { credential } = scratch
  await rotate({ store: await scratch.store(), credential, clock: systemClock, random: secureRandom }, { except })
}

async function openTo(former: Repository, { scratch }: PruningScene): Promise<string[]> {
  return packsOpenTo(former, await scratch.store())
}

test('nothing that is needed stays under older keys, and snapshots are what they were', async (t) => {
  const { scene, former } = await rotatedScene(t)
  assert.ok((await openTo(former, scene)).length > 2)
  const counting = new Counting(await scene.scratch.store())
  const { reencryption, packsUnreadable } = await scene.prune({
    reencrypt: true,
    repo: await scene.scratch.open(counting),
    clock: hastyClock(),
  })
  assert.deepEqual(packsUnreadable, [])
  assert.ok(counting.beats > 0, 'it shows signs of life')
  assert.ok(reencryption!.packs > 2 && reencryption!.packsDone === reencryption!.packs)
  assert.deepEqual([reencryption!.packsLeft, reencryption!.bytesLeft, reencryption!.snapshots], [0, 0, 2])
  assert.deepEqual(await openTo(former, scene), [])
  await assertSound(scene, 0, 1, 2)
  const packs = await scene.packs()
  const again = await scene.prune({ reencrypt: true })
  assert.equal(again.reencryption!.packs, 0)
  assert.deepEqual([again.newPacks, again.packsDeleted, again.readBytes], [0, 0, 0])
  assert.deepEqual(await scene.packs(), packs, 'packs under the newest keys stay as they are')
  const names = await scene.names('sess/')
  assert.ok(!names.some((name) => /^sess\/[0-9a-f]+$/.test(name)), 'its session is over and cleared away')
})

test('a dry run says what it costs, to the byte and the request', async (t) => {
  const { scene } = await rotatedScene(t)
  const reading = await scene.scratch.open(new ReadOnlyStore(await scene.scratch.store()))
  const foreseen = await scene.prune({ reencrypt: true, dryRun: true, repo: reading })
  const counting = new Counting(await scene.scratch.store())
  const done = await scene.prune({ reencrypt: true, repo: await scene.scratch.open(counting) })
  const cost = ({ newPacks, readBytes, writtenBytes, counts, reencryption }: PruneReport) => {
    return { newPacks, readBytes, writtenBytes, packs: counts.packsRepacked, ...reencryption }
  }
  assert.deepEqual(cost(foreseen), cost(done))
  assert.ok(foreseen.newPacks > 2)
  assert.equal(done.writtenBytes, counting.packBytes, 'packs and their parity')
  assert.equal(done.readBytes, counting.wholePacksRead)
  assert.deepEqual([foreseen.puts, foreseen.deletes], [counting.puts, counting.deletes])
})

test('it is done in parts, and no part does again what another has done', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const opts = { reencrypt: true, maxRepack: 256 * 1024 }
  let left = Infinity
  let written = 0
  for (let run = 0; left > 0; run++) {
    assert.ok(run < 10)
    const foreseen = (await scene.prune({ ...opts, dryRun: true })).reencryption!
    const report = await scene.prune(opts)
    const { reencryption } = report
    assert.deepEqual(foreseen, reencryption)
    assert.ok(reencryption!.bytesDone > 0 && reencryption!.bytesDone <= opts.maxRepack)
    assert.ok(
      reencryption!.packsLeft < left && reencryption!.packsLeft === reencryption!.packs - reencryption!.packsDone,
    )
    left = reencryption!.packsLeft
    written += reencryption!.bytesDone
    await assertSound(scene, 0, 1, 2)
  }
  assert.ok(written < 320 * 1024, 'everything once: three files of 100 KiB and their trees')
  assert.deepEqual(await openTo(former, scene), [])
})

test('a run that is stopped has not copied for nothing', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const packs = await scene.packs()
  const whole = await scene.prune({ reencrypt: true, dryRun: true })
  const stop = new AbortController()
  const stopping = scene.prune({
    reencrypt: true,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'progress' && event.phase === 'encrypting anew' && event.bytesDone > whole.readBytes / 4)
        stop.abort()
    },
  })
  await assert.rejects(stopping, { code: 'interrupted' })
  await assertSound(scene, 0, 1, 2)
  const between = await scene.packs()
  const { reencryption } = await scene.prune({ reencrypt: true })
  assert.ok(reencryption!.packs > 0 && reencryption!.packs < whole.reencryption!.packs)
  assert.deepEqual(await openTo(former, scene), [])
  const after = await scene.packs()
  const made = between.filter((name) => !packs.includes(name))
  assert.ok(made.length > 0 && made.every((name) => after.includes(name)))
  await assertSound(scene, 0, 1, 2)
})

test('what a backup under older keys has under way is left to the next run, and waited for', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const secrets = newSessionSecrets(secureRandom)
  const about = { clock: systemClock, random: secureRandom, host: 'sleeper' }
  const writer = await writerIdentity(former, { ...about, state: memoryState() })
  const session = await WriteSession.begin(former, { ...about, secrets, writer, tool: 'test' })
  const { waiting, reencryption } = await scene.prune({ reencrypt: true })
  assert.deepEqual(
    waiting.map(({ waitingFor }) => waitingFor.map(({ host }) => host)),
    [['sleeper']],
  )
  assert.equal(reencryption!.packsLeft, 0, 'what is condemned is not counted')
  assert.ok((await openTo(former, scene)).length > 0)
  await session.end()
  assert.deepEqual((await scene.prune({ reencrypt: true })).waiting, [])
  assert.deepEqual(await openTo(former, scene), [])
  await assertSound(scene, 0, 1, 2)
})

test('who is taken for dead in the midst of it names nothing and deletes nothing', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const packs = await scene.packs()
  const fencing = new Fencing(await scene.scratch.store())
  const fenced = scene.prune({ reencrypt: true, repo: await scene.scratch.open(fencing) })
  await assert.rejects(fenced, { code: 'fenced', message: /another machine took this run for dead/ })
  assert.ok(packs.every((name) => fencing.alive.has(name)))
  const repo = await scene.scratch.open()
  assert.deepEqual(repo.index.packs.map(({ objectName }) => objectName).toSorted(), packs.toSorted())
  await scene.prune({ reencrypt: true, maxUnused: 0 })
  assert.deepEqual(await openTo(former, scene), [])
  await assertSound(scene, 0, 1, 2)
})

test('a pack that is damaged is left alone, named, and counted among what is left', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const name = (await openTo(former, scene)).find((each) => each.startsWith('data/'))!
  const path = join(scene.scratch.location, name)
  const bytes = readFileSync(path)
  bytes[bytes.length >>> 1]! ^= 1
  rmSync(path)
  writeFileSync(path, bytes)
  const { packsUnreadable, reencryption } = await scene.prune({ reencrypt: true })
  assert.deepEqual(packsUnreadable, [name])
  assert.equal(reencryption!.packsLeft, 1)
  assert.ok((await scene.packs()).includes(name))
})

test('content that is not what its locators say gets no new seal, be it all that there is', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c'])
  const honest = await scene.packs()
  await putLies(scene)
  const lies = (await scene.packs()).filter((name) => !honest.includes(name))
  await rotateIn(scene)
  const store = await scene.scratch.store()
  for (const name of honest) if (name.startsWith('data/')) await store.delete(name)
  const { packsUnreadable, reencryption } = await scene.prune({ reencrypt: true, allowMissing: true })
  assert.deepEqual(packsUnreadable.toSorted(), lies.toSorted())
  assert.deepEqual([reencryption!.packsLeft, reencryption!.packsDone], [lies.length, 1])
  assert.deepEqual(await scene.names('data/'), lies.toSorted())
})

test('a run that ends before it has put a plan has not copied for nothing either', async (t) => {
  const { scene, former } = await rotatedScene(t)
  const unlucky = scene.prune({
    reencrypt: true,
    repo: await scene.scratch.open(new NoPlans(await scene.scratch.store())),
  })
  await assert.rejects(unlucky, { code: 'full' })
  const { newPacks, packsDeleted } = await scene.prune({ reencrypt: true })
  assert.ok(newPacks === 0 && packsDeleted > 2)
  assert.deepEqual(await openTo(former, scene), [])
  await assertSound(scene, 0, 1, 2)
})

test('it takes a key that reads, has the newest keys, and may delete', async (t) => {
  const { scene } = await rotatedScene(t)
  for (const [role, message] of [
    ['maintain', /takes the key of an administrator, .* the role maintain/],
    ['read', /the role read/],
  ] as const) {
    const repo = await scene.scratch.openWith(await scene.scratch.addRole(role))
    for (const dryRun of [true, false]) {
      const refused = scene.prune({ repo, state: memoryState(), reencrypt: true, dryRun })
      await assert.rejects(refused, { code: 'wrong-key', message })
    }
  }
  const { store } = await scene.scratch.open()
  const slots = new Set(await scene.names('keys/'))
  const left: SecretCredential = await scene.scratch.addRole('admin')
  const own = (await scene.names('keys/')).filter((name) => !slots.has(name))
  await rotateIn(scene, own)
  const lacking = scene.prune({ repo: await scene.scratch.openWith(left), state: memoryState(), reencrypt: true })
  await assert.rejects(lacking, { code: 'wrong-key', message: /was not given the newest keys/ })
  const { bundle, description, descriptionNumber } = await scene.scratch.open()
  const clear = new Repository({ store, bundle, description: { ...description, suite: 0 }, descriptionNumber })
  await assert.rejects(scene.prune({ repo: clear, reencrypt: true }), { code: 'usage', message: /in the clear/ })
})

test('each domain has keys of its own', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  await scene.scratch.addDomains('other')
  const folder = join(scene.folder, 'other')
  mkdirSync(folder)
  const content = secureRandom(100_000)
  writeFileSync(join(folder, 'x'), content)
  await backUp(scene.scratch, [folder], { repository: (await scene.scratch.open()).inDomain('other') })
  const former = await scene.scratch.open()
  const before = await openTo(former, scene)
  await rotateIn(scene)
  const { reencryption } = await scene.prune({ reencrypt: true })
  assert.equal(reencryption!.packsDone, before.length)
  assert.equal(reencryption!.snapshots, 2)
  assert.deepEqual(await openTo(former, scene), [])
  const repo = await scene.scratch.open()
  const snapshots = await repo.snapshots()
  const contents = []
  for (const snapshot of snapshots) {
    const own = repo.of(snapshot)
    await own.loadIndex()
    contents.push(await readTree(own, snapshot.body.root))
  }
  assert.deepEqual(contents, [scene.contents[0], { [folder]: 'directory', [join(folder, 'x')]: fileWith(content) }])
})

/** An hour goes by between two looks at it. */
function hastyClock(): Clock {
  let hours = 0
  return { ...systemClock, monotonic: () => ++hours * 3_600_000 }
}

/** Counts what a prune asks of a store. */
class Counting extends Passing {
  packBytes = 0
  wholePacksRead = 0
  beats = 0
  puts = 0
  deletes = 0

  /** Parity is made for stores that can be repaired. */
  replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    return this.inner.replace!(name, parts)
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    this.puts++
    if (/^sess\/.*\.hb\d+$/.test(name)) this.beats++
    if (/^(?:parity\/)?(?:data|meta)\//.test(name)) this.packBytes += parts.reduce((sum, { length }) => sum + length, 0)
    return super.put(name, parts)
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    const bytes = await super.get(name, range)
    if (range === undefined && /^(?:data|meta)\//.test(name)) this.wholePacksRead += bytes.length
    return bytes
  }

  override async delete(name: string): Promise<boolean> {
    this.deletes++
    return super.delete(name)
  }
}

class NoPlans extends Passing {
  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    if (name.startsWith('gc/')) throw new BackupError('full', 'no space is left', name)
    return super.put(name, parts)
  }

  replace(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    return this.inner.replace!(name, parts)
  }
}

/** Somebody fences every open session once a pack was put. */
class Fencing extends Passing {
  readonly alive = new Set<string>()

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    const done = await super.put(name, parts)
    if (!name.startsWith('data/')) return done
    for await (const { name: pack } of listAll(this.inner, 'data/')) this.alive.add(pack)
    for await (const { name: pack } of listAll(this.inner, 'meta/')) this.alive.add(pack)
    for await (const { name: mark } of listAll(this.inner, 'sess/')) {
      const parsed = parseObjectName(mark)
      if (parsed?.kind !== 'session' || (await this.inner.stat(sessionEndName(parsed.sid))) !== null) continue
      await this.inner.delete(mark)
    }
    return done
  }
}
