// Where jobs run: in worker threads, or in the caller's own thread (small runs, the simulator).
import { Worker } from 'node:worker_threads'
import { BackupError } from '../../base/errors.ts'
import type { SharedIndexHandle } from '../../repo/index/blob-index.ts'
import { ChunkWorker } from './chunk-worker.ts'
import type { WorkerSetup } from './chunk-worker.ts'
import type { FileReader } from './file-reader.ts'
import { BlockCredit } from './block-credit.ts'
import type { Job, JobResult, SealedBlock } from './jobs.ts'

export interface Executor {
  /** Jobs that may be under way at once; who has more waits, so that memory stays bounded. */
  readonly width: number
  run(job: Job): Promise<JobResult>
  /**
   * Blocks that workers hand on before their job has ended go to `take`; a worker that has too many under way waits until
   * some are taken. To be called before the first job.
   */
  deliver(take: (blocks: readonly SealedBlock[]) => Promise<void>): void
  /** True while no worker has a job that it could go on with: each waits for more, or for its blocks to be taken. */
  stalled(): boolean
  /** Closes the bundles that the workers hold; comes after all other jobs are done. */
  flush(): Promise<JobResult[]>
  /** The index has another table. */
  indexGrew(handle: SharedIndexHandle): void
  /** The level of `auto` from now on; jobs that are under way may take it. */
  compressAt(level: number): void
  close(): Promise<void>
}

/** Runs each job at once in this thread. */
export function inlineExecutor(setup: WorkerSetup, reader: FileReader): Executor {
  const worker = new ChunkWorker(setup, reader)
  return {
    width: 1,
    stalled: () => true, // a job runs from its beginning to its end, and nobody looks meanwhile
    deliver: () => {},
    run: async (job) => worker.run(job),
    flush: async () => [worker.run(FLUSH)],
    indexGrew: (handle) => worker.attachIndex(handle),
    compressAt: (level) => worker.compressAt(level),
    close: async () => {},
  }
}

const FLUSH: Job = { kind: 'flush' }

/** What a thread is started with. */
export interface ThreadSetup extends WorkerSetup {
  /** Shared by all threads. */
  readonly credit: Int32Array<SharedArrayBuffer>
}

export type ToThread =
  | { readonly kind: 'job'; readonly id: number; readonly job: Job }
  | { readonly kind: 'index'; readonly handle: SharedIndexHandle }
  | { readonly kind: 'level'; readonly level: number }
  | { readonly kind: 'stop' }

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'blocks'; readonly blocks: readonly SealedBlock[]; readonly bytes: number }
  | { readonly kind: 'done'; readonly id: number; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ThreadError }

/** An error as it passes between threads: classes do not survive the way. */
export interface ThreadError {
  readonly code?: BackupError['code']
  readonly subject?: string
  readonly hint?: string
  readonly message: string
  readonly stack?: string
}

/** Jobs a thread has in hand: the one it works on and one that keeps it from waiting. */
const QUEUE_PER_THREAD = 2

interface Waiting {
  readonly thread: Thread
  readonly resolve: (result: JobResult) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  queued: number
  /** Resolves when the native modules are loaded: until then the thread must not be stopped. */
  readonly ready: Promise<void>
  /** Resolves when the thread has ended, however it did. */
  readonly exited: Promise<void>
}

/** `threads` worker threads with a copy of `setup` each. They come up with the first job: a run in which nothing has changed has none. */
export function threadExecutor(setup: WorkerSetup, threads: number): Executor {
  const waiting = new Map<number, Waiting>()
  let nextId = 0
  let failure: Error | undefined
  const failAll = (error: Error) => {
    failure ??= error
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
  }
  let pool: readonly Thread[] = []
  let { index } = setup
  const credit = new BlockCredit()
  let take: Parameters<Executor['deliver']>[0] | undefined
  const hooks: ThreadHooks = {
    waiting,
    failAll,
    blocks: (blocks, bytes) => void take?.(blocks).finally(() => credit.giveBack(bytes)),
  }
  const started = () => {
    if (pool.length === 0) {
      pool = Array.from({ length: threads }, () => startThread({ ...setup, index, credit: credit.shared }, hooks))
    }
    return pool
  }
  const send = (thread: Thread, job: Job): Promise<JobResult> => {
    if (failure !== undefined) return Promise.reject(failure)
    const id = nextId++
    thread.queued++
    return new Promise((resolve, reject) => {
      waiting.set(id, { thread, resolve, reject })
      thread.worker.postMessage({ kind: 'job', id, job } satisfies ToThread, transfers(job))
    })
  }
  return {
    width: threads * QUEUE_PER_THREAD,
    stalled: () => pool.filter(({ queued }) => queued > 0).length <= credit.waiting,
    deliver(taker) {
      take = taker
    },
    run: (job) =>
      send(
        started().reduce((a, b) => (b.queued < a.queued ? b : a)),
        job,
      ),
    flush: () => Promise.all(pool.map((thread) => send(thread, FLUSH))),
    indexGrew(handle) {
      index = handle
      for (const { worker } of pool) worker.postMessage({ kind: 'index', handle } satisfies ToThread)
    },
    compressAt(level) {
      // Levels change when packs have been made, so the threads are there.
      for (const { worker } of pool) worker.postMessage({ kind: 'level', level } satisfies ToThread)
    },
    async close() {
      await Promise.all(
        pool.map(async ({ worker, ready, exited }) => {
          await ready
          worker.postMessage({ kind: 'stop' } satisfies ToThread)
          await exited
        }),
      )
    },
  }
}

interface ThreadHooks {
  readonly waiting: Map<number, Waiting>
  readonly failAll: (error: Error) => void
  readonly blocks: (blocks: readonly SealedBlock[], bytes: number) => void
}

function startThread(setup: ThreadSetup, { waiting, failAll, blocks }: ThreadHooks): Thread {
  const worker = new Worker(new URL('worker-thread.ts', import.meta.url), {
    workerData: setup,
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  })
  let settleReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    settleReady = resolve
  })
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve())
  })
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'ready') return settleReady()
    if (message.kind === 'blocks') return blocks(message.blocks, message.bytes)
    const entry = waiting.get(message.id)
    if (entry === undefined) return
    waiting.delete(message.id)
    entry.thread.queued--
    if (message.kind === 'done') entry.resolve(message.result)
    else entry.reject(revive(message.error))
  })
  worker.on('error', (error) => {
    settleReady()
    failAll(error instanceof Error ? error : new Error(String(error)))
  })
  worker.on('messageerror', failAll)
  const thread: Thread = { worker, queued: 0, ready, exited }
  worker.on('exit', (code) => {
    settleReady()
    if (code !== 0 || thread.queued > 0) failAll(new Error(`a worker thread ended with code ${code}`))
  })
  return thread
}

/** Only the plaintext of bundles is large enough to be worth moving. */
function transfers(job: Job): ArrayBuffer[] {
  return job.kind === 'bundle' ? [job.plain.buffer as ArrayBuffer] : []
}

function revive(error: ThreadError): Error {
  if (error.code !== undefined) {
    const revived = new BackupError(error.code, error.message, error.subject ?? '', {
      ...(error.hint !== undefined && { hint: error.hint }),
    })
    revived.message = error.message
    return revived
  }
  const plain = new Error(error.message)
  if (error.stack !== undefined) plain.stack = error.stack
  return plain
}
