import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { sessionEndName, sessionName, snapshotName } from '../../format/names.ts'
import { memoryState } from '../local-state.ts'

const source = () => new ScriptedSource({ file: Buffer.from('content') })
const WID = 'ab'.repeat(16)
const idOf = (beginning: string) => beginning.padEnd(64, '0')

async function threeSnapshots() {
  const repository = await MemoryRepository.create()
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await repository.backup(source())).snapshot.id)
  return { repository, ids }
}

test('snapshots are listed from the oldest to the newest, each with the one before', async () => {
  const { repository, ids } = await threeSnapshots()
  const snapshots = await (await repository.open()).snapshots()
  assert.deepEqual(
    snapshots.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(
    snapshots.map(({ seq, previous }) => [seq, previous]),
    [
      [1, undefined],
      [2, ids[0]],
      [3, ids[1]],
    ],
  )
  assert.ok(snapshots.every(({ confirmed, storedSize }) => confirmed && storedSize > 0))
})

test('a snapshot is found by the word latest, by its id and by the first digits of it', async () => {
  const { repository, ids } = await threeSnapshots()
  const repo = await repository.open()
  assert.equal((await repo.findSnapshot('latest')).id, ids[2])
  for (const id of ids) {
    assert.equal((await repo.findSnapshot(id)).id, id)
    assert.equal((await repo.findSnapshot(id.slice(0, 12))).id, id)
  }
})

test('what fits no snapshot, several, or is no id at all is told apart', async () => {
  const repository = await MemoryRepository.create()
  const repo = await repository.open()
  await assert.rejects(repo.findSnapshot('latest'), { code: 'not-found' })
  for (const [seq, id] of [idOf('abcd1'), idOf('abcd2')].entries()) {
    await repository.store.put(snapshotName(WID, seq + 1, id), [Buffer.from('never opened')])
  }
  await assert.rejects(repo.findSnapshot('abcd'), { code: 'usage', message: /2 snapshots begin with this/ })
  await assert.rejects(repo.findSnapshot('abce'), { code: 'not-found' })
  for (const spec of ['abc', '', 'ABCD', 'latest ', 'xyz123', '../ab']) {
    await assert.rejects(repo.findSnapshot(spec), { code: 'usage' }, spec)
  }
})

test('a snapshot whose session neither ended nor is open is not confirmed', async () => {
  const { repository, ids } = await threeSnapshots()
  const [first, second] = await (await repository.open()).snapshots()
  await repository.store.delete(sessionName(first!.sid))
  await repository.store.delete(sessionEndName(first!.sid))
  await repository.store.delete(sessionEndName(second!.sid)) // still open, as far as anybody can see
  const confirmed = (await (await repository.open()).snapshots()).map((each) => each.confirmed)
  assert.deepEqual(confirmed, [false, true, true])
  assert.equal(ids.length, 3)
})

test('a snapshot that is not what its name says is damage', async () => {
  const { repository } = await threeSnapshots()
  const repo = await repository.open()
  const [first, second] = await repo.snapshots()
  const bytes = await repository.store.get(second!.objectName)
  for (const name of [snapshotName(WID, 2, second!.id), snapshotName(second!.wid, 7, second!.id)]) {
    await repository.store.put(name, [bytes])
    await assert.rejects((await repository.open()).snapshots(), { code: 'corrupt', subject: name })
    await repository.store.delete(name)
  }
  repository.store.damage(first!.objectName, Buffer.concat([bytes, Buffer.from('x')]))
  await assert.rejects((await repository.open()).snapshots(), { code: 'corrupt', subject: first!.objectName })
})

test('heads are the newest snapshots of all other writers', async () => {
  const { repository, ids } = await threeSnapshots()
  const own = (await (await repository.open()).snapshots())[0]!.wid
  repository.state = memoryState()
  const other = await repository.backup(source())
  assert.deepEqual(
    other.body.heads.map(({ wid, seq, hash }) => [
      Buffer.from(wid).toString('hex'),
      seq,
      Buffer.from(hash).toString('hex'),
    ]),
    [[own, 3, ids[2]]],
  )
})
