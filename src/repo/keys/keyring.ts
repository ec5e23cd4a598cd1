// Opening a repository with a credential, and changing which credentials open it. Every change puts the new slot, sees
// that it opens, and only then deletes the old one: power may fail at any point without locking anybody out.
import { assert } from '../../base/assert.ts'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, doing, wrap } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { Timespec } from '../../base/time.ts'
import { hash } from '../../crypto/hash.ts'
import type { Suite } from '../../crypto/seal.ts'
import { wipe } from '../../crypto/wipe.ts'
import {
  describeCredential,
  mayOpen,
  methodId,
  newSlotKey,
  SlotKeys,
  slotKeyOf,
  tryCost,
} from '../../credentials/credential.ts'
import type { Credential, NewCredential, PassphraseCost } from '../../credentials/credential.ts'
import { encodeBundle } from '../../format/bundle.ts'
import type { Bundle } from '../../format/bundle.ts'
import { encodeKeySlot, isSignedBy, openKeySlot, openSlotDetail, openSlotLabel } from '../../format/key-slot.ts'
import type { KeySlot } from '../../format/key-slot.ts'
import { keySlotName } from '../../format/names.ts'
import { countedKind, kindWords } from '../../format/slot-kinds.ts'
import type { SlotKind } from '../../format/slot-kinds.ts'
import type { Store } from '../../store/store.ts'
import { readSlot, readSlots, SLOTS_MAX } from './key-slots.ts'
import type { FoundSlots, StoredSlot } from './key-slots.ts'
import { newestCopy } from './slot-versions.ts'

/** A repository that is not open yet: where it is, and the ids that its descriptions claim, each of which a slot may have. */
export interface LockedRepository {
  readonly store: Store
  readonly repoIds: readonly Uint8Array[]
  /**
   * The root public key that the repository is known to have. Where it is given, a slot that leads to another one is passed
   * over: everybody can make a slot for a public key.
   */
  readonly root?: Uint8Array
  /** Root public keys that its descriptions claim. */
  readonly roots?: readonly Uint8Array[]
}

export interface Unlocked {
  readonly bundle: Bundle
  /** The slot that opened. */
  readonly slotName: string
  /** Slots that could not be used, to be told: none of them was needed. */
  readonly problems: readonly BackupError[]
}

/**
 * Tries the slots that may be for this credential, the cheapest first, at most SLOTS_MAX of them. Throws `wrong-key` with
 * the number of slots that were tried; when there was none to try, what is the matter with the slots; `not-found` when
 * there are no slots.
 */
export async function openWithCredential(
  { store, repoIds, root, roots = [] }: LockedRepository,
  credential: Credential,
): Promise<Unlocked> {
  const found = await doing('reading the key slots', store.location, () => readSlots(store))
  const problems = [...found.problems]
  const keys = new SlotKeys(credential)
  const candidates = found.slots.filter(({ slot }) => mayOpen(credential, slot.method))
  const tried = inTurns(candidates, root === undefined ? roots : [root]).slice(0, SLOTS_MAX)
  let foreign: BackupError | undefined
  for (const { name, slot } of tried) {
    try {
      const slotKey = await keys.of(slot.method, name)
      const bundle = slotKey === null ? undefined : openSlotOfAny(slot, slotKey, repoIds, name)
      if (slotKey === null || bundle === undefined) continue
      if (root === undefined || equalBytes(bundle.rootPublic, root)) {
        const copies = tried.filter((other) => methodId(other.slot.method) === methodId(slot.method))
        return { ...newestCopy({ bundle, slotName: name }, copies, slotKey), problems }
      }
      foreign ??= foreignSlot(name)
      problems.push(foreignSlot(name))
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === 'usage') throw error
      problems.push(error)
    }
  }
  if (foreign !== undefined) {
    throw new BackupError('refused', 'this is another repository than the one known at this place', store.location, {
      cause: foreign,
      hint: 'where it was made anew on purpose, open it once with its passphrase or key file, and add the key again',
    })
  }
  throw cannotOpen(store, credential, found, tried.length, problems)
}

/**
 * By turns one that each root key has signed and one that nobody has, the cheapest first: a hostile slot can be as dear as the
 * bounds allow, and whoever puts many that are cheap, and cannot sign them, must not keep the owner's own from being tried.
 */
