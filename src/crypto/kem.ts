// Hybrid key encapsulation (docs/format.md, 3.3 and 3.4): X25519 (RFC 7748) and ML-KEM-768 (FIPS 203), by OpenSSL. The
// result stays secret as long as either of the two holds.
//
//   public key   x25519 public (32)  | ml-kem encapsulation key (1,184)
//   private key  x25519 private (32) | ml-kem seed (64)
//   ct           ephemeral x25519 public (32) | ml-kem ciphertext (1,088)
import {
  createPrivateKey,
  createPublicKey,
  decapsulate as openWith,
  diffieHellman,
  encapsulate as sealTo,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import type { SecureRandom } from '../base/random.ts'
import { deriveKey, hash } from './hash.ts'
import { wipe } from './wipe.ts'

const X25519_SIZE = 32
const ML_KEM_SEED_SIZE = 64
const ML_KEM_PUBLIC_SIZE = 1_184
const ML_KEM_CIPHERTEXT_SIZE = 1_088
export const KEM_PUBLIC_KEY_SIZE = X25519_SIZE + ML_KEM_PUBLIC_SIZE
export const KEM_PRIVATE_KEY_SIZE = X25519_SIZE + ML_KEM_SEED_SIZE
export const KEM_CIPHERTEXT_SIZE = X25519_SIZE + ML_KEM_CIPHERTEXT_SIZE

export interface KemKeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

export interface Encapsulated {
  readonly ct: Uint8Array
  /** 32 bytes, known to whoever holds the private key. */
  readonly wrapKey: Uint8Array
}

export function newKemKeyPair(random: SecureRandom): KemKeyPair {
  const privateKey = random(KEM_PRIVATE_KEY_SIZE)
  return { publicKey: kemPublicKey(privateKey), privateKey }
}

/** The public key of a private key. */
export function kemPublicKey(privateKey: Uint8Array): Uint8Array {
  return importPrivate(privateKey).publicKey.slice()
}

/** A new wrap key and the bytes that carry it to the holder of the private key. Throws `corrupt` for a malformed key. */
export function encapsulate(publicKey: Uint8Array): Encapsulated {
  const peer = importPublic(publicKey)
  const ephemeral = x25519Private(secureRandom(X25519_SIZE))
  const classical = sharedX25519(ephemeral, peer.x25519)
  const { ciphertext, sharedKey } = sealTo(peer.mlKem)
  const ct = joined(rawPublic(ephemeral), ciphertext)
  return { ct, wrapKey: combine(classical, sharedKey, ct, publicKey) }
}

/**
 * The wrap key in `ct`. Throws `corrupt` when `ct` is malformed; one that was made for another key or changed gives
 * another wrap key (implicit rejection of ML-KEM), which then does not open what was sealed.
 */
export function decapsulate(privateKey: Uint8Array, ct: Uint8Array): Uint8Array {
  if (ct.length !== KEM_CIPHERTEXT_SIZE) throw malformed(`has ${ct.length} bytes, not ${KEM_CIPHERTEXT_SIZE}`)
  const own = importPrivate(privateKey)
  const classical = sharedX25519(own.x25519, x25519Public(ct.subarray(0, X25519_SIZE)))
  const postQuantum = openWith(own.mlKem, ct.subarray(X25519_SIZE))
  return combine(classical, postQuantum, ct, own.publicKey)
}

function combine(classical: Uint8Array, postQuantum: Uint8Array, ct: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const material = joined(classical, postQuantum, hash(joined(ct, publicKey)))
  const wrapKey = deriveKey('holdfast 1 kem', material)
  wipe(classical, postQuantum, material)
  return wrapKey
}

function sharedX25519(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  let shared: Uint8Array
  try {
    shared = diffieHellman({ privateKey, publicKey })
  } catch (cause) {
    throw malformed('has an X25519 point of small order', cause) // OpenSSL refuses an all-zero result itself
  }
  if (shared.every((byte) => byte === 0)) throw malformed('has an X25519 point of small order')
  return shared
}

function importPublic(publicKey: Uint8Array): { x25519: KeyObject; mlKem: KeyObject } {
  if (publicKey.length !== KEM_PUBLIC_KEY_SIZE) {
    throw malformed(`has ${publicKey.length} bytes, not ${KEM_PUBLIC_KEY_SIZE}`)
  }
  const x25519 = x25519Public(publicKey.subarray(0, X25519_SIZE))
  const key = Buffer.from(publicKey.subarray(X25519_SIZE))
  try {
    return { x25519, mlKem: createPublicKey({ key, format: 'raw-public', asymmetricKeyType: 'ml-kem-768' }) }
  } catch (cause) {
    throw malformed('is not an ML-KEM-768 key', cause)
  }
}

interface PrivateKey {
  readonly x25519: KeyObject
  readonly mlKem: KeyObject
  readonly publicKey: Uint8Array
}

/**
 * Key pairs that were imported, by the array of the private key, with which they go: a repository has a session for each of its
 * snapshots, and making a key pair of its seed takes longer than what is done with it. Such an array does not change.
 */
const imported = new WeakMap<Uint8Array, PrivateKey>()

function importPrivate(privateKey: Uint8Array): PrivateKey {
  assert(privateKey.length === KEM_PRIVATE_KEY_SIZE, 'a private key for encapsulation has 96 bytes')
  const known = imported.get(privateKey)
  if (known !== undefined) return known
  const key = Buffer.from(privateKey.subarray(X25519_SIZE))
  const x25519 = x25519Private(privateKey.subarray(0, X25519_SIZE))
  const mlKem = createPrivateKey({ key, format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' })
  const pair = { x25519, mlKem, publicKey: joined(rawPublic(x25519), rawPublic(mlKem)) }
  imported.set(privateKey, pair)
  return pair
}

function x25519Private(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(raw), format: 'raw-private', asymmetricKeyType: 'x25519' })
}

function x25519Public(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(raw), format: 'raw-public', asymmetricKeyType: 'x25519' })
}

function rawPublic(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return publicKey.export({ format: 'raw-public' })
}

/** Never by way of the shared pool of Buffer, where copies of secrets would stay. */
function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function malformed(why: string, cause?: unknown): BackupError {
  return new BackupError('corrupt', `encapsulation ${why}`, 'session key', { cause })
}
