// Lets a bounded number of steps run at once. The one who starts them waits for room: that is the backpressure of a restore.

export class RunningSteps {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #running = 0
  #failure: { readonly cause: unknown } | undefined

  constructor(width: number) {
    this.#width = width
  }

  /**
   * Starts `step` as soon as there is room and resolves then, not when it is finished. Throws what an earlier step threw,
   * after which no more are started.
   */
  async start(step: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#width && this.#failure === undefined) await this.#change()
    this.#check()
    this.#running++
    void this.#run(step)
  }

  /** Resolves when nothing runs any more; throws what a step threw. */
  async idle(): Promise<void> {
    await this.settled()
    this.#check()
  }

  /** Resolves when nothing runs any more, whatever became of it. */
  async settled(): Promise<void> {
    while (this.#running > 0) await this.#change()
  }

  async #run(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (cause) {
      this.#failure ??= { cause }
    }
    this.#running--
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.cause
  }
}
