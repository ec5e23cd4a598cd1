import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { secureRandom } from '../../base/random.ts'
import { signingKeyFromSeed } from '../../crypto/signing.ts'
import { descriptionName, PREFIXES } from '../../format/names.ts'
import { encodeRepoDescription } from '../../format/repo-description.ts'
import { readDescriptions } from '../../repo/descriptions.ts'
import { memoryState } from '../../repo/local-state.ts'
import { listAll } from '../../store/store.ts'
import { likelyDescription } from './likely-description.ts'

/** A repository with a description of another one above its own. */
async function setUp() {
  const repository = await MemoryRepository.create()
  const { description } = await repository.open()
  const stranger = signingKeyFromSeed(secureRandom(32))
  const planted = encodeRepoDescription({ ...description, repoId: secureRandom(16) }, stranger)
  await repository.store.put(descriptionName(99), [planted])
  const likely = async () =>
    (await likelyDescription(repository.store, (await readDescriptions(repository.store)).found)).name
  return { repository, likely }
}

test('the description whose root key signed most certificates of writers is taken for the own one', async () => {
  const { repository, likely } = await setUp()
  assert.equal(await likely(), 'format/99', 'without writers it is the highest')
  for (let writers = 1; writers <= 2; writers++) {
    repository.state = memoryState()
    await repository.backup(new ScriptedSource({ file: Buffer.from('x') }))
    assert.equal(await likely(), 'format/1')
  }
  // One of the two cannot be read.
  const { store } = repository
  for await (const { name } of listAll(store, PREFIXES.writers)) {
    await store.delete(name)
    await store.put(name, [Buffer.from('damaged')])
    break
  }
  assert.equal(await likely(), 'format/1')
})
