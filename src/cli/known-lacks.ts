// What snapshots are known to lack, as commands show it: repairs have noted it in the log.
import { displayText, toHex } from '../base/bytes.ts'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { contains } from '../ops/browse/tree-path.ts'
import type { Lack } from '../ops/lacking.ts'
import type { NotedLoss, NotedLosses } from '../repo/history/noted-losses.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import type { Repository } from '../repo/repository.ts'
import type { Context } from './context.ts'
import type { JsonValue } from './json-lines.ts'
import { recordOrigin } from './record-origin.ts'
import { readerOf } from './repository.ts'
import { counted, formatLocalTime } from './units.ts'

export type { Lack } from '../ops/lacking.ts'

/** Noted paths that one command looks at again; what is beyond is shown as it was noted. */
const PATHS_LOOKED_MAX = 2000
/** Paths that are named one by one. */
const NAMED_MAX = 5

/** What these snapshots lack, by their ids. What of the log cannot be read is told, and fails nothing. */
export async function lacksOf(
  context: Context,
  repository: Repository,
  snapshots: readonly SnapshotInfo[],
): Promise<ReadonlyMap<string, Lack>> {
  const { bySnapshot, isCut } = await losses(context, repository)
  const lacks = new Map<string, Lack>()
  let room = PATHS_LOOKED_MAX
  for (const snapshot of snapshots) {
    const { id, body } = snapshot
    const { rewrittenFrom: from } = body
    const loss = bySnapshot.get(id) ?? (from && bySnapshot.get(toHex(from)))
    if (loss === undefined) continue
    room -= loss.paths.length
    const lack = room < 0 ? loss : await lackOf(context, repository, snapshot, loss)
    if (lack !== undefined) lacks.set(id, lack)
  }
  if (isCut) context.reporter.note('more snapshots may lack something: a repair has found more than the log can name')
  return lacks
}

async function lackOf(
  context: Context,
  repository: Repository,
  snapshot: SnapshotInfo,
  loss: NotedLoss,
): Promise<Lack | undefined> {
  try {
    const { stillLacking } = await import('../ops/lacking.ts')
    return await stillLacking(await readerOf(context, repository, snapshot), snapshot.body.root, loss)
  } catch (error) {
    if (error instanceof BackupError) return loss
    throw error
  }
}

const NOTHING: NotedLosses = { bySnapshot: new Map(), isCut: false }

async function losses({ reporter }: Context, { trust }: Repository): Promise<NotedLosses> {
  const told = new Set(trust.problems)
  const tell = (problem: BackupError) => {
    const message = `${reasonsOf(problem)}; whether it says of a snapshot that it lacks something is not known`
    reporter.onEvent({ type: 'warning', code: problem.code, message })
  }
  try {
    return await trust.losses()
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    tell(error)
    return NOTHING
  } finally {
    for (const problem of trust.problems) if (!told.has(problem)) tell(problem)
  }
}

/** In a list of snapshots. */
export function lackText({ count }: Lack): string {
  return `lacks ${counted(count, 'path')}`
}

export function lackJson({ count, record }: Lack): JsonValue {
  return { path_count: count, ...recordOrigin(record) }
}

/** Says that not all paths can be marked. */
export function tellUnnamed({ reporter }: Context, lacks: Iterable<Lack>): void {
  let unnamed = 0
  for (const { count, paths } of lacks) unnamed = Math.max(unnamed, count - paths.length)
  if (unnamed > 0) reporter.note(`${counted(unnamed, 'more path')} not marked: the log does not have all by name`)
}

/** Which paths of a snapshot are to be marked. */
export class LackMarks {
  readonly #paths: ReadonlySet<string>

  constructor(lack: Lack | undefined) {
    this.#paths = new Set(lack?.paths.map((path) => toHex(path)))
  }

  has(path: Uint8Array): boolean {
    return this.#paths.size > 0 && this.#paths.has(toHex(path))
  }
}

/** Says before a restore of what is at `path` what will not come back; the empty path is all. */
export function tellLack({ reporter }: Context, { count, paths, record }: Lack, path: Uint8Array): void {
  const wanted = path.length === 0 ? paths : paths.filter((each) => concerns(each, path))
  const unnamed = count - paths.length
  if (wanted.length + unnamed === 0) return
  const { by, time } = record.body
  const named = wanted.slice(0, NAMED_MAX).map((each) => (each.length === 0 ? 'the whole tree' : displayText(each)))
  if (wanted.length + unnamed > named.length) named.push('…')
  const what = `this snapshot is known to lack ${counted(wanted.length + unnamed, 'path')} (${named.join(', ')})`
  const message = `${what}, found by ${by} on ${formatLocalTime(time)}; the rest is restored`
  reporter.onEvent({ type: 'warning', code: 'corrupt', fact: 'snapshot-lacks', message })
}

/** What is lost of a folder may be anything in it. */
function concerns(lost: Uint8Array, path: Uint8Array): boolean {
  return lost.length === 0 || contains(path, lost) || contains(lost, path)
}
