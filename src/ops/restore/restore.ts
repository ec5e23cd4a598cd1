// Restores a snapshot or a part of it into a folder. docs/architecture.md has the picture.
//
//   walk (this thread)            what is there, what is missing; directories, symlinks, links, special files
//     └ content plan              files to write, collected by block
//         └ block runner          ranges of packs, several at a time
//             └ executor          worker threads: open, decompress, verify, write
//   directories get their attributes when everything in them is done
import { dirname } from 'node:path'
import { toHex, utf8 } from '../../base/bytes.ts'
import { BackupError, doingSync, errnoOf } from '../../base/errors.ts'
import { initHashing } from '../../crypto/hash.ts'
import type { Entry } from '../../format/entry-model.ts'
import { returnLargeBuffers } from '../../posix/allocator.ts'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../posix/constants.ts'
import { mkdirAt } from '../../posix/names.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { umask } from '../../posix/read.ts'
import { statAt, statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { effectiveUid } from '../../posix/users.ts'
import { locate, splitPath } from '../browse/tree-path.ts'
import { BlockRunner } from './block-runner.ts'
import { requireWritable, whyNotWritable } from './changeable.ts'
import { ContentPlan } from './content-plan.ts'
import type { RestoreContext } from './context.ts'
import { DirectoryMaker } from './directory-maker.ts'
import { DirectoryNode, OpenDirectories } from './directory-node.ts'
import { isFull } from './file-writer.ts'
import { inlineExecutor, threadExecutor } from './executor.ts'
import type { Restorer } from './foresee.ts'
import { RunningSteps } from '../running-steps.ts'
import { LinkGroups } from './link-groups.ts'
import type { OpenFile } from './open-file.ts'
import { ALL_METADATA, TROUBLES_MAX } from './options.ts'
import type { RestoreOptions, RestoreResult } from './options.ts'
import { ownerMap } from './owner-map.ts'
import { guardOf } from './remove-tree.ts'
import { Report } from './report.ts'
import { startsBelow, TreeWalk } from './walk.ts'
import type { WalkStart } from './walk.ts'
import { wantedAttributes } from './wanted-attributes.ts'

/** Smaller restores are done before threads would have started (40 ms each). */
const THREADS_FROM_BYTES = 16 * 1024 * 1024
const THREADS_FROM_ENTRIES = 2000
/** Ranges of packs on their way besides those that are being worked on. */
const READ_AHEAD = 2

/**
 * Restores what `opts` says. Problems with single items are counted, told by events and make the result partial; what
 * throws has ended the restore: `not-found` or `usage` for a wrong path, `full`, `unreachable`, `wrong-key`,
 * `interrupted`, and `refused` when nothing was restored because the target may not be written to. What was written until
 * then stays, except files that were not complete.
 */
export async function restore(opts: RestoreOptions): Promise<RestoreResult> {
  await initHashing()
  const result = await pass(opts, false)
  if (opts.verify !== true || opts.dryRun === true) return result
  const verified = await pass({ ...opts, dryRun: true, delete: false, compare: 'content' }, true)
  return withVerification(result, verified)
}

/** What verification found and the restore had not told already. */
function withVerification(result: RestoreResult, { troubles }: RestoreResult): RestoreResult {
  const told = new Set(result.troubles.map(({ path }) => toHex(path)))
  const found = troubles.filter(({ path }) => !told.has(toHex(path)))
  return {
    ...result,
    counts: { ...result.counts, failed: result.counts.failed + found.length },
    troubles: [...result.troubles, ...found].slice(0, TROUBLES_MAX),
    troubleCount: result.troubleCount + found.length,
    partial: result.partial || found.length > 0,
  }
}

async function pass(opts: RestoreOptions, verifying: boolean): Promise<RestoreResult> {
  const { repo, dryRun = false } = opts
  const { prefix, starts, whole } = await whatToRestore(opts)
  const classes = { ...ALL_METADATA, ...opts.metadata }
  const report = new Report({
    onEvent: opts.onEvent,
    fileEvents: opts.fileEvents,
    phase: verifying ? 'verifying' : 'restoring',
  })
  for (const { entry } of starts)
    report.expect(1 + (entry.subtree?.entries ?? 0), entry.subtree?.bytes ?? entry.size ?? 0)
  const target = openTarget(opts.target, dryRun)
  const mask = readUmask()
  const setup = { repoId: repo.id, dataRefKey: repo.blobKeys.refKey('data'), classes, umask: mask }
  const large = isLarge(starts)
  if (large) returnLargeBuffers()
  const executor = large && opts.threads > 0 ? threadExecutor(setup, opts.threads) : inlineExecutor(setup)
  const directories = new OpenDirectories()
  const unfinished = new Set<OpenFile>()
  const running = new RunningSteps(executor.width + READ_AHEAD)
  let id = 0
  const stopped = () => checkStopped(opts.signal, opts.target)
  const shared = { reader: repo, report, classes, directories, executor, running, umask: mask, checkStopped: stopped }
  const plan = new ContentPlan(repo, opts.sparse ?? 'recorded', { ...shared, unfinished }, new BlockRunner(shared))
  const ctx: RestoreContext = {
    ...shared,
    plan,
    compare: opts.compare ?? 'attributes',
    deleteOthers: opts.delete ?? false,
    dryRun,
    verifying,
    filter: opts.filter,
    guard: guardFor(target, repo.store.location),
    links: new LinkGroups(),
    restorer: restorer(),
    attributesOf: wantedAttributes(repo, ownerMap(opts.numericOwner ?? false)),
    nextId: () => id++,
  }
  const maker = new DirectoryMaker(ctx)
  const root = new DirectoryNode(undefined, prefix, maker.finish)
  try {
    if (target.fd === undefined) {
      root.missing = true
      if (whole !== undefined) maker.foresee(root, await ctx.attributesOf(whole), undefined)
    } else {
      if (target.created && whole !== undefined) root.wanted = await ctx.attributesOf(whole)
      maker.useTarget(root, target.fd, target.created)
    }
    await new TreeWalk(ctx, maker).run(root, starts)
    if (target.fd !== undefined && !verifying && report.allRefused) requireWritableTarget(target.fd, opts.target)
    return report.result()
  } catch (cause) {
    if (!isFull(cause)) throw cause
    throw new BackupError('full', 'no room left in the target', opts.target, {
      cause,
      hint: 'make room and run it again: what is complete is not written a second time',
    })
  } finally {
    await running.settled()
    for (const file of unfinished) file.discard()
    maker.abandon()
    directories.closeAll()
    await executor.close()
  }
}

/** The entries to restore and where they go; `whole` is the directory that the target itself stands for. */
async function whatToRestore({ repo, root, path }: RestoreOptions): Promise<{
  prefix: Uint8Array
  starts: WalkStart[]
  whole: Entry | undefined
}> {
  const found = await locate(repo, root, path ?? new Uint8Array())
  if (found.kind === 'above') {
    const prefix = found.path.length === 0 ? SLASH : found.path
    return { prefix, starts: startsBelow(prefix, found.sources), whole: undefined }
  }
  const { entry } = found
  if (entry.kind === 'directory') {
    return { prefix: found.path, starts: [{ entry, folders: [], name: undefined }], whole: entry }
  }
  const names = splitPath(found.path)
  const above = found.path.subarray(0, found.path.length - names.at(-1)!.length)
  return { prefix: new Uint8Array(above), starts: [{ entry, folders: [], name: names.at(-1) }], whole: undefined }
}

const SLASH = utf8('/')

interface Target {
  /** Undefined when it is missing and this is a dry run. */
  readonly fd: number | undefined
  readonly created: boolean
}

function restorer(): Restorer {
  const gid = process.getegid?.()
  return { uid: effectiveUid(), gids: gid === undefined ? [] : [gid, ...(process.getgroups?.() ?? [])] }
}

function openTarget(path: string, dryRun: boolean): Target {
  const open = () => openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY)
  return doingSync('opening the target', path, () => {
    try {
      return { fd: open(), created: false }
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause
    }
    if (dryRun) {
      requireWritableAbove(path)
      return { fd: undefined, created: true }
    }
    makeFolders(path)
    return { fd: open(), created: true }
  })
}

