// A snapshot is written by somebody who may be hostile, and a target may hold traps: whatever either says, nothing outside
// of the target is made, changed or removed.
import assert from 'node:assert/strict'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { utf8 } from '../../src/base/bytes.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { restore } from '../../src/ops/restore/restore.ts'
import type { RestoreOptions } from '../../src/ops/restore/options.ts'
import { HandmadeSnapshot } from '../support/handmade-snapshot.ts'
import { requireLinux } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Scene {
  readonly snapshot: HandmadeSnapshot
  /** Everything is in here; what is outside of `target` must not change. */
  readonly folder: string
  readonly target: string
  readonly outside: string
  restore(entries: readonly Entry[], opts?: Partial<RestoreOptions>): ReturnType<typeof restore>
}

async function scene(t: TestContext): Promise<Scene> {
  const snapshot = await HandmadeSnapshot.create()
  const folder = tempFolder(t, 'hostile')
  const target = join(folder, 'target')
  const outside = join(folder, 'outside')
  mkdirSync(target)
  mkdirSync(outside)
  writeFileSync(join(outside, 'precious'), 'untouched')
  return {
    snapshot,
    folder,
    target,
    outside,
    restore: (entries, opts = {}) =>
      restore({ repo: snapshot, root: snapshot.root(entries), path: utf8('/source'), target, threads: 0, ...opts }),
  }
}

function assertUntouched({ folder, outside }: Scene): void {
  assert.deepEqual(readdirSync(folder).sort(), ['outside', 'target'])
  assert.deepEqual(readdirSync(outside), ['precious'])
  assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'untouched')
}

const WRONG_NAMES = ['..', '.', '', '../outside/new', '/etc/new', 'a/b', '/', 'zero\0byte']

for (const name of WRONG_NAMES) {
  test(`an entry named ${JSON.stringify(name)} is refused and named, the others are restored`, async (t) => {
    const s = await scene(t)
    for (const make of [
      (n: string) => s.snapshot.file(n, 'bad'),
      (n: string) => s.snapshot.directory(n, [s.snapshot.file('in it', 'bad')]),
      (n: string) => s.snapshot.symlink(n, 'anywhere'),
    ]) {
      const result = await s.restore([make(name), s.snapshot.file('zz good', 'good')])
      assert.equal(result.partial, true)
      assert.equal(result.troubles[0]!.code, 'corrupt')
      assert.equal(readFileSync(join(s.target, 'zz good'), 'utf8'), 'good')
      assert.deepEqual(readdirSync(s.target), ['zz good'])
      assertUntouched(s)
    }
  })
}

test('source paths that climb are refused before anything is made', async (t) => {
  const s = await scene(t)
  const { snapshot, target } = s
  for (const path of ['/../../outside', '/a/../../outside/x', '..']) {
    const root = snapshot.node([{ ...snapshot.directory('x', [snapshot.file('f', 'bad')]), name: utf8(path) }])
    await assert.rejects(restore({ repo: snapshot, root, target, threads: 0 }), { code: 'usage' })
    assert.deepEqual(readdirSync(target), [])
    assertUntouched(s)
  }
})

test('a name that comes twice is restored once; a file is never written through a symlink of the same name', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  const link = snapshot.symlink('a', s.outside)
  const result = await s.restore([link, snapshot.directory('a', [snapshot.file('precious', 'overwritten')])])
  assert.deepEqual(
    result.troubles.map(({ message }) => message),
    ['it is not in the order of names, perhaps there twice'],
  )
  assert.equal(readlinkSync(join(s.target, 'a')), s.outside)
  assertUntouched(s)
})

test('names out of order across nodes of one directory do not open what an earlier node brought', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  const first = snapshot.node([snapshot.symlink('b', s.outside)])
  const second = snapshot.node([snapshot.directory('b', [snapshot.file('precious', 'overwritten')])])
  const root = snapshot.node([
    {
      ...snapshot.directory('x', []),
      name: utf8('/source'),
      subtree: { ref: snapshot.inner([first, second]), entries: 0, bytes: 0 },
    },
  ])
  const result = await restore({ repo: snapshot, root, path: utf8('/source'), target: s.target, threads: 0 })
  assert.equal(result.partial, true)
  assertUntouched(s)
})

