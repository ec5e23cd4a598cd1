import { utf8 } from '../../../src/base/bytes.ts'
import { CborReader, CborWriter } from '../../../src/base/cbor.ts'
import { decodeContentList, encodeContentList } from '../../../src/format/content-list.ts'
import type { ContentListNode } from '../../../src/format/content-list.ts'
import { decodeEntry, encodeEntry } from '../../../src/format/entry.ts'
import type { Entry } from '../../../src/format/entry.ts'
import { decodeTreeNode, encodeTreeNode } from '../../../src/format/tree-node.ts'
import type { TreeNode } from '../../../src/format/tree-node.ts'
import { fixedBytes } from '../../support/format-keys.ts'
import { cbor, withFields } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

const ref = (label: string) => fixedBytes(`vector ref ${label}`)
const common = { mode: 0o644, uid: 1000, gid: 100, mtime: { sec: 1_790_000_000, nsec: 123_456_789 }, ino: 4711n }
const file = (name: string, size: number): Omit<Entry, 'content'> => ({
  ...common,
  name: utf8(name),
  kind: 'file',
  size,
})

const entries = (): [string, Entry][] => [
  ['an empty file', { ...file('empty', 0), content: { kind: 'inline', bytes: new Uint8Array() } }],
  [
    'a small file, with all that is optional',
    {
      ...file('small', 5),
      user: 'ada',
      group: 'grün',
      ctime: { sec: -1, nsec: 999_999_999 },
      btime: { sec: 0, nsec: 0 },
      ino: (1n << 64n) - 1n,
      links: 2,
      linkGroup: fixedBytes('vector link group', 8),
      flags: 0x10,
      xattrs: [
        { name: utf8('user.long'), value: { length: 2000, extents: [{ length: 2000, ref: ref('attribute') }] } },
        { name: utf8('user.short'), value: utf8('value') },
      ],
      content: { kind: 'inline', bytes: utf8('hello') },
      trouble: [2, 3],
    },
  ],
  [
    'a file of every kind of extent',
    {
      ...file('sparse', 10_000),
      content: {
        kind: 'extents',
        extents: [
          { length: 4000, ref: ref('whole') },
          { length: 1000, ref: ref('part'), offset: 500 },
          { length: 2000, fill: 'zero' },
          { length: 3000, fill: 'hole' },
        ],
      },
    },
  ],
  [
    'a file with a content list',
    { ...file('large', 2 ** 40), content: { kind: 'list', level: 1, ref: ref('list'), count: 1_048_576 } },
  ],
  ['a file that could not be read', { ...file('unreadable', 77), trouble: [1] }],
  [
    'a directory',
    {
      ...common,
      name: utf8('dir'),
      kind: 'directory',
      mode: 0o1777,
      subtree: { ref: ref('dir'), entries: 12, bytes: 34_567 },
    },
  ],
  ['a directory that could not be listed', { ...common, name: utf8('locked'), kind: 'directory', trouble: [4] }],
  ['a symlink', { ...common, name: utf8('link'), kind: 'symlink', mode: 0o777, size: 9, target: utf8('../target') }],
  ['a fifo with a name that is not UTF-8', { ...common, name: new Uint8Array([0xff, 0xfe]), kind: 'fifo' }],
  ['a socket', { ...common, name: utf8('sock'), kind: 'socket' }],
  ['a character device', { ...common, name: utf8('tty'), kind: 'char', device: { major: 4, minor: 64 } }],
  ['a block device', { ...common, name: utf8('sda'), kind: 'block', device: { major: 8, minor: 0 } }],
  [
    'an entry with a field of a later version',
    { ...common, name: utf8('later'), kind: 'fifo', unknown: [{ key: 40, value: new Uint8Array([0x81, 0x18, 0x2a]) }] },
  ],
]

const nodes = (): [string, string, TreeNode][] => {
  const sorted = entries()
    .map(([, e]) => e)
    .toSorted((a, b) => Buffer.compare(a.name, b.name))
  const root: Entry[] = ['/home/ada', '/srv'].map((path) => ({ ...entries()[5]![1], name: utf8(path) }))
  return [
    ['a leaf of a directory without entries', 'node', { level: 0, entries: [] }],
    ['a leaf', 'node', { level: 0, entries: sorted }],
    [
      'an inner node',
      'node',
      {
        level: 1,
        children: [
          { lastName: utf8('m'), ref: ref('left'), entries: 500, bytes: 2 ** 33 },
          { lastName: utf8('z'), ref: ref('right'), entries: 400, bytes: 0 },
        ],
      },
    ],
    ['the root of a snapshot', 'root node', { level: 0, entries: root }],
  ]
}

const lists = (): [string, ContentListNode][] => [
  [
    'extents',
    {
      level: 0,
      extents: [
        { length: 70_000, ref: ref('whole') },
        { length: 65_536, fill: 'zero' },
      ],
    },
  ],
  ['content lists', { level: 1, children: [{ bytes: 2 ** 33, ref: ref('lower'), extents: 1000 }] }],
]

const encoded = (e: Entry): Uint8Array => {
  const w = new CborWriter()
  encodeEntry(w, e)
  return w.finish()
}
const leafOf = (items: Uint8Array[]) =>
  cbor((w) => {
    w.openMap().key(0).uint(0).key(1).array(items.length)
    for (const item of items) w.raw(item)
    w.closeMap()
  })

