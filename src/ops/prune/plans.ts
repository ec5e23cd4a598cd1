// Deletion plans: put, read, and made durable by whoever carries one out.
import { fromHex } from '../../base/bytes.ts'
import { timespecFromMs } from '../../base/time.ts'
import { doing } from '../../base/errors.ts'
import { encodeDeletionPlan, PLAN_PACKS_MAX, PLAN_SESSIONS_MAX } from '../../format/deletion-plan.ts'
import type { DeletionPlan } from '../../format/deletion-plan.ts'
import { parseObjectName, planName, PREFIXES } from '../../format/names.ts'
import { readPlans } from '../../repo/packs/condemned.ts'
import type { ListedPlan } from '../../repo/packs/condemned.ts'
import { putOwn } from '../../repo/objects/put-own.ts'
import { settle } from '../../repo/objects/settle.ts'
import type { PruneContext } from './context.ts'
import type { PackInfo } from './pack-table.ts'

/** Puts a plan and reads it back: from here on no session that begins relies on these packs. */
export async function putPlan(ctx: PruneContext, packs: readonly PackInfo[], copies: readonly string[]): Promise<void> {
  const hashesOf = (kind: PackInfo['kind']) =>
    packs.flatMap((pack) => (pack.kind === kind ? [hashOfPack(pack.name)] : [])).slice(0, PLAN_PACKS_MAX)
  await put(ctx, {
    dataPacks: hashesOf('data'),
    metaPacks: hashesOf('meta'),
    copies: copies
      .filter((name) => name.startsWith(PREFIXES.data))
      .slice(0, PLAN_PACKS_MAX)
      .map(hashOfPack),
  })
}

/**
 * The same for the keys of sessions, hex, of which nothing is left: nobody begins to rely on anything that they have sealed,
 * should it come after all, from somebody who sleeps.
 */
export async function putKeysPlan(ctx: PruneContext, sids: readonly string[]): Promise<void> {
  const sessions = sids.slice(0, PLAN_SESSIONS_MAX).map((sid) => fromHex(sid)!)
  await put(ctx, { dataPacks: [], metaPacks: [], sessions })
}

async function put(ctx: PruneContext, plan: Omit<DeletionPlan, 'pid' | 'created'>): Promise<void> {
  const { repo, writer, clock, random } = ctx
  const pid = random(16)
  const keys = { sealer: repo.indexSealer, signer: writer.signer }
  const bytes = encodeDeletionPlan({ ...plan, pid, created: timespecFromMs(clock.now()) }, keys)
  await doing('storing a deletion plan', planName(pid), () => putOwn(repo.store, planName(pid), bytes))
}

/**
 * The plans that count, each acknowledged to this process: what only shows may go away with the power, and then sessions would
 * begin that know nothing of it.
 */
export async function plansToCarryOut({ repo, clock }: PruneContext): Promise<ListedPlan[]> {
  const plans = await readPlans(repo)
  for (const { name, bytes } of plans) {
    await doing('keeping a deletion plan', name, () => putOwn(repo.store, name, bytes))
  }
  // Whoever declares himself from now on reads them: who made them may have died before that.
  if (plans.length > 0) await settle(repo.store, clock)
  return plans
}

export function hashOfPack(name: string): Uint8Array {
  const parsed = parseObjectName(name)
  return fromHex(parsed?.kind === 'pack' ? parsed.hash : '')!
}
