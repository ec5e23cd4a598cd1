// Tries again what may work the next time. A request whose answer was lost may have been carried out: the second try of
// a put then meets its own object, and says so by comparing.
import type { Clock } from '../base/clock.ts'
import { BackupError, codeOf } from '../base/errors.ts'
import { asBuffer, concatBytes } from '../base/bytes.ts'
import type { Rng } from '../base/random.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from './store.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<void>
  /** For jitter: many clients must not come back at the same moment. */
  readonly rng: Rng
  /** Tries in all, the first included. */
  readonly triesMax?: number
  /** Pause before the second try; doubles, up to `delayMsMax`, and is shortened by up to a half at random. */
  readonly delayMs?: number
  readonly delayMsMax?: number
  /** No try begins later than this after the first one. */
  readonly giveUpMs?: number
  /** Whether to try again after this error; the default is `io` and `unreachable`. */
  readonly isTransient?: (cause: unknown) => boolean
  /** Told before each pause. */
  readonly onRetry?: (what: string, name: string, cause: unknown, delayMs: number) => void
}

const TRIES_MAX = 5
const DELAY_MS = 250
const DELAY_MS_MAX = 15_000
/** Longer than a router takes to restart; an operator who waits wants to know by then. */
const GIVE_UP_MS = 5 * 60_000

export class RetryingStore implements Store {
  readonly location: string
  readonly #inner: Store
  readonly #opts: RetryOptions
  /** There where the other one can. */
  readonly replace?: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>

  constructor(inner: Store, opts: RetryOptions) {
    this.location = inner.location
    this.#inner = inner
    this.#opts = opts
    if (inner.replace === undefined) return
    this.replace = (name, parts) => this.#retried('replacing', name, () => inner.replace!(name, parts))
  }

  get listLagMs(): number {
    return this.#inner.listLagMs
  }

  /**
   * As of the interface; an object that an earlier try of this very call made counts as created. Throws `corrupt` where one has
   * left a part of it.
   */
  put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    return this.#retried('storing', name, async (retry) => {
      const result = await this.#inner.put(name, parts)
      if (result.created || !retry) return result
      const there = asBuffer(await this.#inner.get(name))
      const whole = asBuffer(concatBytes(parts))
      if (there.byteLength < whole.byteLength && whole.subarray(0, there.byteLength).equals(there)) {
        throw new BackupError('corrupt', 'a try that failed has left a part of this object', name, {
          hint: 'the store shows objects that are not whole; remove this one, or run `holdfast repair`',
        })
      }
      return { created: there.equals(whole) }
    })
  }

  get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return this.#retried('reading', name, () => this.#inner.get(name, range))
  }

  stat(name: string): Promise<ObjectInfo | null> {
    return this.#retried('looking for', name, () => this.#inner.stat(name))
  }

  list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#retried('listing', prefix, () => this.#inner.list(prefix, cursor))
  }

  keep(name: string): Promise<boolean> {
    return this.#retried('keeping', name, () => this.#inner.keep(name))
  }

  /** As of the interface; false also when an earlier try of this call removed the object and its answer was lost. */
  delete(name: string): Promise<boolean> {
    return this.#retried('deleting', name, () => this.#inner.delete(name))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #retried<T>(what: string, name: string, step: (retry: boolean) => Promise<T>): Promise<T> {
    const { clock, sleep, rng, isTransient = isTransientByCode, onRetry } = this.#opts
    const triesMax = this.#opts.triesMax ?? TRIES_MAX
    const deadline = clock.monotonic() + (this.#opts.giveUpMs ?? GIVE_UP_MS)
    for (let tries = 1; ; tries++) {
      try {
        return await step(tries > 1)
      } catch (cause) {
        if (!isTransient(cause) || tries >= triesMax) throw cause
        const longest = (this.#opts.delayMs ?? DELAY_MS) * 2 ** (tries - 1)
        const delayMs = Math.min(longest, this.#opts.delayMsMax ?? DELAY_MS_MAX) * (1 - rng() / 2)
        if (clock.monotonic() + delayMs > deadline) throw cause
        onRetry?.(what, name, cause, delayMs)
        await sleep(delayMs)
      }
    }
  }
}

function isTransientByCode(cause: unknown): boolean {
  if (!(cause instanceof BackupError)) return false
  const code = codeOf(cause)
  return code === 'io' || code === 'unreachable'
}
