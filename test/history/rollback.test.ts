// What a client remembers of a store, against stores that go back, hide and fork; the real code on both sides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { descriptionName, snapshotName, writerName } from '../../src/format/names.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { readSeen, updateSeen } from '../../src/repo/history/seen-history.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { DAY, HidingStore, HistoryScene, HOUR, placeOf } from '../support/history-scene.ts'

const rolledBack =
  (...texts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof BackupError && error.code === 'rolled-back', String(error))
    for (const text of texts) assert.match(error.message, text)
    assert.match(error.hint!, /--accept-rollback/)
    return true
  }

test('a store that only grows is never refused, whoever backs up', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  const looker = scene.machine('looker')
  await looker.look()
  for (let round = 0; round < 3; round++) {
    await ada.backup()
    await bob.backup()
    await bob.backup()
    scene.now += HOUR
    for (const machine of [ada, bob, looker]) await machine.look()
  }
  await ada.record({ kind: 'note', text: 'hello' })
  const { snapshots, records } = await looker.look()
  assert.deepEqual([snapshots.size, records.size], [2, 1])
})

test('a store that hides the newest snapshot of a writer is refused, with what is missing and since when', async () => {
  const scene = await HistoryScene.create()
  const [ada, looker] = [scene.machine('ada'), scene.machine('looker')]
  await ada.backup()
  const newest = await ada.backup()
  scene.now = Date.parse('2026-05-02T10:00:00Z')
  await looker.look()
  scene.now += DAY
  const store = new HidingStore(scene.store, (name) => name === newest.objectName)
  const missing = new RegExp(`snapshot 2 of writer ${newest.wid.slice(0, 8)} \\(${newest.id.slice(0, 10)}\\) is gone`)
  await assert.rejects(looker.look({ store }), rolledBack(missing, /2026-05-02T10:00:00Z/, /memory:history/))
  await looker.look()
})

test('a store that goes back as a whole to an earlier state is refused', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  await ada.backup()
  const earlier = await scene.copy()
  await bob.backup()
  await ada.backup()
  const record = await ada.record({ kind: 'note', text: 'hello' })
  await ada.look()
  await assert.rejects(
    ada.look({ store: earlier }),
    rolledBack(
      /snapshot 2 of writer/,
      /snapshot 1 of writer/,
      new RegExp(`record 1 of writer ${record.wid.slice(0, 8)}`),
    ),
  )
})

test('a store that continues an earlier state behind the back of a client is refused as forked', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  await ada.backup()
  const earlier = await scene.copy()
  const own = await ada.backup()
  await ada.look()
  // The machine itself was set back too, say to an image of last week, and goes on from there.
  const clone = scene.machine('ada')
  clone.state = ada.state
  const rival = await clone.backup(earlier)
  assert.equal(rival.seq, own.seq)
  await assert.rejects(ada.look({ store: earlier }), rolledBack(new RegExp(`has a rival, ${rival.objectName}`)))
  // Nor does it help to go on: what follows names the rival.
  await clone.backup(earlier)
  await earlier.delete(rival.objectName)
  await assert.rejects(ada.look({ store: earlier }), rolledBack(/has a rival/))
})

test('two objects with one number, both there, are noticed', async () => {
  const scene = await HistoryScene.create()
  const [ada, looker] = [scene.machine('ada'), scene.machine('looker')]
  await ada.backup()
  const earlier = await scene.copy()
  await ada.backup()
  await looker.look()
  const rival = await ada.backup(earlier)
  await scene.store.put(rival.objectName, [await earlier.get(rival.objectName)])
  await assert.rejects(looker.look(), rolledBack(/has a rival/))
  await looker.look({ accept: true })
  await looker.look() // once is enough
})

test('an older description that comes back is refused', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const repo = await scene.open()
  const bytes = encodeRepoDescription(repo.description, signingKeyFromSeed(repo.bundle.rootSeed!))
  await scene.store.put(descriptionName(2), [bytes])
  await ada.look()
  const store = new HidingStore(scene.store, (name) => name === descriptionName(2))
  await assert.rejects(ada.look({ store }), rolledBack(/format\/2 was in use and format\/1 is now/))
  // One that is damaged is damage, not a way back.
  await scene.store.delete(descriptionName(2))
  await scene.store.put(descriptionName(2), [bytes.slice(0, -1)])
  await ada.look()
})

