// Forgetting is moving to the trash, from where a snapshot can be brought back until it is purged by the store's clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { snapshotName, trashName } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { readRetention } from '../../src/ops/forget.ts'
import { timesOf } from '../../src/ops/retention/times.ts'
import { scrubStore } from '../../src/ops/scrub.ts'
import { moveToTrash, purgeTrash, putBackRecalled, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import type { TrashOptions } from '../../src/repo/history/trash.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { OperationLog, RecordingStore } from '../../src/store/recording-store.ts'
import type { Operation } from '../../src/store/recording-store.ts'
import type { PutResult, Store } from '../../src/store/store.ts'
import { audit, assertFound } from '../support/audited-history.ts'
import { DAY, HistoryScene } from '../support/history-scene.ts'
import type { Machine } from '../support/history-scene.ts'

async function threeOf(scene: HistoryScene, name = 'ada') {
  const machine = scene.machine(name)
  const snapshots = [await machine.backup(), await machine.backup(), await machine.backup()]
  return { machine, snapshots }
}

async function opened(scene: HistoryScene, machine: Machine, store?: Store): Promise<[Repository, TrashOptions]> {
  const repo = await scene.open(store)
  const { clock } = scene
  const writer = await writerIdentity(repo, { state: machine.state, clock, random: secureRandom, host: machine.name })
  return [repo, { writer, clock, random: secureRandom, by: `ada@${machine.name}` }]
}

async function idsOf(scene: HistoryScene): Promise<string[]> {
  return (await (await scene.open()).snapshots()).map(({ id }) => id)
}

async function forget(scene: HistoryScene, machine: Machine, ids: readonly string[]): Promise<void> {
  const [repo, opts] = await opened(scene, machine)
  const listed = (await repo.catalog.list()).filter(({ id }) => ids.includes(id))
  await moveToTrash(repo, listed, opts)
}

test('a forgotten snapshot is in the trash alone, and nothing takes it for a loss', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  await machine.look()
  const [first, second, third] = snapshots
  await forget(scene, machine, [second!.id, third!.id])
  assert.deepEqual(await idsOf(scene), [first!.id])
  const { snapshots: trashed, unexplained } = await readTrash(await scene.open())
  assert.deepEqual(
    trashed.map(({ id }) => id),
    [second!.id, third!.id],
  )
  assert.deepEqual(unexplained, [])
  await machine.look() // is not refused
  const { damages } = await checkRepository({
    repo: await scene.open(),
    depth: 'structure',
    rng: seededRng(1),
    threads: 0,
  })
  assert.deepEqual(damages, [])
  assert.deepEqual((await scrubStore({ store: scene.store })).damages, [])
  await assert.rejects((await scene.open()).findSnapshot(second!.id), { hint: /it was forgotten.*trash recall/ })
})

test('the next snapshot of a writer has the number after those in the trash', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  await forget(scene, machine, [snapshots[2]!.id])
  const fourth = await machine.backup()
  assert.equal(fourth.seq, 4)
  assert.deepEqual((await audit(scene)).told, [])
})

test('an audit says until when a forgotten snapshot can be brought back', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  await forget(scene, machine, [snapshots[0]!.id, snapshots[1]!.id])
  const { told, writers } = await audit(scene)
  assert.deepEqual(told, [])
  const [gap, ...others] = writers.flatMap(({ snapshots: chain }) => chain?.gaps ?? [])
  assert.deepEqual(others, [])
  assert.deepEqual([gap!.from, gap!.to, gap!.reason], [1, 2, 'forgotten'])
  assert.equal(gap!.restorableUntilMs, scene.now + 7 * DAY)
})

test('a snapshot that is brought back is there again, and its loss is a loss again', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const ids = snapshots.map(({ id }) => id)
  await forget(scene, machine, [ids[1]!])
  const [repo, opts] = await opened(scene, machine)
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, opts)
  assert.deepEqual(await idsOf(scene), ids)
  assert.deepEqual((await readTrash(await scene.open())).snapshots, [])
  assert.deepEqual((await audit(scene)).told, [])
  await scene.store.delete(snapshots[1]!.objectName)
  assertFound(await audit(scene), /missing .*snapshot 2 of .*no record says why.*in the trash there is a copy of 2/)
  const { recalled } = await readTrash(await scene.open())
  assert.deepEqual(
    recalled.map(({ id }) => id),
    [ids[1]],
  )
  await forget(scene, machine, [ids[1]!]) // is gone: nothing happens
  await recallFromTrash(repo, recalled, opts)
  assert.deepEqual(await idsOf(scene), ids)
})

