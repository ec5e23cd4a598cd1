// The methods of one backup as a worker sees them: files name theirs by its number, and `auto` has a level that changes.
import type { FixedMethod, Method } from '../../compress/method.ts'
import { AUTO_LEVELS } from './auto-level.ts'

/** What is compressed with it has no rule of its own: most files, directories, attributes. */
export const DEFAULT_METHOD = 0

export class WorkerMethods {
  readonly #methods: readonly Method[]
  #auto: FixedMethod = { name: 'zstd', level: AUTO_LEVELS[0] }

  constructor(methods: readonly Method[]) {
    this.#methods = methods
  }

  get count(): number {
    return this.#methods.length
  }

  /** What a block of that method is compressed with now. */
  fixed(number: number): FixedMethod {
    const method = this.#methods[number]!
    return method.name === 'auto' ? this.#auto : method
  }

  /** The level of `auto` from now on. */
  compressAt(level: number): void {
    this.#auto = { name: 'zstd', level }
  }
}
