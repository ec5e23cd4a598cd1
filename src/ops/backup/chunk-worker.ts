// A worker of the backup pipeline: reads files, cuts and hashes them, asks the index, bundles, compresses, seals and
// verifies. It knows nothing of threads: a thread wraps it (worker-thread.ts), the simulator calls it directly.
import { codeOf } from '../../base/errors.ts'
import { createKernel } from '../../chunker/kernel.ts'
import type { Kernel } from '../../chunker/kernel.ts'
import type { ChunkerParams } from '../../chunker/params.ts'
import type { Method } from '../../compress/method.ts'
import { deriveKey } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { TROUBLE } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import { BlobIndex } from '../../repo/index/blob-index.ts'
import type { SharedIndexHandle } from '../../repo/index/blob-index.ts'
import { BlobSink, bundleSizeFor } from './blob-sink.ts'
import { ContentCutter } from './content-cutter.ts'
import { keptAttributes, leftOutText, sortAttributes } from './entry-attributes.ts'
import { FileColumns } from './file-columns.ts'
import { sameIdentity, treatmentOf, unpackIdentity } from './jobs.ts'
import type {
  BundleJob,
  FileExtra,
  FileIdentity,
  FilesJob,
  Job,
  JobResult,
  KnownBlob,
  SealedBlock,
  SegmentJob,
  SegmentResult,
  Treatment,
} from './jobs.ts'
import type { FileStat } from '../../posix/stat.ts'
import { readStably } from '../../source/stable-read.ts'
import { LARGE_FROM } from './large-file.ts'
import type { PassResult } from '../../source/stable-read.ts'
import type { FileReader, OpenFile } from './file-reader.ts'
import { MetaBlocks } from './meta-blocks.ts'
import { StoringFailed, hasHoles, isTroubleOfFile, messageOf, onceFrom, readFully } from './reading.ts'
import { DEFAULT_METHOD, WorkerMethods } from './worker-methods.ts'

/** Everything a worker needs; passes between threads. */
export interface WorkerSetup {
  readonly repoId: Uint8Array
  readonly suite: Suite
  readonly keyId: Uint8Array
  readonly keyLoc: Uint8Array
  readonly keyCdc: Uint8Array
  readonly dataSecret: Uint8Array
  readonly metaSecret: Uint8Array
  readonly chunker: ChunkerParams
  /** Plaintext at which a bundle is closed, in bytes. */
  readonly bundleTarget: number
  /** By number; the first is the default. */
  readonly methods: readonly Method[]
  readonly index: SharedIndexHandle
}

export class ChunkWorker {
  readonly #kernel: Kernel
  readonly #sink: BlobSink
  readonly #cutter: ContentCutter
  readonly #metaBlocks: MetaBlocks
  readonly #methods: WorkerMethods
  readonly #reader: FileReader
  readonly #smallMax: number
  /** Where the cutter's window begins in the arena. */
  readonly #windowStart: number
  #bytesRead = 0

