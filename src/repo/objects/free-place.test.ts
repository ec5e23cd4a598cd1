import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { Passing } from '../../store/passing-store.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { systemClock } from '../../base/clock.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import { secureRandom } from '../../base/random.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { LIST_PAGE_MAX, listAll } from '../../store/store.ts'
import type { ListPage, Store } from '../../store/store.ts'
import { createRepository } from '../create-repository.ts'
import { isFreePlace } from './free-place.ts'

const create = (store: Store) =>
  createRepository(store, {
    credential: { kind: 'key-file', secret: secureRandom(32) },
    clock: systemClock,
    random: secureRandom,
    chunker: { min: 1024, average: 2048, max: 8192 },
  })

async function objects(store: Store): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of listAll(store, '')) names.push(name)
  return names
}

/** A repository in use, without what one of these prefixes begins. */
async function without(...prefixes: readonly string[]) {
  const repository = await MemoryRepository.create()
  await repository.backup(new ScriptedSource({ file: Buffer.alloc(5000, 'x') }))
  const { store } = repository
  for (const name of await objects(store))
    if (prefixes.some((prefix) => name.startsWith(prefix))) await store.delete(name)
  return repository
}

test('no repository is made in what is left of another one, and nobody is told that there is none', async () => {
  const all = new Set((await objects((await without()).store)).map((name) => name.slice(0, name.indexOf('/') + 1)))
  for (const left of all) {
    if (left === PREFIXES.format || left === PREFIXES.keys) continue
    const repository = await without(...[...all].filter((prefix) => prefix !== left))
    const before = await objects(repository.store)
    for (const attempt of [create(repository.store), repository.open()]) {
      await assert.rejects(attempt, (error: BackupError) => {
        assert.equal(error.code, 'corrupt')
        assert.ok(error.message.includes(before[0]!), error.message)
        return error.hint!.includes('holdfast repair')
      })
    }
    assert.deepEqual(await objects(repository.store), before)
  }
})

test('key slots alone are a creation that was cut off: the next one goes on', async () => {
  const { store } = await without(...Object.values(PREFIXES).filter((prefix) => prefix !== PREFIXES.keys))
  assert.deepEqual(
    (await objects(store)).map((name) => parseObjectName(name)?.kind),
    ['key-slot'],
  )
  await create(store)
  assert.equal(await isFreePlace(store), false)
})

test('a description counts wherever it is in the list', async () => {
  const { store } = await without()
  for (let i = 0; i < LIST_PAGE_MAX + 1; i++) await store.put(`format/0${i}`, [])
  await assert.rejects(create(store), { code: 'exists', message: /already/ })
})

test('objects of somebody else are named', async () => {
  for (const name of ['photos/a.jpg', 'format/1.txt']) {
    const store = new MemoryStore()
    await store.put(name, [])
    await assert.rejects(create(store), (error: BackupError) => error.code === 'exists' && error.message.includes(name))
    assert.deepEqual(await objects(store), [name])
  }
})

test('a list that fails is an error, never an empty place', async () => {
  for (const failing of [PREFIXES.format, '']) {
    const inner = new MemoryStore()
    const store = new (class extends Passing {
      override async list(prefix: string, cursor?: string): Promise<ListPage> {
        if (prefix === failing) throw new BackupError('unreachable', 'listing', prefix)
        return super.list(prefix, cursor)
      }
    })(inner)
    await assert.rejects(create(store), (error) => codeOf(error) === 'unreachable')
    assert.deepEqual(await objects(inner), [])
  }
})
