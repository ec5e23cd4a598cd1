// PKCS#11 slots, with the real SoftHSM.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { secureRandom } from '../../src/base/random.ts'
import { newSlotKey, slotKeyOf } from '../../src/credentials/credential.ts'
import { CKR, Pkcs11Failure } from '../../src/credentials/pkcs11-module.ts'
import { parsePkcs11Uri } from '../../src/credentials/pkcs11-uri.ts'
import { forTokenKey, loginError, tokenUnlocker } from '../../src/credentials/pkcs11.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import type { SlotMethod } from '../../src/format/slot-kinds.ts'
import { asking } from '../support/asking.ts'
import { PIN, softHsm } from '../support/soft-hsm.ts'
import { tempFolder } from '../support/temp-folder.ts'

await initHashing()

let module: string | null | undefined
/** Two tokens of one name are two that cannot be told apart by it. */
function tokens(t: TestContext): string | null {
  return (module ??= softHsm(t, {
    'Ann’s card': [
      { label: 'backup', id: 'a1' },
      { label: 'other', id: 'b2ff' },
      { label: 'short', id: 'c3', bits: 1024 },
    ],
    empty: [],
  }))
}

const isError = (code: ErrorCode, message: RegExp, hint?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  if (hint !== undefined) assert.match(error.hint ?? '', hint)
  return true
}

const CARD = 'token=Ann%E2%80%99s%20card'
const access = (library: string, path: string, ...answers: (string | null)[]) => ({
  uri: parsePkcs11Uri(`pkcs11:${path}?module-path=${library}`),
  ask: asking(...answers),
})

test('what is encrypted for a key of a token opens with its PIN, which is asked once', async (t) => {
  const library = tokens(t)
  if (library === null) return
  const recipient = forTokenKey(access(library, `${CARD};object=backup`, PIN))
  const { method, slotKey, detail } = await newSlotKey(recipient, secureRandom)
  assert.equal(detail, `pkcs11:${CARD};object=backup`)
  const other = await newSlotKey(forTokenKey(access(library, `${CARD};id=%b2%ff`, PIN)), secureRandom)
  assert.equal(other.detail, `pkcs11:${CARD};id=%b2%ff`)

  const someone = access(library, CARD, PIN)
  const unlocker = tokenUnlocker(someone)
  assert.ok(unlocker.mayOpen(method))
  assert.ok(!unlocker.mayOpen({ kind: 'key-file', id: new Uint8Array(16) }))
  assert.deepEqual(someone.ask.heard, [], 'nobody is asked before a slot is tried')
  assert.deepEqual(await slotKeyOf(unlocker, method, 'keys/x'), slotKey)
  assert.deepEqual(await slotKeyOf(unlocker, other.method, 'keys/x'), other.slotKey)
  assert.deepEqual(someone.ask.heard, ['PIN of Ann’s card: '])

  const given = tokenUnlocker({ uri: parsePkcs11Uri(`pkcs11:${CARD}?module-path=${library}`), ask: asking(), pin: PIN })
  assert.deepEqual(await slotKeyOf(given, method, 'keys/x'), slotKey)
})

test('a slot for another key is for somebody else, a damaged one is damaged', async (t) => {
  const library = tokens(t)
  if (library === null) return
  const method = await forTokenKey(access(library, `${CARD};object=backup`, PIN)).wrap(secureRandom(32), secureRandom)
  assert.ok(method.kind === 'pkcs11')
  const unlocker = tokenUnlocker(access(library, CARD, PIN))
  const foreign: SlotMethod = { ...method, keyId: new Uint8Array(16) }
  assert.equal(await unlocker.unwrap(foreign, 'keys/x'), null)
  assert.equal(await tokenUnlocker(access(library, `${CARD};object=other`, PIN)).unwrap(method, 'keys/x'), null)
  for (const encrypted of [
    method.encrypted.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    new Uint8Array(2048),
    new Uint8Array(),
  ]) {
    await assert.rejects(
      unlocker.unwrap({ ...method, encrypted }, 'keys/x'),
      isError('corrupt', /does not decrypt the secret of the slot.*CKR_.*: keys\/x/),
    )
  }
  assert.equal((await unlocker.unwrap(method, 'keys/x'))?.length, 32, 'the session is as good as before')
})

test('a wrong PIN is tried once, however many slots there are', async (t) => {
  const library = tokens(t)
  if (library === null) return
  // In a process of its own the token is not open yet.
  const script = `
    import { tokenUnlocker } from '${new URL('../../src/credentials/pkcs11.ts', import.meta.url).href}'
    import { parsePkcs11Uri } from '${new URL('../../src/credentials/pkcs11-uri.ts', import.meta.url).href}'
    import { asking } from '${new URL('../support/asking.ts', import.meta.url).href}'
    const ask = asking('654321', '${PIN}')
    const unlocker = tokenUnlocker({ uri: parsePkcs11Uri(process.argv[2]), ask })
    const method = { kind: 'pkcs11', keyId: new Uint8Array(16), hash: 'sha1', encrypted: new Uint8Array(256) }
    for (let i = 0; i < 2; i++) await unlocker.unwrap(method, 'keys/x').catch((e) => console.log(e.code, e.message))
    console.log(ask.heard.length)
    const long = tokenUnlocker({ uri: parsePkcs11Uri(process.argv[2]), ask: asking('1'.repeat(5000)) })
    await long.unwrap(method, 'keys/x').catch((e) => console.log(e.code, e.message))
    const nobody = tokenUnlocker({ uri: parsePkcs11Uri(process.argv[2]), ask: asking() })
    await nobody.unwrap(method, 'keys/x').catch((e) => console.log(e.code, e.message))`
  const file = join(tempFolder(t, 'pkcs11'), 'wrong-pin.ts')
  writeFileSync(file, script)
  const { stdout, stderr } = spawnSync(process.execPath, [file, `pkcs11:${CARD}?module-path=${library}`], {
    encoding: 'utf8',
  })
  assert.deepEqual(
    stdout.trim().split('\n'),
    [
      'wrong-key the PIN is wrong: Ann’s card',
      'wrong-key the PIN is wrong: Ann’s card',
      '1',
      'wrong-key the PIN is wrong: Ann’s card',
      'usage the token needs a PIN and there is nobody to ask: Ann’s card',
    ],
    stderr,
  )
})

