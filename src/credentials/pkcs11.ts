// RSA keys on tokens (smart cards, security modules) by way of their library of PKCS#11: the secret of a slot is encrypted
// here with the public key and decrypted on the token.
import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { equalBytes, toHex, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { wipe } from '../crypto/wipe.ts'
import { SLOT_SECRET_SIZE } from '../format/slot-kinds.ts'
import type { OaepHash, SlotMethod } from '../format/slot-kinds.ts'
import type { Ask } from './ask.ts'
import type { Recipient, Unlocker } from './credential.ts'
import { CKR, Pkcs11Failure, Pkcs11Module } from './pkcs11-module.ts'
import type { Token, TokenKey, TokenSession } from './pkcs11-module.ts'
import type { Pkcs11Uri, TokenFilter } from './pkcs11-uri.ts'

export interface TokenAccess {
  readonly uri: Pkcs11Uri
  readonly ask: Ask
  /** When it is known already. */
  readonly pin?: string
}

/** A slot for one RSA key. The token is asked to open what is encrypted for it before there is a slot. */
export function forTokenKey(access: TokenAccess): Recipient {
  const { token: filter, ...key } = access.uri
  const open = openedOnce(access)
  return {
    kind: 'pkcs11',
    detail: describeUri(filter, key),
    async wrap(secret): Promise<SlotMethod> {
      const token = await open()
      const { name } = token
      const tokenKey = onlyKey(
        token.inSession((session) => session.keys(key)),
        name,
      )
      const bits = tokenKey.modulus.length * 8
      if (bits < RSA_BITS_MIN) throw new BackupError('refused', `an RSA key of ${bits} bits is too short`, name)
      const publicKey = publicKeyOf(tokenKey)
      for (const oaepHash of HASHES) {
        const encrypted = encrypt(publicKey, oaepHash, secret)
        if (token.inSession((session) => opensTo(session, tokenKey, oaepHash, encrypted, secret))) {
          return { kind: 'pkcs11', keyId: rsaKeyId(publicKey), hash: oaepHash, encrypted }
        }
      }
      throw new BackupError('unsupported', 'the token does not decrypt with RSA-OAEP', name, {
        hint: 'the key must be one that may decrypt',
      })
    },
  }
}

/** Opens the slots for the RSA keys of a token; asks for its PIN once. */
export function tokenUnlocker(access: TokenAccess): Unlocker {
  const { token: filter, ...key } = access.uri
  const open = openedOnce(access)
  return {
    kind: 'pkcs11',
    description: `the token ${describeUri(filter, key)}`,
    mayOpen: (method) => method.kind === 'pkcs11',
    async unwrap(method, slotName) {
      if (method.kind !== 'pkcs11') return null
      const token = await open()
      const keys = token.inSession((session) => session.keys(key))
      const found = keys.find((one) => equalBytes(rsaKeyId(publicKeyOf(one)), method.keyId))
      if (found === undefined) return null
      return token.inSession((session) => {
        try {
          return session.decrypt(found, method.hash, method.encrypted)
        } catch (cause) {
          if (!(cause instanceof Pkcs11Failure)) throw cause
          const what = `the token does not decrypt the secret of the slot (${cause.message})`
          throw new BackupError('corrupt', what, slotName)
        }
      })
    },
  }
}

/** What a slot names its key by: `H` of its SubjectPublicKeyInfo (RFC 5280) in DER, 16 bytes. */
export function rsaKeyId(publicKey: KeyObject): Uint8Array {
  return hash(publicKey.export({ type: 'spki', format: 'der' })).slice(0, 16)
}

const HASHES: readonly OaepHash[] = ['sha256', 'sha1']
/** Below this a key can be broken. */
const RSA_BITS_MIN = 2048

interface OpenToken {
  /** For messages. */
  readonly name: string
  /** Runs `work` in a session of its own: an operation that failed can leave one that is good for nothing more. */
  inSession<T>(work: (session: TokenSession) => T): T
}

/** The login lives as long as the process. A PIN that was wrong is not tried again: tokens lock after a few. */
function openedOnce(access: TokenAccess): () => Promise<OpenToken> {
  let opened: Promise<OpenToken> | undefined
  return () => (opened ??= openToken(access))
}

async function openToken({ uri, ask, pin }: TokenAccess): Promise<OpenToken> {
  const module = new Pkcs11Module(uri.modulePath)
  const token = onlyToken(
    callingToken('listing the tokens', uri.modulePath, () => module.tokens()),
    uri,
  )
  const name = token.token || token.serial
  const openSession = () => callingToken('opening the token', name, () => module.openSession(token.slotId))
  const opened: OpenToken = {
    name,
    inSession(work) {
      const session = openSession()
      try {
        return callingToken('asking the token', name, () => work(session))
      } finally {
        session.close()
      }
    },
  }
  const session = openSession() // as long as there is one, the token stays open
  if (token.hasOwnKeypad) {
    ask.tell(`Enter the PIN of ${name} on its keypad.`)
    login(session, null, name)
    return opened
  }
  const typed =
    pin ?? (await ask.secret(`PIN of ${name}${token.lastTry ? ', the last try before it is locked' : ''}: `))
  if (typed === null) {
    throw new BackupError('usage', 'the token needs a PIN and there is nobody to ask', name, {
      hint: 'name a file with it: ?pin-source=file:/…',
    })
  }
  const bytes = utf8(typed)
  try {
    login(session, bytes, name)
  } finally {
    wipe(bytes)
  }
  return opened
}

const PIN_ERRORS: Readonly<Record<number, readonly [code: ErrorCode, what: string, hint: string]>> = {
  [CKR.pinIncorrect]: ['wrong-key', 'the PIN is wrong', 'mind that a token locks itself after a few wrong ones'],
  [CKR.pinInvalid]: ['wrong-key', 'the PIN is wrong', 'it has letters that this token does not know'],
  [CKR.pinLengthRange]: ['wrong-key', 'the PIN is wrong', 'it is longer or shorter than any of this token'],
  [CKR.pinExpired]: ['refused', 'the PIN has expired', 'set another with the software of the token'],
  [CKR.pinLocked]: [
    'refused',
    'the PIN is locked after too many wrong ones',
    'unlock it with the software of the token',
  ],
  [CKR.pinNotInitialized]: ['refused', 'the token has no PIN yet', 'set one with the software of the token'],
}

function login(session: TokenSession, pin: Uint8Array | null, name: string): void {
  try {
    session.login(pin)
  } catch (cause) {
    throw loginError(cause, name)
  }
}

/** Why a token lets nobody in, in words. */
export function loginError(cause: unknown, name: string): BackupError {
  const known = cause instanceof Pkcs11Failure ? PIN_ERRORS[cause.rv] : undefined
  if (known === undefined) return new BackupError('io', 'the token lets nobody in', name, { cause })
  const [code, what, hint] = known
  return new BackupError(code, what, name, { hint })
}

function onlyToken(tokens: readonly Token[], { token: filter, modulePath }: Pkcs11Uri): Token {
  const found = tokens.filter((one) => matches(one, filter))
  if (found.length === 1) return found[0]!
  const setUp = tokens.filter(({ token }) => token !== '')
  const names = setUp.map(({ token, serial }) => `${token} (serial ${serial})`).join(', ')
  if (found.length === 0) {
    const hint = setUp.length === 0 ? 'plug it in; the library sees none' : `the library sees ${names}`
    throw new BackupError('not-found', 'there is no such token', describeUri(filter, {}) || modulePath, { hint })
  }
  throw new BackupError('usage', `${found.length} tokens are meant`, describeUri(filter, {}) || modulePath, {
    hint: `name one with token= or serial=: ${names}`,
  })
}

function matches(one: Token, { slotId, ...texts }: TokenFilter): boolean {
  if (slotId !== undefined && BigInt(slotId) !== one.slotId) return false
  // A token without a name is one that was not set up.
  return one.token !== '' && Object.entries(texts).every(([name, wanted]) => one[name as keyof typeof texts] === wanted)
}

function onlyKey(keys: readonly TokenKey[], name: string): TokenKey {
  if (keys.length === 1) return keys[0]!
  if (keys.length === 0) {
    throw new BackupError('not-found', 'the token has no such RSA key', name, {
      hint: 'name it with object= or id=; its public half must be readable',
    })
  }
  const names = keys.map(({ label, id }) => `object=${label} id=${toHex(id)}`).join(', ')
  throw new BackupError('usage', `the token has ${keys.length} keys like this`, name, { hint: `name one: ${names}` })
}

function publicKeyOf({ modulus, exponent }: TokenKey): KeyObject {
  const [n, e] = [modulus, exponent].map((bytes) => Buffer.from(bytes).toString('base64url')) as [string, string]
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
}

function encrypt(key: KeyObject, oaepHash: OaepHash, secret: Uint8Array): Uint8Array {
  return new Uint8Array(publicEncrypt({ key, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, secret))
}

function opensTo(
  session: TokenSession,
  key: TokenKey,
  oaepHash: OaepHash,
  encrypted: Uint8Array,
  secret: Uint8Array,
): boolean {
  try {
    const opened = session.decrypt(key, oaepHash, encrypted)
    const same = opened.length === SLOT_SECRET_SIZE && equalBytes(opened, secret)
    wipe(opened)
    return same
  } catch (error) {
    if (error instanceof Pkcs11Failure) return false
    throw error
  }
}

function callingToken<T>(what: string, subject: string, step: () => T): T {
  try {
    return step()
  } catch (cause) {
    if (!(cause instanceof Pkcs11Failure)) throw cause
    throw new BackupError('io', `${what} failed`, subject, { cause })
  }
}

/** Token and key, without the library and the PIN. */
function describeUri(
  token: TokenFilter,
  { object, id }: { readonly object?: string; readonly id?: Uint8Array },
): string {
  const parts = Object.entries({ ...token, object }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name === 'slotId' ? 'slot-id' : name}=${encodeURIComponent(value)}`],
  )
  if (id !== undefined) parts.push(`id=${toHex(id).replace(/../g, '%$&')}`)
  return parts.length === 0 ? '' : `pkcs11:${parts.join(';')}`
}
