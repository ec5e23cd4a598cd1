// The audit with the real code, against stores that do what they should not. Each attack is found, and what is found names
// what is wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { hash } from '../../src/crypto/hash.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { descriptionName, snapshotName, writerName } from '../../src/format/names.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import type { Gap } from '../../src/ops/audit.ts'
import { acceptance, chainLosses } from '../../src/ops/repair/chain-losses.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { assertFound, audit, checkpointOf, digested, usualHistory } from '../support/audited-history.ts'
import { DAY, HidingStore, HistoryScene, placeOf } from '../support/history-scene.ts'

test('an honest history has no findings: with records, gaps that they explain, and checkpoints of any moment', async () => {
  const { scene, ada, bob, made } = await usualHistory()
  const early = await checkpointOf(scene)
  const earlyDigest = await digested(scene)
  await ada.record({ kind: 'note', text: 'hello' })
  await bob.forget([placeOf(made.ada[0]!), placeOf(made.ada[1]!)], 'too old')
  await bob.forget([placeOf(made.bob[2]!)])
  scene.now += DAY
  await bob.backup()
  for (const checkpoint of [early, earlyDigest, await checkpointOf(scene), await digested(scene), undefined]) {
    const result = await audit(scene, checkpoint === undefined ? {} : { checkpoint })
    assert.deepEqual(result.told, [])
    assert.equal(result.findingCount, 0)
  }
  const { writers } = await audit(scene)
  const of = (name: string) => writers.find((writer) => writer.name === name)!.snapshots!
  const [gap] = of('ada').gaps
  assert.deepEqual([of('ada').first, of('ada').last, of('ada').count], [1, 3, 1])
  assert.deepEqual([gap!.from, gap!.to, gap!.reason], [1, 2, 'forgotten'])
  const { body } = gap!.record!
  assert.equal(body.by, 'ada@bob')
  assert.deepEqual(body.action.kind === 'forget' && body.action.reason, 'too old')
  assert.deepEqual(of('bob').gaps, []) // its number was given again
})

test('a store that hides the newest snapshot of a writer is found by a checkpoint, and by who had seen it', async () => {
  const { scene, ada, made } = await usualHistory()
  const [checkpoint, digest] = [await checkpointOf(scene), await digested(scene)]
  await ada.look()
  const hidden = made.cyd[2]!.objectName // nobody came after it
  const store = new HidingStore(scene.store, (name) => name === hidden)
  assert.deepEqual((await audit(scene, { store })).told, [], 'without anything to hold against it, it is not known')
  assertFound(
    await audit(scene, { store, checkpoint }),
    /^missing snap\/.*: snapshot 3 of cyd .* is missing: no record says why; the checkpoint of 2026-05-.* has seen it/,
  )
  assertFound(
    await audit(scene, { store, checkpoint: digest }),
    /^missing .*it cannot be shown that the 3 chains had the heads/,
  )
  assertFound(
    await audit(scene, { store, machine: ada }),
    /^missing snap\/.*: snapshot 3 of cyd .*; this machine, on 2026-05-.* has seen it/,
  )
  const middle = made.bob[2]!.objectName // cyd came after it
  const other = new HidingStore(scene.store, (name) => name === middle)
  assertFound(await audit(scene, { store: other }), /^missing .*snapshot 3 of bob .*; snapshot 3 of cyd .* has seen it/)
})

test('a store that hides one in the middle, or the first ones, is found by the chain', async () => {
  const { scene, made } = await usualHistory()
  const middle = new HidingStore(scene.store, (name) => name === made.ada[1]!.objectName)
  assertFound(await audit(scene, { store: middle }), /^missing .*snapshot 2 of ada .* is missing/)
  const { writers } = await audit(scene, { store: middle })
  const [{ lost, ...gap }, ...more] = writers.find(({ name }) => name === 'ada')!.snapshots!.gaps as [Gap, ...Gap[]]
  assert.deepEqual([gap, more], [{ from: 2, to: 2, reason: 'missing' }, []])
  const { id } = made.ada[1]!
  assert.deepEqual([lost!.known, lost!.inTrash, lost!.before!.seq, lost!.after!.seq], [[{ seq: 2, id }], [], 1, 3])
  const first = new HidingStore(scene.store, (name) => made.ada.slice(0, 2).some((each) => each.objectName === name))
  assertFound(await audit(scene, { store: first }), /^missing .*snapshots 1 to 2 of ada .* are missing/)
})

