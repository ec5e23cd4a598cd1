// Revoked writers with the real code: what counts of theirs, for whom, and what finding out costs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { BackupError } from '../../src/base/errors.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { readLog } from '../../src/repo/history/log.ts'
import { LogFacts } from '../../src/repo/history/log-facts.ts'
import { planRevocation } from '../../src/repo/history/revoke-writer.ts'
import type { RevokeSince } from '../../src/repo/history/revoke-writer.ts'
import { CountingStore } from '../../src/store/counting-store.ts'
import type { Store } from '../../src/store/store.ts'
import { HidingStore, HistoryScene, placeOf } from '../support/history-scene.ts'
import type { Machine } from '../support/history-scene.ts'

async function scene() {
  const made = await HistoryScene.create()
  const [ada, eve] = [made.machine('ada'), made.machine('eve')]
  const first = await ada.backup()
  made.now += 1000
  const early = await eve.backup()
  made.now += 1000
  return { made, ada, eve, first, early }
}

test('snapshots of a revoked writer do not count from that number on, and older ones do', async () => {
  const { made, ada, eve, first, early } = await scene()
  const forked = await made.copy()
  await ada.revoke(early.wid)
  const late = await eve.backup(forked)
  await made.store.put(late.objectName, [await forked.get(late.objectName)])
  const repo = await made.open()
  assert.equal((await repo.findSnapshot('latest')).id, early.id)
  const { snapshots, hidden } = await repo.catalog.readable()
  assert.deepEqual([snapshots.map(({ id }) => id), hidden], [[first.id, early.id], 1])
  await assert.rejects(repo.findSnapshot(late.id.slice(0, 12)), (error: BackupError) => {
    assert.equal(error.code, 'refused')
    assert.match(error.message, /revoked by ada@ada on 2026-05-01 \(stolen\)/)
    assert.match(error.hint!, /--include-revoked/)
    return true
  })
  // To look into it, everything that it refers to has to be there.
  for (const { name } of (await forked.list('')).objects) await made.store.put(name, [await forked.get(name)])
  repo.catalog.showsRevoked = true
  assert.equal((await repo.findSnapshot(late.id)).revoked!.record.body.by, 'ada@ada')
  assert.equal((await repo.catalog.readable()).snapshots.length, 3)
  assert.equal((await repo.findSnapshot('latest')).id, early.id, 'the latest is one that counts all the same')
})

test('who has the key signs at an earlier place of the chain, and it does not count either', async () => {
  const { made, ada, eve, early } = await scene()
  const forked = await made.copy()
  await forked.delete(early.objectName)
  const rival = await eve.backup(forked)
  assert.deepEqual([rival.wid, rival.seq], [early.wid, 1])
  await ada.revoke(early.wid)
  await made.store.put(rival.objectName, [await forked.get(rival.objectName)])
  const { snapshots, hidden } = await (await made.open()).catalog.readable()
  assert.deepEqual([snapshots.some(({ id }) => id === early.id), hidden], [true, 1])
})

test('since when it was in the wrong hands is told by when the store received it, whatever its number', async () => {
  const { made, ada, eve, early } = await scene()
  const stolenMs = made.now
  made.now += 1000
  const late = await eve.backup()
  await eve.record({ kind: 'note', text: 'not I' })
  await ada.revoke(early.wid, { sinceMs: stolenMs })
  const { records } = await readLog(await made.open())
  assert.equal(new LogFacts(records).annulled.length, 1)
  await assert.rejects((await made.open()).findSnapshot(late.id), { code: 'refused' })
  assert.equal((await (await made.open()).findSnapshot(early.id)).id, early.id)
})

test('a revoked machine makes no backup and adds no record', async () => {
  const { made, ada, eve, early } = await scene()
  await ada.revoke(early.wid)
  const before = await made.names('')
  await assert.rejects(eve.backup(), { code: 'refused', message: /this machine was revoked by ada@ada \(stolen\)/ })
  await assert.rejects(eve.record({ kind: 'note', text: 'x' }), { code: 'refused' })
  assert.deepEqual(await made.names(''), before)
})

