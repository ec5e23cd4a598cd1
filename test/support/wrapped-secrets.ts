// test/vectors/credentials.json: slot secrets that other programs have wrapped.
import { readFileSync } from 'node:fs'
import { fromHex } from '../../src/base/bytes.ts'

export interface AgeCase {
  readonly name: string
  /** Hex of the age file. */
  readonly file: string
  readonly recipient: string
  /** What an identity file holds. */
  readonly identity: string
  readonly passphrase?: string
}

interface WrappedSecrets {
  readonly secret: string
  readonly age: readonly AgeCase[]
  readonly openpgp: readonly { readonly name: string; readonly message: string; readonly key: string }[]
  readonly recoverySheet: { readonly keyFile: string; readonly words: string }
  /** Three of them give the secret. */
  readonly shares: readonly { readonly number: number; readonly text: string; readonly words: string }[]
}

export function wrappedSecrets(): WrappedSecrets {
  return JSON.parse(readFileSync(new URL('../vectors/credentials.json', import.meta.url), 'utf8')) as WrappedSecrets
}

export function bytesOfHex(hex: string): Uint8Array {
  return fromHex(hex)!
}
