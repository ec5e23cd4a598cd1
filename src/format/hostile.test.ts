// What a writer with a valid key may send: bytes behind a right signature and a right seal that no client of ours makes.
// Every decoder answers with a named error or a value, and takes no memory by the word of a length.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed } from '../../test/support/damage.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import {
  fixedTime,
  sampleBundle,
  sampleDescription,
  sampleLogActions,
  sampleLogBody,
  sampleSnapshotBody,
} from '../../test/support/object-samples.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { Sealer } from '../crypto/seal.ts'
import { decodeBundle, encodeBundle } from './bundle.ts'
import { decodeContentList } from './content-list.ts'
import { decodeDeletionPlan, encodeDeletionPlan } from './deletion-plan.ts'
import { decodeDirectory, decodeTrailer } from './directory.ts'
import { decodeEntry } from './entry.ts'
import { decodeIndexBody, decodeIndexSegment, encodeIndexSegment } from './index-segment.ts'
import { decodeKeySlot } from './key-slot.ts'
import { decodeLogBody, encodeLogBody } from './log-record.ts'
import { joinObject, OBJECT_TYPES } from './object-header.ts'
import type { ObjectType } from './object-header.ts'
import { decodeRepoDescription, encodeRepoDescription } from './repo-description.ts'
import { decodeSessionKeys } from './session-keys.ts'
import { decodeSessionIntent, decodeSessionMark, encodeSessionIntent } from './session.ts'
import { openSignedPart, sealSignedPart, signedContent, signObject } from './signed-object.ts'
import { decodeSnapshotBody, encodeSnapshotBody } from './snapshot.ts'
import { decodeTreeNode } from './tree-node.ts'
import { decodeWriterCertificate, encodeWriterCertificate } from './writer-cert.ts'

const SUBJECT = 'object x'
const publicKey = fixedSigner().publicKey
const keys = { sealer: fixedSealer(), publicKey }
const writer = { sealer: fixedSealer(), signer: fixedSigner() }
const signed = (type: ObjectType, content: Uint8Array) => signObject(type, 1, [content], fixedSigner())
const sealed = (type: ObjectType, body: Uint8Array) => sealSignedPart(type, body, writer)

/** Decoders as functions of what a hostile writer chooses, everything around it being right. */
const decoders: Readonly<Record<string, (chosen: Uint8Array) => unknown>> = {
  entry: (b) => {
    const r = new CborReader(b, SUBJECT)
    decodeEntry(r)
    r.end()
  },
  'tree node': (b) => decodeTreeNode(b, SUBJECT),
  'root node': (b) => decodeTreeNode(b, SUBJECT, { root: true }),
  'content list': (b) => decodeContentList(b, SUBJECT),
  directory: (b) => decodeDirectory(b, 1000, SUBJECT),
  trailer: (b) => decodeTrailer(b, SUBJECT),
  'index body': (b) => decodeIndexBody(b, SUBJECT),
  'snapshot body': (b) => decodeSnapshotBody(b, SUBJECT),
  'log body': (b) => decodeLogBody(b, SUBJECT),
  'capability bundle': (b) => decodeBundle(b, SUBJECT),
  'key slot': (b) => decodeKeySlot(joinObject(OBJECT_TYPES.keySlot, 1, b), SUBJECT),
  'session intent': (b) => decodeSessionIntent(sealed(OBJECT_TYPES.sessionIntent, b), SUBJECT, keys),
  'session mark': (b) => decodeSessionMark(signed(OBJECT_TYPES.sessionMark, b), SUBJECT, keys),
  'session keys': (b) => decodeSessionKeys(signed(OBJECT_TYPES.sessionKeys, b), SUBJECT, keys),
  'deletion plan': (b) => decodeDeletionPlan(sealed(OBJECT_TYPES.deletionPlan, b), SUBJECT, keys),
  'index segment': (b) => decodeIndexSegment(sealed(OBJECT_TYPES.indexSegment, b), SUBJECT, keys),
  'writer certificate': (b) =>
    decodeWriterCertificate(signed(OBJECT_TYPES.writerCertificate, b), SUBJECT, { rootPublic: publicKey }),
  'repository description': (b) =>
    decodeRepoDescription(signed(OBJECT_TYPES.repoDescription, b), SUBJECT, { rootPublic: publicKey }),
}

