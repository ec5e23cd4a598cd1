import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedBytes } from '../../../test/support/format-keys.ts'
import { toHex } from '../../base/bytes.ts'
import { digestOf } from '../../format/checkpoint.ts'
import { hadHeads } from './past-heads.ts'
import type { PastPlace } from './past-heads.ts'

const HOUR = 3_600_000
const place = (writer: string, seq: number, hours?: number): PastPlace => ({
  chain: 'snapshot',
  wid: toHex(fixedBytes(`${writer} wid`, 16)),
  seq,
  id: toHex(fixedBytes(`${writer} ${seq}`)),
  ...(hours !== undefined && { claimedMs: hours * HOUR, receivedMs: hours * HOUR }),
})
const digest = (...places: PastPlace[]) =>
  digestOf(
    places.map(({ chain, wid, seq, id }) => ({
      chain,
      wid: Buffer.from(wid, 'hex'),
      seq,
      hash: Buffer.from(id, 'hex'),
    })),
  )

test('the heads of any moment are found, and those of none are not', () => {
  const history = [place('a', 1, 1), place('b', 1, 2), place('a', 2, 3), place('b', 2, 4), place('a', 3, 5)]
  assert.ok(hadHeads(digest(), 0, history))
  assert.ok(hadHeads(digest(history[0]!), 1.5 * HOUR, history))
  assert.ok(hadHeads(digest(history[1]!, history[2]!), 3.5 * HOUR, history))
  assert.ok(hadHeads(digest(history[3]!, history[4]!), 99 * HOUR, history))
  assert.ok(!hadHeads(digest(history[0]!, history[3]!), 4.5 * HOUR, history), 'never together')
  assert.ok(!hadHeads(digest(place('a', 4), history[3]!), 99 * HOUR, history), 'not there any more')
  assert.ok(!hadHeads(digest(history[1]!, history[2]!), 3.5 * HOUR, history.toSpliced(1, 1)), 'a chain is gone')
})

test('clocks that differ by minutes do not matter', () => {
  const history = [place('a', 1, 1), place('b', 1, 1.05), place('a', 2, 1.1)]
  assert.ok(hadHeads(digest(history[0]!, history[1]!), 1.2 * HOUR, history))
  assert.ok(hadHeads(digest(history[1]!, history[2]!), 1 * HOUR, history))
})

test('snapshots that were forgotten since are found without their times', () => {
  const forgotten = { ...place('a', 2), goneMs: 50 * HOUR }
  const history = [place('a', 1, 1), forgotten, place('a', 3, 9), place('b', 1, 2)]
  assert.ok(hadHeads(digest(forgotten, history[3]!), 5 * HOUR, history))
  assert.ok(hadHeads(digest(history[0]!, history[3]!), 5 * HOUR, history))
  const before = { ...place('a', 2), goneMs: 4 * HOUR }
  assert.ok(!hadHeads(digest(before, history[3]!), 5 * HOUR, history.with(1, before)), 'it was gone by then')
})

test('a number that was given again stands for both', () => {
  const old = [1, 2, 3].map((seq) => ({ ...place('a', seq), goneMs: 10 * HOUR }))
  const again = { ...place('a again', 1, 12), wid: old[0]!.wid }
  const history = [...old, again]
  assert.ok(hadHeads(digest(old[2]!), 5 * HOUR, history))
  assert.ok(hadHeads(digest(again), 20 * HOUR, history))
  assert.ok(!hadHeads(digest(old[2]!), 20 * HOUR, history))
})

test('thousands of chains are no difficulty, and what cannot be decided ends', () => {
  const many = Array.from({ length: 5000 }, (_, at) => place(`w${at}`, (at % 7) + 1, 1))
  assert.ok(hadHeads(digest(...many), 2 * HOUR, many))
  const vague = Array.from({ length: 60 }, (_, at) =>
    [1, 2, 3].map((seq) => ({ ...place(`v${at}`, seq), goneMs: 99 * HOUR })),
  ).flat()
  const heads = vague.filter(({ seq }) => seq === 2)
  const began = performance.now()
  hadHeads(digest(...heads.with(0, { ...place('other', 2), goneMs: 99 * HOUR })), 2 * HOUR, vague)
  assert.ok(performance.now() - began < 20_000)
})
