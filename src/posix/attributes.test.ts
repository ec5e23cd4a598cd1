// Times, ownership, extended attributes, flags, special files, holes and locks on real files.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { displayText, toHex, utf8 } from '../base/bytes.ts'
import { timespecToNs } from '../base/time.ts'
import { missing, requireCommand, requireLinux, requireRoot, withLoopFs } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_NONBLOCK, O_RDONLY, O_RDWR } from './constants.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, FLAGS_KEPT, getFlags, setFlags } from './file-flags.ts'
import { punchHole, seekData, seekHole } from './holes.ts'
import { pretendNoLibc } from './libc.ts'
import { lockFile, unlockFile } from './locks.ts'
import { linkAt, mkdirAt, renameAt } from './names.ts'
import { closeFd, openAt } from './open.ts'
import { chmodAt, chmodFd, chownAt, KEEP_ID } from './ownership.ts'
import { readInto, truncateFd, umask, writeAt } from './read.ts'
import { mknodAt } from './special-files.ts'
import { statAt, statFd } from './stat.ts'
import { setTimesAt, setTimesFd } from './times.ts'
import { gidOf, groupName, uidOf, userName } from './users.ts'
import { getXattr, listXattr, removeXattr, setXattr, type XattrTarget } from './xattr.ts'

after(() => pretendNoLibc(null))

// ext4 with 256-byte inodes keeps 1901 to 2446.
const TIMES = [
  { sec: 1_700_000_000, nsec: 123_456_789 },
  { sec: 0, nsec: 0 },
  { sec: -1, nsec: 999_999_999 },
  { sec: -86_400 * 365 * 40, nsec: 1 },
  { sec: 4_102_444_800, nsec: 5 },
]

test('times are set to the nanosecond on files, directories and symlinks, before 1970 and after 2038 too', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'posix')
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'directory'))
  symlinkSync('file', join(folder, 'symlink'))
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const fileBefore = statAt(dir, 'file').mtime
  for (const time of TIMES) {
    setTimesAt(dir, 'symlink', time, time)
    assert.deepEqual(statAt(dir, 'symlink').mtime, time)
    assert.equal(lstatSync(join(folder, 'symlink'), { bigint: true }).mtimeNs, timespecToNs(time))
    assert.deepEqual(statAt(dir, 'file').mtime, fileBefore, 'the target of the symlink stays as it is')
    setTimesAt(dir, 'directory', undefined, time)
    assert.deepEqual(statAt(dir, 'directory').mtime, time)
  }
  for (const time of TIMES) {
    const fd = openAt(dir, 'file', O_RDWR)
    setTimesFd(fd, time, time)
    assert.deepEqual(statFd(fd).mtime, time)
    assert.equal(lstatSync(join(folder, 'file'), { bigint: true }).atimeNs, timespecToNs(time))
    closeFd(fd)
  }
  setTimesAt(dir, 'symlink', undefined, TIMES[0], true)
  assert.deepEqual(statAt(dir, 'file').mtime, TIMES[0])
  closeFd(dir)
})

test('a time that is not given stays', (t) => {
  for (const mode of [null, 'for a test']) {
    pretendNoLibc(mode)
    const folder = tempFolder(t, 'posix')
    const path = join(folder, 'file')
    writeFileSync(path, '')
    setTimesAt(AT_FDCWD, path, { sec: 1000, nsec: 0 }, { sec: 2000, nsec: 0 })
    setTimesAt(AT_FDCWD, path, undefined, { sec: 3000, nsec: 0 })
    assert.equal(lstatSync(path).atimeMs, 1_000_000)
    assert.equal(lstatSync(path).mtimeMs, 3_000_000)
    const fd = openAt(AT_FDCWD, path, O_RDWR)
    setTimesFd(fd, { sec: 4000, nsec: 0 }, undefined)
    closeFd(fd)
    assert.equal(lstatSync(path).atimeMs, 4_000_000)
    assert.equal(lstatSync(path).mtimeMs, 3_000_000)
    pretendNoLibc(null)
  }
})

