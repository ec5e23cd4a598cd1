// TPM slots, with the real tpm2-tools on a TPM in software.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { newSlotKey, slotKeyOf, tryCost } from '../../src/credentials/credential.ts'
import { forTpm, tpmUnlocker } from '../../src/credentials/tpm.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { asking } from '../support/asking.ts'
import { softTpm } from '../support/soft-tpm.ts'

await initHashing()

const isError = (code: ErrorCode, message: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  if (hint !== undefined) assert.match(error.hint ?? '', hint)
  return true
}

test('what a TPM has sealed it opens, again and again, and leaves nothing behind', async (t) => {
  const tpm = await softTpm(t)
  if (tpm === null) return
  const { method, slotKey, detail } = await newSlotKey(forTpm(tpm, { machine: 'here' }), secureRandom)
  assert.equal(detail, 'here')
  assert.ok(method.kind === 'tpm' && !method.pin)
  const ask = asking()
  const unlocker = tpmUnlocker(tpm, ask)
  assert.ok(unlocker.mayOpen(method))
  // A TPM has room for three objects and three sessions.
  for (let i = 0; i < 4; i++) assert.deepEqual(await slotKeyOf(unlocker, method, 'keys/x'), slotKey)
  assert.deepEqual(ask.heard, [])
  assert.deepEqual(
    readdirSync(tpm.tempFolder).filter((name) => name.startsWith('holdfast-')),
    [],
  )
})

test('another TPM takes the slot for that of somebody else', async (t) => {
  const [ours, theirs] = [await softTpm(t), await softTpm(t)]
  if (ours === null || theirs === null) return
  const method = await forTpm(ours, { machine: 'here', pin: '1234' }).wrap(secureRandom(32), secureRandom)
  const ask = asking('1234')
  assert.equal(await tpmUnlocker(theirs, ask).unwrap(method, 'keys/x'), null)
  assert.deepEqual(ask.heard, [], 'nobody is asked for the PIN of another machine')
})

test('a PIN is asked for once; a wrong one is not tried with the next slot', async (t) => {
  const tpm = await softTpm(t, { wrongPins: 2 })
  if (tpm === null) return
  const secret = secureRandom(32)
  const method = await forTpm(tpm, { machine: 'here', pin: 'grüße 1234' }).wrap(secret, secureRandom)
  const open = async (ask: ReturnType<typeof asking>, times = 1) => {
    const unlocker = tpmUnlocker(tpm, ask)
    for (let i = 1; i < times; i++) await unlocker.unwrap(method, 'keys/x').catch(() => undefined)
    return unlocker.unwrap(method, 'keys/x')
  }
  const right = asking('grüße 1234')
  assert.deepEqual(await open(right, 2), secret)
  assert.equal(right.heard.length, 1)
  const wrong = asking('4321', 'grüße 1234')
  await assert.rejects(open(wrong, 3), isError('wrong-key', /the PIN is wrong: TPM/, /locks itself/))
  assert.equal(wrong.heard.length, 1)
  await assert.rejects(open(asking()), isError('usage', /has a PIN and there is nobody to ask/, /key add --tpm-key`/))
  await assert.rejects(open(asking('0000')), isError('wrong-key', /the PIN is wrong/))
  await assert.rejects(open(asking('grüße 1234')), isError('refused', /locked after too many wrong PINs/))
  // A key without a PIN does not depend on that, and is tried first.
  const other = await forTpm(tpm, { machine: 'here' }).wrap(secret, secureRandom)
  const unlocker = tpmUnlocker(tpm, asking('0000'))
  await assert.rejects(unlocker.unwrap(method, 'keys/x'))
  assert.deepEqual(await unlocker.unwrap(other, 'keys/y'), secret)
  assert.ok(tryCost(other) < tryCost(method))
})

test('a slot that was made up is damaged or for somebody else, and no more', async (t) => {
  const tpm = await softTpm(t)
  if (tpm === null) return
  const method = await forTpm(tpm, { machine: 'here' }).wrap(secureRandom(32), secureRandom)
  assert.ok(method.kind === 'tpm')
  const unlocker = tpmUnlocker(tpm, asking())
  const areas = [new Uint8Array(), new Uint8Array(1024).fill(255), method.publicArea.slice(0, 20)]
  for (const publicArea of areas) {
    await assert.rejects(
      unlocker.unwrap({ ...method, publicArea }, 'keys/x'),
      isError('corrupt', /does not take what is in the key slot.*: keys\/x/),
    )
  }
  const privateArea = method.privateArea.map((byte, i) => (i === 100 ? byte ^ 1 : byte))
  assert.equal(await unlocker.unwrap({ ...method, privateArea }, 'keys/x'), null)
})

test('a PIN that no TPM takes is refused at once', () => {
  const tpm = { tempFolder: '/' }
  assert.throws(() => forTpm(tpm, { machine: 'here', pin: '' }), isError('usage', /a PIN of 0 bytes/))
  assert.throws(
    () => forTpm(tpm, { machine: 'here', pin: 'ü'.repeat(17) }),
    isError('usage', /a PIN of 34 bytes/, /1 to 32/),
  )
})

test('a machine without a TPM or without the tools says what is missing', async (t) => {
  const tpm = await softTpm(t)
  if (tpm === null) return
  const wrap = (env: NodeJS.ProcessEnv) =>
    forTpm({ ...tpm, env }, { machine: 'here' }).wrap(secureRandom(32), secureRandom)
  await assert.rejects(
    wrap({ ...tpm.env, TPM2TOOLS_TCTI: 'device:/dev/tpm99' }),
    isError('not-found', /no TPM that can be used/, /tpmrm0/),
  )
  await assert.rejects(wrap({ PATH: '/nonexistent' }), isError('not-found', /asking the TPM/, /tpm2-tools/))
})