test('what is accepted as lost is no finding, with a hash or without one, and what comes back counts', async () => {
  const { scene, ada, bob } = await usualHistory()
  const hidden = [await ada.backup(), await ada.backup()]
  await ada.backup()
  const store = new HidingStore(scene.store, (name) => hidden.some(({ objectName }) => objectName === name))
  const losses = chainLosses(await audit(scene, { store }))
  // Of the first nothing that is still there speaks.
  assert.deepEqual(
    losses.map(({ seq, ids }) => [seq, ids]),
    [
      [4, []],
      [5, [hidden[1]!.id]],
    ],
  )
  const record = await bob.record(acceptance(losses, 'a bad disk'))
  const accepted = await audit(scene, { store })
  assert.deepEqual(accepted.told, [])
  const [gap, ...more] = accepted.writers.find(({ name }) => name === 'ada')!.snapshots!.gaps
  assert.deepEqual([gap!.from, gap!.to, gap!.reason, more], [4, 5, 'accepted', []])
  assert.equal(gap!.record!.objectName, record.objectName)
  const back = await audit(scene)
  assert.deepEqual([back.told, back.writers.find(({ name }) => name === 'ada')!.snapshots!.gaps], [[], []])
})

test('a hidden record is missing, and so is what it explained', async () => {
  const { scene, ada, bob, made } = await usualHistory()
  const record = await bob.forget([placeOf(made.ada[1]!)])
  await bob.record({ kind: 'note', text: 'after it' })
  await ada.record({ kind: 'note', text: 'has seen it' })
  const store = new HidingStore(scene.store, (name) => name === record.objectName)
  assertFound(
    await audit(scene, { store }),
    /^missing log\/.*record 1 of bob .* is missing/,
    /^missing snap\/.*snapshot 2 of ada .* is missing/,
  )
})

test('two clients that are shown different histories find out when they meet', async () => {
  const { scene, ada, bob } = await usualHistory()
  // From here on the store keeps two states: ada goes on in one, bob in the other.
  const forBob = await scene.copy()
  await ada.backup()
  await bob.backup(forBob)
  scene.now += DAY
  await ada.backup()
  const ofAda = await checkpointOf(scene)
  const bobsLast = await bob.backup(forBob)
  // Bob holds the checkpoint of ada against what he is shown.
  assertFound(await audit(scene, { store: forBob, checkpoint: ofAda }), /^missing .*of ada .*the checkpoint of/)
  // Or the store mixes both states, and what each had not been shown shows.
  for (const { name } of (await forBob.list('')).objects) await scene.store.put(name, [await forBob.get(name)])
  assertFound(
    await audit(scene),
    new RegExp(`^withheld ${bobsLast.objectName}: .* has not seen snapshot 4 of ada`),
    /it was not shown/,
  )
})

test('a replayed old description is found by a checkpoint and by a machine that used the newer one', async () => {
  const { scene, ada } = await usualHistory()
  const repo = await scene.open()
  await scene.store.put(descriptionName(2), [
    encodeRepoDescription(repo.description, signingKeyFromSeed(repo.bundle.rootSeed!)),
  ])
  await ada.look()
  const checkpoint = await checkpointOf(scene)
  const store = new HidingStore(scene.store, (name) => name === descriptionName(2))
  assertFound(
    await audit(scene, { store, checkpoint }),
    /^rolled-back format\/: format\/2 was in use .* format\/1 is now/,
  )
  assertFound(await audit(scene, { store, machine: ada }), /^rolled-back format\/: this machine has used description 2/)
})