test('owner and permission bits are set, also on a symlink itself', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'posix')
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('file', join(folder, 'symlink'))
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  chownAt(dir, 'symlink', 4_000_000_000, 1234)
  assert.equal(statAt(dir, 'symlink').uid, 4_000_000_000)
  assert.equal(statAt(dir, 'file').uid, 0)
  chownAt(dir, 'file', KEEP_ID, 77)
  assert.deepEqual([statAt(dir, 'file').uid, statAt(dir, 'file').gid], [0, 77])
  chmodAt(dir, 'file', 0o6755)
  assert.equal(statAt(dir, 'file').mode, 0o6755)
  const fd = openAt(dir, 'file', O_RDONLY)
  chmodFd(fd, 0o1640)
  assert.equal(statFd(fd).mode, 0o1640)
  closeFd(fd)
  closeFd(dir)
})

test('extended attributes of every namespace are listed in byte order, read, changed and removed', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'posix')
  writeFileSync(join(folder, 'file'), '')
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const fd = openAt(dir, 'file', O_RDONLY)
  const targets: XattrTarget[] = [{ fd }, { dirFd: dir, name: 'file' }, { path: join(folder, 'file') }]
  // Version 2 capabilities: cap_net_bind_service permitted, as setcap writes them.
  const capability = Uint8Array.from([1, 0, 0, 2, 0, 4, ...new Uint8Array(14)])
  for (const target of targets) {
    assert.deepEqual(listXattr(target), [])
    const odd = Uint8Array.from([...utf8('user.'), 0xff, 0x01, 0xfe])
    const values: [Uint8Array | string, Uint8Array][] = [
      ['security.capability', capability],
      ['trusted.holdfast', utf8('only root sees this')],
      ['user.empty', new Uint8Array(0)],
      ['user.text', utf8('value')],
      [odd, Uint8Array.of(0, 1, 2, 0)],
    ]
    for (const [name, value] of values) setXattr(target, name, value)
    assert.deepEqual(
      listXattr(target)!.map(toHex),
      values.map(([name]) => toHex(typeof name === 'string' ? utf8(name) : name)),
    )
    for (const [name, value] of values) assert.equal(toHex(getXattr(target, name)!), toHex(value))
    setXattr(target, 'user.text', utf8('another'))
    assert.equal(displayText(getXattr(target, 'user.text')!), 'another')
    for (const [name] of values) assert.equal(removeXattr(target, name), true)
    assert.equal(removeXattr(target, 'user.text'), false)
    assert.equal(getXattr(target, 'user.text'), null)
  }
  closeFd(fd)
  closeFd(dir)
})

test('POSIX ACLs are attributes that the system accepts back', (t) => {
  if (!requireLinux(t) || !requireCommand(t, 'setfacl') || !requireCommand(t, 'getfacl')) return
  const folder = tempFolder(t, 'posix')
  const [from, to] = [join(folder, 'from'), join(folder, 'to')]
  for (const path of [from, to]) writeFileSync(path, '')
  assert.equal(spawnSync('setfacl', ['-m', 'u:1234:rw,g:77:r', from]).status, 0)
  assert.deepEqual(listXattr({ path: from })!.map(displayText), ['system.posix_acl_access'])
  setXattr({ path: to }, 'system.posix_acl_access', getXattr({ path: from }, 'system.posix_acl_access')!)
  const acl = (path: string) => spawnSync('getfacl', ['-n', '-c', path], { encoding: 'utf8' }).stdout
  assert.match(acl(to), /user:1234:rw-/)
  assert.equal(acl(to), acl(from))
})

test('attributes of a symlink, a fifo and a device node are their own', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'posix')
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('file', join(folder, 'symlink'))
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  mknodAt(dir, 'fifo', 'fifo', 0o600)
  mknodAt(dir, 'device', 'char', 0o600, { major: 1, minor: 3 })
  for (const name of ['symlink', 'fifo', 'device']) {
    setXattr({ dirFd: dir, name }, 'trusted.own', utf8(name))
    assert.equal(displayText(getXattr({ dirFd: dir, name }, 'trusted.own')!), name)
    assert.equal(displayText(getXattr({ path: join(folder, name), nofollow: true }, 'trusted.own')!), name)
  }
  assert.equal(getXattr({ path: join(folder, 'symlink') }, 'trusted.own'), null)
  assert.deepEqual(listXattr({ dirFd: dir, name: 'file' }), [])
  closeFd(dir)
})

