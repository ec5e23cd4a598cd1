import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import { compileGlob, matchesGlob } from './glob.ts'
import { excludeGlob, GlobList, includeGlob, parseGlobFile } from './glob-list.ts'
import { textOfBytes } from './path-text.ts'

const matches = (pattern: string, text: string) => matchesGlob(compileGlob(pattern), text, 0)

test('patterns match whole paths as git matches them', () => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ['foo', ['foo'], ['fo', 'fooo', 'a/foo', 'Foo']],
    ['*.o', ['a.o', '.o'], ['a.oo', 'd/a.o', 'o']],
    ['a*b*c', ['abc', 'aXbYc', 'abbc', 'abcbc'], ['ab', 'acb', 'a/b/c']],
    ['?', ['a', 'é', '😀'], ['', 'ab', '/']],
    ['a?c', ['abc', 'a😀c'], ['ac', 'a/c']],
    ['*', ['a', '.hidden'], ['a/b']],
    ['a/*', ['a/b'], ['a/b/c', 'a']],
    ['**', ['a', 'a/b/c'], []],
    ['**/foo', ['foo', 'a/foo', 'a/b/foo'], ['a/foo/b', 'xfoo', 'a/xfoo']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b/a/c']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b', 'a/b/b'], ['ab', 'a/xb', 'a/x/c']],
    ['a/**/**/b', ['a/b', 'a/x/y/b'], ['ab']],
    ['**/a*b/**/c', ['ab/c', 'x/axb/y/z/c'], ['ab', 'x/ab/yc']],
    ['a**b', ['ab', 'axb'], ['a/b', 'a/x/b']],
    ['a***/b', ['ax/b', 'a/b'], ['a/x/b']],
    ['***/b', ['b', 'x/y/b'], []],
    ['[abc]', ['a', 'c'], ['d', 'ab', '']],
    ['[a-c]x', ['bx'], ['dx', '-x']],
    ['[!a-c]', ['d', '😀', 'é'], ['a', '/']],
    ['[^a]', ['b', '^'], ['a']],
    ['[]a]', [']', 'a'], ['b']],
    ['[!]]', ['a'], [']']],
    ['[a-]', ['a', '-'], ['b']],
    ['[--0]', ['-', '.', '0'], ['1', ',']],
    ['[\\]x]', [']', 'x'], ['\\']],
    ['[a\\-c]', ['a', '-', 'c'], ['b', '\\']],
    ['[\\a-\\c]', ['b'], ['-']],
    ['[[:digit:]x]', ['0', '9', 'x'], ['a', ':', '[']],
    ['[[:upper:][:space:]]', ['Q', ' '], ['q']],
    ['[![:alnum:]]', ['-', 'é'], ['a', '7']],
    ['[[:punct:]]', ['!', '~', '[', '`'], ['a', ' ']],
    ['[[:x]', ['[', ':', 'x'], ['y']],
    ['[à-ü]', ['é'], ['z', 'ÿ']],
    ['[😀-😂]', ['😁'], ['😃']],
    ['\\*', ['*'], ['a', '\\*']],
    ['\\?\\[a\\]', ['?[a]'], ['x[a]']],
    ['a\\/b', ['a/b'], []],
    ['a[/]b', [], ['a/b']],
    ['a[!x]b', ['ayb'], ['a/b']],
    ['', [''], ['a']],
  ]
  for (const [pattern, matching, others] of cases) {
    for (const text of matching) assert.ok(matches(pattern, text), `${pattern} should match ${text}`)
    for (const text of others) assert.ok(!matches(pattern, text), `${pattern} should not match ${text}`)
  }
})

test('patterns that are not finished match nothing', () => {
  for (const pattern of ['[', '[a', '[]', '[!]', 'a\\', '[\\', '[a-\\', '[[:digit:]', '[[:nonsense:]]']) {
    for (const text of ['', 'a', '[', pattern]) assert.ok(!matches(pattern, text), `${pattern} and ${text}`)
  }
})

test('patterns with many stars stay fast on names that nearly match', () => {
  const begin = performance.now()
  assert.equal(matches('*a'.repeat(40) + 'b', 'a'.repeat(255)), false)
  assert.equal(matches('**/a/'.repeat(30) + 'b', 'a/'.repeat(2000) + 'c'), false)
  assert.equal(matches('**/*a*a*a*a*/'.repeat(10) + 'b', `${'a'.repeat(200)}/`.repeat(20) + 'c'), false)
  assert.ok(performance.now() - begin < 2000)
})

test('bytes that are not UTF-8 are one character each', () => {
  const name = textOfBytes(Uint8Array.of(0x61, 0xff, 0xc3, 0x62))
  assert.ok(matches('a??b', name))
  assert.ok(matches('a*b', name))
  assert.ok(!matches('a?b', name))
  assert.ok(matches('a[\udcff]\udcc3b', name))
  // The same bytes in a file of patterns.
  const [pattern] = parseGlobFile(Uint8Array.of(0x61, 0xff, 0x2a))
  assert.ok(pattern!.matches(name, 0, 0, false))
})

const decides = (lines: string, path: string, isDirectory = false) => {
  const list = new GlobList(parseGlobFile(utf8(lines)))
  const pattern = list.deciding(path, 0, path.lastIndexOf('/') + 1, isDirectory)
  return pattern === undefined ? 'nothing' : pattern.negated ? 'in' : 'out'
}

test('lines of a file of patterns', () => {
  const cases: [lines: string, path: string, isDirectory: boolean, decision: string][] = [
    ['foo', 'a/b/foo', false, 'out'],
    ['/foo', 'a/foo', false, 'nothing'],
    ['/foo', 'foo', false, 'out'],
    ['a/foo', 'a/foo', false, 'out'],
    ['a/foo', 'b/a/foo', false, 'nothing'],
    ['foo/', 'foo', false, 'nothing'],
    ['foo/', 'a/foo', true, 'out'],
    ['a/foo/', 'a/foo', true, 'out'],
    ['*.o\n!keep.o', 'x/keep.o', false, 'in'],
    ['!keep.o\n*.o', 'x/keep.o', false, 'out'],
    ['# comment\n\n  \n', '# comment', false, 'nothing'],
    ['\\#file', '#file', false, 'out'],
    ['\\!file', '!file', false, 'out'],
    ['file   ', 'file', false, 'out'],
    ['file\\ ', 'file ', false, 'out'],
    ['file\\\\ ', 'file\\', false, 'out'],
    ['file\t', 'file\t', false, 'out'],
    ['a\r\nb\r\n', 'a', false, 'out'],
    ['\ufefffoo', 'foo', false, 'out'],
    ['**', 'a/b', false, 'out'],
    ['/', 'a', true, 'nothing'],
    ['//a', 'a', false, 'nothing'],
    ['a//b', 'a/b', false, 'nothing'],
  ]
  for (const [lines, path, isDirectory, decision] of cases) {
    assert.equal(decides(lines, path, isDirectory), decision, `${JSON.stringify(lines)} about ${path}`)
  }
})

test('options know negation but no comments', () => {
  const [hash, not, kept] = [excludeGlob('#x'), excludeGlob('!y'), includeGlob('z')]
  assert.deepEqual([hash.negated, not.negated, kept.negated], [false, true, true])
  assert.ok(hash.matches('#x', 0, 0, false))
  assert.ok(not.matches('y', 0, 0, false))
  assert.ok(!kept.matches('y', 0, 0, false))
})
