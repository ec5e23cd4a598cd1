// Where batches are carried out: in the calling thread, or in worker threads.
import { ThreadPool } from '../thread-pool.ts'
import type { Batch, BatchResult, WriterSetup } from './batch.ts'
import { BatchWorker } from './batch-worker.ts'
import type { CompareJob, CompareResult } from './compare-content.ts'

export type Job =
  | { readonly kind: 'write'; readonly batch: Batch }
  | { readonly kind: 'compare'; readonly job: CompareJob }

export interface Executor {
  /** Jobs that may be under way at once; who has more waits, so that memory stays bounded. */
  readonly width: number
  write(batch: Batch): Promise<BatchResult>
  compare(job: CompareJob): Promise<CompareResult>
  close(): Promise<void>
}

/** Carries out each job in this thread. */
export function inlineExecutor(setup: WriterSetup): Executor {
  const worker = new BatchWorker(setup)
  return {
    width: 1,
    write: async (batch) => worker.run(batch),
    compare: async (job) => worker.compare(job),
    close: async () => {},
  }
}

/** Keeps the memory of a thread flat: it makes few objects that live long. */
const YOUNG_GENERATION_MB = 8

export function threadExecutor(setup: WriterSetup, threads: number): Executor {
  const script = new URL('worker-thread.ts', import.meta.url)
  const pool = new ThreadPool({ script, setup, threads, youngGenerationMb: YOUNG_GENERATION_MB })
  return {
    width: pool.width,
    write: (batch) => pool.run<Job, BatchResult>({ kind: 'write', batch }, movable(batch)),
    compare: (job) => pool.run<Job, CompareResult>({ kind: 'compare', job }),
    close: () => pool.close(),
  }
}

/** The sealed bytes are the only large part of a batch. */
function movable({ source }: Batch): ArrayBuffer[] {
  return 'sealed' in source ? [source.sealed.buffer as ArrayBuffer] : []
}