test('the largest value the kernel takes goes through, one byte more is refused', async (t) => {
  await withLoopFs(t, 'xfs', 300, (folder) => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    const value = new Uint8Array(65_536).fill(7)
    setXattr({ path }, 'user.large', value)
    assert.equal(toHex(getXattr({ path }, 'user.large')!), toHex(value))
    assert.throws(() => setXattr({ path }, 'user.larger', new Uint8Array(65_537)), { code: 'E2BIG' })
  })
})

test('a file system without attributes answers null, one without any set answers none', (t) => {
  if (!requireLinux(t)) return
  assert.equal(listXattr({ path: '/proc/self/status' })?.length ?? 0, 0)
  assert.throws(() => setXattr({ path: '/proc/self/status' }, 'user.x', utf8('x')), { syscall: 'setxattr' })
  pretendNoLibc('for a test')
  assert.equal(listXattr({ path: '/' }), null)
  assert.throws(() => setXattr({ path: '/' }, 'user.x', utf8('x')), { code: 'ENOSYS' })
  pretendNoLibc(null)
})

test('flags are those chattr sets; immutable is given and taken by root', (t) => {
  if (!requireLinux(t) || !requireRoot(t) || !requireCommand(t, 'lsattr')) return
  const folder = tempFolder(t, 'posix')
  const path = join(folder, 'file')
  writeFileSync(path, '')
  const fd = openAt(AT_FDCWD, path, O_RDONLY)
  const before = getFlags(fd)
  if (before === null) {
    missing(t, 'a file system with flags below the temporary folder')
    return
  }
  assert.equal(before & FLAGS_KEPT, 0)
  setFlags(fd, before | FLAG_NODUMP | FLAG_IMMUTABLE | FLAG_APPEND)
  assert.match(spawnSync('lsattr', [path], { encoding: 'utf8' }).stdout, /^-*ia-*d/)
  assert.equal(getFlags(fd)! & FLAGS_KEPT, FLAG_NODUMP | FLAG_IMMUTABLE | FLAG_APPEND)
  assert.throws(() => openAt(AT_FDCWD, path, O_RDWR), { code: 'EPERM' })
  setFlags(fd, before)
  assert.equal(getFlags(fd), before)
  closeFd(fd)
})

test('where nothing keeps flags there are none', (t) => {
  if (!requireLinux(t)) return
  const fd = openAt(AT_FDCWD, '/proc/self/status', O_RDONLY)
  assert.equal(getFlags(fd), null)
  closeFd(fd)
})

test('fifos, sockets and device nodes are made with their numbers', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const dir = openAt(AT_FDCWD, tempFolder(t, 'posix'), O_DIRECTORY)
  const former = umask(0)
  mknodAt(dir, 'fifo', 'fifo', 0o622)
  mknodAt(dir, 'socket', 'socket', 0o755)
  mknodAt(dir, 'char', 'char', 0o600, { major: 300, minor: 70_000 })
  mknodAt(dir, 'block', 'block', 0o660, { major: 8, minor: 1 })
  assert.equal(umask(former), 0)
  assert.deepEqual([statAt(dir, 'fifo').kind, statAt(dir, 'fifo').mode], ['fifo', 0o622])
  assert.equal(statAt(dir, 'socket').kind, 'socket')
  assert.deepEqual([statAt(dir, 'char').kind, statAt(dir, 'char').rdev], ['char', { major: 300, minor: 70_000 }])
  assert.deepEqual([statAt(dir, 'block').kind, statAt(dir, 'block').rdev], ['block', { major: 8, minor: 1 }])
  // Opening a fifo without a writer does not hang with O_NONBLOCK.
  closeFd(openAt(dir, 'fifo', O_RDONLY | O_NONBLOCK))
  closeFd(dir)
})

