// What is about to be deleted, by the deletion plans that count.
import { toHex } from '../base/bytes.ts'
import { BackupError, doing } from '../base/errors.ts'
import { decodeDeletionPlan } from '../format/deletion-plan.ts'
import type { DeletionPlan } from '../format/deletion-plan.ts'
import { packName, parseObjectName, planName, PREFIXES } from '../format/names.ts'
import { OBJECT_TYPES } from '../format/object-header.ts'
import { readSignerId } from '../format/signed-object.ts'
import { listAll } from '../store/store.ts'
import { unlessGone } from './gone-object.ts'
import { foreignOf, openInDomain } from './membership.ts'
import type { Repository } from './repository.ts'
import { isNotPermitted } from './roles.ts'

export interface ListedPlan {
  readonly name: string
  readonly bytes: Uint8Array
  /** Hex. */
  readonly pid: string
  /** Names of the packs that it condemns. */
  readonly packs: ReadonlySet<string>
  /** Names of data packs into which its maker has copied what was needed of them. */
  readonly copies: readonly string[]
}

/** Names of the packs that some plan of this domain condemns. */
export async function condemnedPacks(repo: Repository): Promise<Set<string>> {
  const condemned = new Set<string>()
  for (const { packs } of await readPlans(repo)) for (const name of packs) condemned.add(name)
  return condemned
}

/** The plans of this domain that count. Throws when one is damaged, or the list cannot be had. */
export async function readPlans(repo: Repository): Promise<ListedPlan[]> {
  const plans: ListedPlan[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.plans)) {
    if (parseObjectName(name)?.kind !== 'plan') continue
    const read = await unlessGone(repo.store, name, () => readPlan(repo, name)).catch((error: unknown) => {
      // Whoever may only make backups must neither condemn packs nor keep others from making theirs.
      // A plan is about the packs of its own domain (docs/format.md, 9.1).
      if (isNotPermitted(error) || foreignOf(error) !== undefined) return undefined
      throw error
    })
    if (read === undefined) continue
    const { bytes, plan } = read
    const packs = [
      ...plan.dataPacks.map((hash) => packName('data', hash)),
      ...plan.metaPacks.map((hash) => packName('meta', hash)),
    ]
    const copies = plan.copies?.map((hash) => packName('data', hash)) ?? []
    plans.push({ name, bytes, pid: toHex(plan.pid), packs: new Set(packs), copies })
  }
  return plans
}

/** Undefined for the plan of a revoked writer. */
function readPlan(
  repo: Repository,
  name: string,
): Promise<{ readonly bytes: Uint8Array; readonly plan: DeletionPlan } | undefined> {
  return doing('reading a deletion plan', name, async () => {
    const bytes = await repo.store.get(name)
    const wid = readSignerId(OBJECT_TYPES.deletionPlan, bytes, name)
    if ((await repo.trust.revoked()).has(toHex(wid))) return undefined
    const writer = await repo.writers.writer(wid, 'plan', name)
    const plan = openInDomain(repo, writer, name, (keys) => decodeDeletionPlan(bytes, name, keys))
    if (planName(plan.pid) === name) return { bytes, plan }
    throw new BackupError('corrupt', 'this is another deletion plan than its name says', name)
  })
}
