// States as bits: what a model keeps of one, small enough for millions of them.

/** Words of 32 bits that a state takes at most. */
export const STATE_WORDS = 8

/**
 * Goes through the fields of a state, one after the other, and either writes them down or gives them back. So one list of
 * fields serves for both: `this.packs = bits.field(this.packs, 7)`.
 */
export class Bits {
  readonly words = new Uint32Array(STATE_WORDS)
  #writing = false
  #word = 0
  #used = 0

  write(): this {
    this.words.fill(0)
    return this.#start(true)
  }

  /** Reads from the words that were copied in. */
  read(): this {
    return this.#start(false)
  }

  /** A field of `width` bits; never across two words. */
  field(value: number, width: number): number {
    if (this.#used + width > 32) {
      this.#word++
      this.#used = 0
    }
    const shift = this.#used
    this.#used += width
    if (!this.#writing) return (this.words[this.#word]! >>> shift) & ((1 << width) - 1)
    this.words[this.#word]! |= value << shift
    return value
  }

  flag(value: boolean): boolean {
    return this.field(value ? 1 : 0, 1) === 1
  }

  #start(writing: boolean): this {
    this.#writing = writing
    this.#word = this.#used = 0
    return this
  }
}

/** The bits of a set, each as a set of its own, in ascending order. */
export function* each(set: number): Generator<number> {
  for (let left = set; left !== 0; left &= left - 1) yield left & -left
}

/** Every subset of a set, the set itself first and the empty one last. */
export function* subsets(set: number): Generator<number> {
  for (let subset = set; subset > 0; subset = (subset - 1) & set) yield subset
  yield 0
}
