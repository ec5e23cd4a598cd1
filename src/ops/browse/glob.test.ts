import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { globMatcher } from './glob.ts'

const CASES: [pattern: string, yes: string[], no: string[]][] = [
  ['*.txt', ['a.txt', '.txt'], ['a.txt2', 'b/a.txt', 'a.TXT']],
  ['?', ['a', 'ü', '日'], ['', 'ab', '/']],
  ['/srv/**', ['/srv/a', '/srv/a/b'], ['/srv', '/srv2/a']],
  ['/srv/**/x', ['/srv/x', '/srv/a/b/x'], ['/srv/a/xx']],
  ['**/x', ['/x', '/a/b/x'], ['/a/xx']],
  ['a.b(c)+$', ['a.b(c)+$'], ['aXb(c)+$', 'a.bccc']],
]

test('patterns match whole names and whole paths', () => {
  for (const [pattern, yes, no] of CASES) {
    const matches = globMatcher(pattern)
    for (const name of yes) assert(matches(utf8(name)), `${pattern} matches ${name}`)
    for (const name of no) assert(!matches(utf8(name)), `${pattern} does not match ${name}`)
  }
})

test('names that are no UTF-8 can be matched, byte by byte', () => {
  assert(globMatcher('a?b')(new Uint8Array([0x61, 0xff, 0x62])))
  assert(globMatcher('\udcff*')(new Uint8Array([0xff, 0x31])))
})

test('case is ignored on request', () => {
  assert(globMatcher('*.jpg', true)(utf8('A.JPG')))
  assert(globMatcher('Ü*', true)(utf8('üX')))
})

test('a pattern that can match nothing is refused', () => {
  for (const pattern of ['[abc', '\\']) {
    const refused = (error: unknown) => error instanceof BackupError && error.code === 'usage'
    assert.throws(() => globMatcher(pattern), refused, pattern)
  }
})
