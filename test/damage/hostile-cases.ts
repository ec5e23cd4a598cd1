// What somebody with the keys of one writer can put into a repository, and what has to be said of it.
import { createZstdCompress } from 'node:zlib'
import { CborWriter } from '../../src/base/cbor.ts'
import { encodeContentList } from '../../src/format/content-list.ts'
import type { Content, Entry } from '../../src/format/entry-model.ts'
import type { Extent } from '../../src/format/extent.ts'
import { SEALED_TYPES } from '../../src/format/object-header.ts'
import { encodeTreeNode } from '../../src/format/tree-node.ts'
import { ENTRY } from './hostile-writer.ts'
import type { HostileWriter } from './hostile-writer.ts'

export interface HostileCase {
  /** Puts the objects. */
  readonly make: (w: HostileWriter) => Promise<void>
  /** Each has to match one thing that is said. */
  readonly expect: readonly RegExp[]
  /** What a restore leaves at the top of the target. */
  readonly restored?: readonly string[]
  /** Nothing is written: removing it afterwards would take the time of all other cases. */
  readonly dryRun?: boolean
}

const GOOD = file('zz good', { kind: 'inline', bytes: Buffer.from('good') }, 4)
const NOISE = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 7) % 251)
const MIB = 1024 * 1024

/** A directory with these entries and a good one, in a snapshot of its own. */
async function snapshotOf(w: HostileWriter, entries: readonly Entry[]): Promise<void> {
  const root = w.root(w.node({ level: 0, entries: [...entries, GOOD] }))
  await w.flush()
  await w.index()
  await w.snapshot(root)
}

/** As `snapshotOf`, with the topmost node of the source. */
async function snapshotWith(w: HostileWriter, node: Uint8Array): Promise<void> {
  const root = w.root(node)
  await w.flush()
  await w.index()
  await w.snapshot(root)
}

function file(name: string, content: Content, size: number): Entry {
  return { ...ENTRY, name: Buffer.from(name), kind: 'file', size, content }
}

const extents = (...list: readonly Extent[]): Content => ({ kind: 'extents', extents: list })

/** Offset in the body of a segment with one session: its first pack, and that one's first block. */
const PACK = 24
const BLOCK = PACK + 44

function patched(at: number, value: number): (body: Uint8Array) => Uint8Array {
  return (body) => {
    new DataView(body.buffer, body.byteOffset).setUint32(at, value, true)
    return body
  }
}

/** A good snapshot whose only segment is a lie. */
function lyingIndex(lie: (body: Uint8Array) => Uint8Array): (w: HostileWriter) => Promise<void> {
  return async (w) => {
    const ref = w.blob('data', NOISE)
    const root = w.root(w.node({ level: 0, entries: [file('a', extents({ length: 5000, ref }), 5000), GOOD] }))
    await w.flush()
    await w.index(lie)
    await w.snapshot(root)
  }
}

