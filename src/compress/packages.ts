// Packages with machine code that only some blocks need: loaded when the first of these comes, once in each thread.
import { createRequire } from 'node:module'
import { BackupError } from '../base/errors.ts'

export interface Lz4Package {
  /** A u32 with the length of `plain`, and one LZ4 block. */
  compressSync(plain: Buffer): Buffer
  /** Takes the same; never gives more bytes than the u32 says. */
  uncompressSync(packed: Buffer): Buffer
}

export interface XzPackage {
  /** All streams of a .xz file, one after the other, however long they become. */
  decompressSync(packed: Uint8Array): Buffer
}

/** Throws `unsupported` where the package has no machine code for this system. */
export function lz4Package(): Lz4Package {
  lz4 ??= loaded('lz4', () => createRequire(import.meta.url)('lz4-napi') as Lz4Package)
  return lz4
}

/** Throws `unsupported` where the package has no machine code for this system. */
export function xzPackage(): XzPackage {
  xz ??= loaded('xz', () => createRequire(import.meta.url)('@napi-rs/lzma/xz') as XzPackage)
  return xz
}

let lz4: Lz4Package | undefined
let xz: XzPackage | undefined

function loaded<T>(name: string, load: () => T): T {
  try {
    return load()
  } catch (cause) {
    throw new BackupError('unsupported', 'its library cannot be loaded on this system', name, {
      cause,
      hint: 'what is stored is whole: read it on another system, such as Linux on x86-64 or ARM64',
    })
  }
}
