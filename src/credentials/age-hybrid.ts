// The stanza `mlkem768x25519` of age, whose identities begin with AGE-SECRET-KEY-PQ-1: HPKE (RFC 9180) with X-Wing, which
// is X25519 with ML-KEM-768, by OpenSSL. An enrolled machine has such a key and opens its slot with it in each command;
// the library takes 0.2 s of processor time for that, most of it to be loaded.
import { createHash, createHmac, createPrivateKey, decapsulate } from 'node:crypto'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { wipe } from '../crypto/wipe.ts'
import { fromBase64 } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'
import { decodeBech32 } from './bech32.ts'
import { openWithKey } from './file-key.ts'
import { x25519, x25519Public } from './x25519.ts'

const STANZA = 'mlkem768x25519'
const IDENTITY_PREFIX = 'AGE-SECRET-KEY-PQ-'
const IDENTITY_SIZE = 32
const ML_KEM_SEED_SIZE = 64
const ML_KEM_CIPHERTEXT_SIZE = 1_088
const X25519_SIZE = 32
const SHARE_SIZE = ML_KEM_CIPHERTEXT_SIZE + X25519_SIZE
const BODY_SIZE = 32
const X_WING_LABEL = utf8('\\.//^\\')
const INFO = utf8('age-encryption.org/mlkem768x25519')
const HPKE_VERSION = utf8('HPKE-v1')
/** X-Wing, HKDF with SHA-256, ChaCha20-Poly1305. */
const HPKE_SUITE = concatBytes([utf8('HPKE'), Uint8Array.of(0x64, 0x7a, 0x00, 0x01, 0x00, 0x03)])
const NOTHING = new Uint8Array(0)

/** The secret of an identity, 32 bytes; undefined when this is not one of this kind, or it is damaged. */
export function hybridIdentity(text: string): Uint8Array | undefined {
  const secret = decodeBech32(text, IDENTITY_PREFIX)
  return secret?.length === IDENTITY_SIZE ? secret : undefined
}

export function isHybrid({ args }: AgeStanza): boolean {
  return args[0] === STANZA
}

/** The file key in a stanza; null when it is for another key. Throws `corrupt` for a stanza that is malformed. */
export function unwrapHybrid({ args, body }: AgeStanza, secret: Uint8Array, subject: string): Uint8Array | null {
  const share = args.length === 2 ? fromBase64(args[1]!) : null
  if (share?.length !== SHARE_SIZE || body.length !== BODY_SIZE) throw malformed(subject)
  const shared = openXWing(share, secret, subject)
  const { key, nonce } = hpkeKeys(shared)
  const fileKey = openWithKey(body, key, nonce)
  wipe(shared, key)
  return fileKey
}

/** draft-connolly-cfrg-xwing-kem: SHA3-256(ss_M | ss_X | ct_X | pk_X | label). */
function openXWing(share: Uint8Array, secret: Uint8Array, subject: string): Uint8Array {
  const expanded = createHash('shake256', { outputLength: ML_KEM_SEED_SIZE + X25519_SIZE })
    .update(secret)
    .digest()
  const scalar = expanded.subarray(ML_KEM_SEED_SIZE)
  const ephemeral = share.subarray(ML_KEM_CIPHERTEXT_SIZE)
  try {
    const postQuantum = decapsulate(
      createPrivateKey({
        key: expanded.subarray(0, ML_KEM_SEED_SIZE),
        format: 'raw-seed',
        asymmetricKeyType: 'ml-kem-768',
      }),
      share.subarray(0, ML_KEM_CIPHERTEXT_SIZE),
    )
    const classical = x25519(scalar, ephemeral)
    const material = concatBytes([postQuantum, classical, ephemeral, x25519Public(scalar), X_WING_LABEL])
    const shared = new Uint8Array(createHash('sha3-256').update(material).digest())
    wipe(postQuantum, classical, material)
    return shared
  } catch (cause) {
    throw malformed(subject, cause) // a point of small order
  } finally {
    wipe(expanded)
  }
}

/** The key schedule of HPKE, mode base, and the nonce of its first message. */
function hpkeKeys(shared: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const context = concatBytes([
    Uint8Array.of(0),
    extract(NOTHING, 'psk_id_hash', NOTHING),
    extract(NOTHING, 'info_hash', INFO),
  ])
  const secret = extract(shared, 'secret', NOTHING)
  const keys = { key: expand(secret, 'key', context, 32), nonce: expand(secret, 'base_nonce', context, 12) }
  wipe(secret)
  return keys
}

function extract(salt: Uint8Array, label: string, material: Uint8Array): Uint8Array {
  return hmac(salt, [HPKE_VERSION, HPKE_SUITE, utf8(label), material])
}

/** At most 32 bytes: one block of HKDF. */
function expand(secret: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
  const parts = [Uint8Array.of(0, length), HPKE_VERSION, HPKE_SUITE, utf8(label), info, Uint8Array.of(1)]
  return hmac(secret, parts).slice(0, length)
}

function hmac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return new Uint8Array(mac.digest())
}

function malformed(subject: string, cause?: unknown): BackupError {
  return new BackupError('corrupt', `the ${STANZA} stanza of the key slot does not open`, subject, { cause })
}
