import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { initHashing } from './hash.ts'
import { SEAL_OVERHEAD, SEALED_SIZE_MAX, Sealer } from './seal.ts'
import type { Suite } from './seal.ts'

await initHashing()

const KEY = Uint8Array.from({ length: 32 }, (_, at) => at * 3)
const REPO = Uint8Array.from({ length: 16 }, (_, at) => 200 - at)
const SUITES: readonly Suite[] = [0, 1, 2]
const NONE = new Uint8Array(0)

// docs/format.md, 1.3, once more with other libraries.
const deriveKey = (context: string, key: Uint8Array) => blake3(key, { context: utf8(context) })
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

function referenceSalt(key: Uint8Array, suite: Suite, type: number, context: Uint8Array, plaintext: Uint8Array) {
  const saltKey = blake3(joined(Uint8Array.of(suite, type), context), { key: deriveKey('holdfast 1 salt', key) })
  return blake3(plaintext, { key: saltKey }).slice(0, 24)
}

function referenceSeal(
  { key = KEY, suite = 1 as Suite, type = 32, context = NONE, salt = undefined as Uint8Array | undefined },
  plaintext: Uint8Array,
): Uint8Array {
  salt ??= referenceSalt(key, suite, type, context, plaintext)
  const partKey = blake3(salt, { key: deriveKey('holdfast 1 seal', key) })
  const aad = joined(REPO, Uint8Array.of(suite, type), context)
  const nonce = new Uint8Array(12)
  if (suite === 1) return joined(salt, gcm(partKey, nonce, aad).encrypt(plaintext))
  if (suite === 2) return joined(salt, chacha20poly1305(partKey, nonce, aad).encrypt(plaintext))
  const tag = blake3(joined(aad, plaintext), { key: deriveKey('holdfast 1 suite 0 tag', partKey) }).slice(0, 16)
  return joined(salt, plaintext, tag)
}

const refused = (subject: string) => (error: unknown) =>
  error instanceof BackupError && error.code === 'corrupt' && error.subject === subject

