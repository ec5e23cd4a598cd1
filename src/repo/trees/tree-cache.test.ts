import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedBytes, fixedSealer } from '../../../test/support/format-keys.ts'
import { sampleSnapshotBody } from '../../../test/support/object-samples.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../crypto/hash.ts'
import { memoryState, type LocalState } from '../local-state.ts'
import { TreeCache } from './tree-cache.ts'

const HALF_A_PART = 512 * 1024

const snapshot = { id: toHex(fixedBytes('snapshot', 32)), body: sampleSnapshotBody() }

/** Local state that says what lies in it. */
function watchedState(): LocalState & { readonly written: string[]; readonly names: Set<string> } {
  const state = memoryState()
  const written: string[] = []
  const names = new Set<string>()
  return {
    ...state,
    written,
    names,
    write: async (name, bytes) => {
      written.push(name)
      names.add(name)
      await state.write(name, bytes)
    },
    remove: async (name) => {
      names.delete(name)
      await state.remove(name)
    },
  }
}

const open = (state: LocalState) => TreeCache.open({ state, prefix: 'x', sealer: fixedSealer() })

const node = (name: string, size: number) => ({ ref: hash(utf8(name)), bytes: fixedBytes(name, size) })

/** A backup that finds the nodes of `old` in the cache, and makes those of `made`. */
async function backup(state: LocalState, old: ReturnType<typeof node>[], made: ReturnType<typeof node>[]) {
  const cache = await open(state)
  for (const { ref, bytes } of old) assert.deepEqual(await cache.read(ref), bytes)
  for (const { ref, bytes } of made) cache.keep(ref, bytes)
  await cache.finish(snapshot)
}

test('a backup in which nothing has changed writes the head of the cache alone', async () => {
  const state = watchedState()
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => node(name, HALF_A_PART))
  await backup(state, [], nodes)
  assert.deepEqual(state.written.splice(0), ['x.tree.0', 'x.tree.1', 'x.tree.2', 'x.tree'])
  for (let i = 0; i < 3; i++) await backup(state, nodes, [])
  assert.deepEqual(state.written, ['x.tree', 'x.tree', 'x.tree'])
  await backup(state, nodes, [])
})

test('a part stays while half of it is in use, and what is left of it moves when it is less', async () => {
  const state = watchedState()
  const [a, b, c, d] = [node('a', HALF_A_PART), node('b', HALF_A_PART), node('c', 700_000), node('d', 400_000)]
  await backup(state, [], [a, b, c, d])
  assert.deepEqual([...state.names].sort(), ['x.tree', 'x.tree.0', 'x.tree.1'])
  await backup(state, [a, d], [])
  assert.deepEqual([...state.names].sort(), ['x.tree', 'x.tree.0', 'x.tree.2'])
  await backup(state, [a, d], [])
  const cache = await open(state)
  assert.equal(await cache.read(c.ref), undefined)
})

test('parts that are far from full become one when there are many', async () => {
  const state = watchedState()
  const nodes: ReturnType<typeof node>[] = []
  for (let i = 0; i < 30; i++) {
    const added = node(`n${i}`, 1_000)
    await backup(state, nodes, [added])
    nodes.push(added)
    assert.ok(state.names.size <= 12, [...state.names].join(' '))
  }
  await backup(state, nodes, [])
})

test('a node whose part is lost or damaged is not there, and the others are', async () => {
  const state = watchedState()
  const [a, b, c] = [node('a', 1024 * 1024), node('b', 1024 * 1024), node('c', 1024 * 1024)]
  await backup(state, [], [a, b, c])
  await state.remove('x.tree.0')
  const damaged = (await state.read('x.tree.1'))!.slice()
  damaged[1000]! ^= 1
  await state.write('x.tree.1', damaged)
  const cache = await open(state)
  assert.equal(await cache.read(a.ref), undefined)
  assert.equal(await cache.read(b.ref), undefined)
  assert.deepEqual(await cache.read(c.ref), c.bytes)
  for (const each of [a, b]) cache.keep(each.ref, each.bytes)
  await cache.finish(snapshot)
  await backup(state, [a, b, c], [])
})

test('a part is not taken for another one', async () => {
  const state = watchedState()
  const [a, b] = [node('a', 1024 * 1024), node('b', 1024 * 1024)]
  await backup(state, [], [a, b])
  await state.write('x.tree.0', (await state.read('x.tree.1'))!)
  assert.equal(await (await open(state)).read(a.ref), undefined)
})
