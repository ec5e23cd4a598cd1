import { utf8 } from '../../../src/base/bytes.ts'
import { hash, keyedHash, deriveKey } from '../../../src/crypto/hash.ts'
import {
  decodeDirectory,
  decodeTrailer,
  encodeDirectory,
  encodeTrailer,
  openDirectory,
  openTrailer,
  sealDirectory,
  sealTrailer,
  TRAILER_STORED_SIZE,
} from '../../../src/format/directory.ts'
import type { DirectoryBlock } from '../../../src/format/directory.ts'
import {
  decodeIndexBody,
  decodeIndexSegment,
  encodeIndexBody,
  encodeIndexSegment,
} from '../../../src/format/index-segment.ts'
import type { IndexSegment } from '../../../src/format/index-segment.ts'
import { writeU16, writeU32 } from '../../../src/format/integers.ts'
import { packName } from '../../../src/format/names.ts'
import { checkHeader, joinObject, OBJECT_TYPES, SEALED_TYPES } from '../../../src/format/object-header.ts'
import { padme } from '../../../src/format/padme.ts'
import { fixedBytes, fixedRepoId, fixedSealer, fixedSigner } from '../../support/format-keys.ts'
import { flipped } from '../section.ts'
import type { FailCase, OkCase, Section } from '../section.ts'

const sid = () => fixedBytes('vector session', 16)
const keyId = () => fixedBytes('vector K_id')
const keyLoc = () => fixedBytes('vector K_loc')

// A block of two small blobs, stored as they are, and a block of one blob that compresses. The frame is written by hand
// (RFC 8878: magic, single segment with a content size of one byte, one last block that repeats one byte), so that no
// version of a compressor is part of the vector.
const plains = () => [[utf8('hello'), utf8('world!')], [utf8('a'.repeat(100))]]
const frame = () => new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 0x23, 0x03, 0, 0x61])

function blocks(): { sealed: Uint8Array; record: DirectoryBlock }[] {
  return plains().map((blobs, i) => {
    const plain = new Uint8Array(Buffer.concat(blobs))
    const context = new Uint8Array(5)
    context[0] = i
    writeU32(context, 1, plain.length)
    const sealed = fixedSealer('SK_data').seal(SEALED_TYPES.dataBlock, context, i === 0 ? plain : frame())
    const refs = blobs.map((blob) => keyedHash(deriveKey('holdfast 1 ref data', keyId()), blob))
    const locs = new Uint8Array(Buffer.concat(refs.map((ref) => keyedHash(keyLoc(), ref).subarray(0, 24))))
    const lengths = new Uint32Array(blobs.map((blob) => blob.length))
    return {
      sealed,
      record: { storedLength: sealed.length, plainLength: plain.length, codec: i, session: 0, locs, lengths },
    }
  })
}

function pack(): { bytes: Uint8Array; value: unknown; directoryOffset: number } {
  const made = blocks()
  const directory = { sessions: [sid()], blocks: made.map(({ record }) => record) }
  const sealedDirectory = sealDirectory(directory, fixedSealer())
  const used =
    8 + made.reduce((sum, { sealed }) => sum + sealed.length, 0) + sealedDirectory.length + TRAILER_STORED_SIZE
  const packLength = padme(used)
  const directoryOffset = packLength - TRAILER_STORED_SIZE - sealedDirectory.length
  const trailer = { directoryOffset, directoryLength: sealedDirectory.length, packLength }
  const fill = fixedBytes('vector fill', packLength - used)
  const parts = [...made.map(({ sealed }) => sealed), fill, sealedDirectory, sealTrailer(trailer, fixedSealer())]
  const bytes = joinObject(OBJECT_TYPES.dataPack, 1, ...parts)
  return {
    bytes,
    directoryOffset,
    value: { name: packName('data', hash(bytes)), trailer, directory: readPack(bytes, 'x').directory, blobs: plains() },
  }
}

