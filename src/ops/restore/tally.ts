// Sums up what a target cannot hold: a restore as an ordinary user would say 78,000 times that an owner was not set.
import type { WarningClass } from './options.ts'

export interface Sum<Item> {
  readonly class: WarningClass
  readonly count: number
  /** The first item it happened to, and why. */
  readonly first: Item
  readonly reason: string
}

export class Tally<Item> {
  readonly #sums = new Map<WarningClass, { count: number; first: Item; reason: string }>()

  add(what: WarningClass, item: Item, cause: unknown, count = 1): void {
    const sum = this.#sums.get(what)
    if (sum !== undefined) sum.count += count
    else this.#sums.set(what, { count, first: item, reason: cause instanceof Error ? cause.message : String(cause) })
  }

  /** By class, in the order in which they came up. */
  sums(): Sum<Item>[] {
    return Array.from(this.#sums, ([what, sum]) => ({ class: what, ...sum }))
  }
}
