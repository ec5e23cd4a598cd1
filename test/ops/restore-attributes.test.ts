// What a restore does with owners, modes, ACLs, attributes, flags and holes.
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pretendNoLibc } from '../../src/posix/libc.ts'
import type { MetadataClasses } from '../../src/ops/restore/options.ts'
import { missing, requireCommand, requireLinux, requireRoot } from '../support/requirements.ts'
import { scene, small, type Scene } from '../support/restore-scene.ts'
import { restored, troublesOf } from '../support/restoring.ts'
import { system, trySystem } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

const TOOLS = ['getfattr', 'getfacl', 'setfacl', 'lsattr', 'chattr']
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
      if (left === 'mode') assert.equal(there.mode & 0o777, (name === 'd' ? 0o777 : 0o666) & ~process.umask())
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

/** Runs `step` with what takes locks away and gives them; in the end nothing in the scene is locked. */
async function withLocks(
  t: TestContext,
  fill: (source: string) => void,
  step: (scene: Scene, chattr: (flag: string, path: string) => void) => Promise<void>,
): Promise<void> {
  if (!requireRoot(t) || !requireCommand(t, 'chattr') || !requireCommand(t, 'lsattr')) return
  const probe = tempFolder(t, 'locks')
  if (!trySystem(probe, 'chattr', '+i', '.')) return void missing(t, 'a file system with flags')
  system(probe, 'chattr', '-i', '.')
  let place = ''
  try {
    const made = await scene(t, (source) => {
      place = join(source, '..')
      fill(source)
    })
    await step(made, (flag, path) => void system('/', 'chattr', flag, path))
  } finally {
    trySystem('/', 'chattr', '-R', '-ia', place) // symlinks have no flags
  }
}

const lockOf = (path: string) => system('/', 'lsattr', '-d', path).split(' ')[0]!.replaceAll(/[^ia]/g, '')
const changedAt = (path: string) => statSync(path, { bigint: true }).ctimeNs

test('a folder that is immutable or append only is opened up only when something is put into it', (t) =>
  withLocks(
    t,
    (source) => {
      for (const flag of ['i', 'a']) {
        mkdirSync(join(source, flag, 'sub'), { recursive: true })
        writeFileSync(join(source, flag, 'file'), 'in a locked folder')
        writeFileSync(join(source, flag, 'sub', 'file'), 'in a folder below')
        system(source, 'chattr', `+${flag}`, flag)
      }
    },
    async ({ repo, root, source, target }, chattr) => {
      const restoreAll = async () => {
        const result = await restored({ repo, root }, source, target)
        assert.deepEqual([troublesOf(result), result.warnings], [[], []])
      }
      await restoreAll()
      for (const flag of ['i', 'a']) {
        const folder = join(target, flag)
        assert.equal(lockOf(folder), flag)
        const before = changedAt(folder)
        await restoreAll()
        assert.equal(changedAt(folder), before, 'nothing had to be done')
        writeFileSync(join(folder, 'sub', 'file'), 'changed')
        await restoreAll()
        assert.equal(changedAt(folder), before, 'what had to be done was below it')
        assert.equal(readFileSync(join(folder, 'sub', 'file'), 'utf8'), 'in a folder below')

        chattr(`-${flag}`, folder)
        rmSync(join(folder, 'file'))
        chattr(`+${flag}`, folder)
        await restoreAll()
        assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'in a locked folder')
        assert.equal(lockOf(folder), flag)
        assert.equal(statSync(folder).mtimeMs, statSync(join(source, flag)).mtimeMs)
      }
    },
  ))

test('what is immutable gets other attributes that differ, and stays immutable', (t) =>
  withLocks(
    t,
    (source) => {
      mkdirSync(join(source, 'folder'))
      writeFileSync(join(source, 'file'), 'content')
      for (const name of ['file', 'folder']) system(source, 'chattr', '+i', name)
    },
    async ({ repo, root, source, target }, chattr) => {
      await restored({ repo, root }, source, target)
      for (const name of ['file', 'folder']) {
        const path = join(target, name)
        chattr('-i', path)
        chmodSync(path, 0o700)
        system('/', 'chown', '1234', path)
        if (name === 'folder') utimesSync(path, 1, 1)
        chattr('+i', path)
      }
      const result = await restored({ repo, root }, source, target)
      assert.deepEqual([troublesOf(result), result.warnings], [[], []])
      assert.deepEqual([result.counts.attributes, result.counts.replaced], [2, 0])
      for (const name of ['file', 'folder']) {
        const [there, original] = [target, source].map((folder) => statSync(join(folder, name)))
        assert.deepEqual([there!.mode, there!.uid, there!.mtimeMs], [original!.mode, original!.uid, original!.mtimeMs])
        assert.equal(lockOf(join(target, name)), 'i')
      }
    },
  ))

test('an immutable folder above what is restored is immutable afterwards', (t) =>
  withLocks(t, small, async ({ repo, root, source, target }, chattr) => {
    const above = join(target, source, '..')
    mkdirSync(above, { recursive: true })
    chattr('+i', above)
    const result = await restored({ repo, root }, '', target)
    assert.deepEqual(troublesOf(result), [])
    assert.equal(readFileSync(join(target, source, 'a.txt'), 'utf8'), 'a')
    assert.equal(lockOf(above), 'i')
    const before = changedAt(above)
    await restored({ repo, root }, '', target)
    assert.equal(changedAt(above), before)
  }))

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

test('without native calls files, folders and symlinks come back, the rest is told', async (t) => {
  const { repo, root, source, target } = await scene(t, (folder) => {
    small(folder)
    utimesSync(join(folder, 'a.txt'), 1, 1)
    chmodSync(join(folder, 'sub'), 0o750)
    if (process.platform === 'linux') system(folder, 'mkfifo', 'fifo')
  })
  pretendNoLibc('for a test')
  t.after(() => pretendNoLibc(null))
  const result = await restored({ repo, root }, source, target)
  assert.deepEqual(troublesOf(result), [])
  if (process.platform === 'linux')
    assert.deepEqual(
      result.warnings.map((warning) => warning.class),
      ['special files'],
    )
  assert.equal(readFileSync(join(target, 'sub', 'b.txt'), 'utf8'), 'b'.repeat(5000))
  assert.equal(readlinkSync(join(target, 'sub', 'link')), 'b.txt')
  assert.equal(statSync(join(target, 'sub', 'hard')).ino, statSync(join(target, 'a.txt')).ino)
  assert.equal(statSync(join(target, 'a.txt')).mtimeMs, 1000)
  assert.equal(statSync(join(target, 'sub')).mode & 0o777, 0o750)
  const again = await restored({ repo, root }, source, target, { delete: true })
  assert.equal(again.counts.files, 0)
})
