// Restoring real trees: into nothing, over something, in part, with and without classes of attributes.
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RestoreReader } from '../../src/ops/restore/reader.ts'
import { requireCommand, withLoopFs } from '../support/requirements.ts'
import { scene, small } from '../support/restore-scene.ts'
import { backedUp, restored, troublesOf } from '../support/restoring.ts'
import { describeTree, differences } from '../support/system-oracle.ts'
import { system } from '../support/system.ts'
import { buildTortureTree } from '../support/torture-tree.ts'

/** What tells whether anything was touched: inode and time of the last change of everything. */
function touched(folder: string): string {
  return system(folder, 'find', '.', '-printf', '%P %i %C@\\n').split('\n').sort().join('\n')
}

const TOOLS = ['getfattr', 'getfacl', 'getcap', 'lsattr', 'xfs_io', 'mknod']

test('everything comes back, with threads and without, and a second time nothing is touched', async (t) => {
  if (!TOOLS.every((tool) => requireCommand(t, tool))) return
  await withLoopFs(t, 'ext4', 400, async (folder) => {
    const source = join(folder, 'source')
    mkdirSync(source)
    await buildTortureTree(source, { manyEntries: 2500 })
    const original = describeTree(source)
    const backed = await backedUp(source)
    for (const threads of [0, 2]) {
      const target = join(folder, `target-${threads}`)
      const first = await restored(backed, source, target, { threads })
      assert.deepEqual(troublesOf(first), [])
      assert.deepEqual(first.warnings, [])
      assert.deepEqual(differences(original, describeTree(target)).slice(0, 20), [])
      const before = touched(target).split('\n')
      const compare = threads === 0 ? ('content' as const) : ('attributes' as const)
      const second = await restored(backed, source, target, { threads, compare })
      assert.equal(second.partial, false)
      assert.equal(second.counts.files + second.counts.replaced + second.counts.attributes, 0)
      const after = new Set(touched(target).split('\n'))
      assert.deepEqual(before.filter((line) => !after.has(line)).slice(0, 5), [])
    }
  })
})

test('without a path each source is restored under its whole path, in folders that are as any new ones', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  const result = await restored({ repo, root }, '', target)
  assert.equal(readFileSync(join(target, source, 'a.txt'), 'utf8'), 'a')
  assert.equal(result.counts.directories, 3)
  assert.equal(statSync(join(target, source, '..')).mode & 0o777, 0o777 & ~process.umask())
})

test('the content of a directory goes straight into the target, a file keeps its name', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, join(source, 'sub'), target)
  assert.deepEqual(readdirSync(target).sort(), ['b.txt', 'deep', 'hard', 'link'])
  await restored({ repo, root }, join(source, 'a.txt'), join(target, 'new', 'folders'))
  assert.deepEqual(readdirSync(join(target, 'new', 'folders')), ['a.txt'])
  await assert.rejects(restored({ repo, root }, join(source, 'none'), target), { code: 'not-found' })
})

test('a target that was there keeps its own attributes, one that is made gets those of the directory', async (t) => {
  const { repo, root, source, target } = await scene(t, (folder) => {
    small(folder)
    chmodSync(join(folder, 'sub'), 0o751)
    utimesSync(join(folder, 'sub'), 1, 1)
  })
  mkdirSync(target, { mode: 0o700 })
  await restored({ repo, root }, join(source, 'sub'), target)
  assert.equal(statSync(target).mode & 0o777, 0o700)
  await restored({ repo, root }, join(source, 'sub'), join(target, 'made'))
  assert.equal(statSync(join(target, 'made')).mode & 0o777, 0o751)
  assert.equal(statSync(join(target, 'made')).mtimeMs, 1000)
})

