// The maintenance log with the real code: chains of several writers, rights, damage.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError, reasonsOf } from '../../src/base/errors.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { secureRandom } from '../../src/base/random.ts'
import { newSigningSeed, signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeLogRecord, logNameOf } from '../../src/format/log-record.ts'
import type { LogAction } from '../../src/format/log-record.ts'
import { writerName } from '../../src/format/names.ts'
import { writerIdOf } from '../../src/format/signed-object.ts'
import { encodeWriterCertificate } from '../../src/format/writer-cert.ts'
import type { Role } from '../../src/format/bundle.ts'
import { mayLog, readLog } from '../../src/repo/history/log.ts'
import { keyOfPlace, LogFacts } from '../../src/repo/history/log-facts.ts'
import { HistoryScene, placeOf } from '../support/history-scene.ts'
import type { Repository } from '../../src/repo/repository.ts'

const note = (text: string): LogAction => ({ kind: 'note', text })

/** A writer of a role of its own, enrolled by the root key, that signs what it likes. */
async function enrolled(repo: Repository, role: Role) {
  const signer = signingKeyFromSeed(newSigningSeed(secureRandom))
  const wid = writerIdOf(signer.publicKey)
  const cert = {
    publicKey: signer.publicKey,
    role,
    domainIds: [repo.domain.id],
    created: timespecFromMs(0),
    name: role,
  }
  const root = signingKeyFromSeed(repo.bundle.rootSeed!)
  await repo.store.put(writerName(wid), [encodeWriterCertificate(cert, { sealer: repo.indexSealer, signer: root })])
  return {
    wid: toHex(wid),
    put: async (action: LogAction) => {
      const head = { repoId: repo.id, seq: 1, previous: new Uint8Array(32) }
      const body = { time: timespecFromMs(0), by: role, action, heads: [] }
      const bytes = encodeLogRecord(head, body, { sealer: repo.indexSealer, signer })
      await repo.store.put(logNameOf(bytes), [bytes])
    },
  }
}

test('each writer has a chain of records, and each record names the heads of the others', async () => {
  const scene = await HistoryScene.create()
  const [ada, bob] = [scene.machine('ada'), scene.machine('bob')]
  const first = await ada.record(note('one'))
  const second = await bob.record(note('two'))
  const third = await ada.record(note('three'))
  const { records, problems } = await readLog(await scene.open())
  assert.deepEqual(problems, [])
  const of = (wid: string) => records.filter((record) => record.wid === wid)
  assert.deepEqual(
    of(first.wid).map(({ seq, previous }) => [seq, previous]),
    [
      [1, undefined],
      [2, first.id],
    ],
  )
  assert.deepEqual(of(second.wid)[0]!.body.heads, [placeOf(first)])
  assert.deepEqual(of(first.wid)[1]!.body.heads, [placeOf(second)])
  assert.equal(of(first.wid)[1]!.body.by, 'ada@ada')
  assert.equal(third.seq, 2)
})

test('two records of one machine at once do not take the same place', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  await ada.record(note('first'))
  const texts = ['a', 'b', 'c', 'd']
  const added = await Promise.all(texts.map((text) => ada.record(note(text))))
  assert.deepEqual(
    added.map(({ seq }) => seq).toSorted((a, b) => a - b),
    [2, 3, 4, 5],
  )
})

test('a record counts only where the role of its writer permits it', async () => {
  const scene = await HistoryScene.create()
  const repo = await scene.open()
  const ada = scene.machine('ada')
  const snapshot = placeOf(await ada.backup())
  const laptop = await enrolled(repo, 'write')
  await laptop.put({ kind: 'forget', snapshots: [snapshot] })
  const reader = await enrolled(repo, 'read')
  await reader.put({ kind: 'revoke', wid: snapshot.wid, fromSeq: 1, snapshots: [] })
  const { records } = await readLog(repo)
  const facts = new LogFacts(records)
  assert.equal(facts.gone.size, 0)
  assert.equal(facts.revoked.size, 0)
  assert.deepEqual(facts.powerless.map(({ wid }) => wid).toSorted(), [laptop.wid, reader.wid].toSorted())

  await (await enrolled(repo, 'maintain')).put({ kind: 'forget', snapshots: [snapshot] })
  const again = new LogFacts((await readLog(await scene.open())).records)
  assert.ok(again.gone.has(keyOfPlace(toHex(snapshot.wid), 1, toHex(snapshot.hash))))
})

test('every kind of action has somebody who may do it, and notes are for all', () => {
  for (const kind of ['forget', 'revoke', 'attest', 'prune', 'note', 'accept', 'unknown'] as const) {
    assert.ok(mayLog('admin', kind), kind)
  }
  for (const kind of ['forget', 'revoke', 'attest', 'prune', 'accept'] as const) assert.ok(!mayLog('write', kind), kind)
  assert.ok(mayLog('write', 'note'))
})

test('a damaged record is named, and the others are read', async () => {
  const scene = await HistoryScene.create()
  const ada = scene.machine('ada')
  const [one, two] = [await ada.record(note('one')), await ada.record(note('two'))]
  const bytes = await scene.store.get(one.objectName)
  bytes[90]! ^= 1
  await scene.store.delete(one.objectName)
  await scene.store.put(one.objectName, [bytes])
  const { records, problems } = await readLog(await scene.open())
  assert.deepEqual(
    records.map(({ id }) => id),
    [two.id],
  )
  assert.deepEqual(
    problems.map(({ code, subject }) => [code, subject]),
    [['corrupt', one.objectName]],
  )
})

test('records of another repository, and of writers without a certificate, are refused', async () => {
  const scene = await HistoryScene.create()
  const other = await HistoryScene.create()
  const foreign = await other.machine('eve').record(note('hello'))
  await scene.store.put(foreign.objectName, [await other.store.get(foreign.objectName)])
  const { records, problems } = await readLog(await scene.open())
  assert.deepEqual([records.length, problems.length], [0, 1])
  assert.match(reasonsOf(problems[0]), /certificate of a writer is missing/)
  // With its certificate, which another root key signed.
  const certificate = writerName(foreign.wid)
  await scene.store.put(certificate, [await other.store.get(certificate)])
  assert.match(reasonsOf((await readLog(await scene.open())).problems[0]), /signature is not that/)
})

test('a record under the name of another place in its chain is refused', async () => {
  const scene = await HistoryScene.create()
  const record = await scene.machine('ada').record(note('one'))
  const moved = record.objectName.replace('0000000001', '0000000007')
  await scene.store.put(moved, [await scene.store.get(record.objectName)])
  const { problems } = await readLog(await scene.open())
  assert.deepEqual(
    problems.map(({ subject }) => subject),
    [moved],
  )
})

test('a log that cannot be listed is an error, not an empty one', async () => {
  const scene = await HistoryScene.create()
  await scene.machine('ada').record(note('one'))
  const repo = await scene.open()
  scene.store.list = async () => Promise.reject(new BackupError('unreachable', 'no answer', 'memory:'))
  await assert.rejects(readLog(repo), { code: 'unreachable' })
})
