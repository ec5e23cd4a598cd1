// Worker threads that carry out jobs: messages, errors across threads, and an end that waits for native modules.
import { parentPort, Worker } from 'node:worker_threads'
import type { TransferListItem } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { BackupError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'

export interface PoolOptions {
  /** Module of the thread; it calls `serveJobs`. */
  readonly script: URL
  /** What the thread finds as `workerData`. */
  readonly setup: unknown
  readonly threads: number
  /** Most of the young generation of a thread in MiB: arrays that it is done with stay there for a while. */
  readonly youngGenerationMb: number
}

/** Jobs a thread has in hand: the one it works on and one that keeps it from waiting. */
const QUEUE_PER_THREAD = 2

type ToThread = { readonly kind: 'stop' } | { readonly kind: 'job'; readonly id: number; readonly job: unknown }

type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: ThreadError }

/** An error as it passes between threads: classes do not survive the way. */
interface ThreadError {
  readonly code?: ErrorCode
  readonly subject?: string
  readonly hint?: string
  readonly message: string
  readonly stack?: string
}

interface Thread {
  readonly worker: Worker
  /** Resolves when the native modules are loaded: until then the thread must not be stopped. */
  readonly ready: Promise<void>
  queued: number
}

interface Waiting {
  readonly thread: Thread
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

export class ThreadPool {
  /** Jobs that keep all threads busy. */
  readonly width: number
  readonly #threads: readonly Thread[]
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #failure: Error | undefined

  constructor(opts: PoolOptions) {
    this.width = opts.threads * QUEUE_PER_THREAD
    this.#threads = Array.from({ length: opts.threads }, () => this.#start(opts))
  }

  /** Has a job done; `moved` is memory that the job has and nobody else needs any more. */
  run<Job, Result>(job: Job, moved: readonly TransferListItem[] = []): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const thread = this.#threads.reduce((a, b) => (b.queued < a.queued ? b : a))
    const id = this.#nextId++
    thread.queued++
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { thread, resolve, reject })
      thread.worker.postMessage({ kind: 'job', id, job } satisfies ToThread, moved)
    }) as Promise<Result>
  }

  /** Ends the threads when they have done what they were given. */
  async close(): Promise<void> {
    await Promise.all(
      this.#threads.map(async ({ worker, ready }) => {
        const exited = new Promise((resolve) => worker.once('exit', resolve))
        await ready
        worker.postMessage({ kind: 'stop' } satisfies ToThread)
        if (worker.threadId !== -1) await exited
      }),
    )
  }

  #start({ script, setup, youngGenerationMb }: PoolOptions): Thread {
    const worker = new Worker(script, {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    })
    let settleReady: () => void = () => {}
    const ready = new Promise<void>((resolve) => {
      settleReady = resolve
    })
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'ready') settleReady()
      else this.#settle(message)
    })
    worker.on('error', (error) => {
      settleReady()
      this.#fail(error instanceof Error ? error : new BackupError('io', 'a worker thread failed', String(error)))
    })
    worker.on('exit', (code) => {
      settleReady()
      if (code !== 0) this.#fail(new BackupError('io', 'a worker thread ended', `exit code ${code}`))
    })
    return { worker, ready, queued: 0 }
  }

  #settle(message: Exclude<FromThread, { kind: 'ready' }>): void {
    const entry = this.#waiting.get(message.id)
    if (entry === undefined) return
    this.#waiting.delete(message.id)
    entry.thread.queued--
    if (message.kind === 'done') entry.resolve(message.result)
    else entry.reject(revive(message.error))
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}

/** The thread's end: does one job after the other. Call it when the native modules are loaded. */
export function serveJobs<Job, Result>(work: (job: Job) => Result): void {
  assert(parentPort !== null, 'jobs are served in a worker thread')
  const port = parentPort
  port.on('message', (message: ToThread) => {
    if (message.kind === 'stop') return port.close()
    const { id } = message
    try {
      port.postMessage({ kind: 'done', id, result: work(message.job as Job) } satisfies FromThread)
    } catch (error) {
      port.postMessage({ kind: 'failed', id, error: describe(error) } satisfies FromThread)
    }
  })
  // A thread that is stopped while it loads native modules takes the process with it.
  port.postMessage({ kind: 'ready' } satisfies FromThread)
}

function describe(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, stack } = error
  const plain = { message, ...(stack !== undefined && { stack }) }
  if (!(error instanceof BackupError)) return plain
  const { code, subject, hint } = error
  return { ...plain, code, subject, ...(hint !== undefined && { hint }) }
}

function revive({ code, subject, hint, message, stack }: ThreadError): Error {
  const revived =
    code === undefined
      ? new Error(message)
      : new BackupError(code, message, subject ?? '', hint === undefined ? {} : { hint })
  revived.message = message
  if (stack !== undefined) revived.stack = stack
  return revived
}
