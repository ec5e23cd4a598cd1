import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { test } from 'node:test'
import { argon2id } from '@noble/hashes/argon2.js'
import { toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import {
  calibratedCost,
  LANES_MAX,
  MEMORY_KIB_MAX,
  MEMORY_KIB_MIN,
  NEW_SLOT_COST,
  NEW_SLOT_PASSES_MAX,
  PASSES_MAX,
  passphraseKey,
} from './passphrase.ts'
import type { PassphraseParams } from './passphrase.ts'

const SALT = Uint8Array.from({ length: 16 }, (_, at) => at)
const CHEAP: PassphraseParams = { salt: SALT, memoryKiB: MEMORY_KIB_MIN, passes: 1, lanes: 1 }

const failsWith = (code: string) => (error: unknown) => error instanceof BackupError && error.code === code

test('the key is that of an independent Argon2id', async () => {
  const params = { ...CHEAP, lanes: 2 }
  const expected = argon2id(utf8('correct horse'), SALT, { m: params.memoryKiB, t: 1, p: 2, dkLen: 32 })
  assert.deepEqual(await passphraseKey('correct horse', params), expected)
})

test('the Argon2id of this Node gives the vector of RFC 9106, 5.3', () => {
  const key = argon2Sync('argon2id', {
    message: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(16).fill(2),
    secret: new Uint8Array(8).fill(3),
    associatedData: new Uint8Array(12).fill(4),
    memory: 32,
    passes: 3,
    parallelism: 4,
    tagLength: 32,
  })
  assert.equal(toHex(key), '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659')
})

test('composed and decomposed letters are the same passphrase; other letters are not', async () => {
  const composed = await passphraseKey('Z\u00fcrich', CHEAP)
  assert.deepEqual(await passphraseKey('Zu\u0308rich', CHEAP), composed)
  assert.notDeepEqual(await passphraseKey('Zurich', CHEAP), composed)
  assert.notDeepEqual(await passphraseKey('Z\u00fcrich ', CHEAP), composed)
})

test('salt, memory, passes and lanes all count', async () => {
  const base = toHex(await passphraseKey('x', CHEAP))
  const others = [
    { ...CHEAP, salt: SALT.map((byte) => byte ^ 1) },
    { ...CHEAP, memoryKiB: MEMORY_KIB_MIN + 1024 },
    { ...CHEAP, passes: 2 },
    { ...CHEAP, lanes: 2 },
  ]
  const keys = await Promise.all(others.map(async (params) => toHex(await passphraseKey('x', params))))
  assert.equal(new Set([base, ...keys]).size, 5)
})

test('parameters out of bounds are refused before anything is computed', async () => {
  const bad: Record<string, PassphraseParams> = {
    'memory below': { ...CHEAP, memoryKiB: MEMORY_KIB_MIN - 1 },
    'memory above': { ...CHEAP, memoryKiB: MEMORY_KIB_MAX + 1 },
    'no memory': { ...CHEAP, memoryKiB: 0 },
    'fraction of memory': { ...CHEAP, memoryKiB: MEMORY_KIB_MIN + 0.5 },
    'no pass': { ...CHEAP, passes: 0 },
    'too many passes': { ...CHEAP, memoryKiB: MEMORY_KIB_MAX, passes: PASSES_MAX + 1 },
    'no lane': { ...CHEAP, lanes: 0 },
    'too many lanes': { ...CHEAP, lanes: LANES_MAX + 1 },
    'not a number': { ...CHEAP, passes: Number.NaN },
    'short salt': { ...CHEAP, salt: SALT.subarray(1) },
    'long salt': { ...CHEAP, salt: new Uint8Array(17) },
  }
  for (const [what, params] of Object.entries(bad)) {
    const begin = performance.now()
    await assert.rejects(passphraseKey('x', params, 'keys/ab'), (error: unknown) => {
      return failsWith('limit')(error) && (error as BackupError).subject === 'keys/ab'
    })
    assert.ok(performance.now() - begin < 1_000, what)
  }
})

test('the largest number of lanes works with the least memory', async () => {
  assert.equal((await passphraseKey('x', { ...CHEAP, lanes: LANES_MAX })).length, 32)
})

test('a passphrase that is empty or not Unicode text is refused', async () => {
  await assert.rejects(passphraseKey('', CHEAP), failsWith('usage'))
  await assert.rejects(passphraseKey('\ud800', CHEAP), failsWith('usage'))
})

test('a new slot costs more on a fast machine, up to a bound, and never less on a slow one', async () => {
  const passesWhereOneTakes = async (ms: number) => {
    let now = 0
    return (await calibratedCost({ monotonic: () => (now += ms) })).passes
  }
  assert.equal(await passesWhereOneTakes(5000), NEW_SLOT_COST.passes)
  assert.equal(await passesWhereOneTakes(50), 6)
  assert.equal(await passesWhereOneTakes(0), NEW_SLOT_PASSES_MAX)
})
