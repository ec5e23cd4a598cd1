import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { displayText, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDWR } from '../posix/constants.ts'
import { pretendNoLibc } from '../posix/libc.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { truncateFd, writeAt } from '../posix/read.ts'
import { mknodAt } from '../posix/special-files.ts'
import { statAt } from '../posix/stat.ts'
import { requireLinux } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { SourceFile } from './source-file.ts'
import { type Pass, readStably, type StableReadOptions } from './stable-read.ts'

const ARENA = new Uint8Array(64 * 1024)

/** Reads a file as a backup does; `during` runs in the middle of each pass. */
function readFile(path: string, options: StableReadOptions = {}, during: (pass: Pass) => void = () => undefined) {
  const file = SourceFile.open(AT_FDCWD, utf8(path))
  try {
    return readStably(
      file,
      (pass) => {
        const parts: string[] = []
        let bytes = 0
        while (bytes < pass.bytesMax) {
          const count = file.read(ARENA, 0, Math.min(ARENA.length, pass.bytesMax - bytes), bytes)
          if (count === 0) break
          if (bytes === 0) during(pass)
          parts.push(displayText(ARENA.subarray(0, count)))
          bytes += count
        }
        return { bytes, value: parts.join('') }
      },
      options,
    )
  } finally {
    file.close()
  }
}

/** Times change with the clock's ticks, which are a few milliseconds long. */
function nextTick(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
}

test('a file that holds still is read once', (t) => {
  const path = join(tempFolder(t, 'source'), 'file')
  writeFileSync(path, 'content')
  const { value, bytes, attempts, trouble, stat } = readFile(path)
  assert.deepEqual([value, bytes, attempts, trouble, stat.size], ['content', 7, 1, undefined, 7])
})

test('a file that changes once is read again and is as it was afterwards', (t) => {
  const path = join(tempFolder(t, 'source'), 'file')
  const changes: [what: string, change: () => void, want: string][] = [
    ['appended', () => appendFileSync(path, '++'), 'content++'],
    ['rewritten', () => writeFileSync(path, 'CONTENT'), 'CONTENT'],
    ['shortened', () => truncateSync(path, 3), 'con'],
    ['emptied', () => truncateSync(path, 0), ''],
    ['other permissions', () => chmodSync(path, 0o600), 'content'],
  ]
  for (const [what, change, want] of changes) {
    writeFileSync(path, 'content', { mode: 0o644 })
    chmodSync(path, 0o644)
    nextTick()
    const { value, attempts, trouble, stat, bytes } = readFile(path, {}, ({ attempt }) => attempt === 0 && change())
    assert.equal(value, want, what)
    assert.deepEqual([attempts, trouble], [2, undefined], what)
    assert.equal(stat.size, bytes, what)
    assert.deepEqual(stat, statAt(AT_FDCWD, path), what)
  }
})

test('a file that never holds still is read a limited number of times and marked', (t) => {
  const path = join(tempFolder(t, 'source'), 'file')
  writeFileSync(path, 'content')
  const grow = () => {
    nextTick()
    appendFileSync(path, '+')
  }
  const result = readFile(path, {}, grow)
  assert.deepEqual([result.attempts, result.trouble, result.value], [4, 2, 'content+++'])
  assert.equal(result.stat.size, result.bytes)
  const once = readFile(path, { rereadsMax: 0 }, grow)
  assert.deepEqual([once.attempts, once.trouble], [1, 2])
  const large = readFile(path, { rereadBytesMax: 5 }, grow)
  assert.deepEqual([large.attempts, large.trouble], [1, 2])
})

