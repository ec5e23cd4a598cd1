// Libraries of PKCS#11 2.40 (docs.oasis-open.org/pkcs11), as far as decrypting with an RSA key takes: Linux, 64 bits, little
// endian. The rules of posix/libc.ts hold here too. Structures with pointers are laid out by hand in one buffer each, which
// is an argument of the call, so that nothing they point to is collected meanwhile.
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { loadKoffi } from '../posix/koffi.ts'
import type { KoffiModule } from '../posix/koffi.ts'
import type { OaepHash } from '../format/slot-kinds.ts'

/** What a token says of itself. */
export interface Token {
  readonly slotId: bigint
  readonly token: string
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  /** The PIN is typed on the reader. */
  readonly hasOwnKeypad: boolean
  /** One more wrong PIN locks it. */
  readonly lastTry: boolean
}

/** An RSA key in a session. */
export interface TokenKey {
  readonly handle: bigint
  readonly label: string
  readonly id: Uint8Array
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
}

/** A call that the library refused; the text is for people. */
export class Pkcs11Failure extends Error {
  readonly rv: number

  constructor(call: string, rv: number) {
    super(`${call} gave ${RESULT_NAMES[rv] ?? `0x${rv.toString(16)}`}`)
    this.rv = rv
  }
}

export const CKR = {
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLengthRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  alreadyLoggedIn: 0x100,
  pinNotInitialized: 0x102,
  alreadyInitialized: 0x191,
} as const

const RESULT_NAMES: Readonly<Record<number, string>> = {
  0x05: 'CKR_GENERAL_ERROR',
  0x06: 'CKR_FUNCTION_FAILED',
  0x07: 'CKR_ARGUMENTS_BAD',
  0x30: 'CKR_DEVICE_ERROR',
  0x32: 'CKR_DEVICE_REMOVED',
  0x40: 'CKR_ENCRYPTED_DATA_INVALID',
  0x41: 'CKR_ENCRYPTED_DATA_LEN_RANGE',
  0x54: 'CKR_FUNCTION_NOT_SUPPORTED',
  0x68: 'CKR_KEY_FUNCTION_NOT_PERMITTED',
  0x70: 'CKR_MECHANISM_INVALID',
  0x71: 'CKR_MECHANISM_PARAM_INVALID',
  0xa0: 'CKR_PIN_INCORRECT',
  0xa1: 'CKR_PIN_INVALID',
  0xa2: 'CKR_PIN_LEN_RANGE',
  0xa3: 'CKR_PIN_EXPIRED',
  0xa4: 'CKR_PIN_LOCKED',
  0xe0: 'CKR_TOKEN_NOT_PRESENT',
  0xe1: 'CKR_TOKEN_NOT_RECOGNIZED',
  0x101: 'CKR_USER_NOT_LOGGED_IN',
  0x102: 'CKR_USER_PIN_NOT_INITIALIZED',
}

const P = 'void *'
const N = 'ulong'
/** Place in CK_FUNCTION_LIST, arguments. */
const FUNCTIONS = {
  C_Initialize: [0, [P]],
  C_GetSlotList: [4, ['uchar', P, P]],
  C_GetTokenInfo: [6, [N, P]],
  C_OpenSession: [12, [N, N, P, P, P]],
  C_CloseSession: [13, [N]],
  C_Login: [18, [N, N, P, N]],
  C_GetAttributeValue: [24, [N, N, P, N]],
  C_FindObjectsInit: [26, [N, P, N]],
  C_FindObjects: [27, [N, P, N, P]],
  C_FindObjectsFinal: [28, [N]],
  C_DecryptInit: [33, [N, P, N]],
  C_Decrypt: [34, [N, P, N, P, P]],
} as const
type FunctionName = keyof typeof FUNCTIONS

/** CK_VERSION, padding, and 68 pointers. */
const FUNCTION_LIST_SIZE = 8 + 68 * 8
const TOKEN_INFO_SIZE = 208
/** Tokens and keys that are looked at. */
const SLOTS_MAX = 256
const KEYS_MAX = 1000
const SERIAL_SESSION = 4n
const USER = 1
const OWN_KEYPAD = 0x100n
const LAST_TRY = 0x20000n
const CLASS = 0
const PRIVATE_KEY = 3n
const LABEL = 3
const KEY_TYPE = 0x100
const RSA = 0n
const ID = 0x102
const MODULUS = 0x120
const PUBLIC_EXPONENT = 0x122
const RSA_OAEP = 9n
const OAEP: Readonly<Record<OaepHash, readonly [hash: bigint, mgf: bigint]>> = {
  sha1: [0x220n, 1n],
  sha256: [0x250n, 2n],
}
/** The encoding parameter, which is empty, is in the parameters. */
const DATA_SPECIFIED = 1n
const UNAVAILABLE = 2n ** 64n - 1n
const ATTRIBUTE_SIZE = 24
const VALUE_MAX = 2048

