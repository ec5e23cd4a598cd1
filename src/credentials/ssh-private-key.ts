// SSH private keys as files have them: OpenSSH's own form (PROTOCOL.key: `openssh-key-v1`, with or without a passphrase)
// and RSA keys as PEM.
import { createDecipheriv, createPrivateKey, createPublicKey } from 'node:crypto'
import type { CipherGCMTypes, KeyObject } from 'node:crypto'
import { equalBytes, displayText, utf8 } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { wipe } from '../crypto/wipe.ts'
import { bcryptPbkdf } from './bcrypt-pbkdf.ts'
import { base64Url, readSshPublicKey } from './ssh-public-key.ts'
import type { SshPublicKey } from './ssh-public-key.ts'
import { isKeyPair } from './ssh-stanza.ts'
import type { SshPrivateKey } from './ssh-stanza.ts'
import { WireReader } from './ssh-wire.ts'

/** A key file whose content may still be under a passphrase. */
export interface SshKeyFile {
  /** Undefined where the file tells nothing before it is decrypted (PEM). */
  readonly publicKey: SshPublicKey | undefined
  readonly encrypted: boolean
  /** Throws `wrong-key` for a wrong passphrase. The passphrase is ignored where there is none. */
  decrypt(passphrase: string): SshPrivateKey
}

/** Whether a file is in one of the forms that `parseSshPrivateKey` reads. */
export function looksLikeSshPrivateKey(text: string): boolean {
  return /^-----BEGIN (OPENSSH|RSA|ENCRYPTED|DSA|EC)? ?PRIVATE KEY-----/.test(text.trimStart())
}

/** Throws `usage` or `corrupt` naming `subject`. */
export function parseSshPrivateKey(text: string, subject: string): SshKeyFile {
  const match = /^-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----\s*$/.exec(
    text.trimStart(),
  )
  return match === null ? pemKeyFile(text, subject) : openSshKeyFile(Buffer.from(match[1]!, 'base64'), subject)
}

const MAGIC = 'openssh-key-v1\0'
/** `ssh-keygen -a` takes any number; a round costs up to 25 ms here and the default is 16. */
const BCRYPT_ROUNDS_MAX = 1024
/** Ciphers that ssh-keygen offers (`-Z`), as OpenSSL calls them; the lengths are of key and initialisation vector. */
const CIPHERS: Readonly<Record<string, { readonly name: string; readonly key: number; readonly iv: number }>> = {
  'aes128-ctr': { name: 'aes-128-ctr', key: 16, iv: 16 },
  'aes192-ctr': { name: 'aes-192-ctr', key: 24, iv: 16 },
  'aes256-ctr': { name: 'aes-256-ctr', key: 32, iv: 16 },
  'aes128-cbc': { name: 'aes-128-cbc', key: 16, iv: 16 },
  'aes192-cbc': { name: 'aes-192-cbc', key: 24, iv: 16 },
  'aes256-cbc': { name: 'aes-256-cbc', key: 32, iv: 16 },
  'aes128-gcm@openssh.com': { name: 'aes-128-gcm', key: 16, iv: 12 },
  'aes256-gcm@openssh.com': { name: 'aes-256-gcm', key: 32, iv: 12 },
}
const GCM_TAG_SIZE = 16

interface Envelope {
  readonly cipher: string
  readonly kdf: string
  readonly kdfOptions: Uint8Array
  readonly sealed: Uint8Array
  /** The tag of an authenticated cipher. */
  readonly rest: Uint8Array
}

function openSshKeyFile(bytes: Uint8Array, subject: string): SshKeyFile {
  if (displayText(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new BackupError('corrupt', 'this is no private key of OpenSSH', subject)
  }
  const r = new WireReader(bytes.subarray(MAGIC.length), subject)
  const [cipher, kdf, kdfOptions] = [displayText(r.string()), displayText(r.string()), r.string()]
  if (r.uint32() !== 1) throw new BackupError('unsupported', 'the file holds several SSH keys', subject)
  const publicKey = readSshPublicKey(r.string(), subject)
  const envelope = { cipher, kdf, kdfOptions, sealed: r.string(), rest: r.rest }
  const encrypted = kdf !== 'none' || cipher !== 'none'
  return {
    publicKey,
    encrypted,
    decrypt(passphrase) {
      const plain = encrypted ? decryptSealed(envelope, passphrase, subject) : new Uint8Array(envelope.sealed)
      try {
        return readPrivate(plain, publicKey, subject)
      } finally {
        wipe(plain)
      }
    },
  }
}

function decryptSealed({ cipher, kdf, kdfOptions, sealed, rest }: Envelope, passphrase: string, subject: string) {
  const sizes = CIPHERS[cipher]
  if (kdf !== 'bcrypt' || sizes === undefined) {
    throw new BackupError('unsupported', `the SSH key is encrypted with ${JSON.stringify(cipher)}`, subject, {
      hint: 'ssh-keygen -p -Z aes256-ctr -f FILE writes it anew',
    })
  }
  const options = new WireReader(kdfOptions, subject)
  const [salt, rounds] = [options.string(), options.uint32()]
  options.end()
  if (rounds < 1 || rounds > BCRYPT_ROUNDS_MAX) {
    throw new BackupError('limit', `the SSH key asks for ${rounds} rounds of bcrypt`, subject)
  }
  const text = utf8(passphrase)
  const material = bcryptPbkdf(text, salt, sizes.key + sizes.iv, rounds)
  const [key, iv] = [material.subarray(0, sizes.key), material.subarray(sizes.key)]
  try {
    if (sizes.name.endsWith('gcm')) {
      const decipher = createDecipheriv(sizes.name as CipherGCMTypes, key, iv)
      decipher.setAuthTag(rest.subarray(0, GCM_TAG_SIZE))
      return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]))
    }
    const decipher = createDecipheriv(sizes.name, key, iv).setAutoPadding(false)
    return new Uint8Array(Buffer.concat([decipher.update(sealed), decipher.final()]))
  } catch (cause) {
    throw wrongPassphrase(subject, cause)
  } finally {
    wipe(text, material)
  }
}

