import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeText } from './escape.ts'
import { toJsonLine } from './json-lines.ts'

test('what a terminal would obey stands in JSON as an escape, and the text is the same', () => {
  const hostile = 'a\x07\x1b[2J\x7f\x9b31m\u202etxt\u2028\u{e0041}\ud800\\"é好📦'
  const line = toJsonLine({ type: 'entry', path: hostile })
  assert.match(
    line,
    /^\{"v":1,"type":"entry","path":"a\\u0007\\u001b\[2J\\u007f\\u009b31m\\u202etxt\\u2028\\udb40\\udc41\\ud800/,
  )
  assert(line.includes('é好📦'))
  assert.equal(JSON.parse(line).path, hostile)
})

test('any text passes through JSON unchanged and shows nothing that has to be escaped', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (path) => {
      const line = toJsonLine({ type: 'entry', path })
      assert.equal(JSON.parse(line).path, path)
      assert.equal(escapeText(line.slice(0, -1)), line.slice(0, -1))
    }),
  )
})
