import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { compareBytes, displayText, toHex, utf8 } from '../base/bytes.ts'
import { timespecToNs } from '../base/time.ts'
import { requireLinux } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { AT_FDCWD, DT_DIR, DT_LNK, DT_REG, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR } from './constants.ts'
import { bytesOfKey, DirectoryReader, keyOfBytes, readDirectory } from './directory.ts'
import type { SystemError } from './errors.ts'
import { loadPosix, pretendNoLibc } from './libc.ts'
import { mkdirAt, readLinkAt, symlinkAt, unlinkAt } from './names.ts'
import { closeFd, openAt } from './open.ts'
import { joinDevice, splitDevice, statAt, statFd } from './stat.ts'

after(() => pretendNoLibc(null))

for (const mode of ['native calls', 'node:fs alone']) {
  const both = (name: string, body: (folder: string) => void) => {
    void test(`${name} (${mode})`, (t) => {
      const folder = tempFolder(t, 'posix')
      pretendNoLibc(mode === 'native calls' ? null : 'for a test')
      try {
        body(folder)
      } finally {
        pretendNoLibc(null)
      }
    })
  }

  both('statAt agrees with lstat for every kind of name and follows symlinks on request only', (folder) => {
    writeFileSync(join(folder, 'file'), 'twelve bytes', { mode: 0o641 })
    mkdirSync(join(folder, 'directory'))
    symlinkSync('file', join(folder, 'symlink'))
    symlinkSync('nowhere', join(folder, 'dangling'))
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    for (const name of ['file', 'directory', 'symlink', 'dangling']) {
      const want = lstatSync(join(folder, name), { bigint: true })
      const got = statAt(dir, name)
      assert.equal(got.kind, name === 'dangling' ? 'symlink' : name)
      assert.equal(BigInt(got.mode), want.mode & 0o7777n)
      assert.equal(BigInt(got.size), want.size)
      assert.equal(got.ino, want.ino)
      assert.equal(got.dev, want.dev)
      assert.equal(BigInt(got.nlink), want.nlink)
      assert.equal(BigInt(got.uid), want.uid)
      assert.equal(BigInt(got.gid), want.gid)
      assert.equal(BigInt(got.blocks512), want.blocks)
      assert.equal(timespecToNs(got.mtime), want.mtimeNs)
      assert.equal(timespecToNs(got.ctime), want.ctimeNs)
      assert.equal(got.btime === undefined ? 0n : timespecToNs(got.btime), want.birthtimeNs)
    }
    assert.equal(statAt(dir, 'symlink', true).kind, 'file')
    assert.throws(() => statAt(dir, 'dangling', true), { code: 'ENOENT' })
    closeFd(dir)
  })

  both('statFd gives what statAt gives', (folder) => {
    writeFileSync(join(folder, 'file'), 'x')
    const fd = openAt(AT_FDCWD, join(folder, 'file'), O_RDONLY)
    assert.deepEqual(statFd(fd), statAt(AT_FDCWD, join(folder, 'file')))
    closeFd(fd)
  })

  both('device numbers of /dev/null are 1:3', () => {
    const stat = statAt(AT_FDCWD, '/dev/null')
    assert.equal(stat.kind, 'char')
    if (process.platform === 'linux') assert.deepEqual(stat.rdev, { major: 1, minor: 3 })
  })

  both('readDirectory lists what readdir lists, with kinds, and again from the beginning', (folder) => {
    mkdirSync(join(folder, 'a-directory'))
    symlinkSync('x', join(folder, '..link'))
    writeFileSync(join(folder, '...'), '')
    for (let i = 0; i < 3000; i++) writeFileSync(join(folder, `file with a name of some length ${i}`), '')
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    const listing = readDirectory(dir)
    assert.deepEqual(listing.names.map(displayText).sort(), readdirSync(folder).sort())
    assert.equal(listing.types.length, listing.names.length)
    const typeOf = new Map(listing.names.map((name, i) => [displayText(name), listing.types[i]]))
    assert.equal(typeOf.get('a-directory'), DT_DIR)
    assert.equal(typeOf.get('..link'), DT_LNK)
    assert.equal(typeOf.get('...'), DT_REG)
    assert.equal(readDirectory(dir).names.length, 3003)
    closeFd(dir)
  })

  both('an empty directory has no names', (folder) => {
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    assert.deepEqual(readDirectory(dir), { names: [], types: new Uint8Array(0) })
    closeFd(dir)
  })

  both('names of every length from 1 to 255 bytes come out whole', (folder) => {
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    for (let length = 1; length <= 255; length++) closeFd(openAt(dir, 'n'.repeat(length), O_CREAT | O_RDWR))
    const lengths = readDirectory(dir).names.map((name) => name.length)
    assert.deepEqual(
      lengths.sort((a, b) => a - b),
      Array.from({ length: 255 }, (_, i) => i + 1),
    )
    assert.throws(() => openAt(dir, 'n'.repeat(256), O_CREAT | O_RDWR), { code: 'ENAMETOOLONG' })
    closeFd(dir)
  })

  both('names that are not UTF-8 are kept byte by byte', (folder) => {
    const name = Uint8Array.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 0x2f))
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    closeFd(openAt(dir, name, O_CREAT | O_RDWR))
    assert.equal(statAt(dir, name).kind, 'file')
    assert.deepEqual(readDirectory(dir).names.map(toHex), [toHex(name)])
    unlinkAt(dir, name, false)
    assert.throws(() => statAt(dir, name), { code: 'ENOENT' })
    closeFd(dir)
  })

  both('text names are UTF-8', (folder) => {
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    mkdirAt(dir, 'Übergrößenträger 日本', 0o755)
    assert.deepEqual(readDirectory(dir).names.map(toHex), [toHex(utf8('Übergrößenträger 日本'))])
    closeFd(dir)
  })

  both('symlink targets of 4,095 bytes and without UTF-8 come back as they were written', (folder) => {
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    const long = new Uint8Array(4095).fill(0x61)
    symlinkAt(long, dir, 'long')
    assert.equal(toHex(readLinkAt(dir, 'long')), toHex(long))
    symlinkAt(Uint8Array.of(0xff, 0xfe, 0x2f), dir, 'odd')
    assert.equal(toHex(readLinkAt(dir, 'odd')), 'fffe2f')
    assert.throws(() => symlinkAt(new Uint8Array(4096).fill(0x61), dir, 'longer'), { code: 'ENAMETOOLONG' })
    closeFd(dir)
  })

  both('errors carry code, errno, syscall and the name', (folder) => {
    const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
    assert.throws(
      () => statAt(dir, 'missing'),
      (error: SystemError) => error.code === 'ENOENT' && error.errno === -2 && error.path!.endsWith('missing'),
    )
    symlinkSync('.', join(folder, 'link'))
    assert.throws(() => openAt(dir, 'link', O_DIRECTORY | O_NOFOLLOW), { syscall: 'open' })
    closeFd(dir)
  })
}

