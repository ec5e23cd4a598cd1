// SSH public keys of the two types that age encrypts to: lines like those of `id_ed25519.pub` and `authorized_keys`, and
// their wire encoding (RFC 4253, 6.6; RFC 8709).
import { createHash, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { fromBase64, toBase64 } from './age-header.ts'
import { WireReader } from './ssh-wire.ts'
import { isOfSmallOrder, montgomeryOfEd25519 } from './x25519.ts'

export type SshPublicKey =
  | { readonly type: 'ssh-ed25519'; readonly wire: Uint8Array; /** 32 bytes. */ readonly point: Uint8Array }
  | { readonly type: 'ssh-rsa'; readonly wire: Uint8Array; readonly key: KeyObject }

/** A modulus below 2,048 bits can be broken, and age refuses it too; above 16,384 OpenSSH does not make any. */
const RSA_BITS_MIN = 2048
const RSA_BITS_MAX = 16_384

/** Reads `ssh-ed25519 AAAA… comment`. Throws `usage` naming `subject` for a key that cannot be used. */
export function parseSshPublicKey(line: string, subject: string): SshPublicKey {
  const [type, encoded = ''] = line.trim().split(/\s+/)
  const wire = fromBase64(encoded.replace(/={0,2}$/, ''))
  if (wire === null || wire.length === 0) throw new BackupError('usage', 'this is no SSH public key', subject)
  const key = readSshPublicKey(wire, subject)
  if (key.type !== type) throw new BackupError('usage', `this SSH public key says ${type} and is ${key.type}`, subject)
  return key
}

/** Reads the wire encoding. */
export function readSshPublicKey(wire: Uint8Array, subject: string): SshPublicKey {
  const r = new WireReader(wire, subject)
  const type = displayText(r.string())
  if (type === 'ssh-ed25519') {
    const point = r.string()
    r.end()
    if (point.length !== 32) throw new BackupError('usage', 'an Ed25519 key of a wrong length', subject)
    if (isOfSmallOrder(montgomeryOfEd25519(point))) {
      throw new BackupError('usage', 'this is no Ed25519 key: everybody would know what is encrypted for it', subject)
    }
    return { type, wire, point }
  }
  if (type !== 'ssh-rsa') throw unusable(type, subject)
  const [e, n] = [r.integer(), r.integer()]
  r.end()
  const bits = n.toString(2).length
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw new BackupError('usage', `an RSA key of ${bits} bits is not used`, subject, {
      hint: `it has to have ${RSA_BITS_MIN} to ${RSA_BITS_MAX}; a new Ed25519 key is better: ssh-keygen -t ed25519`,
    })
  }
  return { type, wire, key: createPublicKey({ key: { kty: 'RSA', n: base64Url(n), e: base64Url(e) }, format: 'jwk' }) }
}

/** What a stanza names its key with: four bytes of a hash. */
export function sshTag({ wire }: SshPublicKey): string {
  return toBase64(createHash('sha256').update(wire).digest().subarray(0, 4))
}

/** As `ssh-keygen -l` shows it. */
export function sshFingerprint({ wire }: SshPublicKey): string {
  return `SHA256:${toBase64(createHash('sha256').update(wire).digest())}`
}

/** An integer as a JSON Web Key has it. */
export function base64Url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}

function unusable(type: string, subject: string): BackupError {
  const what = type.startsWith('sk-')
    ? 'a key on a security key can sign and not decrypt'
    : `an SSH key of type ${JSON.stringify(type.slice(0, 60))} cannot be used to encrypt`
  return new BackupError('usage', what, subject, { hint: 'use a key of type ssh-ed25519 or ssh-rsa' })
}