function failures(): FailCase[] {
  const byName = (name: string) => encoded(entries().find(([, e]) => Buffer.from(e.name).toString() === name)![1])
  const text = (value: string) => cbor((w) => w.bytes(utf8(value)))
  const number = (value: number) => cbor((w) => w.uint(value))
  const fifo = byName('sock')
  const small = byName('small')
  const sparse = byName('sparse')
  const extents = (write: (w: CborWriter) => unknown) => withFields(sparse, { 18: cbor(write) })
  const broken: [string, Uint8Array][] = [
    ...['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(1025)].map((name): [string, Uint8Array] => [
      `the name ${JSON.stringify(name.slice(0, 4))} of ${name.length} bytes`,
      withFields(fifo, { 0: text(name) }),
    ]),
    ...[0, 1, 2, 3, 4, 7, 10].map((key): [string, Uint8Array] => [`no key ${key}`, withFields(fifo, { [key]: null })]),
    ['kind 8', withFields(fifo, { 1: number(8) })],
    ['mode above 07777', withFields(fifo, { 2: number(0o10000) })],
    ['10^9 nanoseconds', withFields(fifo, { 7: cbor((w) => w.array(2).uint(0).uint(1e9)) })],
    ['one link, which belongs left out', withFields(small, { 12: number(1) })],
    ['links without a link group', withFields(small, { 13: null })],
    ['flags 0, which belong left out', withFields(small, { 15: number(0) })],
    [
      'attributes out of order',
      withFields(small, {
        16: cbor((w) => w.array(2).array(2).bytes(utf8('b')).bytes(utf8('')).array(2).bytes(utf8('a')).bytes(utf8(''))),
      }),
    ],
    ['content that is not as long as the size', withFields(small, { 11: number(6) })],
    ['a file without content and without trouble', withFields(small, { 18: null, 20: null })],
    [
      '513 bytes of inline content',
      withFields(small, { 11: number(513), 18: cbor((w) => w.bytes(new Uint8Array(513))) }),
    ],
    ['no extents', withFields(sparse, { 11: number(0), 18: cbor((w) => w.array(0)) })],
    ['an extent of no bytes', extents((w) => w.array(2).array(2).uint(0).uint(0).array(2).uint(10_000).uint(0))],
    ['fill 2', extents((w) => w.array(1).array(2).uint(10_000).uint(2))],
    ['offset 0, which belongs left out', extents((w) => w.array(1).array(3).uint(10_000).bytes(ref('whole')).uint(0))],
    ['a ref of 31 bytes', extents((w) => w.array(1).array(2).uint(10_000).bytes(ref('whole').slice(1)))],
    [
      '65 extents',
      withFields(sparse, {
        11: number(65),
        18: cbor((w) => {
          w.array(65)
          for (let i = 0; i < 65; i++) w.array(2).uint(1).uint(1)
        }),
      }),
    ],
    ['a fifo with a size', withFields(fifo, { 11: number(0) })],
    ['a symlink without a target', withFields(byName('link'), { 17: null })],
    ['a directory without a subtree', withFields(byName('dir'), { 19: null })],
    ['a device without numbers', withFields(byName('tty'), { 14: null })],
    ['troubles out of order', withFields(small, { 20: cbor((w) => w.array(2).uint(3).uint(2)) })],
  ]
  const node = (name: string, bytes: Uint8Array): FailCase => ({ name, kind: 'node', bytes, error: 'corrupt' })
  const [a, b] = ['a', 'b'].map((name) => withFields(fifo, { 0: text(name) })) as [Uint8Array, Uint8Array]
  return [
    ...broken.map(([name, bytes]): FailCase => ({ name, kind: 'entry', bytes, error: 'corrupt' })),
    node('entries out of order', leafOf([b, a])),
    node('a name twice', leafOf([a, a])),
    node('a root in the place of a directory', encodeTreeNode(nodes()[3]![2], { root: true })),
    node(
      'an inner node without children',
      cbor((w) => w.openMap().key(0).uint(1).key(1).array(0).closeMap()),
    ),
    node(
      'level 13',
      cbor((w) => w.openMap().key(0).uint(13).key(1).array(1).uint(0).closeMap()),
    ),
    node('an entry that ends early', leafOf([a]).slice(0, -1)),
    node('a byte too many', new Uint8Array([...leafOf([a]), 0])),
    {
      name: 'a content list without extents',
      kind: 'list',
      bytes: cbor((w) => w.openMap().key(0).uint(0).key(1).array(0).closeMap()),
      error: 'corrupt',
    },
  ]
}

export const treeSection: Section = {
  file: 'tree.json',
  about:
    'docs/format.md 6.1 to 6.3. Kinds: `entry` one entry, `node` the plaintext of a tree blob, `root node` that of a ' +
    "snapshot's root, `list` that of a content list. `unknown` are fields that a reader keeps as they are.",
  given: () => ({}),
  ok: () => [
    ...entries().map(([name, value]): OkCase => ({ name, kind: 'entry', bytes: encoded(value), value })),
    ...nodes().map(([name, kind, value]): OkCase => {
      return { name, kind, bytes: encodeTreeNode(value, { root: kind === 'root node' }), value }
    }),
    ...lists().map(([name, value]): OkCase => ({ name, kind: 'list', bytes: encodeContentList(value), value })),
  ],
  fail: failures,
  read: (kind, bytes, subject) => {
    if (kind === 'list') return decodeContentList(bytes, subject)
    if (kind !== 'entry') return decodeTreeNode(bytes, subject, { root: kind === 'root node' })
    const r = new CborReader(bytes, subject)
    const entry = decodeEntry(r)
    r.end()
    return entry
  },
}
