// What is remembered on this machine of a check that reads packs, wherever it ends: which packs were read, and whether a check of
// everything has to be gone on with. It decides what is read next, and nothing else: a check is none the worse without it.
import { systemClock, type Clock } from '../../base/clock.ts'
import { codeOf, reasonsOf } from '../../base/errors.ts'
import { ReadTimes } from '../../repo/packs/read-times.ts'
import { ignoreEvents } from '../events.ts'
import type { EventSink } from '../events.ts'
import type { PackShare } from './choose-packs.ts'

export interface CheckMemoryOptions {
  /** Nothing outlives the process unless given. */
  readonly times?: ReadTimes
  readonly clock?: Clock
  readonly onEvent?: EventSink
}

/** Of a check that is killed so much is forgotten. */
const SAVE_INTERVAL_MS = 60_000

export class CheckMemory {
  readonly times: ReadTimes
  readonly clock: Clock
  readonly #onEvent: EventSink
  #savedAt: number
  #isTold = false

  constructor({ times, clock, onEvent }: CheckMemoryOptions) {
    this.times = times ?? ReadTimes.forgetful()
    this.clock = clock ?? systemClock
    this.#onEvent = onEvent ?? ignoreEvents
    this.#savedAt = this.clock.monotonic()
  }

  /** Runs a whole check. One of everything that stops at any step, before the packs or after them, can be gone on with. */
  async during(wanted: PackShare, work: () => Promise<void>): Promise<void> {
    if (wanted.kind === 'all') {
      this.times.unfinishedMs = this.clock.now()
      await this.save()
    }
    try {
      await work()
      if (wanted.kind === 'all' || wanted.kind === 'since') this.times.unfinishedMs = undefined
    } finally {
      await this.save()
    }
  }

  async save(): Promise<void> {
    this.#savedAt = this.clock.monotonic()
    try {
      await this.times.save()
    } catch (cause) {
      if (this.#isTold) return
      this.#isTold = true
      const message = `it cannot be remembered which packs were read: ${reasonsOf(cause)}`
      this.#onEvent({ type: 'warning', code: codeOf(cause), message })
    }
  }

  async saveNowAndThen(): Promise<void> {
    if (this.clock.monotonic() - this.#savedAt >= SAVE_INTERVAL_MS) await this.save()
  }
}
