// Pruning a real folder: what goes, what stays, and when it stops.
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { BackupError, codeOf } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import {
  heartbeatName,
  parseObjectName,
  PREFIXES,
  sessionEndName,
  sessionKeysName,
  sessionName,
  trashName,
} from '../../src/format/names.ts'
import { encodeSessionMark } from '../../src/format/session.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { readLog } from '../../src/repo/history/log.ts'
import { LogFacts } from '../../src/repo/history/log-facts.ts'
import { newSessionSecrets } from '../../src/repo/declared-session.ts'
import { WriteSession } from '../../src/repo/write-session.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { ReadOnlyStore } from '../../src/store/read-only-store.ts'
import type { ListPage, ObjectInfo } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { putLies } from '../support/lies.ts'
import { assertSound, PruningScene } from '../support/pruning.ts'

const HOUR_MS = 3_600_000

/** Fails the way it should, and has deleted nothing. */
async function assertStops(
  scene: PruningScene,
  opts: Parameters<PruningScene['prune']>[0],
  expected: { readonly code: BackupError['code']; readonly message: RegExp },
): Promise<void> {
  const before = await scene.packs()
  await assert.rejects(scene.prune(opts), (error) => {
    assert.ok(error instanceof BackupError)
    assert.equal(error.code, expected.code)
    assert.match(error.message, expected.message)
    return true
  })
  const after = new Set(await scene.packs())
  assert.deepEqual(
    before.filter((name) => !after.has(name)),
    [],
  )
}

test('what forgotten snapshots had alone goes, what is left of half empty packs is copied, and a record says so', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['b', 'd', 'e'], ['d', 'e', 'f'])
  await scene.forget([0])
  const forecast = await scene.prune({ dryRun: true, maxUnused: 0 })
  assert.ok(forecast.counts.packsRepacked > 0 && forecast.counts.packsDead > 0)
  const report = await scene.prune({ maxUnused: 0 })
  assert.ok(report.bytesDeleted > 2 * 100 * 1024)
  assert.ok(report.newPacks > 0)
  assert.equal(report.packsDeleted, forecast.counts.packsDead + forecast.counts.packsRepacked)
  assert.deepEqual(report.counts, forecast.counts)
  await assertSound(scene, 1, 2)
  const { records } = await readLog(await scene.scratch.open())
  const [record] = records.filter(({ body }) => body.action.kind === 'prune')
  assert.ok(record?.body.action.kind === 'prune')
  assert.equal(record.body.action.dataPacks + record.body.action.metaPacks, report.packsDeleted)
  assert.equal(record.body.action.bytes, report.bytesDeleted)
  assert.deepEqual(new LogFacts(records).powerless, [])

  const names = await scene.names()
  const again = await scene.prune({ maxUnused: 0 })
  assert.equal(again.packsDeleted + again.newPacks + again.segmentsWritten, 0)
  assert.deepEqual(await scene.names(), names, 'a prune that finds nothing to do changes nothing')
})

test('what may stay unused stays, and no more is copied than is allowed', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['b', 'd'])
  await scene.forget([0])
  const generous = await scene.prune({ dryRun: true, maxUnused: 10 })
  assert.equal(generous.counts.packsRepacked, 0)
  assert.ok(generous.counts.unusedBytes > 100 * 1024)
  assert.equal((await scene.prune({ dryRun: true, maxUnused: 0, maxRepack: 1000 })).counts.packsRepacked, 0)
  assert.ok((await scene.prune({ dryRun: true, maxUnused: 0 })).counts.packsRepacked > 0)
})

test('a key that may not read files prunes, and every file is as it was', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['b', 'd', 'e'])
  await scene.forget([0])
  const maintainer = await scene.scratch.openWith(await scene.scratch.addRole('maintain'))
  const report = await scene.prune({ repo: maintainer, maxUnused: 0, state: memoryState() })
  assert.ok(report.newPacks > 0)
  await assertSound(scene, 1)
})

for (const role of ['read', 'write'] as const) {
  test(`a key with the role ${role} deletes nothing`, async (t) => {
    const scene = await PruningScene.create(t, ['a'])
    const other = await scene.scratch.openWith(await scene.scratch.addRole(role))
    await assertStops(scene, { repo: other }, { code: 'wrong-key', message: /role/ })
  })
}

