// How the plaintext of a block becomes its stored form and back (docs/format.md, 4). Compressing is tried where a sample
// says that it pays; what was stored is always opened again before anybody relies on it.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { BackupError } from '../base/errors.ts'
import { asBuffer, releaseMemory } from '../base/bytes.ts'
import type { Sealer } from '../crypto/seal.ts'
import { BLOCK_PLAIN_MAX, CODEC_STORED, CODEC_ZSTD } from '../format/block-table.ts'

/** A block that does not shrink by this share is stored as it is: decoding it would cost more than it saves. */
const WORTH_IT = 0.97
/** Bytes of each of the samples that decide whether a large block is compressed at all. */
const SAMPLE_SIZE = 4096
/** Blocks up to this size are compressed without asking a sample. */
const SAMPLE_FROM = 128 * 1024
const CONTEXT_SIZE = 5

export interface EncodedBlock {
  readonly sealed: Uint8Array
  readonly codec: number
}

export interface Compression {
  /** zstd level, -7 to 19; 0 stores. */
  readonly level: number
}

/** Compresses and seals; the result owns its memory. */
export function encodeBlock(sealer: Sealer, type: number, plain: Uint8Array, compression: Compression): EncodedBlock {
  const packed = compression.level !== 0 && looksCompressible(plain) ? compress(plain, compression.level) : undefined
  const worthIt = packed !== undefined && packed.byteLength < plain.byteLength * WORTH_IT
  const codec = worthIt ? CODEC_ZSTD : CODEC_STORED
  const sealed = sealer.seal(type, blockContext(codec, plain.byteLength), worthIt ? packed : plain)
  if (packed !== undefined) releaseMemory(packed)
  return { sealed, codec }
}

/**
 * Opens and decompresses; `corrupt` if the seal, the codec or the length is not what was written. The caller compares
 * each blob it takes from the plaintext with its ref, so the salt is not computed again.
 */
export function decodeBlock(
  sealer: Sealer,
  type: number,
  sealed: Uint8Array,
  codec: number,
  plainLength: number,
  subject: string,
): Uint8Array {
  if (plainLength > BLOCK_PLAIN_MAX)
    throw new BackupError('limit', `block claims ${plainLength} bytes, more than ${BLOCK_PLAIN_MAX}`, subject)
  const packed = sealer.open(type, blockContext(codec, plainLength), sealed, subject, {
    checkSalt: false,
  })
  if (codec === CODEC_STORED) {
    if (packed.byteLength !== plainLength) throw wrongLength(packed.byteLength, plainLength, subject)
    return packed
  }
  if (codec !== CODEC_ZSTD) throw new BackupError('unsupported', `block has unknown codec ${codec}`, subject)
  let plain: Buffer
  try {
    plain = zstdDecompressSync(packed, {
      chunkSize: Math.max(64, plainLength),
      maxOutputLength: Math.max(1, plainLength),
    })
  } catch (cause) {
    throw new BackupError('corrupt', 'block does not decompress', subject, { cause })
  }
  releaseMemory(packed)
  if (plain.byteLength !== plainLength) throw wrongLength(plain.byteLength, plainLength, subject)
  return plain
}

/** The additional data of a block: `codec (1) | plainLength (u32)`. */
function blockContext(codec: number, plainLength: number): Uint8Array {
  const context = new Uint8Array(CONTEXT_SIZE)
  context[0] = codec
  new DataView(context.buffer).setUint32(1, plainLength, true)
  return context
}

function compress(plain: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(plain, {
    // Room for the worst case: then the library writes straight into it, without buffers of its own and copies between
    // them. What is not used is never touched, so it costs no memory.
    chunkSize: plain.byteLength + (plain.byteLength >>> 8) + 1024,
    params: parametersOf(level),
  })
}

/**
 * Level 3 with tables half as large: they stay in the processor's second-level cache, which costs 0.5 % of the ratio and
 * saves a tenth of the time (kernel sources in bundles of 2 MiB; docs/decisions/0005-pipeline.md).
 */
function parametersOf(level: number): Record<number, number> {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  if (level !== 3) return params
  return { ...params, [constants.ZSTD_c_chainLog]: 15, [constants.ZSTD_c_hashLog]: 16 }
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
  return compress(sample, 1).byteLength < sample.byteLength * WORTH_IT
}

function wrongLength(found: number, expected: number, subject: string): BackupError {
  return new BackupError('corrupt', `block has ${found} bytes, its directory says ${expected}`, subject)
}
