// The audit against writers whose keys are in the wrong hands, and for those who may do little.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { secureRandom } from '../../src/base/random.ts'
import { newSigningSeed, signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeLogRecord, logNameOf } from '../../src/format/log-record.ts'
import { writerName } from '../../src/format/names.ts'
import { writerIdOf } from '../../src/format/signed-object.ts'
import { encodeWriterCertificate } from '../../src/format/writer-cert.ts'
import { auditHistory } from '../../src/ops/audit.ts'
import { appendRecord } from '../../src/repo/history/log-append.ts'
import { Repository } from '../../src/repo/repository.ts'
import { restrictBundle } from '../../src/repo/roles.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import { assertFound, audit, checkpointOf, digested, usualHistory } from '../support/audited-history.ts'
import { DAY, HidingStore, HistoryScene, MINUTE, placeOf } from '../support/history-scene.ts'

test('a writer that forks its own chain is found, whichever side shows', async () => {
  const { scene, ada, bob } = await usualHistory()
  const elsewhere = await scene.copy()
  const checkpointed = await ada.backup()
  await bob.backup() // has seen it
  const checkpoint = await checkpointOf(scene)
  const rival = await ada.backup(elsewhere)
  await scene.store.put(rival.objectName, [await elsewhere.get(rival.objectName)])
  const both = await audit(scene)
  assertFound(both, /^forked .*a second snapshot 4 of ada .* beside/)
  await scene.store.delete(checkpointed.objectName)
  const replaced = await audit(scene, { checkpoint })
  assertFound(
    replaced,
    new RegExp(`^forked ${rival.objectName}: snapshot 4 of bob .* names another snapshot 4 of ada`),
    new RegExp(`^forked ${rival.objectName}: the checkpoint of .* names another snapshot 4 of ada`),
  )
})

test('a writer that back-dates is found: against itself, what it saw, and the clock of the store', async () => {
  const { scene, ada, cyd } = await usualHistory()
  ada.clockError = -10 * DAY
  const old = await ada.backup()
  assertFound(
    await audit(scene),
    new RegExp(`^back-dated ${old.objectName}: snapshot 4 of ada .* before the one it follows`),
    new RegExp(`^back-dated ${old.objectName}: .* has seen snapshot 3 of bob .*: one of the two clocks is wrong`),
    new RegExp(`^back-dated ${old.objectName}: .*; the store received it on 2026-05-`),
  )
  cyd.clockError = 400 * DAY
  const future = await cyd.backup()
  assertFound(await audit(scene), new RegExp(`^back-dated ${future.objectName}: .* after the store received it`))
})

test('a copy of a store, whose times are all of one day, is not taken for back-dating', async () => {
  const { scene } = await usualHistory()
  const checkpoint = await digested(scene)
  scene.now += 30 * DAY
  const store = await scene.copy()
  const result = await audit(scene, { store, checkpoint })
  assert.deepEqual(result.told, [])
  assert.match(result.remarks.join(), /it is a copy, and its times were not compared/)
})

test('a writer that floods is found', async () => {
  const scene = await HistoryScene.create()
  const [ada, eve] = [scene.machine('ada'), scene.machine('eve')]
  await ada.backup()
  const repo = await scene.open()
  const writer = await writerIdentity(repo, { state: eve.state, clock: scene.clock, random: secureRandom, host: 'eve' })
  for (let at = 0; at < 300; at++) {
    await appendRecord(repo, { kind: 'note', text: String(at) }, { writer, clock: scene.clock, by: 'eve' })
    scene.now += MINUTE
  }
  const result = await audit(scene)
  assertFound(
    result,
    new RegExp(`^flood log/${toHex(writer.wid)}/: the store received 288 records of one writer within a day`),
  )
  assert.equal(result.findingCount, 1)
})

test('what an interrupted backup left is told from damage, unless somebody has seen it whole', async () => {
  const { scene, ada } = await usualHistory()
  const store = scene.store
  const last = await ada.backup()
  const checkpoint = await checkpointOf(scene)
  const bytes = await store.get(last.objectName)
  const sid = Buffer.from(bytes.subarray(80, 96)).toString('hex')
  await store.delete(`sess/${sid}.end`)
  await store.delete(last.objectName)
  await store.put(last.objectName, [bytes.subarray(0, 120)])
  const { told, writers } = await audit(scene)
  assert.deepEqual(told, [])
  assert.equal(writers.find(({ name }) => name === 'ada')!.snapshots!.gaps[0]!.reason, 'interrupted')
  assertFound(await audit(scene, { checkpoint }), new RegExp(`^damaged ${last.objectName}`))
})

test('a snapshot whose writer may not make any, and a record that has no effect, are told', async () => {
  const { scene, ada, made } = await usualHistory()
  const repo = await scene.open()
  const signer = signingKeyFromSeed(newSigningSeed(secureRandom))
  const time = { sec: Math.floor(scene.now / 1000), nsec: 0 }
  const cert = {
    publicKey: signer.publicKey,
    role: 'write',
    domainIds: [repo.domain.id],
    created: time,
    name: 'eve',
  } as const
  await scene.store.put(writerName(writerIdOf(signer.publicKey)), [
    encodeWriterCertificate(cert, { sealer: repo.indexSealer, signer: signingKeyFromSeed(repo.bundle.rootSeed!) }),
  ])
  const action = { kind: 'forget', snapshots: [placeOf(made.ada[1]!)] } as const
  const record = encodeLogRecord(
    { repoId: repo.id, seq: 1, previous: new Uint8Array(32) },
    { time, by: 'root', action, heads: [] },
    { sealer: repo.indexSealer, signer },
  )
  await scene.store.put(logNameOf(record), [record])
  await scene.store.delete(made.ada[1]!.objectName)
  assertFound(
    await audit(scene),
    /^not-permitted log\/.*a record of kind forget by eve .* role write does not permit it/,
    /^missing snap\/.*snapshot 2 of ada .* is missing/,
  )
  await ada.record({ kind: 'revoke', wid: writerIdOf(signer.publicKey), fromSeq: 1, snapshots: [], reason: 'stolen' })
  const { writers } = await audit(scene)
  assert.equal(writers.find(({ name }) => name === 'eve')!.revoked!.fromSeq, 1)
})

test('who has only a checkpoint and a read key can audit; with a key that makes backups less is compared, and said', async () => {
  const { scene, made } = await usualHistory()
  const checkpoint = await checkpointOf(scene)
  const hidden = new HidingStore(scene.store, (name) => name === made.cyd[2]!.objectName)
  const { store, description, descriptionNumber, bundle } = await scene.open(hidden)
  for (const role of ['read', 'maintain', 'write'] as const) {
    const lesser = restrictBundle(bundle, { role, random: secureRandom })
    const repo = new Repository({ store, description, descriptionNumber, bundle: lesser })
    const { findings, remarks } = await auditHistory({ repo, checkpoint })
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['missing'],
      role,
    )
    assert.equal(
      remarks.some((remark) => /had seen of others was not compared/.test(remark)),
      role === 'write',
    )
  }
})

test('a writer whose certificate is gone is told once for each object, and nothing of it is called missing', async () => {
  const { scene, made } = await usualHistory()
  await scene.store.delete(writerName(made.ada[0]!.wid))
  const { told } = await audit(scene)
  assert.equal(told.length, 3)
  for (const each of told) assert.match(each, /^forged snap\/.*the certificate of a writer is missing/)
})
