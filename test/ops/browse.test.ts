import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { displayText, utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { locate } from '../../src/ops/browse/tree-path.ts'
import { catFile, type ContentReader } from '../../src/ops/cat.ts'
import { diffSnapshots, type Change } from '../../src/ops/diff.ts'
import { findInSnapshots } from '../../src/ops/find.ts'
import { listTree } from '../../src/ops/ls.ts'
import { MemoryTrees, type TreeDescription } from '../support/memory-tree.ts'

before(initHashing)

const PHOTOS: TreeDescription = {
  '/srv/photos': { 'a.raw': 'A', sub: { 'b.raw': 'B', deeper: { 'c.raw': 'C' } }, z: 'Z' },
  '/etc': { fstab: 'proc', 'host-name': 'x' },
}

async function listing(trees: MemoryTrees, root: Uint8Array, path: string, recursive = false): Promise<string[]> {
  const paths: string[] = []
  await listTree({ reader: trees, root, path: utf8(path), recursive, onEntry: (at) => paths.push(displayText(at)) })
  return paths
}

const hasCode = (code: string) => (error: unknown) => error instanceof BackupError && error.code === code

test('a snapshot is listed by its sources, a folder by its entries, a file by itself', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot(PHOTOS)
  assert.deepEqual(await listing(trees, root, ''), ['/etc', '/srv/photos'])
  assert.deepEqual(await listing(trees, root, '/srv/photos/'), [
    '/srv/photos/a.raw',
    '/srv/photos/sub',
    '/srv/photos/z',
  ])
  assert.deepEqual(await listing(trees, root, '/srv//photos/./a.raw'), ['/srv/photos/a.raw'])
})

test('everything below is listed in the order of names, parents first', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot(PHOTOS)
  assert.deepEqual(await listing(trees, root, '/srv/photos/sub', true), [
    '/srv/photos/sub/b.raw',
    '/srv/photos/sub/deeper',
    '/srv/photos/sub/deeper/c.raw',
  ])
  assert.equal((await listing(trees, root, '', true)).length, 10)
})

test('a folder above the sources shows the sources in it', async () => {
  const trees = new MemoryTrees()
  assert.deepEqual(await listing(trees, trees.snapshot(PHOTOS), '/srv'), ['/srv/photos'])
})

test('a relative path is found below the source that has it', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot({ ...PHOTOS, '/home': { 'a.raw': 'other', only: { here: '1' } } })
  assert.deepEqual(await listing(trees, root, 'only'), ['/home/only/here'])
  await assert.rejects(listing(trees, root, 'a.raw'), hasCode('usage'), 'two sources have it')
})

test('a relative path may begin with the last name of a source', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot(PHOTOS)
  assert.deepEqual(await listing(trees, root, 'photos/sub'), ['/srv/photos/sub/b.raw', '/srv/photos/sub/deeper'])
  assert.deepEqual(await listing(trees, root, 'etc'), ['/etc/fstab', '/etc/host-name'])
  const nested = trees.snapshot({ '/srv/photos': { photos: { a: '1' }, a: '2' } })
  await assert.rejects(listing(trees, nested, 'photos'), hasCode('usage'), 'the source, or the folder in it?')
  assert.deepEqual(await listing(trees, nested, 'photos/photos'), ['/srv/photos/photos/a'])
})

test('a path in an inner source is found also when an outer source has the same folder', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot({ '/srv': { other: 'o', photos: { old: '1' } }, '/srv/photos': { new: '2' } })
  assert.deepEqual(await listing(trees, root, '/srv/photos'), ['/srv/photos/new'])
  assert.deepEqual(await listing(trees, root, '/srv/photos/old'), ['/srv/photos/old'])
})

test('the root folder can be a source', async () => {
  const trees = new MemoryTrees()
  assert.deepEqual(await listing(trees, trees.snapshot({ '/': { etc: { fstab: '1' } } }), '/etc'), ['/etc/fstab'])
})

test('a path that is not there, or goes up, is refused by name', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot(PHOTOS)
  for (const path of ['/srv/photos/nothing', '/srv/photos/a.raw/below', '/nowhere', 'nothing', '/srv/photos2', '/sr']) {
    await assert.rejects(locate(trees, root, utf8(path)), (error) => {
      return error instanceof BackupError && error.code === 'not-found' && error.subject === path
    })
  }
  await assert.rejects(locate(trees, root, utf8('/srv/photos/../../etc')), hasCode('usage'))
})

test('one name in a directory of thousands costs a node a level', async () => {
  const trees = new MemoryTrees(100)
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`f${at}`, String(at)]))
  const root = trees.snapshot({ '/big': many })
  trees.reads = 0
  const found = await locate(trees, root, utf8('/big/f4321'))
  assert(found.kind === 'entry' && displayText(found.entry.name) === 'f4321')
  assert.equal(trees.reads, 3)
})

async function changes(
  trees: MemoryTrees,
  from: Uint8Array,
  to: Uint8Array,
  path = '',
  metadata = true,
): Promise<string[]> {
  const marks: Record<Change, string> = { added: '+', removed: '-', content: 'M', metadata: 'U', type: 'T' }
  const lines: string[] = []
  await diffSnapshots({
    reader: trees,
    from: { root: from, path: utf8(path) },
    to: { root: to, path: utf8(path) },
    metadata,
    onChange: (change, at) => lines.push(`${marks[change]} ${displayText(at)}`),
  })
  return lines
}

