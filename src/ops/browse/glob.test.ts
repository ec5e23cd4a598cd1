import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { globMatcher } from './glob.ts'

const CASES: [pattern: string, yes: string[], no: string[]][] = [
  ['*.txt', ['a.txt', '.txt'], ['a.txt2', 'b/a.txt', 'a.TXT']],
  ['?', ['a', 'ü', '日'], ['', 'ab', '/']],
  ['a?c', ['abc', 'aüc'], ['ac', 'a/c']],
  ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
  ['[!a-c]x', ['dx'], ['ax', '/x']],
  ['[]]', [']'], ['[']],
  ['/srv/**', ['/srv/a', '/srv/a/b'], ['/srv', '/srv2/a']],
  ['/srv/**/x', ['/srv/x', '/srv/a/b/x'], ['/srv/a/xx']],
  ['/srv/*/x', ['/srv/a/x'], ['/srv/x', '/srv/a/b/x']],
  ['a.b(c)+$', ['a.b(c)+$'], ['aXb(c)+$', 'a.bccc']],
  ['\\*', ['*'], ['a']],
  ['a\nb*', ['a\nb', 'a\nbc'], ['ab']],
]

test('patterns match as in a shell', () => {
  for (const [pattern, yes, no] of CASES) {
    const matches = globMatcher(utf8(pattern))
    for (const name of yes) assert(matches(utf8(name)), `${pattern} matches ${name}`)
    for (const name of no) assert(!matches(utf8(name)), `${pattern} does not match ${name}`)
  }
})

test('names that are no UTF-8 can be matched, byte by byte', () => {
  assert(globMatcher(utf8('a?b'))(new Uint8Array([0x61, 0xff, 0x62])))
  assert(globMatcher(new Uint8Array([0xff, 0x2a]))(new Uint8Array([0xff, 0x31])))
})

test('case is ignored on request', () => {
  assert(globMatcher(utf8('*.jpg'), true)(utf8('A.JPG')))
})

test('a set that is never closed is refused', () => {
  for (const pattern of ['[abc', '[', '[!', '[]', '[!]']) {
    assert.throws(
      () => globMatcher(utf8(pattern)),
      (error) => error instanceof BackupError && error.code === 'usage',
      pattern,
    )
  }
})
