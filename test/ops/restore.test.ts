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
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import type { MetadataClasses } from '../../src/ops/restore/options.ts'
import type { RestoreReader } from '../../src/ops/restore/reader.ts'
import { requireCommand, requireLinux, requireRoot, withLoopFs } from '../support/requirements.ts'
import { backedUp, restored, troublesOf } from '../support/restoring.ts'
import type { Backed } from '../support/restoring.ts'
import { describeTree, differences } from '../support/system-oracle.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { buildTortureTree } from '../support/torture-tree.ts'

interface Scene extends Backed {
  readonly source: string
  readonly target: string
}

/** A folder is backed up as `fill` leaves it. */
async function scene(t: TestContext, fill: (source: string) => void): Promise<Scene> {
  const folder = tempFolder(t, 'restore')
  const source = join(folder, 'source')
  mkdirSync(source)
  fill(source)
  return { ...(await backedUp(source)), source, target: join(folder, 'target') }
}

function small(source: string): void {
  mkdirSync(join(source, 'sub', 'deep'), { recursive: true })
  writeFileSync(join(source, 'a.txt'), 'a')
  writeFileSync(join(source, 'sub', 'b.txt'), 'b'.repeat(5000))
  writeFileSync(join(source, 'sub', 'deep', 'c.txt'), '')
  symlinkSync('b.txt', join(source, 'sub', 'link'))
  linkSync(join(source, 'a.txt'), join(source, 'sub', 'hard'))
}

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
      const before = touched(target)
      const compare = threads === 0 ? ('content' as const) : ('attributes' as const)
      const second = await restored(backed, source, target, { threads, compare })
      assert.equal(second.partial, false)
      assert.equal(second.counts.files + second.counts.replaced + second.counts.attributes, 0)
      // Directories that are immutable or append only are opened up and closed again.
      const after = new Set(touched(target).split('\n'))
      const changed = before.split('\n').filter((line) => !after.has(line))
      assert.ok(
        changed.every((line) => line.startsWith('flags/folder')),
        changed.slice(0, 5).join('\n'),
      )
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
    description: repo.description,
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

const CLASSES: readonly (keyof MetadataClasses)[] = ['owner', 'mode', 'times', 'xattrs', 'acls', 'flags']

for (const left of CLASSES) {
  test(`everything but ${left} is restored when that is left out`, async (t) => {
    if (!requireRoot(t) || !TOOLS.every((tool) => requireCommand(t, tool))) return
    const { repo, root, source, target } = await scene(t, (folder) => {
      mkdirSync(join(folder, 'd'))
      for (const name of ['f', 'd']) {
        if (name === 'f') writeFileSync(join(folder, name), 'content')
        system(folder, 'chown', '1234:77', name)
        system(folder, 'chmod', '0751', name)
        system(folder, 'setfattr', '-n', 'user.a', '-v', 'b', name)
        // An ACL says what the mode is, so there is none where the mode is left out.
        if (left !== 'mode') system(folder, 'setfacl', '-m', 'u:1000:rwx', name)
        system(folder, 'chattr', '+d', name)
        system(folder, 'touch', '-d', '@1000000000.5', name)
      }
    })
    await restored({ repo, root }, source, target, { metadata: { [left]: false } })
    for (const name of ['f', 'd']) {
      const there = statSync(join(target, name))
      const attributes = {
        owner: there.uid === 1234 && there.gid === 77,
        mode: (there.mode & 0o7) === 0o1,
        times: there.mtimeMs === 1_000_000_000_500,
        xattrs: system(target, 'getfattr', name).includes('user.a'),
        acls: left === 'mode' || system(target, 'getfacl', '-n', '-c', name).includes('user:1000:'),
        flags: /^-*d/.test(system(target, 'lsattr', '-d', name)),
      }
      const expected = Object.fromEntries(CLASSES.map((each) => [each, each !== left]))
      assert.deepEqual(attributes, expected, name)
      // Without its ACL the group gets what the ACL gave it, not the mask.
      if (left === 'acls') assert.equal(there.mode & 0o777, 0o751)
    }
  })
}

