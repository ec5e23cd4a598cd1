// Key slots made anew without their credentials (docs/format.md, 3.6): their holders get other bundles. Each new slot is put and
// read back before the old one is deleted: power may fail at any point without locking anybody out, and the same can be done
// again.
import { equalBytes, toHex } from '../../base/bytes.ts'
import { assert } from '../../base/assert.ts'
import { BackupError, codeOf, doing, wrap } from '../../base/errors.ts'
import { hash } from '../../crypto/hash.ts'
import { slotKeyOf } from '../../credentials/credential.ts'
import type { Credential } from '../../credentials/credential.ts'
import { encodeBundle } from '../../format/bundle.ts'
import type { Bundle } from '../../format/bundle.ts'
import { encodeRenewedSlot, isSignedBy, openKeySlot, openSlotHolder } from '../../format/key-slot.ts'
import type { KeySlot } from '../../format/key-slot.ts'
import { keySlotName } from '../../format/names.ts'
import { holderOf } from '../../format/slot-holder.ts'
import type { HolderDomain, SlotHolder } from '../../format/slot-holder.ts'
import type { Store } from '../../store/store.ts'
import { readSlot, readSlots } from './key-slots.ts'
import type { StoredSlot } from './key-slots.ts'
import type { Unlocked } from './keyring.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import { bundleOf, RoleLacks } from '../roles.ts'
import { wipe } from '../../crypto/wipe.ts'

export interface RenewableSlot extends StoredSlot {
  readonly holder: SlotHolder
  /** Names of the slots that the new one replaces; of most slots there is one. */
  readonly copies: readonly string[]
}

/**
 * Why a slot is passed over: `unsigned` no administrator has made it; `removed` it was removed, and somebody has brought it
 * back; `other-domains`, `other-keys` it has a domain, or key pairs of one, that the credential in use does not have; `left-out`
 * as was asked; `damaged`.
 */
export type PassedReason = 'unsigned' | 'removed' | 'other-domains' | 'other-keys' | 'left-out' | 'damaged'

export interface PassedSlot {
  readonly name: string
  readonly reason: PassedReason
  /** Undefined for one that cannot be read. */
  readonly slot: KeySlot | undefined
}

export interface RenewalPlan {
  /** That of the credential in use first. */
  readonly renewed: readonly RenewableSlot[]
  readonly passed: readonly PassedSlot[]
}

export interface RenewalChoice {
  /** Hashes, hex, of the public keys of slots that were removed (`LogFacts`). */
  readonly removed: ReadonlySet<string>
  /** Which slots to leave as they are. */
  readonly leavesOut?: (slot: RenewableSlot) => boolean
  /** Which slots it is about. `holder` is undefined where nobody can tell. */
  readonly isFor: (slot: KeySlot, holder: SlotHolder | undefined) => boolean
}

/**
 * Which slots can be made anew by an administrator. Throws `wrong-key` for somebody else, `refused` when the slot in use was
 * replaced meanwhile.
 */
export async function planRenewal(
  store: Store,
  { bundle, slotName }: Pick<Unlocked, 'bundle' | 'slotName'>,
  { removed, leavesOut = () => false, isFor }: RenewalChoice,
): Promise<RenewalPlan> {
  if (bundle.rootSeed === undefined)
    throw new RoleLacks(bundle.role, { need: 'admin', what: 'making keys anew', location: store.location })
  const { slots, problems } = await doing('reading the key slots', store.location, () => readSlots(store))
  const passed: PassedSlot[] = problems.map(({ subject }) => ({ name: subject, reason: 'damaged', slot: undefined }))
  const [signed, unsigned] = [true, false].map((wanted) =>
    slots.filter(({ slot }) => isSignedBy(slot, bundle.rootPublic) === wanted),
  ) as [StoredSlot[], StoredSlot[]]
  const known = new Set(signed.map(({ slot }) => toHex(slot.publicKey)))
  for (const { name, slot } of unsigned) {
    // What says the public key of a slot that is signed is a damaged copy of that.
    const reason = known.has(toHex(slot.publicKey)) ? 'damaged' : 'unsigned'
    if (isFor(slot, undefined)) passed.push({ name, reason, slot })
  }
  const renewed: RenewableSlot[] = []
  for (const copies of Map.groupBy(signed, ({ slot }) => toHex(slot.publicKey)).values()) {
    const found = newestOf(copies, bundle)
    const { name, slot, holder } = found
    if (!isFor(slot, holder)) continue
    const pass = (reason: PassedReason) => passed.push({ name, reason, slot })
    if (removed.has(toHex(hash(slot.publicKey)))) pass('removed')
    else if (leavesOut(found)) pass('left-out')
    else if (!hasDomainsOf(bundle, holder)) pass('other-domains')
    else if (!hasKeysOf(bundle, holder, slot)) pass('other-keys')
    else renewed.push(found)
  }
  const isOwn = ({ copies }: RenewableSlot) => copies.includes(slotName)
  if (!slots.some(({ name }) => name === slotName)) throw replacedMeanwhile(slotName)
  renewed.sort((a, b) => Number(isOwn(b)) - Number(isOwn(a)) || (a.name < b.name ? -1 : 1))
  return { renewed, passed }
}

export interface RenewalBy {
  /** What opened the repository, and in which slot. */
  readonly slotName: string
  readonly credential: Credential
  /** With every domain of before, and the root seed. */
  readonly maker: Bundle
  /** The bundle of each slot from now on. */
  readonly bundleFor: (slot: RenewableSlot) => Bundle
  /** Takes the old slots away; `Store.delete` unless given. */
  readonly remove?: (name: string) => Promise<boolean>
}

