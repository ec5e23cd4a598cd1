// What a run by policy would do that no run before it did: it stops there, for a policy that was mistyped, a machine that is
// flooded with snapshots, or one that was renamed looks like this.
import { toHex } from '../../base/bytes.ts'
import type { OpenedRecord } from '../../repo/history/log.ts'
import { keptBy } from './rules.ts'
import type { Dated } from './rules.ts'
import { DAY_MS } from '../../repo/history/trash.ts'
import { UNCOUNTED } from './plan.ts'
import type { Candidate, GroupPlan, RetentionPlan } from './plan.ts'

export interface Unusual<S extends Candidate> {
  readonly group: GroupPlan<S>
  /** For people. */
  readonly what: string
}

/** Fewer may go in one run whatever share of a group they are. */
const MANY = 5
/** Times as many as ever before in one run. */
const MORE_THAN_BEFORE = 2
/** A machine that has not backed up for so long. */
const SILENT_DAYS = 30
/** Snapshots of one day that are a flood: so many, and so many times as many as on its other days. */
const FLOOD = 8
const FLOOD_TIMES = 4

export function findUnusual<S extends Candidate>(
  { groups }: RetentionPlan<S>,
  forgets: readonly OpenedRecord[],
  nowMs: number,
): Unusual<S>[] {
  const most = mostForgotten(forgets)
  return groups.flatMap((group) => {
    const removed = group.verdicts.filter(({ isKept, reasons }) => !isKept && reasons.length === 0)
    if (removed.length === 0) return []
    const texts = [
      muchOf(group, removed.length, most.get(group.wid) ?? 0),
      silent(group, removed.length, nowMs),
      flood(group),
    ]
    return texts.filter((text) => text !== undefined).map((what) => ({ group, what }))
  })
}

/** The greatest number of snapshots of each writer that one record has. */
function mostForgotten(forgets: readonly OpenedRecord[]): Map<string, number> {
  const most = new Map<string, number>()
  for (const { body } of forgets) {
    if (body.action.kind !== 'forget') continue
    for (const [wid, { length }] of Map.groupBy(body.action.snapshots, (place) => toHex(place.wid))) {
      most.set(wid, Math.max(length, most.get(wid) ?? 0))
    }
  }
  return most
}

function muchOf<S extends Candidate>({ verdicts }: GroupPlan<S>, removed: number, before: number): string | undefined {
  if (removed < MANY || removed * 2 <= verdicts.length || removed <= before * MORE_THAN_BEFORE) return undefined
  const most = before === 0 ? 'none was ever forgotten' : `never more than ${before} were forgotten at once`
  return `${removed} of ${verdicts.length} snapshots would go; ${most}`
}

function silent<S extends Candidate>({ verdicts }: GroupPlan<S>, removed: number, nowMs: number): string | undefined {
  const days = Math.floor((nowMs - verdicts[0]!.timeMs) / DAY_MS)
  if (days <= SILENT_DAYS || removed < 2) return undefined
  return `${removed} snapshots would go that nothing has followed for ${days} days`
}

/** More snapshots on one day than on others, for which older ones would go that would stay without them. */
function flood<S extends Candidate>({ verdicts: all, policies }: GroupPlan<S>): string | undefined {
  const verdicts = all.filter(({ reasons }) => !UNCOUNTED.has(reasons[0] ?? ''))
  const days = [...Map.groupBy(verdicts, ({ timeMs }) => Math.floor(timeMs / DAY_MS)).values()]
  const usual = median(days.map(({ length }) => length))
  const floods = days.filter(({ length }) => length >= FLOOD && length > usual * FLOOD_TIMES)
  const first = floods.at(-1)
  if (first === undefined) return undefined
  const flooded = new Set(floods.flatMap((day) => day.slice(usual)))
  const calm = verdicts.filter((verdict) => !flooded.has(verdict)).map(datedOf)
  const kept = new Set(policies.flatMap((policy) => [...keptBy(calm, policy).keys()]))
  const lost = verdicts.filter(
    (verdict) => !verdict.isKept && !flooded.has(verdict) && kept.has(verdict.snapshot.id),
  ).length
  if (lost === 0) return undefined
  const on = new Date(first[0]!.timeMs).toISOString().slice(0, 10)
  return `${lost} older snapshots would go because there are ${first.length} of ${on}, where ${usual} a day are usual`
}

function datedOf<S extends Candidate>({ snapshot, timeMs }: { readonly snapshot: S; readonly timeMs: number }): Dated {
  const { id, seq, body, confirmed } = snapshot
  return { id, seq, timeMs, tags: body.tags, isSound: confirmed && !body.partial }
}

function median(counts: readonly number[]): number {
  const sorted = counts.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}
