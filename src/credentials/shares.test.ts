import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { fromHex, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { hash, initHashing } from '../crypto/hash.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import { wrappedSecrets } from '../../test/support/wrapped-secrets.ts'
import { newSlotKey, slotKeyOf } from './credential.ts'
import { parseRecoverySecret, recoveryWords } from './recovery-words.ts'
import { parseShare, shareLine, SHARE_WORDS, shareWords } from './share.ts'
import type { Share } from './share.ts'
import { WORDS } from './word-list.ts'
import { checkShareNumbers, combineShares, newShares, ShareCollection, splitSecret } from './shares.ts'

await initHashing()

const SECRET = secureRandom(32)
const SET = new Uint8Array([1, 2, 3, 4])
const make = (threshold: number, count: number) => splitSecret(SECRET, { threshold, count }, SET)

const fails = (code: ErrorCode, what: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError)
  assert.equal(error.code, code)
  assert.match(error.message, what)
  if (hint !== undefined) assert.match(error.hint ?? '', hint)
  return true
}

test('any k shares give the secret, whichever they are', async () => {
  const shares = await make(3, 5)
  for (let mask = 0; mask < 32; mask++) {
    const some = shares.filter((_, i) => mask & (1 << i))
    if (some.length >= 3) assert.deepEqual(await combineShares(some), SECRET)
    else if (some.length === 2) assert.notDeepEqual(await combineShares(some), SECRET)
  }
  const many = await make(255, 255)
  assert.deepEqual(await combineShares(many), SECRET)
})

/** Products in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, bit by bit: nothing of the library's tables. */
function product(a: number, b: number): number {
  let result = 0
  for (let bit = 0; bit < 8; bit++) {
    if (b & (1 << bit)) result ^= a
    a = a & 0x80 ? ((a << 1) ^ 0x11b) & 0xff : a << 1
  }
  return result
}

const inverse = (a: number) => Array.from({ length: 256 }, (_, i) => i).find((i) => product(a, i) === 1)!

/** The value at `x` of the polynomial through these points. */
function interpolate(points: readonly (readonly [x: number, y: number])[], x: number): number {
  return points.reduce((sum, [xi, yi]) => {
    const basis = points.reduce((b, [xj]) => (xj === xi ? b : product(b, product(x ^ xj, inverse(xi ^ xj)))), 1)
    return sum ^ product(yi, basis)
  }, 0)
}

test('any k-1 shares go with every secret: some k-th share completes them to it', async () => {
  for (const threshold of [2, 3, 5]) {
    const shares = await make(threshold, 6)
    for (let start = 0; start < 6; start++) {
      const known = Array.from({ length: threshold - 1 }, (_, j) => shares[(start + j) % 6]!)
      const taken = new Set(known.map(({ value }) => value[32]!))
      const free = Array.from({ length: 255 }, (_, i) => i + 1).find((x) => !taken.has(x))!
      for (const secret of [SECRET, new Uint8Array(32), new Uint8Array(32).fill(255), secureRandom(32)]) {
        // One polynomial of degree k-1 goes through the secret at 0 and the shares that are known.
        const value = new Uint8Array(33)
        for (let i = 0; i < 32; i++) {
          value[i] = interpolate([[0, secret[i]!], ...known.map((s) => [s.value[32]!, s.value[i]!] as const)], free)
        }
        value[32] = free
        assert.deepEqual(await combineShares([...known, { ...known[0]!, value }]), secret)
      }
    }
  }
})

test('one share alone looks the same whatever the secret is', async () => {
  // 256 values, 12,800 of each secret: the bound is that of 1 in 10^9 for chi-squared with 255 degrees of freedom.
  for (const fill of [0, 255]) {
    const counts = new Uint32Array(256)
    const secret = new Uint8Array(32).fill(fill)
    for (let i = 0; i < 200; i++) {
      for (const { value } of await splitSecret(secret, { threshold: 2, count: 2 }, SET)) {
        for (let at = 0; at < 32; at++) counts[value[at]!]!++
      }
    }
    const expected = (200 * 2 * 32) / 256
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    assert.ok(chiSquared < 415, `chi-squared is ${chiSquared}`)
  }
})

const anyShare = fc.record(
  {
    set: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    threshold: fc.integer({ min: 2, max: 255 }),
    number: fc.integer({ min: 1, max: 255 }),
    value: fc.uint8Array({ minLength: 33, maxLength: 33 }).map((value) => value.with(32, value[32]! || 1)),
  },
  { noNullPrototype: true },
)

test('a share comes back from its words and from its line', () => {
  fc.assert(
    fc.property(anyShare, (share) => {
      assert.equal(shareWords(share).length, SHARE_WORDS)
      assert.deepEqual(parseShare(shareWords(share).join('\n'), 'x'), share)
      assert.deepEqual(parseShare(`Some sheet (${shareLine(share)}) Tj`, 'x'), share)
    }),
  )
})

test('the words of a share are the bits of its line, 11 at a time', () => {
  const value = new Uint8Array(33).map((_, i) => i + 1)
  const share: Share = { set: SET, threshold: 3, number: 5, value }
  const head = '010102030403050102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021'
  const hex = head + toHex(blake3(fromHex(head)!).subarray(0, 4))
  assert.equal(shareLine(share), `holdfast-share-1 ${hex}`)
  const bits = BigInt(`0x${hex}`).toString(2).padStart(352, '0')
  assert.deepEqual(
    shareWords(share),
    bits.match(/.{11}/g)!.map((index) => WORDS[parseInt(index, 2)]),
  )
})