test('setuid bits are given to nobody but the owner they were for', async (t) => {
  if (!requireRoot(t)) return
  const { repo, root, source, target } = await scene(t, (folder) => {
    writeFileSync(join(folder, 'f'), 'content')
    system(folder, 'chown', '1234:77', 'f')
    system(folder, 'chmod', '6755', 'f')
  })
  const result = await restored({ repo, root }, source, target, { metadata: { owner: false } })
  assert.equal(statSync(join(target, 'f')).mode & 0o7777, 0o755)
  assert.deepEqual(
    result.warnings.map((warning) => warning.class),
    ['mode'],
  )
  await restored({ repo, root }, source, target)
  assert.equal(statSync(join(target, 'f')).mode & 0o7777, 0o6755)
})

test('a user who is not root gets everything but owners, with one warning', async (t) => {
  if (!requireRoot(t)) return
  const { repo, root, source, target } = await scene(t, (folder) => {
    small(folder)
    mkdirSync(join(folder, 'closed'))
    writeFileSync(join(folder, 'closed', 'f'), 'f')
    chmodSync(join(folder, 'closed'), 0o500)
    system(folder, 'chmod', '-R', 'go+rX', '.')
    chmodSync(join(folder, 'closed'), 0o500)
  })
  mkdirSync(target)
  chmodSync(target, 0o777)
  system('/', 'chmod', 'a+x', join(target, '..'))
  process.seteuid!(65_534)
  try {
    const result = await restored({ repo, root }, source, target)
    assert.deepEqual(troublesOf(result), [])
    assert.deepEqual(
      result.warnings.map((warning) => [warning.class, warning.count]),
      [['owner', 8]],
    )
    assert.equal(statSync(join(target, 'closed')).mode & 0o777, 0o500)
    // A directory that is closed to its owner is opened up for the restore and closed again.
    process.seteuid!(0)
    writeFileSync(join(target, 'closed', 'f'), 'changed')
    process.seteuid!(65_534)
    assert.deepEqual(troublesOf(await restored({ repo, root }, source, target)), [])
    assert.equal(statSync(join(target, 'closed')).mode & 0o777, 0o500)
    process.seteuid!(0)
    assert.equal(readFileSync(join(target, 'closed', 'f'), 'utf8'), 'f')
  } finally {
    process.seteuid!(0)
  }
})

test('files made in a directory with a default ACL do not inherit it', async (t) => {
  if (!requireRoot(t) || !requireCommand(t, 'setfacl')) return
  const { repo, root, source, target } = await scene(t, small)
  mkdirSync(target)
  system(target, 'setfacl', '-d', '-m', 'u:1000:rwx,g::rwx,o::rwx', '.')
  await restored({ repo, root }, source, target)
  for (const path of ['a.txt', 'sub', 'sub/b.txt']) {
    assert.equal(statSync(join(target, path)).mode, statSync(join(source, path)).mode, path)
    assert.equal(system(target, 'getfacl', '-n', '-c', path).includes('1000'), false, path)
  }
})

const SPARSE: readonly ['recorded' | 'zeros' | 'none', number, number][] = [
  ['recorded', 2, 3],
  ['zeros', 0, 1],
  ['none', 9, 10],
]
for (const [sparse, least, most] of SPARSE) {
  test(`holes are kept as asked for: ${sparse}`, async (t) => {
    if (!requireLinux(t)) return
    const MiB = 1024 * 1024
    const { repo, root, source, target } = await scene(t, (folder) => {
      const file = join(folder, 'f')
      writeFileSync(file, Buffer.concat([Buffer.alloc(2 * MiB), Buffer.from('data')]))
      truncateSync(file, 10 * MiB)
    })
    const result = await restored({ repo, root }, source, target, { sparse })
    const there = statSync(join(target, 'f'))
    assert.equal(there.size, 10 * MiB)
    const content = readFileSync(join(target, 'f'))
    assert.equal(content.equals(readFileSync(join(source, 'f'))), true)
    const taken = (there.blocks * 512) / MiB
    assert.ok(taken >= least && taken <= most, `${taken} MiB`)
    assert.equal(result.partial, false)
  })
}

