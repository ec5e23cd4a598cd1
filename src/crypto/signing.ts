// Ed25519 signatures (RFC 8032) over raw 32-byte keys, by OpenSSL.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { SecureRandom } from '../base/random.ts'

export const SIGNING_SEED_SIZE = 32
export const SIGNING_PUBLIC_KEY_SIZE = 32
export const SIGNATURE_SIZE = 64

export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes; equal bytes get equal signatures. */
  sign(bytes: Uint8Array): Uint8Array
}

export function newSigningSeed(random: SecureRandom): Uint8Array {
  return random(SIGNING_SEED_SIZE)
}

/** The key pair of a 32-byte seed. */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  assert(seed.length === SIGNING_SEED_SIZE, 'a signing seed has 32 bytes')
  const key = createPrivateKey({ key: Buffer.from(seed), format: 'raw-private', asymmetricKeyType: 'ed25519' })
  return {
    publicKey: new Uint8Array(createPublicKey(key).export({ format: 'raw-public' })),
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  }
}

/** Whether `signature` over `bytes` was made with the seed of `publicKey`. Malformed keys and signatures are just false. */
export function verifySignature(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== SIGNING_PUBLIC_KEY_SIZE || signature.length !== SIGNATURE_SIZE) return false
  try {
    return verify(null, bytes, importPublic(publicKey), signature)
  } catch {
    return false // not the encoding of a point
  }
}

/** Public keys that were imported last, by their bytes: most of what is verified was signed by a few writers. */
const imported = new Map<string, KeyObject>()
const IMPORTED_MAX = 256

function importPublic(publicKey: Uint8Array): KeyObject {
  const name = toHex(publicKey)
  let key = imported.get(name)
  if (key === undefined) {
    const raw = Buffer.from(publicKey)
    key = createPublicKey({ key: raw, format: 'raw-public', asymmetricKeyType: 'ed25519' })
    if (imported.size === IMPORTED_MAX) imported.clear()
    imported.set(name, key)
  }
  return key
}
