// Domains that are added, given to others, and renamed. Nothing in a repository knows of a domain but the bundles that have it,
// so each of these makes key slots anew.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { Credential } from '../../credentials/credential.ts'
import { DOMAINS_MAX } from '../../format/bundle.ts'
import type { Bundle } from '../../format/bundle.ts'
import { SHORT_TEXT_MAX } from '../../format/snapshot-body.ts'
import type { Store } from '../../store/store.ts'
import type { Unlocked } from './keyring.ts'
import { newDomain } from './new-bundle.ts'
import { domainOf, RoleLacks } from '../roles.ts'
import { bundleForHolder, planRenewal, renewSlots } from './slot-renewal.ts'
import type { RenewableSlot, RenewalPlan } from './slot-renewal.ts'

export type OwnSlot = Pick<Unlocked, 'bundle' | 'slotName'>

export interface ChangedDomains extends OwnSlot {
  readonly plan: RenewalPlan
  /** Names of the slots that were made anew, in the order of the plan. */
  readonly names: readonly string[]
}

export interface DomainOptions {
  readonly credential: Credential
  /** `removedSlots`. */
  readonly removed: ReadonlySet<string>
}

export interface NewDomain {
  readonly name: string
  /** Everybody who has the store may read what is stored for it. */
  readonly isPublic?: boolean
  readonly random: SecureRandom
}

/** The slots that get a domain when it is added: those of administrators. */
export function planNewDomain(
  store: Store,
  own: OwnSlot,
  { removed }: Pick<DomainOptions, 'removed'>,
): Promise<RenewalPlan> {
  return planRenewal(store, own, { removed, isFor: ({ role }) => role === 'admin' })
}

/**
 * Adds a domain for all administrators whose slots can be made anew. Throws `wrong-key` unless the credential in use is one's,
 * `exists` for a name that is taken, `limit`.
 */
export async function addDomain(
  store: Store,
  own: OwnSlot,
  { name, isPublic, random, ...opts }: DomainOptions & NewDomain,
): Promise<ChangedDomains> {
  checkAdmin(own.bundle, name)
  checkName(own.bundle, name)
  if (own.bundle.domains.length >= DOMAINS_MAX) {
    throw new BackupError('limit', `there are ${own.bundle.domains.length} domains`, name)
  }
  const domain = newDomain(random, name, isPublic)
  const bundle: Bundle = { ...own.bundle, domains: [...own.bundle.domains, domain] }
  const plan = await planNewDomain(store, own, opts)
  return renew(store, own, bundle, plan, opts, (slot) => withDomain(bundle, slot, domain.id))
}

/** Gives a domain to the holders of some slots. Throws `refused` for one that cannot be made anew, and does nothing then. */
export async function grantDomain(
  store: Store,
  own: OwnSlot,
  { domain: spec, slots, ...opts }: DomainOptions & { readonly domain: string; readonly slots: readonly string[] },
): Promise<ChangedDomains> {
  checkAdmin(own.bundle, spec)
  const { id } = domainOf(own.bundle, spec)
  const all = await planRenewal(store, own, { ...opts, isFor: () => true })
  const chosen = all.renewed.filter(({ copies }) => copies.some((name) => slots.includes(name)))
  const passed = all.passed.find(({ name }) => slots.includes(name))
  if (passed !== undefined) {
    throw new BackupError('refused', `this key cannot be made anew: ${PASSED_TEXTS[passed.reason]}`, passed.name, {
      hint: 'add another key with `holdfast key add --domain`, and remove this one',
    })
  }
  for (const { slot, holder, name } of chosen) {
    if (slot.role === 'write') {
      throw new BackupError('refused', 'a machine that only makes backups is certified for its domains', name, {
        hint: 'run `holdfast enroll request --anew` on it, and approve that with --domain',
      })
    }
    if (!holder.domains.some((domain) => equalBytes(domain.id, id))) continue
    throw new BackupError('exists', 'this key has the domain already', name)
  }
  const plan = { renewed: chosen, passed: [] }
  return renew(store, own, own.bundle, plan, opts, (slot) => withDomain(own.bundle, slot, id))
}

/** Renames a domain for all holders whose slots can be made anew. */
export async function renameDomain(
  store: Store,
  own: OwnSlot,
  { domain: spec, name, ...opts }: DomainOptions & { readonly domain: string; readonly name: string },
): Promise<ChangedDomains> {
  checkAdmin(own.bundle, spec)
  const { id } = domainOf(own.bundle, spec)
  checkName(own.bundle, name)
  const domains = own.bundle.domains.map((domain) => (equalBytes(domain.id, id) ? { ...domain, name } : domain))
  const bundle: Bundle = { ...own.bundle, domains }
  const plan = await planRenewal(store, own, {
    ...opts,
    isFor: (_slot, holder) => holder === undefined || holder.domains.some((domain) => equalBytes(domain.id, id)),
  })
  return renew(store, own, bundle, plan, opts, (slot) => bundleForHolder(bundle, slot))
}

/** For people. */
export const PASSED_TEXTS = {
  unsigned: 'no administrator has made it',
  removed: 'it was removed, and somebody has brought it back',
  'other-domains': 'it has a domain that the key in use does not have',
  'other-keys': 'an administrator has made new keys, which the key in use does not have',
  'left-out': 'left out',
  damaged: 'it is damaged',
} as const satisfies Record<RenewalPlan['passed'][number]['reason'], string>

async function renew(
  store: Store,
  own: OwnSlot,
  bundle: Bundle,
  plan: RenewalPlan,
  { credential }: DomainOptions,
  bundleFor: (slot: RenewableSlot) => Bundle,
): Promise<ChangedDomains> {
  const by = { slotName: own.slotName, credential, maker: bundle, bundleFor }
  return { bundle, plan, ...(await renewSlots(store, plan.renewed, by)) }
}

function withDomain(bundle: Bundle, slot: RenewableSlot, id: Uint8Array): Bundle {
  return bundleForHolder(bundle, slot, [...slot.holder.domains.map((domain) => domain.id), id])
}

function checkAdmin({ role, rootSeed }: Bundle, subject: string): void {
  if (role === 'admin' && rootSeed !== undefined) return
  throw new RoleLacks(role, { need: 'admin', what: 'changing domains', location: subject })
}

function checkName({ domains }: Bundle, name: string): void {
  if (name === '' || Buffer.byteLength(name) > SHORT_TEXT_MAX) {
    throw new BackupError('usage', `the name of a domain has 1 to ${SHORT_TEXT_MAX} bytes`, name)
  }
  if (domains.some((domain) => domain.name === name)) {
    throw new BackupError('exists', 'there is a domain of this name', name, { hint: 'choose another name' })
  }
}