function readPack(bytes: Uint8Array, subject: string) {
  checkHeader(bytes, OBJECT_TYPES.dataPack, subject)
  const trailer = openTrailer(bytes.subarray(bytes.length - TRAILER_STORED_SIZE), subject, fixedSealer())
  const { directoryOffset, directoryLength } = trailer
  const sealed = bytes.subarray(directoryOffset, directoryOffset + directoryLength)
  const directory = openDirectory(sealed, directoryOffset, subject, fixedSealer())
  const blobs = directory.blocks.map((block) => {
    const context = new Uint8Array(5)
    context[0] = block.codec
    writeU32(context, 1, block.plainLength)
    const stored = bytes.subarray(block.offset, block.offset + block.storedLength)
    const opened = fixedSealer('SK_data').open(SEALED_TYPES.dataBlock, context, stored, subject)
    const plain = block.codec === 0 ? opened : new Uint8Array(opened[5]!).fill(opened[9]!)
    let at = 0
    return [...block.lengths].map((length) => plain.subarray(at, (at += length)))
  })
  return { name: packName('data', hash(bytes)), trailer, directory, blobs }
}

const segment = (): IndexSegment => ({
  sessions: [sid(), fixedBytes('vector other session', 16)],
  packs: [
    { hash: hash(pack().bytes), kind: 'data', size: pack().bytes.length, blocks: blocks().map(({ record }) => record) },
    {
      hash: fixedBytes('vector other pack'),
      kind: 'meta',
      size: 4096,
      blocks: [{ ...blocks()[0]!.record, session: 1 }],
    },
  ],
})

const changed = (bytes: Uint8Array, change: (copy: Uint8Array) => void) => {
  const copy = bytes.slice()
  change(copy)
  return copy
}

function failures(): FailCase[] {
  const directory = encodeDirectory({ sessions: [sid()], blocks: blocks().map(({ record }) => record) })
  const table = 8 + 16
  const trailer = encodeTrailer({ directoryOffset: 100, directoryLength: 48, packLength: 204 })
  const body = encodeIndexBody(segment())
  const object = encodeIndexSegment(segment(), { sealer: fixedSealer(), signer: fixedSigner() })
  const cases: [string, string, Uint8Array][] = [
    ['directory', 'a session that is not in the table', changed(directory, (b) => writeU16(b, table + 9, 1))],
    [
      'directory',
      'a stored block that is longer than its plaintext',
      changed(directory, (b) => writeU32(b, table, 52)),
    ],
    ['directory', 'a compressed block that is not smaller', changed(directory, (b) => writeU32(b, table + 15, 140))],
    ['directory', 'blobs that do not add up', changed(directory, (b) => writeU32(b, directory.length - 12, 6))],
    ['directory', 'an empty blob', changed(directory, (b) => b.fill(0, directory.length - 12, directory.length - 8))],
    ['directory', 'a blob of no block', changed(directory, (b) => writeU32(b, table + 11, 1))],
    ['directory', 'more blobs than there are', changed(directory, (b) => writeU32(b, table + 26, 2 ** 32 - 1))],
    ['directory', 'a count that does not fit the length', changed(directory, (b) => writeU16(b, 2, 3))],
    ['directory', 'a byte too many', new Uint8Array([...directory, 0])],
    ['trailer', 'parts that do not add up', changed(trailer, (b) => writeU32(b, 8, 205))],
    ['trailer', 'a directory in the header', encodeTrailerUnchecked(7, 141, 204)],
    ['trailer', 'a pack over 64 MiB', encodeTrailerUnchecked(2 ** 26, 48, 2 ** 26 + 104)],
    ['trailer', 'a trailer of 15 bytes', trailer.slice(0, 15)],
    ['index body', 'a pack of kind 3', changed(body, (b) => b.fill(3, 8 + 32 + 32, 8 + 32 + 33))],
    ['index body', 'a reserved field that is not 0', changed(body, (b) => writeU16(b, 6, 1))],
    ['index body', 'a pack too many', changed(body, (b) => writeU32(b, 0, 3))],
    ['index body', 'a pack too few', changed(body, (b) => writeU32(b, 0, 1))],
    ['index segment', 'a damaged signature', flipped(object, -1)],
    ['index segment', 'a damaged seal', flipped(object, 40)],
    ['index segment', 'another writer', flipped(object, 8)],
    ['index segment', 'another suite', changed(object, (b) => b.fill(2, 6, 7))],
    ['pack', 'a damaged directory', flipped(pack().bytes, pack().directoryOffset + 30)],
    ['pack', 'a damaged trailer', flipped(pack().bytes, -1)],
    ['pack', 'a damaged block', flipped(pack().bytes, 40)],
  ]
  const newer: [string, string, Uint8Array][] = [
    ['directory', 'codec 4', changed(directory, (b) => b.fill(4, table + 8, table + 9))],
    ['pack', 'version 2', changed(pack().bytes, (b) => b.fill(2, 5, 6))],
  ]
  return [
    ...cases.map(([kind, name, bytes]): FailCase => ({ name, kind, bytes, error: 'corrupt' })),
    ...newer.map(([kind, name, bytes]): FailCase => ({ name, kind, bytes, error: 'unsupported' })),
  ]
}

