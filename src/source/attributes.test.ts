import assert from 'node:assert/strict'
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { displayText, toHex, utf8 } from '../base/bytes.ts'
import { CborWriter } from '../base/cbor.ts'
import { encodeEntry } from '../format/entry.ts'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../posix/constants.ts'
import { FLAG_IMMUTABLE, FLAG_NODUMP, getFlags, setFlags } from '../posix/file-flags.ts'
import { pretendNoLibc } from '../posix/libc.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { mknodAt } from '../posix/special-files.ts'
import { statAt } from '../posix/stat.ts'
import { setXattr } from '../posix/xattr.ts'
import { requireLinux, requireRoot } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { describeEntry, entryOfStat, readAttributes, readOpenAttributes } from './attributes.ts'

const linkGroupOf = (identity: Uint8Array) => Uint8Array.from([...identity, ...identity]).subarray(0, 32)

test('entries of every kind carry what the format asks of them', async (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'source')
  writeFileSync(join(folder, 'file'), 'abc', { mode: 0o640 })
  mkdirSync(join(folder, 'directory'))
  symlinkSync('Ziel é', join(folder, 'symlink'))
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  mknodAt(dirFd, 'fifo', 'fifo', 0o600)
  mknodAt(dirFd, 'char', 'char', 0o600, { major: 5, minor: 300 })
  mknodAt(dirFd, 'block', 'block', 0o600, { major: 7, minor: 1 })
  const server = createServer().listen(join(folder, 'socket'))
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  for (const kind of ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block']) {
    const name = utf8(kind)
    const stat = statAt(dirFd, name)
    const { entry, attributes, reasons } = describeEntry({ dirFd, name }, stat, linkGroupOf)
    assert.deepEqual(reasons, [])
    assert.equal(attributes.failed, false)
    assert.equal(entry.kind, kind)
    assert.equal(entry.user, 'root')
    assert.equal(entry.group, 'root')
    assert.equal(entry.ino, stat.ino)
    assert.equal(entry.links, undefined)
    assert.deepEqual(
      entry.device,
      kind === 'char' ? { major: 5, minor: 300 } : kind === 'block' ? { major: 7, minor: 1 } : undefined,
    )
    assert.equal(
      entry.target === undefined ? undefined : displayText(entry.target),
      kind === 'symlink' ? 'Ziel é' : undefined,
    )
    assert.equal(entry.size, kind === 'file' ? 3 : kind === 'symlink' ? 7 : undefined)
    // The codec refuses entries that break a rule of the format.
    const rest =
      kind === 'file'
        ? { content: { kind: 'inline', bytes: utf8('abc') } as const }
        : kind === 'directory'
          ? { subtree: { ref: new Uint8Array(32), entries: 0, bytes: 0 } }
          : {}
    encodeEntry(new CborWriter(1024), { ...entry, ...rest })
  }
  closeFd(dirFd)
})

test('all names of one inode share a link group, of symlinks and fifos too; a directory has none', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  writeFileSync(join(folder, 'a'), '')
  linkSync(join(folder, 'a'), join(folder, 'b'))
  mkdirSync(join(folder, 'd/e'), { recursive: true })
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const [a, b, d] = ['a', 'b', 'd'].map((name) => entryOfStat(utf8(name), statAt(dirFd, name), linkGroupOf))
  assert.equal(a!.links, 2)
  assert.deepEqual(a!.linkGroup, b!.linkGroup)
  assert.equal(a!.linkGroup!.length, 8)
  assert.deepEqual([d!.links, d!.linkGroup], [undefined, undefined])
  // Device and inode, little endian, 8 bytes each.
  let identity: Uint8Array | undefined
  const stat = statAt(dirFd, 'a')
  entryOfStat(utf8('a'), stat, (x) => (identity = x))
  assert.equal(new DataView(identity!.buffer).getBigUint64(0, true), stat.dev)
  assert.equal(new DataView(identity!.buffer).getBigUint64(8, true), stat.ino)
  closeFd(dirFd)
})

