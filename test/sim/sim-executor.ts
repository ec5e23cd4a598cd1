// Workers of the backup pipeline in virtual time: each has its queue as a thread has, and takes its time before and after
// a job, so that jobs overtake one another by seed.
import type { Rng } from '../../src/base/random.ts'
import type { WorkerSetup } from '../../src/ops/backup/chunk-worker.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import type { Executor } from '../../src/ops/backup/executor.ts'
import type { FileReader } from '../../src/ops/backup/file-reader.ts'
import type { Job, JobResult } from '../../src/ops/backup/jobs.ts'

export interface SimExecutorOptions {
  readonly workers: number
  readonly rng: Rng
  readonly sleep: (ms: number) => Promise<void>
  /** Longest pause before and after a job, in virtual milliseconds. */
  readonly delayMsMax: number
}

/** Jobs a worker has in hand, as in the product. */
const QUEUE_PER_WORKER = 2

export function simExecutor(setup: WorkerSetup, reader: FileReader, opts: SimExecutorOptions): Executor {
  const { rng, sleep, delayMsMax } = opts
  const workers = Array.from({ length: opts.workers }, () => {
    return { inline: inlineExecutor(setup, reader), queued: 0, last: Promise.resolve<unknown>(undefined) }
  })
  const send = (worker: (typeof workers)[number], step: () => Promise<JobResult[]>): Promise<JobResult[]> => {
    worker.queued++
    const done = worker.last.then(async () => {
      await sleep(rng() * delayMsMax)
      const results = await step()
      await sleep(rng() * delayMsMax)
      worker.queued--
      return results
    })
    worker.last = done.catch(() => {})
    return done
  }
  return {
    deliver: () => {},
    width: opts.workers * QUEUE_PER_WORKER,
    stalled: () => workers.every(({ queued }) => queued === 0),
    run: async (job: Job) => {
      const worker = workers.reduce((a, b) => (b.queued < a.queued ? b : a))
      return (await send(worker, async () => [await worker.inline.run(job)]))[0]!
    },
    flush: async () => {
      const flushed = await Promise.all(workers.map((worker) => send(worker, () => worker.inline.flush())))
      return flushed.flat()
    },
    compressAt: (level) => {
      for (const { inline } of workers) inline.compressAt(level)
    },
    indexGrew: (handle) => {
      for (const { inline } of workers) inline.indexGrew(handle)
    },
    close: async () => {},
  }
}
