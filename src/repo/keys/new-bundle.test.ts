import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { secureRandom } from '../../base/random.ts'
import { initHashing } from '../../crypto/hash.ts'
import { decapsulate, encapsulate } from '../../crypto/kem.ts'
import { signingKeyFromSeed } from '../../crypto/signing.ts'
import { decodeBundle, encodeBundle } from '../../format/bundle.ts'
import { newBundle } from './new-bundle.ts'

await initHashing()

test('a new repository has every secret, each of its own, and its administrator has all of them', () => {
  const bundle = newBundle(secureRandom)
  const [domain] = bundle.domains
  assert.ok(domain?.dataPrivate && domain.metaPrivate && bundle.rootSeed)
  assert.equal(bundle.role, 'admin')
  assert.equal(bundle.domains.length, 1)
  const secrets = [
    domain.keyId,
    domain.keyLoc,
    domain.keyCdc,
    domain.keyIdx,
    domain.dataPrivate,
    domain.metaPrivate,
    bundle.rootSeed,
    bundle.localKey,
    bundle.repoId,
    domain.id,
  ]
  assert.equal(new Set(secrets.map(toHex)).size, secrets.length)
  assert.deepEqual(signingKeyFromSeed(bundle.rootSeed).publicKey, bundle.rootPublic)
  for (const [publicKey, privateKey] of [
    [domain.dataPublic, domain.dataPrivate],
    [domain.metaPublic, domain.metaPrivate],
  ] as const) {
    const { ct, wrapKey } = encapsulate(publicKey)
    assert.deepEqual(decapsulate(privateKey, ct), wrapKey)
  }
})

test('a new capability bundle is read again as it was written', () => {
  const bundle = newBundle(secureRandom, 'photographs')
  assert.deepEqual(decodeBundle(encodeBundle(bundle), 'bundle'), bundle)
})
