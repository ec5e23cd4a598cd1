// What opens a key slot, and how the key of a slot comes from it.
import { equalBytes, toHex } from '../base/bytes.ts'
import { assert } from '../base/assert.ts'
import type { SecureRandom } from '../base/random.ts'
import { keyFileId, keyFileSealingKey } from '../crypto/keyfile.ts'
import { NEW_SLOT_COST, PASSPHRASE_SALT_SIZE, passphraseKey } from '../crypto/passphrase.ts'
import type { PassphraseParams } from '../crypto/passphrase.ts'
import type { SlotMethod } from '../format/key-slot.ts'

export type Credential =
  | { readonly kind: 'passphrase'; readonly passphrase: string }
  /** `secret` is what `parseKeyFile` gives, 32 bytes. */
  | { readonly kind: 'key-file'; readonly secret: Uint8Array }

/** What guessing a passphrase shall cost. */
export type PassphraseCost = Omit<PassphraseParams, 'salt'>

/** How a new slot finds its key: a fresh salt for a passphrase, the id of a key file. */
export function newSlotMethod(
  credential: Credential,
  random: SecureRandom,
  cost: PassphraseCost = NEW_SLOT_COST,
): SlotMethod {
  if (credential.kind === 'key-file') return { kind: 'key-file', id: keyFileId(credential.secret) }
  return { kind: 'passphrase', params: { salt: random(PASSPHRASE_SALT_SIZE), ...cost } }
}

/** Whether a slot may be for this credential; for a passphrase only trying tells. */
export function mayOpen(credential: Credential, method: SlotMethod): boolean {
  if (method.kind !== 'key-file' || credential.kind !== 'key-file') return method.kind === credential.kind
  return equalBytes(method.id, keyFileId(credential.secret))
}

/** The key of a slot, 32 bytes. Throws `limit` when the slot asks for more than a reader may compute. */
export async function slotKeyOf(credential: Credential, method: SlotMethod, slotName: string): Promise<Uint8Array> {
  if (credential.kind === 'key-file') return keyFileSealingKey(credential.secret)
  assert(method.kind === 'passphrase', 'a passphrase is tried with slots for passphrases only')
  return passphraseKey(credential.passphrase, method.params, slotName)
}

/** Slots made with one salt and cost have one key: computes it once. */
export class SlotKeys {
  readonly #credential: Credential
  readonly #known = new Map<string, Promise<Uint8Array>>()

  constructor(credential: Credential) {
    this.#credential = credential
  }

  of(method: SlotMethod, slotName: string): Promise<Uint8Array> {
    const id = identify(method)
    let key = this.#known.get(id)
    if (key === undefined) {
      key = slotKeyOf(this.#credential, method, slotName)
      this.#known.set(id, key)
    }
    return key
  }
}

/** How much a try costs, in KiB filled. */
export function tryCost(method: SlotMethod): number {
  return method.kind === 'passphrase' ? method.params.memoryKiB * method.params.passes : 0
}

/** For messages. */
export const CREDENTIAL_WORDS: Readonly<Record<Credential['kind'], string>> = {
  passphrase: 'passphrase',
  'key-file': 'key file',
}

function identify(method: SlotMethod): string {
  if (method.kind !== 'passphrase') return method.kind
  const { salt, memoryKiB, passes, lanes } = method.params
  return `${toHex(salt)} ${memoryKiB} ${passes} ${lanes}`
}