test('a name with a zero byte is refused rather than cut', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'posix')
  writeFileSync(join(folder, 'a'), '')
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  assert.throws(() => statAt(dir, Uint8Array.of(0x61, 0, 0x62)), { code: 'EINVAL' })
  assert.throws(() => statAt(dir, 'a\0b'), { code: 'EINVAL' })
  closeFd(dir)
})

test('what lies far below the longest path is reached from one directory to the next, or by its whole path', (t) => {
  if (!requireLinux(t)) return
  const root = tempFolder(t, 'posix')
  const name = new Uint8Array(255).fill(0x64)
  let dir = openAt(AT_FDCWD, root, O_DIRECTORY)
  const path = [utf8(root)]
  for (let depth = 0; depth < 40; depth++) {
    mkdirAt(dir, name, 0o755)
    const next = openAt(dir, name, O_DIRECTORY | O_NOFOLLOW)
    closeFd(dir)
    dir = next
    path.push(utf8('/'), name)
  }
  closeFd(openAt(dir, 'at the bottom', O_CREAT | O_RDWR))
  symlinkAt('target', dir, 'link')
  assert.deepEqual(readDirectory(dir).names.map(displayText).sort(), ['at the bottom', 'link'])
  const below = (last: string) => Buffer.concat([...path, utf8(`/${last}`)])
  assert.ok(below('link').length > 10_000)
  assert.deepEqual(statAt(AT_FDCWD, below('at the bottom')), statAt(dir, 'at the bottom'))
  assert.equal(displayText(readLinkAt(AT_FDCWD, below('link'))), 'target')
  closeFd(openAt(AT_FDCWD, below('at the bottom'), O_RDONLY | O_NOFOLLOW))
  assert.throws(() => openAt(AT_FDCWD, below('missing'), O_RDONLY), { code: 'ENOENT' })
  assert.throws(() => statAt(AT_FDCWD, new Uint8Array(5000).fill(0x61)), { code: 'ENAMETOOLONG' })
  // Cut at whichever slash is the last in reach, also among many.
  for (let slashes = 1; slashes < 600; slashes += 7) {
    const padded = Buffer.concat([...path.slice(0, 29), utf8('/'.repeat(slashes)), ...path.slice(30)])
    assert.equal(statAt(AT_FDCWD, padded).ino, statFd(dir).ino)
  }
  const before = readdirSync('/proc/self/fd').length
  statAt(AT_FDCWD, below('link'))
  assert.equal(readdirSync('/proc/self/fd').length, before)
  closeFd(dir)
})

