// The level of `auto`: as high as the backup can afford. While workers wait because the store cannot take packs as fast as
// they are made, compressing harder costs nothing and leaves less to store; while the store waits for the workers it would
// only take longer. Decided by counting packs, not by the clock: a run that is repeated decides the same.

/** Levels of zstd, each about twice as slow as the one before. */
export const AUTO_LEVELS: readonly [number, ...number[]] = [3, 6, 9, 12]
/** Packs in a row behind which workers waited before the level rises: a burst of work is no bottleneck. */
const RISE_AFTER = 4
/** The same, once levels have turned out to be too high again and again. */
const RISE_AFTER_MAX = 64

/** How it is when a pack has been stored. */
export interface StoreMoment {
  /** Blocks are ready that the store has not taken. */
  readonly waiting: boolean
  /** No worker can go on until it takes them. */
  readonly stalled: boolean
}

export class AutoLevel {
  #step = 0
  #stalls = 0
  #riseAfter = RISE_AFTER

  get level(): number {
    return AUTO_LEVELS[this.#step]!
  }

  packStored({ waiting, stalled }: StoreMoment): void {
    if (!waiting) this.#fall()
    else if (!stalled) this.#stalls = 0
    else if (++this.#stalls >= this.#riseAfter) this.#rise()
  }

  #rise(): void {
    this.#stalls = 0
    this.#step = Math.min(this.#step + 1, AUTO_LEVELS.length - 1)
  }

  /** The store has nothing to do. A level that was too high is not tried again so soon. */
  #fall(): void {
    this.#stalls = 0
    if (this.#step === 0) return
    this.#step--
    this.#riseAfter = Math.min(2 * this.#riseAfter, RISE_AFTER_MAX)
  }
}
