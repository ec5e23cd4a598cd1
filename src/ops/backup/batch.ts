// Small files on their way to the workers, gathered so that a message carries many.
import { assert } from '../../base/assert.ts'
import { concatBytes } from '../../base/bytes.ts'
import type { FileStat } from '../../posix/stat.ts'
import { FileColumnsReader } from './file-columns.ts'
import type { FileOutcome } from './file-columns.ts'
import { packIdentities } from './jobs.ts'
import type { FileExtra, FilesJob, JobResult, Treatment } from './jobs.ts'
import type { Pipeline } from './pipeline.ts'
import type { ComparisonFailure, StoredComparison } from './stored-comparison.ts'

/** A batch is full with this many files or bytes: a few milliseconds of work, so that the end of a run is even. */
const FILES_MAX = 256
const BYTES_MAX = 4 * 1024 * 1024

export interface BatchedFile {
  readonly path: Uint8Array
  readonly stat: FileStat
  readonly treatment: Treatment
}

export class FileBatcher<F extends BatchedFile> {
  readonly #pipeline: Pipeline
  readonly #comparison: StoredComparison | undefined
  readonly #done: (file: F, outcome: FileOutcome, extra: FileExtra | undefined) => void
  #files: F[] = []
  #bytes = 0

  /** `done` is called for each file when it has been read. Compared files need the comparison. */
  constructor(
    { pipeline, comparison }: { readonly pipeline: Pipeline; readonly comparison?: StoredComparison | undefined },
    done: (file: F, outcome: FileOutcome, extra: FileExtra | undefined) => void,
  ) {
    this.#pipeline = pipeline
    this.#comparison = comparison
    this.#done = done
  }

  /** Adds a file. True if the batch is full: then call `flush`. */
  add(file: F): boolean {
    this.#files.push(file)
    this.#bytes += file.stat.size
    return this.#files.length >= FILES_MAX || this.#bytes >= BYTES_MAX
  }

  /** Hands the batch to the workers; resolves when there is room for the next. */
  async flush(): Promise<void> {
    const batch = this.#files
    if (batch.length === 0) return
    this.#files = []
    this.#bytes = 0
    const paths = batch.map(({ path }) => path)
    const pathEnds = new Uint32Array(batch.length)
    let end = 0
    for (const [i, path] of paths.entries()) pathEnds[i] = end += path.byteLength
    const identities = packIdentities(batch)
    const treatments = columnsOf(batch.map(({ treatment }) => treatment))
    const job = { kind: 'files' as const, paths: concatBytes(paths), pathEnds, identities, ...treatments }
    if (treatments.compared !== undefined) await this.#startCompared(batch, job)
    else this.#pipeline.start(job, (result) => this.#settle(batch, result))
    await this.#pipeline.room()
  }

  async #startCompared(batch: readonly F[], job: FilesJob): Promise<void> {
    assert(this.#comparison !== undefined, 'files are compared where there is a comparison')
    const comparison = this.#comparison
    const bytes = batch.reduce((sum, { treatment, stat }) => (treatment.compared === true ? sum + stat.size : sum), 0)
    await comparison.enter(bytes)
    const done = this.#pipeline.run(job).then(async (result) => {
      this.#settle(batch, result, await comparison.compare(result.known ?? [], (i) => batch[i]!.path))
    })
    this.#pipeline.track(done.finally(() => comparison.leave(bytes)))
  }

  #settle(batch: readonly F[], { files }: JobResult, failures?: ReadonlyMap<number, ComparisonFailure>): void {
    const columns = new FileColumnsReader(files!)
    const extras = new Map(files!.extras.map((extra) => [extra.index, extra]))
    for (const [i, file] of batch.entries()) {
      const outcome = columns.next()
      const error = failures?.get(i)
      if (error === undefined) this.#done(file, outcome, extras.get(i))
      else this.#done(file, { status: 'failed' }, { ...extras.get(i), index: i, error })
    }
  }
}

/** Only what differs from the default takes a column. */
function columnsOf(treatments: readonly Treatment[]): Pick<FilesJob, 'blockSizes' | 'methods' | 'compared'> {
  const cut = treatments.some(({ blockSize }) => blockSize > 0)
  const compares = treatments.some(({ compared }) => compared === true)
  const compressed = treatments.some(({ method }) => method > 0)
  return {
    ...(cut && { blockSizes: Uint32Array.from(treatments, ({ blockSize }) => blockSize) }),
    ...(compressed && { methods: Uint8Array.from(treatments, ({ method }) => method) }),
    ...(compares && { compared: Uint8Array.from(treatments, ({ compared }) => (compared === true ? 1 : 0)) }),
  }
}
