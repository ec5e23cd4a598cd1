// xz for blocks: one .xz stream without a check. Unpacked by a package that is always there; packed by liblzma of the
// system (system-liblzma.ts), because no package does that well.
import { releaseMemory } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { xzPackage } from './packages.ts'
import { systemLiblzma } from './system-liblzma.ts'
import type { Liblzma } from './system-liblzma.ts'
import { xzPlainLength } from './xz-layout.ts'

export const xz = {
  /** Throws `unsupported` where the system has no liblzma. */
  compress(plain: Uint8Array, preset: number): Uint8Array {
    return liblzma().compress(plain, preset)
  },

  /** Fills `into` from its start and returns how many bytes it took. Throws when it is no such stream or does not fit. */
  decompress(packed: Uint8Array, into: Uint8Array): number {
    const length = xzPlainLength(packed)
    if (length > into.byteLength) throw new RangeError('the content is longer than it says')
    const plain = xzPackage().decompressSync(packed)
    const { byteLength } = plain
    if (byteLength !== length) throw new RangeError('the content is not as long as its headers say')
    into.set(plain)
    releaseMemory(plain)
    return byteLength
  },
}

/** liblzma, looked for once in each thread. Throws `unsupported`. */
export function liblzma(): Liblzma {
  found ??= systemLiblzma()
  if (found !== null) return found
  throw new BackupError('unsupported', 'liblzma of the system is needed to compress with it', 'xz', {
    hint: 'install it (the package is called liblzma5 or xz-libs), or choose zstd:19',
  })
}

let found: Liblzma | null | undefined