test('differences are what was added, removed, changed, and what became something else', async () => {
  const trees = new MemoryTrees()
  const from = trees.snapshot({ '/s': { same: '1', edited: '1', gone: { x: '1' }, kind: '1', mode: '1' } })
  const to = trees.snapshot({
    '/s': {
      same: '1',
      edited: '2',
      new: { y: '1' },
      kind: { z: '1' },
      mode: { entry: { mode: 0o600, size: 1, content: { kind: 'inline', bytes: utf8('1') } } },
    },
  })
  assert.deepEqual(await changes(trees, from, to), [
    'M /s/edited',
    '- /s/gone',
    '- /s/gone/x',
    'T /s/kind',
    '+ /s/kind/z',
    'U /s/mode',
    '+ /s/new',
    '+ /s/new/y',
  ])
  assert.deepEqual(await changes(trees, from, from), [])
  assert.equal((await changes(trees, from, to, '', false)).includes('U /s/mode'), false)
})

test('differences of a folder, and of one file, are those alone', async () => {
  const trees = new MemoryTrees()
  const from = trees.snapshot({ '/s': { a: { f: '1' }, b: '1' } })
  const to = trees.snapshot({ '/s': { a: { f: '2' }, b: '2' } })
  assert.deepEqual(await changes(trees, from, to, '/s/a'), ['M /s/a/f'])
  assert.deepEqual(await changes(trees, from, to, '/s/b'), ['M /s/b'])
})

test('what did not change is not read', async () => {
  const trees = new MemoryTrees()
  const folder = (n: number) => Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`f${at}`, String(n)]))
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`d${at}`, folder(at)]))
  const from = trees.snapshot({ '/s': many })
  const to = trees.snapshot({ '/s': { ...many, d7: folder(99) } })
  trees.reads = 0
  assert.equal((await changes(trees, from, to)).length, 50)
  assert(trees.reads < 50, `${trees.reads} nodes`)
})

test('versions of a file are told apart, and snapshots with the same one are counted together', async () => {
  const trees = new MemoryTrees()
  const snapshots = ['1', '1', '2', '1'].map((text, at) => ({
    id: at,
    root: trees.snapshot({ '/s': { report: text, folder: { report: 'x' }, other: String(at) } }),
  }))
  const versions = await findInSnapshots({
    reader: trees,
    snapshots,
    rootOf: ({ root }) => root,
    matches: (path) => displayText(path).endsWith('/report'),
  })
  const found = versions.map(({ path, snapshots: held }) => [displayText(path), held.map(({ id }) => id)])
  assert.deepEqual(found, [
    ['/s/folder/report', [0, 1, 2, 3]],
    ['/s/report', [0, 1, 3]],
    ['/s/report', [2]],
  ])
})

test('looking through a second snapshot that is the same reads nothing', async () => {
  const trees = new MemoryTrees()
  const root = trees.snapshot(PHOTOS)
  const count = async (times: number) => {
    trees.reads = 0
    const snapshots = Array.from({ length: times }, () => root)
    await findInSnapshots({ reader: trees, snapshots, rootOf: (ref) => ref, matches: () => true })
    return trees.reads
  }
  assert.equal(await count(10), await count(1))
})

test('a snapshot with a damaged tree is passed over by a search and told', async () => {
  const trees = new MemoryTrees()
  const [good, bad] = [trees.snapshot({ '/s': { f: '1' } }), trees.snapshot({ '/s': { f: '2' } })]
  const reader = {
    readNode: (ref: Uint8Array, root?: boolean) => trees.readNode(ref === bad ? new Uint8Array(32) : ref, root),
  }
  const problems: string[] = []
  const options = { reader, snapshots: [bad, good], rootOf: (ref: Uint8Array) => ref, matches: () => true }
  const versions = await findInSnapshots({ ...options, onProblem: (_snapshot, { code }) => problems.push(code) })
  assert.deepEqual([versions.length, problems], [2, ['corrupt']])
  await assert.rejects(findInSnapshots(options), hasCode('corrupt'))
})

test('the content of a file comes in order with its holes, and of nothing else', async () => {
  const trees = new MemoryTrees()
  const [hello, world] = [utf8('hello '), utf8('xxworldxx')]
  const extents = [
    { length: 6, ref: new Uint8Array(32).fill(1) },
    { length: 300_000, fill: 'hole' as const },
    { length: 5, ref: new Uint8Array(32).fill(2), offset: 2 },
  ]
  const root = trees.snapshot({
    '/s': {
      f: { entry: { size: 300_011, content: { kind: 'extents', extents } } },
      empty: '',
      d: {},
      bad: { entry: { size: 1, trouble: [1] } },
    },
  })
  const reader: ContentReader = {
    readNode: (ref, isRoot) => trees.readNode(ref, isRoot),
    readBlob: async (_type, ref) => (ref[0] === 1 ? hello : world),
    async *resolveContent(content) {
      if (content.kind === 'extents') yield* content.extents
    },
  }
  const read = async (path: string) => {
    const pieces: Uint8Array[] = []
    for await (const piece of catFile(reader, root, utf8(path))) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  assert.deepEqual(await read('/s/f'), Buffer.concat([hello, Buffer.alloc(300_000), utf8('world')]))
  assert.equal((await read('/s/empty')).length, 0)
  await assert.rejects(read('/s/d'), hasCode('usage'))
  await assert.rejects(read('/s/bad'), hasCode('not-found'))
  await assert.rejects(read(''), hasCode('usage'))
})
