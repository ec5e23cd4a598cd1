// Bounds how many bytes a second go to and from a store, so that a check or a copy leaves room for others. Requests wait
// for the bytes of those before them; a single one is not cut into pieces, so the rate holds over some seconds.
import type { Clock } from '../base/clock.ts'
import { Passing } from './passing-store.ts'
import type { PutResult, Store } from './store.ts'

export interface ThrottleOptions {
  readonly bytesPerSecond: number
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<void>
}

export class ThrottledStore extends Passing {
  readonly #opts: ThrottleOptions
  /** By the clock that only grows: when all bytes so far are paid for. */
  #freeAt = 0

  constructor(inner: Store, opts: ThrottleOptions) {
    super(inner)
    this.#opts = opts
  }

  override async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    await this.#pay(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
    return this.inner.put(name, parts)
  }

  override async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    if (range !== undefined) await this.#pay(Math.max(0, range.length))
    const bytes = await this.inner.get(name, range)
    if (range === undefined) await this.#pay(bytes.byteLength)
    return bytes
  }

  /** Takes the next free stretch of time for `bytes` and waits until it has passed. */
  async #pay(bytes: number): Promise<void> {
    const { bytesPerSecond, clock, sleep } = this.#opts
    const now = clock.monotonic()
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / bytesPerSecond) * 1000
    const wait = this.#freeAt - now
    if (wait >= SHORTEST_MS) await sleep(wait)
  }
}

/** Timers are no finer than this; what is left is paid with the next bytes. */
const SHORTEST_MS = 2
