// How the plaintext of a block becomes its stored form and back (docs/format.md, 4). Compressing is tried where a sample
// says that it pays; what was stored is always opened again before anybody relies on it.
import { BackupError, codeOf, wrap } from '../../base/errors.ts'
import { asBuffer, releaseMemory, uninitialised } from '../../base/bytes.ts'
import { lz4 } from '../../compress/lz4.ts'
import type { FixedMethod } from '../../compress/method.ts'
import { xz } from '../../compress/xz.ts'
import { zstd } from '../../compress/zstd.ts'
import type { ZstdParameters } from '../../compress/zstd.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { BLOCK_PLAIN_MAX, CODEC_LZ4, CODEC_STORED, CODEC_XZ, CODEC_ZSTD } from '../../format/block-table.ts'

/** A block that does not shrink by this share is stored as it is: decoding it would cost more than it saves. */
const WORTH_IT = 0.97
/** Bytes of each of the samples that decide whether a large block is compressed at all. */
const SAMPLE_SIZE = 4096
/** Blocks up to this size are compressed without asking a sample. */
const SAMPLE_FROM = 128 * 1024
const SAMPLE_PARAMETERS: ZstdParameters = { level: 1 }
const CONTEXT_SIZE = 5

export interface EncodedBlock {
  readonly sealed: Uint8Array
  readonly codec: number
}

/** Compresses and seals; the result owns its memory. */
export function encodeBlock(sealer: Sealer, type: number, plain: Uint8Array, method: FixedMethod): EncodedBlock {
  const packed = method.name !== 'none' && looksCompressible(plain) ? compress(plain, method) : undefined
  const worthIt = packed !== undefined && packed.byteLength < plain.byteLength * WORTH_IT
  const codec = worthIt ? CODECS[method.name] : CODEC_STORED
  return { sealed: sealer.seal(type, blockContext(codec, plain.byteLength), worthIt ? packed : plain), codec }
}

const CODECS = { none: CODEC_STORED, zstd: CODEC_ZSTD, lz4: CODEC_LZ4, xz: CODEC_XZ } as const

/** Valid until the next call of this thread. */
function compress(plain: Uint8Array, method: Exclude<FixedMethod, { name: 'none' }>): Uint8Array {
  switch (method.name) {
    case 'zstd':
      return zstd().compress(plain, parametersOf(method.level))
    case 'lz4':
      return lz4.compress(plain)
    case 'xz':
      return xz.compress(plain, method.level)
  }
}

/** A block as it lies in a pack, and what the pack's directory says of it. */
export interface StoredBlock {
  /** Of SEALED_TYPES. */
  readonly type: number
  readonly sealed: Uint8Array
  readonly codec: number
  readonly plainLength: number
  /** What errors name. */
  readonly subject: string
}

/**
 * Opens and decompresses; `corrupt` if the seal, the codec or the length is not what was written. The caller compares
 * each blob it takes from the plaintext with its ref, so the salt is not computed again.
 */
export function decodeBlock(sealer: Sealer, block: StoredBlock): Uint8Array {
  return decode(undefined, sealer, block)
}

/**
 * `decodeBlock` for who is done with the plaintext before the next call of this thread: it is decompressed into memory
 * that is used again, since fresh memory for each block costs as much as decompressing.
 */
export function decodeBlockBriefly(sealer: Sealer, block: StoredBlock): Uint8Array {
  return decode(KEPT, sealer, block)
}

/** `decodeBlock` for who says where the plaintext goes: `plain` gives room for so many bytes. */
export function decodeBlockInto(plain: Room, sealer: Sealer, block: StoredBlock): Uint8Array {
  return decode({ packed: KEPT.packed, plain }, sealer, block)
}

export interface Room {
  /** So many bytes, with whatever is in them. */
  room(length: number): Uint8Array
}

/** The same block under another key, packed as it is; what comes out is to be decoded before anybody relies on it. */
export function resealBlock(
  [from, to]: readonly [Sealer, Sealer],
  { type, sealed, codec, plainLength, subject }: StoredBlock,
): Uint8Array {
  const context = blockContext(codec, plainLength)
  const into = KEPT.packed.room(sealed.byteLength)
  return to.seal(type, context, from.open(type, context, sealed, subject, { checkSalt: false, into }))
}

