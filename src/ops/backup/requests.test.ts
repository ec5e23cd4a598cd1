import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { ScriptedSource } from '../../../test/support/scripted-source.ts'
import { CountingStore } from '../../store/counting-store.ts'

const FOLDERS = 12

/** Folders of which the first ones were changed, each in a version of its own. */
function tree(changed: number): ScriptedSource {
  const folders = Array.from({ length: FOLDERS }, (_, i) => {
    const file = Buffer.from(`file ${i}, ${i < changed ? 'newer' : 'old'}`)
    return [`folder ${i}`, { file }] as const
  })
  return new ScriptedSource(Object.fromEntries(folders))
}

test('an earlier backup costs a later one three requests: its segment, its keys once, and the nodes that are left of it', async () => {
  const repository = await MemoryRepository.create()
  const gets: number[] = []
  const lists: number[] = []
  for (let changed = 0; changed < FOLDERS; changed++) {
    await repository.backup(tree(changed))
    const counting = new CountingStore(repository.store)
    await repository.backup(tree(changed), { repo: await repository.open(counting) })
    gets.push(counting.counts.gets)
    lists.push(counting.counts.lists)
  }
  const growth = gets.slice(2).map((count, i) => count - gets[i + 1]!)
  // A version is backed up twice here. The second time nothing is new, so that there are no segment and no nodes, and the keys
  // are not looked at.
  assert.deepEqual(new Set(growth), new Set([3]))
  assert.equal(new Set(lists).size, 1, 'lists do not become more')
})
