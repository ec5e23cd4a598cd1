import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../../base/errors.ts'
import { chosenLosses, lostNames } from './chain-losses.ts'
import type { ChainLoss } from './chain-losses.ts'

const wid = '1f2e3d4c'.repeat(4)
const loss = (chain: ChainLoss['chain'], seq: number, more: Partial<ChainLoss> = {}): ChainLoss => {
  const beside = { before: undefined, after: undefined }
  return { chain, wid, writer: 'laptop', seq, ids: [], isInTrash: false, ...beside, ...more }
}
const losses = [
  loss('snapshot', 2),
  loss('snapshot', 3, { ids: ['ab'.repeat(32)], isInTrash: true }),
  loss('record', 2, { ids: ['cd'.repeat(32)] }),
]
const chosen = (...specs: string[]) => {
  const found = chosenLosses(losses, specs)
  return [found.chosen, found.inTrash].map((each) => each.map(({ chain, seq }) => `${chain} ${seq}`))
}
const code = (expected: string) => (error: unknown) => error instanceof BackupError && error.code === expected

test('losses are named by place, by object, or all at once, and each is taken once', () => {
  assert.deepEqual(chosen('snap/1f2e/2'), [['snapshot 2'], []])
  assert.deepEqual(chosen(`log/${wid}/0000000002`, lostNames(losses[2]!)[0]!), [['record 2'], []])
  assert.deepEqual(chosen('all', 'snap/1f2e3d4c/2'), [['snapshot 2', 'record 2'], ['snapshot 3']])
})

test('what is not lost, and what lies in the trash, is refused when it is named', () => {
  for (const spec of ['snap/1f2e/1', 'log/1f2e/3', 'log/1f2/2', 'snap/2/2', 'log/1f2e/2/2', '2', '']) {
    assert.throws(() => chosen(spec), code('not-found'), spec)
  }
  assert.throws(() => chosen('all', 'snap/1f2e/3'), code('refused'))
})
