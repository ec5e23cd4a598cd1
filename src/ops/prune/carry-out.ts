// Carries out plans for which nobody has to be waited any more: looks again at what is needed, copies that out of the condemned
// packs, then deletes: index, packs, plan.
//
// A pack that was condemned is never relied on again, not even by the one who finds that it is needed: what is needed is copied.
// So whoever deletes a condemned pack, however late and whatever he knew when he decided it, takes nothing from anybody; and a
// plan goes only when all of its packs are gone. That is why any number of pruners may carry out the same plan.
//
// The keys of a session are condemned when nothing is left that it has sealed. If something shows nevertheless, put by somebody
// who slept, they stay as long as that is there, and so does the plan: then nobody begins to rely on it.
import { assert } from '../../base/assert.ts'
import { fromHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { sessionKeysName } from '../../format/names.ts'
import { Condemned, readPlans } from '../../repo/packs/condemned.ts'
import type { ListedPlan } from '../../repo/packs/condemned.ts'
import { appendRecord } from '../../repo/history/log-append.ts'
import type { PackSet } from '../../repo/index/pack-names.ts'
import { RunningSteps } from '../running-steps.ts'
import type { BlockCopier } from './block-copier.ts'
import { isOurs, usesOf } from './choose.ts'
import type { Copies } from './copies.ts'
import type { PruneContext } from './context.ts'
import type { IndexView } from './index-view.ts'
import type { IndexWriter } from './index-writer.ts'
import { deleteSessionKeys, isKeyThere } from './leftovers.ts'
import { STANDING } from './pack-table.ts'
import type { PackInfo } from './pack-table.ts'
import { noteSameBlocks } from './same-blocks.ts'
import { settle } from '../../repo/objects/settle.ts'
import { listSessionNames } from './sessions.ts'
import { deleteParityOf } from '../../repo/objects/parity-maker.ts'

export interface Removal {
  packs: number
  bytes: number
  /** Key objects of sessions. */
  keys: number
}

export interface CarryOutParts {
  readonly ctx: PruneContext
  readonly view: IndexView
  readonly index: IndexWriter
  readonly copier: BlockCopier
  readonly copies: Copies
  /** Lists the snapshots. */
  readonly lookAgain: () => Promise<SecondLook>
}

export interface SecondLook {
  /** Marks what the snapshots need, once the index is up to date; false when some of it is lost. */
  readonly mark: () => Promise<boolean>
  /** Sessions of the snapshots, hex. */
  readonly sessions: ReadonlySet<string>
}

/** How often what is needed is copied out before it is given up: each time another pruner has to be in the way. */
const RESCUES_MAX = 5
const DELETIONS_AT_ONCE = 8

/** `plans` wait for nobody. Counts what is deleted in `removal`. */
export async function carryOut(parts: CarryOutParts, ready: readonly ListedPlan[], removal: Removal): Promise<void> {
  const { ctx, view, index } = parts
  const { store } = ctx.repo
  // Snapshots of those whose intents are gone, and who looked for them before, show.
  await settle(store, ctx.clock)
  const look = await rescueWhatIsNeeded(parts, ready)
  const plans = ready.filter(({ packs }) => !look.stuck.some(({ name }) => packs.has(name)))
  for (const plan of ready)
    if (!plans.includes(plan)) keep(ctx, plan, look.stuck.find(({ name }) => plan.packs.has(name))!.name)
  // What is there and does not open with the keys of this domain belongs to another one: a plan condemns no such pack.
  const isGone = (name: string) => !view.unopened.has(name) && plans.some(({ packs }) => packs.has(name))
  await index.replace(isGone)
  const before = { ...removal }
  await deletePacks(ctx, view, plans, removal)
  // Who does not find the plan any more does not find the packs either.
  await settle(store, ctx.clock)
  // Somebody may have put a segment that names them since it was listed; who does that later finds that they are gone.
  await view.refresh(ctx.check)
  await index.replace(isGone)
  const keysLeft = await deleteKeys(ctx, view, { plans, look, removal })
  for (const plan of plans) {
    const left = firstOf(plan.packs, (name) => view.unopened.has(name))
    if (left !== undefined) {
      ctx.onEvent({
        type: 'warning',
        code: 'corrupt',
        message: `${plan.name} is kept: it names ${left}, which no key of this domain opens, and which was not deleted`,
      })
      continue
    }
    const key = firstOf(plan.sessions, (sid) => keysLeft.has(sid))
    if (key !== undefined) {
      keep(ctx, plan, sessionKeysName(key))
      continue
    }
    if (plan.packs.size > 0) await note(ctx, plan, removal.bytes - before.bytes)
    await doing('deleting a plan that was carried out', plan.name, () => ctx.repo.store.delete(plan.name))
  }
}

function keep({ onEvent }: PruneContext, plan: ListedPlan, what: string): void {
  onEvent({
    type: 'notice',
    message: `${plan.name} is kept: snapshots still need ${what}, and nothing new relies on it`,
  })
}

interface LookedAgain {
  /** Packs that are needed, and whose keys go, or do not open: they cannot be copied, so they stay. */
  readonly stuck: readonly PackInfo[]
  readonly sessions: ReadonlySet<string>
  readonly isWhole: boolean
}

/**
 * Afterwards every blob that is needed has a copy in a pack that is deleted by none of these plans, and that the index names,
 * if it is not in a pack that is stuck.
 */
async function rescueWhatIsNeeded(
  { ctx, view, copier, copies, lookAgain }: CarryOutParts,
  plans: readonly ListedPlan[],
): Promise<LookedAgain> {
  for (let attempt = 1; ; attempt++) {
    // Snapshots, then plans, then the index: what a snapshot needs is named by the index before the snapshot is there.
    const { mark, sessions } = await lookAgain()
    const all = await readPlans(ctx.repo)
    await view.refresh(ctx.check)
    applyPlans(view, copies, plans, all)
    const isWhole = await mark()
    applyPlans(view, copies, plans, all)
    const isLive = copies.isLive.bind(copies)
    await noteSameBlocks({ ctx, view, copies }, plans, isLive)
    const needed = [...view.present()].filter(
      (pack) => plans.some(({ packs }) => packs.has(pack.name)) && usesOf(view.packs, pack, isLive).live > 0,
    )
    const going = new Condemned(all)
    // What cannot be opened cannot be compared either: it may be its keys that are damaged, and they may be repaired.
    const stuck = needed.filter((pack) => !isOurs(pack.standing) || pack.sessions.some((sid) => going.hasSession(sid)))
    if (needed.length === stuck.length) return { stuck, sessions, isWhole }
    const { unreadable } = await copier.copy(
      needed.filter((pack) => !stuck.includes(pack)),
      isLive,
    )
    await settle(ctx.repo.store, ctx.clock)
    const [first] = unreadable
    assert(attempt < RESCUES_MAX || first !== undefined, 'what was copied is not needed in the old pack any more')
    if (first === undefined || attempt < RESCUES_MAX) continue
    throw new BackupError('corrupt', 'a pack that is to be deleted is needed, and it cannot be read', first.name, {
      hint: 'nothing of the plan was deleted; run `holdfast check`',
    })
  }
}

type Condemning = { readonly packs: PackSet } & Partial<Pick<ListedPlan, 'sessions'>>

/** Notes which packs go by the plans that are carried out, and which by those of others. */
export function applyPlans(
  view: IndexView,
  copies: Copies,
  ours: readonly Condemning[],
  all: readonly Condemning[],
): void {
  const isIn = (plans: readonly Condemning[]): PackSet => ({
    has: (name) => plans.some(({ packs }) => packs.has(name)),
  })
  const going = all.flatMap(({ sessions }) => (sessions === undefined ? [] : [...sessions]))
  const condemning = { mine: isIn(ours), others: isIn(all), sessions: new Set(going) }
  for (const pack of view.packs.packs) pack.standing = condemnedStanding(pack, condemning)
  copies.prefer(() => false)
}

function condemnedStanding(
  { name, standing, sessions }: PackInfo,
  going: { readonly mine: PackSet; readonly others: PackSet; readonly sessions: ReadonlySet<string> },
): PackInfo['standing'] {
  if (standing >= STANDING.closed) return standing
  const isDistrusted = standing >= STANDING.distrusted
  if (going.mine.has(name)) return isDistrusted ? STANDING.distrustedCondemned : STANDING.condemned
  if (going.others.has(name)) return isDistrusted ? STANDING.distrustedCondemnedByOthers : STANDING.condemnedByOthers
  return standing < STANDING.keysCondemned && sessions.some((sid) => going.sessions.has(sid))
    ? STANDING.keysCondemned
    : standing
}

async function deletePacks(
  { repo, check, onEvent }: PruneContext,
  view: IndexView,
  plans: readonly ListedPlan[],
  removal: Removal,
): Promise<void> {
  const running = new RunningSteps(DELETIONS_AT_ONCE)
  const filesTotal = plans.reduce((sum, { packs }) => sum + packs.size, 0)
  let done = 0
  for (const name of namesIn(plans)) {
    check()
    if (view.unopened.has(name)) continue
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
        filesTotal,
        bytesDone: 0,
        unit: 'packs',
      })
    })
  }
  await running.idle()
}

