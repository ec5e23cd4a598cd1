// `holdfast prune`: what is deleted, what waits and for whom.
import { hostname, availableParallelism } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { secureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import { prune } from '../ops/prune/prune.ts'
import type { PruneReport, Reencryption, WaitingPlan } from '../ops/prune/prune.ts'
import type { PruneFlags } from './commands/prune.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { jsonTime } from './json-lines.ts'
import { openWith, withStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { counted, formatDuration, formatSize } from './units.ts'
import { userName } from './user-name.ts'
import { VERSION } from './version.ts'

/** Digits of an id that people are shown. */
const SHORT_ID = 8

export async function runPrune(context: Context, flags: PruneFlags): Promise<ExitCode> {
  const { dryRun = false } = flags
  const work = async (report: PruneReport) => {
    context.reporter.finish()
    if (report.dryRun) showForecast(context, report)
    else showOutcome(context, report)
    const { packs = 0, packsDone = 0 } = report.reencryption ?? {}
    if (flags.maxRepack !== undefined && packs > 0 && packsDone === 0)
      context.out.line('no pack under older keys fits into --max-repack; a pack is copied whole or not at all')
    showRecord(context, report)
    return report.packsUnreadable.length > 0 ? EXIT.damage : EXIT.ok
  }
  return withStore(
    context,
    async (store) => {
      const repository = await openWith(context, store)
      const report = await stoppable(context, 'nothing that a snapshot needs is touched', (signal) =>
        prune(repository, {
          state: openStateFolder(stateFolder(context.env)),
          clock: context.clock,
          random: secureRandom,
          host: hostname(),
          by: `${userName(context.env)}@${hostname()}`,
          tool: `holdfast ${VERSION}`,
          threads: availableParallelism(),
          onEvent: context.reporter.onEvent,
          signal,
          sleep: async (ms) => {
            // Whoever stops it ends the sleep; the prune sees that by itself.
            await setTimeout(ms, undefined, { signal }).catch(() => {})
          },
          dryRun,
          wait: flags.wait ?? false,
          reencrypt: flags.reencrypt ?? false,
          repackSmall: flags.repackSmall ?? false,
          allowMissing: flags.allowMissing ?? false,
          ...(flags.maxUnused !== undefined && { maxUnused: flags.maxUnused }),
          ...(flags.maxRepack !== undefined && { maxRepack: flags.maxRepack }),
          ...(flags.maxRemoved !== undefined && { maxRemoved: flags.maxRemoved }),
        }),
      )
      return work(report)
    },
    dryRun ? 'read' : 'write',
  )
}

function showForecast({ out }: Context, { counts, reencryption, ...report }: PruneReport): void {
  const going = counts.deadBytes + counts.repackDeadBytes
  out.line(
    `${counted(counts.packs, 'pack')} with ${formatSize(counts.packBytes)}, of which snapshots need ${formatSize(counts.neededBytes)}`,
  )
  if (counts.packsDead > 0)
    out.line(`would delete ${counted(counts.packsDead, 'pack')} that nobody needs: ${formatSize(counts.deadBytes)}`)
  if (counts.packsRepacked > 0) {
    out.line(
      `would copy ${formatSize(counts.copiedBytes)} out of ${counted(counts.packsRepacked, 'pack')} and delete these, which frees ${formatSize(counts.repackDeadBytes)}`,
    )
  }
  if (counts.unusedBytes > 0)
    out.line(`would leave ${formatSize(counts.unusedBytes)} that nobody needs in packs that are needed`)
  if (reencryption !== undefined) {
    const { packsDone, bytesDone } = reencryption
    if (packsDone > 0)
      out.line(`would encrypt ${formatSize(bytesDone)} anew, out of ${counted(packsDone, 'pack')} under older keys`)
    showLeft(out, reencryption, 'would stay')
  }
  if (going === 0 && counts.packsRepacked === 0) out.line('nothing to free')
  else {
    out.line(
      `frees ${formatSize(going)}; reads ${formatSize(report.readBytes)}, writes ${formatSize(report.writtenBytes)}, about ${counted(report.puts, 'put')} and ${counted(report.deletes, 'deletion')}`,
    )
    if (report.writtenBytes > 0)
      out.line(`takes up to ${formatSize(report.writtenBytes)} more until what is copied is deleted`)
  }
}

function showLeft(out: Context['out'], { packsLeft, bytesLeft, snapshots }: Reencryption, verb: string): void {
  if (packsLeft === 0) out.line(`nothing of files and folders ${verb} under older keys`)
  else out.line(`${formatSize(bytesLeft)} in ${counted(packsLeft, 'pack')} ${verb} under older keys`)
  if (snapshots === 0) return
  const whose = snapshots === 1 ? '1 snapshot, as its writer has' : `${snapshots} snapshots, as their writers have`
  out.line(`host, user, source paths, tags and times of ${whose} signed them, stay under older keys`)
}

function showOutcome({ out }: Context, report: PruneReport): void {
  if (report.packsDeleted > 0) {
    out.line(`deleted ${counted(report.packsDeleted, 'pack')}: ${formatSize(report.bytesDeleted)}`)
  } else if (report.waiting.length === 0) out.line('nothing to delete')
  if (report.newPacks > 0) {
    out.line(
      `copied what is needed of them into ${counted(report.newPacks, 'new pack')}: ${formatSize(report.writtenBytes)}`,
    )
  }
  if (report.reencryption !== undefined) {
    const { packsDone, bytesDone } = report.reencryption
    if (packsDone > 0) out.line(`encrypted ${formatSize(bytesDone)} anew, out of ${counted(packsDone, 'pack')}`)
    showLeft(out, report.reencryption, 'is left')
  }
  for (const plan of report.waiting) showWaiting(out.line.bind(out), plan)
}

function showWaiting(line: (text: string) => void, { packs, keys, waitingFor }: WaitingPlan): void {
  const what = packs > 0 ? counted(packs, 'pack') : `keys of ${counted(keys, 'session')}`
  line(`${what} will go when these backups have ended; the next prune sees to that:`)
  for (const { sid, host, silentMs } of waitingFor) {
    const silent = silentMs > 0 ? `, silent for ${formatDuration(silentMs)}` : ''
    line(`  ${sid.slice(0, SHORT_ID)} on ${escapeText(host)}${silent}`)
  }
}

function showRecord({ out }: Context, report: PruneReport): void {
  const { counts } = report
  out.record({
    type: 'summary',
    dry_run: report.dryRun,
    snapshots: counts.snapshots,
    snapshots_in_trash: counts.inTrash,
    packs: counts.packs,
    pack_bytes: counts.packBytes,
    needed_bytes: counts.neededBytes,
    packs_dead: counts.packsDead,
    dead_bytes: counts.deadBytes,
    packs_repacked: counts.packsRepacked,
    copied_bytes: counts.copiedBytes,
    unused_bytes: counts.unusedBytes,
    packs_adopted: counts.packsAdopted,
    packs_unopened: report.packsUnopened,
    packs_unreadable: report.packsUnreadable,
    packs_deleted: report.packsDeleted,
    bytes_deleted: report.bytesDeleted,
    new_packs: report.newPacks,
    bytes_read: report.readBytes,
    bytes_written: report.writtenBytes,
    puts: report.puts,
    deletes: report.deletes,
    segments_written: report.segmentsWritten,
    segments_deleted: report.segmentsDeleted,
    sessions_fenced: report.sessionsFenced,
    sessions_cleared: report.sessionsCleared,
    keys_cleared: report.keysCleared,
    missing: counts.missing,
    ...(report.reencryption !== undefined && { reencryption: recordOf(report.reencryption) }),
    waiting: report.waiting.map(({ pid, packs, keys, waitingFor }) => ({
      plan: pid,
      packs,
      keys,
      sessions: waitingFor.map(({ sid, host, startedMs, silentMs }) => ({
        session: sid,
        host,
        started: jsonTime(timespecFromMs(startedMs)),
        silent_seconds: Math.round(silentMs / 1000),
      })),
    })),
  })
}

function recordOf(reencryption: Reencryption) {
  return {
    packs: reencryption.packs,
    bytes: reencryption.bytes,
    packs_done: reencryption.packsDone,
    bytes_done: reencryption.bytesDone,
    packs_left: reencryption.packsLeft,
    bytes_left: reencryption.bytesLeft,
    snapshots: reencryption.snapshots,
  }
}
