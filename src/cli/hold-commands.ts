// `holdfast hold …`: what is kept, or must be gone, whatever the policy says.
import { BackupError } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import type { Timespec } from '../base/time.ts'
import type { Hold } from '../format/log-record.ts'
import { heldOf, readRetention } from '../ops/forget.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { placeOf } from '../repo/history/trash.ts'
import type { HoldAddFlags } from './commands/hold-add.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { namedSnapshots, withMaintenance } from './maintenance.ts'
import { shortId } from './snapshot-view.ts'
import { tableLines } from './table.ts'
import { counted, formatLocalTime, formatUtcTime, parseUntil } from './units.ts'

export async function addHold(context: Context, flags: HoldAddFlags, specs: readonly string[]): Promise<void> {
  const { until, destroyBy, reason } = flags
  if (until !== undefined && destroyBy !== undefined) {
    throw new BackupError('usage', 'both --until and --destroy-by are given', destroyBy, {
      hint: 'order one, then the other',
    })
  }
  const nowMs = context.clock.now()
  const timeOf = (text: string) => timespecFromMs(parseUntil(text, nowMs))
  if (until !== undefined && parseUntil(until, nowMs) <= nowMs) {
    throw new BackupError('usage', 'this time is over, so nothing would be kept', until, {
      hint: 'write a time that is to come, such as 2030-01-31 or 10y; `holdfast hold remove` releases what is held',
    })
  }
  const order: Hold =
    until !== undefined
      ? { hold: 'keep-until', time: timeOf(until) }
      : destroyBy !== undefined
        ? { hold: 'destroy-by', time: timeOf(destroyBy) }
        : { hold: 'keep' }
  await give(context, specs, order, reason)
}

export function removeHold(
  context: Context,
  { reason }: { readonly reason?: string },
  specs: readonly string[],
): Promise<void> {
  return give(context, specs, { hold: 'release' }, reason)
}

async function give(
  context: Context,
  specs: readonly string[],
  order: Hold,
  reason: string | undefined,
): Promise<void> {
  await withMaintenance(context, async (repository, signing) => {
    const snapshots = await namedSnapshots(repository, specs)
    if (order.hold === 'release') {
      const { records } = await readRetention(repository)
      if (snapshots.every((each) => (heldOf(records.held, each)?.orders ?? []).length === 0)) {
        return context.reporter.note('nothing to release: `holdfast hold list` shows what is held')
      }
    }
    const action = {
      kind: 'hold' as const,
      snapshots: snapshots.map(placeOf),
      ...order,
      ...(reason !== undefined && { reason }),
    }
    const { objectName } = await appendRecord(repository, action, await signing())
    const time = 'time' in order ? formatLocalTime(order.time) : ''
    context.out.line(`${counted(snapshots.length, 'snapshot')} ${ORDER_TEXTS[order.hold]}${time}`)
    context.out.record({
      type: 'hold',
      snapshots: snapshots.map(({ id }) => id),
      hold: order.hold,
      time: 'time' in order ? formatUtcTime(order.time) : undefined,
      record: objectName,
    })
  })
}

const ORDER_TEXTS: Readonly<Record<Hold['hold'], string>> = {
  keep: 'held until released',
  release: 'released',
  'keep-until': 'kept until ',
  'destroy-by': 'to be gone by ',
}

interface Listed {
  readonly snapshot: SnapshotInfo
  readonly what: string
  readonly time: Timespec | undefined
  readonly by: string
  readonly reason: string
}

export async function listHolds({ out, reporter }: Context, repository: Repository): Promise<void> {
  const { snapshots, records } = await readRetention(repository)
  const listed = snapshots.flatMap((snapshot): Listed[] => {
    const held = heldOf(records.held, snapshot)
    const { keepUntil, destroyBy } = snapshot.body
    const made = (what: string, time: Timespec | undefined) =>
      time === undefined ? [] : [{ snapshot, what, time, by: 'the backup', reason: '' }]
    const orders = (held?.orders ?? []).map(({ body }) => {
      const action = body.action as Extract<typeof body.action, { kind: 'hold' }>
      const time = 'time' in action ? action.time : undefined
      return { snapshot, what: action.hold, time, by: body.by, reason: action.reason ?? '' }
    })
    return [...made('keep-until', keepUntil), ...made('destroy-by', destroyBy), ...orders]
  })
  if (listed.length === 0) return reporter.note('no snapshot is held or has a date')
  const rows = listed.map(({ snapshot, what, time, by, reason }) => [
    shortId(snapshot.id),
    formatLocalTime(snapshot.body.started),
    escapeText(snapshot.body.host),
    what,
    time === undefined ? '' : formatLocalTime(time),
    [escapeText(by), ...(reason === '' ? [] : [`(${escapeText(reason)})`])].join(' '),
  ])
  const titles = ['ID', 'TIME', 'HOST', 'WHAT', 'UNTIL', 'BY']
  for (const line of tableLines(
    titles.map((title) => ({ title })),
    rows,
  ))
    out.line(line)
  for (const { snapshot, what, time, by, reason } of listed) {
    out.record({
      type: 'hold',
      id: snapshot.id,
      hold: what,
      time: time === undefined ? undefined : formatUtcTime(time),
      by,
      note: reason === '' ? undefined : reason,
    })
  }
}
