// What a restore did, for people and for programs.
import type { EventSink } from '../ops/events.ts'
import type { RestoreResult } from '../ops/restore/options.ts'
import type { Context } from './context.ts'
import { escapeName } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { jsonName } from './json-lines.ts'
import { counted, formatSize } from './units.ts'

export interface RestoreRequest {
  readonly snapshot: string
  readonly target: string
  readonly dryRun: boolean
  readonly verified: boolean
}

/** A dry run's result is what would happen to each item, so it goes to standard output. */
export function dryRunEvents({ out, globals, reporter }: Context): EventSink {
  return (event) => {
    if (event.type !== 'file' || globals.json) return reporter.onEvent(event)
    if (event.action === 'unchanged' && !globals.verbose) return
    if (!globals.quiet) out.line(`${event.action.padEnd(9)} ${escapeName(event.path)}`)
  }
}

/** Damage in the repository weighs more than what the target or the system refused. */
export function exitCodeOfRestore({ partial, troubles }: RestoreResult): ExitCode {
  if (!partial) return EXIT.ok
  return troubles.some(({ code }) => code === 'corrupt') ? EXIT.damage : EXIT.partial
}

export function printRestore({ out }: Context, request: RestoreRequest, result: RestoreResult): void {
  const { counts, warnings, troubleCount, partial } = result
  if (!out.json) {
    for (const line of restoreLines(request, result)) out.line(line)
    return
  }
  out.record({
    type: 'summary',
    snapshot: request.snapshot,
    target: request.target,
    dry_run: request.dryRun,
    verified: request.verified,
    partial,
    files: counts.files,
    directories: counts.directories,
    symlinks: counts.symlinks,
    specials: counts.specials,
    hard_links: counts.hardLinks,
    bytes: counts.bytes,
    unchanged: counts.unchanged,
    attributes: counts.attributes,
    replaced: counts.replaced,
    deleted: counts.deleted,
    failed: counts.failed,
    troubles: troubleCount,
    warnings: warnings.map((each) => ({
      class: each.class,
      count: each.count,
      ...jsonName(each.path),
      reason: each.reason,
    })),
  })
}

/** Warnings are no part of it: they are told when they come. */
function restoreLines({ target, dryRun, verified }: RestoreRequest, result: RestoreResult): string[] {
  const { counts, partial, troubleCount } = result
  const verb = dryRun ? 'would restore' : 'restored'
  const made = [counted(counts.files, 'file'), counted(counts.directories, 'folder')]
  if (counts.symlinks > 0) made.push(counted(counts.symlinks, 'symlink'))
  if (counts.specials > 0) made.push(counted(counts.specials, 'special file'))
  if (counts.hardLinks > 0) made.push(counted(counts.hardLinks, 'hard link'))
  const lines = [`${verb} ${made.join(', ')} (${formatSize(counts.bytes)}) to ${escapeName(target)}`]
  const others: string[] = []
  if (counts.unchanged > 0) others.push(`${counted(counts.unchanged, 'item')} unchanged`)
  if (counts.attributes > 0) others.push(`${counted(counts.attributes, 'item')} with corrected attributes`)
  if (counts.replaced > 0) others.push(`${counted(counts.replaced, 'item')} replaced`)
  if (counts.deleted > 0) others.push(`${counted(counts.deleted, 'item')} ${dryRun ? 'to be deleted' : 'deleted'}`)
  if (others.length > 0) lines.push(`  ${others.join(', ')}`)
  if (verified && !dryRun)
    lines.push(partial ? '  verified, with differences' : '  verified: every byte and attribute is as in the snapshot')
  if (partial)
    lines.push(`  ${counted(Math.max(troubleCount, counts.failed), 'item')} could not be restored; each is named above`)
  return lines
}
