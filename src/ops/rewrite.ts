// Drops paths from old snapshots: each gets one in its place without them, and goes to the trash. The new one keeps times,
// host, tags and the rest, is signed by who made it, and says of which it was made.
import { displayText, fromHex, toHex } from '../base/bytes.ts'
import { BackupError, codeOf } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { timespecFromMs } from '../base/time.ts'
import type { ChainPlace, Rewritten } from '../format/log-record.ts'
import { snapshotName } from '../format/names.ts'
import type { SnapshotBody, SnapshotStats } from '../format/snapshot.ts'
import { checkMayLog } from '../repo/history/log.ts'
import { appendRecord } from '../repo/history/log-append.ts'
import { keyOfPlace, placeKey } from '../repo/history/log-facts.ts'
import type { AppendOptions } from '../repo/history/log-append.ts'
import type { Repository } from '../repo/repository.ts'
import { checkNeed } from '../repo/roles.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { moveToTrash, placeOf, readTrash } from '../repo/history/trash.ts'
import { newSessionSecrets } from '../repo/declared-session.ts'
import { WriteSession } from '../repo/write-session.ts'
import { contains, locate } from './browse/tree-path.ts'
import { ignoreEvents } from './events.ts'
import type { EventSink } from './events.ts'
import type { RetentionState } from './forget.ts'
import { nothingLeft, PathDropper } from './rewrite/drop-paths.ts'
import type { DroppedCounts, DroppedTree } from './rewrite/drop-paths.ts'
import { TreeStore } from './rewrite/tree-store.ts'

