// `holdfast check` and `holdfast scrub`: what was verified, what is damaged, and which snapshots and files that costs.
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { secureRandom, seededRng, type Rng } from '../base/random.ts'
import { checkRepository, type CheckOptions, type CheckResult } from '../ops/check.ts'
import { scrubStore } from '../ops/scrub.ts'
import { ReadTimes } from '../repo/packs/read-times.ts'
import { checkSigns } from '../repo/writers/writer-identity.ts'
import type { Store } from '../store/store.ts'
import { ThrottledStore } from '../store/throttled-store.ts'
import { attestPacks, checkAttested } from './attestation.ts'
import type { CheckFlags } from './commands/check.ts'
import type { Context } from './context.ts'
import { damageLines, damageRecord } from './damage-lines.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { openWith, warnOf, withStore } from './repository.ts'
import { revokedJson, revokedText } from './revocation.ts'
import { stoppable } from './signals.ts'
import { openStateFolder, stateFolder } from './state-folder.ts'
import { counted, formatCount, formatSize } from './units.ts'

export async function runCheck(context: Context, flags: CheckFlags): Promise<ExitCode> {
  const depth = checkDepth(flags)
  checkAttested(flags)
  return withStore(context, async (opened) => {
    const repository = await openWith(context, throttled(opened, context, flags.limitRate))
    if (flags.attest === true) checkSigns(repository)
    const times = await ReadTimes.load(repository, openStateFolder(stateFolder(context.env)))
    const sinceMs = flags.resume === true ? unfinishedCheck(times, opened) : undefined
    const kept =
      depth.depth === 'structure'
        ? 'nothing is changed by a check'
        : 'what was verified is remembered; --read-data --resume goes on'
    const result = await stoppable(context, kept, (signal) =>
      checkRepository({
        repo: repository,
        ...depth,
        ...(sinceMs !== undefined && { sinceMs }),
        attest: flags.attest === true,
        times,
        clock: context.clock,
        rng: newRng(),
        threads: availableParallelism(),
        onEvent: context.reporter.onEvent,
        signal,
      }),
    )
    context.reporter.finish()
    // What it reports itself is told once.
    const named = new Set(result.damages.map(({ object }) => object))
    warnOf(
      context,
      repository.problems.filter(({ subject }) => !named.has(subject)),
    )
    const { counts } = result
    const { out } = context
    out.line(
      `checked ${counted(counts.snapshots, 'snapshot')} with ${counted(counts.entries, 'entry', 'entries')}, ${counted(counts.objects, 'object')}; ${packsRead(result)}`,
    )
    for (const [packs, about] of aboutUnindexed(result)) {
      if (packs > 0) out.line(`${counted(packs, 'pack')} in no index: ${about}`)
    }
    if (counts.packsSuperseded > 0) {
      const what = counted(counts.packsSuperseded, 'damaged pack')
      out.line(`${what} that nobody needs any more: what was in there is stored again`)
    }
    if (counts.packsGone > 0) {
      const what = counted(counts.packsGone, 'pack')
      out.line(`${what} that the index names and nobody needs, not there any more: a prune takes them out of the index`)
    }
    showGivenUp(context, counts)
    if (counts.lossesAccepted > 0) {
      const what = counted(counts.lossesAccepted, 'snapshot or log record', 'snapshots and log records')
      out.line(`${what} lost, and accepted as that: \`holdfast audit\` says by whom`)
    }
    if (counts.packsHashedOnly > 0) {
      const what = counted(counts.packsHashedOnly, 'pack')
      out.line(`${what} compared with the hash in the name alone: this key may not open what is in there`)
    }
    if (counts.objectsForeign + counts.packsForeign > 0) {
      const what = `${counted(counts.objectsForeign, 'object')} and ${counted(counts.packsForeign, 'pack')}`
      out.line(`${what} are of domains that this key does not have: verified as far as that needs no key of them`)
    }
    if (result.indexIncomplete) {
      const message =
        'segments of the index are lost or damaged: what they named is read all the same, and a backup indexes it again'
      context.reporter.onEvent({ type: 'warning', code: 'not-found', fact: 'index-incomplete', message })
    }
    const attested = flags.attest === true ? await attestPacks(context, repository, result.attestable) : undefined
    showRevoked(context, result)
    showFindings(context, result)
    out.record({
      type: 'summary',
      revoked: result.revoked.length,
      attested,
      depth: depth.depth,
      ...findingCounts(result),
      snapshots: counts.snapshots,
      entries: counts.entries,
      nodes: counts.nodes,
      objects: counts.objects,
      packs: counts.packs,
      packs_read: counts.packsRead,
      packs_passed_over: counts.packsPassedOver,
      packs_hashed_only: counts.packsHashedOnly,
      packs_superseded: counts.packsSuperseded,
      packs_gone: counts.packsGone,
      snapshots_given_up: counts.snapshotsGivenUp,
      losses_accepted: counts.lossesAccepted,
      packs_unindexed: counts.packsUnindexed,
      packs_unfinished: counts.packsUnfinished,
      packs_unopened: counts.packsUnopened,
      objects_foreign: counts.objectsForeign,
      packs_foreign: counts.packsForeign,
      index_incomplete: result.indexIncomplete,
      blobs_read: counts.blobs,
      bytes_read: counts.bytes,
    })
    return exitCodeOf(result)
  })
}

