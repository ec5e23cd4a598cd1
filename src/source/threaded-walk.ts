// A walk in a thread of its own: looking at names is half of the work of a backup in which nothing has changed, and goes on
// while a passphrase is turned into a key and the index is read.
import { Worker } from 'node:worker_threads'
import { type RuleMessage, type RuleOptions, rulesToMessage } from './rules.ts'
import type { WalkColumns } from './walk-columns.ts'

export interface ThreadedWalkOptions {
  readonly sources: readonly { readonly path: Uint8Array; readonly rules: RuleOptions }[]
  /** Directories that are recorded but not entered. */
  readonly avoid: readonly { readonly dev: bigint; readonly ino: bigint }[]
  /** Whether paths that rules leave out are told. */
  readonly tellExcluded: boolean
}

/** What the thread is started with. */
export interface WalkSetup extends Omit<ThreadedWalkOptions, 'sources'> {
  readonly sources: readonly { readonly path: Uint8Array; readonly rules: RuleMessage }[]
  /** Shared: ACKNOWLEDGED and STOPPED. */
  readonly state: Int32Array
}

export type FromWalkThread = { readonly kind: 'steps'; readonly columns: WalkColumns } | { readonly kind: 'end' }

/** In the shared state: stretches that were taken, and whether the walk is to end. */
export const ACKNOWLEDGED = 0
export const STOPPED = 1

export class ThreadedWalk {
  readonly #state = new Int32Array(new SharedArrayBuffer(8))
  readonly #exited: Promise<void>
  readonly #stretches: WalkColumns[] = []
  #ended = false
  #failure: Error | undefined
  #arrived: () => void = () => {}

  constructor(options: ThreadedWalkOptions) {
    const setup: WalkSetup = {
      ...options,
      sources: options.sources.map(({ path, rules }) => ({ path, rules: rulesToMessage(rules) })),
      state: this.#state,
    }
    const worker = new Worker(new URL('walk-thread.ts', import.meta.url), {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    })
    worker.on('message', (message: FromWalkThread) => {
      if (message.kind === 'steps') this.#stretches.push(message.columns)
      else this.#ended = true
      this.#arrived()
    })
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    worker.on('messageerror', (error) => this.#fail(error))
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (!this.#ended) this.#fail(new Error(`the thread of the walk ended with code ${code}`))
        resolve()
      })
    })
  }

  /** The next stretch; null at the end. Throws what ended the thread. The walk is at most a few stretches ahead. */
  async next(): Promise<WalkColumns | null> {
    for (;;) {
      const columns = this.#stretches.shift()
      if (columns !== undefined) {
        Atomics.add(this.#state, ACKNOWLEDGED, 1)
        Atomics.notify(this.#state, ACKNOWLEDGED)
        return columns
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return null
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
  }

  /** Ends the walk, wherever it is, and waits until its thread is gone. Needed after the last stretch too. */
  async close(): Promise<void> {
    Atomics.store(this.#state, STOPPED, 1)
    Atomics.notify(this.#state, ACKNOWLEDGED)
    await this.#exited
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#arrived()
  }
}
