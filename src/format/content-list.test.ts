import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { extents, record, ref } from '../../test/support/format-arbitraries.ts'
import { CborWriter } from '../base/cbor.ts'
import { decodeContentList, encodeContentList, LIST_ITEMS_MAX } from './content-list.ts'

const count = fc.integer({ min: 1, max: 2 ** 50 })

test('content lists of both kinds are read back as they were written', () => {
  fc.assert(
    fc.property(extents, (list) => {
      const node = { level: 0 as const, extents: list, unknown: [{ key: 2, value: new Uint8Array([0x20]) }] }
      assert.deepEqual(decodeContentList(encodeContentList(node), 'list x'), node)
    }),
  )
  const children = fc.array(record({ bytes: count, ref, extents: count }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), children, (level, list) => {
      const node = { level, children: list }
      assert.deepEqual(decodeContentList(encodeContentList(node), 'list x'), node)
    }),
  )
})

test('damage anywhere in a content list is an error with its name or another list', () => {
  const options = { subject: 'list x', authenticated: false }
  const [list] = fc.sample(extents, { numRuns: 1, seed: 3 })
  assertDamageIsNamed(encodeContentList({ level: 0, extents: list! }), (b) => decodeContentList(b, 'list x'), options)
  const child = { bytes: 70_000, ref: new Uint8Array(32).fill(7), extents: 3 }
  const upper = encodeContentList({ level: 2, children: [child, child] })
  assertDamageIsNamed(upper, (b) => decodeContentList(b, 'list x'), options)
})

test('lists that are empty, too long, or stand for nothing are refused', () => {
  const list = (level: number) => new CborWriter().openMap().key(0).uint(level).key(1)
  const zero = new Uint8Array(32)
  const bad: [string, CborWriter][] = [
    ['empty list of extents', list(0).array(0)],
    ['without children', list(1).array(0)],
    ['stands for nothing', list(1).array(1).array(3).uint(0).bytes(zero).uint(1)],
    ['stands for nothing', list(1).array(1).array(3).uint(1).bytes(zero).uint(0)],
    ['not of three parts', list(1).array(1).array(2).uint(1).bytes(zero)],
    ['at most 12', list(13).array(1).uint(0)],
    [
      'at most 1024',
      list(0)
        .array(LIST_ITEMS_MAX + 1)
        .raw(new Uint8Array(LIST_ITEMS_MAX + 1)),
    ],
  ]
  for (const [why, w] of bad) {
    assert.throws(() => decodeContentList(w.closeMap().finish(), 'list x'), corruptAbout('list x'), why)
    assert.throws(() => decodeContentList(w.reset().finish(), 'list x'), corruptAbout('ends early'))
  }
})
