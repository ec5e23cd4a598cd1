// zstd as it is linked into the program that runs: Node exports its functions for add-ons. Only what zstd.h calls stable
// is used. Memory is passed as typed arrays with their lengths, and zstd stays within them.
import { uninitialised } from '../base/bytes.ts'
import { programFunctions } from '../posix/koffi.ts'
import type { NativeFunction } from '../posix/koffi.ts'
import type { Zstd, ZstdParameters } from './zstd.ts'

/** Null where the program does not offer what is needed. */
export function linkedZstd(): Zstd | null {
  const calls = programFunctions(SIGNATURES)
  if (calls === null || Number(calls.ZSTD_versionNumber()) < VERSION_MIN) return null
  const [compressor, decompressor]: readonly unknown[] = [calls.ZSTD_createCCtx(), calls.ZSTD_createDCtx()]
  if (compressor === null || decompressor === null) return null // no memory left; zstd itself would not look
  const zstd = new LinkedZstd(calls, compressor, decompressor)
  return zstd.works() ? zstd : null
}

/** 1.4.0: the first in which the functions below are stable. */
const VERSION_MIN = 10_400

const P = 'void *'
const SIGNATURES = {
  ZSTD_versionNumber: ['uint', []],
  ZSTD_compressBound: ['size_t', ['size_t']],
  ZSTD_createCCtx: [P, []],
  ZSTD_CCtx_reset: ['size_t', [P, 'int']],
  ZSTD_CCtx_setParameter: ['size_t', [P, 'int', 'int']],
  ZSTD_compress2: ['size_t', [P, P, 'size_t', P, 'size_t']],
  ZSTD_createDCtx: [P, []],
  ZSTD_decompressDCtx: ['size_t', [P, P, 'size_t', P, 'size_t']],
} as const

// Numbers of zstd.h.
const RESET_SESSION_AND_PARAMETERS = 3
const C_COMPRESSION_LEVEL = 100
const C_HASH_LOG = 102
const C_CHAIN_LOG = 103
/** Errors are the numbers just below 2^64; no length comes near them. */
const LENGTH_MAX = 2 ** 40

class LinkedZstd implements Zstd {
  readonly #calls: Readonly<Record<keyof typeof SIGNATURES, NativeFunction>>
  /** Contexts live as long as their thread: what they take is a few megabytes, given back when the process ends. */
  readonly #compressor: unknown
  readonly #decompressor: unknown
  #parameters: ZstdParameters | undefined
  #out = uninitialised(0)

  constructor(
    calls: Readonly<Record<keyof typeof SIGNATURES, NativeFunction>>,
    compressor: unknown,
    decompressor: unknown,
  ) {
    this.#calls = calls
    this.#compressor = compressor
    this.#decompressor = decompressor
  }

  compress(plain: Uint8Array, parameters: ZstdParameters): Uint8Array {
    this.#use(parameters)
    const room = this.#checked(this.#calls.ZSTD_compressBound(plain.byteLength))
    if (this.#out.byteLength < room) this.#out = uninitialised(room)
    const out = this.#out
    const length = this.#calls.ZSTD_compress2(this.#compressor, out, out.byteLength, plain, plain.byteLength)
    return out.subarray(0, this.#checked(length))
  }

  decompress(packed: Uint8Array, into: Uint8Array): number {
    const { ZSTD_decompressDCtx: decompress } = this.#calls
    return this.#checked(decompress(this.#decompressor, into, into.byteLength, packed, packed.byteLength))
  }

  /** Before anything depends on it: there and back, and something that is no zstd. */
  works(): boolean {
    const plain = new Uint8Array(1000).fill(7)
    const back = new Uint8Array(plain.byteLength)
    try {
      const packed = this.compress(plain, { level: 3, hashLog: 16, chainLog: 15 })
      if (this.decompress(packed, back) !== plain.byteLength || !back.every((byte) => byte === 7)) return false
      this.decompress(plain, back)
    } catch (error) {
      return error instanceof ZstdError && error.number === PREFIX_UNKNOWN
    }
    return false
  }

  #use(parameters: ZstdParameters): void {
    const { level, hashLog, chainLog } = parameters
    const now = this.#parameters
    if (now?.level === level && now.hashLog === hashLog && now.chainLog === chainLog) return
    this.#parameters = undefined
    this.#checked(this.#calls.ZSTD_CCtx_reset(this.#compressor, RESET_SESSION_AND_PARAMETERS))
    this.#set(C_COMPRESSION_LEVEL, level)
    if (hashLog !== undefined) this.#set(C_HASH_LOG, hashLog)
    if (chainLog !== undefined) this.#set(C_CHAIN_LOG, chainLog)
    this.#parameters = parameters
  }

  #set(parameter: number, value: number): void {
    this.#checked(this.#calls.ZSTD_CCtx_setParameter(this.#compressor, parameter, value))
  }

  #checked(result: number | bigint): number {
    if (typeof result === 'number' && result <= LENGTH_MAX) return result
    throw new ZstdError(Number(2n ** 64n - BigInt(result)))
  }
}

/** ZSTD_error_prefix_unknown: not a frame of zstd. */
const PREFIX_UNKNOWN = 10

class ZstdError extends Error {
  override readonly name = 'ZstdError'
  /** As in zstd_errors.h. */
  readonly number: number

  constructor(number: number) {
    super(`zstd error ${number}`)
    this.number = number
  }
}
