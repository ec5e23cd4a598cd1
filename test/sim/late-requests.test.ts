// Requests that the simulator delivers late: what they do, and what becomes of a snapshot that one of them deletes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { moveToTrash, readTrash, recallFromTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { Faults } from '../../src/store/faults.ts'
import { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { SMALL_TREE } from './source-changes.ts'
import { SimWorld } from './world.ts'
import { WorldPruner } from './world-pruner.ts'

const HOUR_MS = 3_600_000
const NAME = 'index/01'
const [BYTES, OTHERS] = [Buffer.from('0123'), Buffer.from('4567')]
const LATE: Partial<Faults> = { failAfter: 1, late: { probability: 1, msMaxOf: () => HOUR_MS } }

test('a put whose answer was lost comes once more, and brings back what was deleted meanwhile', async () => {
  const world = new SimWorld(1)
  await assert.rejects(world.process('main', LATE).store.put(NAME, [BYTES]), { code: /io|unreachable/ })
  assert.equal(await world.objects.delete(NAME), true)
  await world.sleep(HOUR_MS)
  assert.deepEqual(Buffer.from(await world.objects.get(NAME)), BYTES)
  assert.deepEqual(
    world.disk.late.map(({ kind, name }) => [kind, name]),
    [['put', NAME]],
  )
})

test('it puts nothing in the place of what others have put meanwhile', async () => {
  const world = new SimWorld(1)
  await assert.rejects(world.process('main', LATE).store.put(NAME, [BYTES]))
  await world.objects.delete(NAME)
  await world.objects.put(NAME, [OTHERS])
  await world.sleep(HOUR_MS)
  assert.deepEqual(Buffer.from(await world.objects.get(NAME)), OTHERS)
  assert.deepEqual(world.disk.late, [])
})

test('a deletion whose answer was lost takes away what was put anew', async () => {
  const world = new SimWorld(1)
  await world.objects.put(NAME, [BYTES])
  await assert.rejects(world.process('main', LATE).store.delete(NAME))
  await world.objects.put(NAME, [BYTES])
  await world.sleep(HOUR_MS)
  assert.equal(await world.objects.stat(NAME), null)
})

test('what a process had under way when it died comes when it is long gone', async () => {
  const world = new SimWorld(1)
  const { store } = world.process('main', { ...LATE, failAfter: 0 })
  const put = assert.rejects(store.put(NAME, [BYTES]))
  store.crash()
  await put
  await store.settle('stays')
  assert.equal(await world.objects.stat(NAME), null)
  await world.sleep(HOUR_MS)
  assert.notEqual(await world.objects.stat(NAME), null)
})

test('a snapshot that was brought back, and that a deletion of before takes away, is back once somebody has pruned', async () => {
  const world = await BackupWorld.create(1)
  const { result } = await world.backupWell(world.addClient('ant', SMALL_TREE))
  const { clock, secureRandom: random } = world
  const scene = async () => {
    const repo = await world.openForReading()
    const writer = await writerIdentity(repo, { state: simState(), clock, random, host: 'somebody' })
    const options = { writer, clock, random, by: 'somebody' }
    await moveToTrash(repo, await repo.catalog.list(), options)
    await recallFromTrash(repo, (await readTrash(repo)).snapshots, options)
    const late = await world.objects.delete(result.snapshot.objectName)
    assert.ok(late)
    await (await WorldPruner.open(world)).run({ silenceMs: 0, maxUnused: 0 })
  }
  await world.finish(scene())
  await world.verify()
})
