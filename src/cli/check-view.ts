// `holdfast check` and `holdfast scrub`: what was verified, what is damaged, and which snapshots and files that costs.
import { availableParallelism } from 'node:os'
import { BackupError } from '../base/errors.ts'
import { secureRandom, seededRng, type Rng } from '../base/random.ts'
import { checkRepository, type CheckOptions, type CheckResult } from '../ops/check.ts'
import type { Damage } from '../ops/check/damage.ts'
import { scrubStore } from '../ops/scrub.ts'
import type { Context } from './context.ts'
import { escapeName, escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { jsonName } from './json-lines.ts'
import { openWith, warnOf, withStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { shortId } from './snapshot-view.ts'
import { counted, formatCount, formatSize } from './units.ts'

export interface CheckFlags {
  readonly readData?: boolean
  readonly sample?: number
}

/** Paths shown for each snapshot that damage costs something; --json has more. */
const PATHS_SHOWN = 5

export async function runCheck(context: Context, flags: CheckFlags): Promise<ExitCode> {
  const depth = checkDepth(flags)
  return withStore(context, async (store) => {
    const repository = await openWith(context, store)
    const result = await stoppable(context, 'nothing is changed by a check', (signal) =>
      checkRepository({
        repo: repository,
        ...depth,
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
    if (counts.objectsForeign + counts.packsForeign > 0) {
      const what = `${counted(counts.objectsForeign, 'object')} and ${counted(counts.packsForeign, 'pack')}`
      out.line(`${what} are of domains that this key does not have: verified as far as that needs no key of them`)
    }
    if (result.indexIncomplete) {
      const message =
        'segments of the index are lost or damaged: what they named is read all the same, and a backup indexes it again'
      context.reporter.onEvent({ type: 'warning', code: 'not-found', fact: 'index-incomplete', message })
    }
    showFindings(context, result)
    out.record({
      type: 'summary',
      depth: depth.depth,
      ...findingCounts(result),
      snapshots: counts.snapshots,
      entries: counts.entries,
      nodes: counts.nodes,
      objects: counts.objects,
      packs: counts.packs,
      packs_read: counts.packsRead,
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

export async function runScrub(context: Context): Promise<ExitCode> {
  return withStore(context, async (store) => {
    const result = await stoppable(context, 'nothing is changed by a scrub', (signal) =>
      scrubStore({ store, onEvent: context.reporter.onEvent, signal }),
    )
    context.reporter.finish()
    context.out.line(`read ${counted(result.objects, 'object')} (${formatSize(result.bytes)})`)
    showFindings(context, result)
    context.out.record({ type: 'summary', ...findingCounts(result), objects: result.objects, bytes_read: result.bytes })
    return exitCodeOf(result)
  })
}

type Findings = Pick<CheckResult, 'damages' | 'damageCount' | 'cutOff' | 'unreadable' | 'unknown' | 'unknownCount'>

function checkDepth({ readData, sample }: CheckFlags): Pick<CheckOptions, 'depth' | 'sample'> {
  if (readData === true && sample !== undefined) {
    throw new BackupError('usage', 'all packs and a sample of them are asked for', '--read-data and --sample', {
      hint: 'give one of them',
    })
  }
  if (readData === true) return { depth: 'all' }
  return sample === undefined ? { depth: 'structure' } : { depth: 'sample', sample }
}

/** Another sample each time: weekly samples of a share come to read everything. */
function newRng(): Rng {
  return seededRng(new DataView(secureRandom(4).buffer).getUint32(0))
}

function packsRead({ counts }: CheckResult): string {
  if (counts.packsRead === 0) return `no packs were read (--read-data reads them)`
  return `read ${formatCount(counts.packsRead)} of ${counted(counts.packs, 'pack')} (${formatSize(counts.bytes)} of data)`
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
  const { damages, damageCount, cutOff, unreadable, unknown, unknownCount } = findings
  for (const name of cutOff)
    out.line(`cut off when a backup was interrupted, nothing is lost with it: ${escapeText(name)}`)
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
    out.record({
      type: 'damage',
      object: damage.object,
      code: damage.code,
      messages: damage.messages,
      findings: damage.findings,
      affected: damage.affected.map(({ id, paths, pathCount }) => ({
        snapshot: id,
        paths: paths.map((path) => jsonName(path)),
        path_count: pathCount,
      })),
    })
  }
  out.line('Copy the objects named from another copy of the store, if there is one, and check again.')
}

function damageLines({ object, messages, findings, affected }: Damage): string[] {
  const more = findings > messages.length ? ` (and ${formatCount(findings - messages.length)} more)` : ''
  const lines = [`  ${escapeText(object)}: ${escapeText(messages.join('; '))}${more}`]
  for (const { id, paths, pathCount } of affected) {
    lines.push(`    snapshot ${shortId(id)} needs it for ${counted(pathCount, 'path')}:`)
    for (const path of paths.slice(0, PATHS_SHOWN))
      lines.push(`      ${path.length === 0 ? 'the whole tree' : escapeName(path)}`)
    if (pathCount > PATHS_SHOWN) lines.push(`      and ${formatCount(pathCount - PATHS_SHOWN)} more`)
  }
  return lines
}