test('a symlink that lies in the target is replaced by the directory of the snapshot, never followed', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  symlinkSync(s.outside, join(s.target, 'a'))
  const result = await s.restore([snapshot.directory('a', [snapshot.file('precious', 'new')])])
  assert.equal(result.partial, false)
  assert.equal(lstatSync(join(s.target, 'a')).isDirectory(), true)
  assert.equal(readFileSync(join(s.target, 'a', 'precious'), 'utf8'), 'new')
  assertUntouched(s)
})

test('a symlink in the place of a file is replaced, what it leads to stays', async (t) => {
  const s = await scene(t)
  symlinkSync(join(s.outside, 'precious'), join(s.target, 'a'))
  await s.restore([s.snapshot.file('a', 'new')])
  assert.equal(lstatSync(join(s.target, 'a')).isFile(), true)
  assert.equal(readFileSync(join(s.target, 'a'), 'utf8'), 'new')
  assertUntouched(s)
})

test('a symlink above the sources is refused: the operator has to name the folder it leads to', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  symlinkSync(s.outside, join(s.target, 'home'))
  const source = { ...snapshot.directory('x', [snapshot.file('precious', 'overwritten')]), name: utf8('/home/ann') }
  const result = await restore({ repo: snapshot, root: snapshot.node([source]), target: s.target, threads: 0 })
  assert.equal(result.partial, true)
  assert.match(result.troubles[0]!.message, /symlink is in the place of a folder/)
  assert.equal(readlinkSync(join(s.target, 'home')), s.outside)
  assertUntouched(s)
})

test('a target that is a symlink is where the operator wants it', async (t) => {
  const s = await scene(t)
  const real = join(s.folder, 'target', 'real')
  mkdirSync(real)
  symlinkSync(real, join(s.target, 'link'))
  await s.restore([s.snapshot.file('a', 'new')], { target: join(s.target, 'link') })
  assert.equal(readFileSync(join(real, 'a'), 'utf8'), 'new')
})

test('an existing file with names elsewhere is replaced, not changed in place', async (t) => {
  const s = await scene(t)
  linkSync(join(s.outside, 'precious'), join(s.target, 'a'))
  const before = statSync(join(s.outside, 'precious'))
  const entry = s.snapshot.file('a', 'untouched', {
    mode: 0o4777,
    mtime: { sec: Math.floor(before.mtimeMs / 1000), nsec: 0 },
  })
  utimesSync(join(s.outside, 'precious'), 1, Math.floor(before.mtimeMs / 1000))
  const result = await s.restore([entry])
  assert.equal(result.partial, false)
  assert.equal(statSync(join(s.outside, 'precious')).mode, before.mode, 'the mode shows under every name')
  assert.equal(statSync(join(s.outside, 'precious')).nlink, 1)
  assert.notEqual(statSync(join(s.target, 'a')).ino, before.ino)
  assertUntouched(s)
})

test('deleting follows no symlink and leaves a directory that was moved away alone', async (t) => {
  const s = await scene(t)
  mkdirSync(join(s.target, 'extra', 'deep'), { recursive: true })
  symlinkSync(s.outside, join(s.target, 'extra', 'deep', 'link'))
  symlinkSync(s.outside, join(s.target, 'link'))
  const result = await s.restore([s.snapshot.file('a', 'kept')], { delete: true })
  assert.deepEqual(readdirSync(s.target), ['a'])
  assert.equal(result.counts.deleted, 4)
  assertUntouched(s)
})

test('names of one inode that differ in content are restored as files of their own, and it is said', async (t) => {
  const s = await scene(t)
  const group = { links: 2, linkGroup: new Uint8Array(8).fill(1) }
  const result = await s.restore([s.snapshot.file('a', 'first', group), s.snapshot.file('b', 'second', group)])
  assert.equal(readFileSync(join(s.target, 'a'), 'utf8'), 'first')
  assert.equal(readFileSync(join(s.target, 'b'), 'utf8'), 'second')
  assert.equal(statSync(join(s.target, 'a')).nlink, 1)
  assert.deepEqual(
    result.warnings.map((warning) => warning.class),
    ['hard links'],
  )
})

