// The age file of a key slot, opened with its file key (age-encryption.org/v1).
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { wipe } from '../crypto/wipe.ts'
import { fromBase64, headerParts } from './age-header.ts'
import { openBytes } from './file-key.ts'

const NONCE_SIZE = 16
/** Of the one chunk, which is the last. */
const CHUNK_NONCE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** The secret of the slot. `file` is one that `slotStanzas` has taken. Throws `corrupt` when the header or secret was changed. */
export function openAgeFile(file: Uint8Array, fileKey: Uint8Array, subject: string): Uint8Array {
  const { signed, mac, payload } = headerParts(file)
  const headerKey = hkdf(fileKey, new Uint8Array(0), 'header')
  const expected = createHmac('sha256', headerKey).update(signed).digest()
  const given = fromBase64(displayText(mac))
  if (given?.length !== expected.length || !timingSafeEqual(given, expected)) throw corrupt(subject)
  const payloadKey = hkdf(fileKey, payload.subarray(0, NONCE_SIZE), 'payload')
  const secret = openBytes(payload.subarray(NONCE_SIZE), payloadKey, CHUNK_NONCE)
  wipe(headerKey, payloadKey)
  if (secret === null) throw corrupt(subject)
  return secret
}

function hkdf(key: Uint8Array, salt: Uint8Array, label: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, label, 32))
}

function corrupt(subject: string): BackupError {
  return new BackupError('corrupt', 'the age file of the key slot does not open', subject)
}