test('a log that another process writes all the time comes to an end', async (t) => {
  const path = join(tempFolder(t, 'source'), 'log')
  writeFileSync(path, 'begin\n')
  const source = `
    const { openSync, writeSync } = require('node:fs')
    const fd = openSync(process.argv[1], 'a')
    writeSync(1, 'ready')
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (const line = 'x'.repeat(4095) + '\\n'; ; Atomics.wait(pause, 0, 0, 1)) writeSync(fd, line)`
  const writer = spawn(process.execPath, ['-e', source, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(writer.stdout, 'data')
    // However seldom the other one gets a processor.
    const untilItGrows = ({ stat: before }: Pass) => {
      while (lstatSync(path).size <= before.size) nextTick()
    }
    const { trouble, bytes, stat, attempts } = readFile(path, {}, untilItGrows)
    assert.equal(trouble, 2)
    assert.equal(attempts, 4)
    assert.equal(bytes, stat.size)
  } finally {
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
})

test('files of /proc say that they are empty and are read all the same, up to a limit', (t) => {
  if (!requireLinux(t)) return
  const { value, bytes, trouble, stat } = readFile('/proc/self/mountinfo')
  assert.equal(stat.size, 0)
  assert.ok(bytes > 0 && value.includes(' / '))
  assert.equal(trouble, undefined)
  const cut = readFile('/proc/self/mountinfo', { endlessBytesMax: 10 })
  assert.deepEqual([cut.bytes, cut.trouble], [10, 2])
})

test('an empty file is an empty file', (t) => {
  const path = join(tempFolder(t, 'source'), 'file')
  writeFileSync(path, '')
  const { value, bytes, trouble, attempts } = readFile(path)
  assert.deepEqual([value, bytes, trouble, attempts], ['', 0, undefined, 1])
})

test('a file that gives fewer bytes than it says without changing has the bytes it gave', (t) => {
  if (!requireLinux(t)) return
  const { value, bytes, stat, trouble, attempts } = readFile('/sys/kernel/mm/transparent_hugepage/enabled')
  assert.equal(stat.size, 4096)
  assert.ok(bytes < 4096 && value.includes('never'))
  assert.deepEqual([trouble, attempts], [undefined, 1])
})

test('only regular files are opened: no symlink is followed, no fifo waited for', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const dirFd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  symlinkSync('/etc/passwd', join(folder, 'symlink'))
  mkdirSync(join(folder, 'directory'))
  mknodAt(dirFd, 'fifo', 'fifo', 0o600)
  assert.throws(() => SourceFile.open(dirFd, utf8('symlink')), { code: 'ELOOP' })
  assert.throws(() => SourceFile.open(dirFd, utf8('missing')), { code: 'ENOENT' })
  for (const name of ['fifo', 'directory']) {
    assert.throws(
      () => SourceFile.open(dirFd, utf8(name)),
      (error: unknown) => error instanceof BackupError && error.message.includes(`is now a ${name}`),
    )
  }
  closeFd(dirFd)
})

test('reading leaves the access time as it is where the reader may ask for that', (t) => {
  if (!requireLinux(t)) return
  const path = join(tempFolder(t, 'source'), 'file')
  writeFileSync(path, 'content')
  utimesSync(path, 1000, 2000)
  readFile(path)
  assert.equal(lstatSync(path).atimeMs, 1_000_000)
})

test('data and holes are told apart within the size', (t) => {
  if (!requireLinux(t)) return
  const path = join(tempFolder(t, 'source'), 'sparse')
  const fd = openAt(AT_FDCWD, path, O_CREAT | O_RDWR)
  const MiB = 1024 * 1024
  truncateFd(fd, 4 * MiB)
  writeAt(fd, new Uint8Array(4096).fill(1), MiB)
  writeAt(fd, new Uint8Array(4096).fill(1), 3 * MiB)
  closeFd(fd)
  const file = SourceFile.open(AT_FDCWD, utf8(path))
  const size = 4 * MiB
  assert.deepEqual(file.data(0, size), { start: MiB, end: MiB + 4096 })
  assert.deepEqual(file.data(MiB + 10, size), { start: MiB + 10, end: MiB + 4096 })
  assert.deepEqual(file.data(MiB + 4096, size), { start: 3 * MiB, end: 3 * MiB + 4096 })
  assert.deepEqual(file.data(3 * MiB + 4096, size), { start: size, end: size })
  assert.deepEqual(file.data(0, MiB), { start: MiB, end: MiB })
  assert.deepEqual(file.data(0, MiB + 1), { start: MiB, end: MiB + 1 })
  assert.deepEqual(file.data(size, size), { start: size, end: size })
  file.close()
  pretendNoLibc('for a test')
  const plain = SourceFile.open(AT_FDCWD, utf8(path))
  assert.deepEqual(plain.data(0, size), { start: 0, end: size })
  plain.close()
  pretendNoLibc(null)
})
