import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { PREFIXES } from '../../format/names.ts'
import { Passing } from '../../store/passing-store.ts'

class Counting extends Passing {
  readonly gets: string[] = []

  override get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    this.gets.push(name)
    return super.get(name, range)
  }
}

test('both secrets of a session are had with one read of its keys, each once', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(new ScriptedSource({ file: Buffer.alloc(5000, 'x') }))
  const store = new Counting(repository.store)
  const repo = await repository.open(store)
  await repo.loadIndex()
  const { sessionKeys } = repo
  const [block] = [...repo.index.blocks()]
  const { sid } = block!
  const secrets = [
    await sessionKeys.secret(sid, 'meta'),
    await sessionKeys.secret(sid, 'data'),
    await sessionKeys.secret(sid, 'meta'),
  ]
  assert.deepEqual(secrets[0], secrets[2])
  assert.notDeepEqual(secrets[0], secrets[1])
  assert.equal(store.gets.filter((name) => name.startsWith(PREFIXES.sessionKeys)).length, 1)
})