export async function runScrub(context: Context, flags: { readonly limitRate?: number }): Promise<ExitCode> {
  return withStore(context, async (opened) => {
    const store = throttled(opened, context, flags.limitRate)
    const result = await stoppable(context, 'nothing is changed by a scrub', (signal) =>
      scrubStore({ store, onEvent: context.reporter.onEvent, signal }),
    )
    context.reporter.finish()
    context.out.line(`read ${counted(result.objects, 'object')} (${formatSize(result.bytes)})`)
    showGivenUp(context, result)
    showFindings(context, result)
    context.out.record({
      type: 'summary',
      ...findingCounts(result),
      objects: result.objects,
      bytes_read: result.bytes,
      snapshots_given_up: result.snapshotsGivenUp,
    })
    return exitCodeOf(result)
  })
}

function showGivenUp({ out }: Context, { snapshotsGivenUp }: Pick<CheckResult['counts'], 'snapshotsGivenUp'>): void {
  if (snapshotsGivenUp === 0) return
  const what = counted(snapshotsGivenUp, 'damaged snapshot')
  out.line(`${what} in the trash, forgotten because of the damage or left by a forget that failed`)
}

/** Snapshots that do not count: they are no damage. */
function showRevoked({ out }: Context, { revoked }: CheckResult): void {
  for (const { objectName, revocation } of revoked) {
    out.line(`does not count, its machine was ${revokedText(revocation.record)}: ${escapeText(objectName)}`)
    out.record({ type: 'revoked_snapshot', object: objectName, ...revokedJson(revocation.record) })
  }
}

type Findings = Pick<
  CheckResult,
  'damages' | 'damageCount' | 'cutOff' | 'stoppedBy' | 'unreadable' | 'unknown' | 'unknownCount'
>

function checkDepth(flags: CheckFlags): Pick<CheckOptions, 'depth' | 'sample' | 'withinMs'> {
  const { readData, sample, within, resume } = flags
  const given = [readData && '--read-data', sample && '--sample', within && '--within'].filter(Boolean)
  if (given.length > 1) {
    throw new BackupError('usage', 'packs are asked for in two ways', given.join(' and '), { hint: 'give one of them' })
  }
  if (resume === true && readData !== true) {
    throw new BackupError('usage', 'only a check of all packs goes on where it was stopped', '--resume', {
      hint: 'give --read-data too; samples take what was read longest ago by themselves',
    })
  }
  if (readData === true) return { depth: 'all' }
  if (within !== undefined) return { depth: 'sample', withinMs: within }
  return sample === undefined ? { depth: 'structure' } : { depth: 'sample', sample }
}

