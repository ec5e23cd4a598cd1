import { blake3 } from '@noble/hashes/blake3.js'
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '../base/bytes.ts'
import { seededRng } from '../base/random.ts'
import { createKernel, gearTable, HASH_INPUT_MAX, KEY_SLOTS_MAX, type Kernel } from './kernel.ts'
import { DEFAULT_PARAMS, type ChunkerParams } from './params.ts'
import { ReferenceChunker } from './reference.ts'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1)
const OTHER_KEY = Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 3)
const SMALL: ChunkerParams = { min: 64, average: 256, max: 1024 }

test('the static data of the module ends before the arena', () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const module = new WebAssembly.Module(readFileSync(new URL('kernel.wasm', import.meta.url)))
  const { arenaBase } = new WebAssembly.Instance(module, { env: { memory } }).exports as { arenaBase(): number }
  assert.equal(arenaBase(), 65_536)
})

test('the kernel cuts where the reference cuts', () => {
  const kernel = createKernel({ arenaSize: 65_536, cdcKey: KEY, params: SMALL })
  const reference = new ReferenceChunker(tableOf(KEY), SMALL)
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 1, max: 255 }),
      (seed, length, symbols) => {
        const content = bytesOf(seed, length, symbols)
        kernel.memory.set(content)
        assert.deepEqual(cutsOf(kernel, length), reference.cuts(content))
      },
    ),
    { numRuns: 200 },
  )
})

test('the kernel cuts where the reference cuts, with other sizes', () => {
  for (const params of [
    { min: 100, average: 128, max: 129 },
    { min: 65, average: 1024, max: 1025 },
    { min: 300, average: 512, max: 10_000 },
    { min: 2048, average: 4096, max: 50_000 },
  ]) {
    const kernel = createKernel({ arenaSize: 200_000, cdcKey: KEY, params })
    const content = bytesOf(1, 200_000)
    kernel.memory.set(content)
    assert.deepEqual(cutsOf(kernel, content.length), new ReferenceChunker(tableOf(KEY), params).cuts(content))
  }
})

test('chunks keep to the minimum and the maximum, and their mean is near the average', () => {
  const params = { min: 1024, average: 4096, max: 16_384 }
  const kernel = createKernel({ arenaSize: 8 << 20, cdcKey: KEY, params })
  kernel.memory.set(bytesOf(2, 8 << 20))
  const lengths = cutsOf(kernel, 8 << 20)
  assert.ok(lengths.slice(0, -1).every((length) => length >= params.min))
  assert.ok(lengths.every((length) => length <= params.max))
  const mean = (8 << 20) / lengths.length
  assert.ok(mean > 4096 && mean < 5200, `mean ${mean}`)
})

test('content that comes in pieces is cut like whole content', () => {
  const content = bytesOf(3, 30_000)
  const kernel = createKernel({ arenaSize: 30_000, cdcKey: KEY, params: SMALL })
  kernel.memory.set(content)
  const whole = cutsOf(kernel, content.length)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }), (steps) => {
      const lengths: number[] = []
      let present = 0
      for (let at = 0, i = 0; at < content.length;) {
        const length = kernel.cut(at, present - at, present === content.length)
        if (length === 0) {
          assert.ok(present - at < SMALL.max && present < content.length)
          present = Math.min(content.length, present + steps[i++ % steps.length]!)
        } else {
          lengths.push(length)
          at += length
        }
      }
      assert.deepEqual(lengths, whole)
    }),
    { numRuns: 50 },
  )
})

test('after an inserted byte the old boundaries return', () => {
  const kernel = createKernel({ arenaSize: 1 << 20, cdcKey: KEY, params: SMALL })
  const content = bytesOf(4, 1 << 19)
  const before = endsOf(cutsIn(kernel, content), content.length)
  const changed = new Uint8Array(content.length + 1)
  changed.set(content.subarray(0, 1000))
  changed[1000] = 42
  changed.set(content.subarray(1000), 1001)
  const after = new Set(endsOf(cutsIn(kernel, changed), changed.length))
  const lost = before.filter((fromEnd) => !after.has(fromEnd))
  assert.ok(lost.length < 20, `${lost.length} of ${before.length} boundaries are gone`)
})

test('another key cuts elsewhere', () => {
  const content = bytesOf(5, 1 << 18)
  const one = endsOf(cutsIn(createKernel({ arenaSize: 1 << 18, cdcKey: KEY, params: SMALL }), content), content.length)
  const two = endsOf(
    cutsIn(createKernel({ arenaSize: 1 << 18, cdcKey: OTHER_KEY, params: SMALL }), content),
    content.length,
  )
  const shared = one.filter((fromEnd) => two.includes(fromEnd)).length
  assert.ok(shared < one.length / 20, `${shared} of ${one.length} boundaries are shared`)
})

