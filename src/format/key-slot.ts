// docs/format.md, 3.6: a capability bundle sealed for one passphrase or key file.
//
//   header (8) | {0: kind, 1: parameters, 2: sealed bundle, 3: created, 4: sealed label, 5: role}
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import type { Timespec } from '../base/time.ts'
import { displayText, utf8 } from '../base/bytes.ts'
import { deriveKey } from '../crypto/hash.ts'
import { PASSPHRASE_SALT_SIZE } from '../crypto/passphrase.ts'
import type { PassphraseParams } from '../crypto/passphrase.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import { wipe } from '../crypto/wipe.ts'
import { decodeBundle, encodeBundle, readRole, roleNumber } from './bundle.ts'
import type { Bundle, Role } from './bundle.ts'
import { limitedText, need, withUnknown } from './fields.ts'
import { checkHeader, HEADER_SIZE, joinObject, keySealingSuite, OBJECT_TYPES, SEALED_TYPES } from './object-header.ts'
import { SHORT_TEXT_MAX } from './snapshot-body.ts'

/** How the key of a slot is found. */
export type SlotMethod =
  | { readonly kind: 'passphrase'; readonly params: PassphraseParams }
  | { readonly kind: 'key-file'; /** 16 bytes, `keyFileId`. */ readonly id: Uint8Array }
  | { readonly kind: 'other'; readonly number: number; /** Encoded. */ readonly params: Uint8Array }

export interface KeySlot {
  readonly suite: Suite
  readonly method: SlotMethod
  readonly sealedBundle: Uint8Array
  readonly created: Timespec
  readonly sealedLabel?: Uint8Array
  /** For listings; the role in the bundle is the one that counts. */
  readonly role: Role
  readonly unknown?: readonly RawField[]
}

/** What sealing and opening a slot needs. */
export interface SlotKeys {
  /** From the passphrase or the key file, 32 bytes. */
  readonly slotKey: Uint8Array
  readonly repoId: Uint8Array
}

/** Bytes of a slot: 256 domains are 700 KiB. */
export const KEY_SLOT_SIZE_MAX = 1024 * 1024
const KIND_PASSPHRASE = 1
const KIND_KEY_FILE = 2
const KEY_FILE_ID_SIZE = 16

/** The bytes of `keys/<H>`; `suite` is that of the repository. */
export function encodeKeySlot(
  slot: { readonly method: SlotMethod; readonly bundle: Bundle; readonly created: Timespec; readonly label?: string },
  { slotKey, repoId, suite: repoSuite }: SlotKeys & { readonly suite: Suite },
): Uint8Array {
  const suite = keySealingSuite(repoSuite)
  const { method, bundle, created, label = '' } = slot
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
      labelSealer(bundle, repoId, suite).seal(
        SEALED_TYPES.slotLabel,
        context,
        utf8(limitedText(label, SHORT_TEXT_MAX, 'label')),
      ),
    )
  w.key(5).uint(roleNumber(bundle.role))
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
    ...withUnknown(unknown),
  }
}

/**
 * Opens the bundle of a slot. `wrong-key` when the key is not the one it was sealed with: the caller has compared the
 * slot with the hash in its name, so that damage is ruled out.
 */
export function openKeySlot(slot: KeySlot, { slotKey, repoId }: SlotKeys, subject: string): Bundle {
  if (slot.method.kind === 'other') {
    throw new BackupError('unsupported', `key slot is of kind ${slot.method.number}`, subject)
  }
  const sealer = new Sealer(slotKey, repoId, slot.suite)
  let plain: Uint8Array
  try {
    plain = sealer.open(SEALED_TYPES.bundle, encodeMethod(slot.method), slot.sealedBundle, subject)
  } catch (cause) {
    const what = slot.method.kind === 'passphrase' ? 'passphrase' : 'key file'
    throw new BackupError('wrong-key', `the ${what} does not open this slot`, subject, { cause })
  }
  const bundle = decodeBundle(plain, subject)
  wipe(plain)
  return bundle
}

/** The label of a slot for the holder of a bundle; empty when it has none, null when another domain's key seals it. */
export function openSlotLabel(slot: KeySlot, bundle: Bundle, subject: string): string | null {
  if (slot.sealedLabel === undefined) return ''
  const sealer = labelSealer(bundle, bundle.repoId, slot.suite)
  let text: Uint8Array
  try {
    text = sealer.open(SEALED_TYPES.slotLabel, encodeMethod(slot.method), slot.sealedLabel, subject)
  } catch {
    return null
  }
  if (text.length > SHORT_TEXT_MAX) throw new BackupError('corrupt', `label has ${text.length} bytes`, subject)
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

function writeMethod(w: CborWriter, method: SlotMethod): void {
  if (method.kind === 'passphrase') {
    const { salt, memoryKiB, passes, lanes } = method.params
    assert(salt.length === PASSPHRASE_SALT_SIZE, 'the salt of a passphrase slot has 16 bytes')
    w.key(0).uint(KIND_PASSPHRASE).key(1).openMap()
    w.key(0).bytes(salt).key(1).uint(memoryKiB).key(2).uint(passes).key(3).uint(lanes).closeMap()
  } else if (method.kind === 'key-file') {
    assert(method.id.length === KEY_FILE_ID_SIZE, 'the id of a key file has 16 bytes')
    w.key(0).uint(KIND_KEY_FILE).key(1).openMap().key(0).bytes(method.id).closeMap()
  } else {
    w.key(0).uint(method.number).key(1).raw(method.params)
  }
}

function readMethod(r: CborReader, kind: number): SlotMethod {
  if (kind !== KIND_PASSPHRASE && kind !== KIND_KEY_FILE) return { kind: 'other', number: kind, params: r.item() }
  let first: Uint8Array | undefined
  const numbers: number[] = []
  // Exact: an unknown parameter would change how the key is computed.
  const unknown = r.fields((key) => {
    if (key === 0) first = r.fixed(PASSPHRASE_SALT_SIZE)
    else if (kind === KIND_PASSPHRASE && key <= 3) numbers[key] = r.uint()
    else return false
    return true
  })
  if (unknown !== undefined) throw r.corrupt('has a parameter too many')
  if (kind === KIND_KEY_FILE) return { kind: 'key-file', id: need(r, first, 'id of the key file') }
  return {
    kind: 'passphrase',
    params: {
      salt: need(r, first, 'salt'),
      memoryKiB: need(r, numbers[1], 'memory'),
      passes: need(r, numbers[2], 'number of passes'),
      lanes: need(r, numbers[3], 'number of lanes'),
    },
  }
}
