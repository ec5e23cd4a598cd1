// docs/format.md, 3.5: the secrets that seal the blocks of a session, for those who may read them.
//
//   header (8) | {0: sid, 1: domain id, 2: [[purpose, recipient, ct, sealed secret] …], 3: wid} | signature (64)
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { hash, KEY_SIZE } from '../crypto/hash.ts'
import { decapsulate, encapsulate, KEM_CIPHERTEXT_SIZE, kemPublicKey } from '../crypto/kem.ts'
import { SEAL_OVERHEAD, Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { wipe } from '../crypto/wipe.ts'
import { need, readFilledList, readTuple, withUnknown, writeList } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { keySealingSuite, OBJECT_TYPES, SEALED_TYPES } from './object-header.ts'
import { checkSignedObject, checkWriterId, signedContent, signObject, writerIdOf } from './signed-object.ts'
import { DOMAIN_ID_SIZE } from './snapshot-body.ts'

export const PURPOSE = { data: 0, meta: 1 } as const
export type Purpose = keyof typeof PURPOSE

/** One secret of the session, encapsulated to one public key. */
export interface SessionSecret {
  /** A PURPOSE; others belong to later versions. */
  readonly purpose: number
  /** Which public key: the first 16 bytes of its hash. */
  readonly recipient: Uint8Array
  readonly ct: Uint8Array
  /** The 32-byte secret, sealed. */
  readonly sealed: Uint8Array
}

export interface SessionKeys {
  readonly sid: Uint8Array
  readonly domainId: Uint8Array
  readonly secrets: readonly SessionSecret[]
  readonly wid: Uint8Array
  readonly unknown?: readonly RawField[]
}

/** Secrets of a session: two purposes for as many as 32 generations of key pairs. */
export const SESSION_SECRETS_MAX = 64
/** Bytes of the object. */
const SESSION_KEYS_SIZE_MAX = 128 * 1024
/** Bytes of what stands for a public key. */
export const RECIPIENT_SIZE = 16
const SEALED_SECRET_SIZE = KEY_SIZE + SEAL_OVERHEAD

/** What a session secret is bound to besides its keys. */
export interface SecretScope {
  readonly sid: Uint8Array
  readonly repoId: Uint8Array
  /** That of the repository. */
  readonly suite: Suite
}

/** Encapsulates a 32-byte secret of a session to a public key of its domain. */
export function wrapSessionSecret(
  purpose: Purpose,
  secret: Uint8Array,
  publicKey: Uint8Array,
  scope: SecretScope,
): SessionSecret {
  assert(secret.length === KEY_SIZE, 'a session secret has 32 bytes')
  const { ct, wrapKey } = encapsulate(publicKey)
  const sealer = new Sealer(wrapKey, scope.repoId, keySealingSuite(scope.suite))
  wipe(wrapKey)
  const number = PURPOSE[purpose]
  const sealed = sealer.seal(SEALED_TYPES.sessionSecret, secretContext(scope.sid, number), secret)
  return { purpose: number, recipient: recipientOf(publicKey), ct, sealed }
}

/**
 * The secret of a session for the holder of a private key; null when the session has none for this key.
 * `corrupt` naming `subject` when it has one that does not open.
 */
export function unwrapSessionSecret(
  keys: SessionKeys,
  purpose: Purpose,
  privateKey: Uint8Array,
  scope: Omit<SecretScope, 'sid'>,
  subject: string,
  recipient = recipientOf(kemPublicKey(privateKey)),
): Uint8Array | null {
  const number = PURPOSE[purpose]
  const mine = keys.secrets.find((one) => one.purpose === number && equalBytes(one.recipient, recipient))
  if (mine === undefined) return null
  let wrapKey: Uint8Array
  try {
    wrapKey = decapsulate(privateKey, mine.ct)
  } catch (cause) {
    throw new BackupError('corrupt', 'session secret is not encapsulated as it should be', subject, { cause })
  }
  const sealer = new Sealer(wrapKey, scope.repoId, keySealingSuite(scope.suite))
  wipe(wrapKey)
  const secret = sealer.open(SEALED_TYPES.sessionSecret, secretContext(keys.sid, number), mine.sealed, subject)
  if (secret.length !== KEY_SIZE) throw new BackupError('corrupt', 'session secret has a wrong length', subject)
  return secret
}

/** Whether the session has a secret for the holder of one of the key pairs that `recipients` stand for. */
export function hasSessionSecret(
  { secrets }: SessionKeys,
  purpose: Purpose,
  recipients: readonly Uint8Array[],
): boolean {
  return secrets.some(
    (one) => one.purpose === PURPOSE[purpose] && recipients.some((recipient) => equalBytes(one.recipient, recipient)),
  )
}

/** Whether the session has secrets for the holder of one key pair, and for nobody else. */
export function isForOneRecipient({ secrets }: SessionKeys, purpose: Purpose, recipient: Uint8Array): boolean {
  const own = secrets.filter((one) => one.purpose === PURPOSE[purpose])
  return own.length > 0 && own.every((one) => equalBytes(one.recipient, recipient))
}

/** The bytes of `skeys/<sid>`. */
export function encodeSessionKeys(
  keys: Omit<SessionKeys, 'wid'>,
  { suite, signer }: { readonly suite: Suite; readonly signer: SigningKey },
): Uint8Array {
  assert(keys.sid.length === ID_SIZE && keys.domainId.length === DOMAIN_ID_SIZE, 'ids have their sizes')
  assert(keys.secrets.length >= 1 && keys.secrets.length <= SESSION_SECRETS_MAX, 'a session has 1 to 64 secrets')
  const w = new CborWriter(8192).openMap()
  w.key(0).bytes(keys.sid)
  w.key(1).bytes(keys.domainId)
  writeList(w.key(2), keys.secrets, ({ purpose, recipient, ct, sealed }) =>
    w.array(4).uint(purpose).bytes(recipient).bytes(ct).bytes(sealed),
  )
  w.key(3).bytes(writerIdOf(signer.publicKey))
  return signObject(OBJECT_TYPES.sessionKeys, suite, [w.rawFields(keys.unknown).closeMap().finish()], signer)
}

/** What the object says, with the signature not checked: to learn whose it is. */
export function readSessionKeys(bytes: Uint8Array, subject: string): SessionKeys {
  if (bytes.length > SESSION_KEYS_SIZE_MAX) {
    throw new BackupError('corrupt', `session keys have ${bytes.length} bytes`, subject)
  }
  return parse(signedContent(OBJECT_TYPES.sessionKeys, bytes, subject), subject)
}

/** Reads the object and checks its signature, which comes first; `corrupt` naming `subject`. */
export function decodeSessionKeys(
  bytes: Uint8Array,
  subject: string,
  { publicKey }: { readonly publicKey: Uint8Array },
): SessionKeys {
  const { content } = checkSignedObject(OBJECT_TYPES.sessionKeys, bytes, subject, publicKey)
  const keys = parse(content, subject)
  checkWriterId(keys.wid, publicKey, subject)
  return keys
}

function parse(content: Uint8Array, subject: string): SessionKeys {
  const r = new CborReader(content, subject)
  const keys: { -readonly [K in keyof SessionKeys]?: SessionKeys[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) keys.sid = r.fixed(ID_SIZE)
    else if (key === 1) keys.domainId = r.fixed(DOMAIN_ID_SIZE)
    else if (key === 2) keys.secrets = readFilledList(r, SESSION_SECRETS_MAX, () => readSecret(r))
    else if (key === 3) keys.wid = r.fixed(ID_SIZE)
    else return false
    return true
  })
  r.end()
  return {
    sid: need(r, keys.sid, 'session id'),
    domainId: need(r, keys.domainId, 'domain'),
    secrets: need(r, keys.secrets, 'secrets'),
    wid: need(r, keys.wid, 'writer'),
    ...withUnknown(unknown),
  }
}

function readSecret(r: CborReader): SessionSecret {
  return readTuple(r, 4, () => ({
    purpose: r.uint(255),
    recipient: r.fixed(RECIPIENT_SIZE),
    ct: r.fixed(KEM_CIPHERTEXT_SIZE),
    sealed: r.fixed(SEALED_SECRET_SIZE),
  }))
}

/** What stands for a public key, 16 bytes. */
export function recipientOf(publicKey: Uint8Array): Uint8Array {
  return hash(publicKey).slice(0, RECIPIENT_SIZE)
}

/** `sid | purpose`. */
function secretContext(sid: Uint8Array, purpose: number): Uint8Array {
  return new Uint8Array([...sid, purpose])
}
