import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { FsStore, openFsStore } from '../../src/store/fs-store.ts'
import { listAll, type Store } from '../../src/store/store.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { withLoopFs } from '../support/requirements.ts'
import { rejectsWith } from './store-contract.ts'

/** Most of it are inodes: about 20 MiB are left for objects. */
const LOOP_MIB = 64

test('a repository folder that vanished is unreachable, never empty', async (t) => {
  const { store, root } = await filled(t)
  rmSync(root, { recursive: true })
  await everythingIsUnreachable(store)
  assert.ok(!existsSync(root), 'nothing was made in its place')
})

test('an empty mount point where the repository was is unreachable, never empty', async (t) => {
  const { store, root } = await filled(t)
  renameSync(root, `${root}-elsewhere`)
  mkdirSync(root)
  await everythingIsUnreachable(store)
  assert.deepEqual(readdirSync(root), [], 'nothing was put below the mount point')
})

test('a repository folder that comes back is used again', async (t) => {
  const { store, root } = await filled(t)
  renameSync(root, `${root}-elsewhere`)
  await rejectsWith('unreachable', store.list(''))
  renameSync(`${root}-elsewhere`, root)
  assert.equal((await store.list('')).objects.length, 1)
})

test('a folder of the repository that is a link to a lost disk is an error, not an empty folder', async (t) => {
  const { store, root } = await filled(t)
  renameSync(join(root, 'data'), `${root}-disk`)
  symlinkSync(`${root}-disk`, join(root, 'data'))
  assert.equal((await store.list('')).objects.length, 1, 'a link to a folder is followed')
  rmSync(`${root}-disk`, { recursive: true })
  await rejectsWith('unreachable', store.list(''))
  for (const prefix of ['data', 'data/', 'data/ab/', 'data/ab/0']) await rejectsWith('unreachable', store.list(prefix))
  await rejectsWith('unreachable', store.stat('data/ab/01'))
  await rejectsWith('unreachable', store.get('data/ab/01'))
  await rejectsWith('unreachable', store.delete('data/ab/01'))
  await assert.rejects(store.put('data/ab/02', []), BackupError)
})

test('opening tells no repository, no folder and a folder of somebody else apart', async (t) => {
  const folder = tempFolder(t)
  await rejectsWith('not-found', openFsStore(join(folder, 'none'), { create: false }), join(folder, 'none'))
  await rejectsWith('not-found', openFsStore(folder, { create: false }), folder)
  writeFileSync(join(folder, 'file'), '')
  await rejectsWith('usage', openFsStore(join(folder, 'file'), { create: false }))
  await rejectsWith('usage', openFsStore(join(folder, 'file'), { create: true }))
  await rejectsWith('usage', openFsStore(join(folder, 'file/below'), { create: true }))
  await rejectsWith('exists', openFsStore(folder, { create: true }), folder)
  assert.deepEqual(readdirSync(folder), ['file'])
  mkdirSync(join(folder, 'fresh-disk/lost+found'), { recursive: true })
  for (const create of [true, true, false]) {
    const store = await openFsStore(join(folder, 'fresh-disk'), { create })
    assert.deepEqual((await store.list('')).objects, [])
  }
})

test('files that are no objects are told and do not disturb', async (t) => {
  const { root } = await filled(t)
  const skipped: string[] = []
  const store = await openFsStore(root, { create: false, onSkipped: (name) => skipped.push(name) })
  for (const name of ['README.txt', 'data/ab/.nfs0001', 'data/ab/UPPER', 'data/ab/a b', 'data/ab/-rf']) {
    writeFileSync(join(root, name), '')
  }
  mkdirSync(join(root, 'data/ab/a/b/c/d'), { recursive: true })
  mkdirSync(join(root, 'lost+found'))
  symlinkSync('/dev/null', join(root, 'data/ab/device'))
  assert.deepEqual(await names(store), ['data/ab/01'])
  assert.deepEqual(await names(store), ['data/ab/01'], 'and once is enough')
  assert.deepEqual(skipped.sort(), [
    'README.txt',
    'data/ab/-rf',
    'data/ab/.nfs0001',
    'data/ab/UPPER',
    'data/ab/a b',
    'data/ab/a/b/c',
    'data/ab/device',
    'lost+found',
  ])
})

test('a folder in the place of an object is no object and is not taken for one', async (t) => {
  const { store, root } = await filled(t)
  mkdirSync(join(root, 'data/ab/ff'))
  await rejectsWith('corrupt', store.put('data/ab/ff', [Buffer.from('x')]))
  await rejectsWith('not-found', store.get('data/ab/ff'))
  assert.equal(await store.delete('data/ab/ff'), false)
})

test('something else in the place of a folder is an error that names it, not an empty list', async (t) => {
  const { store, root } = await filled(t)
  writeFileSync(join(root, 'snap'), '')
  symlinkSync('/dev/null', join(root, 'meta'))
  for (const [prefix, path] of [
    ['snap/', 'snap'],
    ['snap/0123/', 'snap'],
    ['meta/', 'meta'],
  ] as const) {
    await rejectsWith('corrupt', store.list(prefix), join(root, path))
  }
  for (const name of ['meta', 'snap']) rmSync(join(root, name))
  assert.deepEqual((await store.list('snap/')).objects, [])
})

