// `holdfast forget --path`: leaves files and folders out of snapshots that are kept.
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { displayText } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { secureRandom } from '../base/random.ts'
import { locate } from '../ops/browse/tree-path.ts'
import { checkLogIsRead, checkNotHeld, readRetention } from '../ops/forget.ts'
import { checkSomethingStays, rewriteSnapshots, snapshotsWith } from '../ops/rewrite.ts'
import type { Work } from '../ops/rewrite.ts'
import { filterSnapshots } from '../ops/snapshot-filter.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import type { ForgetFlags } from './commands/forget.ts'
import type { Context } from './context.ts'
import { escapeName, escapeText } from './escape.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { jsonName } from './json-lines.ts'
import { namedSnapshots, withMaintenance } from './maintenance.ts'
import { bytesOfText, nativeWorkingFolder } from './native-text.ts'
import { stoppable } from './signals.ts'
import { shortId } from './snapshot-view.ts'
import { counted, formatLocalTime, formatSize } from './units.ts'
import { VERSION } from './version.ts'

export async function forgetPaths(context: Context, flags: ForgetFlags, specs: readonly string[]): Promise<ExitCode> {
  const { out } = context
  const wanted = (flags.path ?? []).map((path) => bytesOfText(resolve(nativeWorkingFolder(), path)))
  return withMaintenance(context, async (repository, signing) => {
    const state = await readRetention(repository)
    const { snapshots: all, problems, records } = state
    const named = new Set((await namedSnapshots(repository, specs)).map(({ id }) => id))
    const { host, tag: tags } = flags
    const filtered = filterSnapshots(
      all.map((each) => ({ ...each.body, each })),
      { host, tags },
    ).map(({ each }) => each)
    const asked = named.size === 0 ? filtered : all.filter(({ id }) => named.has(id))
    const work = await snapshotsWith(repository, asked, wanted)
    if (work.length === 0) throw await nowhere(repository, asked, wanted)
    checkSomethingStays(work)
    noteMissing(context, wanted, work)
    if (flags.allowUnusual !== true) checkLogIsRead(state)
    checkNotHeld(
      work.map(({ snapshot }) => snapshot),
      records.held,
      context.clock.now(),
    )
    if (flags.dryRun === true) {
      for (const { snapshot, paths } of work) {
        out.line(`${titleOf(snapshot)} has ${paths.map((path) => escapeName(path)).join(' ')}`)
        out.record({ type: 'path', snapshot: snapshot.id, paths: paths.map((path) => jsonName(path)) })
      }
      return EXIT.ok
    }
    let count = 0
    for (const [domain, inDomain] of Map.groupBy(work, ({ snapshot }) => repository.of(snapshot))) {
      const opts = await signing()
      const kept = 'what was rewritten so far is in its place; the same command goes on'
      const rewritten = await stoppable(context, kept, (signal) =>
        rewriteSnapshots(domain, inDomain, {
          ...opts,
          random: secureRandom,
          host: hostname(),
          tool: `holdfast ${VERSION}`,
          state,
          onEvent: context.reporter.onEvent,
          signal,
          ...(flags.reason !== undefined && { reason: flags.reason }),
        }),
      )
      context.reporter.finish()
      for (const { from, to, dropped } of rewritten) {
        const { files, directories, others, bytes } = dropped
        out.line(
          `${titleOf(from)} is now ${shortId(to)}, without ${counted(files + directories + others, 'entry', 'entries')} (${formatSize(bytes)})`,
        )
        out.record({ type: 'rewritten', from: from.id, to, files, directories, others, bytes })
      }
      count += rewritten.length
    }
    out.line(`${counted(count, 'snapshot')} rewritten; the old ones are in the trash`)
    out.line('when it must be gone now: `holdfast trash purge --older-than 0`, then `holdfast prune --max-unused 0%`')
    out.record({ type: 'summary', rewritten: count, paths: wanted.map((path) => displayText(path)) })
    const [problem] = problems
    return problem === undefined ? EXIT.ok : exitCodeOf(problem.code)
  })
}

/** Nothing is done then: it is more likely a slip than a wish that has come true. */
async function nowhere(
  repository: Repository,
  asked: readonly SnapshotInfo[],
  wanted: readonly Uint8Array[],
): Promise<BackupError> {
  const subject = wanted.map((path) => displayText(path)).join(', ')
  const newest = newestOf(asked)
  if (newest === undefined) {
    return new BackupError('not-found', 'there is no snapshot to leave a path out of', subject, {
      hint: '`holdfast snapshots` lists what there is',
    })
  }
  const cause = await locate(repository.of(newest), newest.body.root, wanted[0]!).catch((error: unknown) => error)
  const hint = cause instanceof BackupError ? cause.hint : undefined
  const what =
    asked.length === 1 ? 'the snapshot does not have this path' : `none of ${asked.length} snapshots has this path`
  return new BackupError('not-found', what, subject, hint === undefined ? {} : { hint })
}

function newestOf(snapshots: readonly SnapshotInfo[]): SnapshotInfo | undefined {
  return snapshots.toSorted((a, b) => a.receivedMs - b.receivedMs).at(-1)
}

function noteMissing({ reporter }: Context, wanted: readonly Uint8Array[], work: Work): void {
  const there = new Set(work.flatMap(({ paths }) => paths.map((path) => displayText(path))))
  for (const path of wanted) {
    if (!there.has(displayText(path))) reporter.note(`no snapshot has ${escapeName(path)}`)
  }
}

function titleOf({ id, body }: SnapshotInfo): string {
  return `${shortId(id)} of ${escapeText(body.host)}, ${formatLocalTime(body.started)}`
}
