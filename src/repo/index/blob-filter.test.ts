import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRng } from '../../base/random.ts'
import { BlobFilter, BlobFilterBuilder } from './blob-filter.ts'

type Key = readonly [number, number]

function filterOf(keys: readonly Key[]): { filter: BlobFilter; bytes: number } {
  const arrays: Uint8Array[] = []
  const builder = new BlobFilterBuilder(keys.length, (array) => arrays.push(array))
  for (const [first, second] of keys) builder.add(first, second)
  const bytes = Buffer.concat(arrays)
  return { filter: new BlobFilter(builder.finish(), Buffer.concat(arrays)), bytes: bytes.length }
}

function randomKeys(count: number, seed: number): Key[] {
  const rng = seededRng(seed)
  const word = () => Math.floor(rng() * 2 ** 32)
  return Array.from({ length: count }, () => [word(), word()] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1])
}

for (const count of [0, 1, 2, 3, 10, 100, 1000, 131_072, 300_000]) {
  test(`a filter of ${count} keys passes all of them, and few others`, () => {
    const keys = randomKeys(count, count + 1)
    const { filter, bytes } = filterOf(keys)
    for (const [first, second] of keys) assert.ok(filter.mayHave(first, second))
    const others = randomKeys(20_000, 12_345)
    const passed = others.filter(([first, second]) => filter.mayHave(first, second)).length
    assert.ok(passed < others.length / 128, `${passed} of ${others.length} others pass`)
    if (count >= 100_000) assert.ok(bytes / count < 1.25, `${bytes / count} bytes a key`)
  })
}

test('a key that comes twice is one', () => {
  const { filter } = filterOf([
    [1, 2],
    [1, 2],
    [1, 3],
  ])
  assert.ok(filter.mayHave(1, 2))
  assert.ok(filter.mayHave(1, 3))
})

test('keys that somebody has chosen pass, whether an array can be made of them or not', () => {
  // Equal in the word that chooses the first place, consecutive in the other.
  const keys = Array.from({ length: 50_000 }, (_, i): Key => [i, 7])
  const { filter } = filterOf(keys)
  for (const [first, second] of keys) assert.ok(filter.mayHave(first, second))
})
