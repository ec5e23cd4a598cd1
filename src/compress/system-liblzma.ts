// liblzma of the system. Only what its headers call stable is used. Memory is passed as typed arrays with their lengths.
import { assert } from '../base/assert.ts'
import { uninitialised } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { libraryFunctions, loadKoffi } from '../posix/koffi.ts'
import type { NativeFunction } from '../posix/koffi.ts'
import { XZ_DICTIONARY_MAX } from './xz-layout.ts'

export interface Liblzma {
  /** One .xz stream of one block without a check. Valid until the next call of this thread. */
  compress(plain: Uint8Array, preset: number): Uint8Array
}

/** Null where there is none, or it does not do what it should. */
export function systemLiblzma(): Liblzma | null {
  // Structures are laid out below for 64 bits.
  if (!ARCHITECTURES.has(process.arch)) return null
  const calls = libraryFunctions(NAMES[process.platform] ?? [], SIGNATURES)
  if (calls === null) return null
  const library = new SystemLiblzma(calls)
  try {
    const packed = library.compress(new Uint8Array(10_000), 0)
    return packed.length < 1000 && packed[0] === 0xfd ? library : null
  } catch {
    return null
  }
}

const ARCHITECTURES = new Set(['x64', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64'])
const NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['liblzma.so.5'],
  freebsd: ['liblzma.so.5'],
  darwin: ['liblzma.5.dylib', '/opt/homebrew/lib/liblzma.5.dylib', '/usr/local/lib/liblzma.5.dylib'],
}

const P = 'void *'
const SIGNATURES = {
  lzma_lzma_preset: ['uint8', [P, 'uint32']],
  lzma_stream_buffer_bound: ['size_t', ['size_t']],
  lzma_stream_buffer_encode: ['int', [P, 'int', P, P, 'size_t', P, P, 'size_t']],
} as const

// Numbers of lzma/*.h.
const FILTER_LZMA2 = 0x21n
const NO_FILTER = 2n ** 64n - 1n
const CHECK_NONE = 0
/** The smallest dictionary. */
const DICTIONARY_MIN = 4096
/** lzma_options_lzma has 112 bytes, of which the first four are the size of the dictionary. */
const OPTIONS_SIZE = 512

class SystemLiblzma implements Liblzma {
  readonly #calls: Readonly<Record<keyof typeof SIGNATURES, NativeFunction>>
  readonly #options = new Uint32Array(OPTIONS_SIZE / 4)
  /** Two filters of 16 bytes, kind and options; the second one ends the list. */
  readonly #filters: BigUint64Array
  readonly #outLength = new BigUint64Array(16)
  #out = uninitialised(0)

  constructor(calls: Readonly<Record<keyof typeof SIGNATURES, NativeFunction>>) {
    this.#calls = calls
    // Longer than what is used: short arrays lie where the collector moves them.
    this.#filters = new BigUint64Array(16)
    const address = loadKoffi().address(new Uint8Array(this.#options.buffer))
    this.#filters.set([FILTER_LZMA2, address, NO_FILTER, 0n])
  }

  compress(plain: Uint8Array, preset: number): Uint8Array {
    const room = Number(this.#calls.lzma_stream_buffer_bound(plain.byteLength))
    if (this.#out.byteLength < room) this.#out = uninitialised(room)
    const refused = this.#calls.lzma_lzma_preset(this.#options, preset)
    assert(refused === 0, `xz has a preset ${preset}`)
    // Presets are made for long files: with a dictionary as long as the block itself the result is the same, with less
    // memory for both sides.
    this.#options[0] = dictionaryFor(plain.byteLength, this.#options[0]!)
    this.#outLength[0] = 0n
    const { lzma_stream_buffer_encode: encode } = this.#calls
    const out = this.#out
    const error = encode(this.#filters, CHECK_NONE, null, plain, plain.byteLength, out, this.#outLength, out.byteLength)
    if (error !== 0) throw new BackupError('io', `liblzma reports error ${error}`, 'xz')
    return out.subarray(0, Number(this.#outLength[0]))
  }
}

/** A power of two: the format cannot say every size. */
function dictionaryFor(length: number, wanted: number): number {
  const enough = 2 ** Math.ceil(Math.log2(Math.max(DICTIONARY_MIN, length)))
  return Math.min(enough, wanted, XZ_DICTIONARY_MAX)
}
