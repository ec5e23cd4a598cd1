import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedBytes } from '../../../test/support/format-keys.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import type { RepairAction } from '../../format/repair-action.ts'
import type { OpenedRecord } from './log.ts'
import { notedLosses } from './noted-losses.ts'

interface Noted extends Partial<RepairAction> {
  readonly domain?: string
  /** Number of the other writer's record that was seen. */
  readonly seen?: number
}

const wids = { ann: toHex(fixedBytes('ann', 16)), bob: toHex(fixedBytes('bob', 16)) }
const snapshot = fixedBytes('snapshot')

function record(who: keyof typeof wids, seq: number, { domain = 'd', seen, ...action }: Noted): OpenedRecord {
  const wid = wids[who]
  const other = fromHex(wids[who === 'ann' ? 'bob' : 'ann'])!
  const heads = seen === undefined ? [] : [{ wid: other, seq: seen, hash: fixedBytes('head') }]
  const all: RepairAction = { kind: 'repair', healed: 0, lost: ['data/lost'], snapshots: [], ...action }
  const body = { time: { sec: seq, nsec: 0 }, by: who, action: all, heads }
  const id = toHex(fixedBytes(`${who} ${seq}`))
  const place = { wid, seq, id, objectName: `log/${who}/${seq}`, storedSize: 1, receivedMs: 0 }
  return { ...place, previous: undefined, body, role: 'admin', domainId: domain }
}

const lacking = (...paths: string[]) => ({
  snapshots: [{ snapshot, count: paths.length, paths: paths.map((path) => Buffer.from(path)) }],
})
const found = (...records: OpenedRecord[]) => {
  const loss = notedLosses(records).bySnapshot.get(toHex(snapshot))
  return loss && [loss.count, loss.paths.map(String).join(), loss.record.objectName]
}

test('what several records note holds together, until one has read everything', () => {
  const [one, two] = [record('ann', 1, lacking('a', 'b')), record('ann', 2, lacking('b', 'c'))]
  assert.deepEqual(found(one, two), [3, 'a,b,c', 'log/ann/2'])
  assert.deepEqual(found(two, one), [3, 'b,c,a', 'log/ann/2'])
  assert.deepEqual(found(one, two, record('ann', 3, { ...lacking('c'), whole: true })), [1, 'c', 'log/ann/3'])
  assert.equal(found(one, two, record('ann', 3, { lost: [], whole: true })), undefined)
  assert.deepEqual(found(one, record('ann', 3, {})), [2, 'a,b', 'log/ann/1'], 'one that has not read everything')
})

test('nothing is taken back by who had not seen it, nor in another domain', () => {
  const one = record('ann', 4, lacking('a'))
  const whole = { lost: [], whole: true }
  assert.deepEqual(found(one, record('ann', 3, whole)), [1, 'a', 'log/ann/4'])
  assert.deepEqual(found(one, record('bob', 9, { ...whole, seen: 3 })), [1, 'a', 'log/ann/4'])
  assert.equal(found(one, record('bob', 9, { ...whole, seen: 4 })), undefined)
  assert.deepEqual(found(one, record('bob', 9, { ...whole, seen: 4, domain: 'e' })), [1, 'a', 'log/ann/4'])
})
