import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FileTableBuilder, fileRow, SEGMENT_WIDTH } from './batch.ts'

const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { noNullPrototype: true })
const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max })
const attributes = record({
  mode: fc.nat(0o7777),
  uid: fc.nat(0xffff_ffff),
  gid: fc.nat(0xffff_ffff),
  mtime: record({ sec: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), nsec: fc.nat(999_999_999) }),
  flags: fc.nat(0xffff),
  xattrs: fc.array(record({ name: bytes(1, 9), value: bytes(0, 9) }), { maxLength: 2 }),
})
const file = record({
  id: fc.nat(),
  dirFd: fc.nat(1000),
  name: bytes(1, 300),
  replace: fc.boolean(),
  inherits: fc.boolean(),
  size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  attributes,
})
const segment = fc.tuple(fc.nat({ max: 2 ** 50 }), fc.integer({ min: -1, max: 2 ** 24 }), fc.nat(2 ** 24))

test('a table gives back every file as it was added, also after it went to another thread', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(file, fc.array(segment, { maxLength: 4 })), { maxLength: 100 }), (files) => {
      const builder = new FileTableBuilder()
      for (const [each, segments] of files) builder.add(each, segments.flat())
      const table = structuredClone(builder.finish())
      assert.equal(table.count, files.length)
      for (const [i, [each, segments]] of files.entries()) {
        const { segmentStart, segmentEnd, ...row } = fileRow(table, i)
        assert.deepEqual({ ...row, name: [...row.name] }, { ...each, name: [...each.name] })
        const got = table.segments.subarray(segmentStart * SEGMENT_WIDTH, segmentEnd * SEGMENT_WIDTH)
        assert.deepEqual([...got], segments.flat())
      }
    }),
  )
})