test('what only a revoked machine has stored is stored again, and its older snapshots are read as before', async () => {
  const { made, ada, eve } = await scene()
  const tree = { large: Buffer.alloc(100_000, 'large'), folder: { small: Buffer.alloc(600, 'small') } }
  const { snapshot } = await eve.backUp(tree)
  const shared = await ada.backUp(tree)
  assert.equal(shared.body.stats.newBlobs, 0, 'the same tree is there')
  await ada.revoke(snapshot.wid)
  const again = await ada.backUp({ ...tree, more: Buffer.from('x') })
  assert.ok(again.body.stats.newBlobs >= 4, `${again.body.stats.newBlobs}`)
  assert.equal(again.body.stats.unchangedFiles, 0, 'not even what its own last snapshot refers to is taken over')
  const repo = await made.open()
  await repo.loadIndex()
  const { body } = await repo.findSnapshot(snapshot.id)
  const names: string[] = []
  for await (const { name } of repo.directoryEntries(body.root, true)) names.push(Buffer.from(name).toString())
  assert.ok(names.length > 0)
})

test('records of a revoked writer have no effect from then on; earlier ones keep theirs', async () => {
  const { made, ada, eve, first } = await scene()
  const second = await ada.backup()
  await eve.forget([placeOf(first)])
  const forked = await made.copy()
  const { wid } = await eve.record({ kind: 'note', text: 'the last that counts' })
  await ada.revoke(wid)
  // Before it was revoked, as far as the store can be made to show; and at a place that is taken.
  for (const record of [
    await eve.record({ kind: 'forget', snapshots: [placeOf(second)] }, forked),
    await eve.record({ kind: 'forget', snapshots: [placeOf(second)] }, forked),
  ]) {
    await made.store.put(record.objectName, [await forked.get(record.objectName)])
  }
  const facts = new LogFacts((await readLog(await made.open())).records)
  assert.equal(facts.gone.size, 1)
  assert.equal(facts.annulled.length, 2)
  const { remarks } = await auditHistory({ repo: await made.open() })
  assert.ok(
    remarks.some((remark) => /2 log records of .*eve.*have no effect/.test(remark)),
    remarks.join('\n'),
  )
})

test('who is revoked already is not revoked again, unless that takes away more', async () => {
  const { made, ada, eve, early } = await scene()
  const middleMs = made.now
  made.now += 1000
  await eve.backup()
  await ada.revoke(early.wid)
  const cases: [RevokeSince, boolean][] = [
    [{}, true],
    [{ fromSeq: 3 }, true],
    [{ fromSeq: 2 }, false],
    [{ sinceMs: made.now + 1000 }, true],
    [{ sinceMs: middleMs }, false],
  ]
  for (const [since, isAlready] of cases) {
    const { already } = await planRevocation(await made.open(), early.wid, since, undefined)
    assert.equal(already?.record.body.by, isAlready ? 'ada@ada' : undefined, JSON.stringify(since))
  }
})

test('two who revoke each other are both revoked', async () => {
  const { made, ada, eve, first, early } = await scene()
  const forked = await made.copy()
  await ada.revoke(early.wid)
  const { action } = await planRevocation(await made.open(forked), first.wid, {}, undefined)
  const record = await eve.record(action, forked)
  await made.store.put(record.objectName, [await forked.get(record.objectName)])
  const revoked = await (await made.open()).trust.revoked()
  assert.deepEqual([...revoked.keys()].toSorted(), [first.wid, early.wid].toSorted())
})