test('a token that is locked says so, and so does one that fails in a way nobody knows', () => {
  const error = (rv: number) => loginError(new Pkcs11Failure('C_Login', rv), 'card')
  assert.ok(isError('refused', /locked after too many wrong ones: card/, /unlock it/)(error(CKR.pinLocked)))
  assert.ok(isError('refused', /has expired/)(error(CKR.pinExpired)))
  assert.ok(isError('refused', /no PIN yet/)(error(CKR.pinNotInitialized)))
  assert.ok(isError('io', /lets nobody in: card/)(error(0x30)))
  assert.match(String(error(0x30).cause), /C_Login gave CKR_DEVICE_ERROR/)
  assert.match(String(error(0x80000123).cause), /C_Login gave 0x80000123/)
})

test('tokens and keys that are missing, or meant by a name of several, are named', async (t) => {
  const library = tokens(t)
  if (library === null) return
  const wrap = (path: string) => forTokenKey(access(library, path, PIN)).wrap(secureRandom(32), secureRandom)
  await assert.rejects(wrap('token=nobody'), isError('not-found', /no such token: pkcs11:token=nobody/, /Ann’s card/))
  await assert.rejects(wrap('slot-id=123'), isError('not-found', /no such token: pkcs11:slot-id=123/))
  await assert.rejects(
    wrap('manufacturer=SoftHSM%20project'),
    isError('usage', /2 tokens are meant/, /Ann’s card.*empty|empty.*Ann’s card/),
  )
  await assert.rejects(wrap('token=empty'), isError('not-found', /no such RSA key: empty/))
  await assert.rejects(wrap(`${CARD};object=nothing`), isError('not-found', /no such RSA key/))
  await assert.rejects(wrap(CARD), isError('usage', /3 keys like this/, /object=backup id=a1/))
  await assert.rejects(wrap(`${CARD};object=short`), isError('refused', /RSA key of 1024 bits is too short/))
})

test('a module that is none is an error with its name', async (t) => {
  const folder = tempFolder(t, 'pkcs11')
  const text = join(folder, 'module.so')
  writeFileSync(text, 'no library')
  for (const path of [join(folder, 'missing.so'), text, process.execPath, 'libm.so.6']) {
    const uri = { modulePath: path, token: {} }
    await assert.rejects(
      tokenUnlocker({ uri, ask: asking() }).unwrap(METHOD, 'keys/x'),
      isError('usage', /no library of PKCS#11 that can be loaded: /),
    )
  }
})

const METHOD: SlotMethod = { kind: 'pkcs11', keyId: new Uint8Array(16), hash: 'sha256', encrypted: new Uint8Array(256) }

test('a URI says which token, which key and which library', () => {
  const uri =
    'pkcs11:token=a%20b;serial=0%3B1;model=m;slot-id=7;object=k;id=%00%ffx;type=private?pin-source=file:/p&module-path=/m.so'
  assert.deepEqual(parsePkcs11Uri(uri), {
    modulePath: '/m.so',
    token: { token: 'a b', serial: '0;1', model: 'm', slotId: 7 },
    object: 'k',
    id: Buffer.from([0, 255, 0x78]),
    pinFile: '/p',
  })
  assert.deepEqual(parsePkcs11Uri('pkcs11:?module-path=/m.so'), { modulePath: '/m.so', token: {} })
})

test('a URI that is wrong is refused, and one with a PIN is not shown', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['token=x', /no URI of PKCS#11/],
    ['pkcs11:token=x', /does not name the library/],
    ['pkcs11:?module-path=m.so', /does not name the library/],
    ['pkcs11:tokne=x?module-path=/m', /the attribute tokne is not known/],
    ['pkcs11:token?module-path=/m', /not of the form/],
    ['pkcs11:token=a;token=b?module-path=/m', /given twice/],
    ['pkcs11:token=%zz?module-path=/m', /without two hex digits/],
    ['pkcs11:slot-id=x?module-path=/m', /slot-id is not a number/],
    ['pkcs11:type=cert?module-path=/m', /neither private nor public/],
    ['pkcs11:?module-path=/m&pin-source=|cat', /pin-source is not a file/],
  ]
  for (const [uri, what] of wrong) assert.throws(() => parsePkcs11Uri(uri), isError('usage', what))
  assert.throws(
    () => parsePkcs11Uri('pkcs11:token=a?module-path=/m&pin-value=4711'),
    (error) => {
      assert.doesNotMatch(String(error), /4711/)
      return isError('usage', /a PIN in the arguments/)(error)
    },
  )
})
