import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { bytesOf, record } from '../../test/support/format-arbitraries.ts'
import { fixedSealer, fixedSigner } from '../../test/support/format-keys.ts'
import { tables } from '../../test/support/table-arbitraries.ts'
import { AssertionFailed } from '../base/assert.ts'
import { decodeIndexBody, decodeIndexSegment, encodeIndexBody, encodeIndexSegment } from './index-segment.ts'
import type { IndexedPack } from './index-segment.ts'
import { writeU16, writeU32 } from './integers.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { readSignerId, writerIdOf } from './signed-object.ts'

const segments = fc.array(bytesOf(16), { minLength: 1, maxLength: 3 }).chain((sessions) =>
  record({
    sessions: fc.constant(sessions),
    packs: fc.array(
      record({
        hash: bytesOf(32),
        kind: fc.constantFrom('data' as const, 'meta' as const),
        size: fc.integer({ min: 40_000_000, max: 64 * 1024 * 1024 }),
        blocks: tables(sessions.length),
      }),
      { maxLength: 5 },
    ),
  }),
)
const withoutOffsets = (packs: readonly IndexedPack[]) =>
  packs.map((pack) => ({
    ...pack,
    blocks: pack.blocks.map(({ storedLength, plainLength, codec, session, locs, lengths }) => ({
      storedLength,
      plainLength,
      codec,
      session,
      locs,
      lengths,
    })),
  }))
const packOfBlobs = (count: number): IndexedPack => ({
  hash: new Uint8Array(32),
  kind: 'data',
  size: 1_000_000,
  blocks: [
    {
      storedLength: count + 40,
      plainLength: count,
      codec: 0,
      session: 0,
      locs: new Uint8Array(24 * count),
      lengths: new Uint32Array(count).fill(1),
    },
  ],
})
const sessions = [new Uint8Array(16)]

test('segments are read back as they were written', () => {
  const writer = { sealer: fixedSealer(), signer: fixedSigner() }
  const reader = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  fc.assert(
    fc.property(segments, (segment) => {
      const bytes = encodeIndexSegment(segment, writer)
      const read = decodeIndexSegment(bytes, 'index/x', reader)
      assert.deepEqual({ ...read, packs: withoutOffsets(read.packs) }, segment)
      assert.deepEqual(readSignerId(OBJECT_TYPES.indexSegment, bytes, 'index/x'), writerIdOf(reader.publicKey))
    }),
    { numRuns: 50 },
  )
})

test('damage anywhere in a segment is noticed and named', () => {
  const bytes = encodeIndexSegment(
    { sessions, packs: [packOfBlobs(2)] },
    { sealer: fixedSealer(), signer: fixedSigner() },
  )
  const reader = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  const options = { subject: 'index/x', authenticated: true }
  assertDamageIsNamed(bytes, (b) => decodeIndexSegment(b, 'index/x', reader), options)
})

test('damage anywhere in an opened body is an error with its name or another body', () => {
  const [segment] = fc.sample(
    segments.filter((s) => s.packs.length > 1),
    { numRuns: 1, seed: 11 },
  )
  const options = { subject: 'index/x', authenticated: false }
  assertDamageIsNamed(encodeIndexBody(segment!), (b) => decodeIndexBody(b, 'index/x'), { ...options, step: 3 })
})

test('a segment names packs that are not relied on, in order and none twice', () => {
  const hashes = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte))
  const body = encodeIndexBody({ sessions, packs: [packOfBlobs(2)], distrusted: hashes })
  const read = decodeIndexBody(body, 'index/x')
  assert.deepEqual(read.distrusted, hashes)
  assert.equal(read.packs.length, 1)
  assert.equal(
    decodeIndexBody(encodeIndexBody({ sessions, packs: [], distrusted: [] }), 'index/x').distrusted,
    undefined,
  )
  for (const wrong of [hashes.toReversed(), [hashes[0]!, hashes[0]!]]) {
    assert.throws(() => encodeIndexBody({ sessions, packs: [], distrusted: wrong }), AssertionFailed)
    const swapped = body.slice()
    for (const [i, hash] of wrong.entries()) swapped.set(hash, 8 + 16 + 32 * i)
    assert.throws(() => decodeIndexBody(swapped, 'index/x'), corruptAbout('out of order'))
  }
})