test('a hard link to a file that cannot be restored does not become a link to what lay there before', async (t) => {
  const s = await scene(t)
  const group = { links: 2, linkGroup: new Uint8Array(8).fill(1) }
  const [ref] = s.snapshot.block([new Uint8Array(600).fill(7)])
  const content = { kind: 'extents' as const, extents: [{ length: 600, ref: ref! }] }
  for (const pack of s.snapshot.packs.values()) pack[30]! ^= 1
  writeFileSync(join(s.target, 'a'), 'old')
  const result = await s.restore([s.snapshot.file('a', content, group), s.snapshot.file('b', content, group)])
  assert.equal(result.troubleCount, 2)
  assert.equal(readFileSync(join(s.target, 'a'), 'utf8'), 'old')
  assert.equal(existsSync(join(s.target, 'b')), false)
})

test('extents beyond their blob or beside their size are named and nothing is written', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  const [ref] = snapshot.block([new Uint8Array(600).fill(7)])
  const extents = (list: object[]) => ({ kind: 'extents' as const, extents: list as never })
  const result = await s.restore([
    snapshot.file('beyond', extents([{ length: 700, ref }])),
    snapshot.file('beyond by offset', extents([{ length: 600, ref, offset: 1 }])),
    snapshot.file('list too long', snapshot.list([{ length: 600, ref: ref! }]), { size: 5 }),
    snapshot.file('list too short', snapshot.list([{ length: 600, ref: ref! }]), { size: 5000 }),
    snapshot.file('no list', { kind: 'list', level: 0, ref: new Uint8Array(32), count: 1 }, { size: 5 }),
    snapshot.file('zz', 'good'),
  ])
  assert.deepEqual(
    result.troubles.map(({ path, code }) => [Buffer.from(path).toString(), code]),
    [
      ['/source/beyond', 'corrupt'],
      ['/source/beyond by offset', 'corrupt'],
      ['/source/list too long', 'corrupt'],
      ['/source/no list', 'corrupt'],
      ['/source/list too short', 'corrupt'],
    ],
  )
  assert.deepEqual(readdirSync(s.target), ['zz'])
})

test('two blobs that a wrong index puts in one place are both compared with their refs', async (t) => {
  const s = await scene(t)
  const { snapshot } = s
  const [right, wrong] = snapshot.block([new Uint8Array(600).fill(1), new Uint8Array(600).fill(2)])
  snapshot.relocate(wrong!, { offset: 0 })
  const content = (ref: Uint8Array) => ({ kind: 'extents' as const, extents: [{ length: 600, ref }] })
  for (const [first, second] of [
    ['wrong', 'zz right'],
    ['zz wrong', 'right'],
  ]) {
    const entries = [snapshot.file(first!, content(wrong!)), snapshot.file(second!, content(right!))]
    const result = await s.restore(entries.sort((a, b) => Buffer.compare(a.name, b.name)))
    assert.ok(result.troubles.some(({ path }) => Buffer.from(path).toString() === `/source/${first}`))
    assert.equal(existsSync(join(s.target, first!)), false)
  }
})

test('a device node that the user may not make is a warning and no trouble', async (t) => {
  if (!requireLinux(t)) return
  const s = await scene(t)
  const device = { ...s.snapshot.symlink('d', 'x'), kind: 'char' as const, device: { major: 1, minor: 3 } }
  const { target: _target, size: _size, ...entry } = device
  const result = await s.restore([entry, s.snapshot.file('e', 'good')])
  assert.equal(readFileSync(join(s.target, 'e'), 'utf8'), 'good')
  assert.equal(result.partial, false)
  if (process.getuid!() === 0) assert.equal(lstatSync(join(s.target, 'd')).isCharacterDevice(), true)
  else
    assert.deepEqual(
      result.warnings.map((warning) => warning.class),
      ['special files'],
    )
})

test('a tree that is deeper than any file system can hold ends in a named error', async (t) => {
  const s = await scene(t)
  let entry = s.snapshot.file('f', 'x')
  for (let i = 0; i < 4200; i++) entry = s.snapshot.directory('d', [entry])
  const result = await s.restore([entry], { dryRun: true })
  assert.match(result.troubles[0]!.message, /too deep/)
})