// What is there, what the snapshot has, what has to be there afterwards.
const EXISTING: readonly [what: string, make: (path: string) => void, replaced: boolean][] = [
  ['a file of other content', (path) => writeFileSync(path, 'x'), true],
  ['a longer file', (path) => writeFileSync(path, 'x'.repeat(100_000)), true],
  ['a dangling symlink', (path) => symlinkSync('nowhere', path), true],
  ['a fifo', (path) => void system('/', 'mkfifo', path), true],
  ['an empty directory', (path) => mkdirSync(path), true],
  ['a directory with something in it', (path) => mkdirSync(join(path, 'in', 'it'), { recursive: true }), false],
]

for (const [what, make, replaced] of EXISTING) {
  for (const entry of ['file', 'symlink', 'hard link', 'fifo'] as const) {
    test(`${what} in the place of a ${entry} ${replaced ? 'makes room' : 'stays unless it is to be deleted'}`, async (t) => {
      const { repo, root, source, target } = await scene(t, (folder) => {
        writeFileSync(join(folder, 'a'), 'content')
        if (entry === 'file') writeFileSync(join(folder, 'b'), 'content')
        else if (entry === 'symlink') symlinkSync('a', join(folder, 'b'))
        else if (entry === 'hard link') linkSync(join(folder, 'a'), join(folder, 'b'))
        else system(folder, 'mkfifo', 'b')
      })
      mkdirSync(target)
      make(join(target, 'b'))
      const result = await restored({ repo, root }, source, target)
      assert.deepEqual(troublesOf(result), replaced ? [] : [`exists ${join(source, 'b')}`])
      if (!replaced) {
        assert.equal(existsSync(join(target, 'b', 'in', 'it')), true)
        assert.deepEqual(troublesOf(await restored({ repo, root }, source, target, { delete: true })), [])
      }
      assert.deepEqual(readdirSync(target).sort(), ['a', 'b'])
      const there = lstatSync(join(target, 'b'))
      if (entry === 'symlink') assert.equal(readlinkSync(join(target, 'b')), 'a')
      else if (entry === 'fifo') assert.equal(there.isFIFO(), true)
      else assert.equal(readFileSync(join(target, 'b'), 'utf8'), 'content')
      if (entry === 'hard link') assert.equal(there.ino, statSync(join(target, 'a')).ino)
    })
  }
}

test('attributes that differ are set without writing the file again', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  const file = join(target, 'sub', 'b.txt')
  chmodSync(file, 0o600)
  const { ino, mtimeMs } = statSync(file)
  const result = await restored({ repo, root }, source, target)
  assert.deepEqual([result.counts.attributes, result.counts.files], [1, 0])
  assert.deepEqual([statSync(file).ino, statSync(file).mtimeMs], [ino, mtimeMs])
  assert.equal(statSync(file).mode, statSync(join(source, 'sub', 'b.txt')).mode)
  assert.ok(result.items.includes(`changed ${join(source, 'sub/b.txt')}`))
})

test('hard links that were broken are made again', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  rmSync(join(target, 'sub', 'hard'))
  writeFileSync(join(target, 'sub', 'hard'), 'a')
  const result = await restored({ repo, root }, source, target)
  assert.equal(result.counts.hardLinks, 1)
  assert.equal(statSync(join(target, 'sub', 'hard')).ino, statSync(join(target, 'a.txt')).ino)
})

test('content that changed behind the same size and time is found when it is compared', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  const file = join(target, 'sub', 'b.txt')
  const { atime, mtime } = statSync(join(source, 'sub', 'b.txt'))
  writeFileSync(file, 'B'.repeat(5000))
  utimesSync(file, atime, mtime)
  system(target, 'touch', '-r', join(source, 'sub', 'b.txt'), file)
  assert.equal((await restored({ repo, root }, source, target)).counts.files, 0)
  const result = await restored({ repo, root }, source, target, { compare: 'content' })
  assert.equal(result.counts.files, 1)
  assert.equal(readFileSync(file, 'utf8'), 'b'.repeat(5000))
})

