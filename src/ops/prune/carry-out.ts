// Carries out plans for which nobody has to be waited any more: looks again at what is needed, copies that out of the condemned
// packs, then deletes: index, packs, plan.
//
// A pack that was condemned is never relied on again, not even by the one who finds that it is needed: what is needed is copied.
// So whoever deletes a condemned pack, however late and whatever he knew when he decided it, takes nothing from anybody; and a
// plan goes only when all of its packs are gone. That is why any number of pruners may carry out the same plan.
import { assert } from '../../base/assert.ts'
import { fromHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { readPlans } from '../../repo/condemned-packs.ts'
import type { ListedPlan } from '../../repo/condemned-packs.ts'
import { appendRecord } from '../../repo/log-append.ts'
import { RunningSteps } from '../running-steps.ts'
import type { BlockCopier } from './block-copier.ts'
import { isOurs, usesOf } from './choose.ts'
import type { Copies, Relief } from './copies.ts'
import type { PruneContext } from './context.ts'
import type { IndexView } from './index-view.ts'
import type { IndexWriter } from './index-writer.ts'
import { STANDING } from './pack-table.ts'
import type { PackInfo } from './pack-table.ts'
import { settle } from '../../repo/settle.ts'
import { deleteParityOf } from '../../repo/parity-maker.ts'

export interface Removal {
  packs: number
  bytes: number
}

export interface CarryOutParts {
  readonly ctx: PruneContext
  readonly view: IndexView
  readonly index: IndexWriter
  readonly copier: BlockCopier
  readonly copies: Copies
  /** Lists the snapshots: what it gives marks what they need, once the index is up to date. */
  readonly lookAgain: () => Promise<() => Promise<void>>
}

/** How often what is needed is copied out before it is given up: each time another pruner has to be in the way. */
const RESCUES_MAX = 5
const DELETIONS_AT_ONCE = 8

/** `plans` wait for nobody. Counts what is deleted in `removal`. */
export async function carryOut(parts: CarryOutParts, plans: readonly ListedPlan[], removal: Removal): Promise<void> {
  const { ctx, view, index } = parts
  const { store } = ctx.repo
  // Snapshots of those whose intents are gone, and who looked for them before, show.
  await settle(store, ctx.clock)
  await rescueWhatIsNeeded(parts, plans)
  // What is there and does not open with the keys of this domain belongs to another one: a plan condemns no such pack.
  const condemned = new Set(plans.flatMap(({ packs }) => [...packs]).filter((name) => !view.unopened.has(name)))
  const isGone = (name: string) => condemned.has(name)
  await index.replace(isGone)
  const before = { ...removal }
  await deletePacks(ctx, view, condemned, removal)
  // Who does not find the plan any more does not find the packs either.
  await settle(store, ctx.clock)
  // Somebody may have put a segment that names them since it was listed; who does that later finds that they are gone.
  await view.refresh(ctx.check)
  await index.replace(isGone)
  for (const plan of plans) {
    const left = [...plan.packs].filter((name) => view.unopened.has(name))
    if (left.length > 0) {
      ctx.onEvent({
        type: 'warning',
        code: 'corrupt',
        message: `${plan.name} is kept: it names ${left[0]}, which no key of this domain opens, and which was not deleted`,
      })
      continue
    }
    await note(ctx, view, plan, removal.bytes - before.bytes)
    await doing('deleting a plan that was carried out', plan.name, () => ctx.repo.store.delete(plan.name))
  }
}

/** Afterwards every blob that is needed has a copy in a pack that no plan condemns, and that the index names. */
async function rescueWhatIsNeeded(
  { ctx, view, copier, copies, lookAgain }: CarryOutParts,
  plans: readonly ListedPlan[],
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    // Snapshots, then plans, then the index: what a snapshot needs is named by the index before the snapshot is there.
    const mark = await lookAgain()
    const all = await readPlans(ctx.repo)
    await view.refresh(ctx.check)
    applyPlans(view, copies, plans, all)
    await mark()
    applyPlans(view, copies, plans, all)
    const isLive = copies.isLive.bind(copies)
    const needed = [...view.present()].filter(
      (pack) => isOurs(pack.standing) && usesOf(view.packs, pack, isLive).live > 0,
    )
    if (needed.length === 0) return
    const { unreadable } = await copier.copy(needed, isLive)
    await settle(ctx.repo.store, ctx.clock)
    const [first] = unreadable
    assert(attempt < RESCUES_MAX || first !== undefined, 'what was copied is not needed in the old pack any more')
    if (first === undefined || attempt < RESCUES_MAX) continue
    throw new BackupError('corrupt', 'a pack that is to be deleted is needed, and it cannot be read', first.name, {
      hint: 'nothing of the plan was deleted; run `holdfast check`',
    })
  }
}

/** Notes which packs go by the plans that are carried out, and which by those of others. */
export function applyPlans(view: IndexView, copies: Copies, ours: readonly Relief[], all: readonly Relief[]): void {
  copies.noteReliefs([...ours, ...all])
  const mine = new Set(ours.flatMap(({ packs }) => [...packs]))
  const others = new Set(all.flatMap(({ packs }) => [...packs]))
  for (const pack of view.packs.packs) pack.standing = condemnedStanding(pack, mine, others)
  copies.prefer(() => false)
}

function condemnedStanding(
  { name, standing }: PackInfo,
  mine: ReadonlySet<string>,
  others: ReadonlySet<string>,
): PackInfo['standing'] {
  if (standing >= STANDING.closed || (!mine.has(name) && !others.has(name))) return standing
  const isDistrusted = standing >= STANDING.distrusted
  if (mine.has(name)) return isDistrusted ? STANDING.distrustedCondemned : STANDING.condemned
  return isDistrusted ? STANDING.distrustedCondemnedByOthers : STANDING.condemnedByOthers
}

async function deletePacks(
  { repo, check, onEvent }: PruneContext,
  view: IndexView,
  names: ReadonlySet<string>,
  removal: Removal,
): Promise<void> {
  const running = new RunningSteps(DELETIONS_AT_ONCE)
  let done = 0
  for (const name of names) {
    check()
    await running.start(async () => {
      const wasThere = await doing('deleting a pack', name, () => repo.store.delete(name))
      await deleteParityOf(repo, name)
      if (wasThere) {
        removal.packs++
        removal.bytes += view.listed.get(name) ?? view.packs.find(name)?.size ?? 0
      }
      done++
      onEvent({
        type: 'progress',
        phase: 'deleting packs',
        filesDone: done,
        filesTotal: names.size,
        bytesDone: 0,
        unit: 'packs',
      })
    })
  }
  await running.idle()
}

async function note(ctx: PruneContext, view: IndexView, plan: ListedPlan, bytes: number): Promise<void> {
  const { repo, writer, clock, by } = ctx
  const kinds = [...plan.packs].map((name) => view.packs.find(name)?.kind ?? name.slice(0, 4))
  await appendRecord(
    repo,
    {
      kind: 'prune',
      pid: fromHex(plan.pid)!,
      dataPacks: kinds.filter((kind) => kind === 'data').length,
      metaPacks: kinds.filter((kind) => kind === 'meta').length,
      bytes,
    },
    { writer, clock, by },
  )
}
