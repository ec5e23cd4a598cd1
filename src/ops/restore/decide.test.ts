import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { Entry, EntryKind } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import { decide } from './decide.ts'

const TIME = { sec: 1, nsec: 5 }
const KINDS: EntryKind[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block']

function entry(kind: EntryKind, more: Partial<Entry> = {}): Entry {
  const base = { name: utf8('x'), kind, mode: 0o644, uid: 0, gid: 0, mtime: TIME, ino: 1n }
  if (kind === 'file') return { ...base, size: 7, content: { kind: 'inline', bytes: utf8('content') }, ...more }
  if (kind === 'symlink') return { ...base, target: utf8('there'), ...more }
  return kind === 'char' || kind === 'block'
    ? { ...base, device: { major: 1, minor: 3 }, ...more }
    : { ...base, ...more }
}

function stat(kind: EntryKind, more: Partial<FileStat> = {}): FileStat {
  return {
    kind,
    mode: 0o600,
    uid: 5,
    gid: 5,
    size: 7,
    mtime: TIME,
    ctime: TIME,
    btime: undefined,
    ino: 2n,
    dev: 1n,
    nlink: 1,
    rdev: { major: 1, minor: 3 },
    blocks512: 8,
    attributes: 0n,
    mountId: 0,
    ...more,
  }
}

test('what is missing is made, what is of another kind makes room, a directory in the way is a decision of its own', () => {
  for (const kind of KINDS) {
    assert.equal(decide(entry(kind), undefined, 'attributes'), 'make')
    for (const other of KINDS) {
      if (other === kind) continue
      const expected = other === 'directory' ? 'replace-directory' : 'replace'
      assert.equal(
        decide(entry(kind), { stat: stat(other) }, 'attributes'),
        expected,
        `${other} in the place of ${kind}`,
      )
    }
  }
})

test('a file is kept by its size and time, or compared where that is asked for', () => {
  const file = entry('file')
  assert.equal(decide(file, { stat: stat('file') }, 'attributes'), 'keep')
  assert.equal(decide(file, { stat: stat('file', { size: 8 }) }, 'attributes'), 'replace')
  assert.equal(decide(file, { stat: stat('file', { mtime: { sec: 1, nsec: 6 } }) }, 'attributes'), 'replace')
  assert.equal(decide(file, { stat: stat('file') }, 'content'), 'compare')
  assert.equal(decide(file, { stat: stat('file', { mtime: { sec: 9, nsec: 6 } }) }, 'content'), 'compare')
  assert.equal(decide(file, { stat: stat('file', { size: 8 }) }, 'content'), 'replace')
})

test('a symlink is kept by its target, a device by its numbers, the rest by their kind', () => {
  const link = { stat: stat('symlink'), target: utf8('there') }
  assert.equal(decide(entry('symlink'), link, 'content'), 'keep')
  assert.equal(decide(entry('symlink'), { ...link, target: utf8('ther') }, 'content'), 'replace')
  for (const kind of ['char', 'block'] as const) {
    assert.equal(decide(entry(kind), { stat: stat(kind) }, 'content'), 'keep')
    assert.equal(decide(entry(kind), { stat: stat(kind, { rdev: { major: 1, minor: 4 } }) }, 'content'), 'replace')
    assert.equal(decide(entry(kind), { stat: stat(kind, { rdev: { major: 2, minor: 3 } }) }, 'content'), 'replace')
  }
  for (const kind of ['directory', 'fifo', 'socket'] as const) {
    assert.equal(decide(entry(kind), { stat: stat(kind) }, 'content'), 'keep')
  }
})
