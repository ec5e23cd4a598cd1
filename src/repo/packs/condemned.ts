// What is about to be deleted, by the deletion plans that count.
import { toHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { decodeDeletionPlan } from '../../format/deletion-plan.ts'
import type { DeletionPlan } from '../../format/deletion-plan.ts'
import { packName, parseObjectName, planName, PREFIXES } from '../../format/names.ts'
import { OBJECT_TYPES } from '../../format/object-header.ts'
import { readSignerId } from '../../format/signed-object.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { unlessGone } from '../objects/gone-object.ts'
import { foreignOf, openInDomain } from '../keys/membership.ts'
import type { DomainParts } from '../keys/membership.ts'
import { PackNames } from '../index/pack-names.ts'
import type { Revocations } from '../writers/revocations.ts'
import type { WriterDirectory } from '../writers/writer-directory.ts'
import { isNotPermitted } from '../roles.ts'

export interface ListedPlan {
  readonly name: string
  readonly bytes: Uint8Array
  /** Hex. */
  readonly pid: string
  /** The packs that it condemns. */
  readonly packs: PackNames
  /** Names of data packs into which its maker has copied what was needed of them. */
  readonly copies: readonly string[]
  /** Sessions whose key objects it condemns, hex. */
  readonly sessions: ReadonlySet<string>
}

/** Of a repository in one of its domains. */
interface PlanSource extends DomainParts {
  readonly store: Store
  readonly writers: WriterDirectory
  readonly trust: { revoked(): Promise<Revocations> }
}

/** What some plan condemns: nobody may begin to rely on it. */
export class Condemned {
  readonly #plans: readonly Pick<ListedPlan, 'packs' | 'sessions'>[]

  constructor(plans: readonly Pick<ListedPlan, 'packs' | 'sessions'>[]) {
    this.#plans = plans
  }

  /** Number of packs. */
  get size(): number {
    return this.#plans.reduce((sum, { packs }) => sum + packs.size, 0)
  }

  has(pack: string): boolean {
    return this.#plans.some(({ packs }) => packs.has(pack))
  }

  /** Whether the keys of a session go, hex: what it has sealed cannot be opened then, in whatever pack it lies. */
  hasSession(sid: string): boolean {
    return this.#plans.some(({ sessions }) => sessions.has(sid))
  }
}

/** What the plans of this domain condemn. */
export async function condemnedIn(repo: PlanSource): Promise<Condemned> {
  return new Condemned(await readPlans(repo))
}

/** The plans of this domain that count. Throws when one is damaged, or the list cannot be had. */
export async function readPlans(repo: PlanSource): Promise<ListedPlan[]> {
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
    const packs = new PackNames({ data: plan.dataPacks, meta: plan.metaPacks })
    const sessions = new Set(plan.sessions?.map(toHex))
    const copies = plan.copies?.map((hash) => packName('data', hash)) ?? []
    plans.push({ name, bytes, pid: toHex(plan.pid), packs, copies, sessions })
  }
  return plans
}

/** Undefined for the plan of a revoked writer. */
function readPlan(
  repo: PlanSource,
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