test('what lies in the trash keeps all that it needs', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.forget([0], { purge: false })
  const report = await scene.prune({ maxUnused: 0 })
  assert.equal(report.packsDeleted, 0)
  assert.equal(report.counts.inTrash, 1)
})

test('a dry run puts and deletes nothing', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.forget([0])
  const repo = await scene.scratch.open(new ReadOnlyStore(await scene.scratch.store()))
  const report = await scene.prune({ repo, dryRun: true, maxUnused: 0 })
  assert.ok(report.counts.deadBytes + report.counts.repackDeadBytes > 0)
  assert.ok(report.deletes > 0)
})

test('small packs are merged once', async (t) => {
  const scene = await PruningScene.create(t, ...Array.from({ length: 12 }, (_, i) => [`f${i}`]))
  await scene.forget([0])
  await scene.prune({ repackSmall: true, maxUnused: 0 })
  assert.equal((await scene.names('data/')).length, 5, 'eleven files of 100 KiB fill four packs of 256 KiB and a part')
  const again = await scene.prune({ repackSmall: true, maxUnused: 0 })
  assert.equal(again.counts.packsRepacked, 0)
  await assertSound(scene, ...Array.from({ length: 11 }, (_, i) => i + 1))
})

test('parts of the index that were merged before the power went are merged into the same part again, which stays', async (t) => {
  const scene = await PruningScene.create(t, ...Array.from({ length: 16 }, (_, i) => [`f${i}`]))
  const parts = (await scene.names('index/')).map((name) => join(scene.scratch.location, name))
  const bytes = parts.map((path) => readFileSync(path))
  await scene.prune()
  const merged = await scene.names('index/')
  assert.equal(merged.length, 1)
  for (const [i, path] of parts.entries()) writeFileSync(path, bytes[i]!)
  await scene.prune()
  assert.deepEqual(await scene.names('index/'), merged)
})

test('more than the limit is deleted only when somebody says so', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd'], ['d'])
  await scene.forget([0])
  await assertStops(
    scene,
    { maxRemoved: 0.3, maxUnused: 0 },
    { code: 'limit', message: /^\d\d % of what is stored would be deleted, more than 30 %/ },
  )
  assert.ok((await scene.prune({ maxRemoved: 0.9, maxUnused: 0 })).packsDeleted > 0)
})

test('damage is not garbage: with a snapshot, a folder, a part of the index or content that is not right, nothing goes', async (t) => {
  for (const [prefix, message] of [
    ['snap/', /^2 snapshots cannot be read/],
    ['meta/', /^2 snapshots cannot be read as a whole/],
    ['index/', /^a part of the index is damaged/],
  ] as const) {
    const scene = await PruningScene.create(t, ['a', 'b'], ['b'], ['b', 'c'])
    await scene.forget([0])
    for (const name of await scene.names(prefix)) flipMiddle(join(scene.scratch.location, name))
    await assertStops(scene, {}, { code: 'corrupt', message })
  }
})

test('content that is gone stops a prune, unless somebody says that it may go on', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b', 'c'])
  await scene.forget([0])
  for (const name of (await scene.names('data/')).slice(0, 1)) rmSync(join(scene.scratch.location, name))
  await assertStops(
    scene,
    {},
    { code: 'corrupt', message: /^snapshots need \d+ pieces of content that are in no pack/ },
  )
  const report = await scene.prune({ allowMissing: true })
  assert.ok(report.counts.missing > 0)
  assert.equal(report.keysCleared, 0, 'what is missing may come back')
})

test('a snapshot that is missing without a reason stops a prune', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['b'], ['c'])
  rmSync(join(scene.scratch.location, (await scene.names('snap/'))[1]!))
  await assertStops(scene, {}, { code: 'corrupt', message: /^a snapshot is missing that no record explains/ })
})

test('packs that the index has lost are named again when a snapshot needs them, and go when none does', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd', 'e', 'f'], ['f', 'g'])
  await scene.forget([0])
  for (const name of await scene.names('index/')) rmSync(join(scene.scratch.location, name))
  const report = await scene.prune()
  assert.ok(report.counts.packsAdopted > 0 && report.packsDeleted > 0)
  await assertSound(scene, 1)
})

