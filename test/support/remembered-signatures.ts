// Signatures that are valid are checked once. In a simulation a handful of machines read the same objects hundreds of
// times, and checking what they have signed took a sixth of it.
import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

const { verify } = crypto
/** Of each key, what its signatures were found to be of. */
const known = new WeakMap<KeyObject, Map<string, Uint8Array>>()
const KNOWN_MAX = 2000

/** From now on, in this process; the same bytes under the same key are compared. What is not valid is computed each time. */
export function rememberSignatures(): void {
  crypto.verify = remembering as unknown as typeof verify
  syncBuiltinESMExports()
}

function remembering(algorithm: null, bytes: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const name = Buffer.from(signature).toString('latin1')
  const signed = known.get(key)?.get(name)
  if (signed !== undefined && Buffer.compare(signed, bytes) === 0) return true
  if (!verify(algorithm, bytes, key, signature)) return false
  const ofKey = known.get(key) ?? new Map<string, Uint8Array>()
  if (ofKey.size === KNOWN_MAX) ofKey.clear()
  known.set(key, ofKey.set(name, bytes.slice()))
  return true
}
