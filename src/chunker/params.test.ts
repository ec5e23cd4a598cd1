import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkParams, DEFAULT_PARAMS } from './params.ts'

test('the default sizes and the smallest and largest sizes are accepted', () => {
  checkParams(DEFAULT_PARAMS)
  checkParams({ min: 64, average: 128, max: 129 })
  checkParams({ min: 2 ** 20, average: 2 ** 23, max: 2 ** 24 })
})

for (const [why, params] of [
  ['is below 64', { min: 63, average: 128, max: 256 }],
  ['is above 16777216', { min: 64, average: 128, max: 2 ** 24 + 1 }],
  ['do not ascend', { min: 128, average: 128, max: 256 }],
  ['do not ascend', { min: 64, average: 128, max: 128 }],
  ['power of two', { min: 64, average: 129, max: 256 }],
  ['whole numbers', { min: 64.5, average: 128, max: 256 }],
  ['whole numbers', { min: Number.NaN, average: 128, max: 256 }],
] as const) {
  test(`sizes ${params.min}, ${params.average}, ${params.max} are refused: ${why}`, () => {
    assert.throws(() => checkParams(params), new RegExp(why))
  })
}