function unfinishedCheck({ unfinishedMs }: ReadTimes, { location }: Store): number {
  if (unfinishedMs !== undefined) return unfinishedMs
  throw new BackupError('usage', 'this machine has stopped no check of everything', location, {
    hint: 'leave out --resume',
  })
}

function throttled(store: Store, { clock }: Context, bytesPerSecond: number | undefined): Store {
  if (bytesPerSecond === undefined) return store
  return new ThrottledStore(store, { bytesPerSecond, clock, sleep: (ms) => sleep(ms) })
}

/** Another sample each time: weekly samples of a share come to read everything. */
function newRng(): Rng {
  return seededRng(new DataView(secureRandom(4).buffer).getUint32(0))
}

function packsRead({ counts }: CheckResult): string {
  const { packsPassedOver } = counts
  const before = packsPassedOver === 0 ? '' : `, ${formatCount(packsPassedOver)} were verified before`
  if (counts.packsRead === 0) return `no packs were read${before || ' (--read-data reads them)'}`
  return `read ${formatCount(counts.packsRead)} of ${counted(counts.packs, 'pack')} (${formatSize(counts.bytes)} of data)${before}`
}

/**
 * How many there are of each kind. Only where nothing is missing is it certain that nothing needs a pack: the index that
 * named it may be what is lost.
 */
function aboutUnindexed({ counts, damageCount, unreadable, indexIncomplete }: CheckResult): [number, string][] {
  const { packsUnindexed, packsUnfinished, packsUnopened } = counts
  const opened = packsUnindexed - packsUnopened
  const missing = damageCount > 0 || unreadable.length > 0
  const unopened: [number, string] = [
    packsUnopened,
    `not readable with this key: damaged, or not of this repository${missing ? '; keep what may be missing' : ''}`,
  ]
  if (missing) return [[opened, 'keep what may hold what is missing'], unopened]
  if (indexIncomplete) return [[opened, 'snapshots need what is in there'], unopened]
  return [
    [packsUnfinished, 'of a backup that is under way or was killed; no snapshot needs them'],
    [opened - packsUnfinished, 'of a backup that has ended, and the index does not name them; no snapshot needs them'],
    unopened,
  ]
}

function exitCodeOf({ damageCount, unreadable }: Findings): ExitCode {
  if (damageCount > 0) return EXIT.damage
  return unreadable.length > 0 ? EXIT.failed : EXIT.ok
}

function findingCounts({ damageCount, cutOff, unreadable, unknownCount }: Findings): Record<string, number> {
  return { damaged: damageCount, cut_off: cutOff.length, unreadable: unreadable.length, unknown: unknownCount }
}

function showFindings({ out }: Context, findings: Findings): void {
  const { damages, damageCount, cutOff, stoppedBy, unreadable, unknown, unknownCount } = findings
  if (stoppedBy !== undefined) {
    const message = reasonsOf(stoppedBy)
    out.line(`not everything was checked: ${escapeText(message)}`)
    out.record({ type: 'stopped', code: stoppedBy.code, message })
  }
  for (const name of cutOff)
    out.line(`cut off when a backup was interrupted, nothing is lost with it: ${escapeText(name)}`)
  if (cutOff.length > 0) out.line('  where a prune stops at it, `holdfast forget --damaged` lets go of it')
  for (const name of unknown) out.line(`not part of the repository: ${escapeText(name)}`)
  if (unknownCount > unknown.length) out.line(`  and ${formatCount(unknownCount - unknown.length)} more`)
  for (const { object, message } of unreadable) {
    out.line(`could not be read: ${escapeText(object)}: ${escapeText(message)}`)
    out.record({ type: 'unreadable', object, message })
  }
  if (damageCount === 0) {
    out.line(unreadable.length === 0 ? 'no damage found' : 'no damage found in what could be read')
    return
  }
  out.line(`damage in ${counted(damageCount, 'object')}:`)
  for (const damage of damages) {
    for (const line of damageLines(damage)) out.line(line)
    out.record(damageRecord(damage))
  }
  out.line('`holdfast repair --dry-run` says what of it can be made good.')
}