function readPrivate(plain: Uint8Array, publicKey: SshPublicKey, subject: string): SshPrivateKey {
  const r = new WireReader(plain, subject)
  if (r.uint32() !== r.uint32()) throw wrongPassphrase(subject)
  const type = displayText(r.string())
  if (type !== publicKey.type) throw new BackupError('corrupt', 'the SSH key says two types', subject)
  const key = publicKey.type === 'ssh-ed25519' ? readEd25519(r, publicKey, subject) : readRsa(r, publicKey)
  if (!isKeyPair(key)) throw new BackupError('corrupt', 'the halves of the SSH key do not belong together', subject)
  return key
}

function readEd25519(
  r: WireReader,
  publicKey: Extract<SshPublicKey, { type: 'ssh-ed25519' }>,
  subject: string,
): SshPrivateKey {
  const point = r.string()
  const secret = r.string()
  if (secret.length !== 64 || !equalBytes(point, publicKey.point)) {
    throw new BackupError('corrupt', 'the SSH key is damaged', subject)
  }
  return { type: 'ssh-ed25519', publicKey, seed: new Uint8Array(secret.subarray(0, 32)) }
}

function readRsa(r: WireReader, publicKey: Extract<SshPublicKey, { type: 'ssh-rsa' }>): SshPrivateKey {
  const [n, e, d, qi, p, q] = [r.integer(), r.integer(), r.integer(), r.integer(), r.integer(), r.integer()]
  const [dp, dq] = [d % (p - 1n), d % (q - 1n)]
  const numbers = Object.entries({ n, e, d, p, q, dp, dq, qi }).map(([name, value]) => [name, base64Url(value)])
  const key = createPrivateKey({ key: { kty: 'RSA', ...Object.fromEntries(numbers) }, format: 'jwk' })
  return { type: 'ssh-rsa', publicKey, key }
}

/** PKCS#1 and PKCS#8; of the keys that come so, age uses RSA alone. */
function pemKeyFile(text: string, subject: string): SshKeyFile {
  const encrypted = /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text)
  const known = encrypted ? undefined : readPem(text, undefined, subject)
  return {
    publicKey: known?.publicKey,
    encrypted,
    decrypt: (passphrase) => known ?? readPem(text, passphrase, subject),
  }
}

function readPem(text: string, passphrase: string | undefined, subject: string): SshPrivateKey {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: text, format: 'pem', ...(passphrase !== undefined && { passphrase }) })
  } catch (cause) {
    if (passphrase !== undefined) throw wrongPassphrase(subject, cause)
    throw new BackupError('usage', 'this private key cannot be read', subject, {
      cause,
      hint: 'ssh-keygen -y -f FILE tells whether it is whole',
    })
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new BackupError('usage', `a PEM key of type ${key.asymmetricKeyType} cannot be used to decrypt`, subject, {
      hint: 'use an SSH key of type ssh-ed25519 or ssh-rsa',
    })
  }
  const publicKey = readSshPublicKey(rsaWire(createPublicKey(key)), subject)
  if (publicKey.type !== 'ssh-rsa') throw new BackupError('corrupt', 'the SSH key says two types', subject)
  return { type: 'ssh-rsa', publicKey, key }
}

function rsaWire(key: KeyObject): Uint8Array {
  const { n, e } = key.export({ format: 'jwk' })
  const integer = (text: string) => {
    const bytes = Buffer.from(text, 'base64url')
    return bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
  }
  return Buffer.concat([Buffer.from('ssh-rsa'), integer(e!), integer(n!)].flatMap((part) => [lengthOf(part), part]))
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return length
}

function wrongPassphrase(subject: string, cause?: unknown): BackupError {
  return new BackupError('wrong-key', 'the passphrase does not open the SSH key', subject, { cause })
}
