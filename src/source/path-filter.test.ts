import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../base/errors.ts'
import { textOfBytes, textOfKey } from './path-text.ts'
import { decidingRule, parseFilterFile, parseFilterRule } from './path-filter.ts'

const decides = (rules: string[], path: string) => {
  const rule = decidingRule(rules.map(parseFilterRule), path)
  return rule === undefined ? 'nothing' : rule.include ? 'in' : 'out'
}

test('the first rule that is found in a path decides', () => {
  const git = ['+/\\.git/config$', '+/\\.git/info/', '-/\\.git/', '-/(?i)\\.?svn(/|ignore)$', '-^/tmp/']
  const cases: [path: string, decision: string][] = [
    ['/project/.git/config', 'in'],
    ['/project/.git/info/', 'in'],
    ['/project/.git/info/exclude', 'in'],
    ['/project/.git/', 'out'],
    ['/project/.git/objects/', 'out'],
    ['/project/.gitignore', 'nothing'],
    ['/x/.SVN/', 'out'],
    ['/x/svn/', 'out'],
    ['/x/svnignore', 'out'],
    ['/x/svnignore.txt', 'nothing'],
    ['/tmp/', 'out'],
    ['/tmp', 'nothing'],
    ['/sub/tmp/', 'nothing'],
  ]
  for (const [path, decision] of cases) assert.equal(decides(git, path), decision, path)
  assert.equal(decides(['-.', '+/a'], '/a'), 'out')
})

test('flags count for the whole expression wherever they stand', () => {
  assert.equal(decides(['-abc(?i)'], '/ABC'), 'out')
  assert.equal(decides(['-a(?is)b'], '/AB'), 'out')
  assert.equal(decides(['-(?i:A)b'], '/ab'), 'out')
  assert.equal(decides(['-(?i:A)b'], '/aB'), 'nothing')
  // Escaped or in a set it is not a flag.
  assert.equal(decides(['-\\(\\?i\\)x'], '/(?i)x'), 'out')
  assert.equal(decides(['-[(?i)]x'], '/I'), 'nothing')
})

test('characters are characters, also beyond the first plane, and bytes that are not UTF-8 can be named', () => {
  assert.equal(decides(['-^/.$'], '/é'), 'out')
  assert.equal(decides(['-^/[😀]$'], '/😀'), 'out')
  const path = `/${textOfBytes(Uint8Array.of(0xff))}`
  assert.equal(decides(['-^/.$'], path), 'out')
  assert.equal(decides(['-^/\\udcff$'], path), 'out')
  assert.equal(decides(['-^/ÿ$'], path), 'nothing')
})

test('rules that are none are named with what to do', () => {
  for (const rule of ['/x', '', ' +x']) assert.throws(() => parseFilterRule(rule), { code: 'usage', subject: rule })
  for (const rule of ['-(', '+[z-a]', '-\\_']) {
    assert.throws(
      () => parseFilterRule(rule),
      (error: unknown) => error instanceof BackupError && error.subject === rule && error.hint !== undefined,
    )
  }
})

test('a file of rules may have comments and empty lines', () => {
  const rules = parseFilterFile('# caches\r\n-/cache/\r\n\n   \n+x\n')
  assert.deepEqual(
    rules.map((rule) => rule.source),
    ['-/cache/', '+x'],
  )
})

test('every byte string has a text of its own', () => {
  const cases: [bytes: number[], text: string][] = [
    [[0x61, 0x62], 'ab'],
    [[0xc3, 0xa9], 'é'],
    [[0xc3], '\udcc3'],
    [[0xff, 0x61], '\udcffa'],
    [[0xc0, 0xaf], '\udcc0\udcaf'], // an overlong slash
    [[0xed, 0xb3, 0xbf], '\udced\udcb3\udcbf'], // U+DCFF itself, which UTF-8 does not have
    [[0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f], '😀\udcf0\udc9f'],
    [[0xe2, 0x82, 0xe2, 0x82, 0xac], '\udce2\udc82€'],
    [[0xf5, 0x80, 0x80, 0x80], '\udcf5\udc80\udc80\udc80'],
  ]
  for (const [bytes, text] of cases) {
    assert.equal(textOfBytes(Uint8Array.from(bytes)), text)
    assert.equal(textOfKey(String.fromCharCode(...bytes)), text)
  }
})
