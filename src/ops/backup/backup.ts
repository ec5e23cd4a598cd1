// A backup: declare, scan, store, commit. See docs/architecture.md for the flow of data and docs/format.md, 10, for the
// order in which things must reach the store.
import { displayText, fromHex, releaseMemory, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, reasonsOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { Clock, Every } from '../../base/clock.ts'
import type { SecureRandom } from '../../base/random.ts'
import type { Method } from '../../compress/method.ts'
import { timespecFromMs } from '../../base/time.ts'
import type { Timespec } from '../../base/time.ts'
import type { SnapshotBody, SnapshotStats } from '../../format/snapshot.ts'
import { checkWritable } from '../../repo/descriptions.ts'
import type { LocalState } from '../../repo/local-state.ts'
import { bundleTargetFor } from '../../repo/packs/bundle-target.ts'
import { MetaSink } from '../../repo/packs/meta-sink.ts'
import { OwnPacks } from '../../repo/packs/own-packs.ts'
import type { Repository } from '../../repo/repository.ts'
import { isOfPageFile } from '../../repo/index/sealed-pages.ts'
import { TreeCache } from '../../repo/trees/tree-cache.ts'
import type { KnownSnapshot } from '../../repo/trees/tree-cache.ts'
import { checkNeed } from '../../repo/roles.ts'
import { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import { newSessionSecrets } from '../../repo/declared-session.ts'
import { WriteSession } from '../../repo/write-session.ts'
import type { CommittedSnapshot } from '../../repo/write-session.ts'
import type { PackTrust } from '../../repo/index/pack-trust.ts'
import { writerIdentity } from '../../repo/writers/writer-identity.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import type { EventSink } from '../events.ts'
import { AutoLevel } from './auto-level.ts'
import type { WorkerSetup } from './chunk-worker.ts'
import type { Executor } from './executor.ts'
import { ORDINARY, type Treatment } from './jobs.ts'
import { adoptedWarning, closedWarning, missingWarning } from './missing-warning.ts'
import { keptTree } from './kept-tree.ts'
import { chooseParent } from './parent-choice.ts'
import { ParentTree } from './parent-tree.ts'
import { Pipeline } from './pipeline.ts'
import { BackupReport } from './report.ts'
import { Scan } from './scan.ts'
import type { BackupSource } from './source.ts'
import { defaultExecutor, methodsOf, workerSetup } from './worker-setup.ts'
import { StoredComparison } from './stored-comparison.ts'

export interface BackupOptions {
  readonly repo: Repository
  /** What is backed up. */
  readonly source: BackupSource
  readonly state: LocalState
  readonly clock: Clock
  /** By which a run shows that it lives while nothing else happens. */
  readonly every?: Every
  readonly random: SecureRandom
  readonly host: string
  readonly user: string
  /** Name and version of the program. */
  readonly tool: string
  readonly tags?: readonly string[]
  readonly description?: string
  /** Not to be forgotten before, and to be gone by. */
  readonly keepUntil?: Timespec
  readonly destroyBy?: Timespec
  /** Id or first digits of the snapshot to compare with; null for none; the latest of the same sources when absent. */
  readonly parent?: string | null
  /** For everything that no rule of the source names a method for; `auto` unless given. */
  readonly compression?: Method
  /** On whose packs it relies instead of storing what is in them; everybody's unless given. */
  readonly trust?: PackTrust
  /** Names of packs that were found damaged: what was in them is stored again where the source has it. */
  readonly distrust?: readonly string[]
  readonly onEvent: EventSink
  /** Whether each file is reported, not only problems and progress. */
  readonly fileEvents?: boolean
  /** Whether to count first what there is when no parent tells it: for somebody who waits and sees the progress. */
  readonly estimate?: boolean
  readonly signal?: AbortSignal
  /** Where jobs run; worker threads unless given. */
  readonly makeExecutor?: (setup: WorkerSetup) => Executor
}

/** How often it is looked whether a sign of life is due, in milliseconds. */
const BEAT_LOOK_MS = 60_000

export interface BackupResult {
  readonly snapshot: CommittedSnapshot
  readonly body: SnapshotBody
  readonly parent: KnownSnapshot | undefined
  readonly storedBytes: number
  /** Packs of others that were not relied on. */
  readonly packsPassedOver: number
  readonly durationMs: number
}

/** How often a backup is begun: each time somebody has to take it for dead while it runs, or its local index is damaged. */
const ATTEMPTS_MAX = 3

/**
 * Makes a snapshot. Throws `interrupted` when `signal` says so: what was stored until then is used by the next run. A run
 * that was fenced, or whose local index turns out to be damaged, begins anew; it finds what it has stored and compares every reference with what is still there.
 */
export async function runBackup(opts: BackupOptions): Promise<BackupResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptBackup(opts)
    } catch (error) {
      if (!(error instanceof BackupError) || attempt === ATTEMPTS_MAX) throw error
      const isIndexLost = isOfPageFile(error)
      if (error.code !== 'fenced' && !isIndexLost) throw error
      if (isIndexLost) opts.repo.localIndex?.giveUp()
      opts.onEvent({ type: 'warning', code: error.code, message: `${error.message}; it begins anew` })
    }
  }
}

