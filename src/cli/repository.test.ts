import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../base/clock.ts'
import { ScratchRepository } from '../../test/support/scratch-repository.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import type { Context } from './context.ts'
import { withOpenRepository, withStore } from './repository.ts'

async function contextFor(folder: string): Promise<Context> {
  const { location, keyFile } = await ScratchRepository.create(folder)
  const env = { HOME: folder }
  return {
    globals: { repo: location, keyFile },
    env,
    clock: systemClock,
    config: async () => ({}),
  } as unknown as Context
}

test('a command that only reads can neither store nor delete, whatever its mistakes', async (t) => {
  const context = await contextFor(tempFolder(t))
  await withOpenRepository(context, async ({ store }) => {
    const { name } = (await store.list('format/')).objects[0]!
    await assert.rejects(store.put('data/ab/cd', [new Uint8Array(1)]), { code: 'refused' })
    await assert.rejects(store.delete(name), { code: 'refused' })
    assert.ok((await store.get(name)).length > 0)
  })
})

test('one that changes keys can', async (t) => {
  const context = await contextFor(tempFolder(t))
  const put = await withStore(context, (store) => store.put('data/ab/cd', [new Uint8Array(1)]), 'write')
  assert.deepEqual(put, { created: true })
})
