// What opens a key slot and what a slot can be made for. Passphrases and key files are plain values; everything else
// implements `Unlocker` and `Recipient`, one file for each kind. Nothing here knows what a slot holds.
import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { deriveKey, hash } from '../crypto/hash.ts'
import { keyFileId, keyFileSealingKey } from '../crypto/keyfile.ts'
import { NEW_SLOT_COST, PASSPHRASE_SALT_SIZE, passphraseKey } from '../crypto/passphrase.ts'
import type { PassphraseParams } from '../crypto/passphrase.ts'
import { wipe } from '../crypto/wipe.ts'
import { encodeMethod } from '../format/slot-texts.ts'
import { kindWords, SLOT_SECRET_SIZE, slotSecretContext } from '../format/slot-kinds.ts'
import type { SlotKind, SlotMethod, WrappingKind } from '../format/slot-kinds.ts'

export interface Passphrase {
  readonly kind: 'passphrase'
  readonly passphrase: string
}

export interface KeyFile {
  readonly kind: 'key-file'
  /** What `parseKeyFile` gives, 32 bytes. */
  readonly secret: Uint8Array
  /** For listings, kept sealed: where it is, when that is no file. */
  readonly detail?: string
}

/** Opens slots of one kind with something that lies outside of the repository: a private key, an agent, a card. */
export interface Unlocker {
  readonly kind: WrappingKind
  /** Where it is made of others: those that it uses. */
  readonly members?: readonly Credential[]
  /** For messages: `the identity /home/ann/key.txt`. */
  readonly description: string
  /** Whether trying makes sense. Quick: asks nobody and computes nothing dear. */
  mayOpen(method: SlotMethod): boolean
  /**
   * The secret of a slot, 32 bytes in an array of their own, which the caller wipes; null when the slot is for somebody
   * else after all. Throws a BackupError when the slot is damaged or hostile, or when what should open it does not work.
   */
  unwrap(method: SlotMethod, slotName: string): Promise<Uint8Array | null>
}

/** What a slot of a wrapping kind can be made for. What opens it need not be at hand. */
export interface Recipient {
  readonly kind: WrappingKind
  /** For listings, kept sealed: which recipient, in a form that its owner knows it by. */
  readonly detail: string
  /** The parameters of a new slot whose secret this is. The caller wipes the secret. */
  wrap(secret: Uint8Array, random: SecureRandom): Promise<SlotMethod>
}

/** Opens slots, and slots can be made for it. */
export type SecretCredential = Passphrase | KeyFile
export type Credential = SecretCredential | Unlocker
export type NewCredential = SecretCredential | Recipient

/** What guessing a passphrase shall cost. */
export type PassphraseCost = Omit<PassphraseParams, 'salt'>

export interface NewSlotKey {
  readonly method: SlotMethod
  /** 32 bytes; to be wiped. */
  readonly slotKey: Uint8Array
  /** Empty where the kind says all. */
  readonly detail: string
}

/** How a new slot finds its key, and that key. */
export async function newSlotKey(
  credential: NewCredential,
  random: SecureRandom,
  cost: PassphraseCost = NEW_SLOT_COST,
): Promise<NewSlotKey> {
  if ('wrap' in credential) return wrapNewSecret(credential, random)
  const method: SlotMethod =
    credential.kind === 'key-file'
      ? { kind: 'key-file', id: keyFileId(credential.secret) }
      : { kind: 'passphrase', params: { salt: random(PASSPHRASE_SALT_SIZE), ...cost } }
  const slotKey = await slotKeyOf(credential, method, 'new key slot')
  assert(slotKey !== null, 'a credential opens the slot that is made for it')
  return { method, slotKey, detail: credential.kind === 'key-file' ? (credential.detail ?? '') : '' }
}