/** Memory that a thread keeps for blocks up to a size: bundles are all shorter, single blobs may be longer. */
class KeptMemory implements Room {
  #bytes = uninitialised(0)

  room(length: number): Uint8Array {
    if (length > KEPT_MAX) return uninitialised(length)
    if (this.#bytes.length < length)
      this.#bytes = uninitialised(Math.min(KEPT_MAX, Math.max(length, 2 * this.#bytes.length)))
    return this.#bytes.subarray(0, length)
  }
}

const KEPT_MAX = 4 * 1024 * 1024
const KEPT = { packed: new KeptMemory(), plain: new KeptMemory() }

function decode(
  kept: { readonly packed: Room; readonly plain: Room } | undefined,
  sealer: Sealer,
  { type, sealed, codec, plainLength, subject }: StoredBlock,
): Uint8Array {
  if (plainLength > BLOCK_PLAIN_MAX)
    throw new BackupError('limit', `block claims ${plainLength} bytes, more than ${BLOCK_PLAIN_MAX}`, subject)
  const packed = sealer.open(type, blockContext(codec, plainLength), sealed, subject, {
    checkSalt: false,
    ...(kept !== undefined && { into: kept.packed.room(sealed.byteLength) }),
  })
  if (codec === CODEC_STORED) {
    if (packed.byteLength !== plainLength) throw wrongLength(packed.byteLength, plainLength, subject)
    if (kept === undefined || kept === KEPT) return packed
    const plain = kept.plain.room(plainLength)
    plain.set(packed)
    return plain
  }
  const decoder = decoderOf(codec)
  if (decoder === undefined) throw new BackupError('unsupported', `block has unknown codec ${codec}`, subject)
  const plain = kept === undefined ? uninitialised(plainLength) : kept.plain.room(plainLength)
  let length: number
  try {
    length = decoder.decompress(packed, plain)
  } catch (cause) {
    if (codeOf(cause) === 'unsupported') throw wrap('decompressing a block', subject, cause)
    throw new BackupError('corrupt', 'block does not decompress', subject, { cause })
  }
  if (kept === undefined) releaseMemory(packed)
  if (length !== plainLength) throw wrongLength(length, plainLength, subject)
  return plain
}

interface Decoder {
  /** Fills `into` from its start and returns how many bytes it took; throws when it is damaged or does not fit. */
  decompress(packed: Uint8Array, into: Uint8Array): number
}

function decoderOf(codec: number): Decoder | undefined {
  if (codec === CODEC_ZSTD) return zstd()
  if (codec === CODEC_LZ4) return lz4
  return codec === CODEC_XZ ? xz : undefined
}

/** The additional data of a block: `codec (1) | plainLength (u32)`. */
function blockContext(codec: number, plainLength: number): Uint8Array {
  const context = new Uint8Array(CONTEXT_SIZE)
  context[0] = codec
  new DataView(context.buffer).setUint32(1, plainLength, true)
  return context
}

/**
 * Level 3 with tables half as large: they stay in the processor's second-level cache, which costs 0.5 % of the ratio and
 * saves a tenth of the time (kernel sources in bundles of 2 MiB; docs/decisions/0005-pipeline.md).
 */
function parametersOf(level: number): ZstdParameters {
  return level === 3 ? { level, chainLog: 15, hashLog: 16 } : { level }
}

/** False when three samples from the block hardly shrink at the lowest level: media, archives, encrypted data. */
function looksCompressible(plain: Uint8Array): boolean {
  if (plain.byteLength <= SAMPLE_FROM) return true
  const sample = Buffer.allocUnsafe(SAMPLE_SIZE * 3)
  const source = asBuffer(plain)
  const last = plain.byteLength - SAMPLE_SIZE
  source.copy(sample, 0, 0, SAMPLE_SIZE)
  source.copy(sample, SAMPLE_SIZE, last >>> 1, (last >>> 1) + SAMPLE_SIZE)
  source.copy(sample, SAMPLE_SIZE * 2, last, last + SAMPLE_SIZE)
  return zstd().compress(sample, SAMPLE_PARAMETERS).byteLength < sample.byteLength * WORTH_IT
}

function wrongLength(found: number, expected: number, subject: string): BackupError {
  return new BackupError('corrupt', `block has ${found} bytes, its directory says ${expected}`, subject)
}
