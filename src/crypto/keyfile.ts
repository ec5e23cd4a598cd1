// Key files (docs/format.md, 3.6): the text `holdfast-key-1 `, 64 hex digits, a newline.
import { assert } from '../base/assert.ts'
import { displayText, fromHex, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { deriveKey, hash, KEY_SIZE } from './hash.ts'

const MAGIC = 'holdfast-key-1 '
/** The line of a key file inside of some other text. */
export const KEY_FILE_PATTERN = /\bholdfast-key-1 [0-9a-f]{64}\b/
/** Longest file that is looked at: a key file has 80 bytes, and editors may add a little white space. */
export const KEY_FILE_SIZE_MAX = 200

export function newKeyFileSecret(random: SecureRandom): Uint8Array {
  return random(KEY_SIZE)
}

/** What to write into the file. */
export function formatKeyFile(secret: Uint8Array): string {
  assert(secret.length === KEY_SIZE, 'the secret of a key file has 32 bytes')
  return `${MAGIC}${toHex(secret)}\n`
}

/**
 * The secret in a key file. White space around it is ignored. Throws `unsupported` for a newer kind, `corrupt` for a
 * damaged file and `usage` for anything else; no message shows what is in the file.
 */
export function parseKeyFile(content: Uint8Array, path: string): Uint8Array {
  const hint = 'a key file is one line that begins with `holdfast-key-1`'
  if (content.length > KEY_FILE_SIZE_MAX) throw new BackupError('usage', 'this is not a key file', path, { hint })
  const text = displayText(content).trim()
  if (!text.startsWith('holdfast-key-')) throw new BackupError('usage', 'this is not a key file', path, { hint })
  if (!text.startsWith(MAGIC)) {
    throw new BackupError('unsupported', 'the key file is of a kind this version does not know', path)
  }
  const secret = fromHex(text.slice(MAGIC.length))
  if (secret?.length !== KEY_SIZE) {
    throw new BackupError('corrupt', 'the key file is damaged: it does not hold 64 hex digits', path, {
      hint: 'use another copy of it, or a passphrase',
    })
  }
  return secret
}

/** Under which a key file seals the bundle of its slot. */
export function keyFileSealingKey(secret: Uint8Array): Uint8Array {
  return deriveKey('holdfast 1 key file', secret)
}

/** By which a slot names its key file in the clear, 16 bytes; says nothing about the secret. */
export function keyFileId(secret: Uint8Array): Uint8Array {
  return hash(deriveKey('holdfast 1 key file id', secret)).slice(0, 16)
}