test('what is brought back counts from when the store had it first', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const snapshots: { readonly id: string }[] = []
  for (let day = 0; day < 4; day++) {
    snapshots.push(await ada.backup())
    scene.now += DAY
  }
  await forget(scene, ada, [snapshots[1]!.id])
  scene.now += 5 * DAY
  await scene.machine('bob').backup()
  scene.now += DAY
  const [repo, opts] = await opened(scene, ada)
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, opts)
  assert.deepEqual((await audit(scene)).told, [])
  const { snapshots: read } = await readRetention(await scene.open())
  const { timeOf } = timesOf(read)
  const times = snapshots.map(({ id }) => timeOf.get(id)!)
  assert.deepEqual(
    times.map((time) => time - times[0]!),
    [0, DAY, 2 * DAY, 3 * DAY],
  )
})

test('what is moved to the trash without a record is missing', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  await machine.look()
  const { wid, seq, id, objectName } = snapshots[2]!
  const copy = trashName(wid, seq, id, secureRandom(16))
  await scene.store.put(copy, [await scene.store.get(objectName)])
  await scene.store.delete(objectName)
  await assert.rejects(machine.look(), { code: 'rolled-back' })
  const [repo, opts] = await opened(scene, machine)
  scene.now += 100 * DAY
  assert.deepEqual((await purgeTrash(repo, opts)).purged, [])
  assert.ok(await scene.store.stat(copy))
  await recallFromTrash(repo, (await readTrash(repo)).unexplained, opts)
  assert.equal((await idsOf(scene)).length, 3)
})

test('the trash is purged by the clock of the store, from the last forgetting on', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const [first, second] = snapshots.map(({ id }) => id)
  await forget(scene, machine, [first!, second!])
  const [repo, opts] = await opened(scene, machine)
  scene.now += 5 * DAY
  await recallFromTrash(repo, (await readTrash(repo)).snapshots.slice(1), opts)
  await forget(scene, machine, [second!]) // its copy has been there for five days
  scene.now += 2.5 * DAY
  const hurried = {
    ...opts,
    clock: { now: () => scene.now + 365 * DAY, monotonic: () => scene.now, sleep: () => Promise.resolve() },
  }
  const { purged, kept } = await purgeTrash(repo, hurried)
  assert.deepEqual([purged.map(({ id }) => id), kept.map(({ id }) => id)], [[first], [second]])
  assert.deepEqual((await purgeTrash(repo, opts)).purged, [])
  assertFound(await audit(scene), /^back-dated log.*2027/)
  scene.now += 5 * DAY
  assert.equal((await purgeTrash(repo, opts)).purged.length, 1)
  assert.deepEqual(await scene.names('trash/'), [])
})

test('a machine whose clock is slow purges what is over by the clock of the store', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  await forget(scene, machine, [snapshots[0]!.id])
  const [repo, { clock, ...opts }] = await opened(scene, machine)
  const slow = { ...opts, clock: { ...clock, now: () => clock.now() - 30 * DAY } }
  assert.equal((await purgeTrash(repo, slow)).purged.length, 0)
  scene.now += 8 * DAY
  await machine.backup()
  assert.equal((await purgeTrash(repo, slow)).purged.length, 1)
  await forget(scene, machine, [snapshots[1]!.id])
  assert.equal((await purgeTrash(repo, { ...slow, days: 0 })).purged.length, 1)
})

test('what is purged while it is brought back is told', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const { id } = snapshots[1]!
  await forget(scene, machine, [id])
  const [repo, opts] = await opened(scene, machine)
  const { snapshots: trashed } = await readTrash(repo)
  const put = scene.store.put.bind(scene.store)
  scene.store.put = async (name, parts) => {
    for (const { objectName } of name.startsWith('trash/') ? trashed : []) await scene.store.delete(objectName)
    return put(name, parts)
  }
  await assert.rejects(recallFromTrash(repo, trashed, opts), { code: 'not-found', message: /purged/ })
  assert.equal((await idsOf(scene)).length, 2)
  assert.deepEqual(await scene.names('trash/'), [], 'nobody vouches for the copy')
})

test('a damaged copy in the trash keeps nobody from bringing a snapshot back from another', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const { id } = snapshots[1]!
  const [repo, opts] = await opened(scene, machine)
  await forget(scene, machine, [id])
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, opts)
  await forget(scene, machine, [id])
  const copies = await scene.names('trash/')
  assert.equal(copies.length, 3)
  for (const name of copies.slice(0, 2)) {
    await scene.store.delete(name)
    await scene.store.put(name, [Buffer.from('rot')])
  }
  await recallFromTrash(repo, (await readTrash(repo)).snapshots, opts)
  assert.equal((await idsOf(scene)).length, 3)
})

test('a copy that no record names cannot be brought back, and is purged when it is a day old', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const { wid, seq, id, objectName } = snapshots[1]!
  const bytes = await scene.store.get(objectName)
  const [repo, opts] = await opened(scene, machine)
  await forget(scene, machine, [id])
  scene.now += DAY
  const late = trashName(wid, seq, id, secureRandom(16))
  await scene.store.put(late, [bytes])
  assert.equal((await purgeTrash(repo, { ...opts, days: 0 })).purged.length, 1)
  assert.deepEqual(await scene.names('trash/'), [late])
  const { snapshots: trashed, leftOver } = await readTrash(repo)
  assert.deepEqual([trashed.length, leftOver.map((each) => each.id)], [0, [id]])
  await assert.rejects(recallFromTrash(repo, leftOver, opts), { code: 'not-found' })
  scene.now += 1.1 * DAY
  assert.equal((await purgeTrash(repo, { ...opts, days: 0 })).purged.length, 0)
  assert.deepEqual(await scene.names('trash/'), [])
})

