// Writer certificates, repository descriptions and deletion plans.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { fixedBytes, fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import { fixedTime, sampleDescription } from '../../test/support/object-samples.ts'
import { AssertionFailed } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { decodeDeletionPlan, encodeDeletionPlan } from './deletion-plan.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { checkFeatures, decodeRepoDescription, encodeRepoDescription } from './repo-description.ts'
import { sealSignedPart, signedContent, signObject, writerIdOf } from './signed-object.ts'
import { decodeWriterCertificate, encodeWriterCertificate, openWriterName } from './writer-cert.ts'

const root = () => fixedSigner('root')
const certificate = () => {
  const domainIds = [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)]
  const cert = {
    publicKey: fixedSigner().publicKey,
    role: 'write',
    domainIds,
    created: fixedTime,
    name: 'laptop',
  } as const
  return encodeWriterCertificate(cert, { sealer: fixedSealer(), signer: root() })
}

test('a certificate of the root key is read back, and no other is', () => {
  const { sealedName, ...cert } = decodeWriterCertificate(certificate(), 'writers/x', { rootPublic: root().publicKey })
  const publicKey = fixedSigner().publicKey
  const domainIds = [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)]
  assert.deepEqual(cert, {
    suite: 1,
    wid: writerIdOf(publicKey),
    publicKey,
    role: 'write',
    domainIds,
    created: fixedTime,
  })
  assert.equal(openWriterName({ ...cert, sealedName }, fixedSealer(), 'writers/x'), 'laptop')
  const other = { rootPublic: fixedSigner('other').publicKey }
  assert.throws(() => decodeWriterCertificate(certificate(), 'writers/x', other), corruptAbout('signature'))
})

test('damage anywhere in a certificate is noticed and named', () => {
  const check = (b: Uint8Array) => decodeWriterCertificate(b, 'writers/x', { rootPublic: root().publicKey })
  assertDamageIsNamed(certificate(), check, { subject: 'writers/x', authenticated: true })
})

test('a certificate binds the id to the public key', () => {
  const content = signedContent(OBJECT_TYPES.writerCertificate, certificate(), 'x')
  const fields = new CborReader(content, 'x').fields(() => false)!
  const key = new CborWriter().bytes(fixedBytes('another key')).finish()
  const swapped = fields.map((f) => (f.key === 1 ? { key: 1, value: key } : f))
  const body = new CborWriter().openMap().rawFields(swapped).closeMap().finish()
  const bytes = signObject(OBJECT_TYPES.writerCertificate, 1, [body], root())
  const read = () => decodeWriterCertificate(bytes, 'writers/x', { rootPublic: root().publicKey })
  assert.throws(read, corruptAbout('another writer'))
})

test('a repository description is read back, with and without knowing the root key', () => {
  const description = {
    ...sampleDescription(),
    incompat: 0x8000_0001,
    parity: { data: 0.015, meta: 1 },
    unknown: [{ key: 31, value: new Uint8Array([0]) }],
  }
  const bytes = encodeRepoDescription(description, root())
  const expected = { ...description, rootPublic: root().publicKey }
  assert.deepEqual(decodeRepoDescription(bytes, 'format/0'), expected)
  assert.deepEqual(decodeRepoDescription(bytes, 'format/0', { rootPublic: root().publicKey }), expected)
})

test('damage anywhere in a description is noticed and named', () => {
  const options = { subject: 'format/0', authenticated: true }
  assertDamageIsNamed(
    encodeRepoDescription(sampleDescription(), root()),
    (b) => decodeRepoDescription(b, 'format/0'),
    options,
  )
})

test('a description that somebody signed for himself is found out with the root key of the bundle', () => {
  const forged = encodeRepoDescription(sampleDescription(), fixedSigner('other'))
  assert.deepEqual(decodeRepoDescription(forged, 'format/0').rootPublic, fixedSigner('other').publicKey)
  const check = () => decodeRepoDescription(forged, 'format/0', { rootPublic: root().publicKey })
  assert.throws(check, corruptAbout('signature'))
})

