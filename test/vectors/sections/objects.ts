import { readFileSync } from 'node:fs'
import { fromHex } from '../../../src/base/bytes.ts'
import { hash } from '../../../src/crypto/hash.ts'
import { kemPublicKey } from '../../../src/crypto/kem.ts'
import { Sealer } from '../../../src/crypto/seal.ts'
import { writeAnnouncedKeys } from '../../../src/format/announced-keys.ts'
import { decodeDeletionPlan, encodeDeletionPlan } from '../../../src/format/deletion-plan.ts'
import { decodeEnrolmentRequest, encodeEnrolmentRequest } from '../../../src/format/enrolment-request.ts'
import { OBJECT_TYPES, SEALED_TYPES } from '../../../src/format/object-header.ts'
import { decodeRepoDescription, encodeRepoDescription } from '../../../src/format/repo-description.ts'
import { decodeSessionKeys, encodeSessionKeys, unwrapSessionSecret } from '../../../src/format/session-keys.ts'
import {
  decodeSessionIntent,
  decodeSessionMark,
  encodeSessionIntent,
  encodeSessionMark,
} from '../../../src/format/session.ts'
import { signedContent, signObject, writerIdOf } from '../../../src/format/signed-object.ts'
import { decodeSnapshot, decodeSnapshotSummary, encodeSnapshot, snapshotNameOf } from '../../../src/format/snapshot.ts'
import { reportKeyOf, summaryOf } from '../../../src/format/snapshot-summary.ts'
import { decodeWriterCertificate, encodeWriterCertificate, openWriterName } from '../../../src/format/writer-cert.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../support/format-keys.ts'
import { fixedTime, rotatedDescription, sampleDescription, sampleSnapshotBody } from '../../support/object-samples.ts'
import { cbor, flipped, withFields } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

const sid = () => fixedBytes('vector session', 16)
const domainId = () => fixedBytes('vector domain', 8)
const writer = () => ({ sealer: fixedSealer(), signer: fixedSigner() })
const head = () => ({ repoId: fixedRepoId(), seq: 2, previous: fixedBytes('vector previous'), sid: sid() })
const intent = () => ({ sid: sid(), started: fixedTime, host: 'workstation', toolVersion: '0.1.0' })
const plan = () => ({
  pid: fixedBytes('vector plan', 16),
  dataPacks: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
  metaPacks: [new Uint8Array(32).fill(3)],
  created: fixedTime,
})
const certificate = () => {
  const cert = {
    publicKey: fixedSigner().publicKey,
    role: 'write',
    domainIds: [domainId()],
    created: fixedTime,
    name: 'laptop',
  } as const
  return encodeWriterCertificate(cert, { sealer: fixedSealer(), signer: fixedSigner('root') })
}
const description = () => encodeRepoDescription(sampleDescription(), fixedSigner('root'))
const rotated = () => encodeRepoDescription(rotatedDescription(), fixedSigner('root'))
const enrolment = () =>
  encodeEnrolmentRequest({ repoId: fixedRepoId(), recipient: 'age1machine', created: fixedTime }, fixedSigner())
const snapshot = () =>
  encodeSnapshot(head(), sampleSnapshotBody(), {
    sealer: fixedSealer('SK_meta'),
    reports: new Sealer(reportKeyOf({ keyIdx: fixedBytes('K_idx') }), fixedRepoId(), 1),
    signer: fixedSigner(),
  })

/** The encapsulation of crypto.json: making one is random, opening it is not. */
function encapsulation(): { privateKey: Uint8Array; ct: Uint8Array; wrapKey: Uint8Array } {
  const text = readFileSync(new URL('../crypto.json', import.meta.url), 'utf8')
  const { privateKey, ct, wrapKey } = JSON.parse(text).encapsulation as Record<string, string>
  return { privateKey: fromHex(privateKey!)!, ct: fromHex(ct!)!, wrapKey: fromHex(wrapKey!)! }
}

const secrets = () => [fixedBytes('SK_data'), fixedBytes('SK_meta')]

function sessionKeys(): Uint8Array {
  const { privateKey, ct, wrapKey } = encapsulation()
  const sealer = new Sealer(wrapKey, fixedRepoId(), 1)
  const recipient = hash(kemPublicKey(privateKey)).slice(0, 16)
  const wrapped = secrets().map((secret, purpose) => {
    const context = new Uint8Array([...sid(), purpose])
    return { purpose, recipient, ct, sealed: sealer.seal(SEALED_TYPES.sessionSecret, context, secret) }
  })
  return encodeSessionKeys({ sid: sid(), domainId: domainId(), secrets: wrapped }, { suite: 1, signer: fixedSigner() })
}

