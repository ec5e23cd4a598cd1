// `holdfast trash …`: what was forgotten, for as long as it can be brought back.
import { BackupError } from '../base/errors.ts'
import { timespecFromMs } from '../base/time.ts'
import { readRetentionRecords } from '../ops/forget.ts'
import { ForeignObject, foreignOf } from '../repo/keys/membership.ts'
import type { Repository } from '../repo/repository.ts'
import type { ListedSnapshot } from '../repo/history/snapshot-catalog.ts'
import { abandonedFromMs, DAY_MS, purgeTrash, readTrash, recallFromTrash } from '../repo/history/trash.ts'
import type { Trash } from '../repo/history/trash.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import { withMaintenance } from './maintenance.ts'
import { shortId } from './snapshot-view.ts'
import { tableLines } from './table.ts'
import { counted, formatLocalTime, formatUtcTime } from './units.ts'

export async function listTrashed({ out, reporter }: Context, repository: Repository): Promise<void> {
  const { snapshots, recalled, unexplained } = await readTrash(repository)
  const { trashDays: days } = await readRetentionRecords(repository)
  const rows: string[][] = []
  for (const trashed of snapshots) {
    const { id, wid, seq, record, forgottenMs } = trashed
    const until = timespecFromMs(forgottenMs + days * DAY_MS)
    const { body } = record
    const reason = 'reason' in body.action ? body.action.reason : undefined
    const by = [escapeText(body.by), ...(reason === undefined ? [] : [`(${escapeText(reason)})`])].join(' ')
    const opened = await repository.catalog.open(trashed).catch(foreignOrNoted)
    if (opened instanceof ForeignObject) continue
    rows.push([
      shortId(id),
      opened === undefined ? '?' : formatLocalTime(opened.body.started),
      opened === undefined ? '?' : escapeText(opened.body.host),
      formatLocalTime(timespecFromMs(forgottenMs)),
      formatLocalTime(until),
      by,
    ])
    out.record({
      type: 'trashed',
      id,
      short_id: shortId(id),
      writer: wid,
      sequence: seq,
      host: opened?.body.host,
      forgotten: formatUtcTime(timespecFromMs(forgottenMs)),
      restorable_until: formatUtcTime(until),
      by: body.by,
      note: reason,
      record: record.objectName,
    })
  }
  for (const { objectName } of unexplained) {
    reporter.note(`no record says who forgot it; bring it back, or see \`holdfast audit\`: ${objectName}`)
  }
  for (const { objectName } of recalled) {
    reporter.note(
      `it was brought back and then deleted all the same; bring it back, or let a prune do it: ${objectName}`,
    )
  }
  if (rows.length === 0) return reporter.note('the trash is empty')
  const titles = ['ID', 'TIME', 'HOST', 'FORGOTTEN', 'UNTIL', 'BY']
  for (const line of tableLines(
    titles.map((title) => ({ title })),
    rows,
  ))
    out.line(line)

  function foreignOrNoted(error: unknown): ForeignObject | undefined {
    const foreign = foreignOf(error)
    if (foreign !== undefined) return foreign
    if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    reporter.onEvent({ type: 'error', code: error.code, message: error.message })
    return undefined
  }
}

export async function recallTrashed(
  context: Context,
  { all = false, reason }: { readonly all?: boolean; readonly reason?: string },
  specs: readonly string[],
): Promise<void> {
  if (all === specs.length > 0) {
    throw new BackupError(
      'usage',
      all ? 'both snapshots and --all are given' : 'no snapshot is given',
      'trash recall',
      {
        hint: '`holdfast trash list` shows what can be brought back',
      },
    )
  }
  await withMaintenance(context, async (repository, signing) => {
    const trash = await readTrash(repository)
    const chosen = all ? trash.snapshots : [...new Set(specs.map((spec) => trashed(listed(trash), spec)))]
    if (chosen.length === 0) return context.reporter.note('the trash is empty')
    await recallFromTrash(repository, chosen, { ...(await signing()), ...(reason !== undefined && { reason }) })
    for (const { id } of chosen) {
      context.out.line(`brought back: ${shortId(id)}`)
      context.out.record({ type: 'recalled', id, short_id: shortId(id) })
    }
  })
}

function listed({ snapshots, recalled, unexplained }: Trash): readonly ListedSnapshot[] {
  return [...snapshots, ...recalled, ...unexplained]
}

function trashed(all: readonly ListedSnapshot[], spec: string): ListedSnapshot {
  const fitting = all.filter(({ id }) => id.startsWith(spec))
  const [single] = fitting
  if (single !== undefined && fitting.length === 1) return single
  throw fitting.length === 0
    ? new BackupError('not-found', 'no snapshot in the trash has this id', spec, {
        hint: '`holdfast trash list` shows what can be brought back',
      })
    : new BackupError('usage', `${fitting.length} snapshots begin with this`, spec, { hint: 'write more digits' })
}

export async function purgeTrashed(
  context: Context,
  flags: { readonly olderThan?: number },
  specs: readonly string[],
): Promise<void> {
  if (flags.olderThan !== undefined && specs.length > 0) {
    throw new BackupError('usage', 'both snapshots and days are given', specs[0]!, { hint: 'give one or the other' })
  }
  await withMaintenance(context, async (repository, signing) => {
    const days = flags.olderThan ?? (await readRetentionRecords(repository)).trashDays
    const only = specs.length === 0 ? undefined : await explainedIds(repository, specs)
    const { purged, kept, leftOver } = await purgeTrash(repository, {
      ...(await signing()),
      days,
      ...(only !== undefined && { named: only }),
    })
    if (leftOver.length > 0) {
      context.out.line(`${counted(leftOver.length, 'copy', 'copies')} removed that nobody could bring back`)
    }
    context.out.line(`${counted(purged.length, 'snapshot')} purged from the trash, ${kept.length} kept there`)
    context.out.record({ type: 'summary', purged: purged.length, kept: kept.length, left_over: leftOver.length })
    if (only !== undefined) await checkNoneIsTooYoung(repository, only)
  })
}

/** Throws `refused` where a copy of one of these stays because somebody may be about to say in the log that it counts. */
async function checkNoneIsTooYoung(repository: Repository, only: ReadonlySet<string>): Promise<void> {
  const left = (await readTrash(repository)).leftOver.find(({ id }) => only.has(id))
  if (left === undefined) return
  const from = formatLocalTime(timespecFromMs(Math.max(...left.others.map(abandonedFromMs))))
  throw new BackupError('refused', 'a copy stays that somebody may be about to name in the log', left.objectName, {
    hint: `it can go after ${from}; a prune that it stands in the way of takes it away by itself then`,
  })
}

/** Hashes, hex, of what is named. Throws `refused` for what nobody who may has forgotten: nothing says that it may go. */
async function explainedIds(repository: Repository, specs: readonly string[]): Promise<Set<string>> {
  const trash = await readTrash(repository)
  const found = new Set<string>()
  for (const spec of specs) {
    const { id, objectName } = trashed([...listed(trash), ...trash.leftOver], spec)
    if (![...trash.snapshots, ...trash.leftOver].some((each) => each.id === id)) {
      throw new BackupError('refused', 'no record says that it was forgotten', objectName, {
        hint: 'bring it back with `holdfast trash recall`, or see `holdfast audit`',
      })
    }
    found.add(id)
  }
  return found
}
