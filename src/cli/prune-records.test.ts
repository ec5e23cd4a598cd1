import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordedPrune } from '../ops/audit.ts'
import { pruneLines } from './prune-records.ts'

/** One on each day of May 2026. */
function prunes(count: number): RecordedPrune[] {
  return Array.from({ length: count }, (_, i) => {
    const action = { kind: 'prune', pid: new Uint8Array(16), dataPacks: i, metaPacks: 1, bytes: 1024 } as const
    const time = { sec: Date.UTC(2026, 4, i + 1, 12) / 1000, nsec: 0 }
    return { action, record: { body: { by: 'ada@desk', time, action } } } as unknown as RecordedPrune
  })
}

test('the last five prunes are named, and those before them are one line', () => {
  assert.deepEqual(pruneLines([], { all: false }), [])
  const five = pruneLines(prunes(5), { all: false })
  assert.equal(five.length, 5)
  assert.match(five[4]!, /^pruned by ada@desk on 2026-05-05 .*: 5 packs deleted \(1\.00 KiB\)$/)
  const seven = pruneLines(prunes(7), { all: false })
  assert.equal(seven.length, 6)
  assert.equal(seven[0], '2 prunes before those that follow: 3 packs deleted (2.00 KiB)')
  assert.equal(pruneLines(prunes(7), { all: true }).length, 7)
})
