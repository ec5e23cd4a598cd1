// The oracle for repairs (repair-order.ts) notices each mistake on purpose, and passes what is right.
import assert from 'node:assert/strict'
import test from 'node:test'
import { packName, sessionEndName } from '../../src/format/names.ts'
import { OperationLog } from '../../src/store/recording-store.ts'
import type { Operation } from '../../src/store/recording-store.ts'
import { checkRepairOrder } from './repair-order.ts'

type Did = readonly [actor: 'repair' | 'other', kind: Operation['kind'], name: string]

const PACK = packName('data', new Uint8Array(32).fill(1))
const SEGMENT = `index/${'2'.repeat(64)}`
const ASIDE = `damaged/${'3'.repeat(16)}/${SEGMENT}`
const END = sessionEndName(new Uint8Array(16).fill(4))

const MOVED: readonly Did[] = [
  ['repair', 'put', END],
  ['repair', 'get', SEGMENT],
  ['repair', 'put', ASIDE],
  ['repair', 'delete', SEGMENT],
]
const BROUGHT_BACK: readonly Did[] = [
  ['other', 'put', PACK],
  ['repair', 'list', 'gc/'],
  ['repair', 'put', PACK],
]

function check(...events: readonly Did[]): void {
  const log = new OperationLog()
  for (const [actor, kind, name] of events) {
    const operation = log.begin(actor, kind, name)
    operation.found = true
    log.end(operation, 'ok')
  }
  checkRepairOrder(log, (actor) => actor === 'repair')
}

const without = (events: readonly Did[], left: number) => events.filter((_, i) => i !== left)
const breaks = (rule: string, ...events: readonly Did[]) => {
  assert.throws(() => check(...events), { name: 'OrderViolation', rule })
}

test('a repair that keeps the rules is passed, and what others do is not held against it', () => {
  check(...BROUGHT_BACK, ...MOVED)
  check(['other', 'delete', PACK], ['other', 'put', PACK], ['other', 'delete', SEGMENT])
})

test('what somebody has deleted must not come back', () => {
  breaks('R2', ...BROUGHT_BACK.slice(0, 2), ['other', 'delete', PACK], ...BROUGHT_BACK.slice(2))
})

test('nothing is put again before the plans are read', () => {
  breaks('R6', ...without(BROUGHT_BACK, 1))
})

test('a segment is moved aside only when all that it named is named elsewhere, and it was read again', () => {
  for (const left of [0, 1, 2]) breaks('R3', ...without(MOVED, left))
  breaks('R3', MOVED[1]!, MOVED[0]!, ...MOVED.slice(2))
  breaks('R3', ['repair', 'delete', PACK])
})