test('packs that a killed backup left go with the next prune; those of one that is under way stay', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['a', 'b', 'c'])
  const segments = await scene.names('index/')
  const repo = await scene.scratch.open()
  const [first, second] = await repo.snapshots()
  const intents = [first!, second!].map(({ sid }) => sessionName(sid))
  // As if the second one had been killed before it named its packs and its snapshot was there.
  rmSync(join(scene.scratch.location, second!.objectName))
  for (const name of segments) {
    const { packs, sessions } = await repo.readSegment(name)
    if (sessions.some((sid) => sessionName(sid) === intents[1]) && packs.length > 0) {
      rmSync(join(scene.scratch.location, name))
    }
  }
  rmSync(join(scene.scratch.location, sessionEndName(second!.sid)))
  const running = await scene.prune({ allowMissing: true })
  assert.equal(running.packsDeleted, 0)
  rmSync(join(scene.scratch.location, intents[1]!))
  const killed = await scene.prune({ allowMissing: true })
  assert.ok(killed.packsDeleted > 0)
  await assertSound(scene, 0)
})

test('a plan waits for the backup that had begun, and another machine carries it out when that is silent for a day', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.forget([0])
  const { secrets, writer, repo } = await beginSession(scene)
  const waits = await scene.prune({ maxUnused: 0 })
  assert.equal(waits.packsDeleted, 0)
  assert.deepEqual(
    waits.waiting.map(({ waitingFor }) => waitingFor.map(({ host }) => host)),
    [['sleeper']],
  )
  assert.equal((await scene.names('gc/')).length, 1)

  // Somebody who may put into the store says that it is over.
  const stranger = await scene.scratch.openWith(await scene.scratch.addRole('write'))
  const { signer } = await writerIdentity(stranger, identity(memoryState()))
  const forged = encodeSessionMark({ sid: secrets.sid, number: 'end' }, { suite: repo.description.suite, signer })
  await repo.store.put(sessionEndName(secrets.sid), [forged])
  assert.equal((await scene.prune({ maxUnused: 0 })).packsDeleted, 0)
  assert.notEqual(writer.wid, undefined)

  const state = memoryState()
  const clock = { now: systemClock.now(), monotonic: 0 }
  const other = {
    state,
    maxUnused: 0,
    clock: { now: () => clock.now, monotonic: () => clock.monotonic, sleep: () => Promise.resolve() },
  }
  assert.equal((await scene.prune(other)).waiting.length, 1)
  clock.now += 23 * HOUR_MS
  assert.equal((await scene.prune(other)).waiting.length, 1)
  clock.now += HOUR_MS
  const done = await scene.prune(other)
  assert.equal(done.sessionsFenced, 1)
  assert.ok(done.packsDeleted > 0)
  assert.deepEqual(await scene.names('gc/'), [])
  await assertSound(scene, 1)
})

test('a prune that stays carries out its plan once the backup has ended, and shows of life keep that alive', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b'], ['b'])
  await scene.forget([0])
  const clock = { now: systemClock.now(), monotonic: 0 }
  const running = { now: () => clock.now, monotonic: () => clock.monotonic, sleep: () => Promise.resolve() }
  const { session, secrets } = await beginSession(scene, running)
  // Somebody who may put into the store shows signs of life in its place, which are none.
  const stranger = await scene.scratch.openWith(await scene.scratch.addRole('write'))
  const { signer } = await writerIdentity(stranger, identity(memoryState()))
  for (const number of [4_000_000_000, 4_000_000_001, 4_000_000_002, 4_000_000_003, 4_000_000_004]) {
    const forged = encodeSessionMark({ sid: secrets.sid, number }, { suite: stranger.description.suite, signer })
    await stranger.store.put(heartbeatName(secrets.sid, number), [forged])
  }
  let looks = 0
  const report = await scene.prune({
    maxUnused: 0,
    wait: true,
    clock: running,
    sleep: async () => {
      clock.now += HOUR_MS
      clock.monotonic += HOUR_MS
      if (++looks < 60) await session.beat()
      if (looks === 60) assert.equal(await session.end(), undefined)
    },
  })
  assert.equal(looks, 60)
  assert.equal(report.sessionsFenced, 0)
  assert.ok(report.packsDeleted > 0)
  await assertSound(scene, 1)
})

