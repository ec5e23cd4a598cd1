import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../base/bytes.ts'
import { DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN } from '../posix/constants.ts'
import { bytesOfKey } from '../posix/directory.ts'
import { SortedNames } from './sorted-names.ts'

const taken = (names: SortedNames) => {
  const all: [string, number][] = []
  for (let key = names.next(); key !== undefined; key = names.next()) all.push([key, names.type])
  return all
}

test('names of all kinds come out in byte order, once each, with their kind', () => {
  const key = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 4 })
  const name = fc.tuple(key, fc.constantFrom(DT_REG, DT_DIR, DT_LNK, DT_UNKNOWN))
  fc.assert(
    fc.property(fc.uniqueArray(name, { selector: ([k]) => k }), fc.nat(10), (list, cut) => {
      const names = new SortedNames()
      for (const part of [list.slice(0, cut), list.slice(cut)]) {
        names.add(
          part.map(([k]) => k),
          part.map(([, type]) => type),
        )
      }
      for (const [k] of list) assert.ok(names.has(k))
      assert.ok(!names.has('\0not there'))
      const want = list.toSorted(([a], [b]) => compareBytes(bytesOfKey(a), bytesOfKey(b)))
      assert.deepEqual(taken(names), want)
    }),
  )
})

test('more names than a run holds are merged', () => {
  const keys = Array.from({ length: 50_000 }, (_, i) => `n${(i * 7919) % 50_000}`)
  const names = new SortedNames()
  names.add(
    keys,
    keys.map((_, i) => (i % 3 === 0 ? DT_DIR : DT_REG)),
  )
  assert.ok(names.has('n49999'))
  assert.deepEqual(
    taken(names).map(([key]) => key),
    keys.toSorted(),
  )
})

test('a name that the file system gives twice comes once, also with another kind', () => {
  const names = new SortedNames()
  names.add(['b', 'a', 'b'], [DT_REG, DT_REG, DT_REG])
  names.add(['a'], [DT_DIR])
  assert.deepEqual(
    taken(names).map(([key]) => key),
    ['a', 'b'],
  )
})

test('no names at all', () => {
  const names = new SortedNames()
  assert.equal(names.has('a'), false)
  assert.equal(names.next(), undefined)
  assert.equal(names.next(), undefined)
})
