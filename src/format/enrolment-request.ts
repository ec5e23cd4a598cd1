// docs/format.md, 3.9: a machine without any key asks to be let in. It is signed by the key that it asks to be certified.
//
//   header (8) | {0: repoId, 1: public key, 2: age recipient, 3: created} | signature (64)
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import { SIGNING_PUBLIC_KEY_SIZE } from '../crypto/signing.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { limitedText, need, withUnknown } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { checkSignedObject, signedContent, signObject } from './signed-object.ts'

export interface EnrolmentRequest {
  readonly repoId: Uint8Array
  /** Ed25519, 32 bytes: the writer that the machine will be. */
  readonly publicKey: Uint8Array
  /** For whom the key slot is to be made. */
  readonly recipient: string
  readonly created: Timespec
  readonly unknown?: readonly RawField[]
}

/** Bytes of a request: twice what the longest recipient takes. */
export const ENROLMENT_SIZE_MAX = 16 * 1024
/** Bytes of a recipient; one that stands a quantum computer has 1,959. */
const RECIPIENT_MAX = 8 * 1024

/** A request has no secret to protect: its header says suite 1 in every repository. */
const SUITE = 1

/** The bytes of `enrol/<H>`; `signer` is the key that asks. */
export function encodeEnrolmentRequest(
  { repoId, recipient, created }: Omit<EnrolmentRequest, 'publicKey'>,
  signer: SigningKey,
): Uint8Array {
  const w = new CborWriter(4096).openMap()
  w.key(0).bytes(repoId)
  w.key(1).bytes(signer.publicKey)
  w.key(2).text(limitedText(recipient, RECIPIENT_MAX, 'recipient'))
  w.key(3).timespec(created)
  return signObject(OBJECT_TYPES.enrolmentRequest, SUITE, [w.closeMap().finish()], signer)
}

/** Reads a request and checks that the key it names has signed it; `corrupt` naming `subject`. */
export function decodeEnrolmentRequest(bytes: Uint8Array, subject: string): EnrolmentRequest {
  if (bytes.length > ENROLMENT_SIZE_MAX) {
    throw new BackupError('corrupt', `enrolment request has ${bytes.length} bytes`, subject)
  }
  const r = new CborReader(signedContent(OBJECT_TYPES.enrolmentRequest, bytes, subject), subject)
  const request: { -readonly [K in keyof EnrolmentRequest]?: EnrolmentRequest[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) request.repoId = r.fixed(ID_SIZE).slice()
    else if (key === 1) request.publicKey = r.fixed(SIGNING_PUBLIC_KEY_SIZE).slice()
    else if (key === 2) request.recipient = r.text(RECIPIENT_MAX)
    else if (key === 3) request.created = r.timespec()
    else return false
    return true
  })
  r.end()
  const publicKey = need(r, request.publicKey, 'public key')
  checkSignedObject(OBJECT_TYPES.enrolmentRequest, bytes, subject, publicKey)
  return {
    repoId: need(r, request.repoId, 'repository id'),
    publicKey,
    recipient: need(r, request.recipient, 'recipient'),
    created: need(r, request.created, 'time of creation'),
    ...withUnknown(unknown),
  }
}
