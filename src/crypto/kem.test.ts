import assert from 'node:assert/strict'
import { createPrivateKey, decapsulate as nodeDecapsulate } from 'node:crypto'
import { test } from 'node:test'
import { x25519 } from '@noble/curves/ed25519.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { initHashing } from './hash.ts'
import {
  decapsulate,
  encapsulate,
  KEM_CIPHERTEXT_SIZE,
  KEM_PRIVATE_KEY_SIZE,
  KEM_PUBLIC_KEY_SIZE,
  kemPublicKey,
  newKemKeyPair,
} from './kem.ts'

await initHashing()

const corrupt = (error: unknown) => error instanceof BackupError && error.code === 'corrupt'

test('whoever has the private key gets the wrap key', () => {
  const pair = newKemKeyPair(secureRandom)
  assert.equal(pair.publicKey.length, KEM_PUBLIC_KEY_SIZE)
  assert.equal(pair.privateKey.length, KEM_PRIVATE_KEY_SIZE)
  assert.deepEqual(kemPublicKey(pair.privateKey), pair.publicKey)
  const { ct, wrapKey } = encapsulate(pair.publicKey)
  assert.equal(ct.length, KEM_CIPHERTEXT_SIZE)
  assert.equal(wrapKey.length, 32)
  assert.deepEqual(decapsulate(pair.privateKey, ct), wrapKey)
  assert.deepEqual(decapsulate(pair.privateKey, Buffer.from(ct)), wrapKey)
})

test('the wrap key is put together as the format says', () => {
  const { publicKey, privateKey } = newKemKeyPair(secureRandom)
  const { ct, wrapKey } = encapsulate(publicKey)
  const classical = x25519.getSharedSecret(privateKey.subarray(0, 32), ct.subarray(0, 32))
  const seed = Buffer.from(privateKey.subarray(32))
  const key = createPrivateKey({ key: seed, format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' })
  const postQuantum = nodeDecapsulate(key, ct.subarray(32))
  const material = Buffer.concat([classical, postQuantum, blake3(Buffer.concat([ct, publicKey]))])
  assert.deepEqual(wrapKey, blake3(material, { context: utf8('holdfast 1 kem') }))
})

test('each encapsulation has a new wrap key', () => {
  const { publicKey } = newKemKeyPair(secureRandom)
  assert.notDeepEqual(encapsulate(publicKey).wrapKey, encapsulate(publicKey).wrapKey)
})

test('another private key or a changed ciphertext gives another wrap key', () => {
  const { publicKey, privateKey } = newKemKeyPair(secureRandom)
  const { ct, wrapKey } = encapsulate(publicKey)
  assert.notDeepEqual(decapsulate(newKemKeyPair(secureRandom).privateKey, ct), wrapKey)
  // Bit 255 of an X25519 public key is ignored by RFC 7748; the hash of the ciphertext must notice it all the same.
  for (const bit of [0, 255, 256, 5000, KEM_CIPHERTEXT_SIZE * 8 - 1]) {
    const changed = new Uint8Array(ct)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.notDeepEqual(decapsulate(privateKey, changed), wrapKey, `bit ${bit}`)
  }
})

test('points that make the X25519 result zero are refused on both sides', () => {
  const { publicKey, privateKey } = newKemKeyPair(secureRandom)
  const { ct } = encapsulate(publicKey)
  // u = 0 and u = 1 have small order (RFC 7748, 6.1).
  for (const u of [0, 1]) {
    const point = new Uint8Array(32)
    point[0] = u
    const hostileCt = new Uint8Array(ct)
    hostileCt.set(point)
    assert.throws(() => decapsulate(privateKey, hostileCt), corrupt)
    const hostilePublic = new Uint8Array(publicKey)
    hostilePublic.set(point)
    assert.throws(() => encapsulate(hostilePublic), corrupt)
  }
})

test('malformed public keys and ciphertexts are damage', () => {
  const { publicKey, privateKey } = newKemKeyPair(secureRandom)
  const { ct } = encapsulate(publicKey)
  for (const bytes of [ct.subarray(1), Buffer.concat([ct, ct.subarray(0, 1)]), new Uint8Array(0)]) {
    assert.throws(() => decapsulate(privateKey, bytes), corrupt)
  }
  for (const bytes of [publicKey.subarray(1), Buffer.concat([publicKey, ct.subarray(0, 1)]), new Uint8Array(0)]) {
    assert.throws(() => encapsulate(bytes), corrupt)
  }
  // Coefficients of an ML-KEM key are below 3329 (FIPS 203, 7.2, modulus check).
  assert.throws(() => encapsulate(new Uint8Array(KEM_PUBLIC_KEY_SIZE).fill(255)), corrupt)
})
