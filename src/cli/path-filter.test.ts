import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import { pathFilter } from './path-filter.ts'

const decide = (include: string[], exclude: string[], path: string) => {
  const isDirectory = path.endsWith('/')
  return pathFilter(include, exclude)!(utf8(isDirectory ? path.slice(0, -1) : path), isDirectory)
}

test('what is included is taken with everything below, the folders above are entered', () => {
  const include = ['*.key', 'photos', '/etc/ssh']
  assert.equal(decide(include, [], '/home/ann/a.key'), 'take')
  assert.equal(decide(include, [], '/home/ann/photos/'), 'take')
  assert.equal(decide(include, [], '/home/ann/photos/2026/a.raw'), 'take')
  assert.equal(decide(include, [], '/etc/ssh/sshd_config'), 'take')
  assert.equal(decide(include, [], '/etc/'), 'enter')
  assert.equal(decide(include, [], '/etc/fstab'), 'skip')
  assert.equal(decide(include, [], '/srv/etc/ssh'), 'skip', 'a pattern that begins with a slash is a whole path')
})

test('what is excluded stays out, also below what is included', () => {
  assert.equal(decide([], ['*.tmp'], '/a/b'), 'take')
  assert.equal(decide([], ['*.tmp'], '/a/b.tmp'), 'skip')
  assert.equal(decide(['photos'], ['cache/'], '/photos/cache/'), 'skip')
})

test('a pattern with a slash begins at any folder', () => {
  assert.equal(decide(['work/*.odt'], [], '/home/ann/work/a.odt'), 'take')
  assert.equal(decide(['work/*.odt'], [], '/home/ann/work/old/a.odt'), 'skip')
})

test('without patterns there is nothing to decide', () => {
  assert.equal(pathFilter([], []), undefined)
})