export class Pkcs11Module {
  readonly #koffi: KoffiModule
  readonly #pointers: Buffer
  readonly #protos = new Map<FunctionName, unknown>()

  /** Throws `not-found`, `usage` for a file that is no library of PKCS#11, `unsupported`, `io` when it does not start. */
  constructor(path: string) {
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
      throw new BackupError('unsupported', 'PKCS#11 is supported on Linux on x64 and arm64', path)
    }
    let koffi: KoffiModule
    try {
      koffi = loadKoffi()
    } catch (cause) {
      throw new BackupError('unsupported', 'native libraries cannot be called on this system', path, { cause })
    }
    this.#koffi = koffi
    const out = Buffer.alloc(8)
    let rv: number
    try {
      // With its own dependencies: the program exports functions of OpenSSL that many of these libraries use as well.
      rv = koffi.load(path, { deep: true }).func('C_GetFunctionList', N, [P])(out)
    } catch (cause) {
      throw new BackupError('usage', 'this is no library of PKCS#11 that can be loaded', path, {
        cause,
        hint: 'module-path names a file like /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so',
      })
    }
    const pointer = out.readBigUInt64LE()
    if (rv !== 0 || pointer === 0n) {
      throw new BackupError('io', 'the library of PKCS#11 gives no list of its functions', path)
    }
    this.#pointers = Buffer.from(koffi.view(pointer, FUNCTION_LIST_SIZE))
    const major = this.#pointers[0]!
    if (major !== 2 && major !== 3) {
      throw new BackupError('unsupported', `the library is of version ${major} of PKCS#11`, path)
    }
    try {
      this.call('C_Initialize', null)
    } catch (cause) {
      if (!(cause instanceof Pkcs11Failure) || cause.rv !== CKR.alreadyInitialized) {
        throw new BackupError('io', 'the library of PKCS#11 does not start', path, { cause })
      }
    }
  }

  /** Those that are present. */
  tokens(): Token[] {
    const count = Buffer.alloc(8)
    this.call('C_GetSlotList', 1, null, count)
    const slots = Buffer.alloc(8 * SLOTS_MAX)
    count.writeBigUInt64LE(BigInt(SLOTS_MAX))
    this.call('C_GetSlotList', 1, slots, count)
    const found: Token[] = []
    for (let i = 0; i < Number(count.readBigUInt64LE()); i++) {
      const slotId = slots.readBigUInt64LE(8 * i)
      const info = Buffer.alloc(TOKEN_INFO_SIZE)
      try {
        this.call('C_GetTokenInfo', slotId, info)
      } catch (error) {
        if (error instanceof Pkcs11Failure) continue // another token that is broken is not ours
        throw error
      }
      const text = (from: number, to: number) => displayText(info.subarray(from, to)).trimEnd()
      const flags = info.readBigUInt64LE(96)
      found.push({
        slotId,
        token: text(0, 32),
        manufacturer: text(32, 64),
        model: text(64, 80),
        serial: text(80, 96),
        hasOwnKeypad: (flags & OWN_KEYPAD) !== 0n,
        lastTry: (flags & LAST_TRY) !== 0n,
      })
    }
    return found
  }

  openSession(slotId: bigint): TokenSession {
    const handle = Buffer.alloc(8)
    this.call('C_OpenSession', slotId, SERIAL_SESSION, null, null, handle)
    return new TokenSession(this, handle.readBigUInt64LE())
  }

  /** Throws Pkcs11Failure. */
  call(name: FunctionName, ...args: readonly unknown[]): void {
    const [place, types] = FUNCTIONS[name]
    const pointer = this.#pointers.readBigUInt64LE(8 + 8 * place)
    if (pointer === 0n) throw new Pkcs11Failure(name, 0x54)
    let proto = this.#protos.get(name)
    if (proto === undefined) this.#protos.set(name, (proto = this.#koffi.proto(N, types)))
    const rv = Number(this.#koffi.call(pointer, proto, ...args))
    if (rv !== 0) throw new Pkcs11Failure(name, rv)
  }

  /** CK_ATTRIBUTE structures and, behind them, room for their values. */
  attributes(wanted: readonly (readonly [type: number, value: Uint8Array | number])[]): Buffer {
    const sizes = wanted.map(([, value]) => (typeof value === 'number' ? value : value.length))
    const buffer = Buffer.alloc(wanted.length * ATTRIBUTE_SIZE + sizes.reduce((sum, size) => sum + size, 0))
    const base = this.#koffi.address(buffer)
    let at = wanted.length * ATTRIBUTE_SIZE
    for (const [i, [type, value]] of wanted.entries()) {
      buffer.writeBigUInt64LE(BigInt(type), i * ATTRIBUTE_SIZE)
      buffer.writeBigUInt64LE(base + BigInt(at), i * ATTRIBUTE_SIZE + 8)
      buffer.writeBigUInt64LE(BigInt(sizes[i]!), i * ATTRIBUTE_SIZE + 16)
      if (typeof value !== 'number') buffer.set(value, at)
      at += sizes[i]!
    }
    return buffer
  }

  /** CK_MECHANISM with CK_RSA_PKCS_OAEP_PARAMS behind it. */
  oaepMechanism(hash: OaepHash): Buffer {
    const buffer = Buffer.alloc(24 + 40)
    const [hashMechanism, mgf] = OAEP[hash]
    const parameters = this.#koffi.address(buffer) + 24n
    const numbers = [RSA_OAEP, parameters, 40n, hashMechanism, mgf, DATA_SPECIFIED, 0n, 0n]
    for (const [i, number] of numbers.entries()) buffer.writeBigUInt64LE(number, 8 * i)
    return buffer
  }
}