function inTurns(slots: readonly StoredSlot[], roots: readonly Uint8Array[]): StoredSlot[] {
  const byCost = slots.toSorted((a, b) => tryCost(a.slot.method) - tryCost(b.slot.method))
  const signers = [...new Map(roots.map((root) => [toHex(root), root])).values()]
  const groups = Map.groupBy(byCost, ({ slot }) => signers.findIndex((root) => isSignedBy(slot, root)))
  const turns = [...groups].toSorted(([a], [b]) => Number(a < 0) - Number(b < 0) || a - b).map(([, group]) => group)
  const longest = Math.max(0, ...turns.map(({ length }) => length))
  return Array.from({ length: longest }, (_, i) => turns.flatMap((group) => group[i] ?? [])).flat()
}

export interface NewSlot {
  readonly created: Timespec
  readonly random: SecureRandom
  /** Of the repository. A slot is encrypted also where the repository's data is not. */
  readonly suite: Suite
  /** Sealed; empty for none. */
  readonly label?: string
  /** Whose first domain seals the label, where the bundle of the slot has no domain. */
  readonly maker?: Bundle
  readonly cost?: PassphraseCost
}

/** The object of a new slot and the key that seals it, to be wiped; puts nothing. */
export async function createSlot(
  bundle: Bundle,
  credential: NewCredential,
  { created, random, suite, label = '', maker = bundle, cost }: NewSlot,
): Promise<{ readonly name: string; readonly bytes: Uint8Array; readonly slotKey: Uint8Array }> {
  const { method, slotKey, detail } = await newSlotKey(credential, random, cost)
  const bytes = encodeKeySlot(
    { method, bundle, maker, created, label, detail },
    { slotKey, repoId: bundle.repoId, suite },
  )
  return { name: keySlotName(hash(bytes)), bytes, slotKey }
}

/**
 * Lets one more credential open the repository; gives the name of the slot, which was read back and opened. Throws
 * `exists` for a key file or a recipient that has a slot, `limit` when there are SLOTS_MAX.
 */
export async function addSlot(
  store: Store,
  bundle: Bundle,
  credential: NewCredential,
  details: NewSlot,
): Promise<string> {
  const { slots, problems } = await readSlots(store)
  if (slots.length + problems.length >= SLOTS_MAX) {
    throw new BackupError('limit', `the repository has ${slots.length + problems.length} key slots`, store.location, {
      hint: `remove one: more than ${SLOTS_MAX} are not tried`,
    })
  }
  const same = slots.find(({ name, slot }) => isFor(credential, slot, details.maker ?? bundle, name))
  if (same !== undefined) {
    throw new BackupError('exists', `this ${kindWords(credential.kind)} has a slot already`, same.name)
  }
  return putSlot(store, bundle, credential, details)
}

/**
 * Removes a slot. Refused when nothing that is known to be sound would be left, or no slot of an administrator where
 * this was one. So it is for the slot in use when all others are for keys that lie elsewhere: this one is proved to work,
 * of those nobody knows whether their keys still exist. What the credential has opened before stays known to whoever used it.
 * What a renewal that was cut off has left of the slot goes with it.
 */
export async function removeSlot(
  store: Store,
  name: string,
  { inUse, rootPublic, beforeDeleting = async () => {} }: SlotRemoval = {},
): Promise<void> {
  const { slots, problems } = await readSlots(store)
  const removed = slots.find((stored) => stored.name === name)
  if (removed === undefined && !problems.some(({ subject }) => subject === name)) {
    throw new BackupError('not-found', 'no such key slot', name)
  }
  const copies = slots.filter((stored) => stored !== removed && isCopy(stored, removed, rootPublic))
  // The role is a claim of whoever made the slot, unless the root key has signed it.
  const isSigned = ({ slot }: StoredSlot) => rootPublic !== undefined && isSignedBy(slot, rootPublic)
  const isAdmin = (stored: StoredSlot) =>
    stored.slot.role === 'admin' && (removed === undefined || !isSigned(removed) || isSigned(stored))
  const enough = (rest: readonly StoredSlot[]) =>
    removed?.slot.role === 'admin' ? rest.some(isAdmin) : rest.length > 0
  const lastOne = (what: string) => new BackupError('refused', what, name, { hint: 'add another key first' })
  const others = slots.filter((stored) => stored !== removed && !copies.includes(stored))
  if (!enough(others)) {
    throw lastOne(
      removed?.slot.role === 'admin' ? 'this is the last key slot of an administrator' : 'no other key slot is sound',
    )
  }
  if (name === inUse && others.every(({ slot }) => isElsewhere(slot))) {
    throw new BackupError('refused', 'no other key is known to work', name, {
      hint: 'open the repository with one of the others, and remove this one then',
    })
  }
  const bytes = removed && (await doing('reading the key slot', name, () => store.get(name)))
  if (removed !== undefined) await beforeDeleting(removed.slot)
  for (const copy of copies) await doing('removing a copy of the key slot', copy.name, () => store.delete(copy.name))
  await doing('removing the key slot', name, () => store.delete(name))
  // Another administrator may have made it anew just now, who had looked at the log before.
  const { slots: later } = await readSlots(store)
  for (const copy of later) {
    if (isCopy(copy, removed, rootPublic))
      await doing('removing a copy of the key slot', copy.name, () => store.delete(copy.name))
  }
  // Somebody may have removed the other one meanwhile, for the same reasons. Whoever sees that puts his back.
  if (bytes === undefined || enough((await readSlots(store)).slots)) return
  await doing('putting the key slot back', name, () => store.put(name, [bytes]))
  throw lastOne('the other key slots were removed at the same time; this one was put back')
}

