// What signed objects share: 64 bytes at the end, an Ed25519 signature over all bytes before it. It is checked before
// anything but the header and the identifiers in the clear is looked at.
//
// Three kinds of objects also share their layout (docs/format.md, 5, 8 and 9):
//
//   header (8) | wid (16) | seal(K_idx, object type, wid, body) | signature (64)
import { assert } from '../base/assert.ts'
import { equalBytes, releaseMemory } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { hash } from '../crypto/hash.ts'
import { SealError } from '../crypto/seal.ts'
import type { Sealer, Suite } from '../crypto/seal.ts'
import { SIGNATURE_SIZE, verifySignature } from '../crypto/signing.ts'
import type { SigningKey } from '../crypto/signing.ts'
import { ID_SIZE } from './names.ts'
import { checkHeader, HEADER_SIZE, joinObject } from './object-header.ts'
import type { ObjectType } from './object-header.ts'

/** What writing a signed object with a sealed part needs; `sealer` is of `K_idx`, `signer` the writer's key. */
export interface SignedPartWriter {
  readonly sealer: Sealer
  readonly signer: SigningKey
}

/** What reading one needs; `publicKey` is that of the writer the object names, from its certificate. */
export interface SignedPartReader {
  readonly sealer: Sealer
  readonly publicKey: Uint8Array
}

/** The id of the writer with this public key, 16 bytes: the id binds the key. */
export function writerIdOf(publicKey: Uint8Array): Uint8Array {
  return hash(publicKey).slice(0, ID_SIZE)
}

/** The bytes of an object: header, parts, and the signature over them. */
export function signObject(
  type: ObjectType,
  suite: Suite,
  parts: readonly Uint8Array[],
  signer: Pick<SigningKey, 'sign'>,
): Uint8Array {
  const bytes = joinObject(type, suite, ...parts, new Uint8Array(SIGNATURE_SIZE))
  const end = bytes.length - SIGNATURE_SIZE
  const signature = signer.sign(bytes.subarray(0, end))
  assert(signature.length === SIGNATURE_SIZE, 'a signature has 64 bytes')
  bytes.set(signature, end)
  return bytes
}

/** Checks header and signature; gives the suite and what lies between them, a view. `corrupt` naming `subject`. */
export function checkSignedObject(
  type: ObjectType,
  bytes: Uint8Array,
  subject: string,
  publicKey: Uint8Array,
): { readonly suite: Suite; readonly content: Uint8Array } {
  const suite = checkHeader(bytes, type, subject)
  const end = signedEnd(bytes, subject)
  if (!verifySignature(publicKey, bytes.subarray(0, end), bytes.subarray(end))) {
    throw new BackupError('corrupt', 'signature is not that of its writer', subject)
  }
  return { suite, content: bytes.subarray(HEADER_SIZE, end) }
}

/** What lies between header and signature, not checked: for a key-less look, and to learn whose signature it is. */
export function signedContent(type: ObjectType, bytes: Uint8Array, subject: string): Uint8Array {
  checkHeader(bytes, type, subject)
  return bytes.subarray(HEADER_SIZE, signedEnd(bytes, subject))
}

/** The bytes of an object of the shared layout. The memory of `body` is given back: a segment may be large. */
export function sealSignedPart(type: ObjectType, body: Uint8Array, { sealer, signer }: SignedPartWriter): Uint8Array {
  const wid = writerIdOf(signer.publicKey)
  const sealed = sealer.seal(type, wid, body)
  releaseMemory(body)
  const bytes = signObject(type, sealer.suite, [wid, sealed], signer)
  releaseMemory(sealed)
  return bytes
}

/** Whose object of the shared layout this is, 16 bytes. Needs no key and proves nothing. */
export function readSignerId(type: ObjectType, bytes: Uint8Array, subject: string): Uint8Array {
  const content = signedContent(type, bytes, subject)
  if (content.length < ID_SIZE) throw tooShort(bytes, subject)
  return content.slice(0, ID_SIZE)
}

/** Checks an object of the shared layout, signature first, and opens its body. */
export function openSignedPart(
  type: ObjectType,
  bytes: Uint8Array,
  subject: string,
  { sealer, publicKey }: SignedPartReader,
): { readonly wid: Uint8Array; readonly body: Uint8Array } {
  const { suite, content } = checkSignedObject(type, bytes, subject, publicKey)
  if (content.length < ID_SIZE) throw tooShort(bytes, subject)
  const wid = content.slice(0, ID_SIZE)
  checkWriterId(wid, publicKey, subject)
  checkSuite(suite, sealer, subject)
  return { wid, body: sealer.open(type, wid, content.subarray(ID_SIZE), subject) }
}

/** An object that names one writer must not pass with the signature of another. */
export function checkWriterId(wid: Uint8Array, publicKey: Uint8Array, subject: string): void {
  if (!equalBytes(wid, writerIdOf(publicKey))) {
    throw new BackupError('corrupt', 'object names another writer than the one who signed it', subject)
  }
}

/** The suite is part of what a seal authenticates, so a sealer of another suite cannot open the object: it may be of another domain. */
export function checkSuite(suite: Suite, sealer: Sealer, subject: string): void {
  if (suite !== sealer.suite) {
    throw new SealError(subject, { what: `object has suite ${suite}, what is expected here ${sealer.suite}` })
  }
}

function signedEnd(bytes: Uint8Array, subject: string): number {
  if (bytes.length < HEADER_SIZE + SIGNATURE_SIZE) throw tooShort(bytes, subject)
  return bytes.length - SIGNATURE_SIZE
}

function tooShort(bytes: Uint8Array, subject: string): BackupError {
  return new BackupError('corrupt', `object of ${bytes.length} bytes ends early`, subject)
}