test('left-over temporary files go after a day; younger ones and those of others stay', async (t) => {
  const { root } = await filled(t)
  const long = new Date(Date.now() - 25 * 60 * 60 * 1000)
  for (const [name, old] of [
    ['0123456789abcdef-7', true],
    ['0123456789abcdef-8', false],
    ['somebody-else', true],
  ] as const) {
    writeFileSync(join(root, 'tmp', name), '')
    if (old) utimesSync(join(root, 'tmp', name), long, long)
  }
  await openFsStore(root, { create: false })
  assert.deepEqual(readdirSync(join(root, 'tmp')).sort(), ['0123456789abcdef-8', 'somebody-else'])
})

test('a folder that somebody removed because it was empty is made again', async (t) => {
  const { store, root } = await filled(t)
  await store.delete('data/ab/01')
  rmSync(join(root, 'data'), { recursive: true })
  rmSync(join(root, 'tmp'), { recursive: true })
  assert.deepEqual(await store.put('data/ab/02', [Buffer.from('x')]), { created: true })
  assert.deepEqual(await names(store), ['data/ab/02'])
})

test('only the owner can look into a repository and nobody can write to an object', async (t) => {
  const { root } = await filled(t)
  for (const folder of ['', 'data', 'data/ab', 'tmp', 'format']) {
    assert.equal(statSync(join(root, folder)).mode & 0o7777, 0o700, folder)
  }
  assert.equal(statSync(join(root, 'data/ab/01')).mode & 0o7777, 0o400)
})

// Root may write where it is not permitted: for root the next test stands alone.
const testAsUser = process.getuid?.() === 0 ? () => {} : test
void testAsUser('a read-only folder refuses with a hint and can be read', async (t: TestContext) => {
  const { store, root } = await filled(t)
  for (const folder of ['tmp', 'data/ab']) chmodSync(join(root, folder), 0o500)
  await refuses(store)
  for (const folder of ['tmp', 'data/ab']) chmodSync(join(root, folder), 0o700)
})

test('a file system that is mounted read-only refuses with a hint and can be read', (t) =>
  withLoopFs(t, 'ext4', LOOP_MIB, async (mountPoint) => {
    const root = join(mountPoint, 'repository')
    const before = await openFsStore(root, { create: true })
    await before.put('data/ab/01', [Buffer.from('x')])
    execFileSync('mount', ['-o', 'remount,ro', mountPoint], { stdio: 'pipe' })
    await refuses(before)
    await refuses(await openFsStore(root, { create: false }))
    await rejectsWith('refused', openFsStore(join(mountPoint, 'new'), { create: true }))
    await rejectsWith('refused', openFsStore(join(mountPoint, 'new/below'), { create: true }))
  }))

test('a full disk says so, keeps what was stored, and leaves nothing half stored', (t) =>
  withLoopFs(t, 'ext4', LOOP_MIB, async (root) => {
    const store = await openFsStore(root, { create: true })
    const stored: string[] = []
    const full = await (async () => {
      for (let n = 0; n < 2 * LOOP_MIB; n++) {
        const name = `data/ab/${n}`
        await store.put(name, [Buffer.alloc(400_000, n), Buffer.alloc(600_000, n)])
        stored.push(name)
      }
      return undefined
    })().catch((error: unknown) => error)
    assert.ok(full instanceof BackupError && full.code === 'full', String(full))
    assert.match(full.hint ?? '', /make room/)
    assert.deepEqual((await names(store)).sort(), stored.sort())
    for (const name of stored) {
      assert.deepEqual(Buffer.from(await store.get(name)), Buffer.alloc(1_000_000, Number(name.slice(8))))
    }
    assert.deepEqual(readdirSync(join(root, 'tmp')), [])
    assert.equal(await store.delete(stored[0]!), true)
    await store.put('data/ab/again', [Buffer.alloc(900_000)])
  }))

async function filled(t: TestContext): Promise<{ store: FsStore; root: string }> {
  const root = join(tempFolder(t), 'repository')
  const store = await openFsStore(root, { create: true })
  await store.put('data/ab/01', [Buffer.from('x')])
  return { store, root }
}

async function everythingIsUnreachable(store: Store): Promise<void> {
  for (const request of [
    () => store.list(''),
    () => store.list('data/'),
    () => store.list('snap/0'),
    () => store.stat('data/ab/01'),
    () => store.get('data/ab/01'),
    () => store.get('data/ab/01', { offset: 0, length: 1 }),
    () => store.delete('data/ab/01'),
    () => store.put('data/ab/01', [Buffer.from('x')]),
    () => store.put('snap/00/1', [Buffer.from('x')]),
  ]) {
    await rejectsWith('unreachable', request())
  }
}

async function refuses(store: Store): Promise<void> {
  assert.equal(Buffer.from(await store.get('data/ab/01')).toString(), 'x')
  assert.deepEqual(await names(store), ['data/ab/01'])
  for (const request of [() => store.put('data/ab/02', [Buffer.from('y')]), () => store.delete('data/ab/01')]) {
    const error: unknown = await request().catch((error: unknown) => error)
    assert.ok(error instanceof BackupError && error.code === 'refused', String(error))
    assert.match(error.hint ?? '', /read-only/)
  }
}

async function names(store: Store): Promise<string[]> {
  const found: string[] = []
  for await (const object of listAll(store, '')) found.push(object.name)
  return found
}