export interface SlotRemoval {
  /** The slot that opened the repository. */
  readonly inUse?: string
  /** Of the repository: tells what a renewal has left from what somebody else says is the same slot. */
  readonly rootPublic?: Uint8Array
  /** Called once nothing speaks against it. */
  readonly beforeDeleting?: (slot: KeySlot) => Promise<void>
}

function isCopy({ slot }: StoredSlot, of: StoredSlot | undefined, rootPublic: Uint8Array | undefined): boolean {
  if (of === undefined || rootPublic === undefined || !equalBytes(slot.publicKey, of.slot.publicKey)) return false
  return isSignedBy(slot, rootPublic) && isSignedBy(of.slot, rootPublic)
}

/**
 * Replaces the slot that opened the repository, and what a renewal that was cut off has left of it, with one for a new
 * passphrase, with the same label. When this throws, the old passphrase still opens. Throws `usage` when it was not opened
 * with a passphrase. Gives the name of the new slot.
 */
export async function changePassphrase(
  store: Store,
  { bundle, slotName }: Pick<Unlocked, 'bundle' | 'slotName'>,
  passphrase: string,
  details: Omit<NewSlot, 'label'>,
  beforeDeleting: (slot: KeySlot) => Promise<void> = async () => {},
): Promise<string> {
  const old = await doing('reading the old key slot', slotName, () => readSlot(store, slotName))
  if (old.method.kind !== 'passphrase') {
    throw new BackupError('usage', 'this slot is not for a passphrase', slotName, {
      hint: 'open the repository with the passphrase that is to be changed',
    })
  }
  const label = openSlotLabel(old, bundle, slotName) ?? ''
  const name = await putSlot(store, bundle, { kind: 'passphrase', passphrase }, { ...details, label })
  assert(name !== slotName, 'a new slot has a new salt')
  try {
    await beforeDeleting(old)
    const own = { name: slotName, slot: old }
    const { slots } = await readSlots(store)
    for (const each of slots) if (isCopy(each, own, bundle.rootPublic)) await store.delete(each.name)
    await store.delete(slotName)
  } catch (cause) {
    throw wrap('the new passphrase opens the repository, but the old one still does too: removing', slotName, cause)
  }
  return name
}

/**
 * Puts a slot, reads it back and opens it. The key is computed afresh where the credential can do so, for a slip of memory
 * would lock the owner out; a recipient cannot open what it wraps, so there the key of the new slot is used again.
 */
export async function putSlot(
  store: Store,
  bundle: Bundle,
  credential: NewCredential,
  details: NewSlot,
): Promise<string> {
  const { name, bytes, slotKey } = await createSlot(bundle, credential, details)
  await doing('writing the key slot', name, () => store.put(name, [bytes]))
  await doing('reading the key slot back', name, async () => {
    const slot = await readSlot(store, name)
    const again = 'wrap' in credential ? slotKey : await slotKeyOf(credential, slot.method, name)
    assert(again !== null, 'a credential opens the slot that is made for it')
    const opened = encodeBundle(openKeySlot(slot, { slotKey: again, repoId: bundle.repoId }, name))
    const wanted = encodeBundle(bundle)
    const same = equalBytes(opened, wanted)
    wipe(slotKey, again, opened, wanted)
    if (!same) throw new BackupError('corrupt', 'the key slot holds something else than was put into it', name)
  })
  return name
}

