import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'

const file = Buffer.alloc(300_000, 'x')
const tree = () => new ScriptedSource({ folder: { file } })

async function only(repository: MemoryRepository, prefix: string): Promise<string> {
  const names: string[] = []
  for await (const { name } of listAll(repository.store, prefix)) names.push(name)
  assert.equal(names.length, 1)
  return names[0]!
}

/** As long as it was, with one bit turned at each of these places. */
function turned(bytes: Uint8Array, ...places: readonly number[]): Uint8Array {
  const copy = bytes.slice()
  for (const at of places) copy[at]! ^= 1
  return copy
}

const HARMS: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  'is half as long': (bytes) => bytes.slice(0, bytes.length / 2),
  'has other bits in a secret': (bytes) => turned(bytes, 300),
  'has another signature': (bytes) => turned(bytes, bytes.length - 1),
  'is empty': () => new Uint8Array(),
  'is zeros': (bytes) => new Uint8Array(bytes.length),
}

for (const [what, harm] of Object.entries(HARMS)) {
  for (const [how, opts] of [
    ['compares with the last one', {}],
    ['reads everything', { parent: null }],
  ] as const) {
    test(`a backup that ${how} stores again what a session sealed whose key object ${what}`, async () => {
      const repository = await MemoryRepository.create()
      await repository.backup(tree())
      const keys = await only(repository, PREFIXES.sessionKeys)
      repository.store.damage(keys, harm(await repository.store.get(keys)))
      const again = await repository.backup(tree(), opts)
      const told = repository.problems.map(({ message }) => message)
      assert.ok(
        told.some((message) => message.startsWith('2 packs cannot be opened, because the keys of the session')),
        told.join('\n'),
      )
      const entry = (await repository.entries(again)).get('/folder/file')!
      assert.ok(file.equals(await repository.content(entry)))
      const third = await repository.backup(tree())
      assert.equal(third.body.stats.newBlobs, 0, 'what was stored again is found')
    })
  }
}

test('the keys of another session are none', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const first = await only(repository, PREFIXES.sessionKeys)
  const other = await MemoryRepository.create()
  await other.backup(tree())
  repository.store.damage(first, await other.store.get(await only(other, PREFIXES.sessionKeys)))
  await repository.backup(tree())
  assert.ok(repository.problems.some(({ message }) => message.startsWith('2 packs cannot be opened')))
})

test('packs that no segment names are not indexed again when nobody can open them', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const keys = await only(repository, PREFIXES.sessionKeys)
  await repository.backup(new ScriptedSource({ folder: { file, other: Buffer.alloc(9000, 'y') } }))
  for await (const { name } of listAll(repository.store, PREFIXES.index)) await repository.store.delete(name)
  repository.store.damage(keys, turned(await repository.store.get(keys), 200))
  const last = await repository.backup(tree())
  const entry = (await repository.entries(last)).get('/folder/file')!
  assert.ok(file.equals(await repository.content(entry)))
})

test('a key object that reads wrongly once makes nothing look lost', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const keys = await only(repository, PREFIXES.sessionKeys)
  const { store } = repository
  const get = store.get.bind(store)
  let wrong = 1
  store.get = async (name, range) => {
    const bytes = await get(name, range)
    return name === keys && wrong-- > 0 ? turned(bytes, 300) : bytes
  }
  const again = await repository.backup(tree(), { parent: null })
  assert.equal(wrong < 1, true)
  assert.equal(again.body.stats.newBlobs, 0)
  assert.deepEqual(repository.problems, [])
})