test('attributes are read by file descriptor and by name alike, and in order', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'source')
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'directory'))
  symlinkSync('x', join(folder, 'symlink'))
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  for (const kind of ['file', 'directory', 'symlink'] as const) {
    const name = utf8(kind)
    setXattr({ dirFd, name }, 'trusted.z', utf8('last'))
    setXattr({ dirFd, name }, 'trusted.a', new Uint8Array(2000).fill(1))
    let byFd: ReturnType<typeof readOpenAttributes> | undefined
    if (kind !== 'symlink') {
      const fd = openAt(dirFd, name, O_RDONLY)
      setFlags(fd, getFlags(fd)! | FLAG_NODUMP)
      byFd = readOpenAttributes(fd)
      assert.deepEqual(readAttributes({ dirFd, name, fd }, kind), byFd)
      closeFd(fd)
    }
    const byName = readAttributes({ dirFd, name }, kind)
    if (byFd !== undefined) assert.deepEqual(byName, byFd)
    assert.deepEqual(
      byName.xattrs!.map((x) => [displayText(x.name), x.value.length]),
      [
        ['trusted.a', 2000],
        ['trusted.z', 4],
      ],
    )
    assert.equal(byName.flags, kind === 'symlink' ? undefined : FLAG_NODUMP)
    assert.equal(byName.failed, false)
  }
  closeFd(dirFd)
})

test('flags that only say how a file is stored are not kept, those a user sets are', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const path = join(tempFolder(t, 'source'), 'file')
  writeFileSync(path, '')
  const fd = openAt(AT_FDCWD, path, O_RDONLY)
  assert.deepEqual(readOpenAttributes(fd), { failed: false })
  const before = getFlags(fd)!
  setFlags(fd, before | FLAG_IMMUTABLE)
  const { flags } = readOpenAttributes(fd)
  setFlags(fd, before)
  assert.equal(flags, FLAG_IMMUTABLE)
  closeFd(fd)
})

test('an open fifo is never waited for, and one that is not open is not opened', (t) => {
  if (!requireLinux(t)) return
  const dirFd = openAt(AT_FDCWD, tempFolder(t, 'source'), O_DIRECTORY)
  mknodAt(dirFd, 'fifo', 'fifo', 0o600)
  const name = utf8('fifo')
  assert.deepEqual(readAttributes({ dirFd, name }, 'fifo'), { failed: false })
  assert.deepEqual(describeEntry({ dirFd, name }, statAt(dirFd, name), linkGroupOf).reasons, [])
  // It was a file when it was looked at.
  assert.deepEqual(readAttributes({ dirFd, name }, 'file'), { failed: false })
  closeFd(dirFd)
})

test('what cannot be read is missing, named, and marked in the entry', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  symlinkSync('x', join(folder, 'symlink'))
  writeFileSync(join(folder, 'file'), '')
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const asSymlink = statAt(dirFd, 'symlink')
  const { entry, reasons } = describeEntry({ dirFd, name: utf8('file') }, asSymlink, linkGroupOf)
  assert.deepEqual(entry.trouble, [1])
  assert.equal(entry.target, undefined)
  assert.match(reasons.join(), /target of the symlink cannot be read: EINVAL/)
  closeFd(dirFd)
  const closed = readOpenAttributes(dirFd)
  assert.equal(closed.failed, true)
  assert.match(closed.reason!, /extended attributes cannot be read: EBADF/)
})

test('what is gone by now has no attributes and is no failure', (t) => {
  const dirFd = openAt(AT_FDCWD, tempFolder(t, 'source'), O_DIRECTORY)
  assert.deepEqual(readAttributes({ dirFd, name: utf8('gone') }, 'file'), { failed: false })
  closeFd(dirFd)
})

test('without native calls there are none, and nothing fails', (t) => {
  const folder = tempFolder(t, 'source')
  mkdirSync(join(folder, 'd'))
  pretendNoLibc('for a test')
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const { entry, attributes } = describeEntry({ dirFd, name: utf8('d') }, statAt(dirFd, 'd'), linkGroupOf)
  closeFd(dirFd)
  pretendNoLibc(null)
  assert.equal(entry.kind, 'directory')
  assert.deepEqual(attributes, { failed: false })
  assert.equal(toHex(entry.name), '64')
})
