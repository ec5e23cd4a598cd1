// Values of the format for properties: every shape that the rules of docs/format.md allow.
import fc from 'fast-check'
import type { Timespec } from '../../src/base/time.ts'
import type { Content, Entry, EntryKind, Extent, Xattr } from '../../src/format/entry.ts'

export const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
export const ref = bytesOf(32)
/** fc.record whose values are ordinary objects, as decoders give them. */
export const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true, requiredKeys: Object.keys(model) as never[] }) as fc.Arbitrary<T>

export const u32 = fc.nat(0xffff_ffff)
export const safeUint = fc.maxSafeNat()

export const time: fc.Arbitrary<Timespec> = record({
  sec: fc.oneof(fc.integer({ min: -3_000_000_000, max: 5_000_000_000 }), fc.maxSafeInteger()),
  nsec: fc.nat(999_999_999),
})

const isName = (name: Uint8Array) =>
  !name.includes(0) && !name.includes(0x2f) && !(name.every((b) => b === 0x2e) && name.length <= 2)
export const name = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 20 }).filter(isName),
  fc.uint8Array({ minLength: 255, maxLength: 255, min: 0x30 }),
)

export const extent: fc.Arbitrary<Extent> = fc.oneof(
  record({ length: fc.integer({ min: 1, max: 2 ** 40 }), ref }),
  record({ length: fc.integer({ min: 1, max: 2 ** 24 }), ref, offset: fc.integer({ min: 1, max: 2 ** 24 }) }),
  record({ length: fc.integer({ min: 1, max: 2 ** 40 }), fill: fc.constantFrom('zero' as const, 'hole' as const) }),
)
export const extents = fc.array(extent, { minLength: 1, maxLength: 64 })
const bytesIn = (list: readonly Extent[]) => list.reduce((sum, one) => sum + one.length, 0)

const xattr: fc.Arbitrary<Xattr> = record({
  name: fc.uint8Array({ minLength: 1, maxLength: 30 }),
  value: fc.oneof(
    fc.uint8Array({ maxLength: 1024 }),
    fc.array(extent, { minLength: 1, maxLength: 3 }).map((list) => ({ length: bytesIn(list), extents: list })),
  ),
})
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const xattrs = fc
  .uniqueArray(xattr, { minLength: 1, maxLength: 5, selector: (x) => hexOf(x.name) })
  .map((list) => list.toSorted((a, b) => Buffer.compare(a.name, b.name)))

const content: fc.Arbitrary<{ size: number; content: Content }> = fc.oneof(
  fc
    .uint8Array({ maxLength: 512 })
    .map((bytes) => ({ size: bytes.length, content: { kind: 'inline' as const, bytes } })),
  extents.map((list) => ({ size: bytesIn(list), content: { kind: 'extents' as const, extents: list } })),
  record({
    size: safeUint,
    content: record({
      kind: fc.constant('list' as const),
      level: fc.nat(12),
      ref,
      count: fc.integer({ min: 1, max: 2 ** 40 }),
    }),
  }),
)

const common = {
  name,
  mode: fc.nat(0o7777),
  uid: u32,
  gid: u32,
  mtime: time,
  ino: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
}
const optional = {
  user: fc.string({ unit: 'binary', maxLength: 40 }),
  group: fc.constantFrom('root', 'staff', 'grün', ''),
  ctime: time,
  btime: time,
  flags: fc.integer({ min: 1, max: 0xffff_ffff }),
  xattrs,
  unknown: fc.constant([{ key: 77, value: new Uint8Array([0x82, 0x01, 0xa1, 0x05, 0xf5]) }]),
}
const links = fc.oneof(fc.constant({}), record({ links: fc.integer({ min: 2, max: 65_000 }), linkGroup: bytesOf(8) }))
const base = fc.record(
  { ...common, ...optional },
  { requiredKeys: Object.keys(common) as (keyof typeof common)[], noNullPrototype: true },
)

function withKind(kind: EntryKind, ...more: fc.Arbitrary<object>[]): fc.Arbitrary<Entry> {
  return fc.tuple(base, ...more).map((parts) => Object.assign({}, ...parts, { kind }) as Entry)
}
const device = record({ device: record({ major: u32, minor: u32 }) })

export const entry: fc.Arbitrary<Entry> = fc.oneof(
  withKind('file', content, links),
  withKind('file', links, record({ size: safeUint, trouble: fc.constantFrom([1], [1, 2, 3]) })),
  withKind('directory', record({ subtree: record({ ref, entries: safeUint, bytes: safeUint }) })),
  withKind('directory', fc.constant({ trouble: [4, 900] })),
  withKind('symlink', record({ target: fc.uint8Array({ maxLength: 100 }) }), links),
  withKind('symlink', record({ size: fc.nat(4095), trouble: fc.constant([1]) })),
  withKind('fifo', links),
  withKind('socket', links),
  withKind('char', device),
  withKind('block', device, links),
)

/** Entries of one directory, in order. */
export const entries = fc
  .uniqueArray(entry, { maxLength: 20, selector: (e) => hexOf(e.name) })
  .map((list) => list.toSorted((a, b) => Buffer.compare(a.name, b.name)))