test('shares and words that were made elsewhere give their secret', async () => {
  const { secret, recoverySheet, shares: given } = wrappedSecrets()
  assert.deepEqual(parseRecoverySecret(recoverySheet.words, 'x'), fromHex(secret))
  assert.deepEqual(parseRecoverySecret(recoverySheet.keyFile, 'x'), fromHex(secret))
  assert.equal(recoveryWords(fromHex(secret)!).join(' '), recoverySheet.words)
  const shares = given.map(({ words }) => parseShare(words, 'x'))
  assert.deepEqual(
    given.map(({ text }) => parseShare(text, 'x')),
    shares,
  )
  for (const some of [shares.slice(0, 3), shares.slice(2)]) assert.deepEqual(await combineShares(some), fromHex(secret))
})

test('any one word that was taken for another is found', () => {
  const words = shareWords({ set: SET, threshold: 3, number: 5, value: new Uint8Array(33).fill(9) })
  for (let i = 0; i < SHARE_WORDS; i++) {
    const wrong = words.with(i, words[i] === 'zoo' ? 'zone' : 'zoo').join(' ')
    assert.throws(() => parseShare(wrong, 'share 5'), fails('usage', /checksum of this share is wrong: share 5/))
  }
})

test('the words of a whole secret are no share, and one of a later version says so', () => {
  assert.throws(() => parseShare('abandon '.repeat(24), 'x'), fails('usage', /24 words were given, 32 are needed/))
  const hex = '02'.padEnd(80, '01')
  const line = `holdfast-share-1 ${hex}${checksumHex(hex)}`
  assert.throws(() => parseShare(line, 'x'), fails('unsupported', /version 2/))
  const senseless = `01${'00'.repeat(39)}`
  assert.throws(
    () => parseShare(`holdfast-share-1 ${senseless}${checksumHex(senseless)}`, 'x'),
    fails('corrupt', /makes no sense/),
  )
})

function checksumHex(hex: string): string {
  return toHex(hash(fromHex(hex)!).subarray(0, 4))
}

test('shares of different sets, and one share twice, are not mixed unnoticed', async () => {
  const ours = await make(2, 3)
  const theirs = await splitSecret(SECRET, { threshold: 2, count: 3 }, new Uint8Array([9, 9, 9, 9]))
  const collection = new ShareCollection()
  assert.equal(collection.missing, undefined)
  assert.throws(() => collection.unlocker(), fails('usage', /no share is given/))
  collection.add(ours[0]!, 'a')
  assert.equal(collection.missing, 1)
  assert.throws(
    () => collection.add(theirs[1]!, 'b'),
    fails('usage', /of set 09090909, the first one of set 01020304: b/),
  )
  assert.throws(() => collection.add(ours[0]!, 'c'), fails('usage', /share 1 is there already: c/))
  assert.throws(() => collection.unlocker(), fails('usage', /1 of 2 shares are given: set 01020304/))
  collection.add(ours[2]!, 'd')
  assert.equal(collection.missing, 0)
  assert.deepEqual(await collection.unlocker().unwrap(METHOD, 'keys/x'), SECRET)
})

const METHOD: SlotMethod = { kind: 'shares', set: SET, threshold: 2, count: 3 }

test('a slot for shares has the key that the shares give; others do not try it', async () => {
  let shares: Share[] = []
  const recipient = newShares({ threshold: 3, count: 5 }, secureRandom, async (made) => {
    shares = made.map((share) => ({ ...share, value: share.value.slice() }))
  })
  const { method, slotKey } = await newSlotKey(recipient, secureRandom)
  assert.deepEqual({ ...method, set: undefined }, { kind: 'shares', set: undefined, threshold: 3, count: 5 })
  assert.deepEqual(
    shares.map(({ number }) => number),
    [1, 2, 3, 4, 5],
  )
  const collection = new ShareCollection()
  for (const share of [shares[4]!, shares[1]!, shares[2]!]) collection.add(share, 'x')
  const unlocker = collection.unlocker()
  assert.ok(unlocker.mayOpen(method))
  assert.ok(!unlocker.mayOpen({ ...METHOD, threshold: 3 }))
  assert.deepEqual(await slotKeyOf(unlocker, method, 'keys/x'), slotKey)
})

test('there is no slot when its shares could not be given away', async () => {
  const recipient = newShares({ threshold: 2, count: 2 }, secureRandom, () =>
    Promise.reject(new Error('the printer burns')),
  )
  await assert.rejects(newSlotKey(recipient, secureRandom), /the printer burns/)
})

test('numbers that make no sense are refused', () => {
  const check = (threshold: number, count: number) => () => checkShareNumbers({ threshold, count }, '--shares')
  for (const [k, n] of [
    [2, 2],
    [3, 5],
    [255, 255],
  ] as const)
    check(k, n)()
  assert.throws(check(1, 5), fails('usage', /one share alone would be the key: --shares/))
  assert.throws(check(0, 0), fails('usage', /one share alone/))
  assert.throws(check(4, 3), fails('usage', /4 of 3 shares can never come together/))
  assert.throws(check(2, 256), fails('usage', /255 shares at most/))
})