function isElsewhere({ method: { kind } }: KeySlot): boolean {
  return kind !== 'passphrase' && kind !== 'key-file' && kind !== 'shares'
}

/** Whether a slot was made for this credential, as far as can be told without opening it. */
function isFor(credential: NewCredential, slot: KeySlot, bundle: Bundle, name: string): boolean {
  if (slot.method.kind !== credential.kind) return false
  if ('wrap' in credential) return credential.detail !== '' && openSlotDetail(slot, bundle, name) === credential.detail
  return credential.kind === 'key-file' && mayOpen(credential, slot.method)
}

function foreignSlot(name: string): BackupError {
  return new BackupError('refused', 'the key slot is for a repository with another root key', name)
}

/** Undefined when it is not sealed with this key for any of these repositories. */
export function openSlotOfAny(
  slot: KeySlot,
  slotKey: Uint8Array,
  repoIds: readonly Uint8Array[],
  name: string,
): Bundle | undefined {
  for (const repoId of repoIds) {
    try {
      const bundle = openKeySlot(slot, { slotKey, repoId }, name)
      if (equalBytes(bundle.repoId, repoId)) return bundle
    } catch (error) {
      if (codeOf(error) === 'wrong-key') continue
      throw error
    }
    throw new BackupError('corrupt', 'the key slot belongs to another repository', name)
  }
  return undefined
}

function cannotOpen(
  store: Store,
  credential: Credential,
  { slots }: FoundSlots,
  tried: number,
  problems: readonly BackupError[],
): BackupError {
  // What a program or a plugin lacks is nearer than damage to a slot that may be somebody else's.
  const cause = ('unwrap' in credential ? problems.find(({ code }) => code !== 'corrupt') : undefined) ?? problems[0]
  const unusable = problems.length === 0 ? '' : `; ${problems.length} cannot be used`
  if (tried === 0 && slots.length === 0) {
    if (cause === undefined) {
      return new BackupError('not-found', 'there are no key slots', store.location, { hint: BRING_BACK_ALL })
    }
    return new BackupError(codeOf(cause), `no key slot can be used, of ${problems.length}`, store.location, {
      cause,
      hint: BRING_BACK,
    })
  }
  const what = describeCredential(credential)
  const kinds = slots.flatMap(({ slot: { method } }) => (method.kind === 'other' ? [] : [method.kind]))
  return new BackupError('wrong-key', `${what} opens no key slot (${tried} tried${unusable})`, store.location, {
    ...(cause !== undefined && { cause }),
    hint:
      ('unwrap' in credential && cause?.code !== 'corrupt' ? cause?.hint : undefined) ??
      (problems.some(({ code }) => code === 'corrupt')
        ? `a key slot is damaged: if it is yours, ${BRING_BACK}`
        : undefined) ??
      `the repository has ${slotCounts(kinds)}: ${nextStep(credential, kinds)}`,
  })
}

const BRING_BACK_ALL =
  'copy the folder `keys` from another copy of the repository, or put one back with `holdfast key import` that `holdfast key export` has saved'
const BRING_BACK =
  'bring it back with `holdfast key import` from what `holdfast key export` has saved, or copy the folder `keys` from another copy of the repository'

function slotCounts(kinds: readonly SlotKind[]): string {
  const counts = [...Map.groupBy(kinds, (kind) => kind)]
    .sort(([a], [b]) => (b === 'passphrase' ? 1 : 0) - (a === 'passphrase' ? 1 : 0))
    .map(([kind, { length }]) => countedKind(length, kind))
  return [counts.slice(0, -1).join(', '), ...counts.slice(-1)].filter((part) => part !== '').join(' and ')
}

function nextStep({ kind }: Credential, kinds: readonly SlotKind[]): string {
  const others = [...new Set(kinds)].filter((other) => other !== kind).map(oneOf)
  if (!kinds.includes(kind)) return `open it with ${others.join(' or ')}`
  const again = kind === 'passphrase' ? 'try it again, mind the keyboard layout' : `try another ${kindWords(kind)}`
  return others.length === 0 ? again : `${again}, or open it with ${others.join(' or ')}`
}

function oneOf(kind: SlotKind): string {
  const words = kindWords(kind)
  return `${/^[aeiou]/i.test(words) ? 'an' : 'a'} ${words}`
}
