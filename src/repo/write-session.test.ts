import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../test/support/scripted-source.ts'
import { BackupError } from '../base/errors.ts'
import type { Store } from '../store/store.ts'

/** Has no room for what says that a session has ended. */
function withoutEnds(store: Store): Store {
  return {
    location: store.location,
    listLagMs: 0,
    async put(name, parts) {
      if (name.endsWith('.end')) throw new BackupError('full', 'storing', name)
      return store.put(name, parts)
    },
    get: (name, range) => store.get(name, range),
    stat: (name) => store.stat(name),
    keep: (name) => store.keep(name),
    list: (prefix, cursor) => store.list(prefix, cursor),
    delete: (name) => store.delete(name),
    close: () => store.close(),
  }
}

const SOURCE = { file: Buffer.alloc(5000, 'x') }

test('a backup whose end cannot be noted has succeeded, with a warning that names what is missing', async () => {
  const repository = await MemoryRepository.create()
  const repo = await repository.open(withoutEnds(repository.store))
  const { snapshot, body } = await repository.backup(new ScriptedSource(SOURCE), { repo })
  assert.equal(body.partial, false)
  assert.deepEqual(
    repository.problems.map(({ type, code }) => ({ type, code })),
    [{ type: 'warning', code: 'full' }],
  )
  assert.match(
    repository.problems[0]!.message,
    /^the snapshot is complete; only this failed: .*, because storing: sess\/[0-9a-f]{32}\.end$/,
  )
  const [listed] = await (await repository.open()).snapshots()
  assert.deepEqual([listed?.id, listed?.confirmed], [snapshot.id, true])
})

test('a backup that is stopped says so also where its end cannot be noted', async () => {
  const repository = await MemoryRepository.create()
  const repo = await repository.open(withoutEnds(repository.store))
  const signal = AbortSignal.abort()
  await assert.rejects(repository.backup(new ScriptedSource(SOURCE), { repo, signal }), { code: 'interrupted' })
})
