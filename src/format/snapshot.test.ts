import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { bytesOf, record, ref, safeUint, time } from '../../test/support/format-arbitraries.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import { sampleSnapshotBody } from '../../test/support/object-samples.ts'
import { AssertionFailed } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { parseObjectName } from './names.ts'
import { writerIdOf } from './signed-object.ts'
import {
  decodeSnapshot,
  decodeSnapshotBody,
  decodeSnapshotSummary,
  encodeSnapshot,
  encodeSnapshotBody,
  readSnapshotHead,
  snapshotNameOf,
  verifySnapshot,
} from './snapshot.ts'
import { decodeSummary, encodeSummary, summaryOf } from './snapshot-summary.ts'

const zero = new Uint8Array(32)
const head = { repoId: fixedRepoId(), seq: 2, previous: new Uint8Array(32).fill(5), sid: new Uint8Array(16).fill(6) }
const writer = () => ({ sealer: fixedSealer('SK_meta'), reports: fixedSealer('K_rep'), signer: fixedSigner() })
const reporter = () => ({ reports: fixedSealer('K_rep'), publicKey: fixedSigner().publicKey, repoId: fixedRepoId() })
const reader = () => ({ sealer: fixedSealer('SK_meta'), publicKey: fixedSigner().publicKey, repoId: fixedRepoId() })
const sample = () => encodeSnapshot(head, sampleSnapshotBody(), writer())

const text = fc.string({ unit: 'binary', maxLength: 50 })
const optional = <T>(values: fc.Arbitrary<T>, key: string) =>
  fc.option(values, { nil: undefined }).map((value) => (value === undefined ? {} : { [key]: value }))
const bodies = fc
  .tuple(
    record({
      started: time,
      ended: time,
      host: text,
      user: text,
      sources: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      root: ref,
      stats: fc.array(safeUint, { minLength: 10, maxLength: 10 }).map((n) => {
        const names = Object.keys(sampleSnapshotBody().stats)
        return Object.fromEntries(names.map((name, i) => [name, n[i]!])) as never
      }),
      troubles: fc.array(record({ path: fc.uint8Array({ maxLength: 60 }), code: fc.nat(), text }), { maxLength: 5 }),
      troubleCount: fc.integer({ min: 5, max: 2 ** 40 }),
      partial: fc.boolean(),
      tags: fc.array(text, { maxLength: 4 }),
      heads: fc.array(record({ wid: bytesOf(16), seq: fc.nat(9_999_999), hash: bytesOf(32) }), { maxLength: 4 }),
      toolVersion: text,
      domainId: bytesOf(8),
    }),
    optional(ref, 'parent'),
    optional(text, 'description'),
    optional(time, 'keepUntil'),
    optional(time, 'destroyBy'),
    optional(ref, 'rewrittenFrom'),
    optional(fc.constant([{ key: 19, value: new Uint8Array([0x81, 0x00]) }]), 'unknown'),
  )
  .map((parts) => Object.assign({}, ...parts) as ReturnType<typeof sampleSnapshotBody>)

test('snapshots are read back as they were written', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const bytes = encodeSnapshot(head, body, writer())
      const wid = writerIdOf(fixedSigner().publicKey)
      assert.deepEqual(decodeSnapshot(bytes, 'snap/x', reader()), { head: { ...head, wid }, body })
    }),
    { numRuns: 50 },
  )
})

test('damage anywhere in a snapshot is noticed and named', () => {
  const options = { subject: 'snap/x', authenticated: true }
  assertDamageIsNamed(sample(), (b) => decodeSnapshot(b, 'snap/x', reader()), options)
})

test('damage anywhere in a snapshot is noticed without any secret', () => {
  const options = { subject: 'snap/x', authenticated: true, step: 5 }
  assertDamageIsNamed(sample(), (b) => verifySnapshot(b, 'snap/x', reader()), options)
})

test('damage in an opened body is an error with the snapshot’s name or another body', () => {
  const options = { subject: 'snap/x', authenticated: false }
  assertDamageIsNamed(encodeSnapshotBody(sampleSnapshotBody()), (b) => decodeSnapshotBody(b, 'snap/x'), options)
})

test('the summary says what the body says of times and counts, to who cannot open the body', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const bytes = encodeSnapshot(head, body, writer())
      const { summary } = decodeSnapshotSummary(bytes, 'snap/x', reporter())
      assert.deepEqual(summary, summaryOf(body))
      assert.throws(
        () => decodeSnapshot(bytes, 'snap/x', { ...reader(), sealer: fixedSealer('K_rep') }),
        corruptAbout('snap/x'),
      )
    }),
    { numRuns: 20 },
  )
})

test('damage anywhere in a snapshot is noticed by who reads the summary, in a summary that is open too', () => {
  const options = { subject: 'snap/x', authenticated: true, step: 3 }
  assertDamageIsNamed(sample(), (b) => decodeSnapshotSummary(b, 'snap/x', reporter()), options)
  const opened = encodeSummary(summaryOf(sampleSnapshotBody()))
  assertDamageIsNamed(opened, (b) => decodeSummary(b, 'snap/x'), { subject: 'snap/x', authenticated: false })
})