test('what a record explains is no rollback, and is not looked for again', async () => {
  const scene = await HistoryScene.create()
  const [ada, looker, admin] = [scene.machine('ada'), scene.machine('looker'), scene.machine('admin')]
  const first = await ada.backup()
  const newest = await ada.backup()
  await looker.look()
  await admin.forget([placeOf(newest)])
  assert.deepEqual((await looker.look()).snapshots.get(newest.wid), { seq: 1, id: first.id })
  // Its number is given again; that is no fork.
  const next = await ada.backup()
  assert.equal(next.seq, 2)
  await looker.look()
  // All of a writer forgotten.
  await admin.forget([placeOf(first), placeOf(next)])
  assert.equal((await looker.look()).snapshots.has(newest.wid), false)
})

test('a record that is hidden explains nothing', async () => {
  const scene = await HistoryScene.create()
  const [ada, looker, admin] = [scene.machine('ada'), scene.machine('looker'), scene.machine('admin')]
  const newest = await ada.backup()
  await looker.look()
  const record = await admin.forget([placeOf(newest)])
  const store = new HidingStore(scene.store, (name) => name === record.objectName)
  await assert.rejects(looker.look({ store }), rolledBack(/snapshot 1/))
  await looker.look()
})

test('a rollback that was accepted is accepted once, and the next one is refused again', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const earlier = await scene.copy()
  await ada.backup()
  await ada.look()
  await assert.rejects(ada.look({ store: earlier }), rolledBack())
  const { lost } = await ada.look({ store: earlier, accept: true })
  assert.equal(lost.length, 1)
  await ada.look({ store: earlier })
  const again = await ada.backup(earlier)
  await ada.look({ store: earlier })
  await earlier.delete(again.objectName)
  await assert.rejects(ada.look({ store: earlier }), rolledBack(/snapshot 1/))
})

test('what one machine accepts in a record, others need not accept', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  const lost = await ada.backup()
  const lostRecord = await ada.record({ kind: 'note', text: 'lost' })
  await bob.look()
  for (const { objectName } of [lost, lostRecord]) await scene.store.delete(objectName)
  await assert.rejects(bob.look(), rolledBack(/snapshot 1/, /record 1/))
  await scene.machine('admin').record({ kind: 'accept', snapshots: [placeOf(lost)], records: [placeOf(lostRecord)] })
  await bob.look()
})

test('a listing that fails is a failure, never a rollback', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  await ada.backup()
  await ada.look()
  for (const prefix of ['snap/', 'log/']) {
    class Failing extends Passing {
      override async list(asked: string, cursor?: string) {
        if (asked === prefix) throw new BackupError('unreachable', 'no answer', prefix)
        return super.list(asked, cursor)
      }
    }
    await assert.rejects(ada.look({ store: new Failing(scene.store) }), { code: 'unreachable' })
  }
  await ada.look()
})

test('a list that lags behind is not believed before the object was asked for by its name', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const newest = await ada.backup()
  await ada.look()
  class Lagging extends Passing {
    override async list(prefix: string, cursor?: string) {
      const page = await super.list(prefix, cursor)
      return { ...page, objects: page.objects.filter(({ name }) => name !== newest.objectName) }
    }
  }
  const { snapshots } = await ada.look({ store: new Lagging(scene.store) })
  assert.deepEqual(snapshots.get(newest.wid), { seq: 1, id: newest.id })
})

test('names that nobody signed are neither remembered nor missed', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const own = await ada.backup()
  const planted = [
    snapshotName(own.wid, 9_999_999_999, 'ab'.repeat(32)), // of a known writer
    snapshotName(own.wid, 1, 'cd'.repeat(32)), // in a place that is taken
    snapshotName('ef'.repeat(16), 1, 'ab'.repeat(32)), // of nobody
  ]
  for (const name of planted) await scene.store.put(name, [Buffer.from('junk')])
  const { snapshots } = await ada.look()
  assert.deepEqual([...snapshots], [[own.wid, { seq: 1, id: own.id }]])
  for (const name of planted) await scene.store.delete(name)
  await ada.look()
})

