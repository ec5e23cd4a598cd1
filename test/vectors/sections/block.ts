// Blocks of every codec. What is compressed was written by hand or is kept here, so that no version of a compressor is
// part of the vectors.
import { concatBytes, fromHex, utf8 } from '../../../src/base/bytes.ts'
import { readU32, writeU32 } from '../../../src/format/integers.ts'
import { SEALED_TYPES } from '../../../src/format/object-header.ts'
import { decodeBlock } from '../../../src/repo/packs/block-codec.ts'
import { fixedBytes, fixedRepoId, fixedSealer } from '../../support/format-keys.ts'
import type { FailCase, Section } from '../section.ts'

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))!

/** 100 times the letter a. */
const PLAIN = () => utf8('a'.repeat(100))
/** RFC 8878: magic, single segment with a content size of one byte, one last block that repeats one byte. */
const ZSTD = '28b52ffd 20 64 230300 61'
/** One letter, 94 more from one before, five letters as the end. */
const LZ4 = '1f 61 0100 4b 50 6161616161'
/** What XZ Utils 5.4 write with `-6 --check=none`. */
const XZ =
  'fd377a585a000000ff12d9410200210116000000742fe5a3e0006300065d0030ee9e00000000000000011a64b1ea74da06729e7a010000000000595a'
const XZ_DICTIONARY_64_MIB =
  'fd377a585a000000ff12d941020021011c00000010cf58cce0006300065d0030ee9e00000000000000011a64b1ea74da06729e7a010000000000595a'
const XZ_CRC32 =
  'fd377a585a0000016922de360200210116000000742fe5a3e0006300065d0030ee9e000000000000647a70af00011e64b52f18be9042990d010000000001595a'

/** `codec (1) | plain length (u32) | stored block`: the context of the seal first. */
function block(codec: number, stored: Uint8Array, plainLength = 100): Uint8Array {
  const context = new Uint8Array(5)
  context[0] = codec
  writeU32(context, 1, plainLength)
  return concatBytes([context, fixedSealer('SK_data').seal(SEALED_TYPES.dataBlock, context, stored)])
}

function read(bytes: Uint8Array, subject: string): Uint8Array {
  const sealer = fixedSealer('SK_data')
  const [type, sealed] = [SEALED_TYPES.dataBlock, bytes.subarray(5)]
  return decodeBlock(sealer, { type, sealed, codec: bytes[0]!, plainLength: readU32(bytes, 1), subject })
}

const CORRUPT: readonly (readonly [name: string, codec: number, stored: string, plainLength?: number])[] = [
  ['a stored block that is shorter than it says', 0, '616161'],
  ['zstd that is longer than it says', 1, ZSTD, 99],
  ['zstd that is shorter than it says', 1, ZSTD, 101],
  ['zstd that is cut short', 1, ZSTD.slice(0, -3)],
  ['LZ4 that is longer than it says', 2, LZ4, 99],
  ['LZ4 that is shorter than it says', 2, LZ4, 101],
  ['LZ4 that is cut short', 2, LZ4.slice(0, -10)],
  ['LZ4 that begins before its beginning', 2, '1f 61 0200 4b 50 6161616161'],
  ['LZ4 in a frame', 2, `04224d18 40 40 c0 0b000000 ${LZ4} 00000000`],
  ['xz that is longer than it says', 3, XZ, 99],
  ['xz that is shorter than it says', 3, XZ, 101],
  ['xz that is cut short', 3, XZ.slice(0, -8)],
  ['xz with padding after its stream', 3, `${XZ}00000000`],
  ['xz with a check', 3, XZ_CRC32],
  ['xz with a dictionary of 64 MiB', 3, XZ_DICTIONARY_64_MIB],
  ['zstd that says it is LZ4', 2, ZSTD],
]

export const blockSection: Section = {
  file: 'block.json',
  about:
    'docs/format.md 4. Kind `block`: `codec (1) | plain length (u32)`, the context of the seal, and a stored block of a ' +
    'data pack; the value is its plaintext. Suite 1.',
  given: () => ({ repoId: fixedRepoId(), sessionSecret: fixedBytes('SK_data') }),
  ok: () =>
    [
      ['stored', block(0, PLAIN())] as const,
      ['zstd', block(1, hex(ZSTD))] as const,
      ['LZ4', block(2, hex(LZ4))] as const,
      ['xz', block(3, hex(XZ))] as const,
    ].map(([name, bytes]) => ({ name, kind: 'block', bytes, value: PLAIN() })),
  fail: () => [
    ...CORRUPT.map(([name, codec, stored, length]): FailCase => {
      return { name, kind: 'block', bytes: block(codec, hex(stored), length), error: 'corrupt' }
    }),
    { name: 'codec 4', kind: 'block', bytes: block(4, PLAIN()), error: 'unsupported' },
  ],
  read: (_kind, bytes, subject) => read(bytes, subject),
}
