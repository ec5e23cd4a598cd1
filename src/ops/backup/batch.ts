// Small files on their way to the workers, gathered so that a message carries many.
import { concatBytes } from '../../base/bytes.ts'
import type { FileStat } from '../../posix/stat.ts'
import { FileColumnsReader } from './file-columns.ts'
import type { FileOutcome } from './file-columns.ts'
import { packIdentities } from './jobs.ts'
import type { FileExtra } from './jobs.ts'
import type { Pipeline } from './pipeline.ts'

/** A batch is full with this many files or bytes: a few milliseconds of work, so that the end of a run is even. */
const FILES_MAX = 256
const BYTES_MAX = 4 * 1024 * 1024

export type FileDone = (outcome: FileOutcome, extra: FileExtra | undefined) => void

export class FileBatcher {
  readonly #pipeline: Pipeline
  #paths: Uint8Array[] = []
  #stats: FileStat[] = []
  #done: FileDone[] = []
  #bytes = 0

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
  }

  /** Adds a file; `done` is called when it has been read. True if the batch is full: then call `flush`. */
  add(path: Uint8Array, stat: FileStat, done: FileDone): boolean {
    this.#paths.push(path)
    this.#stats.push(stat)
    this.#done.push(done)
    this.#bytes += stat.size
    return this.#paths.length >= FILES_MAX || this.#bytes >= BYTES_MAX
  }

  /** Hands the batch to the workers; resolves when there is room for the next. */
  async flush(): Promise<void> {
    if (this.#paths.length === 0) return
    const done = this.#done
    const pathEnds = new Uint32Array(this.#paths.length)
    let end = 0
    for (const [i, path] of this.#paths.entries()) pathEnds[i] = end += path.byteLength
    const job = {
      kind: 'files' as const,
      paths: concatBytes(this.#paths),
      pathEnds,
      identities: packIdentities(this.#stats),
    }
    this.#paths = []
    this.#stats = []
    this.#done = []
    this.#bytes = 0
    this.#pipeline.start(job, ({ files }) => {
      const columns = new FileColumnsReader(files!)
      const extras = new Map(files!.extras.map((extra) => [extra.index, extra]))
      for (const [i, tell] of done.entries()) tell(columns.next(), extras.get(i))
    })
    await this.#pipeline.room()
  }
}