async function attemptBackup(opts: BackupOptions): Promise<BackupResult> {
  const { repo, clock, random, host, tool, state, trust = 'all' } = opts
  checkNeed(repo.bundle.role, { need: 'backup', what: 'a backup', location: repo.store.location })
  checkWritable(repo, repo.store.location)
  if (opts.source.compares === true) {
    checkNeed(repo.bundle.role, { need: 'files', what: 'comparing with what is stored', location: repo.store.location })
  }
  const began = clock.monotonic()
  const started = timespecFromMs(opts.source.begin?.() ?? clock.now())
  const writer = await writerIdentity(repo, { state, clock, random, host })
  const secrets = newSessionSecrets(random)
  repo.sessionKeys.learn(secrets.sid, 'meta', secrets.meta)
  repo.sessionKeys.learn(secrets.sid, 'data', secrets.data)
  const executor = (opts.makeExecutor ?? defaultExecutor)(workerSetup(opts, secrets))
  try {
    const session = await WriteSession.begin(repo, {
      secrets,
      writer,
      clock,
      random,
      host,
      tool,
      trust,
      ...(opts.distrust !== undefined && { distrust: opts.distrust }),
      ...(trust === 'own+attested' && { ownPacks: await OwnPacks.load(repo, state, writer.wid) }),
    })
    repo.useIndex(session.index)
    for (const { code, message } of session.index.damaged) {
      opts.onEvent({ type: 'warning', code, message: `${message}; what it names is stored again` })
    }
    if (session.index.missing.length > 0) opts.onEvent(missingWarning(session.index.missing))
    if (session.index.closed.length > 0) opts.onEvent(closedWarning(session.index.closed))
    executor.indexGrew(session.index.blobs.handle)
    // Also while nothing comes from the sources for hours; what fails is tried again, and told when something has to be stored.
    const stopBeating = opts.every?.(BEAT_LOOK_MS, () => void session.beat().catch(() => {}))
    try {
      return await backUpIn(session, opts, { executor, writer, started, began })
    } catch (error) {
      throw await session.explain(error)
    } finally {
      stopBeating?.()
    }
  } finally {
    await executor.close()
  }
}

interface Attempt {
  readonly executor: Executor
  readonly writer: WriterIdentity
  readonly started: Timespec
  /** By the clock that only grows, in milliseconds. */
  readonly began: number
}

