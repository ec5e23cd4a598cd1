// `holdfast forget`: by policy, by the rules on the command line, or by name.
import { resolve } from 'node:path'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { carryOut, checkLogIsRead, checkNotHeld, goers, planForget, readRetention } from '../ops/forget.ts'
import type { ForgetPlan, RetentionState } from '../ops/forget.ts'
import type { Verdict } from '../ops/retention/plan.ts'
import { filterSnapshots } from '../ops/snapshot-filter.ts'
import type { SnapshotFilter } from '../ops/snapshot-filter.ts'
import type { Repository } from '../repo/repository.ts'
import { isNotPermitted } from '../repo/roles.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { DAY_MS, moveToTrash, purgeTrash, readTrash } from '../repo/history/trash.ts'
import type { ForgetFlags } from './commands/forget.ts'
import type { Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { noteWithoutPolicy, showNamed, showOutcome, showPlan, showUnusual } from './forget-view.ts'
import { namedSnapshots, withMaintenance } from './maintenance.ts'
import type { Signing } from './maintenance.ts'
import { bytesOfText, nativeWorkingFolder } from './native-text.ts'
import { policyOfFlags } from './retention-flags.ts'
import { shortId } from './snapshot-view.ts'
import { formatLocalTime } from './units.ts'

export async function runForget(context: Context, flags: ForgetFlags, specs: readonly string[]): Promise<ExitCode> {
  const policy = policyOfFlags(flags)
  if (specs.length > 0 && (policy !== undefined || isFiltered(flags))) {
    throw new BackupError('usage', 'both snapshots and rules are given', specs[0]!, { hint: 'give one or the other' })
  }
  if (specs.length === 0 && policy === undefined && (flags.groupBy ?? flags.trashDays) !== undefined) {
    throw new BackupError('usage', 'no rule says what is kept', '--group-by, --trash-days', {
      hint: 'add one such as --keep-daily 14, or change the policy with `holdfast policy set`',
    })
  }
  if (flags.damaged === true) {
    if (policy !== undefined || isFiltered(flags) || flags.path !== undefined) {
      throw new BackupError('usage', 'what is damaged is forgotten by name alone', '--damaged')
    }
    const { runForgetDamaged } = await import('./forget-damaged.ts')
    return runForgetDamaged(context, flags, specs)
  }
  if (flags.path !== undefined) {
    if (policy !== undefined) {
      throw new BackupError('usage', 'both paths and rules are given', flags.path[0]!, {
        hint: 'do one, then the other',
      })
    }
    const { forgetPaths } = await import('./forget-paths.ts')
    return forgetPaths(context, flags, specs)
  }
  return withMaintenance(context, async (repository, signing) => {
    // Those of revoked writers do not count, and can be forgotten by name.
    repository.catalog.showsRevoked = true
    const state = await readRetention(repository)
    for (const problem of state.problems) {
      context.reporter.onEvent({ type: 'error', code: problem.code, message: `${reasonsOf(problem)}; it stays` })
    }
    for (const unread of state.unreadRecords) {
      context.reporter.onEvent({ type: 'error', code: unread.code, message: reasonsOf(unread) })
    }
    const days = flags.trashDays ?? state.records.trashDays
    if (specs.length > 0) {
      await forgetNamed(context, repository, { specs, flags, state, days }, signing)
    } else {
      const { host, tag: tags, source } = flags
      const path = source === undefined ? undefined : bytesOfText(resolve(nativeWorkingFolder(), source))
      if (isFiltered(flags) && !state.snapshots.some(isOf({ host, tags, source: path }))) {
        context.reporter.note('no snapshot has what --host, --tag and --source say')
      }
      const plan = planForget(state, { policy, filter: { host, tags, source: path } }, context.clock.now())
      await forgetByPlan(context, repository, { plan, flags, days }, signing)
    }
    const [problem] = [...state.problems, ...state.unreadRecords]
    return problem === undefined ? EXIT.ok : exitCodeOf(problem.code)
  })
}

function isOf(filter: SnapshotFilter): (snapshot: SnapshotInfo) => boolean {
  return ({ body }) => filterSnapshots([body], filter).length > 0
}

function isFiltered({ host, tag = [], source }: ForgetFlags): boolean {
  return host !== undefined || tag.length > 0 || source !== undefined
}

interface NamedWork {
  readonly specs: readonly string[]
  readonly flags: ForgetFlags
  readonly state: RetentionState
  readonly days: number
}

async function forgetNamed(
  context: Context,
  repository: Repository,
  { specs, flags, state, days }: NamedWork,
  signing: Signing,
): Promise<void> {
  const snapshots = await namedSnapshots(repository, specs).catch(withWayOut)
  if (flags.allowUnusual !== true) checkLogIsRead(state)
  checkNotHeld(snapshots, state.records.held, context.clock.now())
  if (flags.dryRun === true) return showNamed(context, snapshots, true)
  const moved = await moveToTrash(repository, snapshots, { ...(await signing()), ...reasonOf(flags) })
  const gone = new Set(moved.snapshots.map(({ id }) => id))
  showNamed(
    context,
    snapshots.filter(({ id }) => gone.has(id)),
    false,
  )
  showOutcome(context, {
    forgotten: gone.size,
    kept: undefined,
    purged: 0,
    trash: { days, nowMs: context.clock.now(), left: gone.size },
  })
}

/** Damage is not garbage: who wants to let go of it says so. */
function withWayOut(error: unknown): never {
  if (!(error instanceof BackupError) || error.code !== 'corrupt' || isNotPermitted(error)) throw error
  throw new BackupError('corrupt', 'this snapshot cannot be read', error.subject, {
    cause: error,
    hint: 'run `holdfast repair`; where that cannot make it good, say --damaged, and what only it needs goes with the next prune',
  })
}

interface PlannedWork {
  readonly plan: ForgetPlan
  readonly flags: ForgetFlags
  readonly days: number
}

async function forgetByPlan(
  context: Context,
  repository: Repository,
  { plan, flags, days }: PlannedWork,
  signing: Signing,
): Promise<void> {
  const going = goers(plan)
  const kept = plan.groups.reduce((sum, { verdicts }) => sum + verdicts.length, 0) - going.length
  const dryRun = flags.dryRun === true
  showPlan(context, plan, dryRun)
  showUnusual(context, plan)
  noteLate(context, going, context.clock.now() + days * DAY_MS)
  noteWithoutPolicy(context, plan)
  if (dryRun) return showOutcome(context, { forgotten: going.length, kept, purged: 0, dryRun })
  let forgotten: readonly { readonly id: string }[] = []
  if (going.length > 0) {
    const { allowUnusual = false } = flags
    const opts = { ...(await signing()), ...reasonOf(flags), allowUnusual }
    forgotten = (await carryOut(repository, plan, opts)).snapshots
  }
  const purged = await purgeDue(context, repository, { days, allowUnread: flags.allowUnusual === true }, signing)
  const left = forgotten.filter(({ id }) => !purged.has(id)).length
  showOutcome(context, {
    forgotten: forgotten.length,
    kept: kept + going.length - forgotten.length,
    purged: purged.size,
    trash: { days, nowMs: context.clock.now(), left },
  })
}

/** Nobody purges what may still be brought back: who has promised that it is gone by a day has to do that himself. */
function noteLate({ reporter }: Context, going: readonly Verdict<SnapshotInfo>[], untilMs: number): void {
  for (const { snapshot, goneByMs } of going) {
    if (goneByMs === undefined || goneByMs >= untilMs) continue
    const id = shortId(snapshot.id)
    const day = formatLocalTime(timespecFromMs(goneByMs))
    reporter.note(`${id} must be gone by ${day}, before its time in the trash is over: \`holdfast trash purge ${id}\``)
  }
}

/** What lay in the trash for long enough goes with the next run; gives the ids. */
async function purgeDue(
  context: Context,
  repository: Repository,
  { days, allowUnread }: { readonly days: number; readonly allowUnread: boolean },
  signing: Signing,
): Promise<ReadonlySet<string>> {
  const { snapshots, leftOver } = await readTrash(repository)
  const nowMs = context.clock.now()
  // Of the last ones nobody is told: nobody could bring them back.
  const sinceMs = [...snapshots.map(({ forgottenMs }) => forgottenMs), ...leftOver.map(({ receivedMs }) => receivedMs)]
  if (!sinceMs.some((ms) => nowMs - ms > days * DAY_MS)) return new Set()
  const { purged } = await purgeTrash(repository, { ...(await signing()), days, allowUnread })
  return new Set(purged.map(({ id }) => id))
}

function reasonOf({ reason }: ForgetFlags): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}
