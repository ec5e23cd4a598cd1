// What is to be kept and what forgotten, of all snapshots that a credential sees: policies, what is held, and what must never
// be removed by a rule. Pure: it decides, ops/forget.ts acts.
import { toHex } from '../../base/bytes.ts'
import { timespecToMs } from '../../base/time.ts'
import type { Grouping, RetentionPolicy } from '../../format/retention-policy.ts'
import { keyOfPlace } from '../../repo/history/log-facts.ts'
import type { Held } from '../../repo/history/retention-records.ts'
import { DAY_MS, TRASH_DAYS } from '../../repo/history/trash.ts'
import type { SnapshotInfo } from '../../repo/history/snapshot-catalog.ts'
import { keptBy } from './rules.ts'
import type { Dated } from './rules.ts'
import { timesOf } from './times.ts'

/** A snapshot that a plan is about. */
export type Candidate = Pick<SnapshotInfo, 'id' | 'wid' | 'seq' | 'body' | 'receivedMs' | 'confirmed'> & {
  /** Of a snapshot that was rewritten, hex: it stays in the group of that writer. */
  readonly originalWid?: string
}

export interface PlanInput<S extends Candidate> {
  readonly snapshots: readonly S[]
  /** Those in force in the domain of a snapshot; none keeps everything. */
  readonly policiesOf: (domainId: Uint8Array) => readonly RetentionPolicy[]
  /** By `placeKey`. */
  readonly held: ReadonlyMap<string, Held>
  readonly isRevoked: (snapshot: S) => boolean
  /** For what is held until or must be gone by a time, and to tell what is of the future. */
  readonly nowMs: number
}

export interface Verdict<S extends Candidate> {
  readonly snapshot: S
  /** What counts as its time, in milliseconds since 1970. */
  readonly timeMs: number
  readonly isKept: boolean
  /** Why it is kept, or why it goes although nothing but a date says so; empty when no rule keeps it. */
  readonly reasons: readonly string[]
  /** Of one that goes because of such a date: when it must be gone from the trash too. */
  readonly goneByMs?: number
}

export interface GroupPlan<S extends Candidate> {
  /** Hex. */
  readonly domainId: string
  readonly wid: string
  /** The newest first. */
  readonly verdicts: readonly Verdict<S>[]
  /** What it was decided by; none keeps everything. */
  readonly policies: readonly RetentionPolicy[]
}

export interface RetentionPlan<S extends Candidate> {
  /** In the order of the newest snapshot of each, the newest last. */
  readonly groups: readonly GroupPlan<S>[]
  /** The store is a copy: times are those that the snapshots claim. */
  readonly isCopy: boolean
}

export function planRetention<S extends Candidate>(input: PlanInput<S>): RetentionPlan<S> {
  const { timeOf, isCopy } = timesOf(input.snapshots)
  const groups: GroupPlan<S>[] = []
  for (const [domainId, inDomain] of Map.groupBy(input.snapshots, ({ body }) => toHex(body.domainId))) {
    const policies = input.policiesOf(inDomain[0]!.body.domainId)
    const days = policies.length === 0 ? TRASH_DAYS : Math.max(...policies.map(({ trashDays }) => trashDays))
    const orders = new Map(inDomain.map((each) => [each, orderFor(each, input, days)]))
    const decided = policies.map((policy) => decideGroups(inDomain, policy, timeOf, orders))
    for (const members of groupsOf(inDomain, policies[0]?.groupBy ?? ['sources'])) {
      const verdicts = members.map((snapshot): Verdict<S> => {
        const timeMs = timeOf.get(snapshot.id)!
        const order = orders.get(snapshot)
        const kept = [...new Set(decided.flatMap((each) => each.get(snapshot.id) ?? []))]
        if (order !== undefined) return { snapshot, timeMs, ...order }
        if (policies.length === 0) return { snapshot, timeMs, isKept: true, reasons: ['no policy'] }
        return { snapshot, timeMs, isKept: kept.length > 0, reasons: kept }
      })
      const newestFirst = verdicts.toSorted((a, b) => b.timeMs - a.timeMs || b.snapshot.seq - a.snapshot.seq)
      groups.push({ domainId, wid: members[0]!.originalWid ?? members[0]!.wid, verdicts: newestFirst, policies })
    }
  }
  return { groups: groups.toSorted((a, b) => a.verdicts[0]!.timeMs - b.verdicts[0]!.timeMs), isCopy }
}

