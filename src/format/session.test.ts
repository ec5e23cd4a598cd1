import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import { fixedKemPair, fixedTime } from '../../test/support/object-samples.ts'
import { AssertionFailed } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { CborWriter } from '../base/cbor.ts'
import { OBJECT_TYPES } from './object-header.ts'
import {
  decodeSessionKeys,
  encodeSessionKeys,
  readSessionKeys,
  unwrapSessionSecret,
  wrapSessionSecret,
} from './session-keys.ts'
import {
  decodeSessionIntent,
  decodeSessionMark,
  encodeSessionIntent,
  encodeSessionMark,
  readSessionMark,
} from './session.ts'
import { readSignerId, signObject, writerIdOf } from './signed-object.ts'

const sid = new Uint8Array(16).fill(9)
const domainId = new Uint8Array(8).fill(8)
const publicKey = () => fixedSigner().publicKey
const wid = () => writerIdOf(publicKey())
const intent = {
  sid,
  started: fixedTime,
  host: 'workstation',
  toolVersion: '0.1.0',
  unknown: [{ key: 4, value: new Uint8Array([7]) }],
}

test('an intent is read back as it was written and tells without keys whose it is', () => {
  const bytes = encodeSessionIntent(intent, { sealer: fixedSealer(), signer: fixedSigner() })
  assert.deepEqual(readSignerId(OBJECT_TYPES.sessionIntent, bytes, 'sess/x'), wid())
  const keys = { sealer: fixedSealer(), publicKey: publicKey() }
  assert.deepEqual(decodeSessionIntent(bytes, 'sess/x', keys), intent)
  const options = { subject: 'sess/x', authenticated: true }
  assertDamageIsNamed(bytes, (b) => decodeSessionIntent(b, 'sess/x', keys), options)
})

test('heartbeats and ends are read back, and damage to them is noticed', () => {
  for (const number of [0, 1, 0xffff_fffe, 'end'] as const) {
    const bytes = encodeSessionMark({ sid, number }, { suite: 1, signer: fixedSigner() })
    const mark = { sid, wid: wid(), number }
    assert.deepEqual(decodeSessionMark(bytes, 'sess/x', { publicKey: publicKey() }), mark)
    assert.deepEqual(readSessionMark(bytes, 'sess/x'), mark)
  }
  const bytes = encodeSessionMark({ sid, number: 3 }, { suite: 1, signer: fixedSigner() })
  const options = { subject: 'sess/x', authenticated: true }
  assertDamageIsNamed(bytes, (b) => decodeSessionMark(b, 'sess/x', { publicKey: publicKey() }), options)
  const endNumber = { sid, number: 0xffff_ffff }
  assert.throws(() => encodeSessionMark(endNumber, { suite: 1, signer: fixedSigner() }), AssertionFailed)
})

test('a mark with the signature of somebody else is refused', () => {
  const bytes = encodeSessionMark({ sid, number: 'end' }, { suite: 1, signer: fixedSigner('other') })
  assert.throws(() => decodeSessionMark(bytes, 'sess/x', { publicKey: publicKey() }), corruptAbout('signature'))
  const content = new Uint8Array([...sid, ...wid(), 1, 0, 0, 0])
  const forged = signObject(OBJECT_TYPES.sessionMark, 1, [content], fixedSigner('other'))
  const otherKey = { publicKey: fixedSigner('other').publicKey }
  assert.throws(() => decodeSessionMark(forged, 'sess/x', otherKey), corruptAbout('another writer'))
})

const scope = { repoId: fixedRepoId(), suite: 1 } as const
const secrets = () => ({ data: fixedBytes('SK_data'), meta: fixedBytes('SK_meta') })
function sampleKeys(): Uint8Array {
  const wrapped = (['data', 'meta'] as const).map((purpose) =>
    wrapSessionSecret(purpose, secrets()[purpose], fixedKemPair(purpose).publicKey, { ...scope, sid }),
  )
  return encodeSessionKeys({ sid, domainId, secrets: wrapped }, { suite: 1, signer: fixedSigner() })
}