test('objects of another repository that are mixed in are named', async () => {
  const { scene } = await usualHistory()
  const other = await HistoryScene.create()
  const eve = other.machine('eve')
  const [snapshot, record] = [await eve.backup(), await eve.record({ kind: 'note', text: 'x' })]
  for (const { objectName } of [snapshot, record])
    await scene.store.put(objectName, [await other.store.get(objectName)])
  assertFound(
    await audit(scene),
    new RegExp(`^forged ${snapshot.objectName}: .*another repository`),
    new RegExp(`^forged ${record.objectName}: .*another repository`),
  )
  const certificate = writerName(snapshot.wid)
  await scene.store.put(certificate, [await other.store.get(certificate)])
  assertFound(await audit(scene), new RegExp(`^forged ${certificate}: .*signature is not that`))
})

test('a whole other repository in the place of this one is found by the checkpoint', async () => {
  const { scene } = await usualHistory()
  const checkpoint = await checkpointOf(scene)
  const other = await HistoryScene.create()
  assertFound(await audit(other, { checkpoint }), /^other-repository .*the checkpoint is of another repository/)
})

test('snapshots under names of other places are named', async () => {
  const { scene, made } = await usualHistory()
  const [one, two] = [made.ada[0]!, made.ada[1]!]
  // Reordered: each under the number of the other.
  for (const [from, seq] of [
    [one, 2],
    [two, 1],
  ] as const) {
    await scene.store.put(snapshotName(from.wid, seq, from.id), [await scene.store.get(from.objectName)])
  }
  assertFound(await audit(scene), /^forged snap\/.*its number is not that of its name/)
  const swapped = new Passing(scene.store)
  swapped.get = async (name) =>
    scene.store.get(name === one.objectName ? two.objectName : name === two.objectName ? one.objectName : name)
  assertFound(await audit(scene, { store: swapped }), new RegExp(`^damaged ${one.objectName}`))
})

test('a snapshot that somebody without a key made up is named', async () => {
  const { scene, made } = await usualHistory()
  const { objectName, wid } = made.ada[2]!
  const bytes = await scene.store.get(objectName)
  bytes[bytes.length - 1]! ^= 1
  const forged = snapshotName(wid, 3, hash(bytes))
  await scene.store.put(forged, [bytes])
  assertFound(await audit(scene), new RegExp(`^forged ${forged}: .*signature`))
})

test('a store that does not answer is not a finding', async () => {
  const { scene } = await usualHistory()
  class Failing extends Passing {
    override async get(name: string, range?: { readonly offset: number; readonly length: number }) {
      if (name.startsWith('snap/')) throw new BackupError('unreachable', 'no answer', name)
      return super.get(name, range)
    }
  }
  await assert.rejects(audit(scene, { store: new Failing(scene.store) }), { code: 'unreachable' })
})

test('an object that cannot be read is told as that', async () => {
  const { scene, made } = await usualHistory()
  const bad = made.ada[1]!.objectName
  class Failing extends Passing {
    override async get(name: string, range?: { readonly offset: number; readonly length: number }) {
      if (name === bad) throw new BackupError('io', 'EIO: i/o error, read', name)
      return super.get(name, range)
    }
  }
  const { unreadable, told, writers } = await audit(scene, { store: new Failing(scene.store) })
  assert.deepEqual(told, [], 'it is not missing')
  assert.equal(writers.find(({ name }) => name === 'ada')!.snapshots!.gaps[0]!.reason, 'unreadable')
  assert.deepEqual(
    unreadable.map(({ object }) => object),
    [bad],
  )
})

test('names that anybody can put into a store open no gaps in the chains of others', async () => {
  const { scene, made } = await usualHistory()
  const { wid } = made.ada[0]!
  const junk = [snapshotName(wid, 9_999_999_999, 'ab'.repeat(32)), snapshotName(wid, 77, 'cd'.repeat(32))]
  for (const name of junk) await scene.store.put(name, [Buffer.from('junk')])
  const { told, writers } = await audit(scene)
  assert.deepEqual(
    told.map((each) => each.split(':')[0]),
    junk.toSorted().map((name) => `damaged ${name}`),
  )
  assert.deepEqual(writers.find(({ name }) => name === 'ada')!.snapshots!.gaps, [])
})
