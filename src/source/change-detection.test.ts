import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, linkSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { timespecFromMs, type Timespec } from '../base/time.ts'
import type { Entry } from '../format/entry-model.ts'
import { AT_FDCWD } from '../posix/constants.ts'
import { type FileStat, statAt } from '../posix/stat.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { entryOfStat } from './attributes.ts'
import { compareWithParent } from './change-detection.ts'

const OLD: Timespec = { sec: 1_000_000, nsec: 500 }
const STARTED: Timespec = { sec: 2_000_000, nsec: 500 }
const entry: Entry = {
  name: Uint8Array.of(0x61),
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtime: OLD,
  ctime: OLD,
  ino: 7n,
  size: 10,
  content: { kind: 'inline', bytes: new Uint8Array(10) },
}
const stat: FileStat = {
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 10,
  mtime: OLD,
  ctime: OLD,
  btime: undefined,
  ino: 7n,
  dev: 1n,
  nlink: 1,
  rdev: { major: 0, minor: 0 },
  blocks512: 8,
  attributes: 0n,
  mountId: 1,
}
const other: Timespec = { sec: 1_000_000, nsec: 501 }

test('a file is unchanged if kind, size, inode, mtime and ctime are the same', () => {
  assert.equal(compareWithParent(entry, stat, STARTED), 'same')
  const changes: [string, Partial<FileStat>, Partial<Entry>?][] = [
    ['size', { size: 11 }],
    ['inode', { ino: 8n }],
    ['mtime', { mtime: other }],
    ['ctime', { ctime: other }],
    ['kind now', { kind: 'fifo' }],
    ['kind then', {}, { kind: 'symlink' }],
    ['content was not read', {}, { trouble: [1] }],
    ['changed while it was read', {}, { trouble: [2] }],
    ['attributes were not read', {}, { trouble: [3] }],
  ]
  for (const [what, now, then] of changes) {
    assert.equal(compareWithParent({ ...entry, ...then }, { ...stat, ...now }, STARTED), 'changed', what)
  }
  const { content: _, ...withoutContent } = entry
  assert.equal(compareWithParent(withoutContent, stat, STARTED), 'changed')
  assert.equal(compareWithParent(undefined, stat, STARTED), 'changed')
})

test('what is not trusted is not compared, and without ctime attributes are read again', () => {
  const cases: [options: object, now: Partial<FileStat>, verdict: string][] = [
    [{ ignoreInode: true }, { ino: 8n }, 'same'],
    [{ ignoreMtime: true }, { mtime: other }, 'same'],
    [{ ignoreCtime: true }, { ctime: other }, 'same content'],
    [{ ignoreCtime: true }, {}, 'same content'],
    [{ ignoreCtime: true }, { mtime: other }, 'changed'],
    [{ ignoreCtime: true, ignoreMtime: true }, { ctime: other, mtime: other }, 'same content'],
    [{ ignoreCtime: true, ignoreMtime: true, ignoreInode: true }, { size: 11 }, 'changed'],
    [{ ignoreInode: true }, { ctime: other }, 'changed'],
    [{ alwaysRead: true }, {}, 'verify'],
    [{ alwaysRead: true, ignoreCtime: true }, { ctime: other }, 'verify'],
    [{ alwaysRead: true }, { ctime: other }, 'changed'],
  ]
  for (const [options, now, verdict] of cases) {
    assert.equal(compareWithParent(entry, { ...stat, ...now }, STARTED, options), verdict, JSON.stringify(options))
  }
  const { ctime: _, ...withoutCtime } = entry
  assert.equal(compareWithParent(withoutCtime, stat, STARTED), 'same content')
})

test('times as young as the parent snapshot prove nothing', () => {
  const at = (sec: number, nsec = 500) => ({ sec, nsec })
  const cases: [time: Timespec, verdict: string][] = [
    [at(1_999_998, 499), 'same'],
    [at(1_999_998, 500), 'changed'],
    [at(1_999_999), 'changed'],
    [at(2_000_000), 'changed'],
    [at(3_000_000), 'changed'],
  ]
  for (const [time, verdict] of cases) {
    const both = { ctime: time, mtime: OLD }
    assert.equal(compareWithParent({ ...entry, ...both }, { ...stat, ...both }, STARTED), verdict, `ctime ${time.sec}`)
    const young = { ctime: OLD, mtime: time }
    // With a ctime that counts, an mtime in the future does no harm.
    assert.equal(compareWithParent({ ...entry, ...young }, { ...stat, ...young }, STARTED), 'same')
    const want = verdict === 'same' ? 'same content' : verdict
    const without = compareWithParent({ ...entry, ...young }, { ...stat, ...young }, STARTED, { ignoreCtime: true })
    assert.equal(without, want, `mtime ${time.sec}`)
  }
  const young = { ctime: at(2_000_000), mtime: OLD }
  assert.equal(
    compareWithParent({ ...entry, ...young }, { ...stat, ...young }, STARTED, { alwaysRead: true }),
    'changed',
  )
})

test('real changes are seen, also those that keep size and mtime', (t) => {
  const folder = tempFolder(t, 'source')
  const path = join(folder, 'file')
  const changes: [what: string, change: () => void, withoutCtime: string][] = [
    ['nothing', () => undefined, 'same content'],
    ['appended', () => appendFileSync(path, 'x'), 'changed'],
    ['same size and mtime', () => rewrite(path), 'same content'],
    ['permissions', () => chmodSync(path, 0o600), 'same content'],
    ['another link', () => linkSync(path, join(folder, 'link')), 'same content'],
    ['replaced', () => replace(path), 'changed'],
  ]
  for (const [what, change, withoutCtime] of changes) {
    rmSync(path, { force: true })
    writeFileSync(path, 'first')
    utimesSync(path, 1000, 1000)
    const before = statAt(AT_FDCWD, path)
    const parent: Entry = {
      ...entryOfStat(Uint8Array.of(0x66), before, (x) => x),
      content: { kind: 'extents', extents: [] },
    }
    spawnSync('sleep', ['0.02'])
    change()
    const now = statAt(AT_FDCWD, path)
    // As if the parent had been made long afterwards, so that nothing is racy.
    const started = timespecFromMs(Date.now() + 60_000)
    assert.equal(compareWithParent(parent, now, started), what === 'nothing' ? 'same' : 'changed', what)
    assert.equal(compareWithParent(parent, now, started, { ignoreCtime: true }), withoutCtime, what)
    assert.equal(compareWithParent(parent, now, timespecFromMs(Date.now())), 'changed', `${what}, racy`)
  }
})

function rewrite(path: string): void {
  writeFileSync(path, 'other')
  utimesSync(path, 1000, 1000)
}

function replace(path: string): void {
  writeFileSync(`${path}.new`, 'first')
  utimesSync(`${path}.new`, 1000, 1000)
  renameSync(`${path}.new`, path)
}
