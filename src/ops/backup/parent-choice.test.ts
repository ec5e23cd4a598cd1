import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { memoryState } from '../../repo/local-state.ts'
import type { Store } from '../../store/store.ts'

const source = () => new ScriptedSource({ file: Buffer.alloc(5000, 'x'), folder: { other: Buffer.from('y') } })

test('the newest own snapshot of the same sources is the parent', async () => {
  const repository = await MemoryRepository.create()
  assert.equal((await repository.backup(source())).parent, undefined)
  const second = await repository.backup(source())
  const elsewhere = Object.assign(source(), { paths: [Buffer.from('/source'), Buffer.from('/elsewhere')] })
  await repository.backup(elsewhere)
  const third = await repository.backup(source())
  assert.equal(third.parent?.id, second.snapshot.id)
  assert.equal(third.body.stats.unchangedFiles, 2)
  assert.equal((await repository.backup(source(), { parent: null })).parent, undefined)
  assert.equal((await repository.backup(source(), { host: 'another' })).parent, undefined)
})

test('a machine that lost its state finds its own snapshots under another writer', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(source())
  repository.state = memoryState()
  const again = await repository.backup(source())
  assert.equal(again.snapshot.seq, 1)
  assert.equal(again.body.stats.unchangedFiles, 2)
})

test('a damaged snapshot is passed over with a warning, whoever made it', async () => {
  const repository = await MemoryRepository.create()
  const first = await repository.backup(source())
  const second = await repository.backup(source())
  repository.store.damage(second.snapshot.objectName, Buffer.from('not a snapshot'))
  const third = await repository.backup(source())
  assert.equal(third.parent?.id, first.snapshot.id)
  assert.equal(third.body.stats.unchangedFiles, 2)
  assert.equal(repository.problems.length, 1)
  assert.match(repository.problems[0]!.message, /a snapshot could not be read.*snap\//)
  await assert.rejects(repository.backup(source(), { parent: second.snapshot.id }), { code: 'corrupt' })
})

test('a store that does not answer is no reason to read everything again', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(source())
  const { store } = repository
  const failing: Store = {
    location: store.location,
    listLagMs: 0,
    put: (name, parts) => store.put(name, parts),
    get: async (name, range) => {
      if (name.startsWith('snap/')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return store.get(name, range)
    },
    stat: (name) => store.stat(name),
    keep: (name) => store.keep(name),
    list: (prefix, cursor) => store.list(prefix, cursor),
    delete: (name) => store.delete(name),
    close: () => store.close(),
  }
  await assert.rejects(repository.backup(source(), { repo: await repository.open(failing) }), { code: 'io' })
})
