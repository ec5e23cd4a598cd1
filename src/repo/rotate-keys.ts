// New key pairs for domains: what is stored from now on is opened by those whose key slots were made anew with them. The order
// is what matters (docs/format.md, 3.8): the private keys are in acknowledged slots before a description makes others use the
// public ones. Cut off at any point, the repository opens, and the same can be done again.
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError, doing } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import { hash } from '../crypto/hash.ts'
import { newKemKeyPair } from '../crypto/kem.ts'
import { signingKeyFromSeed } from '../crypto/signing.ts'
import type { Credential } from '../credentials/credential.ts'
import type { AnnouncedKeys } from '../format/announced-keys.ts'
import { OLDER_KEYS_MAX } from '../format/bundle.ts'
import type { Bundle, Domain } from '../format/bundle.ts'
import { descriptionName } from '../format/names.ts'
import { encodeRepoDescription } from '../format/repo-description.ts'
import type { RepoDescription } from '../format/repo-description.ts'
import type { Store } from '../store/store.ts'
import { checkWritable, isSameRepository, nextDescriptionNumber, readDescriptions } from './descriptions.ts'
import { DomainKeys } from './keys/domain-keys.ts'
import { unlockRepository } from './open-repository.ts'
import type { UnlockedRepository } from './open-repository.ts'
import { parityMakerOf } from './objects/parity-maker.ts'
import { domainOf, RoleLacks } from './roles.ts'
import { bundleForHolder, planRenewal, removeRenewed, renewSlots } from './keys/slot-renewal.ts'
import type { RenewableSlot, RenewalPlan } from './keys/slot-renewal.ts'
import { replacedKeys } from './keys/slot-versions.ts'

export interface RotationChoice {
  /** Names or ids (hex) of domains; all that the credential has unless given. */
  readonly domains?: readonly string[]
  /** `removedSlots`. */
  readonly removed: ReadonlySet<string>
  /** Which slots do not get the new keys. */
  readonly leavesOut?: (slot: RenewableSlot) => boolean
}

/** Who gets the new keys and who does not. Slots that have no key pair of these domains are not among them. */
export async function planRotation(
  store: Store,
  own: Pick<UnlockedRepository, 'bundle' | 'slotName' | 'description'>,
  { domains: specs, removed, leavesOut = () => false }: RotationChoice,
): Promise<RenewalPlan> {
  const chosen = chosenDomains(own, specs, store.location)
  const plan = await planRenewal(store, own, {
    removed,
    leavesOut,
    isFor: ({ role }, holder) => {
      if (role === 'report') return false
      return holder === undefined || holder.domains.some(({ id }) => chosen.some((domain) => equalBytes(domain.id, id)))
    },
  })
  // Its holder would lack these keys, and whoever has all of both could not be found any more.
  const [ahead] = plan.passed.filter(({ reason }) => reason === 'other-keys')
  if (ahead !== undefined) {
    throw new BackupError('refused', 'a key has new keys of the domain that the key in use does not have', ahead.name, {
      hint: 'an administrator makes new keys at this moment, or was cut off: let him run the command again, or leave his key out with --except',
    })
  }
  if (plan.renewed.some(({ copies }) => copies.includes(own.slotName))) return plan
  throw new BackupError('refused', 'the key in use cannot be left out', own.slotName, {
    hint: 'open the repository with a key that stays',
  })
}

export interface RotationOptions extends Pick<RotationChoice, 'domains'> {
  /** `removedSlots`, as the log is at the moment. */
  readonly readRemoved: () => Promise<ReadonlySet<string>>
  /** `slotId` of the slots that get the new keys: those that somebody has looked at. */
  readonly approved: ReadonlySet<string>
  readonly credential: Credential
  readonly clock: Clock
  readonly random: SecureRandom
}

export interface Rotation extends UnlockedRepository {
  readonly plan: RenewalPlan
  readonly domains: readonly Domain[]
}

/** Which slot it is, however often it is made anew. */
export function slotId({ publicKey }: Pick<RenewableSlot['slot'], 'publicKey'>): string {
  return toHex(hash(publicKey))
}

/** How often it begins again because another administrator was at work. */
const ATTEMPTS_MAX = 5

/**
 * Makes new key pairs. Throws `wrong-key` unless the credential is an administrator's who has the newest keys, `refused` where
 * others change keys all the time.
 */
export async function rotateKeys(store: Store, opened: UnlockedRepository, opts: RotationOptions): Promise<Rotation> {
  let unlocked = opened
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const done = await attemptRotation(store, unlocked, opts)
    if (done !== undefined) return done
    // What the other one has made is in the slots too, beside what was made here.
    unlocked = await unlockRepository(store, await readDescriptions(store), opts.credential, opened.bundle.rootPublic)
  }
  throw new BackupError('refused', 'others make new keys at the same time', store.location, {
    hint: 'run the command again when they are done',
  })
}