export interface RewriteOptions extends AppendOptions {
  readonly random: SecureRandom
  readonly host: string
  readonly tool: string
  readonly reason?: string
  /** Everything that is there: what an interrupted run has left is not made twice. */
  readonly state: RetentionState
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface RewrittenSnapshot {
  readonly from: SnapshotInfo
  /** Hex. */
  readonly to: string
  readonly dropped: DroppedCounts
}

/** Snapshots, and the paths that are to be left out of each. */
export type Work = readonly { readonly snapshot: SnapshotInfo; readonly paths: readonly Uint8Array[] }[]

/** Which of the snapshots have one of the paths, and where; paths are as for `locate`. */
export async function snapshotsWith(
  repo: Repository,
  snapshots: readonly SnapshotInfo[],
  paths: readonly Uint8Array[],
): Promise<Work> {
  const found: { snapshot: SnapshotInfo; paths: Uint8Array[] }[] = []
  for (const snapshot of snapshots) {
    const reader = repo.of(snapshot)
    if (!reader.isIndexLoaded) await reader.loadIndex()
    const there: Uint8Array[] = []
    for (const path of paths) {
      try {
        there.push((await locate(reader, snapshot.body.root, path)).path)
      } catch (error) {
        if (codeOf(error) !== 'not-found' || !(error instanceof BackupError) || error.subject !== displayText(path))
          throw error
      }
    }
    if (there.length > 0) found.push({ snapshot, paths: there })
  }
  return found
}

/** Throws `usage` for the first of which nothing would be left; who only asks what would be done is told that too. */
export function checkSomethingStays(work: Work): void {
  for (const { snapshot, paths } of work) {
    const { sources } = snapshot.body
    if (sources.some((source) => !paths.some((path) => contains(path, source)))) continue
    throw nothingLeft(paths, snapshot.id)
  }
}

/**
 * Rewrites snapshots of one domain, whose index `repo` has loaded. Throws `wrong-key` when the credential may not make
 * snapshots or write such records; `fenced` as a backup does: then the old ones are still there.
 */
export async function rewriteSnapshots(
  repo: Repository,
  work: Work,
  opts: RewriteOptions,
): Promise<RewrittenSnapshot[]> {
  const { writer, clock, onEvent = ignoreEvents, signal, state, reason } = opts
  checkNeed(repo.bundle.role, { need: 'admin', what: 'leaving paths out of snapshots', location: repo.store.location })
  await checkMayLog(repo, writer, 'rewrite')
  checkSomethingStays(work)
  const rewritten: RewrittenSnapshot[] = []
  const places: Rewritten[] = []
  const old: SnapshotInfo[] = []
  for (const [at, { snapshot, paths }] of work.entries()) {
    if (signal?.aborted === true) break
    onEvent({
      type: 'progress',
      phase: 'rewriting',
      filesDone: at,
      filesTotal: work.length,
      bytesDone: 0,
      unit: 'snapshots',
    })
    const left = leftOver(snapshot, state, toHex(writer.wid))
    if (left !== undefined) {
      if (left !== 'recorded') places.push(rewrittenTo(snapshot, placeOf(left)))
      old.push(snapshot)
      continue
    }
    const made = await rewriteOne(repo, snapshot, paths, opts)
    if (made === undefined) continue
    rewritten.push({ from: snapshot, to: toHex(made.to.hash), dropped: made.dropped })
    places.push(rewrittenTo(snapshot, made.to))
    old.push(snapshot)
  }
  const log = { writer, clock, by: opts.by }
  if (places.length > 0) {
    await appendRecord(repo, { kind: 'rewrite', rewritten: places, ...(reason !== undefined && { reason }) }, log)
  }
  if (old.length > 0) await moveToTrash(repo, old, { ...log, random: opts.random, reason: reason ?? 'rewritten' })
  return rewritten
}

/**
 * Undefined when it has none of the paths, or was purged meanwhile. In a session of its own: for who prunes a session is over when its snapshot is
 * there, and nothing is kept for what it would still refer to.
 */
async function rewriteOne(
  repo: Repository,
  snapshot: SnapshotInfo,
  paths: readonly Uint8Array[],
  { writer, clock, random, host, tool }: RewriteOptions,
): Promise<{ readonly to: ChainPlace; readonly dropped: DroppedCounts } | undefined> {
  const secrets = newSessionSecrets(random)
  repo.sessionKeys.learn(secrets.sid, 'meta', secrets.meta)
  const session = await WriteSession.begin(repo, { secrets, writer, clock, random, host, tool })
  try {
    // Whoever purges it from here on waits for this session before he deletes what it needs.
    if (!(await isThere(repo, snapshot))) {
      await session.end()
      return undefined
    }
    const store = new TreeStore(repo, session, secrets.meta)
    const dropper = new PathDropper(repo, store.builder, () => store.store())
    const tree = await dropper.drop(snapshot.body.root, paths)
    if (tree === undefined) {
      await session.end()
      return undefined
    }
    await store.flush()
    const { newBlobs, newBytes: newPlainBytes } = store.counts
    const stored = { newBlobs, newPlainBytes, storedBytes: session.storedBytes }
    const heads = await repo.catalog.heads(writer.wid)
    const { id, seq, wid } = await session.commit(bodyWithout(snapshot, paths, { tree, stored, heads, tool }))
    await session.finishParity() // what could not be made a repair makes
    await session.end()
    return { to: { wid: fromHex(wid)!, seq, hash: fromHex(id)! }, dropped: tree.dropped }
  } catch (error) {
    // What cannot be rewritten is not waited for by those who prune; where the store fails they find out by its silence.
    if (codeOf(error) === 'usage') await session.end()
    throw error
  } finally {
    session.stopParity()
    await session.meta.discard()
  }
}

/** Whether a snapshot is in its place, or in the trash with a record that vouches for it; it may be on its way between them. */
async function isThere(repo: Repository, { wid, seq, id }: SnapshotInfo): Promise<boolean> {
  const isInPlace = async () => (await repo.store.stat(snapshotName(wid, seq, id))) !== null
  if (await isInPlace()) return true
  const { snapshots, recalled } = await readTrash(repo)
  return [...snapshots, ...recalled].some((each) => each.id === id) || isInPlace()
}

/** The snapshot that this writer has made of another one before, if it is there; `recorded` when the log has that. */
function leftOver(
  { id, wid, seq }: SnapshotInfo,
  { snapshots, records }: RetentionState,
  own: string,
): SnapshotInfo | 'recorded' | undefined {
  const key = keyOfPlace(wid, seq, id)
  const made = snapshots.filter(({ body }) => body.rewrittenFrom !== undefined && toHex(body.rewrittenFrom) === id)
  const recorded = made.find((each) => {
    const record = records.rewritten.get(keyOfPlace(each.wid, each.seq, each.id))
    return record !== undefined && placeKey(record.from) === key
  })
  return recorded === undefined ? made.find((each) => each.wid === own && each.confirmed) : 'recorded'
}

function rewrittenTo(from: SnapshotInfo, to: ChainPlace): Rewritten {
  return { from: placeOf(from), to, received: timespecFromMs(Math.floor(from.receivedMs)) }
}

interface New {
  readonly tree: DroppedTree
  readonly stored: Pick<SnapshotStats, 'newBlobs' | 'newPlainBytes' | 'storedBytes'>
  readonly heads: SnapshotBody['heads']
  readonly tool: string
}

function bodyWithout(
  { id, body }: SnapshotInfo,
  paths: readonly Uint8Array[],
  { tree, stored, heads, tool }: New,
): SnapshotBody {
  const { files, directories, others, bytes } = tree.dropped
  const troubles = body.troubles.filter(({ path }) => !paths.some((dropped) => contains(dropped, path)))
  const troubleCount = body.troubleCount - (body.troubles.length - troubles.length)
  const left = body.stats.files - files
  return {
    ...body,
    sources: tree.sources,
    root: tree.root,
    stats: {
      files: left,
      directories: body.stats.directories - directories,
      others: body.stats.others - others,
      bytes: body.stats.bytes - bytes,
      newFiles: 0,
      changedFiles: 0,
      unchangedFiles: left,
      ...stored,
    },
    troubles,
    troubleCount,
    partial: body.partial && troubleCount > 0,
    heads,
    toolVersion: tool,
    rewrittenFrom: fromHex(id)!,
  }
}
