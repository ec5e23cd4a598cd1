// Keys and identifiers that are the same in every run, for codecs that seal and sign.
import { deriveKey, initHashing } from '../../src/crypto/hash.ts'
import { Sealer } from '../../src/crypto/seal.ts'
import type { Suite } from '../../src/crypto/seal.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import type { SigningKey } from '../../src/crypto/signing.ts'

// Done when this module is imported, so that tests can make keys while they are set up.
await initHashing()

/** `length` bytes that depend on `label` alone. */
export function fixedBytes(label: string, length = 32): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0, round = 0; at < length; at += 32, round++) {
    const part = deriveKey(`holdfast test ${label} ${round}`, new Uint8Array(32))
    bytes.set(part.subarray(0, Math.min(32, length - at)), at)
  }
  return bytes
}

export const fixedRepoId = (): Uint8Array => fixedBytes('repository', 16)
export const fixedSealer = (label = 'K_idx', suite: Suite = 1): Sealer =>
  new Sealer(fixedBytes(label), fixedRepoId(), suite)
export const fixedSigner = (label = 'writer'): SigningKey => signingKeyFromSeed(fixedBytes(`${label} seed`))