test('who forgets a snapshot that was forgotten and purged meanwhile leaves no copy of it whose content is gone', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const gone = snapshots[1]!
  const [repo, opts] = await opened(scene, machine)
  const { objectName } = (await repo.catalog.list()).find(({ id }) => id === gone.id)!
  const put = repo.store.put.bind(repo.store)
  repo.store.put = async (name, parts) => {
    if (name.startsWith('trash/')) await repo.store.delete(objectName)
    return put(name, parts)
  }
  const listed = (await repo.catalog.list()).filter(({ id }) => id === gone.id)
  const { snapshots: moved, records } = await moveToTrash(repo, listed, opts)
  assert.deepEqual([moved, records], [[], []])
  assert.deepEqual((await repo.store.list('trash/')).objects, [])
})

test('nothing is purged while a record cannot be read: it may say that something was brought back', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const [repo, opts] = await opened(scene, machine)
  await forget(scene, machine, [snapshots[1]!.id])
  const trashed = (await readTrash(repo)).snapshots
  const [record] = await recallFromTrash(repo, trashed, opts)
  await scene.store.delete(snapshots[1]!.objectName)
  scene.now += DAY
  const bytes = await scene.store.get(record!.objectName)
  scene.store.damage(record!.objectName, bytes.with(90, bytes[90]! ^ 1))
  await assert.rejects(purgeTrash(repo, { ...opts, days: 0 }), { code: 'refused', subject: record!.objectName })
  assert.equal((await scene.names('trash/')).length, 2)
  scene.store.damage(record!.objectName, bytes)
  assert.deepEqual((await purgeTrash(repo, { ...opts, days: 0 })).purged, [])
  assert.equal((await putBackRecalled(repo, opts)).length, 1)
})

test('what was brought back and deleted by somebody who slept meanwhile is put back', async () => {
  const scene = await HistoryScene.create()
  const { machine, snapshots } = await threeOf(scene)
  const [, second] = snapshots
  await forget(scene, machine, [second!.id])
  const [repo, opts] = await opened(scene, machine)
  const { snapshots: trashed } = await readTrash(repo)
  await recallFromTrash(repo, trashed, opts)
  const { wid, seq, id } = trashed[0]!
  await scene.store.delete(snapshotName(wid, seq, id))
  const { recalled, unexplained } = await readTrash(await scene.open())
  assert.deepEqual([recalled.map((each) => each.id), unexplained], [[id], []])
  assert.equal((await purgeTrash(repo, { ...opts, days: 0 })).purged.length, 0)
  assert.deepEqual(
    (await putBackRecalled(await scene.open(), opts)).map((each) => each.id),
    [id],
  )
  assert.deepEqual((await idsOf(scene)).toSorted(), snapshots.map((each) => each.id).toSorted())
  assert.deepEqual(await putBackRecalled(await scene.open(), opts), [])
})

/** Acknowledges what is put when nobody puts anything more. */
class PatientStore extends Passing {
  #puts = 0

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    for (let before = -1; before !== this.#puts;) {
      before = before === -1 ? ++this.#puts : this.#puts
      await turn()
      await turn()
    }
    return super.put(name, parts)
  }
}

test('copies of many snapshots wait together for the store; none is taken out of the history before all copies and the record are acknowledged', async () => {
  const scene = await HistoryScene.create()
  const machine = scene.machine('ada')
  const ids: string[] = []
  for (let i = 0; i < 12; i++) ids.push((await machine.backup()).id)
  const log = new OperationLog()
  const store = new RecordingStore(new PatientStore(scene.store), { log, actor: 'ada' })
  const [repo, opts] = await opened(scene, machine, store)
  const { snapshots } = await moveToTrash(repo, await repo.catalog.list(), opts)
  assert.deepEqual(snapshots.map(({ id }) => id).sort(), ids.sort())
  const of = (kind: Operation['kind'], prefix: string) =>
    log.operations.filter((each) => each.kind === kind && each.name.startsWith(prefix))
  const [copies, records, deletes] = [of('put', 'trash/'), of('put', 'log/'), of('delete', 'snap/')]
  assert.deepEqual([copies.length, records.length, deletes.length], [12, 1, 12])
  const first = Math.min(...copies.map(({ ended }) => ended!))
  assert.ok(copies.every(({ began }) => began < first))
  const [record] = records
  assert.ok(copies.every(({ ended }) => ended! < record!.began))
  assert.ok(deletes.every(({ began }) => record!.ended! < began))
})
