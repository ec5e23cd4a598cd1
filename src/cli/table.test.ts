import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableLines } from './table.ts'

test('columns are as wide as their widest cell on a terminal', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }, { title: 'NOTE' }]
  const rows = [
    ['日本', '1', 'x'],
    ['plain', '1,000', ''],
  ]
  assert.deepEqual(tableLines(columns, rows), ['NAME    SIZE  NOTE', '日本       1  x', 'plain  1,000'])
})