test('only what is not in the snapshot is deleted, only on request, and not what the filter leaves out', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  await restored({ repo, root }, source, target)
  mkdirSync(join(target, 'sub', 'more', 'deep'), { recursive: true })
  writeFileSync(join(target, 'sub', 'more', 'deep', 'x'), 'x')
  writeFileSync(join(target, 'extra.txt'), 'x')
  writeFileSync(join(target, 'extra.keep'), 'x')
  await restored({ repo, root }, source, target)
  assert.equal(existsSync(join(target, 'extra.txt')), true)
  const filter = (path: Uint8Array) => (Buffer.from(path).toString().endsWith('.keep') ? 'skip' : 'take')
  const dry = await restored({ repo, root }, source, target, { delete: true, dryRun: true, filter })
  assert.deepEqual(dry.items.filter((item) => item.startsWith('removed')).sort(), [
    `removed ${join(source, 'extra.txt')}`,
    `removed ${join(source, 'sub/more')}`,
    `removed ${join(source, 'sub/more/deep')}`,
    `removed ${join(source, 'sub/more/deep/x')}`,
  ])
  assert.equal(existsSync(join(target, 'extra.txt')), true)
  const result = await restored({ repo, root }, source, target, { delete: true, filter })
  assert.equal(result.counts.deleted, 4)
  assert.deepEqual(readdirSync(target).sort(), ['a.txt', 'extra.keep', 'sub'])
  assert.deepEqual(readdirSync(join(target, 'sub')).sort(), ['b.txt', 'deep', 'hard', 'link'])
})

test('deleting spares the repository when it lies in the target', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  mkdirSync(join(target, 'repository', 'format'), { recursive: true })
  const inside: RestoreReader = {
    id: repo.id,
    suite: repo.suite,
    store: { location: join(target, 'repository'), get: (name, range) => repo.store.get(name, range) },
    blobKeys: repo.blobKeys,
    sessionKeys: repo.sessionKeys,
    readNode: (ref, top) => repo.readNode(ref, top),
    resolveContent: (content) => repo.resolveContent(content),
    readBlob: (type, ref) => repo.readBlob(type, ref),
    locate: (type, ref) => repo.locate(type, ref),
  }
  const result = await restored({ repo: inside, root }, source, target, { delete: true })
  assert.deepEqual(troublesOf(result), [`refused ${join(source, 'repository')}`])
  assert.equal(existsSync(join(target, 'repository', 'format')), true)
})

test('a dry run changes nothing and tells what would be done', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  const missing = await restored({ repo, root }, source, target, { dryRun: true })
  assert.equal(existsSync(target), false)
  assert.deepEqual(
    [missing.counts.files, missing.counts.hardLinks, missing.counts.symlinks, missing.counts.directories],
    [3, 1, 1, 2],
  )
  await restored({ repo, root }, source, target)
  writeFileSync(join(target, 'a.txt'), 'changed')
  rmSync(join(target, 'sub', 'deep'), { recursive: true })
  const before = touched(target)
  const result = await restored({ repo, root }, source, target, { dryRun: true })
  assert.equal(touched(target), before)
  assert.deepEqual(result.items.filter((item) => item.startsWith('restored')).sort(), [
    `restored ${join(source, 'a.txt')}`,
    `restored ${join(source, 'sub/deep')}`,
    `restored ${join(source, 'sub/deep/c.txt')}`,
    `restored ${join(source, 'sub/hard')}`,
  ])
})

test('a filter takes, leaves out, and makes directories only for what is taken below them', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  const filter = (path: Uint8Array, isDirectory: boolean) => {
    if (isDirectory) return 'enter' as const
    return Buffer.from(path).toString().endsWith('b.txt') ? ('take' as const) : ('skip' as const)
  }
  const result = await restored({ repo, root }, source, target, { filter })
  assert.deepEqual(system(target, 'find', '.', '-mindepth', '1').trim().split('\n').sort(), ['./sub', './sub/b.txt'])
  assert.equal(result.partial, false)
  assert.equal(statSync(join(target, 'sub')).mtimeMs, statSync(join(source, 'sub')).mtimeMs)
})
