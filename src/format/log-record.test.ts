import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import { sampleLogActions, sampleLogBody } from '../../test/support/object-samples.ts'
import { AssertionFailed } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import {
  ATTESTED_MAX,
  decodeLogBody,
  decodeLogRecord,
  encodeLogBody,
  encodeLogRecord,
  LOG_PLACES_MAX,
  LOG_RECORD_SIZE_MAX,
  LOG_TEXT_MAX,
  logNameOf,
  readLogHead,
  verifyLogRecord,
} from './log-record.ts'
import { parseObjectName } from './names.ts'
import { writerIdOf } from './signed-object.ts'

const zero = new Uint8Array(32)
const head = { repoId: fixedRepoId(), seq: 2, previous: new Uint8Array(32).fill(5) }
const writer = () => ({ sealer: fixedSealer(), signer: fixedSigner() })
const reader = () => ({ sealer: fixedSealer(), publicKey: fixedSigner().publicKey, repoId: fixedRepoId() })
const wid = () => writerIdOf(fixedSigner().publicKey)

test('records of every kind are read back as they were written, those of later versions too', () => {
  for (const action of sampleLogActions) {
    const body = { ...sampleLogBody(action), unknown: [{ key: 9, value: new Uint8Array([0xf5]) }] }
    const bytes = encodeLogRecord(head, body, writer())
    assert.deepEqual(decodeLogRecord(bytes, 'log/x', reader()), { head: { ...head, wid: wid() }, body })
    const again = encodeLogRecord(head, decodeLogRecord(bytes, 'log/x', reader()).body, writer())
    assert.deepEqual(again, bytes, `${action.kind} is written again as it was`)
  }
})

test('what a later version adds to an action is kept', () => {
  for (const action of sampleLogActions) {
    const body = sampleLogBody({ ...action, unknown: [{ key: 40, value: new Uint8Array([0x81, 0x01]) }] })
    assert.deepEqual(decodeLogBody(encodeLogBody(body), 'x'), body)
  }
})

test('damage anywhere in a record is noticed and named, its signature without any secret', () => {
  const bytes = encodeLogRecord(head, sampleLogBody(), writer())
  const options = { subject: 'log/x', authenticated: true }
  assertDamageIsNamed(bytes, (b) => decodeLogRecord(b, 'log/x', reader()), options)
  assertDamageIsNamed(bytes, (b) => verifyLogRecord(b, 'log/x', reader()), { ...options, step: 5 })
})

test('the name of a record has its place in the chain and the hash of its bytes', () => {
  const bytes = encodeLogRecord(head, sampleLogBody(), writer())
  const expected = { kind: 'log', wid: toHex(wid()), seq: 2, hash: toHex(hash(bytes)) }
  assert.deepEqual(parseObjectName(logNameOf(bytes)), expected)
})

test('a record of another repository is refused as that', () => {
  const bytes = encodeLogRecord({ ...head, repoId: fixedBytes('other', 16) }, sampleLogBody(), writer())
  assert.throws(() => readLogHead(bytes, 'log/x', fixedRepoId()), corruptAbout('another repository'))
  assert.throws(() => decodeLogRecord(bytes, 'log/x', reader()), corruptAbout('another repository'))
})

test('the first record, and no other, follows none', () => {
  const first = encodeLogRecord({ ...head, seq: 1, previous: zero }, sampleLogBody(), writer())
  assert.equal(decodeLogRecord(first, 'log/x', reader()).head.seq, 1)
  for (const wrong of [
    { ...head, seq: 1 },
    { ...head, previous: zero },
    { ...head, seq: 0, previous: zero },
  ]) {
    assert.throws(() => encodeLogRecord(wrong, sampleLogBody(), writer()), AssertionFailed)
  }
})

test('counts and texts have limits, for writing as for reading', () => {
  const isLimit = (e: unknown) => e instanceof BackupError && e.code === 'limit'
  const place = { wid: new Uint8Array(16), seq: 1, hash: new Uint8Array(32) }
  const many = (count: number) => Array.from({ length: count }, () => place)
  assert.throws(() => encodeLogBody(sampleLogBody({ kind: 'forget', snapshots: many(LOG_PLACES_MAX + 1) })), isLimit)
  assert.throws(() => encodeLogBody(sampleLogBody({ kind: 'note', text: 'x'.repeat(LOG_TEXT_MAX + 1) })), isLimit)
  assert.throws(() => encodeLogBody({ ...sampleLogBody(), heads: many(65_537) }), isLimit)
  const hashes = Array.from({ length: ATTESTED_MAX }, (_, at) => {
    const one = new Uint8Array(32)
    new DataView(one.buffer).setUint32(0, at)
    return { hash: one, tables: one }
  })
  const full = sampleLogBody({ kind: 'attest', dataPacks: hashes, metaPacks: hashes })
  const bytes = encodeLogRecord(head, { ...full, heads: many(65_536) }, writer())
  assert.ok(bytes.length < LOG_RECORD_SIZE_MAX, 'the fullest record is within the limit of an object')
  assert.equal(decodeLogRecord(bytes, 'log/x', reader()).body.heads.length, 65_536)
  const over = [...hashes, { hash: new Uint8Array(32).fill(255), tables: zero }]
  assert.throws(() => encodeLogBody(sampleLogBody({ kind: 'attest', dataPacks: over, metaPacks: [] })), isLimit)
})

test('an action before its kind is refused: nobody could tell what it says', () => {
  const w = new CborWriter().openMap().key(0).timespec({ sec: 0, nsec: 0 }).key(1).text('x')
  const bytes = w.key(3).openMap().closeMap().closeMap().finish()
  assert.throws(() => decodeLogBody(bytes, 'log/x'), corruptAbout('kind'))
})
