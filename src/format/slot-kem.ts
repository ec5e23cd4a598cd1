// docs/format.md, 3.6: the key pair that each slot has of its own. It comes from the sealing key, so that whoever opens the
// slot has the private key, and whoever has the root key can seal another capability bundle to the public one.
import { concatBytes } from '../base/bytes.ts'
import { deriveKey, keyedHash } from '../crypto/hash.ts'
import { decapsulate, KEM_PRIVATE_KEY_SIZE, kemPublicKey } from '../crypto/kem.ts'
import { wipe } from '../crypto/wipe.ts'

/** From the credential, 32 bytes, and the repository: one key file may open several. */
export interface SlotSecrets {
  readonly slotKey: Uint8Array
  readonly repoId: Uint8Array
}

/** 1,216 bytes. */
export function slotPublicKey(secrets: SlotSecrets): Uint8Array {
  const privateKey = slotPrivateKey(secrets)
  const publicKey = kemPublicKey(privateKey)
  wipe(privateKey)
  return publicKey
}

/** The key that seals the bundle of a slot that was made anew; to be wiped. Throws `corrupt` where `ct` is malformed. */
export function slotWrapKey(secrets: SlotSecrets, ct: Uint8Array): Uint8Array {
  const privateKey = slotPrivateKey(secrets)
  try {
    return decapsulate(privateKey, ct)
  } finally {
    wipe(privateKey)
  }
}

/**
 * Which root key a slot was made for, 32 bytes. Everybody can seal a bundle to the public key of a slot; this only who knows
 * the sealing key can make.
 */
export function slotRootCheck({ slotKey, repoId }: SlotSecrets, rootPublic: Uint8Array): Uint8Array {
  return keyedHash(deriveKey('holdfast 1 slot root', slotKey), concatBytes([repoId, rootPublic]))
}

/** `x25519 private | ml-kem d | ml-kem z`. */
function slotPrivateKey({ slotKey, repoId }: SlotSecrets): Uint8Array {
  const base = deriveKey('holdfast 1 slot kem', slotKey)
  const privateKey = new Uint8Array(KEM_PRIVATE_KEY_SIZE)
  for (const number of [0, 1, 2]) {
    const part = keyedHash(base, concatBytes([repoId, new Uint8Array([number])]))
    privateKey.set(part, number * part.length)
    wipe(part)
  }
  wipe(base)
  return privateKey
}
