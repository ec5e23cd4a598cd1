// `holdfast audit`: who has which part of the history, what is not there and why, and what is wrong.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { BackupError, wrap } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { initHashing } from '../crypto/hash.ts'
import { CHECKPOINT_SIZE_MAX } from '../format/checkpoint.ts'
import type { Checkpoint } from '../format/checkpoint.ts'
import { parseCheckpoint } from '../format/checkpoint-text.ts'
import { auditHistory } from '../ops/audit.ts'
import type { AuditedChain, AuditedWriter, AuditResult, Gap } from '../ops/audit.ts'
import type { OpenedRecord } from '../repo/history/log.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { historyLook, rememberHistory } from './history.ts'
import type { JsonRecord, JsonValue } from './json-lines.ts'
import { openUncompared, warnOf, withStore } from './repository.ts'
import { stoppable } from './signals.ts'
import { pruneLines, pruneRecord } from './prune-records.ts'
import { recordOrigin } from './record-origin.ts'
import { repairLines, repairRecord } from './repair-records.ts'
import { counted, formatLocalTime, formatUtcTime } from './units.ts'

export async function runAudit(context: Context, flags: { readonly checkpoint?: string }): Promise<ExitCode> {
  await initHashing()
  const checkpoint = flags.checkpoint === undefined ? undefined : readCheckpoint(flags.checkpoint)
  return withStore(context, async (store) => {
    const repo = await openUncompared(context, store)
    warnOf(context, repo.problems)
    const look = await historyLook(context, repo)
    const result = await stoppable(context, 'nothing is changed by an audit', (signal) =>
      auditHistory({
        repo,
        look,
        ...(checkpoint !== undefined && { checkpoint }),
        onEvent: context.reporter.onEvent,
        signal,
      }),
    )
    context.reporter.finish()
    show(context, result, checkpoint)
    if (result.findingCount > 0) return EXIT.history
    if (result.unreadable.length > 0) return EXIT.failed
    await rememberHistory(context, repo, look)
    return EXIT.ok
  })
}

/** Throws `usage` for what is no checkpoint: damage is what the store has. */
function readCheckpoint(given: string): Checkpoint {
  try {
    return checkpointIn(given)
  } catch (cause) {
    if (!(cause instanceof BackupError) || cause.code !== 'corrupt') throw cause
    const hint = cause.hint === undefined ? {} : { hint: cause.hint }
    throw new BackupError('usage', 'the checkpoint that was given cannot be used', '--checkpoint', { cause, ...hint })
  }
}

/** A file of that name, else the text itself; `-` is standard input. */
function checkpointIn(given: string): Checkpoint {
  if (given === '-') return parseCheckpoint(readFileSync(0, 'utf8'), 'standard input')
  if (!existsSync(given)) {
    if (/[:\s]/.test(given)) return parseCheckpoint(given, 'the text given')
    throw new BackupError('not-found', 'no such file, and no text of a checkpoint', given)
  }
  try {
    // Twice what the largest takes, for what people write around it; more is another file.
    if (statSync(given).size > 4 * CHECKPOINT_SIZE_MAX) throw new BackupError('limit', 'too large', given)
    return parseCheckpoint(readFileSync(given, 'utf8'), given)
  } catch (cause) {
    throw wrap('reading the checkpoint', given, cause)
  }
}

function show({ out, globals }: Context, result: AuditResult, checkpoint: Checkpoint | undefined): void {
  const { writers, findings, findingCount, remarks, unreadable, snapshots, records } = result
  const held = checkpoint === undefined ? '' : `; checkpoint of ${formatLocalTime({ sec: checkpoint.time, nsec: 0 })}`
  out.line(
    `audited ${counted(snapshots, 'snapshot')} and ${counted(records, 'log record')} of ${counted(writers.length, 'writer')}${held}`,
  )
  for (const writer of writers) {
    out.record(writerRecord(writer))
    for (const line of writerLines(writer)) out.line(line)
  }
  for (const repair of result.repairs) {
    for (const line of repairLines(repair)) out.line(line)
    out.record(repairRecord(repair))
  }
  for (const line of pruneLines(result.prunes, { all: globals.verbose })) out.line(line)
  for (const prune of result.prunes) out.record(pruneRecord(prune))
  for (const remark of remarks) {
    out.line(`note: ${escapeText(remark)}`)
    out.record({ type: 'remark', message: remark })
  }
  for (const { object, message } of unreadable) {
    out.line(`could not be read: ${escapeText(object)}: ${escapeText(message)}`)
    out.record({ type: 'unreadable', object, message })
  }
  if (findingCount > 0) out.line(`${counted(findingCount, 'finding')}:`)
  else out.line(unreadable.length === 0 ? 'nothing found: the history is whole' : 'nothing found in what could be read')
  for (const { kind, object, message } of findings) {
    out.line(`  ${kind}: ${escapeText(message)}`)
    out.line(`    ${escapeText(object)}`)
    out.record({ type: 'finding', kind, object, message })
  }
  if (findingCount > findings.length) out.line(`  and ${findingCount - findings.length} more`)
  out.record({
    type: 'summary',
    findings: findingCount,
    unreadable: unreadable.length,
    writers: writers.length,
    snapshots,
    records,
    ...(checkpoint !== undefined && { checkpoint_time: formatUtcTime({ sec: checkpoint.time, nsec: 0 }) }),
  })
}

