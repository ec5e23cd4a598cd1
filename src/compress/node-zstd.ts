// zstd through node:zlib: works wherever Node does.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { releaseMemory } from '../base/bytes.ts'
import type { Zstd, ZstdParameters } from './zstd.ts'

export const nodeZstd: Zstd = {
  compress(plain, parameters) {
    if (last !== undefined) releaseMemory(last)
    last = zstdCompressSync(plain, {
      // Room for the worst case: then the library writes straight into it, without buffers of its own and copies between
      // them. What is not used is never touched, so it costs no memory.
      chunkSize: plain.byteLength + (plain.byteLength >>> 8) + 1024,
      params: settings(parameters),
    })
    return last
  },
  decompress(packed, into) {
    const plain = zstdDecompressSync(packed, {
      chunkSize: Math.max(64, into.byteLength),
      maxOutputLength: Math.max(1, into.byteLength),
    })
    const { byteLength } = plain
    if (byteLength > into.byteLength) throw new RangeError('the content is longer than it says')
    into.set(plain)
    releaseMemory(plain)
    return byteLength
  },
}

let last: Uint8Array | undefined

function settings({ level, hashLog, chainLog }: ZstdParameters): Record<number, number> {
  return {
    [constants.ZSTD_c_compressionLevel]: level,
    ...(hashLog !== undefined && { [constants.ZSTD_c_hashLog]: hashLog }),
    ...(chainLog !== undefined && { [constants.ZSTD_c_chainLog]: chainLog }),
  }
}
