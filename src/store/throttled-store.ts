// Bounds how many bytes a second go to and from a store, so that a check or a copy leaves room for others. Requests wait
// for the bytes of those before them; a single one is not cut into pieces, so the rate holds over some seconds.
import type { Clock } from '../base/clock.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

export interface ThrottleOptions {
  readonly bytesPerSecond: number
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<void>
}

export class ThrottledStore implements Store {
  readonly location: string
  readonly #inner: Store
  readonly #opts: ThrottleOptions
  /** By the clock that only grows: when all bytes so far are paid for. */
  #freeAt = 0

  constructor(inner: Store, opts: ThrottleOptions) {
    this.location = inner.location
    this.#inner = inner
    this.#opts = opts
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    await this.#pay(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
    return this.#inner.put(name, parts)
  }

  async get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    if (range !== undefined) await this.#pay(Math.max(0, range.length))
    const bytes = await this.#inner.get(name, range)
    if (range === undefined) await this.#pay(bytes.byteLength)
    return bytes
  }

  stat(name: string): Promise<ObjectInfo | null> {
    return this.#inner.stat(name)
  }

  list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#inner.list(prefix, cursor)
  }

  delete(name: string): Promise<boolean> {
    return this.#inner.delete(name)
  }

  close(): Promise<void> {
    return this.#inner.close()
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