test('a check names what does not count, and calls none of it damage', async () => {
  const { made, ada, eve, early } = await scene()
  const forked = await made.copy()
  await ada.revoke(early.wid)
  const late = await eve.backup(forked)
  // Nothing of what it refers to is there.
  await made.store.put(late.objectName, [await forked.get(late.objectName)])
  const keys = (await forked.list('skeys/')).objects.map(({ name }) => name)
  for (const name of keys) await made.store.put(name, [await forked.get(name)])
  const result = await checkRepository({ repo: await made.open(), depth: 'structure', rng: seededRng(1), threads: 0 })
  assert.deepEqual(result.damages, [])
  assert.deepEqual(
    result.revoked.map(({ objectName }) => objectName),
    [late.objectName],
  )
  assert.equal(result.counts.snapshots, 2)
})

test('with what it remembers a machine reads no record twice, and none of those who may not revoke', async () => {
  const { made, ada, eve, early } = await scene()
  for (let i = 0; i < 20; i++) await ada.record({ kind: 'note', text: `${i}` })
  await ada.revoke(early.wid)
  const [remembering, forgetful] = [memoryState(), memoryState()]
  const gets = async (state = remembering): Promise<{ log: number; all: number }> => {
    const store = new CountingStore(made.store)
    const repo = await made.open(store)
    const before = store.counts.gets + store.counts.lists
    repo.trust.remember(state)
    assert.deepEqual([...(await repo.trust.revoked()).keys()], [early.wid])
    return { log: store.counts.lists, all: store.counts.gets + store.counts.lists - before }
  }
  assert.ok((await gets(forgetful)).all > 20)
  await gets()
  assert.equal((await gets()).all, 1, 'one list of the log')
  await ada.record({ kind: 'note', text: 'one more' })
  assert.ok((await gets()).all <= 3, 'the new record, and the certificate of its writer')
  void eve
})

/** What a machine that has read the log knows of a store that hides something. */
async function revokedOn(made: HistoryScene, machine: Machine, store: Store): Promise<number> {
  const repo = await made.open(store)
  repo.trust.remember(machine.state)
  return (await repo.trust.revoked()).size
}

test('a store that hides the revocation is refused by who has read it, and what was revoked stays so', async () => {
  const { made, ada, eve, early } = await scene()
  const bob = made.machine('bob')
  const record = await ada.revoke(early.wid)
  await bob.look()
  await revokedOn(made, bob, made.store)
  const hiding = new HidingStore(made.store, (name) => name === record.objectName)
  await assert.rejects(bob.look({ store: hiding }), { code: 'rolled-back' })
  await bob.look({ store: hiding, accept: true })
  assert.equal(await revokedOn(made, bob, hiding), 1)
  // Who has never seen it takes what he is shown.
  assert.equal(await revokedOn(made, made.machine('new'), hiding), 0)
  void eve
})

test('a record that is hidden before others is named, and a log that cannot be listed is an error', async () => {
  const { made, ada, early } = await scene()
  const record = await ada.revoke(early.wid)
  await ada.record({ kind: 'note', text: 'after it' })
  const hiding = new HidingStore(made.store, (name) => name === record.objectName)
  const repo = await made.open(hiding)
  repo.trust.remember(memoryState())
  assert.equal((await repo.trust.revoked()).size, 0)
  assert.deepEqual(
    repo.trust.problems.map(({ message }) => message.replace(/:.*/, '')),
    ['record 1 of this writer is missing'],
  )
  const failing = await made.open()
  failing.store.list = async () => Promise.reject(new BackupError('unreachable', 'no answer', 'memory:'))
  await assert.rejects(failing.trust.revoked(), { code: 'unreachable' })
})

test('a record that cannot be read yet is read once it can', async () => {
  const { made, ada, early } = await scene()
  const record = await ada.revoke(early.wid)
  await ada.record({ kind: 'note', text: 'after it' })
  const bytes = await made.store.get(record.objectName)
  await made.store.delete(record.objectName)
  await made.store.put(record.objectName, [bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte))])
  const bob = made.machine('bob')
  assert.equal(await revokedOn(made, bob, made.store), 0)
  await made.store.delete(record.objectName)
  await made.store.put(record.objectName, [bytes])
  assert.equal(await revokedOn(made, bob, made.store), 1)
})
