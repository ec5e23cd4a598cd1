// How snapshots look: a row for people, an object for programs; and which ones a command's flags choose.
import { resolve } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { filterSnapshots, type SnapshotFilter } from '../ops/snapshot-filter.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotCatalog, SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import type { Context } from './context.ts'
import { escapeName, escapeText } from './escape.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts'
import { describeFailure } from './failure.ts'
import { jsonName, jsonTime, type JsonRecord } from './json-lines.ts'
import { bytesOfText, nativeWorkingFolder } from './native-text.ts'
import { lackJson, lackText, type Lack } from './known-lacks.ts'
import { type Column, tableLines } from './table.ts'
import { revokedJson, revokedText } from './revocation.ts'
import { counted, formatCount, formatLocalTime, formatSize } from './units.ts'

/** Digits of a snapshot's id that are shown; the beginning of an id is accepted everywhere. */
const SHORT_ID_LENGTH = 10

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH)
}

export interface SnapshotChoice {
  readonly host?: string
  readonly tag?: readonly string[]
  /** A path that they must hold; relative to the working folder. */
  readonly source?: string
  /** Only the newest so many. */
  readonly last?: number
  /** Only these. */
  readonly snapshot?: readonly string[]
}

/** What choosing asks of a repository. */
export interface SnapshotSource {
  readonly catalog: Pick<SnapshotCatalog, 'readable'>
  findSnapshot(spec: string): Promise<SnapshotInfo>
}

export interface ChosenSnapshots {
  /** The oldest first. */
  readonly snapshots: readonly SnapshotInfo[]
  /** Not 0 when some snapshot cannot be read; each was told. */
  readonly exitCode: ExitCode
}

/** The snapshots that flags choose. Throws `not-found` for one that is named and not there. */
export async function chosenSnapshots(
  { reporter }: Context,
  repository: SnapshotSource,
  choice: SnapshotChoice,
): Promise<ChosenSnapshots> {
  const { host, tag, source, last, snapshot: named } = choice
  const path = source === undefined ? undefined : bytesOfText(resolve(nativeWorkingFolder(), source))
  const filter: SnapshotFilter = { host, tags: tag, source: path }
  const {
    snapshots: all,
    problems,
    hidden,
  } = named === undefined || named.length === 0
    ? await repository.catalog.readable()
    : { snapshots: await findAll(repository, named), problems: [], hidden: 0 }
  for (const problem of problems) {
    reporter.onEvent({ type: 'error', code: problem.code, message: describeFailure(problem).links.join(', because ') })
  }
  if (hidden > 0) {
    reporter.note(
      `${counted(hidden, 'snapshot')} of revoked machines not shown: they count for nothing (--include-revoked)`,
    )
  }
  const kept = new Set(
    filterSnapshots(
      all.map(({ body }) => body),
      filter,
    ),
  )
  const chosen = all.filter(({ body }) => kept.has(body))
  const exitCode = problems[0] === undefined ? EXIT.ok : exitCodeOf(problems[0].code)
  return { snapshots: last === undefined ? chosen : chosen.slice(-last), exitCode }
}

async function findAll(repository: SnapshotSource, specs: readonly string[]): Promise<SnapshotInfo[]> {
  const found: SnapshotInfo[] = []
  for (const spec of specs) found.push(await repository.findSnapshot(spec))
  return found
}

const SNAPSHOT_COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'TIME' },
  { title: 'HOST' },
  { title: 'FILES', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'STORED', align: 'right' },
  { title: 'SOURCES' },
]

/** With a column for the domain where there are several. */
export function snapshotTable(
  repository: Repository,
  snapshots: readonly SnapshotInfo[],
  lacks: ReadonlyMap<string, Lack> = NO_LACKS,
): string[] {
  const row = (each: SnapshotInfo) => snapshotRow(each, lacks.get(each.id))
  if (repository.inDomains.length === 1) return tableLines(SNAPSHOT_COLUMNS, snapshots.map(row))
  return tableLines(
    [...SNAPSHOT_COLUMNS, { title: 'DOMAIN' }],
    snapshots.map((each) => [...row(each), escapeText(repository.of(each).domain.name)]),
  )
}

const NO_LACKS: ReadonlyMap<string, Lack> = new Map()

function snapshotRow({ id, body, confirmed, revoked }: SnapshotInfo, lack: Lack | undefined): string[] {
  const { stats } = body
  const notes = [
    ...(body.partial ? ['partial'] : []),
    ...(confirmed ? [] : ['unconfirmed']),
    ...(body.rewrittenFrom === undefined ? [] : ['rewritten']),
    ...(lack === undefined ? [] : [lackText(lack)]),
    ...(revoked === undefined ? [] : [revokedText(revoked.record)]),
    ...body.tags.map((tag) => `#${escapeText(tag)}`),
  ]
  return [
    shortId(id),
    formatLocalTime(body.started),
    escapeText(body.host),
    formatCount(stats.files),
    formatSize(stats.bytes),
    formatSize(stats.storedBytes),
    [...body.sources.map((source) => escapeName(source)), ...notes.map((note) => `[${note}]`)].join(' '),
  ]
}

type RecordedSnapshot = Pick<SnapshotInfo, 'id' | 'wid' | 'seq' | 'body' | 'confirmed'> & Partial<SnapshotInfo>

/** The fields of docs/json.md, "Snapshots". */
export function snapshotRecord(snapshot: RecordedSnapshot, type = 'snapshot', lack?: Lack): JsonRecord {
  const { id, wid, seq, body, confirmed, storedSize, revoked } = snapshot
  const { stats } = body
  return {
    type,
    id,
    short_id: shortId(id),
    writer: wid,
    sequence: seq,
    started: jsonTime(body.started),
    ended: jsonTime(body.ended),
    host: body.host,
    user: body.user,
    sources: body.sources.map((source) => jsonName(source)),
    tags: body.tags,
    description: body.description,
    partial: body.partial,
    confirmed,
    revoked: revoked && revokedJson(revoked.record),
    lacks: lack && lackJson(lack),
    troubles: body.troubleCount,
    domain_id: toHex(body.domainId),
    parent: body.parent === undefined ? undefined : toHex(body.parent),
    rewritten_from: body.rewrittenFrom === undefined ? undefined : toHex(body.rewrittenFrom),
    keep_until: body.keepUntil === undefined ? undefined : jsonTime(body.keepUntil),
    destroy_by: body.destroyBy === undefined ? undefined : jsonTime(body.destroyBy),
    tool_version: body.toolVersion,
    object_size: storedSize,
    files: stats.files,
    directories: stats.directories,
    others: stats.others,
    bytes: stats.bytes,
    new_files: stats.newFiles,
    changed_files: stats.changedFiles,
    unchanged_files: stats.unchangedFiles,
    new_blobs: stats.newBlobs,
    new_bytes: stats.newPlainBytes,
    stored_bytes: stats.storedBytes,
  }
}
