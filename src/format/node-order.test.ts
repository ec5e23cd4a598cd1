import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import { corruptAbout } from '../../test/support/damage.ts'
import { NodeOrder } from './node-order.ts'
import type { NodeEnds } from './node-order.ts'
import type { InnerNode, TreeChild } from './tree-node.ts'

const ends = (level: number, first: string, last: string): NodeEnds => ({ level, first: utf8(first), last: utf8(last) })
const EMPTY: NodeEnds = { level: 0, first: undefined, last: undefined }

function child(lastName: string): TreeChild {
  return { lastName: utf8(lastName), ref: new Uint8Array(32), entries: 1, bytes: 1 }
}

function parent(level: number, ...lastNames: string[]): InnerNode {
  return { level, children: lastNames.map(child) }
}

test('the nodes of a directory are entered from the top, level by level, in the order of their names', () => {
  const order = new NodeOrder()
  const top = parent(2, 'd', 'h')
  const left = parent(1, 'b', 'd')
  order.enter(ends(2, 'd', 'h'), 'x')
  order.enter(ends(1, 'b', 'd'), 'x', top, child('d'))
  order.enter(ends(0, 'a', 'b'), 'x', left, child('b'))
  order.enter(ends(0, 'c', 'd'), 'x', left, child('d'))
  order.enter(ends(1, 'f', 'h'), 'x', top, child('h'))
  order.enter(ends(0, 'e', 'f'), 'x', parent(1, 'f', 'h'), child('f'))
})

test('an empty directory is one empty leaf, which is below nothing', () => {
  new NodeOrder().enter(EMPTY, 'x')
  assert.throws(() => new NodeOrder().enter(EMPTY, 'x', parent(1, 'a'), child('a')), corruptAbout('x'))
})

const WRONG: Record<string, readonly [NodeEnds, InnerNode, string]> = {
  'of the same level': [ends(1, 'd', 'e'), parent(1, 'e'), 'e'],
  'two levels below': [ends(0, 'd', 'e'), parent(2, 'e'), 'e'],
  'with another last name': [ends(0, 'd', 'e'), parent(1, 'f'), 'f'],
  'that begins with the name before it': [ends(0, 'c', 'e'), parent(1, 'e'), 'e'],
  'that begins before what was passed': [ends(0, 'a', 'e'), parent(1, 'e'), 'e'],
}

for (const [what, [node, above, lastName]] of Object.entries(WRONG)) {
  test(`a node ${what} is refused`, () => {
    for (const skipped of [true, false]) {
      const order = new NodeOrder()
      if (skipped) order.pass(ends(1, 'b', 'c'))
      else order.enter(ends(0, 'b', 'c'), 'x')
      assert.throws(() => order.enter(node, 'the node', above, child(lastName)), corruptAbout('the node'))
    }
  })
}
