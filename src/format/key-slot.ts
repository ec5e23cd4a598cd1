// docs/format.md, 3.6: a capability bundle sealed for one credential.
//
//   header (8) | {0: kind, 1: parameters, 2: sealed bundle, 3: created, 4: sealed label, 5: role, 6: sealed detail}
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import { displayText, utf8 } from '../base/bytes.ts'
import { deriveKey } from '../crypto/hash.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import { wipe } from '../crypto/wipe.ts'
import { decodeBundle, encodeBundle, readRole, roleNumber } from './bundle.ts'
import type { Bundle, Role } from './bundle.ts'
import { clippedText, limitedText, need, withUnknown } from './fields.ts'
import { checkHeader, HEADER_SIZE, joinObject, keySealingSuite, OBJECT_TYPES, SEALED_TYPES } from './object-header.ts'
import { kindWords, knownKind, readMethod, writeMethod } from './slot-kinds.ts'
import type { SlotMethod } from './slot-kinds.ts'
import { SHORT_TEXT_MAX } from './snapshot-body.ts'

export interface KeySlot {
  readonly suite: Suite
  readonly method: SlotMethod
  readonly sealedBundle: Uint8Array
  readonly created: Timespec
  readonly sealedLabel?: Uint8Array
  readonly sealedDetail?: Uint8Array
  /** For listings; the role in the bundle is the one that counts. */
  readonly role: Role
  readonly unknown?: readonly RawField[]
}

/** What sealing and opening a slot needs. */
export interface SlotKeys {
  /** From the credential, 32 bytes. */
  readonly slotKey: Uint8Array
  readonly repoId: Uint8Array
}

/** Bytes of a slot: 256 domains are 700 KiB. */
export const KEY_SLOT_SIZE_MAX = 1024 * 1024
/** What is said of a credential in a listing; recipients can be many. */
export const SLOT_DETAIL_MAX = 4096

export interface NewKeySlot {
  readonly method: SlotMethod
  readonly bundle: Bundle
  /** Whose first domain seals label and detail, where the bundle has none. */
  readonly labelledBy?: Bundle
  readonly created: Timespec
  /** The user's own words. */
  readonly label?: string
  /** Which credential it is, where its kind does not say all: recipients, a fingerprint. Cut where it is too long. */
  readonly detail?: string
}

/** The bytes of `keys/<H>`; `suite` is that of the repository. */
export function encodeKeySlot(
  slot: NewKeySlot,
  { slotKey, repoId, suite: repoSuite }: SlotKeys & { readonly suite: Suite },
): Uint8Array {
  const suite = keySealingSuite(repoSuite)
  const { method, bundle, labelledBy = bundle, created, label = '', detail = '' } = slot
  const context = encodeMethod(method)
  const plain = encodeBundle(bundle)
  const sealedBundle = new Sealer(slotKey, repoId, suite).seal(SEALED_TYPES.bundle, context, plain)
  wipe(plain)
  const w = new CborWriter(sealedBundle.length + 256).openMap()
  writeMethod(w, method)
  w.key(2).bytes(sealedBundle)
  w.key(3).timespec(created)
  if (label !== '')
    w.key(4).bytes(
      labelSealer(labelledBy, repoId, suite).seal(
        SEALED_TYPES.slotLabel,
        context,
        utf8(limitedText(label, SHORT_TEXT_MAX, 'label')),
      ),
    )
  w.key(5).uint(roleNumber(bundle.role))
  if (detail !== '')
    w.key(6).bytes(
      labelSealer(labelledBy, repoId, suite).seal(
        SEALED_TYPES.slotDetail,
        context,
        utf8(clippedText(detail, SLOT_DETAIL_MAX)),
      ),
    )
  return joinObject(OBJECT_TYPES.keySlot, suite, w.closeMap().finish())
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
    else return false
    return true
  })
  r.end()
  return {
    suite,
    method: need(r, slot.method, 'method'),
    sealedBundle: need(r, slot.sealedBundle, 'bundle'),
    created: need(r, slot.created, 'time of creation'),
    ...(slot.sealedLabel !== undefined && { sealedLabel: slot.sealedLabel }),
    role: need(r, slot.role, 'role'),
    ...(slot.sealedDetail !== undefined && { sealedDetail: slot.sealedDetail }),
    ...withUnknown(unknown),
  }
}

/**
 * Opens the bundle of a slot. `wrong-key` when the key is not the one it was sealed with: the caller has compared the
 * slot with the hash in its name, so that damage is ruled out.
 */
export function openKeySlot(slot: KeySlot, { slotKey, repoId }: SlotKeys, subject: string): Bundle {
  const kind = knownKind(slot.method, subject)
  const sealer = new Sealer(slotKey, repoId, slot.suite)
  let plain: Uint8Array
  try {
    plain = sealer.open(SEALED_TYPES.bundle, encodeMethod(slot.method), slot.sealedBundle, subject)
  } catch (cause) {
    throw new BackupError('wrong-key', `the ${kindWords(kind)} does not open this slot`, subject, { cause })
  }
  const bundle = decodeBundle(plain, subject)
  wipe(plain)
  return bundle
}

/** The label of a slot for the holder of a bundle; empty when it has none, null when another domain's key seals it. */
export function openSlotLabel(slot: KeySlot, bundle: Bundle, subject: string): string | null {
  return openText(slot, bundle, subject, {
    sealed: slot.sealedLabel,
    type: SEALED_TYPES.slotLabel,
    max: SHORT_TEXT_MAX,
    what: 'label',
  })
}

/** The same for what is said of the credential itself. */
export function openSlotDetail(slot: KeySlot, bundle: Bundle, subject: string): string | null {
  return openText(slot, bundle, subject, {
    sealed: slot.sealedDetail,
    type: SEALED_TYPES.slotDetail,
    max: SLOT_DETAIL_MAX,
    what: 'description of its credential',
  })
}

interface SealedText {
  readonly sealed: Uint8Array | undefined
  readonly type: number
  readonly max: number
  readonly what: string
}

function openText(
  slot: KeySlot,
  bundle: Bundle,
  subject: string,
  { sealed, type, max, what }: SealedText,
): string | null {
  if (sealed === undefined) return ''
  if (bundle.domains.length === 0) return null
  const sealer = labelSealer(bundle, bundle.repoId, slot.suite)
  let text: Uint8Array
  try {
    text = sealer.open(type, encodeMethod(slot.method), sealed, subject)
  } catch {
    return null
  }
  if (text.length > max) throw new BackupError('corrupt', `key slot has a ${what} of ${text.length} bytes`, subject)
  return displayText(text)
}

function labelSealer(bundle: Bundle, repoId: Uint8Array, suite: Suite): Sealer {
  return new Sealer(deriveKey('holdfast 1 label', bundle.domains[0]!.keyIdx), repoId, suite)
}

/** The encoding of the map of keys 0 and 1, to which bundle and label are bound. */
function encodeMethod(method: SlotMethod): Uint8Array {
  const w = new CborWriter().openMap()
  writeMethod(w, method)
  return w.closeMap().finish()
}