function writerLines({ wid, name, role, snapshots, records, revoked }: AuditedWriter): string[] {
  const lines = [
    `${name === '' ? 'writer' : escapeText(name)} ${wid.slice(0, 8)}, ${role ?? 'without a valid certificate'}`,
  ]
  if (revoked !== undefined) {
    const { record, fromSeq } = revoked
    lines.push(`  revoked by ${whoAndWhen(record)}: its snapshots from ${fromSeq} on do not count${reasonText(record)}`)
  }
  lines.push(...chainLines('snapshot', snapshots), ...chainLines('log record', records))
  if (snapshots === undefined && records === undefined) lines.push('  nothing yet')
  return lines
}

function chainLines(what: string, chain: AuditedChain | undefined): string[] {
  if (chain === undefined) return []
  const { last, count, gaps } = chain
  const whole = gaps.length === 0 ? '' : `, ${count} of them here`
  return [`  ${rangeText(what, 1, last)}${whole}`, ...gaps.map((gap) => `    ${gapText(gap)}`)]
}

function rangeText(what: string, from: number, to: number): string {
  return from === to ? `${what} ${from}` : `${what}s ${from} to ${to}`
}

function gapText({ from, to, reason, record, restorableUntilMs: until }: Gap): string {
  const range = from === to ? String(from) : `${from} to ${to}`
  if (record !== undefined) {
    const trash = until === undefined ? '' : `; in the trash until ${formatLocalTime(timespecFromMs(until))}`
    return `${range}: ${GAP_TEXTS[reason]} by ${whoAndWhen(record)}${reasonText(record)}${trash}`
  }
  return `${range}: ${GAP_TEXTS[reason]}`
}

const GAP_TEXTS: Readonly<Record<Gap['reason'], string>> = {
  forgotten: 'forgotten',
  'forgotten-damaged': 'forgotten because it was damaged',
  accepted: 'lost, and accepted as that',
  destroyed: 'destroyed with their domain',
  interrupted: 'left unfinished by an interrupted backup',
  damaged: 'damaged',
  unreadable: 'could not be read',
  missing: 'MISSING',
}

function whoAndWhen({ body }: Pick<OpenedRecord, 'body'>): string {
  return `${escapeText(body.by)} on ${formatLocalTime(body.time)}`
}

function reasonText({ body: { action } }: Pick<OpenedRecord, 'body'>): string {
  return 'reason' in action && action.reason !== undefined ? ` (${escapeText(action.reason)})` : ''
}

function writerRecord({ wid, name, role, snapshots, records, revoked }: AuditedWriter): JsonRecord {
  return {
    type: 'writer',
    id: wid,
    name,
    role,
    snapshots: chainJson(snapshots),
    records: chainJson(records),
    revoked: revoked && { from: revoked.fromSeq, ...recordJson(revoked.record) },
  }
}

function chainJson(chain: AuditedChain | undefined): JsonValue {
  if (chain === undefined) return undefined
  const { last, count, gaps } = chain
  return {
    last,
    count,
    gaps: gaps.map(({ from, to, reason, record, restorableUntilMs: until }) => ({
      from,
      to,
      reason,
      ...(record && recordJson(record)),
      restorable_until: until === undefined ? undefined : formatUtcTime(timespecFromMs(until)),
    })),
  }
}

function recordJson(record: Pick<OpenedRecord, 'objectName' | 'body'>): { readonly [key: string]: JsonValue } {
  const { action } = record.body
  const reason = 'reason' in action ? action.reason : undefined
  return { ...recordOrigin(record), note: reason }
}
