// docs/format.md, 3.6: a capability bundle sealed for one credential.
//
//   header (8) | {0: kind, 1: parameters, 2: sealed bundle, 3: created, 4: sealed label, 5: role, 6: sealed detail,
//                 7: public key, 8: root check, 9: ct, 10: times made anew, 11: sealed holder} | signature (64)
//
// The signature, by the root key, is there exactly where the holder is: in slots that an administrator has made. Such a slot
// can be made anew without its credential, by sealing another bundle to its public key.
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import { equalBytes, utf8 } from '../base/bytes.ts'
import { HASH_SIZE } from '../crypto/hash.ts'
import { encapsulate, KEM_CIPHERTEXT_SIZE, KEM_PUBLIC_KEY_SIZE } from '../crypto/kem.ts'
import type { Encapsulated } from '../crypto/kem.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import { SIGNATURE_SIZE, signingKeyFromSeed, verifySignature } from '../crypto/signing.ts'
import { wipe } from '../crypto/wipe.ts'
import { decodeBundle, encodeBundle, readRole, roleNumber } from './bundle.ts'
import type { Bundle, Role } from './bundle.ts'
import { clippedText, limitedText, need, withUnknown } from './fields.ts'
import { checkHeader, HEADER_SIZE, joinObject, keySealingSuite, OBJECT_TYPES, SEALED_TYPES } from './object-header.ts'
import { signObject } from './signed-object.ts'
import { holderOf, openHolder, sealHolder } from './slot-holder.ts'
import type { SlotHolder } from './slot-holder.ts'
import { slotPublicKey, slotRootCheck, slotWrapKey } from './slot-kem.ts'
import type { SlotSecrets } from './slot-kem.ts'
import { kindWords, knownKind, readMethod, writeMethod } from './slot-kinds.ts'
import type { SlotMethod } from './slot-kinds.ts'
import { encodeMethod, labelSealer, SLOT_DETAIL_MAX } from './slot-texts.ts'
import { SHORT_TEXT_MAX } from './snapshot-body.ts'

export { encodeMethod, openSlotDetail, openSlotLabel, SLOT_DETAIL_MAX } from './slot-texts.ts'

export interface KeySlot {
  readonly suite: Suite
  readonly method: SlotMethod
  readonly sealedBundle: Uint8Array
  readonly created: Timespec
  readonly sealedLabel?: Uint8Array
  readonly sealedDetail?: Uint8Array
  /** For listings; the role in the bundle is the one that counts. */
  readonly role: Role
  /** 1,216 bytes, of the slot itself. */
  readonly publicKey: Uint8Array
  readonly rootCheck: Uint8Array
  /** Where the bundle is sealed to the public key. */
  readonly ct?: Uint8Array
  /** How often the slot was made anew without its credential. */
  readonly renewals: number
  readonly sealedHolder?: Uint8Array
  /** By a root key; whose, only an open bundle tells. */
  readonly signature?: { readonly over: Uint8Array; readonly bytes: Uint8Array }
  readonly unknown?: readonly RawField[]
}

/** Bytes of a slot: 256 domains are 700 KiB. */
export const KEY_SLOT_SIZE_MAX = 1024 * 1024

export interface NewKeySlot {
  readonly method: SlotMethod
  readonly bundle: Bundle
  /** Of whoever makes the slot: its first domain seals label and detail where the bundle has none, its root key signs. */
  readonly maker?: Bundle
  readonly created: Timespec
  /** The user's own words. */
  readonly label?: string
  /** Which credential it is, where its kind does not say all: recipients, a fingerprint. Cut where it is too long. */
  readonly detail?: string
}

/** The bytes of `keys/<H>`; `suite` is that of the repository. */
export function encodeKeySlot(
  slot: NewKeySlot,
  { slotKey, repoId, suite: repoSuite }: SlotSecrets & { readonly suite: Suite },
): Uint8Array {
  const suite = keySealingSuite(repoSuite)
  const { method, bundle, maker = bundle, created, label = '', detail = '' } = slot
  const context = encodeMethod(method)
  // Somebody who has no domain can make keys for himself, of which nobody reads what they are called.
  const first = bundle.domains[0] ?? maker.domains[0]
  const texts = first === undefined ? undefined : labelSealer(first, repoId, suite)
  const sealText = (type: number, text: string) => (text === '' ? undefined : texts?.seal(type, context, utf8(text)))
  const sealedLabel = sealText(SEALED_TYPES.slotLabel, limitedText(label, SHORT_TEXT_MAX, 'label'))
  const sealedDetail = sealText(SEALED_TYPES.slotDetail, clippedText(detail, SLOT_DETAIL_MAX))
  return writeSlot(
    {
      suite,
      method,
      sealedBundle: sealBundle(bundle, slotKey, suite, context),
      created,
      ...(sealedLabel && { sealedLabel }),
      role: bundle.role,
      ...(sealedDetail && { sealedDetail }),
      publicKey: slotPublicKey({ slotKey, repoId }),
      rootCheck: slotRootCheck({ slotKey, repoId }, bundle.rootPublic),
      renewals: 0,
    },
    holderOf(bundle),
    maker,
  )
}

