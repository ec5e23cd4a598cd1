import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { initHashing } from '../crypto/hash.ts'
import { MEMORY_KIB_MIN } from '../crypto/passphrase.ts'
import type { SlotMethod } from '../format/slot-kinds.ts'
import { newSlotKey, slotKeyOf, vouches } from './credential.ts'
import type { Credential, SecretCredential, Unlocker } from './credential.ts'
import { forSeveral, severalUnlocker } from './several.ts'

await initHashing()

const COST = { memoryKiB: MEMORY_KIB_MIN, passes: 1, lanes: 1 }
const passphrase = (text: string): SecretCredential => ({ kind: 'passphrase', passphrase: text })
const keyFile = (fill: number): SecretCredential => ({ kind: 'key-file', secret: new Uint8Array(32).fill(fill) })

const isError = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, message)
  return true
}

async function slotFor(parts: readonly SecretCredential[], threshold: number) {
  const { method, slotKey, detail } = await newSlotKey(forSeveral(parts, threshold, COST), secureRandom)
  assert.ok(method.kind === 'several')
  return { method, slotKey, detail }
}

test('a slot that needs all of its keys opens with all of them and not with fewer', async () => {
  const all = [passphrase('anna'), keyFile(1)]
  const { method, slotKey, detail } = await slotFor(all, 2)
  assert.equal(detail, 'all of these together\npassphrase\nkey file')
  assert.deepEqual(await slotKeyOf(severalUnlocker(all), method, 'keys/x'), slotKey)
  assert.deepEqual(await slotKeyOf(severalUnlocker([keyFile(7), ...all.toReversed()]), method, 'keys/x'), slotKey)
  for (const one of all) assert.ok(!severalUnlocker([one]).mayOpen(method), 'one alone is not even tried')
  assert.equal(await severalUnlocker([passphrase('Anna'), keyFile(1)]).unwrap(method, 'keys/x'), null)
  assert.ok(!severalUnlocker([passphrase('anna'), keyFile(2)]).mayOpen(method))
  assert.equal(await severalUnlocker([keyFile(1)]).unwrap(method, 'keys/x'), null)
})

test('any two of three are enough', async () => {
  const all = [passphrase('anna'), keyFile(1), keyFile(2)]
  const { method, slotKey, detail } = await slotFor(all, 2)
  assert.equal(detail, 'any 2 of these\npassphrase\nkey file\nkey file')
  for (const left of all) {
    const two = severalUnlocker(all.filter((one) => one !== left))
    assert.ok(two.mayOpen(method))
    assert.deepEqual(await slotKeyOf(two, method, 'keys/x'), slotKey)
  }
})

test('one key does not count twice', async () => {
  const { method } = await slotFor([keyFile(1), keyFile(2)], 2)
  const [first] = method.parts
  const twice: SlotMethod = { ...method, parts: [first!, first!] }
  await assert.rejects(
    severalUnlocker([keyFile(1), keyFile(2)]).unwrap(twice, 'keys/x'),
    isError('corrupt', /two parts of the key slot are the same: keys\/x/),
  )
})

test('a part that asks for too much, or fails, is told unless others are enough', async () => {
  const { method, slotKey } = await slotFor([passphrase('anna'), keyFile(1), keyFile(2)], 2)
  const [hostile] = method.parts
  assert.ok(hostile?.method.kind === 'passphrase')
  const dear = { ...hostile, method: { ...hostile.method, params: { ...hostile.method.params, memoryKiB: 2 ** 40 } } }
  const changed: SlotMethod = { ...method, parts: [dear, ...method.parts.slice(1)] }
  const anna = passphrase('anna')
  await assert.rejects(severalUnlocker([anna, keyFile(1)]).unwrap(changed, 'keys/x'), isError('limit', /keys\/x/))
  assert.deepEqual(await slotKeyOf(severalUnlocker([anna, keyFile(1), keyFile(2)]), changed, 'keys/x'), slotKey)
})

test('what was made for others by their public keys vouches for nothing, alone or together', () => {
  const age: Unlocker = { kind: 'age', description: 'an identity', mayOpen: () => true, unwrap: async () => null }
  const together = (...members: Credential[]) => vouches(severalUnlocker(members))
  assert.ok(together(passphrase('anna'), keyFile(1)))
  assert.ok(!together(passphrase('anna'), age))
})

test('numbers that make no sense are refused', () => {
  const make = (count: number, threshold: number) => () =>
    forSeveral(
      Array.from({ length: count }, (_, i) => keyFile(i)),
      threshold,
    )
  assert.throws(make(1, 1), isError('usage', /several keys are two at least: 1 of 1 keys/))
  assert.throws(make(3, 1), isError('usage', /one key alone needs no others/))
  assert.throws(make(3, 4), isError('usage', /more are needed than there are/))
  assert.throws(make(17, 2), isError('usage', /there can be 16 at most/))
  make(16, 16)()
})
