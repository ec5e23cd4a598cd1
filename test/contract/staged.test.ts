// Objects that come in pieces (Store.stage) of a local store: the promises of `put`, and nothing to be seen before.
import assert from 'node:assert/strict'
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { OBJECT_SIZE_MAX } from '../../src/store/store.ts'
import { openFsStore, type FsStore } from '../../src/store/fs-store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { rejectsWith } from './store-contract.ts'

const NAME = 'data/ab/abcdef'

interface Place {
  readonly root: string
  readonly store: FsStore
  /** Files that are no objects yet. */
  temporary(): string[]
}

async function openFresh(t: TestContext): Promise<Place> {
  const root = join(tempFolder(t), 'repository')
  const store = await openFsStore(root, { create: true })
  return { root, store, temporary: () => readdirSync(join(root, 'tmp')) }
}

test('pieces are one object in the order they were given, without waiting for one another', async (t) => {
  const { store, temporary } = await openFresh(t)
  const staged = store.stage()
  const pieces = Array.from({ length: 50 }, (_, i) => new Uint8Array(i * 1000).fill(i))
  const appended = pieces.map((piece) => staged.append([piece.subarray(0, 100), piece.subarray(100)]))
  await Promise.all(appended)
  assert.equal(await store.stat(NAME), null)
  assert.deepEqual(await store.list(''), { objects: [], cursor: undefined })
  assert.deepEqual(await staged.commit(NAME), { created: true })
  assert.deepEqual(Buffer.from(await store.get(NAME)), Buffer.concat(pieces))
  assert.deepEqual(temporary(), [])
})

test('an object without a piece is empty', async (t) => {
  const { store } = await openFresh(t)
  assert.deepEqual(await store.stage().commit(NAME), { created: true })
  assert.equal((await store.stat(NAME))?.size, 0)
})

test('an object that is there is left as it is', async (t) => {
  const { store, temporary } = await openFresh(t)
  await store.put(NAME, [Buffer.from('first')])
  const staged = store.stage()
  await staged.append([Buffer.from('second')])
  assert.deepEqual(await staged.commit(NAME), { created: false })
  assert.equal(Buffer.from(await store.get(NAME)).toString(), 'first')
  assert.deepEqual(temporary(), [])
})

test('what is given up leaves nothing', async (t) => {
  const { store, temporary } = await openFresh(t)
  await store.stage().discard()
  const staged = store.stage()
  void staged.append([new Uint8Array(1000)])
  await staged.discard()
  assert.deepEqual(temporary(), [])
})

test('too many bytes and bad names are refused, and leave nothing', async (t) => {
  const { store, temporary } = await openFresh(t)
  const large = store.stage()
  const piece = new Uint8Array(OBJECT_SIZE_MAX / 2)
  await large.append([piece, piece])
  await rejectsWith('limit', large.append([new Uint8Array(1)]))
  await rejectsWith('limit', large.commit(NAME))
  const badly = store.stage()
  await badly.append([new Uint8Array(1)])
  await rejectsWith('usage', badly.commit('../escape'))
  assert.deepEqual(temporary(), [])
})

test('after a piece that could not be stored nothing of the object is', async (t) => {
  const { root, store } = await openFresh(t)
  await store.put('data/00/00', [new Uint8Array(1)])
  rmSync(join(root, 'tmp'), { recursive: true })
  writeFileSync(join(root, 'tmp'), 'a file where a folder belongs')
  const staged = store.stage()
  const first = await staged.append([new Uint8Array(1)]).catch((error: unknown) => error)
  assert.ok(first instanceof BackupError)
  rmSync(join(root, 'tmp'))
  for (const again of [staged.append([new Uint8Array(1)]), staged.commit(NAME)]) {
    assert.equal(await again.catch((error: unknown) => error), first)
  }
  assert.equal(await store.stat(NAME), null)
})

test('an object that takes days is not taken for a left-over as long as it shows that it is alive', async (t) => {
  const { root, store, temporary } = await openFresh(t)
  const [alive, dead] = [store.stage(), store.stage()]
  await alive.append([new Uint8Array(10)])
  await dead.append([new Uint8Array(10)])
  const longAgo = new Date(Date.now() - 3 * 86_400_000)
  for (const name of temporary()) utimesSync(join(root, 'tmp', name), longAgo, longAgo)
  await alive.keepAlive()
  await openFsStore(root, { create: false })
  assert.equal(temporary().length, 1)
  assert.ok(Date.now() - statSync(join(root, 'tmp', temporary()[0]!)).mtimeMs < 60_000)
  assert.deepEqual(await alive.commit(NAME), { created: true })
  // The other one cannot be had any more, and says so.
  await assert.rejects(dead.commit('data/ab/000000'))
})