test('a prune that is stopped while it copies leaves its work to the next one', async (t) => {
  const scene = await PruningScene.create(t, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], ['b', 'd', 'f', 'h'])
  await scene.forget([0])
  const controller = new AbortController()
  const stopping = scene.prune({
    maxUnused: 0,
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === 'progress' && event.phase === 'copying what is needed') controller.abort()
    },
  })
  await assert.rejects(stopping, (error) => codeOf(error) === 'interrupted')
  const report = await scene.prune({ maxUnused: 0 })
  assert.ok(report.packsDeleted > 0)
  assert.equal((await scene.prune({ maxUnused: 0 })).packsDeleted, 0)
  await assertSound(scene, 1)
})

for (const role of ['maintain', 'admin'] as const) {
  test(`what somebody puts under the locators of others takes nothing from them when ${role} prunes`, async (t) => {
    const scene = await PruningScene.create(t, ['a', 'b', 'c'], ['b'])
    await putLies(scene)
    await scene.forget([0])
    const repo = role === 'admin' ? undefined : await scene.scratch.openWith(await scene.scratch.addRole(role))
    const opts = { maxUnused: 0, allowMissing: true, ...(repo !== undefined && { repo, state: memoryState() }) }
    await scene.prune(opts)
    await scene.prune(opts)
    const [left] = await scene.scratch.readAll()
    assert.deepEqual(left, scene.contents[1])
  })
}

function identity(state = memoryState()) {
  return { state, clock: systemClock, random: secureRandom, host: 'sleeper' }
}

async function beginSession({ scratch }: PruningScene, clock = systemClock) {
  const repo = await scratch.open()
  const writer = await writerIdentity(repo, identity())
  const secrets = newSessionSecrets(secureRandom)
  const session = await WriteSession.begin(repo, {
    secrets,
    writer,
    clock,
    random: secureRandom,
    host: 'sleeper',
    tool: 'test',
  })
  return { repo, writer, secrets, session }
}

function flipMiddle(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >>> 1]! ^= 1
  rmSync(path)
  writeFileSync(path, bytes)
}

test('keys of a great many sessions are no matter', async (t) => {
  const scene = await PruningScene.create(t, ['a'])
  const store = new ManyKeys(await scene.scratch.store())
  const report = await scene.prune({ repo: await scene.scratch.open(store) })
  assert.equal(report.keysCleared, 0)
})

/** Lists the keys of sessions that began a short while ago. */
class ManyKeys extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const page = await super.list(prefix, cursor)
    if (prefix !== PREFIXES.sessionKeys || page.objects.length === 0) return page
    const [{ receivedMs }] = page.objects as [ObjectInfo]
    const more = Array.from({ length: 150_000 }, (_, i) => {
      return {
        name: sessionKeysName(Uint8Array.from(Buffer.from(i.toString(16).padStart(32, '0'), 'hex'))),
        size: 1,
        receivedMs,
      }
    })
    return { ...page, objects: [...page.objects, ...more] }
  }
}

test('a part of a copy in the trash, left by a forget that failed, keeps nobody from pruning and is no damage', async (t) => {
  const scene = await PruningScene.create(t, ['a'], ['a', 'b'])
  const [name] = await scene.names('snap/')
  const parsed = parseObjectName(name!)
  assert.ok(parsed?.kind === 'snapshot')
  const store = await scene.scratch.store()
  const bytes = await store.get(name!)
  await store.put(trashName(parsed.wid, parsed.seq, parsed.hash, secureRandom(16)), [bytes.subarray(0, 100)])
  const scrubbed = await scrubStore({ store })
  assert.deepEqual([scrubbed.damages, scrubbed.snapshotsGivenUp], [[], 1])
  const gone = trashName(parsed.wid, 9, '9'.repeat(64), secureRandom(16))
  await store.put(gone, [bytes.subarray(0, 100)])
  await scene.prune({ wait: true, silenceMs: 0 })
  await assertSound(scene, 0, 1)
})