function encodeTrailerUnchecked(offset: number, length: number, packLength: number): Uint8Array {
  const bytes = new Uint8Array(16)
  for (const [i, value] of [offset, length, packLength].entries()) writeU32(bytes, 4 * i, value)
  return bytes
}

export const packSection: Section = {
  file: 'pack.json',
  about:
    'docs/format.md 4 and 5. Kinds: `pack` a whole data pack with its blobs, `directory` and `trailer` opened ones (the ' +
    'directory lies at byte 60,000,000), `index segment` a whole object, `index body` an opened one. Suite 1.',
  given: () => ({
    repoId: fixedRepoId(),
    sessionSecret: fixedBytes('SK_data'),
    keyIdx: fixedBytes('K_idx'),
    keyId: keyId(),
    keyLoc: keyLoc(),
    writerPublicKey: fixedSigner().publicKey,
  }),
  ok: () => {
    const directory = { sessions: [sid()], blocks: blocks().map(({ record }) => record) }
    const trailer = { directoryOffset: 100, directoryLength: 48, packLength: 204 }
    const withParity = changed(encodeTrailer(trailer), (b) => {
      writeU32(b, 8, 1204)
      writeU32(b, 12, 1000)
    })
    const body = encodeIndexBody(segment())
    const object = encodeIndexSegment(segment(), { sealer: fixedSealer(), signer: fixedSigner() })
    const encodedDirectory = encodeDirectory(directory)
    const cases: OkCase[] = [
      { name: 'a pack of two blocks', kind: 'pack', bytes: pack().bytes, value: pack().value },
      {
        name: 'its directory',
        kind: 'directory',
        bytes: encodedDirectory,
        value: decodeDirectory(encodedDirectory, 6e7, 'x'),
      },
      { name: 'a trailer', kind: 'trailer', bytes: encodeTrailer(trailer), value: trailer },
      { name: 'a trailer with parity', kind: 'trailer', bytes: withParity, value: { ...trailer, packLength: 1204 } },
      { name: 'a body of two packs', kind: 'index body', bytes: body, value: decodeIndexBody(body, 'x') },
      { name: 'a segment of two packs', kind: 'index segment', bytes: object, value: decodeIndexBody(body, 'x') },
    ]
    return cases
  },
  fail: failures,
  read: (kind, bytes, subject) => {
    const keys = { sealer: fixedSealer(), publicKey: fixedSigner().publicKey }
    if (kind === 'pack') return readPack(bytes, subject)
    if (kind === 'directory') return decodeDirectory(bytes, 6e7, subject)
    if (kind === 'trailer') return decodeTrailer(bytes, subject)
    return kind === 'index body' ? decodeIndexBody(bytes, subject) : decodeIndexSegment(bytes, subject, keys)
  },
}