  /** `handOn` as for the sink: without it all blocks of a job come with its result. */
  constructor(setup: WorkerSetup, reader: FileReader, handOn?: (blocks: SealedBlock[]) => void) {
    const { chunker, bundleTarget } = setup
    this.#methods = new WorkerMethods(setup.methods)
    const bundleSize = bundleSizeFor(bundleTarget, chunker.min)
    const windowSize = ContentCutter.windowSizeFor({ params: chunker })
    this.#kernel = createKernel({ arenaSize: bundleSize + windowSize, cdcKey: setup.keyCdc, params: chunker })
    this.#sink = new BlobSink({
      kernel: this.#kernel,
      index: BlobIndex.attach(setup.index),
      keys: { ref: deriveKey('holdfast 1 ref data', setup.keyId), loc: setup.keyLoc },
      sealer: new Sealer(setup.dataSecret, setup.repoId, setup.suite),
      methods: this.#methods,
      bundleTarget,
      handOn,
    })
    this.#cutter = new ContentCutter(this.#kernel, bundleSize, windowSize)
    this.#metaBlocks = new MetaBlocks(setup)
    this.#reader = reader
    this.#smallMax = chunker.min
    this.#windowStart = bundleSize
  }

  /** The index got another table. */
  attachIndex(handle: SharedIndexHandle): void {
    this.#sink.index = BlobIndex.attach(handle)
  }

  /** The level of `auto` from now on. */
  compressAt(level: number): void {
    this.#methods.compressAt(level)
  }

  run(job: Job): JobResult {
    if (job.kind === 'bundle')
      return { blocks: [this.#metaBlocks.seal(job, this.#methods.fixed(DEFAULT_METHOD))], stats: NO_STATS }
    this.#bytesRead = 0
    this.#sink.newBlobs = 0
    this.#sink.newBytes = 0
    const done = this.#workOrEnd(job)
    const stats = { bytesRead: this.#bytesRead, newBlobs: this.#sink.newBlobs, newBytes: this.#sink.newBytes }
    return { ...done, blocks: this.#sink.take(), stats }
  }

  /** What ends a run is told as it was, wherever on the way it came up. */
  #workOrEnd(job: Exclude<Job, BundleJob>): Pick<JobResult, 'files' | 'segment' | 'values' | 'known'> {
    try {
      return this.#work(job)
    } catch (error) {
      throw error instanceof StoringFailed ? error.cause : error
    }
  }

  #work(job: Exclude<Job, BundleJob>): Pick<JobResult, 'files' | 'segment' | 'values' | 'known'> {
    switch (job.kind) {
      case 'files':
        return this.#readFiles(job)
      case 'segment':
        return this.#readSegmentOf(job)
      case 'flush':
        this.#sink.flush()
        return {}
      case 'values':
        return { values: job.values.map((value) => this.#storeValue(value)) }
      case 'again':
        for (const bytes of job.blobs) this.#storeAgain(bytes)
        return {}
    }
  }

  #readFiles(job: FilesJob): Pick<JobResult, 'files' | 'known'> {
    const columns = new FileColumns()
    const known: KnownBlob[] = []
    let start = 0
    for (let i = 0; i < job.pathEnds.length; i++) {
      const end = job.pathEnds[i]!
      const treatment = treatmentOf(job, i)
      this.#sink.keepsKnown = treatment.compared === true
      this.#readFile(job.paths.subarray(start, end), unpackIdentity(job.identities, i), treatment, columns)
      start = end
      if (this.#sink.keepsKnown) known.push(...this.#takeKnown(i))
    }
    return { files: columns.finish(), ...(known.length > 0 && { known }) }
  }

  #readFile(path: Uint8Array, seen: FileIdentity, treatment: Treatment, columns: FileColumns): void {
    const index = columns.next
    let file: OpenFile | undefined
    try {
      file = this.#reader.open(path)
      const opened = file
      const done = readStably({ stat: onceFrom(opened) }, ({ stat, bytesMax }) => {
        if (bytesMax > LARGE_FROM) throw new GrownFile(stat)
        if (this.#sink.keepsKnown) this.#sink.takeKnown() // of a pass in which the file did not hold still
        return this.#readContent(opened, bytesMax, stat.size === 0, treatment)
      })
      const stat = done.bytes === done.stat.size ? done.stat : { ...done.stat, size: done.bytes }
      const attributes = this.#attributes(file)
      const trouble = [...(done.trouble === undefined ? [] : [done.trouble]), ...(attributes.trouble ?? [])]
      const extra: FileExtra = {
        index,
        ...(!sameIdentity(seen, stat) && { stat }),
        ...attributes,
        ...(trouble.length > 0 && { trouble }),
      }
      // Nothing fails from here on: a file is in the columns once.
      columns.extents(done.value)
      if (Object.keys(extra).length > 1) columns.extra(extra)
    } catch (cause) {
      if (cause instanceof GrownFile) {
        columns.grew()
        return columns.extra({ index, stat: cause.stat })
      }
      if (!isTroubleOfFile(cause)) throw cause
      const code = codeOf(cause)
      if (code === 'not-found') columns.vanished()
      else columns.failed()
      columns.extra({ index, error: { code, message: messageOf(cause) } })
    } finally {
      file?.close()
    }
  }

  /** `saysEmpty`: the file claims to have no bytes; nearly all such files are right, those of /proc are not. */
  #readContent(
    file: OpenFile,
    bytesMax: number,
    saysEmpty: boolean,
    { blockSize, method }: Treatment,
  ): PassResult<readonly Extent[]> {
    const memory = this.#kernel.memory
    if (saysEmpty && file.read(memory, this.#sink.tail, 1, 0) === 0) {
      return { bytes: 0, value: [] }
    }
    const isOneBlob = bytesMax <= (blockSize === 0 ? this.#smallMax : Math.min(this.#smallMax, blockSize))
    if (isOneBlob && (saysEmpty || !hasHoles(file, bytesMax))) {
      const at = this.#sink.tail
      const bytes = readFully(file, memory, at, bytesMax, 0)
      this.#bytesRead += bytes
      if (bytes === 0) return { bytes, value: [] }
      return { bytes, value: [{ length: bytes, ref: this.#sink.add(at, bytes, method) }] }
    }
    const result = this.#cutter.cut(
      {
        size: bytesMax,
        read: (offset, length, position) => readFully(file, memory, offset, length, position),
        data: (position) => (saysEmpty ? { start: position, end: bytesMax } : file.data(position, bytesMax)),
      },
      { from: 0, start: 0, end: bytesMax, blockSize },
      (offset, length) => this.#sink.add(offset, length, method),
    )
    this.#bytesRead += result.bytesRead
    const bytes = result.last.position
    return { bytes, value: bytes === 0 ? [] : result.extents }
  }

  #readSegmentOf(job: SegmentJob): Pick<JobResult, 'segment' | 'known'> {
    this.#sink.keepsKnown = job.compared === true
    const segment = this.#readSegment(job)
    const known = this.#takeKnown(0)
    return { segment, ...(known.length > 0 && { known }) }
  }

  /** What was kept of a file, for it to be compared; nothing is kept any more. */
  #takeKnown(index: number): KnownBlob[] {
    this.#sink.keepsKnown = false
    return this.#sink.takeKnown().map(({ ref, bytes }) => ({ index, ref, bytes }))
  }

  #readSegment(job: SegmentJob): SegmentResult {
    const { start } = job
    let file: OpenFile | undefined
    try {
      file = this.#reader.open(job.path)
      const opened = file
      const { size } = job.identity
      const memory = this.#kernel.memory
      const changedBefore = !sameIdentity(job.identity, file.opened)
      const result = this.#cutter.cut(
        {
          size,
          read: (offset, length, position) => readFully(opened, memory, offset, length, position),
          data: (position) => opened.data(position, size),
        },
        job,
        (offset, length) => this.#sink.add(offset, length, job.method),
      )
      this.#bytesRead += result.bytesRead
      const changed = changedBefore || result.short || !sameIdentity(job.identity, file.stat())
      const { extents, first, last } = result
      if (start !== 0) return { extents, first, last, changed }
      return { extents, first, last, changed, extra: { index: 0, ...this.#attributes(file) } }
    } catch (cause) {
      if (!isTroubleOfFile(cause)) throw cause
      const error = { code: codeOf(cause), message: messageOf(cause) }
      const place = { position: start, inZeros: false }
      return { extents: [], first: place, last: place, changed: false, error }
    } finally {
      file?.close()
    }
  }

  /** Attributes as an entry keeps them: long values become blobs. */
  #attributes(file: OpenFile): Omit<FileExtra, 'index'> {
    const { xattrs: raw, flags, failed, reason } = file.attributes()
    const sorted = sortAttributes(raw ?? [])
    const xattrs = keptAttributes(
      sorted,
      sorted.long.map(({ value }) => this.#storeValue(value)),
    )
    const missing = failed || sorted.leftOut > 0
    return {
      ...(xattrs.length > 0 && { xattrs }),
      ...(flags !== undefined && { flags }),
      ...(missing && { trouble: [TROUBLE.attributes], attributesReason: reason ?? leftOutText(sorted.leftOut) }),
    }
  }

  /** Through the cutter's window, which no file is in while attributes are stored. */
  #storeValue(value: Uint8Array): Extent[] {
    this.#kernel.memory.set(value, this.#windowStart)
    return [{ length: value.byteLength, ref: this.#sink.add(this.#windowStart, value.byteLength) }]
  }

  #storeAgain(bytes: Uint8Array): void {
    this.#kernel.memory.set(bytes, this.#windowStart)
    this.#sink.addAgain(this.#windowStart, bytes.byteLength)
  }
}

const NO_STATS = { bytesRead: 0, newBlobs: 0, newBytes: 0 }

/** Thrown to give a file back that has to be read in segments by now: its blocks would fill the memory otherwise. */
class GrownFile extends Error {
  readonly stat: FileStat

  constructor(stat: FileStat) {
    super('the file has grown')
    this.stat = stat
  }
}