function survives(decode: (chosen: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (e) {
    assert.ok(e instanceof BackupError && (e.code === 'corrupt' || e.code === 'unsupported'), String(e))
    assert.equal(e.subject, SUBJECT)
  }
}

/** Maps with the keys that objects have and values of any type, so that decoders are reached in their depths. */
const item: fc.Arbitrary<Uint8Array> = fc.letrec<{ item: Uint8Array }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.nat(300).map((n) => new CborWriter().uint(n).finish()),
    fc.constantFrom(1, 8, 16, 32, 96, 1216).map((n) => new CborWriter().bytes(new Uint8Array(n)).finish()),
    fc.string({ maxLength: 5 }).map((s) => new CborWriter().text(s).finish()),
    fc.boolean().map((b) => new CborWriter().bool(b).finish()),
    fc.tuple(fc.integer(), fc.nat(1e9)).map(([sec, nsec]) => new CborWriter().array(2).int(sec).uint(nsec).finish()),
    fc.array(tie('item'), { maxLength: 4 }).map((items) => {
      const w = new CborWriter().array(items.length)
      for (const one of items) w.raw(one)
      return w.finish()
    }),
    fc.uniqueArray(fc.tuple(fc.nat(21), tie('item')), { maxLength: 16, selector: ([key]) => key }).map((pairs) => {
      const w = new CborWriter().openMap()
      for (const [key, value] of pairs.toSorted((a, b) => a[0] - b[0])) w.key(key).raw(value)
      return w.closeMap().finish()
    }),
  ),
})).item

for (const [name, decode] of Object.entries(decoders)) {
  test(`${name}: any bytes and any CBOR give a value or a named error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(decode, bytes)),
      { numRuns: 60 },
    )
    fc.assert(
      fc.property(item, (bytes) => survives(decode, bytes)),
      { numRuns: 150 },
    )
  })

  test(`${name}: lengths that lie take no memory`, () => {
    const vast = [
      '5b001fffffffffffff',
      '7b001fffffffffffff',
      '9b001fffffffffffff',
      'bb001fffffffffffff',
      'ffffffffffffffff',
      '0010ffff00001000',
      '010000000000000000',
    ]
    const nested = vast.flatMap((hex) => [hex, `a100${hex}`, `a2000001${hex}`, `a20000018181${hex}`])
    const before = process.memoryUsage().arrayBuffers
    for (const hex of nested) survives(decode, new Uint8Array(Buffer.from(hex, 'hex')))
    assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024)
  })
}

test('damage behind a right signature and a right seal is an error with a name or another value', () => {
  const content = (type: ObjectType, object: Uint8Array) => signedContent(type, object, SUBJECT)
  const body = (type: ObjectType, object: Uint8Array) => openSignedPart(type, object, SUBJECT, keys).body
  const cert = { publicKey, role: 'write', domainIds: [new Uint8Array(8)], created: fixedTime, name: 'x' } as const
  const plan = { pid: new Uint8Array(16), dataPacks: [fixedBytes('a')], metaPacks: [], created: fixedTime }
  const intent = { sid: new Uint8Array(16), started: fixedTime, host: 'h', toolVersion: '1' }
  const good: [string, Uint8Array][] = [
    ['writer certificate', content(OBJECT_TYPES.writerCertificate, encodeWriterCertificate(cert, writer))],
    [
      'repository description',
      content(OBJECT_TYPES.repoDescription, encodeRepoDescription(sampleDescription(), fixedSigner())),
    ],
    [
      'session mark',
      new Uint8Array([
        ...new Uint8Array(16),
        ...content(OBJECT_TYPES.indexSegment, encodeIndexSegment({ sessions: [], packs: [] }, writer)).subarray(0, 16),
        1,
        0,
        0,
        0,
      ]),
    ],
    ['deletion plan', body(OBJECT_TYPES.deletionPlan, encodeDeletionPlan(plan, writer))],
    ['session intent', body(OBJECT_TYPES.sessionIntent, encodeSessionIntent(intent, writer))],
    ['snapshot body', encodeSnapshotBody(sampleSnapshotBody())],
    ...sampleLogActions.map((action): [string, Uint8Array] => ['log body', encodeLogBody(sampleLogBody(action))]),
    ['capability bundle', encodeBundle(sampleBundle())],
  ]
  for (const [name, bytes] of good) {
    const step = bytes.length > 400 ? 13 : 1
    assertDamageIsNamed(bytes, decoders[name]!, { subject: SUBJECT, authenticated: false, step })
  }
})

test('a sealed part cannot take the place of another one', () => {
  const sealer = new Sealer(fixedBytes('K_idx'), fixedRepoId(), 1)
  const intent = { sid: new Uint8Array(16), started: fixedTime, host: 'h', toolVersion: '1' }
  const bytes = encodeSessionIntent(intent, { sealer, signer: fixedSigner() })
  // The same writer signs the intent's sealed part as a plan: header and signature are right, the seal is of another type.
  const swapped = signed(OBJECT_TYPES.deletionPlan, bytes.subarray(8, bytes.length - 64))
  assert.throws(() => decodeDeletionPlan(swapped, SUBJECT, keys), /not authentic/)
})
