// Forgetting by policy: reads what there is and what was ordered, decides, stops at what is unusual, moves to the trash.
import { BackupError } from '../base/errors.ts'
import type { RetentionPolicy } from '../format/retention-policy.ts'
import { checkMayLog, EXPLAINING_ROLES, readLog } from '../repo/history/log.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import { keyOfPlace, LogFacts } from '../repo/history/log-facts.ts'
import type { AppendOptions } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import { RetentionRecords } from '../repo/history/retention-records.ts'
import type { Held } from '../repo/history/retention-records.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { moveToTrash } from '../repo/history/trash.ts'
import type { TrashOptions } from '../repo/history/trash.ts'
import type { Moved } from '../repo/history/trash.ts'
import { planRetention } from './retention/plan.ts'
import type { Candidate, RetentionPlan, Verdict } from './retention/plan.ts'
import { findUnusual } from './retention/unusual.ts'
import type { Unusual } from './retention/unusual.ts'
import { filterSnapshots } from './snapshot-filter.ts'
import type { SnapshotFilter } from './snapshot-filter.ts'

export interface ForgetRules {
  /** In the place of what is stored in the repository. */
  readonly policy?: RetentionPolicy | undefined
  /** Only these are looked at. */
  readonly filter?: SnapshotFilter
}

export interface ForgetPlan extends RetentionPlan<SnapshotInfo> {
  readonly unusual: readonly Unusual<SnapshotInfo>[]
  /** Snapshots that cannot be read; they stay. */
  readonly problems: readonly BackupError[]
  readonly unreadRecords: readonly BackupError[]
  /** The same once more at another time. */
  readonly at: (nowMs: number) => ForgetPlan
}

/** `receivedMs` is when the store received it first, or what it was made of. */
export type KnownSnapshot = SnapshotInfo & Pick<Candidate, 'originalWid'>

export interface RetentionState {
  readonly snapshots: readonly KnownSnapshot[]
  readonly problems: readonly BackupError[]
  /** Records of the log that cannot be read: they may say what is to be kept. */
  readonly unreadRecords: readonly BackupError[]
  readonly records: RetentionRecords
}

/** Throws what the store throws: what cannot be listed is not forgotten. Damaged snapshots and records are told of. */
export async function readRetention(repo: Repository): Promise<RetentionState> {
  const { snapshots, problems } = await repo.catalog.readable()
  const log = await readLog(repo)
  const facts = new LogFacts(log.records)
  const records = new RetentionRecords(facts)
  return {
    snapshots: snapshots.map((each) => {
      const key = keyOfPlace(each.wid, each.seq, each.id)
      const origin = records.originOf(key)
      const first = Math.min(each.receivedMs, facts.receivedMs.get(key) ?? Infinity, origin?.receivedMs ?? Infinity)
      return { ...each, receivedMs: first, ...(origin !== undefined && { originalWid: origin.wid }) }
    }),
    problems,
    unreadRecords: log.problems,
    records,
  }
}

/** The same without the snapshots. */
export async function readRetentionRecords(repo: Repository): Promise<RetentionRecords> {
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  return new RetentionRecords(new LogFacts(records))
}

export function planForget(
  { snapshots: all, problems, unreadRecords, records }: RetentionState,
  { policy, filter = {} }: ForgetRules,
  nowMs: number,
): ForgetPlan {
  const wanted = new Set(
    filterSnapshots(
      all.map(({ body }) => body),
      filter,
    ),
  )
  const snapshots = all.filter(({ body }) => wanted.has(body))
  const policiesOf = (domainId: Uint8Array) => (policy === undefined ? records.policiesOf(domainId) : [policy])
  const at = (now: number): ForgetPlan => {
    const plan = planRetention({ snapshots, policiesOf, held: records.held, isRevoked, nowMs: now })
    return { ...plan, unusual: findUnusual(plan, records.forgets, now), problems, unreadRecords, at }
  }
  return at(nowMs)
}

function isRevoked({ revoked }: SnapshotInfo): boolean {
  return revoked !== undefined
}

