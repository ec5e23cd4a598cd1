// docs/format.md, 3.6: the secret of a key file as the 24 words of BIP-39, for paper. The last byte of what the words say is
// a checksum. Words and key file open the same slot.
import { createHash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { KEY_FILE_PATTERN, parseKeyFile } from '../crypto/keyfile.ts'
import { wipe } from '../crypto/wipe.ts'
import { bytesOfWords, refuseSheet, wordsOfBytes } from './words.ts'

const SECRET_SIZE = 32
export const RECOVERY_WORDS = 24

export function recoveryWords(secret: Uint8Array): string[] {
  assert(secret.length === SECRET_SIZE, 'a recovery secret has 32 bytes')
  const bytes = concatBytes([secret, checksum(secret)])
  const words = wordsOfBytes(bytes)
  wipe(bytes)
  return words
}

/**
 * The secret in what somebody typed or scanned, or in a whole sheet as text or PDF: the line of a key file wherever it
 * stands, else 24 words. Throws `usage` naming `subject`.
 */
export function parseRecoverySecret(text: string, subject: string): Uint8Array {
  const line = KEY_FILE_PATTERN.exec(text)?.[0]
  if (line !== undefined) return parseKeyFile(utf8(line), subject)
  refuseSheet(text, subject)
  const bytes = bytesOfWords(text, RECOVERY_WORDS, subject)
  const secret = bytes.slice(0, SECRET_SIZE)
  if (checksum(secret)[0] !== bytes[SECRET_SIZE]) {
    wipe(secret, bytes)
    throw new BackupError('usage', 'the checksum of the words is wrong', subject, {
      hint: 'each of them is in the list, so one was taken for another, or two have changed places',
    })
  }
  wipe(bytes)
  return secret
}

function checksum(secret: Uint8Array): Uint8Array {
  return createHash('sha256').update(secret).digest().subarray(0, 1)
}
