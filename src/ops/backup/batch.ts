// Small files on their way to the workers, gathered so that a message carries many.
import { concatBytes } from '../../base/bytes.ts'
import type { FileStat } from '../../posix/stat.ts'
import { FileColumnsReader } from './file-columns.ts'
import type { FileOutcome } from './file-columns.ts'
import { packIdentities } from './jobs.ts'
import type { FileExtra, FilesJob, Treatment } from './jobs.ts'
import type { Pipeline } from './pipeline.ts'

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
  readonly #done: (file: F, outcome: FileOutcome, extra: FileExtra | undefined) => void
  #files: F[] = []
  #bytes = 0

  /** `done` is called for each file when it has been read. */
  constructor(pipeline: Pipeline, done: (file: F, outcome: FileOutcome, extra: FileExtra | undefined) => void) {
    this.#pipeline = pipeline
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
    this.#pipeline.start(job, ({ files }) => {
      const columns = new FileColumnsReader(files!)
      const extras = new Map(files!.extras.map((extra) => [extra.index, extra]))
      for (const [i, file] of batch.entries()) this.#done(file, columns.next(), extras.get(i))
    })
    await this.#pipeline.room()
  }
}

/** Only what differs from the default takes a column. */
function columnsOf(treatments: readonly Treatment[]): Pick<FilesJob, 'blockSizes' | 'methods'> {
  const cut = treatments.some(({ blockSize }) => blockSize > 0)
  const compressed = treatments.some(({ method }) => method > 0)
  return {
    ...(cut && { blockSizes: Uint32Array.from(treatments, ({ blockSize }) => blockSize) }),
    ...(compressed && { methods: Uint8Array.from(treatments, ({ method }) => method) }),
  }
}
