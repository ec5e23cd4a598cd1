// The names by which people choose the suite of a repository.
import type { Suite } from './seal.ts'

export const CIPHERS = ['aes-256-gcm', 'chacha20-poly1305', 'none'] as const
/** `none`: authenticated only, everybody who has the store reads what is in it. */
export type Cipher = (typeof CIPHERS)[number]

const SUITES: Readonly<Record<Cipher, Suite>> = { 'aes-256-gcm': 1, 'chacha20-poly1305': 2, none: 0 }

export function suiteOf(cipher: Cipher): Suite {
  return SUITES[cipher]
}

export function cipherOf(suite: Suite): Cipher {
  return CIPHERS.find((cipher) => SUITES[cipher] === suite)!
}