function* namesIn(plans: readonly ListedPlan[]): Generator<string> {
  for (const { packs } of plans) yield* packs
}

/** Gives those of the condemned sessions whose keys stay, because something is there that they open. */
async function deleteKeys(
  ctx: PruneContext,
  view: IndexView,
  {
    plans,
    look,
    removal,
  }: { readonly plans: readonly ListedPlan[]; readonly look: LookedAgain; readonly removal: Removal },
): Promise<ReadonlySet<string>> {
  const sids = new Set(plans.flatMap(({ sessions }) => [...sessions]))
  const left = new Set<string>()
  if (sids.size === 0) return left
  const used = new Set([...view.present()].flatMap(({ sessions }) => sessions))
  const names = await listSessionNames(ctx.repo)
  for (const sid of sids) {
    ctx.check()
    // What is lost may come back, and is worth nothing without its keys.
    if (!look.isWhole || used.has(sid) || look.sessions.has(sid)) left.add(sid)
    else if (await deleteSessionKeys(ctx, sid, names.get(sid))) removal.keys++
    else if (await isKeyThere(ctx, sid)) left.add(sid)
  }
  return left
}

function firstOf<T>(items: Iterable<T>, is: (item: T) => boolean): T | undefined {
  for (const item of items) if (is(item)) return item
  return undefined
}

async function note(ctx: PruneContext, plan: ListedPlan, bytes: number): Promise<void> {
  const { repo, writer, clock, by } = ctx
  await appendRecord(
    repo,
    {
      kind: 'prune',
      pid: fromHex(plan.pid)!,
      dataPacks: plan.packs.countOf('data'),
      metaPacks: plan.packs.countOf('meta'),
      bytes,
    },
    { writer, clock, by },
  )
}