export interface Renewal {
  /** What is in the slot from now on. */
  readonly bundle: Bundle
  /** An administrator's, with the domain whose key has sealed the label. */
  readonly maker: Bundle
  /** To the public key of the slot. */
  readonly encapsulated?: Encapsulated
}

/** The bytes of the slot made anew, for the same credential. */
export function encodeRenewedSlot(
  old: KeySlot,
  { bundle, maker, encapsulated = encapsulate(old.publicKey) }: Renewal,
): Uint8Array {
  const { sealedLabel: _, sealedDetail: __, ...same } = old
  const context = encodeMethod(old.method)
  const { ct, wrapKey } = encapsulated
  const sealedBundle = sealBundle(bundle, wrapKey, old.suite, context)
  wipe(wrapKey)
  const first = bundle.domains[0] ?? maker.domains[0]!
  // The key of labels is one of the bundle, which may have another first domain now.
  const again = (type: number, sealed: Uint8Array | undefined) => {
    if (sealed === undefined) return undefined
    for (const { keyIdx } of maker.domains) {
      try {
        const text = labelSealer({ keyIdx }, maker.repoId, old.suite).open(type, context, sealed, 'key slot')
        return labelSealer(first, maker.repoId, old.suite).seal(type, context, text)
      } catch {}
    }
    return sealed
  }
  const label = again(SEALED_TYPES.slotLabel, old.sealedLabel)
  const detail = again(SEALED_TYPES.slotDetail, old.sealedDetail)
  const texts = { ...(label && { sealedLabel: label }), ...(detail && { sealedDetail: detail }) }
  const slot = { ...same, ...texts, sealedBundle, role: bundle.role, ct, renewals: old.renewals + 1 }
  return writeSlot(slot, holderOf(bundle), maker)
}

/** Reads what a slot says without its key. `corrupt` or `unsupported`, naming `subject`. */
export function decodeKeySlot(bytes: Uint8Array, subject: string): KeySlot {
  const suite = checkHeader(bytes, OBJECT_TYPES.keySlot, subject)
  if (suite === 0) throw new BackupError('corrupt', 'key slot is not encrypted', subject)
  if (bytes.length > KEY_SLOT_SIZE_MAX) throw new BackupError('corrupt', `key slot has ${bytes.length} bytes`, subject)
  const r = new CborReader(bytes, subject, HEADER_SIZE)
  const slot: { -readonly [K in keyof KeySlot]?: KeySlot[K] } = {}
  let kind: number | undefined
  const unknown = r.fields((key) => {
    if (key === 0) kind = r.uint()
    else if (key === 1) slot.method = readMethod(r, need(r, kind, 'kind'))
    else if (key === 2) slot.sealedBundle = r.bytes()
    else if (key === 3) slot.created = r.timespec()
    else if (key === 4) slot.sealedLabel = r.bytes()
    else if (key === 5) slot.role = readRole(r, subject)
    else if (key === 6) slot.sealedDetail = r.bytes()
    else if (key === 7) slot.publicKey = r.fixed(KEM_PUBLIC_KEY_SIZE)
    else if (key === 8) slot.rootCheck = r.fixed(HASH_SIZE)
    else if (key === 9) slot.ct = r.fixed(KEM_CIPHERTEXT_SIZE)
    else if (key === 10) slot.renewals = r.uint()
    else if (key === 11) slot.sealedHolder = r.bytes()
    else return false
    return true
  })
  const over = bytes.subarray(0, r.position)
  const isSigned = slot.sealedHolder !== undefined
  if (bytes.length - over.length !== (isSigned ? SIGNATURE_SIZE : 0)) {
    throw r.corrupt(isSigned ? 'is not followed by one signature,' : 'is followed by something,')
  }
  if (slot.renewals === 0 || (slot.ct !== undefined) !== (slot.renewals !== undefined) || (slot.ct && !isSigned)) {
    throw r.corrupt('is made anew by halves,')
  }
  return {
    suite,
    method: need(r, slot.method, 'method'),
    sealedBundle: need(r, slot.sealedBundle, 'bundle'),
    created: need(r, slot.created, 'time of creation'),
    ...(slot.sealedLabel !== undefined && { sealedLabel: slot.sealedLabel }),
    role: need(r, slot.role, 'role'),
    ...(slot.sealedDetail !== undefined && { sealedDetail: slot.sealedDetail }),
    publicKey: need(r, slot.publicKey, 'public key'),
    rootCheck: need(r, slot.rootCheck, 'word on its root key'),
    ...(slot.ct !== undefined && { ct: slot.ct }),
    renewals: slot.renewals ?? 0,
    ...(slot.sealedHolder !== undefined && {
      sealedHolder: slot.sealedHolder,
      signature: { over, bytes: bytes.subarray(over.length) },
    }),
    ...withUnknown(unknown),
  }
}

