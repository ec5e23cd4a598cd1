// What a .xz stream says about itself (The .xz File Format, 1.2.0): how much it unpacks to and how much memory that takes,
// known from its headers before anything is unpacked.
//
//   stream header (12)   magic FD 37 7A 58 5A 00, 00, kind of check, CRC32
//   block header         size, flags, [sizes], one filter: 21 01 dictionary; padding, CRC32
//   LZMA2 chunks         each begins with its kind and its length before and after unpacking; 00 ends them
//   padding to 4 bytes
//   index                00, number of blocks, two sizes for each, padding to 4 bytes, CRC32
//   end of the stream (12)
//
// The decoder checks what the headers promise again while it unpacks, and their sums.

/** The dictionary of the longest block there is: a larger one is of no use to any. */
export const XZ_DICTIONARY_MAX = 16 * 1024 * 1024

const HEADER = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00]
const CHECK_NONE = 0
const STREAM_HEADER_SIZE = 12
const STREAM_END_SIZE = 12
const CRC_SIZE = 4
const LZMA2 = 0x21

/**
 * Length of the plaintext of a file of exactly one stream with one block and no check. Throws RangeError for anything
 * else, and when the dictionary is larger than XZ_DICTIONARY_MAX.
 */
export function xzPlainLength(packed: Uint8Array): number {
  const reader = new Reader(packed)
  for (const byte of HEADER) reader.expect(byte, 'it does not begin as a .xz stream')
  reader.expect(CHECK_NONE, 'it has a check, which the seal makes needless')
  reader.skip(STREAM_HEADER_SIZE - HEADER.length - 1)
  passBlockHeader(reader)
  const length = passChunks(reader)
  reader.align()
  reader.expect(0, 'it has more than one block')
  reader.expect(1, 'its index is not that of one block')
  reader.number()
  reader.number()
  reader.align()
  reader.skip(CRC_SIZE + STREAM_END_SIZE)
  if (reader.left !== 0) throw new RangeError('something comes after its stream')
  return length
}

function passBlockHeader(reader: Reader): void {
  const from = reader.at
  const size = (reader.byte() + 1) * 4
  const flags = reader.byte()
  if ((flags & 0x3f) !== 0) throw new RangeError('it has another filter than LZMA2')
  if ((flags & 0x40) !== 0) reader.number()
  if ((flags & 0x80) !== 0) reader.number()
  reader.expect(LZMA2, 'it has another filter than LZMA2')
  reader.expect(1, 'its filter has other properties than LZMA2 has')
  const dictionary = reader.byte()
  const bytes = (2 | (dictionary & 1)) * 2 ** ((dictionary >> 1) + 11)
  if (bytes > XZ_DICTIONARY_MAX) throw new RangeError(`its dictionary has ${bytes} bytes or none`)
  reader.skip(size - (reader.at - from))
}

/** Passes over the chunks of LZMA2; returns how many bytes they unpack to. */
function passChunks(reader: Reader): number {
  let plain = 0
  for (let kind = reader.byte(); kind !== 0; kind = reader.byte()) {
    if (kind >= 0x80) {
      plain += (kind & 0x1f) * 65_536 + reader.u16() + 1
      reader.skip(reader.u16() + 1 + (kind >= 0xc0 ? 1 : 0))
    } else {
      if (kind > 2) throw new RangeError('it has a chunk of an unknown kind')
      const length = reader.u16() + 1
      plain += length
      reader.skip(length)
    }
  }
  return plain
}

class Reader {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  byte(): number {
    this.skip(1)
    return this.#bytes[this.at - 1]!
  }

  /** Big endian. */
  u16(): number {
    return this.byte() * 256 + this.byte()
  }

  /** Seven bits in each byte, the least first; at most nine bytes. */
  number(): void {
    for (let i = 0; i < 9; i++) if (this.byte() < 0x80) return
    throw new RangeError('it has a number of more than nine bytes')
  }

  expect(byte: number, otherwise: string): void {
    if (this.byte() !== byte) throw new RangeError(otherwise)
  }

  /** Passes zeros up to a multiple of 4. */
  align(): void {
    while (this.at % 4 !== 0) this.expect(0, 'it is padded with something else than zeros')
  }

  skip(length: number): void {
    if (length < 0 || length > this.left) throw new RangeError('it is cut short')
    this.at += length
  }
}