/** Whether a slot may be for this credential; only trying tells. */
export function mayOpen(credential: Credential, method: SlotMethod): boolean {
  if (credential.kind !== method.kind) return false
  if ('unwrap' in credential) return credential.mayOpen(method)
  if (method.kind !== 'key-file' || credential.kind !== 'key-file') return true
  return equalBytes(method.id, keyFileId(credential.secret))
}

/**
 * The key of a slot, 32 bytes; null when the slot is for somebody else. Throws `limit` when the slot asks for more than a
 * reader may compute, and what `Unlocker.unwrap` throws.
 */
export async function slotKeyOf(
  credential: Credential,
  method: SlotMethod,
  slotName: string,
): Promise<Uint8Array | null> {
  if ('unwrap' in credential) {
    const secret = await credential.unwrap(method, slotName)
    return secret && sealingKey(credential.kind, secret, slotName)
  }
  if (credential.kind === 'key-file') return keyFileSealingKey(credential.secret)
  assert(method.kind === 'passphrase', 'a passphrase is tried with slots for passphrases only')
  return passphraseKey(credential.passphrase, method.params, slotName)
}

/** Slots with the same parameters have one key: computes it once. A slot that is made anew keeps its parameters. */
export class SlotKeys {
  readonly #credential: Credential
  readonly #known = new Map<string, Promise<Uint8Array | null>>()

  constructor(credential: Credential) {
    this.#credential = credential
  }

  of(method: SlotMethod, slotName: string): Promise<Uint8Array | null> {
    const id = methodId(method)
    let key = this.#known.get(id)
    if (key === undefined) {
      key = slotKeyOf(this.#credential, method, slotName)
      this.#known.set(id, key)
    }
    return key
  }
}

/** The same for slots of one kind with the same parameters, and for no others. */
export function methodId(method: SlotMethod): string {
  return toHex(hash(encodeMethod(method)))
}

/**
 * How much a try costs, to compare slots of one kind: for a passphrase in KiB filled, for an age file by its length, as each
 * stanza in it may have to be tried, for a TPM by whether somebody has to be asked.
 */
export function tryCost(method: SlotMethod): number {
  if (method.kind === 'age') return method.file.length
  if (method.kind === 'several') return method.parts.reduce((sum, part) => sum + tryCost(part.method), 0)
  if (method.kind === 'tpm') return method.pin ? 1 : 0
  return method.kind === 'passphrase' ? method.params.memoryKiB * method.params.passes : 0
}

/** Kinds whose slots are made with a public key, so that having one proves nothing. */
const MADE_BY_ANYBODY: readonly SlotKind[] = ['age', 'openpgp', 'pkcs11']

/** Whether only those who know a secret, or have the machine, can make a slot that this credential opens. */
export function vouches(credential: Credential): boolean {
  const members = 'unwrap' in credential ? credential.members : undefined
  return members === undefined ? !MADE_BY_ANYBODY.includes(credential.kind) : members.every(vouches)
}

/** For messages: `the passphrase`, `the identity /home/ann/key.txt`. */
export function describeCredential(credential: Credential): string {
  return 'unwrap' in credential ? credential.description : `the ${kindWords(credential.kind)}`
}

/** The key that seals the bundle of a slot of a wrapping kind; wipes the secret. */
function sealingKey(kind: WrappingKind, secret: Uint8Array, slotName: string): Uint8Array {
  if (secret.length !== SLOT_SECRET_SIZE) {
    throw new BackupError('corrupt', `the key slot holds a secret of ${secret.length} bytes`, slotName)
  }
  const key = deriveKey(slotSecretContext(kind), secret)
  wipe(secret)
  return key
}

async function wrapNewSecret(recipient: Recipient, random: SecureRandom): Promise<NewSlotKey> {
  const secret = random(SLOT_SECRET_SIZE)
  const method = await recipient.wrap(secret, random)
  assert(method.kind === recipient.kind, 'a recipient makes slots of its kind')
  return { method, slotKey: sealingKey(recipient.kind, secret, 'new key slot'), detail: recipient.detail }
}
