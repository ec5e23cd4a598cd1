// Time that passes only when everybody waits. A sleep ends when nothing else can go on, in the order of the times asked
// for, so that the order of a run depends on its seed and never on the machine.
import type { Clock } from '../../src/base/clock.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class VirtualTime implements Clock {
  readonly #startMs: number
  #elapsed = 0
  #jumped = 0
  #sleepers: Sleeper[] = []
  #running = false

  /** `startMs`: what the clock on the wall shows at first. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  now(): number {
    return Math.floor(this.#startMs + this.#elapsed + this.#jumped)
  }

  monotonic(): number {
    return this.#elapsed
  }

  /** Sets the clock on the wall forward or back; what is measured with `monotonic` does not notice. */
  jump(ms: number): void {
    this.#jumped += ms
  }

  /** How many sleep. If nobody does, only promises that are about to be kept are left: or something hangs. */
  get sleepers(): number {
    return this.#sleepers.length
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      const at = this.#elapsed + Math.max(0, ms)
      // Behind all who wake earlier or at the same time.
      const place = this.#sleepers.findLastIndex((other) => other.at <= at) + 1
      this.#sleepers.splice(place, 0, { at, wake })
      this.#run()
    })
  }

  #run(): void {
    if (this.#running) return
    this.#running = true
    // Runs when no promise has anything left to do: no time passes, and no timer is involved.
    setImmediate(() => {
      this.#running = false
      const next = this.#sleepers.shift()
      if (next === undefined) return
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.wake()
      if (this.#sleepers.length > 0) this.#run()
    })
  }
}
