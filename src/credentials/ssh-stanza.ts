// The stanzas `ssh-ed25519` and `ssh-rsa` of age files. They are not in age's specification; this follows its package
// `agessh` (filippo.io/age), which every age client of version 1 has.
import { constants, hkdfSync, privateDecrypt, publicEncrypt, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { wipe } from '../crypto/wipe.ts'
import { fromBase64, toBase64 } from './age-header.ts'
import type { AgeStanza } from './age-header.ts'
import { openWithKey, sealWithKey } from './file-key.ts'
import { sshTag } from './ssh-public-key.ts'
import type { SshPublicKey } from './ssh-public-key.ts'
import { montgomeryOfEd25519, scalarOfEd25519Seed, x25519, x25519Public } from './x25519.ts'

/** A private key, with its public half. */
export type SshPrivateKey =
  | {
      readonly type: 'ssh-ed25519'
      readonly publicKey: Extract<SshPublicKey, { type: 'ssh-ed25519' }>
      /** 32 bytes. */
      readonly seed: Uint8Array
    }
  | {
      readonly type: 'ssh-rsa'
      readonly publicKey: Extract<SshPublicKey, { type: 'ssh-rsa' }>
      readonly key: KeyObject
    }

const ED25519_LABEL = 'age-encryption.org/v1/ssh-ed25519'
const RSA_LABEL = Buffer.from('age-encryption.org/v1/ssh-rsa')

export function wrapForSsh(fileKey: Uint8Array, recipient: SshPublicKey, random: SecureRandom): AgeStanza {
  const tag = sshTag(recipient)
  if (recipient.type === 'ssh-rsa') {
    const body = publicEncrypt({ key: recipient.key, ...OAEP }, fileKey)
    return { args: ['ssh-rsa', tag], body: new Uint8Array(body) }
  }
  const ephemeral = random(32)
  const share = x25519Public(ephemeral)
  const point = montgomeryOfEd25519(recipient.point)
  const wrappingKey = ed25519WrappingKey(x25519(ephemeral, point), share, point, recipient)
  const body = sealWithKey(fileKey, wrappingKey)
  wipe(ephemeral, wrappingKey)
  return { args: ['ssh-ed25519', tag, toBase64(share)], body }
}

/** Whether a stanza names this key. The name is short: another key may have the same. */
export function isForSsh({ args }: AgeStanza, key: SshPublicKey): boolean {
  return args[0] === key.type && args[1] === sshTag(key)
}

/** The file key in a stanza; null when it is for another key. Throws `corrupt` when it is for this one and damaged. */
export function unwrapWithSsh(stanza: AgeStanza, key: SshPrivateKey, subject: string): Uint8Array | null {
  if (!isForSsh(stanza, key.publicKey)) return null
  const { args, body } = stanza
  const corrupt = (cause?: unknown) =>
    new BackupError('corrupt', `the ${key.type} stanza of the key slot does not open`, subject, { cause })
  if (key.type === 'ssh-rsa') {
    if (args.length !== 2) throw corrupt()
    try {
      return new Uint8Array(privateDecrypt({ key: key.key, ...OAEP }, body))
    } catch (cause) {
      throw corrupt(cause)
    }
  }
  const share = args.length === 3 ? fromBase64(args[2]!) : null
  if (share?.length !== 32) throw corrupt()
  const scalar = scalarOfEd25519Seed(key.seed)
  const fileKey = openWithKey(body, unwrappingKey(scalar, share, key.publicKey, corrupt))
  wipe(scalar)
  if (fileKey === null) throw corrupt()
  return fileKey
}

/** Whether the halves of a key belong together; a file can say two things. */
export function isKeyPair(key: SshPrivateKey): boolean {
  if (key.type === 'ssh-rsa') return true
  const own = x25519Public(scalarOfEd25519Seed(key.seed))
  return timingSafeEqual(own, montgomeryOfEd25519(key.publicKey.point))
}

const OAEP = { oaepHash: 'sha256', oaepLabel: RSA_LABEL, padding: constants.RSA_PKCS1_OAEP_PADDING } as const

function unwrappingKey(
  scalar: Uint8Array,
  share: Uint8Array,
  publicKey: SshPublicKey,
  corrupt: (cause: unknown) => BackupError,
): Uint8Array {
  try {
    return ed25519WrappingKey(x25519(scalar, share), share, x25519Public(scalar), publicKey)
  } catch (cause) {
    throw corrupt(cause) // a point of small order
  }
}

/** The tweak binds the wrapping to the SSH key rather than to the X25519 key that is made of it. */
function ed25519WrappingKey(
  shared: Uint8Array,
  share: Uint8Array,
  point: Uint8Array,
  { wire }: SshPublicKey,
): Uint8Array {
  const tweak = new Uint8Array(hkdfSync('sha256', new Uint8Array(), wire, ED25519_LABEL, 32))
  const tweaked = x25519(tweak, shared)
  const salt = Buffer.concat([share, point])
  const key = new Uint8Array(hkdfSync('sha256', tweaked, salt, ED25519_LABEL, 32))
  wipe(shared, tweaked)
  return key
}
