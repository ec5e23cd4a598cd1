// The walk's entries become a tree. Each directory is held against the same one of the parent snapshot: what has not
// changed is taken over, small files go to the workers in batches, large ones in segments, and a directory becomes tree
// nodes as soon as everything in it is known.
import { assert } from '../../base/assert.ts'
import { Gate } from '../../base/gate.ts'
import { displayText, equalBytes } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { Timespec } from '../../base/time.ts'
import { TROUBLE } from '../../format/entry-model.ts'
import type { Content, Entry, Subtree } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { BlobKeys } from '../../repo/index/blob-keys.ts'
import type { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import { FileBatcher } from './batch.ts'
import { isRacy } from '../../source/change-detection.ts'
import type { Verdict } from '../../source/change-detection.ts'
import type { OtherExtras } from '../../source/attributes.ts'
import { heldStill, REREAD_BYTES_MAX, REREADS_MAX } from '../../source/stable-read.ts'
import { describes, makeEntry, sameContent } from './entries.ts'
import type { EntryExtras } from './entries.ts'
import { keptAttributes, leftOutText, sortAttributes } from './entry-attributes.ts'
import type { FileOutcome } from './file-columns.ts'
import type { FileExtra, JobResult, SegmentJob, Treatment } from './jobs.ts'
import { LARGE_FROM, readLargeFile, SEGMENT_SIZE } from './large-file.ts'
import type { ParentDirectory, ParentTree } from './parent-tree.ts'
import { PendingFile, type Found } from './pending-file.ts'
import type { Pipeline } from './pipeline.ts'
import type { StoredComparison } from './stored-comparison.ts'
import { DirectoryFrame, Turns } from './tree-assembly.ts'
import type { EntrySlot } from './tree-assembly.ts'
import { TROUBLE_TEXTS } from './trouble-texts.ts'

/** What is told of, by its path: made only when somebody wants to know. */
export type Told = Pick<Found, 'path'>

export interface ScanOptions {
  readonly pipeline: Pipeline
  readonly builder: TreeBuilder
  readonly keys: BlobKeys
  readonly parent: ParentTree | undefined
  /** When the parent snapshot was begun: times after that prove nothing. */
  readonly parentStarted: Timespec | undefined
  readonly chunkMax: number
  /** Whether a file is as it was when the entry was made. */
  readonly compare: (entry: Entry, file: Found) => Verdict
  /** How the content of a file is cut and compressed. */
  readonly treatment: (file: Found) => Treatment
  /** Compares the chunks of files for which that is asked; absent where it is for none. */
  readonly comparison?: StoredComparison | undefined
  /** Looks at a file again. */
  readonly restat: (path: Uint8Array) => FileStat
  readonly report: ScanReport
}

/** Told what becomes of each file; counts, collects troubles, shows progress. */
export interface ScanReport {
  file(what: 'new' | 'changed' | 'unchanged', file: Told, size: number): void
  /** So many bytes more of a file that takes long are done; negative once `file` tells of it. */
  reading(path: Uint8Array, bytes: number): void
  other(kind: 'directory' | 'other', entry: Told): void
  trouble(path: Uint8Array, trouble: number, code: ErrorCode, message: string): void
  vanished(path: Uint8Array): void
  /** The content is another one and nothing the file system says has changed. */
  silentChange(path: Uint8Array): void
}

/** Segments of one file that are asked for, for each job that runs at once: they do not end in the order they began. */
const SEGMENTS_PER_JOB = 2
/** Huge files that are read at once: while the last segments of one are read, the next begins. */
const HUGE_FILES_MAX = 2

interface OpenDirectory {
  readonly found: Found
  /** Undefined when its own attributes are as they were. */
  readonly extras: OtherExtras | undefined
  readonly frame: DirectoryFrame
  readonly slot: EntrySlot
  readonly parent: ParentDirectory | undefined
  /** The entry of this directory in the parent snapshot. */
  readonly before: Entry | undefined
  complete: boolean
}

export class Scan {
  readonly #opts: ScanOptions
  readonly #batcher: FileBatcher<PendingFile>
  readonly #root: DirectoryFrame
  readonly #rootDone: Promise<Subtree>
  readonly #rootParent: ParentDirectory | undefined
  readonly #stack: OpenDirectory[] = []
  readonly #turns = new Turns()
  readonly #segmentsAhead: number
  /** Bounds the large files that are read at once by their segments. */
  readonly #largeFiles: Gate

  /** `rootParent` is the topmost directory of the parent snapshot, whose entries are the sources. */
  constructor(opts: ScanOptions, rootParent: ParentDirectory | undefined) {
    this.#opts = opts
    this.#batcher = new FileBatcher(opts, (...done) => this.#fileRead(...done))
    this.#segmentsAhead = SEGMENTS_PER_JOB * opts.pipeline.width
    this.#largeFiles = new Gate(HUGE_FILES_MAX * this.#segmentsAhead)
    this.#rootParent = rootParent
    let done: (subtree: Subtree) => void = () => {}
    this.#rootDone = new Promise((resolve) => {
      done = resolve
    })
    const { builder } = opts
    this.#root = new DirectoryFrame({ builder, turns: this.#turns, done, root: true, parent: rootParent })
  }

  /** The walk goes into a directory. */
  async enter(found: Found, readExtras: () => OtherExtras): Promise<void> {
    // Directories that are complete become jobs too, also where no file is read.
    await this.#opts.pipeline.keepUp()
    const { frame, parent } = this.#here
    const before = parent?.find(found.key)
    const slot = frame.reserve()
    const inParent = before?.subtree !== undefined ? await this.#opts.parent?.directory(before.subtree) : undefined
    const own: OpenDirectory = {
      found,
      extras: (await this.#asBefore(before, found.stat)) ? undefined : readExtras(),
      slot,
      parent: inParent,
      before,
      complete: true,
      frame: new DirectoryFrame({
        builder: this.#opts.builder,
        turns: this.#turns,
        done: (subtree) => this.#complete(own, subtree),
        parent: inParent,
      }),
    }
    this.#stack.push(own)
  }

  /** The walk has left the directory it went into last; not `complete` if something of it is missing. */
  leave(complete: boolean): void {
    const directory = this.#stack.pop()
    assert(directory !== undefined, 'leave comes after enter')
    directory.complete = complete
    directory.frame.close()
  }

  /** A regular file. The walk goes on when what is returned is done. `readExtras` is called at once or not at all. */
  file(file: Found, readExtras: () => OtherExtras): Promise<void> | undefined {
    const { frame, parent } = this.#here
    const before = parent?.find(file.key)
    if (before?.content === undefined) return this.#read(frame, file, 'new')
    const verdict = this.#opts.compare(before, file)
    if (verdict === 'changed') return this.#read(frame, file, 'changed', before)
    if (verdict === 'verify') return this.#read(frame, file, 'verified', before)
    const usable = this.#opts.parent!.usable(before)
    const extras = verdict === 'same' ? undefined : readExtras()
    if (usable === true) return this.#keep(frame, file, before, extras)
    if (usable === false) return this.#read(frame, file, 'unchanged')
    return usable.then((yes) => (yes ? this.#keep(frame, file, before, extras) : this.#read(frame, file, 'unchanged')))
  }

  /** Takes content over from the parent snapshot; `extras` are attributes that were read anew. */
  #keep(frame: DirectoryFrame, file: Found, before: Entry, extras: OtherExtras | undefined): Promise<void> | undefined {
    const { stat } = file
    this.#opts.report.file('unchanged', file, stat.size)
    if (extras === undefined && describes(before, stat, this.#opts.keys.split)) {
      frame.add(before, true)
      return undefined
    }
    const content = before.content
    assert(content !== undefined, 'an unchanged file has content')
    const { split } = this.#opts.keys
    if (extras === undefined) {
      const { xattrs, flags } = before
      frame.add(makeEntry(file.name, stat, { content, xattrs, flags }, split))
      return undefined
    }
    const slot = frame.reserve()
    return this.#withExtras(file.path, extras, (kept) => {
      slot.settle(makeEntry(file.name, stat, { ...kept, content }, split))
    })
  }

  #read(frame: DirectoryFrame, found: Found, what: PendingFile['what'], before?: Entry): Promise<void> | undefined {
    const file = new PendingFile(found, frame.reserve(), { what, before, treatment: this.#opts.treatment(found) })
    if (file.stat.size > LARGE_FROM) return this.#startLargeFile(file, file.stat)
    return this.#batcher.add(file) ? this.#batcher.flush() : undefined
  }

  /** A symlink, fifo, socket or device. */
  async other(found: Found, readExtras: () => OtherExtras): Promise<void> {
    const { frame, parent } = this.#here
    const { stat } = found
    this.#opts.report.other('other', found)
    const before = parent?.find(found.key)
    if (before !== undefined && (await this.#asBefore(before, stat))) return frame.add(before, true)
    await this.#withExtras(found.path, readExtras(), (kept) => {
      frame.add(makeEntry(found.name, stat, kept, this.#opts.keys.split))
    })
  }

  /** Waits for everything and gives the root of the tree. */
  async finish(): Promise<Subtree> {
    assert(this.#stack.length === 0, 'every directory has been left')
    await this.#batcher.flush()
    this.#root.close()
    await this.#opts.pipeline.settle()
    return this.#rootDone
  }

  get #here(): Pick<OpenDirectory, 'frame' | 'parent'> {
    return this.#stack.at(-1) ?? { frame: this.#root, parent: this.#rootParent }
  }

  /** True when everything about an entry but its content or subtree can be taken over. */
  #asBefore(before: Entry | undefined, stat: FileStat): boolean | Promise<boolean> {
    const { keys, parentStarted } = this.#opts
    if (before === undefined || before.trouble !== undefined || !describes(before, stat, keys.split)) return false
    if (parentStarted !== undefined && isRacy(stat.ctime, parentStarted)) return false
    return this.#opts.parent!.usable(before)
  }

  #fileRead(file: PendingFile, outcome: FileOutcome, extra: FileExtra | undefined): void {
    const { slot } = file
    const { report, keys, builder } = this.#opts
    const stat = extra?.stat ?? file.stat
    if (outcome.status === 'vanished') {
      report.vanished(file.path)
      return slot.settle(undefined)
    }
    if (outcome.status === 'grew') return this.#opts.pipeline.track(this.#startLargeFile(file, stat))
    if (outcome.status === 'failed') {
      report.trouble(file.path, TROUBLE.content, (extra?.error?.code ?? 'io') as ErrorCode, extra?.error?.message ?? '')
      return slot.settle(makeEntry(file.name, stat, { trouble: [TROUBLE.content] }, keys.split))
    }
    // Another file than the walk saw: right if it has taken that one's place. A folder on the way may have become a
    // symlink instead, and then what was read is not what belongs here.
    if (stat !== file.stat && !isSameFile(stat, file.stat)) {
      const { path } = file
      try {
        if (!isSameFile(stat, this.#opts.restat(path)))
          throw new BackupError('io', 'was replaced while it was read', displayText(path))
      } catch (cause) {
        return this.#lost(file, cause)
      }
    }
    this.#settleFile(file, stat, builder.content(outcome.extents), extra)
  }

  /** A file that was there and cannot be looked at again. */
  #lost(file: PendingFile, cause: unknown): void {
    const code = codeOf(cause)
    const status = code === 'not-found' ? ('vanished' as const) : ('failed' as const)
    this.#fileRead(file, { status }, { index: 0, error: { code, message: String(cause) } })
  }

  /** Resolves when there is room for more. */
  async #startLargeFile(file: PendingFile, stat: FileStat): Promise<void> {
    const segments = Math.min(this.#segmentsAhead, Math.ceil(stat.size / SEGMENT_SIZE))
    await this.#largeFiles.enter(segments)
    this.#opts.pipeline.track(this.#largeFile(file, stat).finally(() => this.#largeFiles.leave(segments)))
    await this.#opts.pipeline.room()
  }

  async #largeFile(file: PendingFile, seen: FileStat): Promise<void> {
    const { path } = file
    const { builder } = this.#opts
    let stat = seen
    for (let attempt = 0; ; attempt++) {
      if (!Number.isSafeInteger(stat.size)) {
        const error = { code: 'limit', message: 'claims to have more than 2^53-1 bytes' }
        return this.#fileRead(file, { status: 'failed' }, { index: 0, error })
      }
      const { outcome, changed } = await this.#readLarge(file, stat)
      if (outcome.kind === 'failed') {
        const result = outcome.code === 'not-found' ? ('vanished' as const) : ('failed' as const)
        const { code, message } = outcome
        return this.#fileRead(file, { status: result }, { index: 0, error: { code, message } })
      }
      if (changed && attempt < REREADS_MAX && stat.size <= REREAD_BYTES_MAX) {
        try {
          stat = this.#opts.restat(path)
          if (stat.kind !== 'file')
            throw new BackupError('io', `was a file and is now a ${stat.kind}`, displayText(path))
        } catch (cause) {
          return this.#lost(file, cause)
        }
        continue
      }
      const trouble = changed ? [TROUBLE.changed] : []
      const extra: FileExtra = { index: 0, ...outcome.extra, trouble: [...trouble, ...(outcome.extra?.trouble ?? [])] }
      const content: Content = builder.content(outcome.extents)
      this.#settleFile(file, { ...stat, size: outcome.length }, content, extra)
      return
    }
  }

  /** Tells how far it is, because a large file may take hours. */
  async #readLarge({ path, treatment }: PendingFile, identity: FileStat): ReturnType<typeof readLargeFile> {
    const { pipeline, chunkMax, report } = this.#opts
    let told = 0
    const run = async (job: SegmentJob) => {
      const result = await (treatment.compared === true ? this.#runCompared(job) : pipeline.run(job))
      const bytes = job.end - job.start
      told += bytes
      report.reading(path, bytes)
      return result
    }
    const read = await readLargeFile({ path, identity, treatment, chunkMax, ahead: this.#segmentsAhead, run })
    report.reading(path, -told)
    return read
  }

  async #runCompared(job: SegmentJob): Promise<JobResult> {
    const { pipeline, comparison } = this.#opts
    assert(comparison !== undefined, 'files are compared where there is a comparison')
    const bytes = job.end - job.start
    await comparison.enter(bytes)
    try {
      const result = await pipeline.run(job)
      const error = (await comparison.compare(result.known ?? [], () => job.path)).get(0)
      return error === undefined ? result : { ...result, segment: { ...result.segment!, error } }
    } finally {
      comparison.leave(bytes)
    }
  }

  #settleFile(file: PendingFile, stat: FileStat, content: Content, extra: FileExtra | undefined): void {
    const { slot, what, before } = file
    const same = before?.content !== undefined && sameContent(before.content, content)
    if (what === 'verified' && !same) this.#opts.report.silentChange(file.path)
    this.#opts.report.file(this.#outcome(file, stat, same), file, stat.size)
    const { xattrs, flags, trouble = [], attributesReason } = extra ?? {}
    if (trouble.length > 0) {
      const reasons = trouble.map((code) => (code === TROUBLE.attributes ? attributesReason : undefined))
      this.#reportTroubles(file.path, trouble, reasons)
    }
    slot.settle(makeEntry(file.name, stat, { content, xattrs, flags, trouble }, this.#opts.keys.split))
  }

  /** What is told of a file that was read: one that was only read because its times prove nothing has not changed. */
  #outcome({ what, before }: PendingFile, stat: FileStat, same: boolean): 'new' | 'changed' | 'unchanged' {
    if (what === 'verified') return same ? 'unchanged' : 'changed'
    return what === 'changed' && same && describes(before!, stat, this.#opts.keys.split) ? 'unchanged' : what
  }

  #complete(directory: OpenDirectory, subtree: Subtree): void {
    const { found, extras, slot, before } = directory
    this.#opts.report.other('directory', found)
    if (extras === undefined && before !== undefined) {
      const same = directory.complete && before.subtree !== undefined && equalBytes(before.subtree.ref, subtree.ref)
      if (same) return slot.settle(before, true)
      return slot.settle({ ...before, subtree, ...(!directory.complete && { trouble: [TROUBLE.listing] }) })
    }
    const stored = this.#withExtras(found.path, extras ?? {}, (kept) => {
      const trouble = [...kept.trouble, ...(directory.complete ? [] : [TROUBLE.listing])]
      slot.settle({ ...makeEntry(found.name, found.stat, { ...kept, trouble }, this.#opts.keys.split), subtree })
    })
    if (stored !== undefined) this.#opts.pipeline.track(stored)
  }

  #reportTroubles(path: Uint8Array, troubles: readonly number[], reasons: readonly (string | undefined)[] = []): void {
    for (const [i, trouble] of troubles.entries()) {
      this.#opts.report.trouble(path, trouble, 'io', reasons[i] ?? TROUBLE_TEXTS[trouble] ?? '')
    }
  }

  /** Reports the troubles of an entry that no worker reads, and calls `then` at once or when its long values are stored. */
  #withExtras(path: Uint8Array, extras: OtherExtras, then: (kept: KeptExtras) => void): Promise<void> | undefined {
    const { target, flags, reasons = [], trouble: found = [] } = extras
    const sorted = sortAttributes(extras.xattrs ?? [])
    const trouble = sorted.leftOut > 0 ? [...found, TROUBLE.attributes] : found
    this.#reportTroubles(path, trouble, sorted.leftOut > 0 ? [...reasons, leftOutText(sorted.leftOut)] : reasons)
    const { fitting, long } = sorted
    if (long.length === 0) {
      then({ target, flags, trouble, xattrs: fitting })
      return undefined
    }
    return this.#opts.pipeline.run({ kind: 'values', values: long.map(({ value }) => value) }).then(({ values }) => {
      then({ target, flags, trouble, xattrs: keptAttributes(sorted, values!) })
    })
  }
}

/** Some file systems number a file anew at each look; nobody can give another file the same ctime, though. */
function isSameFile(a: FileStat, b: FileStat): boolean {
  return (a.ino === b.ino && a.dev === b.dev) || heldStill(a, b)
}

type KeptExtras = EntryExtras & { readonly trouble: readonly number[] }
