// How age wraps a file key under a key of 32 bytes: ChaCha20-Poly1305 with a nonce of zeros, 16 bytes and their tag.
import { createCipheriv, createDecipheriv } from 'node:crypto'

const FILE_KEY_SIZE = 16
const TAG_SIZE = 16
const ZERO_NONCE = new Uint8Array(12)
const ALGORITHM = 'chacha20-poly1305'

export function sealWithKey(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv(ALGORITHM, key, ZERO_NONCE, { authTagLength: TAG_SIZE })
  return new Uint8Array(Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]))
}

/** Null when the body was sealed with another key or is damaged. */
export function openWithKey(body: Uint8Array, key: Uint8Array): Uint8Array | null {
  // A longer body could be made to open under many keys; age refuses it for that reason.
  if (body.length !== FILE_KEY_SIZE + TAG_SIZE) return null
  const cipher = createDecipheriv(ALGORITHM, key, ZERO_NONCE, { authTagLength: TAG_SIZE })
  cipher.setAuthTag(body.subarray(FILE_KEY_SIZE))
  const fileKey = cipher.update(body.subarray(0, FILE_KEY_SIZE))
  try {
    cipher.final()
  } catch {
    return null
  }
  return new Uint8Array(fileKey)
}