test('a directory is read in parts that together are the whole', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'posix')
  for (let i = 0; i < 5000; i++) writeFileSync(join(folder, `name-${i}`), '')
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const reader = new DirectoryReader(dir)
  const keys: string[] = []
  const types: number[] = []
  let parts = 0
  while (reader.next(keys, types)) parts++
  closeFd(dir)
  assert.ok(parts > 1, `${parts} parts`)
  assert.equal(new Set(keys).size, 5000)
})

test('keys sort as the bytes do and turn back into them', () => {
  const names = [[0x61], [0xc3, 0xa9], [0xff], [0x61, 0x2e], [0x7f], [0x80, 0x61], [1]].map((b) => Uint8Array.from(b))
  assert.deepEqual(names.map(keyOfBytes).sort().map(bytesOfKey).map(toHex), names.sort(compareBytes).map(toHex))
})

test('device numbers are packed as the C library packs them', () => {
  for (const [major, minor, packed] of [
    [1, 3, 0x103n],
    [8, 0, 0x800n],
    [0xfff, 0xff, 0xfffffn],
    [0x12345678, 0x9abcdef1, 0x123459abcde678f1n],
  ] as const) {
    assert.deepEqual(splitDevice(joinDevice(major, minor)), { major, minor })
    assert.equal(joinDevice(major, minor), packed)
  }
})

test('nothing is inherited by child processes', (t) => {
  if (!requireLinux(t)) return
  const dir = openAt(AT_FDCWD, tempFolder(t, 'posix'), O_DIRECTORY)
  const listed = spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout.split('\n')
  closeFd(dir)
  assert.ok(!listed.includes(String(dir)))
})

test('without native calls the support says what is missing and why', () => {
  pretendNoLibc('for a test')
  const support = loadPosix()
  pretendNoLibc(null)
  assert.equal(support.full, false)
  assert.ok(support.missing.some((line) => line.includes('extended attributes') && line.includes('for a test')))
})

test('on Linux with x64 or arm64 nothing is missing', (t) => {
  if (!requireLinux(t)) return
  assert.deepEqual(loadPosix(), { full: true, missing: [] })
})
