// The packets of an OpenPGP message (RFC 9580, 4), looked at before a program is given the message. It comes from the
// store: one that asks for a passphrase would make gpg put up a window for it, with words that somebody else chose.
import { BackupError } from '../base/errors.ts'

const TAG_KEY = 1 // session key, encrypted for a public key
const TAG_MARKER = 10
const TAG_DATA = 18 // encrypted and protected against changes
const TAG_DATA_GNUPG = 20 // the same by GnuPG's own way, OCB
/** Recipients of one slot; for each gpg tries a key. */
const KEYS_MAX = 64

/** Throws `limit` or `corrupt` for what is not made by encrypting for a few public keys. */
export function checkOpenPgpMessage(message: Uint8Array, subject: string): void {
  const corrupt = (why: string) =>
    new BackupError('corrupt', `the OpenPGP message of the key slot ${why}`, subject, {
      hint: 'a Holdfast client does not make such a slot; look at who can write to the store',
    })
  let keys = 0
  for (let at = 0; ;) {
    const packet = packetAt(message, at)
    if (packet === null) throw corrupt('is cut off')
    const { tag, next } = packet
    if (tag === TAG_DATA || tag === TAG_DATA_GNUPG) {
      if (keys === 0) throw corrupt('is for no key')
      return
    }
    if (tag === TAG_KEY) keys++
    else if (tag !== TAG_MARKER) throw corrupt(`has a packet of type ${tag}, which is not for it`)
    if (keys > KEYS_MAX) throw new BackupError('limit', `the key slot is for more than ${KEYS_MAX} keys`, subject)
    if (next === undefined || next <= at) throw corrupt('has a packet without an end')
    at = next
  }
}

/** `next` is undefined for a packet in parts, which only data may have. */
function packetAt(message: Uint8Array, at: number): { tag: number; next: number | undefined } | null {
  const first = message[at]
  if (first === undefined || (first & 0x80) === 0) return null
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const end = (lengthSize: number, length: number) => ({ start: at + 1 + lengthSize, length })
  const has = (bytes: number) => at + bytes < message.length
  let body: { start: number; length: number } | undefined
  let tag: number
  if ((first & 0x40) === 0) {
    tag = (first >> 2) & 15
    const lengthSize = 1 << (first & 3)
    if (lengthSize === 8) return { tag, next: undefined }
    if (!has(lengthSize)) return null
    const length =
      lengthSize === 1 ? view.getUint8(at + 1) : lengthSize === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1)
    body = end(lengthSize, length)
  } else {
    tag = first & 63
    if (!has(1)) return null
    const length = view.getUint8(at + 1)
    if (length < 192) body = end(1, length)
    else if (length < 224) {
      if (!has(2)) return null
      body = end(2, ((length - 192) << 8) + view.getUint8(at + 2) + 192)
    } else if (length === 255) {
      if (!has(5)) return null
      body = end(5, view.getUint32(at + 2))
    } else return { tag, next: undefined }
  }
  const next = body.start + body.length
  return next > message.length ? null : { tag, next }
}