async function backUpIn(
  session: WriteSession,
  opts: BackupOptions,
  { executor, writer, started, began }: Attempt,
): Promise<BackupResult> {
  const { repo, clock, host, tool } = opts
  const cache = await keptTree(opts, writer)
  const { snapshot: parent, unreadable } =
    cache === undefined
      ? await chooseParent(repo, { spec: opts.parent, wid: toHex(writer.wid), host, paths: opts.source.paths })
      : { snapshot: opts.parent === null ? undefined : cache.snapshot, unreadable: [] }
  if (unreadable.length > 0) opts.onEvent({ type: 'warning', ...aboutUnreadable(unreadable) })
  if (parent !== undefined && repo.locate('tree', parent.body.root) === undefined) {
    const adopted = await session.adoptUnindexed(() => throwIfStopped(opts.signal))
    if (adopted > 0) opts.onEvent(adoptedWarning(adopted))
    executor.indexGrew(session.index.blobs.handle)
  }
  const stored = await storeTree(opts, { session, executor, parent, cache })
  const body: SnapshotBody = {
    started,
    ended: timespecFromMs(clock.now()),
    host,
    user: opts.user,
    sources: opts.source.paths,
    root: stored.root,
    stats: stored.stats,
    troubles: stored.report.troubles,
    troubleCount: stored.report.troubleCount,
    partial: stored.report.troubleCount > 0,
    tags: opts.tags ?? [],
    heads: await repo.catalog.heads(writer.wid),
    toolVersion: tool,
    domainId: repo.domain.id,
    ...(parent !== undefined && { parent: fromHex(parent.id)! }),
    ...(opts.description !== undefined && { description: opts.description }),
    ...(opts.keepUntil !== undefined && { keepUntil: opts.keepUntil }),
    ...(opts.destroyBy !== undefined && { destroyBy: opts.destroyBy }),
  }
  const snapshot = await session.commit(body)
  const withoutParity = await session.finishParity()
  if (withoutParity !== undefined) {
    const message = `the snapshot is complete; parity is missing, which \`holdfast repair\` makes: ${reasonsOf(withoutParity)}`
    opts.onEvent({ type: 'warning', code: withoutParity.code, message })
  }
  const problem = await session.end()
  if (problem !== undefined) {
    const message = `the snapshot is complete; only this failed: ${reasonsOf(problem)}`
    opts.onEvent({ type: 'warning', code: problem.code, message })
  }
  await cache?.finish({ id: snapshot.id, body }).catch((error: unknown) => {
    const message = `the snapshot is complete, but its tree could not be kept for the next backup, which will read all files: ${String(error)}`
    opts.onEvent({ type: 'warning', code: codeOf(error), message })
  })
  const { storedBytes, index } = session
  const packsPassedOver = index.passedOver.size
  return { snapshot, body, parent, storedBytes, packsPassedOver, durationMs: clock.monotonic() - began }
}

interface TreeContext {
  readonly session: WriteSession
  readonly executor: Executor
  readonly parent: KnownSnapshot | undefined
  readonly cache: TreeCache | undefined
}

interface StoredTree {
  readonly root: Uint8Array
  readonly stats: SnapshotStats
  readonly report: BackupReport
}

