// What `holdfast forget` shows: of each group a calendar and its snapshots with what becomes of them and why.
import type { ForgetPlan } from '../ops/forget.ts'
import { goers } from '../ops/forget.ts'
import type { GroupPlan, Verdict } from '../ops/retention/plan.ts'
import { timespecFromMs } from '../base/time.ts'
import type { Timespec } from '../base/time.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { DAY_MS } from '../repo/history/trash.ts'
import type { Context } from './context.ts'
import { escapeName, escapeText } from './escape.ts'
import { jsonName, jsonTime } from './json-lines.ts'
import { CALENDAR_LEGEND, calendarLines } from './retention-calendar.ts'
import { shortId } from './snapshot-view.ts'
import { tableLines } from './table.ts'
import { counted, formatLocalTime, formatUtcTime } from './units.ts'

/** All of it for a dry run, else what goes. */
export function showPlan({ out, reporter }: Context, plan: ForgetPlan, dryRun: boolean): void {
  if (plan.isCopy) {
    reporter.note('the store is a copy: its times say nothing, so those are taken that the snapshots themselves say')
  }
  for (const [number, group] of plan.groups.entries()) {
    const shown = dryRun ? group.verdicts : group.verdicts.filter(({ isKept }) => !isKept)
    for (const verdict of group.verdicts) out.record(verdictRecord(verdict, number + 1))
    if (shown.length === 0) continue
    out.line(groupTitle(group))
    if (dryRun) for (const line of calendarLines(group.verdicts, out.columns - 2)) out.line(`  ${line}`)
    for (const line of tableLines(VERDICT_COLUMNS, shown.map(verdictRow))) out.line(`  ${line}`)
    out.line()
  }
  if (dryRun && plan.groups.length > 0) out.line(`calendar, UTC: ${CALENDAR_LEGEND}`)
}

export function showUnusual({ out, reporter }: Context, { unusual }: ForgetPlan): void {
  for (const { group, what } of unusual) {
    const { host } = group.verdicts[0]!.snapshot.body
    reporter.note(`unusual: ${escapeText(host)}: ${what}`)
    out.record({ type: 'unusual', writer: group.wid, host, message: what })
  }
}

export function showNamed({ out }: Context, snapshots: readonly SnapshotInfo[], dryRun: boolean): void {
  for (const snapshot of snapshots) {
    const verdict = { snapshot, timeMs: snapshot.receivedMs, isKept: false, reasons: ['named'] }
    out.record(verdictRecord(verdict))
    const { body } = snapshot
    const what = dryRun ? 'would be forgotten' : 'forgotten'
    out.line(`${what}: ${shortId(snapshot.id)} of ${escapeText(body.host)}, ${formatLocalTime(body.started)}`)
  }
}

interface Outcome {
  readonly forgotten: number
  /** Undefined where snapshots were named. */
  readonly kept: number | undefined
  readonly purged: number
  readonly dryRun?: boolean
  /** Where those that were forgotten are. */
  readonly trash?: InTrash
}

interface InTrash {
  readonly days: number
  readonly nowMs: number
  /** How many of them the same run has not purged. */
  readonly left: number
}

export function showOutcome({ out }: Context, { forgotten, kept, purged, dryRun = false, trash }: Outcome): void {
  const until = trash === undefined || forgotten === 0 ? undefined : restorableUntil(trash)
  if (dryRun) out.line(`dry run: ${counted(forgotten, 'snapshot')} would be forgotten, ${kept} kept`)
  else if (forgotten === 0) out.line(`nothing to forget: ${counted(kept ?? 0, 'snapshot')} kept`)
  else {
    out.line(`${counted(forgotten, 'snapshot')} forgotten${kept === undefined ? '' : `, ${kept} kept`}`)
    if (until !== undefined) {
      out.line(`in the trash until ${formatLocalTime(until)}: \`holdfast trash recall\` brings them back`)
    } else if (trash?.left === 0) out.line('they are gone for good: the trash keeps what is forgotten for 0 days')
    else out.line(NOT_KEPT)
  }
  if (purged > 0) out.line(`${counted(purged, 'snapshot')} purged from the trash`)
  out.record({
    type: 'summary',
    dry_run: dryRun,
    forgotten,
    kept,
    purged,
    restorable_until: until === undefined ? undefined : formatUtcTime(until),
  })
}

/** Of what the trash holds for no time at all. */
export const NOT_KEPT =
  'do not count on bringing them back: the trash keeps what is forgotten for 0 days, so the next `forget` or `trash purge` takes them'

/** Undefined where nothing says that they can be brought back. */
export function restorableUntil({ days, nowMs }: Pick<InTrash, 'days' | 'nowMs'>): Timespec | undefined {
  return days === 0 ? undefined : timespecFromMs(nowMs + days * DAY_MS)
}

/** What is told when nothing says what is to be kept. */
export function noteWithoutPolicy({ reporter }: Context, plan: ForgetPlan): void {
  const without = plan.groups.filter(({ policies }) => policies.length === 0)
  if (without.length === 0 || goers(plan).length > 0) return
  reporter.note('there is no policy, so nothing is forgotten; set one with `holdfast policy set --keep-daily 14 …`')
}

const VERDICT_COLUMNS = [{ title: 'ID' }, { title: 'RECEIVED' }, { title: '' }, { title: 'WHY' }] as const

function verdictRow({ snapshot, timeMs, isKept, reasons }: Verdict<SnapshotInfo>): string[] {
  const { body, confirmed } = snapshot
  const notes = [...(body.partial ? ['partial'] : []), ...(confirmed ? [] : ['unconfirmed'])]
  const why = reasons.length === 0 ? 'no rule keeps it' : reasons.map((reason) => escapeText(reason)).join(', ')
  return [
    shortId(snapshot.id),
    formatLocalTime(timespecFromMs(timeMs)),
    isKept ? 'stays' : 'goes',
    [why, ...notes.map((note) => `[${note}]`)].join(' '),
  ]
}

function groupTitle({ verdicts, wid }: GroupPlan<SnapshotInfo>): string {
  const { body } = verdicts[0]!.snapshot
  const sources = body.sources.map((source) => escapeName(source)).join(' ')
  const going = verdicts.filter(({ isKept }) => !isKept).length
  const whose = `${escapeText(body.host)} ${sources} (writer ${wid.slice(0, 8)})`
  const [stay, go] = [counted(verdicts.length - going, 'stays', 'stay'), counted(going, 'goes', 'go')]
  return `${whose}: ${counted(verdicts.length, 'snapshot')}, ${stay}, ${go}`
}

function verdictRecord({ snapshot, timeMs, isKept, reasons }: Verdict<SnapshotInfo>, group?: number) {
  const { id, wid, body, confirmed } = snapshot
  return {
    type: 'snapshot',
    id,
    short_id: shortId(id),
    action: isKept ? 'keep' : 'forget',
    reasons,
    group,
    writer: wid,
    host: body.host,
    sources: body.sources.map((source) => jsonName(source)),
    tags: body.tags,
    received: formatUtcTime(timespecFromMs(timeMs)),
    started: jsonTime(body.started),
    partial: body.partial,
    confirmed,
  }
}
