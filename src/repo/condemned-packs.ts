// What is about to be deleted, by the deletion plans that count.
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

/** Names of the packs that some plan of this domain condemns. */
export async function condemnedPacks(repo: Repository): Promise<Set<string>> {
  const condemned = new Set<string>()
  for await (const { name } of listAll(repo.store, PREFIXES.plans)) {
    if (parseObjectName(name)?.kind !== 'plan') continue
    const plan = await unlessGone(repo.store, name, () => readPlan(repo, name)).catch((error: unknown) => {
      // Whoever may only make backups must neither condemn packs nor keep others from making theirs.
      // A plan is about the packs of its own domain (docs/format.md, 9.1).
      if (isNotPermitted(error) || foreignOf(error) !== undefined) return undefined
      throw error
    })
    if (plan === undefined) continue
    for (const hash of plan.dataPacks) condemned.add(packName('data', hash))
    for (const hash of plan.metaPacks) condemned.add(packName('meta', hash))
  }
  return condemned
}

function readPlan(repo: Repository, name: string): Promise<DeletionPlan> {
  return doing('reading a deletion plan', name, async () => {
    const bytes = await repo.store.get(name)
    const writer = await repo.writers.writer(readSignerId(OBJECT_TYPES.deletionPlan, bytes, name), 'plan', name)
    const plan = openInDomain(repo, writer, name, (keys) => decodeDeletionPlan(bytes, name, keys))
    if (planName(plan.pid) === name) return plan
    throw new BackupError('corrupt', 'this is another deletion plan than its name says', name)
  })
}