/** Where the target itself may not be written to, one error says so: it is not a restore in which some items failed. */
function requireWritableTarget(fd: number, path: string): void {
  const cause = whyNotWritable(fd)
  if (cause === undefined) return
  const remedy = errnoOf(cause) === 'EROFS' ? 'mount it writable' : 'run it as a user that may write there'
  throw new BackupError('refused', 'nothing was restored, the target cannot be written to', path, {
    cause,
    hint: `${remedy}, or restore into another folder`,
  })
}

/** The target and the folders above it; only the target itself is closed to others while it is filled. */
function makeFolders(path: string): void {
  const parts = path.split('/')
  for (let i = 1; i <= parts.length; i++) {
    const folder = parts.slice(0, i).join('/')
    if (folder === '' || parts[i - 1] === '') continue
    try {
      mkdirAt(AT_FDCWD, folder, 0o777)
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') throw cause
    }
  }
}

/** Throws what making a folder that is missing would. */
function requireWritableAbove(path: string): void {
  const above = dirname(path)
  let fd: number
  try {
    fd = openAt(AT_FDCWD, above, O_RDONLY | O_DIRECTORY)
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' && above !== path) return requireWritableAbove(above)
    if (errnoOf(cause) === 'EACCES') return // it may be written to all the same
    throw cause
  }
  try {
    requireWritable(fd)
  } finally {
    closeFd(fd)
  }
}

function guardFor(target: Target, location: string) {
  if (target.fd === undefined) return () => {}
  const kept: FileStat[] = []
  try {
    kept.push(statAt(AT_FDCWD, location, true))
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause // the repository is not in a folder here
  }
  return guardOf(statFd(target.fd), kept)
}

/** The stricter mask while it is read: another thread may be making a file. */
function readUmask(): number {
  const mask = umask(0o077)
  umask(mask)
  return mask
}

function isLarge(starts: readonly WalkStart[]): boolean {
  let entries = 0
  let bytes = 0
  for (const { entry } of starts) {
    entries += entry.subtree?.entries ?? 0
    bytes += entry.subtree?.bytes ?? entry.size ?? 0
  }
  return entries >= THREADS_FROM_ENTRIES || bytes >= THREADS_FROM_BYTES
}

function checkStopped(signal: AbortSignal | undefined, target: string): void {
  if (signal?.aborted !== true) return
  throw new BackupError('interrupted', 'the restore was stopped', target, {
    hint: 'run it again: what is complete is not written a second time',
  })
}
