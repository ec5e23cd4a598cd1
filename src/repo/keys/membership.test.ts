import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { initHashing } from '../../crypto/hash.ts'
import { Sealer, SealError } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { signingKeyFromSeed } from '../../crypto/signing.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { openSignedPart, sealSignedPart } from '../../format/signed-object.ts'
import { ForeignObject, openInDomain } from './membership.ts'

before(initHashing)

const signer = signingKeyFromSeed(new Uint8Array(32).fill(1))
const [own, other] = [new Uint8Array(8).fill(2), new Uint8Array(8).fill(3)]
const sealerOf = (suite: Suite) => new Sealer(new Uint8Array(32).fill(4), new Uint8Array(16).fill(5), suite)

/** What a domain of that suite says of an object that was sealed under its own key with another suite. */
function opened(domainSuite: Suite, sealedWith: Suite, domainIds: readonly Uint8Array[]): Uint8Array {
  const type = OBJECT_TYPES.sessionIntent
  const bytes = sealSignedPart(type, new Uint8Array(10).fill(6), { sealer: sealerOf(sealedWith), signer })
  const parts = { domain: { id: own }, indexSealer: sealerOf(domainSuite) }
  const writer = { publicKey: signer.publicKey, domainIds }
  return openInDomain(parts, writer, 'x', (keys) => openSignedPart(type, bytes, 'x', keys).body)
}

test('what its writer has left in the clear is refused where a domain is encrypted, and the other way round', () => {
  assert.deepEqual(opened(1, 1, [own]), new Uint8Array(10).fill(6))
  assert.deepEqual(opened(0, 0, [own]), new Uint8Array(10).fill(6))
  for (const [domain, sealed] of [
    [1, 0],
    [2, 0],
    [0, 1],
  ] as const) {
    assert.throws(
      () => opened(domain, sealed, [own]),
      (error) => error instanceof SealError && error.message.includes(`suite ${sealed}`),
    )
  }
})

test('an object of another suite may be of another domain of its writer', () => {
  assert.throws(() => opened(1, 0, [own, other]), ForeignObject)
  assert.throws(() => opened(0, 1, [own, other]), ForeignObject)
})
