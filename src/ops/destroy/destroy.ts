// Destroys a domain: its keys in every slot that an administrator can make anew, and everything that was stored in it. Cut off
// at any point it can be done again: the credential in use keeps the domain until nothing else is left, and with it the proof of
// what belongs to the domain.
import { equalBytes } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import type { Credential } from '../../credentials/credential.ts'
import type { Bundle, Domain } from '../../format/bundle.ts'
import type { LogAction } from '../../format/log-record.ts'
import { parseObjectName } from '../../format/names.ts'
import { LOG_PLACES_MAX } from '../../format/log-record.ts'
import type { UnlockedRepository } from '../../repo/open-repository.ts'
import { Repository } from '../../repo/repository.ts'
import { domainOf, RoleLacks } from '../../repo/roles.ts'
import { bundleForHolder, planRenewal, renewSlots } from '../../repo/keys/slot-renewal.ts'
import type { RenewableSlot, RenewalPlan } from '../../repo/keys/slot-renewal.ts'
import { placeOf } from '../../repo/history/trash.ts'
import type { Store } from '../../store/store.ts'
import { parityNameFor } from '../repair/healer.ts'
import { contentOfDomain } from './content.ts'
import type { DomainContent } from './content.ts'

export interface Destruction {
  readonly domain: Domain
  readonly content: DomainContent
  /** Slots that go on without the domain. */
  readonly renewed: readonly RenewableSlot[]
  /** Slots that have this domain alone: they are removed. */
  readonly ended: readonly RenewableSlot[]
  /** Slots that may keep the keys. */
  readonly passed: RenewalPlan['passed']
}

/**
 * What goes. Throws `wrong-key` unless the credential is an administrator's, `refused` for the only domain, `not-found`.
 */
export async function planDestruction(
  store: Store,
  unlocked: UnlockedRepository,
  { domain: spec, removed }: { readonly domain: string; readonly removed: ReadonlySet<string> },
): Promise<Destruction> {
  const { bundle } = unlocked
  if (bundle.rootSeed === undefined) {
    throw new RoleLacks(bundle.role, { need: 'admin', what: 'destroying a domain', location: store.location })
  }
  const domain = domainOf(bundle, spec)
  if (bundle.domains.length === 1) {
    throw new BackupError('refused', 'this is the only domain of the key in use', spec, {
      hint: 'to destroy all that there is, delete the repository',
    })
  }
  const plan = await planRenewal(store, unlocked, {
    removed,
    isFor: (_slot, holder) => holder === undefined || holder.domains.some(({ id }) => equalBytes(id, domain.id)),
  })
  const { ended = [], renewed = [] } = Object.groupBy(plan.renewed, ({ holder }) =>
    holder.domains.every(({ id }) => equalBytes(id, domain.id)) ? 'ended' : 'renewed',
  )
  const repo = new Repository({ store, ...unlocked })
  const content = await contentOfDomain(repo.inDomain(spec))
  return { domain, content, renewed, ended, passed: plan.passed }
}

export interface DestroyOptions {
  readonly credential: Credential
  /** Takes an object away; true if it was there. */
  readonly remove: (name: string) => Promise<boolean>
  /** Adds a record to the log, in the domains of this bundle. */
  readonly record: (action: LogAction, bundle: Bundle) => Promise<void>
  readonly reason?: string
}

/** Gives the bundle and the slot that are in use afterwards. */
export async function destroyDomain(
  store: Store,
  { bundle, slotName }: Pick<UnlockedRepository, 'bundle' | 'slotName'>,
  { domain, content, renewed, ended }: Destruction,
  { credential, remove, record, reason }: DestroyOptions,
): Promise<Pick<UnlockedRepository, 'bundle' | 'slotName'>> {
  const without: Bundle = { ...bundle, domains: bundle.domains.filter((each) => each !== domain) }
  const bundleFor = (slot: RenewableSlot) => {
    const ids = slot.holder.domains.map(({ id }) => id).filter((id) => !equalBytes(id, domain.id))
    return bundleForHolder(without, slot, ids)
  }
  const by = { slotName, credential, maker: bundle, bundleFor, remove }
  // Before anything is gone that others would miss.
  const places = new Map(content.snapshots.map((each) => [each.id, placeOf(each)]))
  for (const snapshots of partsOf([...places.values()])) {
    await record({ kind: 'destroy', domainId: domain.id, snapshots, ...(reason !== undefined && { reason }) }, without)
  }
  const isOwn = ({ copies }: RenewableSlot) => copies.includes(slotName)
  await renewSlots(
    store,
    renewed.filter((slot) => !isOwn(slot)),
    by,
  )
  for (const { copies } of ended) for (const name of copies) await gone('removing the key slot', name, remove)
  // Snapshots and sessions are told by the keys of sessions; everything else by the keys of the domain alone.
  const { snapshots, sessions, sessionKeys, packs, segments, plans } = content
  const order = [snapshots.map(({ objectName }) => objectName), sessions, sessionKeys, packs, segments, plans]
  for (const names of order) {
    for (let at = 0; at < names.length; at += REMOVED_AT_ONCE) {
      await Promise.all(names.slice(at, at + REMOVED_AT_ONCE).map((name) => goneWithParity(name, remove)))
    }
  }
  const own = await renewSlots(store, renewed.filter(isOwn), by)
  return { bundle: without, slotName: own.slotName }
}

const REMOVED_AT_ONCE = 8

const WITH_PARITY: ReadonlySet<string> = new Set(['pack', 'session-keys', 'snapshot', 'trash'])

/** Its parity first, which may be as good as a copy: without the object nobody would know whose it was. */
async function goneWithParity(name: string, remove: (name: string) => Promise<boolean>): Promise<void> {
  const parsed = parseObjectName(name)
  if (parsed !== null && WITH_PARITY.has(parsed.kind)) await gone('destroying', parityNameFor(name, parsed), remove)
  await gone('destroying', name, remove)
}

function gone(what: string, name: string, remove: (name: string) => Promise<boolean>): Promise<boolean> {
  return doing(what, name, () => remove(name))
}

/** At least one part, for the record says that the domain is gone too. */
function partsOf<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [all.slice(0, LOG_PLACES_MAX)]
  for (let at = LOG_PLACES_MAX; at < all.length; at += LOG_PLACES_MAX) parts.push(all.slice(at, at + LOG_PLACES_MAX))
  return parts
}