export class TokenSession {
  readonly #module: Pkcs11Module
  readonly #handle: bigint

  constructor(module: Pkcs11Module, handle: bigint) {
    this.#module = module
    this.#handle = handle
  }

  /** Null where the token has a keypad of its own. */
  login(pin: Uint8Array | null): void {
    try {
      this.#module.call('C_Login', this.#handle, USER, pin, pin?.length ?? 0)
    } catch (error) {
      if (!(error instanceof Pkcs11Failure) || error.rv !== CKR.alreadyLoggedIn) throw error
    }
  }

  /** The private RSA keys with this label and id, where they are given. */
  keys({ object, id }: { readonly object?: string; readonly id?: Uint8Array }): TokenKey[] {
    const template = this.#module.attributes([
      [CLASS, ulong(PRIVATE_KEY)],
      [KEY_TYPE, ulong(RSA)],
      ...(object === undefined ? [] : [[LABEL, Buffer.from(object)] as const]),
      ...(id === undefined ? [] : [[ID, id] as const]),
    ])
    const count = 2 + (object === undefined ? 0 : 1) + (id === undefined ? 0 : 1)
    this.#module.call('C_FindObjectsInit', this.#handle, template, count)
    const handles = Buffer.alloc(8 * KEYS_MAX)
    const found = Buffer.alloc(8)
    const all: bigint[] = []
    do {
      this.#module.call('C_FindObjects', this.#handle, handles, KEYS_MAX, found)
      for (let i = 0; i < Number(found.readBigUInt64LE()); i++) all.push(handles.readBigUInt64LE(8 * i))
    } while (found.readBigUInt64LE() > 0n && all.length < KEYS_MAX)
    this.#module.call('C_FindObjectsFinal', this.#handle)
    return all.flatMap((handle) => this.#describe(handle) ?? [])
  }

  /** Throws Pkcs11Failure. */
  decrypt(key: TokenKey, hash: OaepHash, encrypted: Uint8Array): Uint8Array {
    this.#module.call('C_DecryptInit', this.#handle, this.#module.oaepMechanism(hash), key.handle)
    const out = Buffer.alloc(VALUE_MAX)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(out.length))
    this.#module.call('C_Decrypt', this.#handle, encrypted, encrypted.length, out, length)
    const plain = new Uint8Array(out.subarray(0, Math.min(out.length, Number(length.readBigUInt64LE()))))
    out.fill(0)
    return plain
  }

  close(): void {
    this.#module.call('C_CloseSession', this.#handle)
  }

  /** Undefined for a key that does not show its public half. */
  #describe(handle: bigint): TokenKey | undefined {
    const types = [LABEL, ID, MODULUS, PUBLIC_EXPONENT]
    const buffer = this.#module.attributes(types.map((type) => [type, VALUE_MAX] as const))
    try {
      this.#module.call('C_GetAttributeValue', this.#handle, handle, buffer, types.length)
    } catch (error) {
      if (!(error instanceof Pkcs11Failure)) throw error
    }
    const values = types.map((_, i) => {
      const length = buffer.readBigUInt64LE(i * ATTRIBUTE_SIZE + 16)
      const at = types.length * ATTRIBUTE_SIZE + i * VALUE_MAX
      const known = length !== UNAVAILABLE && length <= BigInt(VALUE_MAX)
      return known ? new Uint8Array(buffer.subarray(at, at + Number(length))) : new Uint8Array()
    })
    const [label, id, modulus, exponent] = values as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    if (modulus.length === 0 || exponent.length === 0) return undefined
    return { handle, label: displayText(label), id, modulus, exponent }
  }
}

function ulong(value: bigint): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(value)
  return buffer
}
