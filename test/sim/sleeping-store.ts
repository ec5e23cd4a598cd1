// A store around a store whose process falls asleep before certain requests, until somebody wakes it: for scenes in which
// it matters what others do meanwhile.
import type { Store } from '../../src/store/store.ts'
import { Accompanied } from './passing-store.ts'

type Kind = 'put' | 'get' | 'stat' | 'list' | 'delete' | 'keep'

export class Sleeper {
  readonly #at: (kind: Kind, name: string) => boolean
  readonly #asleep = Promise.withResolvers<void>()
  readonly #woken = Promise.withResolvers<void>()
  #isOver = false

  /** `at` tells before which request it falls asleep; once. */
  constructor(at: (kind: Kind, name: string) => boolean) {
    this.#at = at
  }

  /** To be given to the process as its store. */
  readonly wrap = (store: Store): Store => new SleepingStore(store, (kind, name) => this.#before(kind, name))

  /** Resolves when it has fallen asleep; rejects when the process `ends` without. */
  async asleep(ends: Promise<unknown>): Promise<void> {
    const awake = ends.then(() => {
      throw new Error('the process has ended and never came to where it was to sleep')
    })
    await Promise.race([this.#asleep.promise, awake])
    awake.catch(() => {})
  }

  wake(): void {
    this.#isOver = true
    this.#woken.resolve()
  }

  async #before(kind: Kind, name: string): Promise<void> {
    if (this.#isOver || !this.#at(kind, name)) return
    this.#asleep.resolve()
    await this.#woken.promise
  }
}

class SleepingStore extends Accompanied {
  readonly #before: (kind: Kind, name: string) => Promise<void>

  constructor(inner: Store, before: (kind: Kind, name: string) => Promise<void>) {
    super(inner, (kind, name) => before(kind as Kind, name))
    this.#before = before
  }

  override async keep(name: string): Promise<boolean> {
    await this.#before('keep', name)
    return super.keep(name)
  }

  override async delete(name: string): Promise<boolean> {
    await this.#before('delete', name)
    return super.delete(name)
  }
}