test('snapshots of another repository that are mixed in are not remembered', async () => {
  const [scene, other] = [await HistoryScene.create(), await HistoryScene.create()]
  const foreign = await other.machine('eve').backup()
  for (const name of [foreign.objectName, writerName(foreign.wid)]) {
    await scene.store.put(name, [await other.store.get(name)])
  }
  const { snapshots } = await scene.machine('ada').look()
  assert.equal(snapshots.size, 0)
})

test('a machine that lost its state, or uses another credential, begins with an empty memory', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const earlier = await scene.copy()
  await ada.backup()
  await ada.look()
  const before = ada.state
  ada.state = memoryState()
  await ada.look({ store: earlier })
  ada.state = before
  await assert.rejects(ada.look({ store: earlier }), rolledBack())
})

test('a memory that is damaged counts as lost, and what is kept tells nothing without the key', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const snapshot = await ada.backup()
  const kept = new Map<string, Uint8Array>()
  ada.state = { ...memoryState(), read: async (n) => kept.get(n) ?? null, write: async (n, b) => void kept.set(n, b) }
  await ada.look()
  const [[name, bytes]] = [...kept] as [[string, Uint8Array]]
  assert.equal(Buffer.from(bytes).includes(Buffer.from(fromHex(snapshot.id)!)), false)
  const repo = await scene.open()
  assert.equal((await readSeen(repo, ada.state))!.snapshots.size, 1)
  for (let at = 0; at < bytes.length; at += 7) {
    const damaged = bytes.slice()
    damaged[at]! ^= 0x10
    kept.set(name, damaged)
    assert.equal(await readSeen(repo, ada.state), undefined)
  }
})

test('two processes that remember at once both have their say', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  const looker = scene.machine('looker')
  const [one, two] = [await ada.backup(), await bob.backup()]
  const only = (hidden: string) => new HidingStore(scene.store, (name) => name === hidden)
  // Each has seen one of them; neither look takes away what the other has added.
  await Promise.all([looker.look({ store: only(one.objectName) }), looker.look({ store: only(two.objectName) })])
  const seen = await readSeen(await scene.open(), looker.state)
  assert.deepEqual([...seen!.snapshots.keys()].toSorted(), [one.wid, two.wid].toSorted())
})

test('what another process has seen since is not taken back by an older look', async () => {
  const scene = await HistoryScene.create()
  const [ada, looker] = [scene.machine('ada'), scene.machine('looker')]
  await ada.backup()
  await looker.look()
  const second = await ada.backup()
  // Between the look and the word of this one another process sees a third snapshot.
  const repo = await scene.open()
  const slow = looker.state.exclusive.bind(looker.state)
  const third = await ada.backup()
  looker.state = {
    ...looker.state,
    exclusive: async (name, step) => {
      looker.state = { ...looker.state, exclusive: slow }
      await updateSeen(repo, looker.state, (kept) => ({
        ...kept!,
        snapshots: new Map([[third.wid, { seq: third.seq, id: third.id }]]),
      }))
      return slow(name, step)
    },
  }
  await looker.look({ store: new HidingStore(scene.store, (name) => name === third.objectName) })
  assert.equal((await readSeen(repo, looker.state))!.snapshots.get(second.wid)!.seq, 3)
})

test('a look reads the newest snapshot of each writer once, and then only lists', async () => {
  const scene = await HistoryScene.create()
  for (const name of ['ada', 'bob', 'cyd']) {
    const machine = scene.machine(name)
    await machine.backup()
    await machine.backup()
  }
  const reads: string[] = []
  class Counting extends Passing {
    override async get(name: string) {
      if (name.startsWith('snap/') || name.startsWith('log/')) reads.push(name)
      return super.get(name)
    }
  }
  const looker = scene.machine('looker')
  const store = new Counting(scene.store)
  await looker.look({ store })
  assert.equal(reads.length, 3)
  await looker.look({ store })
  assert.equal(reads.length, 3)
})