/** Walks the sources and stores everything that is not stored yet, up to the index. */
async function storeTree(opts: BackupOptions, { session, executor, parent, cache }: TreeContext): Promise<StoredTree> {
  const { repo, source, clock, signal } = opts
  const pipeline = new Pipeline({
    executor,
    index: session.index.blobs,
    data: session.data,
    meta: session.meta,
    putPack: (pack) => session.putPack(pack),
    check: () => throwIfStopped(signal),
    beat: () => session.beat(),
    ...(methodsOf(opts).some(({ name }) => name === 'auto') && { auto: new AutoLevel() }),
  })
  const report = new BackupReport({
    onEvent: opts.onEvent,
    clock,
    fileEvents: opts.fileEvents ?? false,
    expected: parent?.body.stats,
  })
  const comparison =
    source.compares === true
      ? new StoredComparison({
          index: session.index,
          keys: repo.blobKeys,
          pipeline,
          readBlock: (place) => repo.readBlock(place),
          distrust: (pack) => session.distrust(pack),
          warn: (path, code, message) => report.warning(path, code, message),
        })
      : undefined
  const parentTree = parent === undefined ? undefined : new ParentTree(repo, cache)
  const meta = new MetaSink({
    keys: repo.blobKeys,
    index: session.index.blobs,
    bundleTarget: bundleTargetFor('meta', repo.description.packSize),
    submit: (bundle) => pipeline.start({ kind: 'bundle', ...bundle }, () => releaseMemory(bundle.plain)),
    passed: cache === undefined ? undefined : (ref, bytes) => cache.keep(ref, bytes),
  })
  const rootParent = parent && (await parentTree!.directory({ ref: parent.body.root, entries: 0, bytes: 0 }, true))
  const chunkMax = repo.description.chunker.max
  const blockMax = 2 ** Math.floor(Math.log2(chunkMax)) // blocks of one size are a power of two
  const scan = new Scan(
    {
      pipeline,
      builder: new TreeBuilder(repo.blobKeys, meta),
      keys: repo.blobKeys,
      parent: parentTree,
      chunkMax,
      compare: (entry, file) => source.compare(entry, file, parent!.body.started),
      treatment: (file) => bounded(source.treatment?.(file), blockMax),
      comparison,
      restat: (path) => source.restat(path),
      parentStarted: parent?.body.started,
      report,
    },
    rootParent,
  )
  const counting = new AbortController()
  if (parent === undefined && opts.estimate === true) {
    void source.measure?.(counting.signal).then((expected) => report.expect(expected))
  }
  try {
    await source.walk(scan, report, () => throwIfStopped(signal))
    const root = await scan.finish()
    throwIfStopped(signal)
    const { files, directories, others } = report.stats(pipeline.totals, meta, session.storedBytes)
    // A file that could not be read has an entry, and counts as little as a folder that could not.
    if (files + directories + others === 0 && report.firstMissing !== undefined)
      throw nothingThere(source.paths, report.firstMissing)
    meta.flush()
    await pipeline.finish()
    await session.finishIndex()
    return { root: root.ref, report, stats: report.stats(pipeline.totals, meta, session.storedBytes) }
  } catch (error) {
    session.stopParity()
    if (!(error instanceof BackupError)) throw error
    if (error.code === 'interrupted') {
      meta.flush()
      await pipeline.salvage(error)
      await session.finishIndex()
      await session.end()
    } else if (error.code !== 'unreachable') {
      // What has arrived is of use to the next run if the index names it, and the index is small: where a pack found
      // no room it may. If that fails too, the first error is the one to tell.
      await pipeline.stop(error)
      await pipeline.close() // packs that are not full give their room back, which the index may need
      await session
        .finishIndex()
        .then(() => session.end())
        .catch(() => {})
    }
    throw error
  } finally {
    counting.abort()
    await pipeline.close()
  }
}

/** A snapshot of nothing would be the latest one from now on, and be restored instead of the last good one. */
function nothingThere(paths: readonly Uint8Array[], code: ErrorCode): BackupError {
  return new BackupError(code, 'none of the sources could be read', paths.map(displayText).join(', '), {
    hint: 'no snapshot was made; see above for the reason',
  })
}

function bounded(treatment: Treatment = ORDINARY, blockMax: number): Treatment {
  return treatment.blockSize <= blockMax ? treatment : { ...treatment, blockSize: blockMax }
}

function aboutUnreadable(errors: readonly BackupError[]): { readonly code: ErrorCode; readonly message: string } {
  const [{ code, message }] = errors as [BackupError]
  const count = errors.length === 1 ? 'a snapshot' : `${errors.length} snapshots`
  return { code, message: `${count} could not be read, so the backup was not compared with it: ${message}` }
}

function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new BackupError('interrupted', 'the backup was stopped', 'what it has stored is used by the next one')
}
