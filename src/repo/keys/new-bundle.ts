import type { SecureRandom } from '../../base/random.ts'
import { KEY_SIZE } from '../../crypto/hash.ts'
import { newKemKeyPair } from '../../crypto/kem.ts'
import { REPO_ID_SIZE } from '../../crypto/seal.ts'
import { newSigningSeed, signingKeyFromSeed } from '../../crypto/signing.ts'
import type { Bundle, Domain } from '../../format/bundle.ts'
import { DOMAIN_ID_SIZE } from '../../format/snapshot-body.ts'

/**
 * The secrets of a new repository, for its administrator: everything there is to have, with one domain. A bundle of a
 * lesser role is the same with fields left out.
 */
export function newBundle(random: SecureRandom, domainName = 'default'): Bundle {
  const rootSeed = newSigningSeed(random)
  return {
    repoId: random(REPO_ID_SIZE),
    role: 'admin',
    domains: [newDomain(random, domainName)],
    rootPublic: signingKeyFromSeed(rootSeed).publicKey,
    rootSeed,
    localKey: random(KEY_SIZE),
  }
}

/** A domain with secrets of its own: nothing in it can be told from what is in another one. */
export function newDomain(random: SecureRandom, name: string, isPublic = false): Domain {
  const data = newKemKeyPair(random)
  const meta = newKemKeyPair(random)
  return {
    id: random(DOMAIN_ID_SIZE),
    name,
    keyId: random(KEY_SIZE),
    keyLoc: random(KEY_SIZE),
    keyCdc: random(KEY_SIZE),
    keyIdx: random(KEY_SIZE),
    dataPublic: data.publicKey,
    metaPublic: meta.publicKey,
    dataPrivate: data.privateKey,
    metaPrivate: meta.privateKey,
    ...(isPublic && { isPublic }),
  }
}
