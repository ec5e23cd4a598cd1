import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { utf8 } from '../base/bytes.ts'
import { escapeName, escapeText, quoteForShell, shortenPath, textWidth } from './escape.ts'

test('what a terminal would obey is shown instead', () => {
  const cases: [string, string][] = [
    ['\x1b[2J\x1b]0;owned\x07', '\\e[2J\\e]0;owned\\x07'],
    ['two\nlines\r\tand', 'two\\nlines\\r\\tand'],
    ['\u009b31m', '\\u009b31m'],
    ['\x7f', '\\x7f'],
    ['invoice\u202efdp.exe', 'invoice\\u202efdp.exe'],
    ['a\u2066b\u2069', 'a\\u2066b\\u2069'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['line\u2028paragraph\u2029', 'line\\u2028paragraph\\u2029'],
    ['tag\u{e0041}', 'tag\\U000e0041'],
    ['back\\slash', 'back\\\\slash'],
  ]
  for (const [name, shown] of cases) assert.equal(escapeName(name), shown)
})

test('words and emoji stay readable', () => {
  for (const text of ['Übung', '日本語', 'می‌خواهم', '👩‍💻', 'plain name.txt']) assert.equal(escapeName(utf8(text)), text)
})

test('a byte that is no UTF-8 is shown as that byte', () => {
  assert.equal(escapeName(new Uint8Array([0x61, 0xff, 0x62])), 'a\\xffb')
  assert.equal(escapeName(new Uint8Array([0xc3])), '\\xc3')
})

test('nothing that is escaped holds a character that a terminal obeys', () => {
  const anyText = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(anyText, (text) => {
      const shown = escapeText(text)
      assert.doesNotMatch(shown, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
      assert.equal(stripVTControlCharacters(shown), shown)
    }),
  )
})

test('two names are shown alike only if they are alike', () => {
  const troublesome = fc.string({
    unit: fc.constantFrom('\\', 'e', 'n', 'x', '0', '1', 'b', '\x1b', '\n', '\u202e', 'u', '2'),
  })
  fc.assert(
    fc.property(troublesome, troublesome, (a, b) => {
      assert.equal(escapeName(a) === escapeName(b), a === b)
    }),
  )
})

test('a name in a command can be pasted into a shell', () => {
  assert.equal(quoteForShell('/srv/photos'), '/srv/photos')
  assert.equal(quoteForShell('/srv/my photos'), "'/srv/my photos'")
  assert.equal(quoteForShell("/srv/Ann's"), "'/srv/Ann'\\''s'")
  assert.equal(quoteForShell("a\x1b'b"), "$'a\\e\\'b'")
  assert.equal(quoteForShell(new Uint8Array([0x61, 0xff])), "$'a\\xff'")
})

test('width counts columns, not characters', () => {
  assert.equal(textWidth('abc'), 3)
  assert.equal(textWidth('日本'), 4)
  assert.equal(textWidth('e\u0301'), 1)
})

test('a path that is too long loses its beginning', () => {
  assert.equal(shortenPath('/a/long/path', 12), '/a/long/path')
  assert.equal(shortenPath('/a/long/path', 8), '…ng/path')
  assert.equal(shortenPath('/日本/語', 5), '…/語')
  assert.equal(shortenPath('abc', 1), '')
})