test('sizes of chunks and packs that no client can work with are refused', () => {
  const chunker = sampleDescription().chunker
  const wrong = [
    { chunker: { ...chunker, min: 63 } },
    { chunker: { ...chunker, min: chunker.average } },
    { chunker: { ...chunker, average: 1_000_000 } },
    { chunker: { ...chunker, max: chunker.average } },
    { chunker: { ...chunker, max: 16 * 1024 * 1024 + 1 } },
    { packSize: 65_535 },
    { packSize: 64 * 1024 * 1024 + 1 },
  ]
  for (const change of wrong) {
    assert.throws(() => encodeRepoDescription({ ...sampleDescription(), ...change }, root()), AssertionFailed)
  }
  const edge = { ...sampleDescription(), chunker: { min: 64, average: 128, max: 16 * 1024 * 1024 }, packSize: 65_536 }
  const bytes = encodeRepoDescription(edge, root())
  assert.equal(decodeRepoDescription(bytes, 'format/0').packSize, 65_536)
  const content = signedContent(OBJECT_TYPES.repoDescription, bytes, 'x')
  const fields = new CborReader(content, 'x').fields(() => false)!
  const bad = fields.map((f) => (f.key === 5 ? { key: 5, value: new CborWriter().uint(1).finish() } : f))
  const signed = signObject(
    OBJECT_TYPES.repoDescription,
    1,
    [new CborWriter().openMap().rawFields(bad).closeMap().finish()],
    root(),
  )
  assert.throws(() => decodeRepoDescription(signed, 'format/0'), corruptAbout('pack size of 1'))
})

test('unknown features stop reading or writing, as they are meant to', () => {
  const isUnsupported = (e: unknown) => e instanceof BackupError && e.code === 'unsupported' && e.hint !== undefined
  checkFeatures({ incompat: 0, roCompat: 0 }, 'write', 'format/0')
  checkFeatures({ incompat: 0, roCompat: 4 }, 'read', 'format/0')
  assert.throws(() => checkFeatures({ incompat: 0, roCompat: 4 }, 'write', 'format/0'), isUnsupported)
  assert.throws(() => checkFeatures({ incompat: 0x8000_0000, roCompat: 0 }, 'read', 'format/0'), isUnsupported)
})

test('a deletion plan is read back in order, and damage to it is noticed', () => {
  const [a, b, c] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n)) as [Uint8Array, Uint8Array, Uint8Array]
  const plan = { pid: new Uint8Array(16).fill(7), dataPacks: [c, a], metaPacks: [b], created: fixedTime }
  const bytes = encodeDeletionPlan(plan, { sealer: fixedSealer(), signer: fixedSigner() })
  const keys = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  assert.deepEqual(decodeDeletionPlan(bytes, 'gc/x', keys), { ...plan, dataPacks: [a, c] })
  assertDamageIsNamed(bytes, (d) => decodeDeletionPlan(d, 'gc/x', keys), { subject: 'gc/x', authenticated: true })
  const twice = { ...plan, dataPacks: [a, a] }
  assert.throws(() => encodeDeletionPlan(twice, { sealer: fixedSealer(), signer: fixedSigner() }), AssertionFailed)
})

test('the sessions of a plan are read back in order, and are refused out of order', () => {
  const [a, b] = [1, 2].map((n) => new Uint8Array(16).fill(n)) as [Uint8Array, Uint8Array]
  const plan = { pid: new Uint8Array(16).fill(7), dataPacks: [], metaPacks: [], created: fixedTime }
  const writer = { sealer: fixedSealer(), signer: fixedSigner() }
  const reader = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  const read = decodeDeletionPlan(encodeDeletionPlan({ ...plan, sessions: [b, a] }, writer), 'gc/x', reader)
  assert.deepEqual(read, { ...plan, sessions: [a, b] })
  const w = new CborWriter().openMap().key(0).bytes(plan.pid).key(1).array(0).key(2).timespec(fixedTime)
  w.key(3).array(0).key(5).array(2).bytes(b).bytes(a).closeMap()
  const bytes = sealSignedPart(OBJECT_TYPES.deletionPlan, w.finish(), writer)
  assert.throws(() => decodeDeletionPlan(bytes, 'gc/x', reader), corruptAbout('out of order'))
})

test('a plan whose packs are out of order is refused', () => {
  const w = new CborWriter().openMap().key(0).bytes(new Uint8Array(16))
  w.key(1).array(2).bytes(new Uint8Array(32).fill(2)).bytes(new Uint8Array(32).fill(1))
  w.key(2).timespec(fixedTime).key(3).array(0).closeMap()
  const bytes = sealSignedPart(OBJECT_TYPES.deletionPlan, w.finish(), { sealer: fixedSealer(), signer: fixedSigner() })
  const keys = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  assert.throws(() => decodeDeletionPlan(bytes, 'gc/x', keys), corruptAbout('out of order'))
})
