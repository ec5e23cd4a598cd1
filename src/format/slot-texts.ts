// docs/format.md, 3.6: what a key slot says for listings, sealed under a key of a domain: its label, and which credential it is.
import { CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { displayText } from '../base/bytes.ts'
import { deriveKey } from '../crypto/hash.ts'
import { Sealer } from '../crypto/seal.ts'
import type { Suite } from '../crypto/seal.ts'
import type { Bundle } from './bundle.ts'
import { SEALED_TYPES } from './object-header.ts'
import { writeMethod } from './slot-kinds.ts'
import type { SlotMethod } from './slot-kinds.ts'
import { SHORT_TEXT_MAX } from './snapshot-body.ts'

/** What is said of a credential in a listing; recipients can be many. */
export const SLOT_DETAIL_MAX = 4096

interface TextSlot {
  readonly suite: Suite
  readonly method: SlotMethod
  readonly sealedLabel?: Uint8Array
  readonly sealedDetail?: Uint8Array
}

/** The label of a slot for the holder of a bundle; empty when it has none, null when the key of a domain seals it that the bundle lacks. */
export function openSlotLabel(slot: TextSlot, bundle: Bundle, subject: string): string | null {
  return openText(slot, bundle, subject, {
    sealed: slot.sealedLabel,
    type: SEALED_TYPES.slotLabel,
    max: SHORT_TEXT_MAX,
    what: 'label',
  })
}

/** The same for what is said of the credential itself. */
export function openSlotDetail(slot: TextSlot, bundle: Bundle, subject: string): string | null {
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
  slot: TextSlot,
  bundle: Bundle,
  subject: string,
  { sealed, type, max, what }: SealedText,
): string | null {
  if (sealed === undefined) return ''
  const context = encodeMethod(slot.method)
  // Whose first domain it is shows when it opens.
  for (const domain of bundle.domains) {
    let text: Uint8Array
    try {
      text = labelSealer(domain, bundle.repoId, slot.suite).open(type, context, sealed, subject)
    } catch {
      continue
    }
    if (text.length > max) throw new BackupError('corrupt', `key slot has a ${what} of ${text.length} bytes`, subject)
    return displayText(text)
  }
  return null
}

/** `keyIdx` of the first domain of the bundle in the slot. */
export function labelSealer({ keyIdx }: { readonly keyIdx: Uint8Array }, repoId: Uint8Array, suite: Suite): Sealer {
  return new Sealer(deriveKey('holdfast 1 label', keyIdx), repoId, suite)
}

/** The encoding of the map of keys 0 and 1, to which bundle and label are bound. */
export function encodeMethod(method: SlotMethod): Uint8Array {
  const w = new CborWriter().openMap()
  writeMethod(w, method)
  return w.closeMap().finish()
}
