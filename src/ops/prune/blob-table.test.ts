import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRng } from '../../base/random.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { BlobTable } from './blob-table.ts'

/** The locator of blob n. */
function locOf(...numbers: readonly number[]): Uint8Array {
  const locs = new Uint8Array(numbers.length * LOCATOR_SIZE)
  const words = new DataView(locs.buffer)
  for (const [i, n] of numbers.entries()) {
    words.setUint32(i * LOCATOR_SIZE, Math.imul(n + 1, 0x9e3779b1), true)
    words.setUint32(i * LOCATOR_SIZE + 8, n, true)
  }
  return locs
}

test('every blob is found at its place, whatever came in between and however often the table grew', () => {
  const table = new BlobTable()
  const count = 10_000
  for (let n = 0; n < count; n++) {
    table.add(locOf(n))
    if (n % 977 === 0) assert.equal(table.find(locOf(n)), n)
  }
  for (let n = 0; n < count; n++) assert.equal(table.find(locOf(n)), n)
  assert.equal(table.find(locOf(count)), -1)
  assert.equal(new BlobTable().find(locOf(0)), -1)
})

test('a blob in several places is one blob: the mark goes along when another place is to count', () => {
  const table = new BlobTable()
  table.add(locOf(1, 2, 1, 3, 1))
  assert.equal(table.find(locOf(1)), 0)
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((place) => table.isShared(place)),
    [true, false, true, false, true],
  )
  assert.equal(table.need(0), true)
  assert.equal(table.need(0), false)
  table.prefer((a, b) => a > b)
  assert.equal(table.find(locOf(1)), 4)
  assert.deepEqual(
    [0, 2, 4].map((place) => table.isNeeded(place)),
    [false, false, true],
  )
  table.choose(2)
  assert.equal(table.countingPlace(4), 2)
  assert.ok(table.isNeeded(2) && !table.isNeeded(4))
  // It stays so when the slots are made anew.
  table.add(locOf(...Array.from({ length: 5000 }, (_, i) => 100 + i)))
  assert.equal(table.find(locOf(1)), 2)
})

test('the table says of random places and marks what a map says', () => {
  const rng = seededRng(7)
  const table = new BlobTable()
  const placesOf = new Map<number, number[]>()
  const needed = new Set<number>()
  for (let place = 0; place < 20_000; place++) {
    const n = Math.floor(rng() * 8000)
    table.add(locOf(n))
    placesOf.set(n, [...(placesOf.get(n) ?? []), place])
    if (rng() < 0.1) {
      table.need(table.find(locOf(n)))
      needed.add(n)
    }
  }
  table.prefer(() => rng() < 0.5)
  for (const [n, places] of placesOf) {
    const counting = table.find(locOf(n))
    assert.ok(places.includes(counting))
    assert.equal(table.isNeeded(counting), needed.has(n))
    assert.equal(places.filter((place) => table.isNeeded(place)).length, needed.has(n) ? 1 : 0)
    for (const place of places) assert.equal(table.isShared(place), places.length > 1)
  }
})
