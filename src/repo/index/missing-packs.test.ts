import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { Passing } from '../../store/passing-store.ts'
import { codeOf, BackupError } from '../../base/errors.ts'
import { PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import type { ListPage, Store } from '../../store/store.ts'
import { missingPacks } from './missing-packs.ts'

const file = Buffer.alloc(300_000, 'x')
const tree = (more = {}) => new ScriptedSource({ folder: { file }, ...more })

async function names(store: Store, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of listAll(store, prefix)) found.push(name)
  return found
}

/** Puts half of the object in its place. */
async function cut(store: Store, name: string): Promise<void> {
  const bytes = await store.get(name)
  await store.delete(name)
  await store.put(name, [bytes.subarray(0, bytes.length / 2)])
}

/** Its lists of packs are of a time before there were any. */
class OldLists extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    const old = prefix === PREFIXES.data || prefix === PREFIXES.meta
    return old ? { objects: [], cursor: undefined } : super.list(prefix, cursor)
  }
}

class FailingLists extends Passing {
  override async list(prefix: string, cursor?: string): Promise<ListPage> {
    if (prefix === PREFIXES.meta) throw new BackupError('unreachable', 'listing', prefix)
    return super.list(prefix, cursor)
  }
}

const HARMS = { deleted: (store: Store, name: string) => store.delete(name), 'cut short': cut }

for (const [what, harm] of Object.entries(HARMS)) {
  for (const kind of ['data', 'meta'] as const) {
    for (const [how, opts] of [
      ['compares with the last one', {}],
      ['reads everything', { parent: null }],
    ] as const) {
      test(`a backup that ${how} stores again what was in a ${kind} pack that is ${what}, and can be read`, async () => {
        // Segments are read in order of their names, which are hashes: either may be the first.
        for (let round = 0; round < 4; round++) {
          const repository = await MemoryRepository.create()
          await repository.backup(tree())
          const [pack] = await names(repository.store, PREFIXES[kind])
          await harm(repository.store, pack!)
          const again = await repository.backup(tree(), opts)
          assert.deepEqual(
            repository.problems.map(({ type, code }) => [type, code]),
            [['warning', 'not-found']],
          )
          const { message } = repository.problems[0]!
          assert.ok(message.startsWith('1 pack that the index names is missing or not whole; '), message)
          assert.ok(message.endsWith(`(${pack})`), message)
          assert.ok(again.body.stats.newBlobs > 0)
          const entry = (await repository.entries(again)).get('/folder/file')!
          assert.ok(file.equals(await repository.content(entry)))
          const third = await repository.backup(tree())
          assert.equal(third.body.stats.newBlobs, 0, 'what was stored again is found')
          assert.equal(repository.problems.length, 2, 'it is told again')
        }
      })
    }
  }
}

test('of many packs that are missing the warning tells the number and the first names', async () => {
  const repository = await MemoryRepository.create()
  for (let i = 0; i < 3; i++) await repository.backup(tree({ [`file ${i}`]: Buffer.alloc(5000, `${i}`) }))
  const packs = [...(await names(repository.store, PREFIXES.data)), ...(await names(repository.store, PREFIXES.meta))]
  assert.equal(packs.length, 6)
  for (const name of packs) await repository.store.delete(name)
  await repository.backup(tree())
  const { message } = repository.problems[0]!
  assert.match(
    message,
    /^6 packs that the index names are missing .* \(data\/[^,]*, data\/[^,]*, data\/[^,]*, 3 more\)$/,
  )
})

test('a pack that a list does not show is not taken for missing when the store has it', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const again = await repository.backup(tree(), { repo: await repository.open(new OldLists(repository.store)) })
  assert.equal(again.body.stats.newBlobs, 0)
  assert.deepEqual(repository.problems, [])
})

test('a backup that cannot list the packs ends with that error and makes no snapshot', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const repo = await repository.open(new FailingLists(repository.store))
  await assert.rejects(repository.backup(tree(), { repo }), (error) => codeOf(error) === 'unreachable')
  assert.equal((await names(repository.store, PREFIXES.snapshots)).length, 1)
})

test('few packs are asked for one by one, many are listed', async () => {
  const repository = await MemoryRepository.create()
  await repository.backup(tree())
  const repo = await repository.open()
  await repo.loadIndex()
  const { packs } = repo.index
  const lists: string[] = []
  const store = new (class extends Passing {
    override list(prefix: string, cursor?: string): Promise<ListPage> {
      lists.push(prefix)
      return super.list(prefix, cursor)
    }
  })(repository.store)
  assert.deepEqual(await missingPacks(store, packs), [])
  assert.deepEqual(lists, [])
  const many = Array.from({ length: 100 }, (_, i) => packs[i % packs.length]!)
  const gone = { ...packs[0]!, objectName: `${packs[0]!.objectName.slice(0, -4)}0000` }
  assert.deepEqual(await missingPacks(store, [...many, gone]), [gone])
  assert.deepEqual(lists, [PREFIXES.data, PREFIXES.meta])
})