/** Undefined when another description was put meanwhile, or a slot removed that has got the keys. */
async function attemptRotation(
  store: Store,
  unlocked: UnlockedRepository,
  { domains: specs, readRemoved, approved, credential, clock, random }: RotationOptions,
): Promise<Rotation | undefined> {
  checkWritable(unlocked, store.location)
  const { bundle, slotName, description } = unlocked
  const plan = await planRotation(store, unlocked, {
    removed: await readRemoved(),
    ...(specs !== undefined && { domains: specs }),
    leavesOut: ({ slot }) => !approved.has(slotId(slot)),
  })
  const chosen = chosenDomains(unlocked, specs, store.location)
  const domains = chosen.map((domain) => withNewKeys(domain, random))
  const maker: Bundle = {
    ...bundle,
    domains: bundle.domains.map((domain) => domains.find(({ id }) => equalBytes(id, domain.id)) ?? domain),
  }
  const by = { slotName, credential, maker, bundleFor: (slot: RenewableSlot) => bundleForHolder(maker, slot) }
  const made = await renewSlots(store, plan.renewed, by)
  // Whoever was removed meanwhile may have read them: these keys become older ones before anybody uses them.
  if (await removeRenewed(store, plan.renewed, await readRemoved())) return undefined
  const time = timespecFromMs(clock.now())
  const announced = [
    ...(description.announced ?? []).filter(({ domainId }) => !domains.some(({ id }) => equalBytes(id, domainId))),
    ...domains.map((domain): AnnouncedKeys => announcedOf(domain, time)),
  ]
  const next = { ...description, announced }
  const descriptionNumber = await putNextDescription(store, unlocked, next)
  if (descriptionNumber === undefined) return undefined
  return { ...unlocked, bundle: maker, slotName: made.slotName, description: next, descriptionNumber, plan, domains }
}

/**
 * Puts a description that follows the one in use; gives its number, or undefined when another one is in use by now. Two that do
 * so at the same time try the same number, and the store keeps the first.
 */
async function putNextDescription(
  store: Store,
  { bundle, descriptionNumber }: Pick<UnlockedRepository, 'bundle' | 'descriptionNumber'>,
  description: RepoDescription,
): Promise<number | undefined> {
  const found = await readDescriptions(store)
  const inUse = found.found.find((each) => isSameRepository(each.description, bundle))
  if (inUse?.name !== descriptionName(descriptionNumber)) return undefined
  const number = nextDescriptionNumber(found, store.location)
  const name = descriptionName(number)
  const bytes = encodeRepoDescription(description, signingKeyFromSeed(bundle.rootSeed!))
  const { created } = await doing('putting the new description', name, () => store.put(name, [bytes]))
  const parity = parityMakerOf({ store, description })
  parity.ofBytes(name, bytes)
  await parity.finish() // what could not be made a repair makes
  // One that was cut off before its answer came may have put it.
  return created || equalBytes(await store.get(name), bytes) ? number : undefined
}

function chosenDomains(
  { bundle, description }: Pick<UnlockedRepository, 'bundle' | 'description'>,
  specs: readonly string[] | undefined,
  location: string,
): readonly Domain[] {
  if (bundle.rootSeed === undefined) {
    throw new RoleLacks(bundle.role, { need: 'admin', what: 'making new keys', location })
  }
  const chosen = specs === undefined ? bundle.domains : [...new Set(specs.map((spec) => domainOf(bundle, spec)))]
  for (const domain of chosen) {
    if (new DomainKeys(domain, description).lackedSince === undefined) continue
    throw new BackupError('wrong-key', 'this key was not given the newest keys of the domain', domain.name, {
      hint: 'open the repository with the key of an administrator who has them',
    })
  }
  return chosen
}

function withNewKeys(domain: Domain, random: SecureRandom): Domain {
  const older = [replacedKeys(domain), ...(domain.older ?? [])]
  if (older.length > OLDER_KEYS_MAX) {
    throw new BackupError('limit', `the domain was given new keys ${OLDER_KEYS_MAX} times`, domain.name, {
      hint: 'go on in a new domain',
    })
  }
  const [data, meta] = [newKemKeyPair(random), newKemKeyPair(random)]
  return {
    ...domain,
    dataPublic: data.publicKey,
    metaPublic: meta.publicKey,
    dataPrivate: data.privateKey,
    metaPrivate: meta.privateKey,
    older,
  }
}

function announcedOf({ id, dataPublic, metaPublic, older = [] }: Domain, made: AnnouncedKeys['made']): AnnouncedKeys {
  return { domainId: id, dataPublic, metaPublic, made, older: older.map(({ data, meta }) => ({ data, meta })) }
}