/**
 * Opens the bundle of a slot. `wrong-key` when the key is not the one it was sealed with: the caller has compared the
 * slot with the hash in its name, so that damage is ruled out. `corrupt` when it was made for another root key, or the
 * signature is not by the root key that the bundle names.
 */
export function openKeySlot(slot: KeySlot, secrets: SlotSecrets, subject: string): Bundle {
  const kind = knownKind(slot.method, subject)
  const wrongKey = (cause: unknown) =>
    new BackupError('wrong-key', `the ${kindWords(kind)} does not open this slot`, subject, { cause })
  let plain: Uint8Array
  try {
    const key = slot.ct === undefined ? secrets.slotKey : slotWrapKey(secrets, slot.ct)
    const sealer = new Sealer(key, secrets.repoId, slot.suite)
    plain = sealer.open(SEALED_TYPES.bundle, encodeMethod(slot.method), slot.sealedBundle, subject)
  } catch (cause) {
    throw wrongKey(cause)
  }
  const bundle = decodeBundle(plain, subject)
  wipe(plain)
  if (!equalBytes(slot.rootCheck, slotRootCheck(secrets, bundle.rootPublic))) {
    throw new BackupError('corrupt', 'the key slot was made for another root key', subject)
  }
  if (slot.signature !== undefined && !isSignedBy(slot, bundle.rootPublic)) {
    throw new BackupError('corrupt', 'the key slot is not signed by the root key', subject)
  }
  return bundle
}

/** Whether an administrator has made the slot as it is, who can make it anew. */
export function isSignedBy({ signature }: KeySlot, rootPublic: Uint8Array): boolean {
  return signature !== undefined && verifySignature(rootPublic, signature.over, signature.bytes)
}

/** Who has a slot that is signed. `corrupt` naming `subject`. */
export function openSlotHolder(slot: KeySlot, { rootSeed, repoId }: Bundle, subject: string): SlotHolder {
  const keys = { rootSeed: rootSeed!, repoId, suite: slot.suite, context: encodeMethod(slot.method) }
  return openHolder(slot.sealedHolder!, keys, subject)
}

function sealBundle(bundle: Bundle, key: Uint8Array, suite: Suite, context: Uint8Array): Uint8Array {
  const plain = encodeBundle(bundle)
  const sealed = new Sealer(key, bundle.repoId, suite).seal(SEALED_TYPES.bundle, context, plain)
  wipe(plain)
  return sealed
}

function writeSlot(
  slot: Omit<KeySlot, 'sealedHolder' | 'signature'>,
  holder: SlotHolder,
  { rootSeed, repoId }: Bundle,
): Uint8Array {
  const { suite, method } = slot
  const w = new CborWriter(slot.sealedBundle.length + 4096).openMap()
  writeMethod(w, method)
  w.key(2).bytes(slot.sealedBundle)
  w.key(3).timespec(slot.created)
  if (slot.sealedLabel !== undefined) w.key(4).bytes(slot.sealedLabel)
  w.key(5).uint(roleNumber(slot.role))
  if (slot.sealedDetail !== undefined) w.key(6).bytes(slot.sealedDetail)
  w.key(7).bytes(slot.publicKey)
  w.key(8).bytes(slot.rootCheck)
  if (slot.ct !== undefined) w.key(9).bytes(slot.ct).key(10).uint(slot.renewals)
  if (rootSeed !== undefined) {
    w.key(11).bytes(sealHolder(holder, { rootSeed, repoId, suite, context: encodeMethod(method) }))
  }
  const map = w.rawFields(slot.unknown).closeMap().finish()
  const bytes =
    rootSeed === undefined
      ? joinObject(OBJECT_TYPES.keySlot, suite, map)
      : signObject(OBJECT_TYPES.keySlot, suite, [map], signingKeyFromSeed(rootSeed))
  if (bytes.length <= KEY_SLOT_SIZE_MAX) return bytes
  throw new BackupError(
    'limit',
    `a key slot of ${bytes.length} bytes, at most ${KEY_SLOT_SIZE_MAX} are allowed`,
    'new key slot',
  )
}