/** What decides about a snapshot before any rule does. */
interface Order {
  readonly isKept: boolean
  readonly reasons: readonly string[]
  readonly goneByMs?: number
}

function orderFor<S extends Candidate>(
  snapshot: S,
  { held, isRevoked, nowMs }: PlanInput<S>,
  trashDays: number,
): Order | undefined {
  const { wid, seq, id, body, receivedMs } = snapshot
  if (isRevoked(snapshot)) return { isKept: true, reasons: ['revoked'] }
  const found = held.get(keyOfPlace(wid, seq, id))
  if (found !== undefined && found.holds.length > 0) return { isKept: true, reasons: ['held'] }
  const until = latest(body.keepUntil && timespecToMs(body.keepUntil), found?.keepUntilMs)
  if (until !== undefined && until > nowMs) return { isKept: true, reasons: [`keep until ${day(until)}`] }
  const by = earliest(body.destroyBy && timespecToMs(body.destroyBy), found?.destroyByMs)
  // So that it is gone from the trash by then.
  if (by !== undefined && by - trashDays * DAY_MS <= nowMs)
    return { isKept: false, reasons: [`destroy by ${day(by)}`], goneByMs: by }
  if (receivedMs > nowMs + DAY_MS) return { isKept: true, reasons: ['of the future'] }
  return undefined
}

/** What a policy keeps in all of its groups. */
function decideGroups<S extends Candidate>(
  snapshots: readonly S[],
  policy: RetentionPolicy,
  timeOf: ReadonlyMap<string, number>,
  orders: ReadonlyMap<S, Order | undefined>,
): Map<string, string[]> {
  const kept = new Map<string, string[]>()
  for (const members of groupsOf(snapshots, policy.groupBy)) {
    // What is kept by order has its place among the others; what is about to go, or must not count at all, has none.
    const counted = members.filter((each) => {
      const order = orders.get(each)
      return order === undefined || (order.isKept && !UNCOUNTED.has(order.reasons[0]!))
    })
    const dated = counted.map(({ id, seq, body, confirmed }): Dated => ({
      id,
      seq,
      timeMs: timeOf.get(id)!,
      tags: body.tags,
      isSound: confirmed && !body.partial,
    }))
    for (const [id, reasons] of keptBy(dated, policy)) kept.set(id, reasons)
  }
  return kept
}

/** Reasons of snapshots at which no rule looks. */
export const UNCOUNTED: ReadonlySet<string> = new Set(['revoked', 'of the future'])

/**
 * Snapshots of one writer that have all else in common that is asked for: a host name is a claim, the key that signs is not.
 */
export function groupsOf<S extends Candidate>(snapshots: readonly S[], groupBy: readonly Grouping[]): S[][] {
  const keyOf = ({ wid, originalWid = wid, body }: S) =>
    JSON.stringify([
      originalWid,
      ...(groupBy.includes('sources') ? [body.sources.map((path) => toHex(path)).toSorted()] : []),
      ...(groupBy.includes('host') ? [body.host] : []),
      ...(groupBy.includes('tags') ? [body.tags.toSorted()] : []),
    ])
  return [...Map.groupBy(snapshots, keyOf).values()]
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : Math.max(a, b ?? -Infinity)
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : Math.min(a, b ?? Infinity)
}

function day(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'a time beyond the calendar' : date.toISOString().slice(0, 10)
}