test('holes and data are told apart', (t) => {
  if (!requireLinux(t)) return
  const fd = openAt(AT_FDCWD, join(tempFolder(t, 'posix'), 'sparse'), O_CREAT | O_RDWR)
  const MiB = 1024 * 1024
  writeAt(fd, new Uint8Array(4096).fill(1), MiB)
  truncateFd(fd, 5 * MiB)
  assert.equal(seekData(fd, 0), MiB)
  assert.equal(seekHole(fd, 0), 0)
  assert.equal(seekHole(fd, MiB), MiB + 4096)
  assert.equal(seekData(fd, MiB + 4096), null)
  assert.equal(seekHole(fd, 2 * MiB), 2 * MiB)
  assert.equal(seekHole(fd, 6 * MiB), null)
  writeAt(fd, new Uint8Array(MiB).fill(2), 2 * MiB)
  assert.equal(punchHole(fd, 2 * MiB, MiB), true)
  assert.equal(seekData(fd, 2 * MiB), null)
  assert.equal(statFd(fd).size, 5 * MiB)
  const far = 2 ** 40
  truncateFd(fd, far + 1)
  assert.equal(seekHole(fd, far), far)
  const arena = new Uint8Array(16).fill(9)
  assert.equal(readInto(fd, arena, 4, 8, MiB), 8)
  assert.deepEqual([...arena], [9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9])
  assert.equal(readInto(fd, arena, 0, 8, far + 1), 0)
  closeFd(fd)
})

test('without native calls a file is all data', (t) => {
  const path = join(tempFolder(t, 'posix'), 'file')
  writeFileSync(path, 'abc')
  pretendNoLibc('for a test')
  const fd = openAt(AT_FDCWD, path, O_RDWR)
  assert.deepEqual([seekData(fd, 0), seekData(fd, 2), seekData(fd, 3)], [0, 2, null])
  assert.deepEqual([seekHole(fd, 0), seekHole(fd, 3)], [3, null])
  assert.equal(punchHole(fd, 0, 1), false)
  closeFd(fd)
  pretendNoLibc(null)
})

test('an exclusive lock keeps others out until it is released', (t) => {
  if (!requireLinux(t)) return
  const path = join(tempFolder(t, 'posix'), 'lock')
  const [a, b] = [openAt(AT_FDCWD, path, O_CREAT | O_RDWR), openAt(AT_FDCWD, path, O_RDWR)]
  assert.equal(lockFile(a, false, false), true)
  assert.equal(lockFile(b, false, false), true)
  assert.equal(lockFile(a, true, false), false)
  unlockFile(b)
  assert.equal(lockFile(a, true, true), true)
  assert.equal(lockFile(b, false, false), false)
  closeFd(a)
  assert.equal(lockFile(b, true, false), true)
  closeFd(b)
})

test('a rename keeps, replaces or exchanges what is there', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'posix')
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  writeFileSync(join(folder, 'a'), 'A')
  writeFileSync(join(folder, 'b'), 'B')
  assert.throws(() => renameAt(dir, 'a', dir, 'b', 'keep'), { code: 'EEXIST' })
  renameAt(dir, 'a', dir, 'b', 'exchange')
  assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'B')
  renameAt(dir, 'a', dir, 'b')
  assert.equal(readFileSync(join(folder, 'b'), 'utf8'), 'B')
  renameAt(dir, 'b', dir, 'c', 'keep')
  linkAt(dir, 'c', dir, 'd')
  assert.equal(statAt(dir, 'd').nlink, 2)
  mkdirAt(dir, 'e', 0o700)
  assert.throws(() => mkdirAt(dir, 'e', 0o700), { code: 'EEXIST', syscall: 'mkdir', path: 'e' })
  closeFd(dir)
})

test('users and groups are found by number and by name, with and without native calls', (t) => {
  if (!requireLinux(t)) return
  for (const mode of [null, 'for a test']) {
    pretendNoLibc(mode)
    assert.equal(userName(0), 'root')
    assert.equal(groupName(0), 'root')
    assert.equal(uidOf('root'), 0)
    assert.equal(gidOf('root'), 0)
    assert.equal(userName(4_294_000_000), undefined)
    assert.equal(uidOf('no-such-user-here'), undefined)
  }
  pretendNoLibc(null)
})

test('files opened by node:fs and here are the same numbers', (t) => {
  const path = join(tempFolder(t, 'posix'), 'file')
  writeFileSync(path, 'abc')
  const fd = openSync(path, 'r')
  assert.equal(statFd(fd).size, 3)
  closeSync(fd)
})
