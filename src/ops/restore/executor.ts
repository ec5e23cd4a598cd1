// Where batches are carried out: in the calling thread, or in worker threads.
import { Worker } from 'node:worker_threads'
import { BackupError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { CompareJob, CompareResult } from './compare-content.ts'
import type { Batch, BatchResult, WriterSetup } from './batch.ts'
import { BatchWorker } from './batch-worker.ts'

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

export type ToThread = { readonly kind: 'stop' } | { readonly kind: 'job'; readonly id: number; readonly job: Job }

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result: BatchResult | CompareResult }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ThreadError }

/** An error as it passes between threads: classes do not survive the way. */
export interface ThreadError {
  readonly code?: ErrorCode
  readonly subject?: string
  readonly message: string
  readonly stack?: string
}

/** Jobs a thread has in hand: the one it works on and two that keep it from waiting. */
const QUEUE_PER_THREAD = 2

interface Thread {
  readonly worker: Worker
  /** Resolves when the native modules are loaded: until then the thread must not be stopped. */
  readonly ready: Promise<void>
  queued: number
}

interface Waiting {
  readonly thread: Thread
  readonly resolve: (result: BatchResult | CompareResult) => void
  readonly reject: (error: Error) => void
}

export function threadExecutor(setup: WriterSetup, threads: number): Executor {
  const waiting = new Map<number, Waiting>()
  let nextId = 0
  let failure: Error | undefined
  const fail = (error: Error) => {
    failure ??= error
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
  }
  const pool = Array.from({ length: threads }, () => startThread(setup, waiting, fail))
  const run = (job: Job, moved: ArrayBuffer[]) => {
    if (failure !== undefined) return Promise.reject(failure)
    const thread = pool.reduce((a, b) => (b.queued < a.queued ? b : a))
    const id = nextId++
    thread.queued++
    return new Promise<BatchResult | CompareResult>((resolve, reject) => {
      waiting.set(id, { thread, resolve, reject })
      thread.worker.postMessage({ kind: 'job', id, job } satisfies ToThread, moved)
    })
  }
  return {
    width: threads * QUEUE_PER_THREAD,
    write: (batch) => run({ kind: 'write', batch }, movable(batch)) as Promise<BatchResult>,
    compare: (job) => run({ kind: 'compare', job }, []) as Promise<CompareResult>,
    async close() {
      await Promise.all(
        pool.map(async ({ worker, ready }) => {
          await ready
          const exited = new Promise((resolve) => worker.once('exit', resolve))
          worker.postMessage({ kind: 'stop' } satisfies ToThread)
          await exited
        }),
      )
    },
  }
}

/**
 * Small young generations keep the memory of a thread flat. The default would let each hold tens of megabytes of arrays
 * that it is done with.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 8 }

function startThread(setup: WriterSetup, waiting: Map<number, Waiting>, fail: (error: Error) => void): Thread {
  const worker = new Worker(new URL('worker-thread.ts', import.meta.url), {
    workerData: setup,
    resourceLimits: RESOURCE_LIMITS,
  })
  let settleReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    settleReady = resolve
  })
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'ready') return settleReady()
    const entry = waiting.get(message.id)
    if (entry === undefined) return
    waiting.delete(message.id)
    entry.thread.queued--
    if (message.kind === 'done') entry.resolve(message.result)
    else entry.reject(revive(message.error))
  })
  worker.on('error', (error) => {
    settleReady()
    fail(error instanceof Error ? error : new BackupError('io', 'a worker thread failed', String(error)))
  })
  worker.on('exit', (code) => {
    settleReady()
    if (code !== 0) fail(new BackupError('io', 'a worker thread ended', `exit code ${code}`))
  })
  return { worker, ready, queued: 0 }
}

/** The sealed bytes are the only large part of a batch. */
function movable({ source }: Batch): ArrayBuffer[] {
  return 'sealed' in source ? [source.sealed.buffer as ArrayBuffer] : []
}

function revive({ code, subject, message, stack }: ThreadError): Error {
  const revived = code === undefined ? new Error(message) : new BackupError(code, message, subject ?? '')
  revived.message = message
  if (stack !== undefined) revived.stack = stack
  return revived
}