test('the keyed hash equals @noble/hashes at every length where its work changes', () => {
  const kernel = createKernel({ arenaSize: 1 << 20, cdcKey: KEY, params: DEFAULT_PARAMS })
  kernel.memory.set(bytesOf(6, 1 << 20))
  const slot = kernel.addKey(OTHER_KEY)
  for (const length of interestingLengths(300_000)) {
    const offset = (7 * length) % 1000
    const input = kernel.memory.slice(offset, offset + length)
    const expected = toHex(blake3(input, { key: OTHER_KEY }))
    assert.equal(toHex(kernel.hash(slot, offset, length)), expected, `hash of ${length} bytes`)
    assert.equal(toHex(kernel.hashOf(slot, input)), expected, `hashOf of ${length} bytes`)
  }
})

test('hashes of an input that passes through staging equal those from the arena', () => {
  const kernel = createKernel({ arenaSize: HASH_INPUT_MAX, cdcKey: KEY, params: DEFAULT_PARAMS })
  kernel.memory.set(bytesOf(7, 1 << 20))
  kernel.memory.copyWithin(HASH_INPUT_MAX - 1_000_000, 0, 1_000_000)
  const slot = kernel.addKey(KEY)
  for (const length of [65_536, 65_537, 66_560, 131_072, 1_000_001, HASH_INPUT_MAX - 1, HASH_INPUT_MAX]) {
    assert.deepEqual(kernel.hashOf(slot, kernel.memory.subarray(0, length)), kernel.hash(slot, 0, length))
  }
})

test('a key of one call leaves the kept keys alone, and results do not change later', () => {
  const kernel = createKernel({ arenaSize: 100, cdcKey: KEY, params: SMALL })
  const first = kernel.addKey(KEY)
  const second = kernel.addKey(OTHER_KEY)
  const a = kernel.hash(first, 0, 100)
  const b = kernel.keyedHash(OTHER_KEY, 0, 100)
  assert.notDeepEqual(a, b)
  assert.deepEqual(kernel.hash(second, 0, 100), b)
  assert.deepEqual(kernel.hash(first, 0, 100), a)
  assert.deepEqual(kernel.keyedHashOf(KEY, kernel.memory), a)
  const out = new Uint8Array(40)
  kernel.hashInto(second, 0, 100, out, 5)
  assert.deepEqual(out.subarray(5, 37), b)
  assert.deepEqual([out[4], out[37]], [0, 0])
})

test('ranges outside of the arena, short keys and too many keys are bugs', () => {
  const kernel = createKernel({ arenaSize: 100, cdcKey: KEY, params: SMALL })
  assert.throws(() => kernel.cut(1, 100, true), /outside of the arena/)
  assert.throws(() => kernel.isZero(-1, 5), /outside of the arena/)
  assert.throws(() => kernel.keyedHash(KEY, 50, 51), /outside of the arena/)
  assert.throws(() => kernel.keyedHash(KEY.subarray(1), 0, 1), /32 bytes/)
  for (let i = 1; i < KEY_SLOTS_MAX; i++) kernel.addKey(KEY)
  assert.throws(() => kernel.addKey(KEY), /no free key slot/)
})

test('zeroPrefix stops at the first byte that is not zero', () => {
  const kernel = createKernel({ arenaSize: 4100, cdcKey: KEY, params: SMALL })
  for (const length of [0, 1, 63, 64, 65, 127, 128, 200, 4000]) {
    for (const offset of [0, 1, 96]) {
      kernel.memory.fill(0xff)
      kernel.memory.fill(0, offset, offset + length)
      assert.equal(kernel.zeroPrefix(offset, 4100 - offset), length)
      assert.equal(kernel.zeroPrefix(offset, length), length)
      assert.equal(kernel.isZero(offset, length), true)
      assert.equal(kernel.isZero(offset, length + 1), false)
      if (length > 0) {
        kernel.memory[offset + length - 1] = 1
        assert.equal(kernel.isZero(offset, length), false)
      }
    }
  }
})

function tableOf(key: Uint8Array): Uint8Array {
  return gearTable((i) => blake3(Uint8Array.of(i), { key }))
}

/** Lengths of the chunks of the first `length` bytes of the arena. */
function cutsOf(kernel: Kernel, length: number): number[] {
  const lengths: number[] = []
  for (let at = 0; at < length; at += lengths.at(-1)!) lengths.push(kernel.cut(at, length - at, true))
  return lengths
}

function cutsIn(kernel: Kernel, content: Uint8Array): number[] {
  kernel.memory.set(content)
  return cutsOf(kernel, content.length)
}

/** Boundaries as distances from the end, so that an insertion does not move them. */
function endsOf(lengths: number[], total: number): number[] {
  let at = 0
  return lengths.map((length) => total - (at += length))
}

function bytesOf(seed: number, length: number, symbols = 256): Uint8Array {
  const rng = seededRng(seed)
  return Uint8Array.from({ length }, () => Math.floor(rng() * symbols))
}

/** 0 to 5, and both sides of the multiples of a block, a chunk and four chunks that are powers of two or near one. */
function interestingLengths(limit: number): number[] {
  const lengths = [0, 1, 2, 3, 4, 5]
  for (const unit of [64, 1024, 4096]) {
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 31, 33, 64, 65]) {
      lengths.push(n * unit - 1, n * unit, n * unit + 1)
    }
  }
  return lengths.filter((length) => length <= limit)
}
