import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { initHashing } from '../../crypto/hash.ts'
import type { Content, Entry } from '../../format/entry-model.ts'
import { DirectoryNode } from './directory-node.ts'
import { LinkGroups } from './link-groups.ts'

await initHashing()

const directory = new DirectoryNode(undefined, utf8('/'), () => {})
const ref = (n: number) => new Uint8Array(32).fill(n)
const extents = (...list: object[]): Content => ({ kind: 'extents', extents: list as never })

function entry(more: Partial<Entry> = {}, group = 1): Entry {
  const base = { name: utf8('x'), mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1, nsec: 0 }, ino: 1n }
  const content: Content = { kind: 'inline', bytes: utf8('content') }
  return { ...base, kind: 'file', size: 7, content, links: 3, linkGroup: new Uint8Array(8).fill(group), ...more }
}

test('the first name is restored, the others are its links, whatever else they are called', () => {
  const groups = new LinkGroups()
  const first = groups.meet(entry(), directory, utf8('a'))
  const other = groups.meet(entry({ mode: 0o600 }), directory, utf8('b'))
  assert.ok(first.kind === 'first' && other.kind === 'other' && other.group === first.group)
  assert.equal(groups.meet(entry({}, 2), directory, utf8('c')).kind, 'first')
})

test('a name whose content differs in anything is no link', () => {
  const different: Partial<Entry>[] = [
    { size: 8 },
    { content: { kind: 'inline', bytes: utf8('Content') } },
    { content: extents({ length: 7, ref: ref(1) }) },
    { content: { kind: 'list', level: 0, ref: ref(1), count: 1 } },
  ]
  for (const more of different) {
    const groups = new LinkGroups()
    groups.meet(entry(), directory, utf8('a'))
    assert.equal(groups.meet(entry(more), directory, utf8('b')).kind, 'differs')
  }
  const contents = [
    extents({ length: 7, ref: ref(1) }),
    extents({ length: 7, ref: ref(2) }),
    extents({ length: 7, ref: ref(1), offset: 1 }),
    extents({ length: 7, fill: 'hole' }),
    extents({ length: 7, fill: 'zero' }),
    extents({ length: 3, ref: ref(1) }, { length: 4, ref: ref(1) }),
  ]
  for (const [i, a] of contents.entries()) {
    for (const [j, b] of contents.entries()) {
      const groups = new LinkGroups()
      groups.meet(entry({ content: a }), directory, utf8('a'))
      assert.equal(groups.meet(entry({ content: b }), directory, utf8('b')).kind, i === j ? 'other' : 'differs')
    }
  }
})

test('names that wait go on when the first is settled, once', () => {
  const groups = new LinkGroups()
  const first = groups.meet(entry(), directory, utf8('a'))
  assert.ok(first.kind === 'first')
  const seen: string[] = []
  first.group.waiting.push(({ state }) => void seen.push(state))
  groups.settle(first.group, 'done')
  groups.settle(first.group, 'done')
  assert.deepEqual(seen, ['done'])
})