function readSessionKeys(bytes: Uint8Array, subject: string): unknown {
  const keys = decodeSessionKeys(bytes, subject, { publicKey: fixedSigner().publicKey })
  const { privateKey } = encapsulation()
  const open = (purpose: 'data' | 'meta') =>
    unwrapSessionSecret(keys, purpose, privateKey, { repoId: fixedRepoId(), suite: 1 }, subject)
  return { sid: keys.sid, domainId: keys.domainId, wid: keys.wid, data: open('data'), meta: open('meta') }
}

function readCertificate(bytes: Uint8Array, subject: string): unknown {
  const { sealedName, ...cert } = decodeWriterCertificate(bytes, subject, {
    rootPublic: fixedSigner('root').publicKey,
  })
  return { ...cert, name: openWriterName({ ...cert, sealedName }, fixedSealer(), subject) }
}

function successes(): OkCase[] {
  const wid = writerIdOf(fixedSigner().publicKey)
  const mark = (number: number | 'end') =>
    encodeSessionMark({ sid: sid(), number }, { suite: 1, signer: fixedSigner() })
  const [data, meta] = secrets()
  const { rootPublic: _, ...rest } = { ...sampleDescription(), rootPublic: null }
  return [
    {
      name: 'an enrolment request',
      kind: 'enrolment request',
      bytes: enrolment(),
      value: {
        repoId: fixedRepoId(),
        publicKey: fixedSigner().publicKey,
        recipient: 'age1machine',
        created: fixedTime,
      },
    },
    {
      name: 'a snapshot',
      kind: 'snapshot',
      bytes: snapshot(),
      value: {
        name: snapshotNameOf(snapshot()),
        head: { ...head(), wid },
        summary: summaryOf(sampleSnapshotBody()),
        body: sampleSnapshotBody(),
      },
    },
    { name: 'an intent', kind: 'session intent', bytes: encodeSessionIntent(intent(), writer()), value: intent() },
    { name: 'a heartbeat', kind: 'session mark', bytes: mark(7), value: { sid: sid(), wid, number: 7 } },
    { name: 'an end', kind: 'session mark', bytes: mark('end'), value: { sid: sid(), wid, number: 'end' } },
    {
      name: 'keys of a session',
      kind: 'session keys',
      bytes: sessionKeys(),
      value: { sid: sid(), domainId: domainId(), wid, data, meta },
    },
    {
      name: 'a certificate',
      kind: 'writer certificate',
      bytes: certificate(),
      value: {
        suite: 1,
        wid,
        publicKey: fixedSigner().publicKey,
        role: 'write',
        domainIds: [domainId()],
        created: fixedTime,
        name: 'laptop',
      },
    },
    {
      name: 'a description',
      kind: 'repository description',
      bytes: description(),
      value: { ...rest, rootPublic: fixedSigner('root').publicKey },
    },
    {
      name: 'a description with new keys of a domain',
      kind: 'repository description',
      bytes: rotated(),
      value: { ...rotatedDescription(), rootPublic: fixedSigner('root').publicKey },
    },
    { name: 'a plan', kind: 'deletion plan', bytes: encodeDeletionPlan(plan(), writer()), value: plan() },
    {
      name: 'a plan of packs that were copied first',
      kind: 'deletion plan',
      bytes: encodeDeletionPlan({ ...plan(), copies: [new Uint8Array(32).fill(4)] }, writer()),
      value: { ...plan(), copies: [new Uint8Array(32).fill(4)] },
    },
    {
      name: 'a plan of keys of sessions',
      kind: 'deletion plan',
      bytes: encodeDeletionPlan({ ...plan(), dataPacks: [], metaPacks: [], sessions: [sid()] }, writer()),
      value: { ...plan(), dataPacks: [], metaPacks: [], sessions: [sid()] },
    },
  ]
}