const REFUSED_INDEX = [/^check index\/\S+ corrupt/, /^index corrupt index\//]
/** The packs themselves say what is in them. */
const ALL_THE_SAME = ['a', 'zz good']

const BAD_NAMES: Record<string, HostileCase> = Object.fromEntries(
  ['..', '.\0', 'a/', '/a', '\0\0'].map((name): [string, HostileCase] => [
    `a file named ${JSON.stringify(name)}`,
    {
      // Encoded under another name of the same length, which is then exchanged.
      make: async (w) => {
        const node = encodeTreeNode({
          level: 0,
          entries: [file('ZZ', { kind: 'inline', bytes: Buffer.from('bad') }, 3)],
        })
        const at = Buffer.from(node).indexOf('ZZ')
        node.set(Buffer.from(name), at)
        await snapshotWith(w, w.blob('tree', node))
      },
      expect: [
        /^check tree (?:node|blob) \S+ corrupt: .*name/,
        /^list corrupt .*name/,
        /^restore "\/source" corrupt: .*name/,
      ],
    },
  ]),
)

const BAD_NODES: Record<string, Uint8Array> = {
  'a node that nests a million arrays': new Uint8Array(MIB).fill(0x81),
  'a node that claims 2^53 entries': Uint8Array.of(0xa2, 0, 0, 1, 0x9b, 0, 0x1f, 255, 255, 255, 255, 255, 255),
  'a node that claims a name of 4 GiB': Uint8Array.of(0xa2, 0, 0, 1, 0x81, 0xa1, 0, 0x5a, 255, 255, 255, 255),
  'a node with a text for its level': Uint8Array.of(0xa2, 0, 0x61, 0x61, 1, 0x80),
  'a node without end': Uint8Array.of(0xbf, 0, 0, 1, 0x9f),
  'a node of level 13': Uint8Array.of(0xa2, 0, 13, 1, 0x80),
  'an unknown field that nests deeply': new Uint8Array([0xa3, 0, 0, 1, 0x80, 2, ...new Uint8Array(5000).fill(0x81), 0]),
}

export const CASES: Readonly<Record<string, HostileCase>> = {
  'a segment that names packs that are not there': {
    make: async (w) => {
      const ref = w.blob('data', NOISE)
      const root = w.root(w.node({ level: 0, entries: [file('a', extents({ length: 5000, ref }), 5000), GOOD] }))
      await w.flush()
      await w.index()
      await w.snapshot(root)
      for (const { kind, hash } of w.packs.filter((pack) => pack.kind === 'data')) {
        const name = Buffer.from(hash).toString('hex')
        await w.made.store.delete(`${kind}/${name.slice(0, 2)}/${name}`)
      }
    },
    expect: [
      /^check data\/\S+ not-found: .*not there/,
      /^read not-found data\//,
      /^restore "\/source\/a" corrupt: .*data\//,
    ],
    restored: ['zz good'],
  },
  'a segment with a larger size for its pack': {
    make: lyingIndex(patched(PACK + 40, 60 * MIB)),
    expect: [/^check data\/\S+ corrupt: .*bytes where the index says/],
    restored: ['a', 'zz good'],
  },
  'a segment with a block longer than the rest of its pack': {
    make: lyingIndex(patched(BLOCK, 60 * MIB)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment with a block of 4 GiB of plaintext': {
    make: lyingIndex(patched(BLOCK + 4, 0xffff_ffff)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment that claims 4,096 packs': {
    make: lyingIndex(patched(0, 4096)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment that claims 2^32-1 packs': {
    make: lyingIndex(patched(0, 0xffff_ffff)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment that claims 65,535 sessions': {
    make: lyingIndex(patched(4, 0xffff)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment that claims a million blobs in a pack': {
    make: lyingIndex(patched(PACK + 36, 1_048_576)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'a segment with nothing in it': {
    make: lyingIndex(() => new Uint8Array(0)),
    expect: REFUSED_INDEX,
    restored: ALL_THE_SAME,
  },
  'segments that describe one pack in two ways': {
    make: async (w) => {
      const refs = [w.blob('data', NOISE), w.blob('data', NOISE.slice(1))]
      const entries = refs.map((ref, i) => file(`a${i}`, extents({ length: 5000 - i, ref }), 5000 - i))
      const root = w.root(w.node({ level: 0, entries: [...entries, GOOD] }))
      await w.flush()
      await w.index()
      // The blocks of data in the other order, so that every place is wrong and the end is right.
      const turned = w.packs.map((pack) =>
        pack.kind === 'data' ? { ...pack, blocks: pack.blocks.toReversed() } : pack,
      )
      await w.index(undefined, turned)
      await w.snapshot(root)
    },
    expect: [/^check index\/\S+ corrupt: it says otherwise than another segment/],
    restored: ['a0', 'a1', 'zz good'],
  },
  'a directory that lies about its blocks': {
    make: async (w) => {
      const ref = w.blob('data', NOISE)
      const root = w.root(w.node({ level: 0, entries: [file('a', extents({ length: 5000, ref }), 5000), GOOD] }))
      await w.flush({ blocks: [] })
      await w.index()
      await w.snapshot(root)
    },
    expect: [/^check data\/\S+ corrupt: its directory has 0 blocks/],
    restored: ['a', 'zz good'],
  },
  'a block that decompresses to 256 MiB more than it says': {
    make: async (w) => {
      const plain = new Uint8Array(64 * 1024)
      const ref = w.ref('data', plain)
      const context = Uint8Array.of(1, 0, 0, 1, 0)
      const sealed = w.sealer('data').seal(SEALED_TYPES.dataBlock, context, await bomb(256))
      w.block('data', plain, ref, { sealed })
      await snapshotOf(w, [file('a', extents({ length: plain.length, ref }), plain.length)])
    },
    expect: [
      /^check data\/\S+ corrupt: .*decompress/,
      /^read corrupt .*decompress/,
      /^restore "\/source\/a" corrupt: .*decompress/,
    ],
    restored: ['zz good'],
  },
  'a node that decompresses to 256 MiB more than it says': {
    make: async (w) => {
      const plain = new Uint8Array(64 * 1024)
      const ref = w.ref('tree', plain)
      const sealed = w.sealer('meta').seal(SEALED_TYPES.metaBlock, Uint8Array.of(1, 0, 0, 1, 0), await bomb(256))
      w.block('meta', plain, ref, { sealed })
      await snapshotWith(w, ref)
    },
    expect: [
      /^check meta\/\S+ corrupt: .*decompress/,
      /^list corrupt .*decompress/,
      /^restore "\/source" corrupt: .*decompress/,
    ],
  },
  'a directory whose node is a file’s data': {
    make: async (w) => {
      const node = encodeTreeNode({ level: 0, entries: [GOOD] })
      await snapshotOf(w, [w.directory('a', w.blob('data', node))])
    },
    expect: [
      /^check data\/\S+ corrupt: a tree blob is not what its reference says/,
      /^list corrupt .*a tree blob is not what its reference says/,
      /^restore "\/source\/a" corrupt: .*a tree blob is not what its reference says/,
    ],
    restored: ['a', 'zz good'],
  },
  'a file whose data is a node': {
    make: async (w) => {
      const node = encodeTreeNode({ level: 0, entries: [GOOD] })
      const ref = w.blob('tree', node)
      await snapshotOf(w, [file('a', extents({ length: node.length, ref }), node.length)])
    },
    expect: [
      /^check data blob .*among the nodes/,
      /^read corrupt .*a data blob is not what its reference says/,
      /^restore "\/source\/a" corrupt: .*not what/,
    ],
    restored: ['zz good'],
  },
  'directories 4,200 deep': {
    make: async (w) => {
      let entry: Entry = GOOD
      for (let i = 0; i < 4200; i++) entry = w.directory('d', w.node({ level: 0, entries: [entry] }))
      await snapshotOf(w, [entry])
    },
    expect: [/^check .*too deep/, /^list corrupt .*levels deep/, /^restore .*too deep/],
    dryRun: true,
  },
  'inner nodes 300 deep': {
    make: async (w) => {
      let ref = w.node({ level: 0, entries: [GOOD] })
      for (let i = 0; i < 300; i++) ref = w.node(inner(1, [['zz good', ref]]))
      await snapshotWith(w, ref)
    },
    expect: [/^check .*level/, /^list corrupt .*level/, /^restore "\/source" corrupt: .*level/],
  },
  'inner nodes that name one child 512 times, eight times over': {
    make: async (w) => {
      let ref = w.node({ level: 0, entries: [GOOD] })
      for (let level = 1; level <= 8; level++)
        ref = w.node(
          inner(
            level,
            Array.from({ length: 512 }, (_, i) => [nth(i), ref]),
          ),
        )
      await snapshotWith(w, ref)
    },
    expect: [/^check .*names/, /^list corrupt .*names/, /^restore "\/source" corrupt: .*names/],
  },
  'a content list that is longer than its file': {
    make: async (w) => {
      const ref = w.blob('data', NOISE)
      const list = w.blob('list', encodeContentList({ level: 0, extents: [{ length: 5000, ref }] }))
      const content = { kind: 'list' as const, level: 0, ref: list, count: 1 }
      await snapshotOf(w, [file('a', content, 5000), file('b', content, 10)])
    },
    expect: [/^check content list \S+ corrupt/, /^read corrupt \/source\/b/, /^restore "\/source\/b" corrupt/],
    restored: ['a', 'zz good'],
  },
  'content lists that name one child 1,024 times, eight times over': {
    make: async (w) => {
      const blob = w.blob('data', NOISE)
      let ref = w.blob('list', encodeContentList({ level: 0, extents: [{ length: 5000, ref: blob }] }))
      for (let level = 1; level <= 8; level++) {
        const child = { bytes: 1, ref, extents: 1 }
        ref = w.blob('list', encodeContentList({ level, children: Array.from({ length: 1024 }, () => child) }))
      }
      await snapshotOf(w, [file('a', { kind: 'list', level: 8, ref, count: 1024 }, 1024)])
    },
    expect: [/^check content list \S+ corrupt/, /^read corrupt/, /^restore "\/source\/a" corrupt/],
    restored: ['zz good'],
  },
  'a file with an extent beyond its blob': {
    make: async (w) => {
      const ref = w.blob('data', NOISE)
      await snapshotOf(w, [file('a', extents({ length: 4000, ref, offset: 4000 }), 4000)])
    },
    expect: [/^check data blob \S+/, /^read corrupt/, /^restore "\/source\/a" corrupt/],
    restored: ['zz good'],
  },
  'a file that is a hole of 2^53-1 bytes': {
    make: (w) => {
      const length = Number.MAX_SAFE_INTEGER
      return snapshotOf(w, [file('a', extents({ length, fill: 'hole' }), length)])
    },
    expect: [/^restore "\/source\/a"/],
    restored: ['zz good'],
  },
  'a snapshot with a million sources': {
    make: async (w) => {
      const root = w.root(w.node({ level: 0, entries: [GOOD] }))
      await w.flush()
      await w.index()
      await w.snapshot(root, () => {
        const writer = new CborWriter(4 * MIB).openMap()
        writer.key(0).timespec({ sec: 1, nsec: 0 }).key(1).timespec({ sec: 1, nsec: 0 })
        writer.key(2).text('h').key(3).text('u').key(4).array(1_000_000)
        for (let i = 0; i < 1_000_000; i++) writer.bytes(Buffer.from('/s'))
        return writer.closeMap().finish()
      })
    },
    expect: [/^check snap\/\S+ corrupt/, /^snapshot corrupt snap\//],
  },
  'a snapshot of 17 MiB': {
    make: async (w) => {
      const root = w.root(w.node({ level: 0, entries: [GOOD] }))
      await w.flush()
      await w.index()
      await w.snapshot(root, () => new Uint8Array(17 * MIB))
    },
    expect: [/^check snap\/\S+ corrupt: .*1782\d{4}/, /^snapshot corrupt snap\//],
  },
  'a snapshot whose root is the node of an ordinary directory that is not there': {
    make: async (w) => {
      await w.snapshot(new Uint8Array(32).fill(7))
    },
    expect: [/^check .*in no pack/, /^list corrupt .*in no pack/],
  },
  ...BAD_NAMES,
  ...Object.fromEntries(
    Object.entries(BAD_NODES).map(([name, node]): [string, HostileCase] => [
      name,
      {
        make: (w) => snapshotWith(w, w.blob('tree', node)),
        expect: [
          /^check tree (?:node|blob) \S+ corrupt/,
          /^list corrupt .*tree node/,
          /^restore "\/source" corrupt: .*tree node/,
        ],
      },
    ]),
  ),
}

function inner(level: number, children: readonly (readonly [string, Uint8Array])[]) {
  return {
    level,
    children: children.map(([name, ref]) => ({ lastName: Buffer.from(name), ref, entries: 1, bytes: 4 })),
  }
}

/** Ascending with i. */
function nth(i: number): string {
  return `zz ${String(i).padStart(4, '0')}`
}

/** So many MiB of zeros as one zstd frame, made without ever having them. */
async function bomb(mib: number): Promise<Uint8Array> {
  const stream = createZstdCompress()
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  const ended = new Promise((resolve) => stream.on('end', resolve))
  const zeros = new Uint8Array(MIB)
  for (let i = 0; i < mib; i++) if (!stream.write(zeros)) await new Promise((resolve) => stream.once('drain', resolve))
  stream.end()
  await ended
  return Buffer.concat(parts)
}
