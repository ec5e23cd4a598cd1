// An explicit-state model checker: goes through every state that processes can reach, whatever they do in whatever order,
// breadth first, so that a trace that it finds is a shortest one. A process that dies is one that takes no more steps, so
// deaths need no steps of their own.
import { Bits, STATE_WORDS } from './bits.ts'

export interface ModelState {
  /** Writes all fields down, or takes them over. */
  visit(bits: Bits): void
}

/** A step that a process may take: who, what, and what it changes in the state, of which it is given a copy. */
export type Take<S> = (who: string, what: string, change: (next: S) => void) => void

export interface Model<S extends ModelState> {
  /** The state of the beginning, anew each time. */
  readonly initial: () => S
  /** Offers every step that some process may take now. */
  readonly steps: (state: S, take: Take<S>) => void
  /** What has been lost, in words; undefined while all is well. */
  readonly lost: (state: S) => string | undefined
}

export interface Exploration {
  readonly states: number
  /** Steps of the longest way to a state that is the shortest one to it. */
  readonly depth: number
  /** Undefined when nothing can be lost. */
  readonly violation: { readonly lost: string; readonly trace: readonly string[] } | undefined
}

/** Goes through all states; throws when there are more than `statesMax`, because then nothing is proved. */
export function explore<S extends ModelState>(model: Model<S>, statesMax: number): Exploration {
  const known = new KnownStates()
  const bits = new Bits()
  // Two states that are filled again and again: nothing keeps them.
  const from = model.initial()
  const next = model.initial()
  next.visit(bits.write())
  known.add(bits.words, -1)
  let depth = 0
  let depthEnd = 1
  for (let number = 0; number < known.size; number++) {
    if (known.size > statesMax) throw new Error(`more than ${statesMax} states: nothing is proved`)
    if (number === depthEnd) {
      depth++
      depthEnd = known.size
    }
    known.read(number, from, bits)
    const lost = model.lost(from)
    if (lost !== undefined) {
      return { states: known.size, depth, violation: { lost, trace: traceTo(model, known, number) } }
    }
    model.steps(from, (_who, _what, change) => {
      known.read(number, next, bits)
      change(next)
      next.visit(bits.write())
      known.add(bits.words, number)
    })
  }
  return { states: known.size, depth, violation: undefined }
}

/** The steps on the way to a state, in words, by doing them again. */
function traceTo<S extends ModelState>(model: Model<S>, known: KnownStates, last: number): string[] {
  const way: number[] = []
  for (let number = last; number > 0; number = known.parent(number)) way.unshift(number)
  const bits = new Bits()
  const from = model.initial()
  const next = model.initial()
  return way.map((number) => {
    known.read(known.parent(number), from, bits)
    let label = ''
    model.steps(from, (who, what, change) => {
      known.read(known.parent(number), next, bits)
      change(next)
      next.visit(bits.write())
      if (known.find(bits.words) === number) label = `${who} ${what}`
    })
    return label
  })
}

/** States by number, in the order in which they were found, and their numbers by state. */
class KnownStates {
  size = 0
  #words = new Uint32Array(STATE_WORDS << 16)
  #parents = new Int32Array(1 << 16)
  /** Open addressing; a number plus one, 0 for a free place. */
  #table = new Int32Array(1 << 18)

  parent(number: number): number {
    return this.#parents[number]!
  }

  read(number: number, into: ModelState, bits: Bits): void {
    this.#copyTo(bits.words, number)
    into.visit(bits.read())
  }

  add(words: Uint32Array, parent: number): void {
    const place = this.#placeOf(words)
    if (this.#table[place] !== 0) return
    if (this.size === this.#parents.length) this.#grow()
    const at = this.size * STATE_WORDS
    for (let i = 0; i < STATE_WORDS; i++) this.#words[at + i] = words[i]!
    this.#parents[this.size] = parent
    this.#table[place] = ++this.size
    if (this.size * 2 > this.#table.length) this.#rehash()
  }

  /** Number of a state; -1 for one that is not known. */
  find(words: Uint32Array): number {
    return this.#table[this.#placeOf(words)]! - 1
  }

  #copyTo(words: Uint32Array, number: number): void {
    const at = number * STATE_WORDS
    for (let i = 0; i < STATE_WORDS; i++) words[i] = this.#words[at + i]!
  }

  #placeOf(words: Uint32Array): number {
    const mask = this.#table.length - 1
    let place = hashOf(words) & mask
    for (; this.#table[place] !== 0; place = (place + 1) & mask) {
      const at = (this.#table[place]! - 1) * STATE_WORDS
      let same = true
      for (let i = 0; i < STATE_WORDS && same; i++) same = this.#words[at + i] === words[i]
      if (same) break
    }
    return place
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2)
    words.set(this.#words)
    this.#words = words
    const parents = new Int32Array(this.#parents.length * 2)
    parents.set(this.#parents)
    this.#parents = parents
  }

  #rehash(): void {
    this.#table = new Int32Array(this.#table.length * 2)
    const words = new Uint32Array(STATE_WORDS)
    for (let number = 0; number < this.size; number++) {
      this.#copyTo(words, number)
      this.#table[this.#placeOf(words)] = number + 1
    }
  }
}

/** Mixes as MurmurHash3 does (Appleby, public domain). */
function hashOf(words: Uint32Array): number {
  let hash = 0
  for (let i = 0; i < STATE_WORDS; i++) {
    let k = Math.imul(words[i]!, 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    hash ^= k
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