for (const suite of SUITES) {
  test(`suite ${suite}: a sealed part is what the format says, by an independent implementation`, () => {
    const arguments_ = fc.tuple(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.nat(255),
      fc.uint8Array({ maxLength: 40 }),
      fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 9000, maxLength: 12000, size: 'max' })),
    )
    fc.assert(
      fc.property(arguments_, ([key, type, context, plaintext]) => {
        const sealer = new Sealer(key, REPO, suite)
        const sealed = sealer.seal(type, context, plaintext)
        assert.deepEqual(sealed, referenceSeal({ key, suite, type, context }, plaintext))
        assert.equal(sealed.length, plaintext.length + SEAL_OVERHEAD)
        assert.deepEqual(sealer.open(type, context, sealed, 'part'), plaintext)
        assert.deepEqual(sealer.open(type, context, sealed, 'part', { checkSalt: false }), plaintext)
      }),
      { numRuns: 60 },
    )
  })

  test(`suite ${suite}: a part around the size that is encrypted at once is the same`, () => {
    for (const length of [256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1]) {
      const plaintext = Uint8Array.from({ length }, (_, at) => at * 7)
      const sealed = new Sealer(KEY, REPO, suite).seal(32, NONE, plaintext)
      assert.ok(Buffer.from(sealed).equals(referenceSeal({ suite }, plaintext)), `${length} bytes`)
    }
  })

  test(`suite ${suite}: every flipped bit, missing byte and added byte is refused`, () => {
    const sealer = new Sealer(KEY, REPO, suite)
    for (const plaintext of [NONE, utf8('a secret of twenty-eight bytes')]) {
      const sealed = sealer.seal(32, utf8('ctx'), plaintext)
      for (const checkSalt of [true, false]) {
        const open = (bytes: Uint8Array) => () => sealer.open(32, utf8('ctx'), bytes, 'data/ab', { checkSalt })
        for (let bit = 0; bit < sealed.length * 8; bit++) {
          const changed = sealed.slice()
          changed[bit >> 3]! ^= 1 << (bit & 7)
          assert.throws(open(changed), refused('data/ab'), `bit ${bit}`)
        }
        for (let length = 0; length < sealed.length; length++) {
          assert.throws(open(sealed.slice(0, length)), refused('data/ab'), `cut to ${length}`)
        }
        assert.throws(open(joined(sealed, Uint8Array.of(0))), refused('data/ab'))
        assert.throws(open(joined(Uint8Array.of(0), sealed)), refused('data/ab'))
      }
    }
  })

  test(`suite ${suite}: another key, repository, type, context or suite is refused`, () => {
    const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte))
    const context = utf8('ctx')
    const sealed = new Sealer(KEY, REPO, suite).seal(32, context, utf8('text'))
    const attempts: Record<string, () => Uint8Array> = {
      key: () => new Sealer(flipped(KEY), REPO, suite).open(32, context, sealed, 'x'),
      repository: () => new Sealer(KEY, flipped(REPO), suite).open(32, context, sealed, 'x'),
      type: () => new Sealer(KEY, REPO, suite).open(33, context, sealed, 'x'),
      context: () => new Sealer(KEY, REPO, suite).open(32, utf8('ctX'), sealed, 'x'),
      'longer context': () => new Sealer(KEY, REPO, suite).open(32, utf8('ctx '), sealed, 'x'),
      'no context': () => new Sealer(KEY, REPO, suite).open(32, NONE, sealed, 'x'),
    }
    for (const other of SUITES) {
      if (other !== suite)
        attempts[`suite ${other}`] = () => new Sealer(KEY, REPO, other).open(32, context, sealed, 'x')
    }
    for (const [what, attempt] of Object.entries(attempts)) assert.throws(attempt, refused('x'), what)
  })

  test(`suite ${suite}: a part whose salt is not that of its plaintext opens only without the check`, () => {
    const salt = new Uint8Array(24).fill(9)
    const forged = referenceSeal({ suite, salt }, utf8('made by somebody who has the key'))
    const sealer = new Sealer(KEY, REPO, suite)
    assert.throws(() => sealer.open(32, NONE, forged, 'x'), refused('x'))
    const opened = sealer.open(32, NONE, forged, 'x', { checkSalt: false })
    assert.deepEqual(Buffer.from(opened).toString(), 'made by somebody who has the key')
  })

  test(`suite ${suite}: results own their memory, so that they can go to another thread`, () => {
    const sealer = new Sealer(KEY, REPO, suite)
    for (const length of [0, 1, 100, 4096, 70_000, 3_000_000]) {
      const plaintext = new Uint8Array(length).fill(7)
      const sealed = sealer.seal(32, NONE, plaintext)
      assert.equal(sealed.byteOffset, 0)
      assert.equal(sealed.buffer.byteLength, length + SEAL_OVERHEAD)
      const moved = structuredClone(sealed, { transfer: [sealed.buffer as ArrayBuffer] })
      assert.equal(sealed.length, 0)
      const opened = sealer.open(32, NONE, moved, 'x')
      assert.equal(opened.buffer.byteLength, length)
      assert.deepEqual(structuredClone(opened, { transfer: [opened.buffer as ArrayBuffer] }), plaintext)
    }
  })
}

test('parts that differ in one byte anywhere share neither salt nor key', () => {
  const sealer = new Sealer(KEY, REPO, 1)
  const salts = new Set<string>()
  for (const type of [1, 2]) {
    for (const context of [NONE, utf8('a'), utf8('b')]) {
      for (const text of ['', 'a', 'b', 'ab']) {
        salts.add(Buffer.from(sealer.seal(type, context, utf8(text)).subarray(0, 24)).toString('hex'))
      }
    }
  }
  assert.equal(salts.size, 2 * 3 * 4)
})

test('the sealer keeps nothing of the arrays it was made with', () => {
  for (const copy of [(bytes: Uint8Array) => new Uint8Array(bytes), (bytes: Uint8Array) => Buffer.from(bytes)]) {
    const key = copy(KEY)
    const repo = copy(REPO)
    const sealer = new Sealer(key, repo, 1)
    const before = sealer.seal(32, NONE, utf8('text'))
    key.fill(0)
    repo.fill(0)
    assert.deepEqual(sealer.seal(32, NONE, utf8('text')), before)
  }
})

test('what was opened does not change with the bytes it was opened from', () => {
  for (const suite of SUITES) {
    const sealer = new Sealer(KEY, REPO, suite)
    const sealed = Buffer.from(sealer.seal(32, NONE, utf8('text')))
    const opened = sealer.open(32, NONE, sealed, 'x')
    sealed.fill(0)
    assert.equal(Buffer.from(opened).toString(), 'text')
  }
})

test('a part longer than any object is refused before it is hashed or decrypted', () => {
  const sealer = new Sealer(KEY, REPO, 1)
  assert.throws(() => sealer.open(32, NONE, new Uint8Array(SEALED_SIZE_MAX + 1), 'x'), /more than/)
  assert.throws(() => sealer.seal(32, NONE, new Uint8Array(SEALED_SIZE_MAX - SEAL_OVERHEAD + 1)), /at most 64 MiB/)
})