test('what verification reads is what counts: a file that changed since it was written is named', async (t) => {
  const { repo, root, source, target } = await scene(t, small)
  const good = await restored({ repo, root }, source, target, { verify: true })
  assert.equal(good.partial, false)
  assert.ok(good.items.includes(`verified ${join(source, 'sub/b.txt')}`))
  let done = false
  const result = await restored({ repo, root }, source, join(target, 'again'), {
    verify: true,
    onEvent: (event) => {
      if (done || event.type !== 'file' || !Buffer.from(event.path).toString().endsWith('b.txt')) return
      done = true
      // As if the disk had not kept what was written.
      queueMicrotask(() => writeFileSync(join(target, 'again', 'sub', 'b.txt'), 'B'.repeat(5000)))
    },
  })
  assert.deepEqual(troublesOf(result), [`corrupt ${join(source, 'sub/b.txt')}`])
})

test('a restore that is stopped leaves no temporary files and goes on when it is run again', async (t) => {
  const { repo, root, source, target } = await scene(t, (folder) => {
    for (let i = 0; i < 40; i++) writeFileSync(join(folder, `large-${i}`), secureRandom(2_000_000))
  })
  const stop = new AbortController()
  let files = 0
  const stopped = restored({ repo, root }, source, target, {
    threads: 2,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'file' && ++files === 5) stop.abort()
    },
  })
  await assert.rejects(stopped, { code: 'interrupted' })
  const left = readdirSync(target)
  assert.ok(left.length >= 4 && left.length < 40, `${left.length} files`)
  assert.deepEqual(
    left.filter((name) => name.includes('holdfast')),
    [],
  )
  const result = await restored({ repo, root }, source, target, { threads: 2 })
  assert.equal(result.partial, false)
  assert.ok(result.counts.files < 40)
  for (let i = 0; i < 40; i++) assert.equal(statSync(join(target, `large-${i}`)).size, 2_000_000)
})

for (const threads of [0, 2]) {
  test(`a full disk ends the restore (${threads} threads) without temporary files, what is complete stays`, async (t) => {
    const { repo, root, source } = await scene(t, (folder) => {
      for (let i = 0; i < 30; i++) writeFileSync(join(folder, `f${i}`), Buffer.alloc(1_500_000, `${i}`))
      for (let i = 0; i < 300; i++) writeFileSync(join(folder, `s${i}`), `${i}`.repeat(1000))
    })
    await withLoopFs(t, 'ext4', 24, async (mountPoint) => {
      system('/', 'tune2fs', '-m', '0', system('/', 'findmnt', '-n', '-o', 'SOURCE', mountPoint).trim())
      const target = join(mountPoint, 'target')
      await assert.rejects(restored({ repo, root }, source, target, { threads }), (error: Error) => {
        assert.equal((error as { code?: string }).code, 'full')
        assert.match(error.message, /no room left in the target/)
        return true
      })
      const left = readdirSync(target)
      assert.deepEqual(
        left.filter((name) => name.includes('holdfast')),
        [],
      )
      for (const name of left) {
        const size = name.startsWith('f') ? 1_500_000 : name.slice(1).length * 1000
        assert.equal(statSync(join(target, name)).size, size, name)
      }
    })
  })
}

test('a large file is written in pieces by all threads, whatever its extents are', async (t) => {
  const MiB = 1024 * 1024
  const { repo, root, source, target } = await scene(t, (folder) => {
    const file = join(folder, 'large')
    const parts = Array.from({ length: 90 }, (_, i) => {
      const part = Buffer.alloc(MiB / 2)
      for (let at = 0; at < part.length; at += 4) part.writeUInt32LE(Math.imul(at + i * 7919, 2654435761) >>> 0, at)
      return part
    })
    parts[40] = Buffer.alloc(3 * MiB)
    writeFileSync(file, Buffer.concat(parts))
    truncateSync(file, 60 * MiB)
  })
  const result = await restored({ repo, root }, source, target, { threads: 2 })
  assert.equal(result.partial, false)
  assert.equal(readFileSync(join(target, 'large')).equals(readFileSync(join(source, 'large'))), true)
})