test('a summary whose length cannot be is refused, also when it is signed', () => {
  for (const length of [0, 39, 4097, 65_535]) {
    const content = sample().slice(0, -64)
    new DataView(content.buffer).setUint16(96, length, true)
    const resigned = new Uint8Array([...content, ...fixedSigner().sign(content)])
    assert.throws(() => decodeSnapshot(resigned, 'snap/x', reader()), corruptAbout('snap/x'))
    assert.throws(() => decodeSnapshotSummary(resigned, 'snap/x', reporter()), corruptAbout('snap/x'))
  }
})

test('the part in the clear is read without keys, and the name follows from the bytes', () => {
  const bytes = sample()
  const wid = writerIdOf(fixedSigner().publicKey)
  assert.deepEqual(readSnapshotHead(bytes, 'snap/x'), { ...head, wid, suite: 1 })
  const name = parseObjectName(snapshotNameOf(bytes))
  assert.deepEqual(name, { kind: 'snapshot', wid: toHex(wid), seq: 2, hash: toHex(hash(bytes)) })
})

test('a snapshot of another writer, repository, session key or suite is refused', () => {
  const bytes = sample()
  const others = [
    { publicKey: fixedSigner('other').publicKey },
    { repoId: fixedBytes('other repository', 16) },
    { sealer: fixedSealer('other SK_meta') },
    { sealer: fixedSealer('SK_meta', 2) },
  ]
  for (const other of others) {
    assert.throws(() => decodeSnapshot(bytes, 'snap/x', { ...reader(), ...other }), corruptAbout('snap/x'))
  }
})

test('the sealed part belongs to its place in the chain', () => {
  // The writer signs again, with a body that was sealed for another place: the seal does not open.
  const bytes = sample()
  const signer = fixedSigner()
  const moved = bytes.slice(0, -64)
  moved[40] = 3
  const resigned = new Uint8Array([...moved, ...signer.sign(moved)])
  assert.equal(verifySnapshot(resigned, 'snap/x', reader()).seq, 3)
  assert.throws(() => decodeSnapshot(resigned, 'snap/x', reader()), corruptAbout('snap/x'))
})

test('only the first snapshot of a writer follows none', () => {
  const first = { ...head, seq: 1, previous: zero }
  assert.equal(readSnapshotHead(encodeSnapshot(first, sampleSnapshotBody(), writer()), 'snap/x').seq, 1)
  for (const wrong of [{ seq: 1 }, { previous: zero }, { seq: 0, previous: zero }, { seq: 10 ** 10 }]) {
    assert.throws(() => encodeSnapshot({ ...head, ...wrong }, sampleSnapshotBody(), writer()), AssertionFailed)
  }
  for (const [at, value] of [
    [40, 1],
    [40, 0],
    [47, 1],
  ] as const) {
    const bytes = sample()
    bytes[at] = value
    assert.throws(() => readSnapshotHead(bytes, 'snap/x'), corruptAbout('snap/x'))
  }
})

test('a body without one of its required fields, or with an empty list, is refused', () => {
  const fields = new CborReader(encodeSnapshotBody(sampleSnapshotBody()), 'x').fields(() => false)!
  const without = (left: number) => {
    const w = new CborWriter().openMap()
    return w
      .rawFields(fields.filter((f) => f.key !== left))
      .closeMap()
      .finish()
  }
  for (const { key } of fields) {
    const read = () => decodeSnapshotBody(without(key), 'snap/x')
    if ([7, 10, 11, 13, 15, 16, 17, 18].includes(key)) read()
    else assert.throws(read, corruptAbout('snap/x'), `field ${key}`)
  }
  for (const key of [7, 10, 11]) {
    const empty = fields.map((f) => (f.key === key ? { key, value: new Uint8Array([0x80]) } : f))
    const bytes = new CborWriter().openMap().rawFields(empty).closeMap().finish()
    assert.throws(() => decodeSnapshotBody(bytes, 'snap/x'), corruptAbout('empty list'))
  }
})

test('what people choose is limited by name, and the text of a trouble is cut', () => {
  const body = sampleSnapshotBody()
  const isLimit = (e: unknown) => e instanceof BackupError && e.code === 'limit'
  const long = 'ü'.repeat(513)
  for (const change of [
    { host: long },
    { tags: [long] },
    { description: 'x'.repeat(65_537) },
    { tags: Array<string>(1025).fill('a') },
  ]) {
    assert.throws(() => encodeSnapshotBody({ ...body, ...change }), isLimit)
  }
  const troubles = [{ path: new Uint8Array(1), code: 1, text: `x${'ü'.repeat(3000)}` }]
  const read = decodeSnapshotBody(encodeSnapshotBody({ ...body, troubles }), 'snap/x')
  assert.equal(read.troubles[0]!.text, `x${'ü'.repeat(2047)}`)
})
