// `holdfast forget --damaged`: what cannot be read any more, by name.
import { BackupError, reasonsOf } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { checkLogIsRead } from '../ops/forget.ts'
import { checkDamagedNotHeld, examineDamaged, findListed, forgetDamaged } from '../ops/forget-damaged.ts'
import type { DamagedSnapshot } from '../ops/forget-damaged.ts'
import { LogFacts } from '../repo/history/log-facts.ts'
import { readLog } from '../repo/history/log.ts'
import { RetentionRecords } from '../repo/history/retention-records.ts'
import type { ForgetFlags } from './commands/forget.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { NOT_KEPT, restorableUntil } from './forget-view.ts'
import { withMaintenance } from './maintenance.ts'
import { shortId } from './snapshot-view.ts'
import { counted, formatLocalTime, formatSize, formatUtcTime } from './units.ts'

export async function runForgetDamaged(
  context: Context,
  flags: ForgetFlags,
  specs: readonly string[],
): Promise<ExitCode> {
  if (specs.length === 0) {
    throw new BackupError('usage', 'no snapshot is given', '--damaged', {
      hint: '`holdfast check` shows the names of what is damaged',
    })
  }
  return withMaintenance(context, async (repository, signing) => {
    const { records, problems } = await readLog(repository)
    if (flags.allowUnusual !== true) checkLogIsRead({ unreadRecords: problems })
    const { held, trashDays } = new RetentionRecords(new LogFacts(records))
    const named = new Map<string, DamagedSnapshot>()
    for (const spec of specs) {
      const listed = await findListed(repository, spec)
      if (!named.has(listed.objectName)) named.set(listed.objectName, await examineDamaged(repository, listed))
    }
    const damaged = [...named.values()]
    checkDamagedNotHeld(damaged, held, context.clock.now())
    const dryRun = flags.dryRun === true
    for (const each of damaged) showDamaged(context, each)
    const { reason } = flags
    const { snapshots } = dryRun
      ? { snapshots: damaged }
      : await forgetDamaged(repository, damaged, { ...(await signing()), ...(reason !== undefined && { reason }) })
    const until = restorableUntil({ days: trashDays, nowMs: context.clock.now() })
    const { out } = context
    if (dryRun) out.line(`dry run: ${counted(snapshots.length, 'damaged snapshot')} would be forgotten`)
    else {
      out.line(`${counted(snapshots.length, 'damaged snapshot')} forgotten`)
      out.line(
        until === undefined
          ? NOT_KEPT
          : `their bytes are in the trash until ${formatLocalTime(until)}: where a repair makes them good before the next prune, \`holdfast trash recall\` brings them back`,
      )
    }
    out.record({
      type: 'summary',
      dry_run: dryRun,
      forgotten: snapshots.length,
      purged: 0,
      restorable_until: dryRun || until === undefined ? undefined : formatUtcTime(until),
    })
    return EXIT.ok
  })
}

function showDamaged({ out }: Context, { id, wid, seq, objectName, storedSize, receivedMs, problem }: DamagedSnapshot) {
  const received = timespecFromMs(Math.floor(receivedMs))
  const whose = `number ${seq} of writer ${wid.slice(0, 8)}, received ${formatLocalTime(received)}`
  out.line(`damaged: ${shortId(id)}, ${whose}, ${formatSize(storedSize)}`)
  out.line(`  ${escapeText(reasonsOf(problem))}`)
  out.line('  what it holds cannot be told any more; what nothing else needs is deleted by the next prune')
  out.record({
    type: 'damaged_snapshot',
    id,
    short_id: shortId(id),
    object: objectName,
    writer: wid,
    sequence: seq,
    received: formatUtcTime(received),
    message: reasonsOf(problem),
  })
}