test('the secrets of a session open for the holders of the private keys and for nobody else', () => {
  const keys = decodeSessionKeys(sampleKeys(), 'skeys/x', { publicKey: publicKey() })
  assert.deepEqual([keys.sid, keys.domainId, keys.wid], [sid, domainId, wid()])
  for (const purpose of ['data', 'meta'] as const) {
    const { privateKey } = fixedKemPair(purpose)
    assert.deepEqual(unwrapSessionSecret(keys, purpose, privateKey, scope, 'skeys/x'), secrets()[purpose])
    const other = fixedKemPair('other').privateKey
    assert.equal(unwrapSessionSecret(keys, purpose, other, scope, 'skeys/x'), null)
  }
  // The key for trees does not open the secret for data, nor the other way round.
  assert.equal(unwrapSessionSecret(keys, 'data', fixedKemPair('meta').privateKey, scope, 'skeys/x'), null)
})

test('a secret is encrypted also where content is in the clear', () => {
  const wrapped = wrapSessionSecret('data', secrets().data, fixedKemPair('data').publicKey, { ...scope, suite: 0, sid })
  assert.ok(!toHex(wrapped.sealed).includes(toHex(secrets().data)))
})

test('a secret is bound to its session, purpose, repository and suite', () => {
  const keys = decodeSessionKeys(sampleKeys(), 'skeys/x', { publicKey: publicKey() })
  const { privateKey } = fixedKemPair('data')
  const open = (changed: typeof keys, where: Parameters<typeof unwrapSessionSecret>[3], purpose: 'data' | 'meta') =>
    assert.throws(() => unwrapSessionSecret(changed, purpose, privateKey, where, 'skeys/x'), corruptAbout('skeys/x'))
  open({ ...keys, sid: new Uint8Array(16) }, scope, 'data')
  open({ ...keys, secrets: keys.secrets.map((s) => ({ ...s, purpose: 1 })) }, scope, 'meta')
  open(keys, { ...scope, repoId: new Uint8Array(16) }, 'data')
  open(keys, { ...scope, suite: 2 }, 'data')
})

test('damage anywhere in session keys is noticed, and readers without keys survive it', () => {
  const bytes = sampleKeys()
  const options = { subject: 'skeys/x', step: 7 }
  const check = (b: Uint8Array) => decodeSessionKeys(b, 'skeys/x', { publicKey: publicKey() })
  assertDamageIsNamed(bytes, check, { ...options, authenticated: true })
  const survive = (b: Uint8Array) => readSessionKeys(b, 'skeys/x')
  assertDamageIsNamed(bytes, survive, { ...options, authenticated: false })
})

test('session keys that name another writer, have no secrets or too many are refused', () => {
  const object = (write: (w: CborWriter) => CborWriter, signer = fixedSigner()) => {
    const w = new CborWriter().openMap().key(0).bytes(sid).key(1).bytes(domainId).key(2)
    return signObject(OBJECT_TYPES.sessionKeys, 1, [write(w).closeMap().finish()], signer)
  }
  const [secret] = readSessionKeys(sampleKeys(), 'x').secrets
  const some = (count: number) => (w: CborWriter) => {
    w.array(count)
    for (let i = 0; i < count; i++) w.array(4).uint(0).bytes(secret!.recipient).bytes(secret!.ct).bytes(secret!.sealed)
    return w.key(3).bytes(wid())
  }
  assert.equal(decodeSessionKeys(object(some(1)), 'skeys/x', { publicKey: publicKey() }).secrets.length, 1)
  const bad: [string, Uint8Array, Uint8Array][] = [
    ['another writer', object(some(1), fixedSigner('other')), fixedSigner('other').publicKey],
    ['empty list', object(some(0)), publicKey()],
    ['at most 64', object(some(65)), publicKey()],
    [
      'no writer',
      object((w) => w.array(1).array(4).uint(0).bytes(secret!.recipient).bytes(secret!.ct).bytes(secret!.sealed)),
      publicKey(),
    ],
  ]
  for (const [why, bytes, key] of bad) {
    assert.throws(() => decodeSessionKeys(bytes, 'skeys/x', { publicKey: key }), corruptAbout(why), why)
  }
})