export function goers({ groups }: Pick<ForgetPlan, 'groups'>): Verdict<SnapshotInfo>[] {
  return groups.flatMap(({ verdicts }) => verdicts.filter(({ isKept }) => !isKept))
}

export interface CarryOut extends TrashOptions {
  /** Goes on where the plan has something unusual. */
  readonly allowUnusual?: boolean
}

/**
 * Moves to the trash what a plan does not keep. Throws `refused` before anything is done where the plan has something
 * unusual, and `wrong-key` when the role of the writer does not permit it.
 */
export async function carryOut(repo: Repository, plan: ForgetPlan, opts: CarryOut): Promise<Moved> {
  const { allowUnusual = false, ...log } = opts
  await checkMayLog(repo, opts.writer, 'forget')
  if (!allowUnusual) checkLogIsRead(plan)
  const [unusual] = plan.unusual
  if (unusual !== undefined && !allowUnusual) {
    const { host } = unusual.group.verdicts[0]!.snapshot.body
    throw new BackupError(
      'refused',
      `more than usual would be forgotten: of ${host}, ${unusual.what}`,
      repo.store.location,
      {
        hint: 'nothing was done; look with --dry-run, then say --allow-unusual if that is what you want',
      },
    )
  }
  const going = goers(plan)
  const sure = going.some(dependsOnDate) ? await stillGoing(repo, plan, log) : going
  return moveToTrash(
    repo,
    sure.map(({ snapshot, timeMs }) => ({ ...snapshot, receivedMs: timeMs })),
    log,
  )
}

/** Throws `refused` when some record cannot be read: it may be one that holds what is about to be forgotten. */
export function checkLogIsRead({ unreadRecords: [unread] }: Pick<RetentionState, 'unreadRecords'>): void {
  if (unread === undefined) return
  throw new BackupError('refused', 'a record of the log cannot be read, which may hold snapshots', unread.subject, {
    cause: unread,
    hint: 'nothing was done; see `holdfast audit`, and say --allow-unusual when it holds nothing that matters',
  })
}

/** Whether somebody else's clock could have removed it: a date had to pass. */
function dependsOnDate({ reasons, snapshot: { body } }: Verdict<SnapshotInfo>): boolean {
  return reasons.length > 0 || body.keepUntil !== undefined
}

/** What goes by the clock of the store too, which a note in the log tells. */
async function stillGoing(repo: Repository, plan: ForgetPlan, opts: AppendOptions): Promise<Verdict<SnapshotInfo>[]> {
  const { objectName } = await appendRecord(repo, { kind: 'note', text: 'forgetting by date' }, opts)
  const info = await repo.store.stat(objectName)
  if (info === null) throw new BackupError('io', 'what was stored just now is not there', objectName)
  const then = new Set(goers(plan.at(info.receivedMs)).map(({ snapshot }) => snapshot.id))
  return goers(plan).filter(({ snapshot }) => then.has(snapshot.id))
}

/** Throws `refused` for the first of these that is held or must be kept until later; for who forgets by name. */
export function checkNotHeld(snapshots: readonly SnapshotInfo[], held: ReadonlyMap<string, Held>, nowMs: number): void {
  const plan = planRetention({ snapshots, policiesOf: () => [], held, isRevoked: () => false, nowMs })
  for (const { verdicts } of plan.groups) {
    for (const { snapshot, reasons } of verdicts) {
      const [reason = ''] = reasons
      if (!/^(?:held|keep until)/.test(reason)) continue
      throw new BackupError('refused', `this snapshot is not to be forgotten (${reason})`, snapshot.id, {
        hint: `\`holdfast hold list\` says who wants it kept; \`holdfast hold remove ${snapshot.id.slice(0, 10)}\` releases it`,
      })
    }
  }
}

export function heldOf(held: ReadonlyMap<string, Held>, { wid, seq, id }: SnapshotInfo): Held | undefined {
  return held.get(keyOfPlace(wid, seq, id))
}