export interface RenewedSlots {
  /** Of the slot that the credential in use opens now. */
  readonly slotName: string
  /** Of the new slots, in the order of the old ones. */
  readonly names: readonly string[]
}

/** Makes the slots anew, one after the other. */
export async function renewSlots(store: Store, slots: readonly RenewableSlot[], by: RenewalBy): Promise<RenewedSlots> {
  let { slotName } = by
  const names: string[] = []
  for (const renewable of slots) {
    const { slot, copies } = renewable
    const bundle = by.bundleFor(renewable)
    const bytes = encodeRenewedSlot(slot, { bundle, maker: by.maker })
    const name = keySlotName(hash(bytes))
    await doing('writing the key slot', name, () => store.put(name, [bytes]))
    await doing('reading the key slot back', name, async () => {
      const there = await getNamedByHash(store, name).catch((cause: unknown) => {
        throw codeOf(cause) === 'not-found' ? replacedMeanwhile(name) : cause
      })
      if (!equalBytes(there, bytes)) throw notAsWritten(name)
      if (copies.includes(by.slotName)) await openAgain(store, name, bundle, by.credential)
    })
    names.push(name)
    if (copies.includes(by.slotName)) slotName = name
    const { remove = (old) => store.delete(old) } = by
    for (const old of copies) await removeOld(old, remove)
  }
  return { slotName, names }
}

/**
 * Takes those away that were removed while they were made anew: who removes a slot says so before he looks which copies of it
 * there are (docs/format.md, 10, K3), so one of the two sees what the other has done. True when there were any.
 */
export async function removeRenewed(
  store: Store,
  renewed: readonly RenewableSlot[],
  removed: ReadonlySet<string>,
): Promise<boolean> {
  const idOf = ({ slot }: StoredSlot) => toHex(hash(slot.publicKey))
  const gone = new Set(renewed.map(idOf).filter((id) => removed.has(id)))
  if (gone.size === 0) return false
  const { slots } = await readSlots(store)
  for (const stored of slots) if (gone.has(idOf(stored))) await removeOld(stored.name, (name) => store.delete(name))
  return true
}

/** What a holder has of the domains of `bundle`, in the order of `domainIds`: role, local state and writer stay. */
export function bundleForHolder(
  bundle: Bundle,
  { slot, holder }: Pick<RenewableSlot, 'slot' | 'holder'>,
  domainIds: readonly Uint8Array[] = holder.domains.map(({ id }) => id),
): Bundle {
  const domains = domainIds.map((id) => bundle.domains.find((domain) => equalBytes(domain.id, id)))
  assert(
    domains.every((domain) => domain !== undefined),
    'only slots with domains that this bundle has are made anew',
  )
  const { localKey, writer } = holder
  return { ...bundleOf(bundle, domains, { role: slot.role, localKey }), ...(writer !== undefined && { writer }) }
}

/** Of several copies of a slot the newest, with the domains and keys of all that are as new. */
function newestOf(copies: readonly StoredSlot[], bundle: Bundle): RenewableSlot {
  const renewals = Math.max(...copies.map(({ slot }) => slot.renewals))
  const newest = copies.filter(({ slot }) => slot.renewals === renewals)
  const holders = newest.map(({ name, slot }) => openSlotHolder(slot, bundle, name))
  const domains: HolderDomain[] = []
  for (const domain of holders.flatMap((holder) => holder.domains)) {
    const at = domains.findIndex(({ id }) => equalBytes(id, domain.id))
    if (at < 0) domains.push(domain)
    else domains[at] = { id: domain.id, recipients: [...domains[at]!.recipients, ...domain.recipients] }
  }
  return { ...newest[0]!, holder: { ...holders[0]!, domains }, copies: copies.map(({ name }) => name) }
}

function hasDomainsOf({ domains }: Bundle, holder: SlotHolder): boolean {
  return holder.domains.every(({ id }) => domains.some((each) => equalBytes(each.id, id)))
}

/** Whether no key pair would be lost that the holder has. */
function hasKeysOf(bundle: Bundle, holder: SlotHolder, { role }: KeySlot): boolean {
  if (role === 'report') return true
  const own = holderOf(bundle).domains
  return holder.domains.every(({ id, recipients }) => {
    const known = new Set(own.find((each) => equalBytes(each.id, id))!.recipients.map(toHex))
    return recipients.every((one) => known.has(toHex(one)))
  })
}

async function openAgain(store: Store, name: string, bundle: Bundle, credential: Credential): Promise<void> {
  const slot = await readSlot(store, name)
  const slotKey = await slotKeyOf(credential, slot.method, name)
  assert(slotKey !== null, 'a credential opens the slot that it has opened')
  const opened = encodeBundle(openKeySlot(slot, { slotKey, repoId: bundle.repoId }, name))
  const wanted = encodeBundle(bundle)
  const same = equalBytes(opened, wanted)
  wipe(slotKey, opened, wanted)
  if (!same) throw notAsWritten(name)
}

async function removeOld(name: string, remove: (name: string) => Promise<boolean>): Promise<void> {
  try {
    await remove(name)
  } catch (cause) {
    if (codeOf(cause) === 'not-found') return
    throw wrap('the key slot was made anew, but the old one is still there too: removing', name, cause)
  }
}

function notAsWritten(name: string): BackupError {
  return new BackupError('corrupt', 'the key slot holds something else than was put into it', name)
}

function replacedMeanwhile(name: string): BackupError {
  return new BackupError('refused', 'the key slot was replaced while this ran', name, {
    hint: 'another administrator has changed keys at the same time; run the command again',
  })
}
