import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { fileStat, foundAt, ScriptedSource } from '../../../test/support/scripted-source.ts'
import type { Entry, Subtree } from '../../format/entry-model.ts'
import type { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import { ParentDirectory } from './parent-tree.ts'
import { DirectoryFrame, Turns } from './tree-assembly.ts'

const entry = (name: string): Entry => ({
  name: Buffer.from(name),
  kind: 'fifo',
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: { sec: 0, nsec: 0 },
  ino: 1n,
})

function frameOf(opts: { root?: boolean; parent?: ParentDirectory } = {}) {
  const built: string[][] = []
  const done: Subtree[] = []
  const subtree = { ref: new Uint8Array(32).fill(1), entries: 0, bytes: 0 }
  const directory = (entries: readonly Entry[]): Subtree => {
    built.push(entries.map(({ name }) => Buffer.from(name).toString()))
    return subtree
  }
  const builder = { directory } as unknown as TreeBuilder
  const frame = new DirectoryFrame({ builder, turns: new Turns(), done: (ready) => done.push(ready), ...opts })
  return { frame, built, done }
}

test('a directory is built when the walk has left it and every entry is settled, in whatever order', () => {
  const { frame, built, done } = frameOf()
  frame.add(entry('a'))
  const b = frame.reserve()
  const c = frame.reserve()
  frame.add(entry('d'))
  c.settle(entry('c'))
  frame.close()
  assert.equal(done.length, 0)
  b.settle(entry('b'))
  assert.deepEqual(built, [['a', 'b', 'c', 'd']])
  assert.equal(done.length, 1)
})

test('an entry that vanished is left out, and none is settled twice', () => {
  const { frame, built } = frameOf()
  const a = frame.reserve()
  frame.add(entry('b'))
  a.settle(undefined)
  assert.throws(() => a.settle(entry('a')), /settled once/)
  frame.close()
  assert.deepEqual(built, [['b']])
})

test('a directory in which all is the parent’s is not built again', () => {
  const subtree = { ref: new Uint8Array(32).fill(2), entries: 2, bytes: 0 }
  const parent = new ParentDirectory(subtree, [entry('a'), entry('b')])
  const same = frameOf({ parent })
  same.frame.add(entry('a'), true)
  const b = same.frame.reserve()
  same.frame.close()
  b.settle(entry('b'), true)
  assert.deepEqual(same.built, [])
  assert.deepEqual(same.done, [parent.subtree])
  // One that is missing, new or changed makes another directory.
  for (const names of [['a'], ['a', 'b', 'c'], ['a', 'c']]) {
    const other = frameOf({ parent })
    for (const name of names) other.frame.add(entry(name), name !== 'c')
    other.frame.close()
    assert.deepEqual(other.built, [names])
  }
})

test('sources are in order of their names, however they were given', () => {
  const { frame, built } = frameOf({ root: true })
  frame.add(entry('/b'))
  frame.add(entry('/a'))
  frame.close()
  assert.deepEqual(built, [['/a', '/b']])
})

test('folders nested as deep as paths go are completed from the bottom up', async () => {
  const repository = await MemoryRepository.create()
  const depth = 10_000
  const source = new DeepSource(depth)
  const result = await repository.backup(source)
  assert.equal(result.body.stats.directories, depth)
  assert.equal(result.body.stats.files, 1)
})

/** Folders in one another with a file at the bottom, which is settled when the walk has left all of them. */
class DeepSource extends ScriptedSource {
  readonly #depth: number

  constructor(depth: number) {
    super({})
    this.#depth = depth
  }

  override async walk(...[scan]: Parameters<ScriptedSource['walk']>): Promise<void> {
    const folder = fileStat({ kind: 'directory' })
    for (let i = 0; i < this.#depth; i++) {
      await scan.enter(foundAt('/source', folder, i === 0 ? '/source' : 'd'), () => ({}))
    }
    const stat = this.plant('/source/file', { content: Buffer.alloc(1000, 'x') })
    await scan.file(foundAt('/source/file', stat), () => ({}))
    for (let i = 0; i < this.#depth; i++) scan.leave(true)
  }
}