function failures(): FailCase[] {
  const fail = (name: string, kind: string, bytes: Uint8Array): FailCase => ({ name, kind, bytes, error: 'corrupt' })
  const resigned = (type: Parameters<typeof signObject>[0], content: Uint8Array, label: string) =>
    signObject(type, 1, [content], fixedSigner(label))
  const certMap = signedContent(OBJECT_TYPES.writerCertificate, certificate(), 'x')
  const descriptionMap = signedContent(OBJECT_TYPES.repoDescription, description(), 'x')
  const otherKey = cbor((w) => w.bytes(fixedBytes('another key')))
  const moved = snapshot().slice(8, -64)
  moved[32] = 3
  const first = snapshot().slice(8, -64)
  first[32] = 1
  const everyObject = successes().flatMap(({ name, kind, bytes }) => [
    fail(`${name} with a damaged signature`, kind, flipped(bytes, -1)),
    fail(`${name} with a damaged byte`, kind, flipped(bytes, 20)),
    fail(`${name} that ends early`, kind, bytes.slice(0, -1)),
  ])
  return [
    ...everyObject,
    fail(
      'a snapshot that another key signed',
      'snapshot',
      resigned(OBJECT_TYPES.snapshot, snapshot().slice(8, -64), 'other'),
    ),
    fail(
      'an enrolment request that another key signed',
      'enrolment request',
      resigned(OBJECT_TYPES.enrolmentRequest, enrolment().slice(8, -64), 'other'),
    ),
    fail('a sealed part of another place in the chain', 'snapshot', resigned(OBJECT_TYPES.snapshot, moved, 'writer')),
    fail('a first snapshot that follows another', 'snapshot', resigned(OBJECT_TYPES.snapshot, first, 'writer')),
    fail(
      'a certificate whose id is not that of its key',
      'writer certificate',
      resigned(OBJECT_TYPES.writerCertificate, withFields(certMap, { 1: otherKey }), 'root'),
    ),
    fail(
      'a description with an average chunk that is no power of two',
      'repository description',
      resigned(
        OBJECT_TYPES.repoDescription,
        withFields(descriptionMap, {
          4: cbor((w) => w.openMap().key(0).uint(64).key(1).uint(1000).key(2).uint(2000).closeMap()),
        }),
        'root',
      ),
    ),
    fail(
      'a description with a chunker parameter too many',
      'repository description',
      resigned(
        OBJECT_TYPES.repoDescription,
        withFields(descriptionMap, {
          4: cbor((w) => w.openMap().key(0).uint(64).key(1).uint(128).key(2).uint(256).key(3).uint(1).closeMap()),
        }),
        'root',
      ),
    ),
    fail(
      'a description with keys of a domain twice',
      'repository description',
      resigned(
        OBJECT_TYPES.repoDescription,
        withFields(descriptionMap, {
          10: cbor((w) => {
            const [keys] = rotatedDescription().announced!
            w.array(2)
            writeAnnouncedKeys(w, keys!)
            writeAnnouncedKeys(w, keys!)
          }),
        }),
        'root',
      ),
    ),
    fail(
      'a description in which key 5 is missing',
      'repository description',
      resigned(OBJECT_TYPES.repoDescription, withFields(descriptionMap, { 5: null }), 'root'),
    ),
  ]
}

export const objectsSection: Section = {
  file: 'objects.json',
  about:
    'docs/format.md 3.5, 3.7, 3.8, 7, 8 and 9: whole signed objects. Suite 1. The session keys are encapsulated to the ' +
    'key pair of crypto.json.',
  given: () => ({
    repoId: fixedRepoId(),
    keyIdx: fixedBytes('K_idx'),
    sessionSecretMeta: fixedBytes('SK_meta'),
    writerPublicKey: fixedSigner().publicKey,
    rootPublicKey: fixedSigner('root').publicKey,
    kemPrivateKey: encapsulation().privateKey,
  }),
  ok: successes,
  fail: failures,
  read: (kind, bytes, subject) => {
    if (kind === 'enrolment request') return decodeEnrolmentRequest(bytes, subject)
    const publicKey = fixedSigner().publicKey
    if (kind === 'session intent') return decodeSessionIntent(bytes, subject, { sealer: fixedSealer(), publicKey })
    if (kind === 'session mark') return decodeSessionMark(bytes, subject, { publicKey })
    if (kind === 'session keys') return readSessionKeys(bytes, subject)
    if (kind === 'writer certificate') return readCertificate(bytes, subject)
    if (kind === 'repository description') return decodeRepoDescription(bytes, subject)
    if (kind === 'deletion plan') return decodeDeletionPlan(bytes, subject, { sealer: fixedSealer(), publicKey })
    const keys = { publicKey, repoId: fixedRepoId(), sealer: fixedSealer('SK_meta') }
    const { head, body } = decodeSnapshot(bytes, subject, keys)
    const reports = new Sealer(reportKeyOf({ keyIdx: fixedBytes('K_idx') }), fixedRepoId(), 1)
    const { summary } = decodeSnapshotSummary(bytes, subject, { publicKey, repoId: fixedRepoId(), reports })
    return { name: snapshotNameOf(bytes), head, summary, body }
  },
}
