// A store that fails at its n-th change and from then on.
import type { Store } from '../../src/store/store.ts'
import { Passing } from '../../src/store/passing-store.ts'

class Cut extends Error {}

/** The n-th change is made, or not, and nobody hears of it; every request after it fails. */
export class CutStore extends Passing {
  readonly #at: number
  readonly #isMade: boolean
  changes = 0

  constructor(inner: Store, at: number, isMade: boolean) {
    super(inner)
    this.#at = at
    this.#isMade = isMade
  }

  override put(name: string, parts: readonly Uint8Array[]) {
    return this.#change(() => super.put(name, parts))
  }

  override delete(name: string) {
    return this.#change(() => super.delete(name))
  }

  override get(name: string, range?: { readonly offset: number; readonly length: number }) {
    if (this.changes > this.#at) throw new Cut()
    return super.get(name, range)
  }

  async #change<T>(change: () => Promise<T>): Promise<T> {
    if (this.changes++ < this.#at) return change()
    if (this.changes === this.#at + 1 && this.#isMade) await change()
    throw new Cut()
  }
}

/** Whether that is the reason of an error. */
export function isCut(error: unknown): boolean {
  return error instanceof Cut || (error instanceof Error && error.cause !== undefined && isCut(error.cause))
}
