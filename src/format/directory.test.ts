import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertDamageIsNamed, corruptAbout } from '../../test/support/damage.ts'
import { bytesOf } from '../../test/support/format-arbitraries.ts'
import { tables } from '../../test/support/table-arbitraries.ts'
import { fixedSealer } from '../../test/support/format-keys.ts'
import { AssertionFailed } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import type { DirectoryBlock, PackDirectory } from './directory.ts'
import {
  decodeDirectory,
  decodeTrailer,
  directorySize,
  encodeDirectory,
  encodeTrailer,
  openDirectory,
  openTrailer,
  PACK_SIZE_MAX,
  sealDirectory,
  sealTrailer,
  TRAILER_STORED_SIZE,
} from './directory.ts'
import { writeU16, writeU32 } from './integers.ts'

const directories = fc
  .array(bytesOf(16), { minLength: 1, maxLength: 4 })
  .chain((sessions) => tables(sessions.length).map((blocks) => ({ sessions, blocks })))

const block: DirectoryBlock = {
  storedLength: 90,
  plainLength: 50,
  codec: 0,
  session: 0,
  locs: new Uint8Array(48),
  lengths: new Uint32Array([20, 30]),
}
const small: PackDirectory = { sessions: [new Uint8Array(16)], blocks: [block] }
const withBlock = (change: Partial<DirectoryBlock>): PackDirectory => ({ ...small, blocks: [{ ...block, ...change }] })

test('directories are read back as they were written, with the place of each block', () => {
  fc.assert(
    fc.property(directories, (directory) => {
      const bytes = encodeDirectory(directory)
      const blobs = directory.blocks.reduce((sum, b) => sum + b.lengths.length, 0)
      assert.equal(bytes.length, directorySize(directory.sessions.length, directory.blocks.length, blobs))
      const read = decodeDirectory(bytes, PACK_SIZE_MAX, 'pack x')
      let offset = 8
      const placed = directory.blocks.map((b) => {
        const at = offset
        offset += b.storedLength
        return { ...b, offset: at }
      })
      assert.deepEqual(read, { sessions: directory.sessions, blocks: placed })
    }),
  )
})

test('damage anywhere in a directory is an error with the pack’s name or another directory', () => {
  const [directory] = fc.sample(directories, { numRuns: 1, seed: 5 })
  const options = { subject: 'pack x', authenticated: false }
  assertDamageIsNamed(encodeDirectory(directory!), (b) => decodeDirectory(b, PACK_SIZE_MAX, 'pack x'), options)
})

test('a sealed directory or trailer opens whole or not at all', () => {
  const sealer = fixedSealer()
  const options = { subject: 'pack x', authenticated: true }
  const sealed = sealDirectory(small, sealer)
  assertDamageIsNamed(sealed, (b) => openDirectory(b, 98, 'pack x', sealer), options)
  const trailer = { directoryOffset: 98, directoryLength: sealed.length, packLength: 98 + sealed.length + 56 }
  const sealedTrailer = sealTrailer(trailer, sealer)
  assert.equal(sealedTrailer.length, TRAILER_STORED_SIZE)
  assert.deepEqual(openTrailer(sealedTrailer, 'pack x', sealer), trailer)
  assertDamageIsNamed(sealedTrailer, (b) => openTrailer(b, 'pack x', sealer), options)
  assert.throws(() => openTrailer(sealed, 'pack x', sealer), corruptAbout('pack x'))
})

test('blocks may reach up to the directory and not past it', () => {
  const bytes = encodeDirectory(small)
  assert.equal(decodeDirectory(bytes, 98, 'pack x').blocks.length, 1)
  assert.throws(() => decodeDirectory(bytes, 97, 'pack x'), corruptAbout('ends at 98, past 97'))
})

test('tables that contradict themselves are neither written nor read', () => {
  const wrong: [string, Partial<DirectoryBlock>][] = [
    ['of session 1 of 1', { session: 1 }],
    ['stored for', { storedLength: 91 }],
    ['stored for', { codec: 1 }],
    ['stored for', { codec: 1, storedLength: 40 }],
    ['its blobs have', { lengths: new Uint32Array([20, 31]) }],
    ['an empty blob', { lengths: new Uint32Array([0, 50]) }],
    ['no blobs', { locs: new Uint8Array(), lengths: new Uint32Array() }],
    ['more than 16777216', { plainLength: 2 ** 24 + 1, storedLength: 2 ** 24 + 41 }],
  ]
  for (const [why, change] of wrong) assert.throws(() => encodeDirectory(withBlock(change)), AssertionFailed, why)
  const at = 8 + 16
  const hostile: [string, (b: Uint8Array) => void][] = [
    ['of session 1 of 1', (b) => writeU16(b, at + 9, 1)],
    ['stored for', (b) => writeU32(b, at, 91)],
    ['stored for', (b) => b.fill(1, at + 8, at + 9)],
    ['its blobs have', (b) => writeU32(b, at + 15 + 48, 21)],
    ['its blobs have', (b) => writeU32(b, at + 15 + 48, 2 ** 32 - 1)],
    ['an empty blob', (b) => writeU32(b, at + 15 + 48, 0)],
    ['belong to no block', (b) => writeU32(b, at + 11, 1)],
    ['where 2 are left', (b) => writeU32(b, at + 11, 3)],
    ['where 2 are left', (b) => writeU32(b, at + 11, 2 ** 32 - 1)],
    ['lists 4097 sessions', (b) => writeU16(b, 0, 4097)],
    ['lists 1048577 blobs', (b) => writeU32(b, 4, 2 ** 20 + 1)],
    ['where its counts make', (b) => writeU16(b, 2, 0xffff)],
  ]
  for (const [why, change] of hostile) {
    const bytes = encodeDirectory(small)
    change(bytes)
    assert.throws(() => decodeDirectory(bytes, PACK_SIZE_MAX, 'pack x'), corruptAbout(why), why)
  }
})

test('a codec of a later version is unsupported, not damage', () => {
  const bytes = encodeDirectory(small)
  bytes[8 + 16 + 8] = 4
  assert.throws(
    () => decodeDirectory(bytes, PACK_SIZE_MAX, 'pack x'),
    (e) => e instanceof BackupError && e.code === 'unsupported' && e.subject === 'pack x',
  )
})

test('the numbers of a trailer fit together', () => {
  const trailer = { directoryOffset: 100, directoryLength: 48, packLength: 204 }
  assert.deepEqual(decodeTrailer(encodeTrailer(trailer), 'pack x'), trailer)
  for (const change of [
    { packLength: 205 },
    { directoryOffset: 7, packLength: 111 },
    { directoryLength: 47, packLength: 203 },
    { directoryOffset: 2 ** 26, packLength: 2 ** 26 + 104 },
  ]) {
    assert.throws(() => encodeTrailer({ ...trailer, ...change }), AssertionFailed)
  }
  // Parity of a later version lies between directory and trailer; readers that do not use it skip it.
  const withParity = encodeTrailer(trailer)
  writeU32(withParity, 8, 1204)
  assert.throws(() => decodeTrailer(withParity, 'pack x'), corruptAbout('its parts end at 204'))
  writeU32(withParity, 12, 1000)
  assert.equal(decodeTrailer(withParity, 'pack x').packLength, 1204)
  const options = { subject: 'pack x', authenticated: false }
  assertDamageIsNamed(encodeTrailer(trailer), (b) => decodeTrailer(b, 'pack x'), options)
})