test('a segment that another writer signed is refused, also under the name of the first', () => {
  const bytes = encodeIndexSegment({ sessions: [], packs: [] }, { sealer: fixedSealer(), signer: fixedSigner('other') })
  const reader = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
  assert.throws(() => decodeIndexSegment(bytes, 'index/x', reader), corruptAbout('signature'))
  // The other writer signs, but the id in the object is that of the first one.
  const forged = encodeIndexSegment(
    { sessions: [], packs: [] },
    {
      sealer: fixedSealer(),
      signer: { publicKey: fixedSigner().publicKey, sign: (b) => fixedSigner('other').sign(b) },
    },
  )
  const otherKey = { sealer: fixedSealer(), publicKey: fixedSigner('other').publicKey }
  assert.throws(() => decodeIndexSegment(forged, 'index/x', otherKey), corruptAbout('another writer'))
})

test('a segment sealed with another key, or of another suite, is refused', () => {
  const bytes = encodeIndexSegment({ sessions: [], packs: [] }, { sealer: fixedSealer(), signer: fixedSigner() })
  for (const sealer of [fixedSealer('other'), fixedSealer('K_idx', 2)]) {
    const reader = { sealer, publicKey: fixedSigner().publicKey }
    assert.throws(() => decodeIndexSegment(bytes, 'index/x', reader), corruptAbout('index/x'))
  }
})

test('only a single pack may have more than 65,536 blobs', () => {
  const alone = encodeIndexBody({ sessions, packs: [packOfBlobs(65_537)] })
  assert.equal(decodeIndexBody(alone, 'index/x').packs.length, 1)
  assert.throws(() => encodeIndexBody({ sessions, packs: [packOfBlobs(65_536), packOfBlobs(1)] }), AssertionFailed)
  const twice = new Uint8Array([
    ...alone,
    ...encodeIndexBody({ sessions: [], packs: [{ ...packOfBlobs(1), blocks: [] }] }).subarray(8),
  ])
  writeU32(twice, 0, 2)
  assert.throws(() => decodeIndexBody(twice, 'index/x'), corruptAbout('more than 65536'))
})

test('counts that lie are refused before anything is sized by them', () => {
  const hostile: [string, (b: Uint8Array) => void][] = [
    ['lists 4294967295 packs', (b) => writeU32(b, 0, 2 ** 32 - 1)],
    ['ends within a pack', (b) => writeU32(b, 0, 2)],
    ['bytes too many', (b) => writeU32(b, 0, 0)],
    ['ends within its 65535 sessions', (b) => writeU16(b, 4, 0xffff)],
    ['distrusts 4097 packs', (b) => writeU16(b, 6, 4097)],
    ['ends within its 1 sessions and 4096 distrusted packs', (b) => writeU16(b, 6, 4096)],
    ['unknown kind', (b) => b.fill(3, 24 + 32, 24 + 33)],
    ['unknown kind', (b) => b.fill(1, 24 + 33, 24 + 34)],
    ['ends within a pack', (b) => writeU16(b, 24 + 34, 0xffff)],
    ['ends within a pack', (b) => writeU32(b, 24 + 36, 2 ** 20)],
    ['4294967295 blobs', (b) => writeU32(b, 24 + 36, 2 ** 32 - 1)],
    ['a pack of 4294967295 bytes', (b) => writeU32(b, 24 + 40, 2 ** 32 - 1)],
    ['past 10', (b) => writeU32(b, 24 + 40, 66)],
    ['past -56', (b) => writeU32(b, 24 + 40, 0)],
  ]
  for (const [why, change] of hostile) {
    const bytes = encodeIndexBody({ sessions, packs: [packOfBlobs(2)] })
    change(bytes)
    assert.throws(() => decodeIndexBody(bytes, 'index/x'), corruptAbout(why), why)
  }
})
