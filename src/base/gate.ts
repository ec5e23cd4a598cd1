/**
 * Bounds what is under way at once: `enter` waits until there is room for `amount` and takes it, `leave` gives it back.
 * An amount larger than the whole is let in alone. First come, first served.
 */
export class Gate {
  readonly #size: number
  #taken = 0
  readonly #waiting: { readonly amount: number; readonly go: () => void }[] = []

  constructor(size: number) {
    this.#size = size
  }

  /** True if `enter` would wait. */
  get full(): boolean {
    return this.#taken >= this.#size || this.#waiting.length > 0
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  enter(amount = 1): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(amount)) {
      this.#taken += amount
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#waiting.push({ amount, go: resolve })
    })
  }

  leave(amount = 1): void {
    this.#taken -= amount
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.amount)) {
      const next = this.#waiting.shift()!
      this.#taken += next.amount
      next.go()
    }
  }

  #fits(amount: number): boolean {
    return this.#taken === 0 || this.#taken + amount <= this.#size
  }
}
