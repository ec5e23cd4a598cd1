// docs/format.md, 3.7: the root key's word that a writer belongs to the repository.
//
//   header (8) | {0: wid, 1: public key, 2: role, 3: [domain id …], 4: created, 5: sealed name} | signature (64)
import { assert } from '../base/assert.ts'
import { displayText, utf8 } from '../base/bytes.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SIGNING_PUBLIC_KEY_SIZE } from '../crypto/signing.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { DOMAINS_MAX, readRole, roleNumber } from './bundle.ts'
import type { Role } from './bundle.ts'
import { limitedText, need, readFilledList, withUnknown, writeList } from './fields.ts'
import { ID_SIZE } from './names.ts'
import { OBJECT_TYPES } from './object-header.ts'
import { checkSignedObject, checkWriterId, signObject, writerIdOf } from './signed-object.ts'
import { DOMAIN_ID_SIZE, SHORT_TEXT_MAX } from './snapshot-body.ts'

export interface WriterCertificate {
  readonly suite: Suite
  /** The first 16 bytes of the hash of the public key. */
  readonly wid: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  readonly role: Role
  /** Domains it may write to, 8 bytes each. */
  readonly domainIds: readonly Uint8Array[]
  readonly created: Timespec
  readonly sealedName: Uint8Array
  readonly unknown?: readonly RawField[]
}

/** Bytes of a certificate. */
const CERTIFICATE_SIZE_MAX = 64 * 1024

/** The bytes of `writers/<wid>`; `sealer` is of the first domain's `K_idx`, `signer` the root key. */
export function encodeWriterCertificate(
  cert: {
    readonly publicKey: Uint8Array
    readonly role: Role
    readonly domainIds: readonly Uint8Array[]
    readonly created: Timespec
    readonly name: string
  },
  { sealer, signer }: { readonly sealer: Sealer; readonly signer: SigningKey },
): Uint8Array {
  assert(cert.publicKey.length === SIGNING_PUBLIC_KEY_SIZE, 'a public key has 32 bytes')
  assert(cert.domainIds.length >= 1 && cert.domainIds.length <= DOMAINS_MAX, 'a writer has domains')
  const wid = writerIdOf(cert.publicKey)
  const w = new CborWriter(512).openMap()
  w.key(0).bytes(wid)
  w.key(1).bytes(cert.publicKey)
  w.key(2).uint(roleNumber(cert.role))
  writeList(w.key(3), cert.domainIds, (id) => w.bytes(id))
  w.key(4).timespec(cert.created)
  w.key(5).bytes(
    sealer.seal(OBJECT_TYPES.writerCertificate, wid, utf8(limitedText(cert.name, SHORT_TEXT_MAX, 'name of a writer'))),
  )
  return signObject(OBJECT_TYPES.writerCertificate, sealer.suite, [w.closeMap().finish()], signer)
}

/** Reads a certificate that the root key signed; `corrupt` naming `subject`. */
export function decodeWriterCertificate(
  bytes: Uint8Array,
  subject: string,
  { rootPublic }: { readonly rootPublic: Uint8Array },
): WriterCertificate {
  const { suite, content } = checkSignedObject(OBJECT_TYPES.writerCertificate, bytes, subject, rootPublic)
  if (bytes.length > CERTIFICATE_SIZE_MAX) {
    throw new BackupError('corrupt', `certificate has ${bytes.length} bytes`, subject)
  }
  const r = new CborReader(content, subject)
  const cert: { -readonly [K in keyof WriterCertificate]?: WriterCertificate[K] } = {}
  const unknown = r.fields((key) => {
    if (key === 0) cert.wid = r.fixed(ID_SIZE)
    else if (key === 1) cert.publicKey = r.fixed(SIGNING_PUBLIC_KEY_SIZE)
    else if (key === 2) cert.role = readRole(r, subject)
    else if (key === 3) cert.domainIds = readFilledList(r, DOMAINS_MAX, () => r.fixed(DOMAIN_ID_SIZE))
    else if (key === 4) cert.created = r.timespec()
    else if (key === 5) cert.sealedName = r.bytes()
    else return false
    return true
  })
  r.end()
  const wid = need(r, cert.wid, 'writer id')
  const publicKey = need(r, cert.publicKey, 'public key')
  checkWriterId(wid, publicKey, subject)
  return {
    suite,
    wid,
    publicKey,
    role: need(r, cert.role, 'role'),
    domainIds: need(r, cert.domainIds, 'domains'),
    created: need(r, cert.created, 'time of creation'),
    sealedName: need(r, cert.sealedName, 'name'),
    ...withUnknown(unknown),
  }
}

/** The name of a writer; `sealer` is of `K_idx` of the certificate's first domain. */
export function openWriterName(cert: WriterCertificate, sealer: Sealer, subject: string): string {
  const text = sealer.open(OBJECT_TYPES.writerCertificate, cert.wid, cert.sealedName, subject)
  if (text.length > SHORT_TEXT_MAX) throw new BackupError('corrupt', `name has ${text.length} bytes`, subject)
  return displayText(text)
}
