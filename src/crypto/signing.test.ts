import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { fromHex, toHex } from '../base/bytes.ts'
import { secureRandom } from '../base/random.ts'
import { newSigningSeed, signingKeyFromSeed, verifySignature } from './signing.ts'

// RFC 8032, 7.1, tests 1 and 2.
const RFC = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
]

for (const { seed, publicKey, message, signature } of RFC) {
  test(`the vector of RFC 8032 over "${message}" comes out`, () => {
    const key = signingKeyFromSeed(fromHex(seed)!)
    assert.equal(toHex(key.publicKey), publicKey)
    assert.equal(toHex(key.sign(fromHex(message)!)), signature)
    assert.equal(verifySignature(fromHex(publicKey)!, fromHex(message)!, fromHex(signature)!), true)
  })
}

test('keys and signatures are those of an independent implementation', () => {
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(seeds, fc.uint8Array(), (seed, message) => {
      const key = signingKeyFromSeed(seed)
      assert.deepEqual(key.publicKey, ed25519.getPublicKey(seed))
      assert.deepEqual(key.sign(message), ed25519.sign(message, seed))
      assert.equal(verifySignature(key.publicKey, message, ed25519.sign(message, seed)), true)
    }),
    { numRuns: 20 },
  )
})

test('a change of one bit in text, signature or key is noticed', () => {
  const key = signingKeyFromSeed(newSigningSeed(secureRandom))
  const text = Uint8Array.from([1, 2, 3, 4])
  const signature = key.sign(text)
  const changed = (bytes: Uint8Array, bit: number) =>
    bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
  for (let bit = 0; bit < 32; bit++) assert.equal(verifySignature(key.publicKey, changed(text, bit), signature), false)
  for (let bit = 0; bit < 512; bit++) assert.equal(verifySignature(key.publicKey, text, changed(signature, bit)), false)
  for (let bit = 0; bit < 256; bit++) assert.equal(verifySignature(changed(key.publicKey, bit), text, signature), false)
})

test('malformed keys and signatures are false, not an exception', () => {
  const key = signingKeyFromSeed(newSigningSeed(secureRandom))
  const signature = key.sign(new Uint8Array(3))
  for (const length of [0, 31, 33, 64]) {
    assert.equal(verifySignature(new Uint8Array(length), new Uint8Array(3), signature), false)
  }
  for (const length of [0, 63, 65]) {
    assert.equal(verifySignature(key.publicKey, new Uint8Array(3), new Uint8Array(length)), false)
  }
  assert.equal(verifySignature(new Uint8Array(32).fill(255), new Uint8Array(3), signature), false)
})
