// The names of one directory in byte order, however many there are. Names come in the order of the file system; they are
// kept by kind in runs of limited length, each sorted when it is full, and merged while they are taken out. So no single
// step takes longer than a few milliseconds, also in a directory of a million names.

/** About 3 ms to sort. */
const RUN_LENGTH_MAX = 8192

interface Run {
  readonly type: number
  readonly keys: string[]
  at: number
}

export class SortedNames {
  /** Open runs by DT_* kind; the last of each kind takes more names. */
  readonly #filling: (Run | undefined)[] = []
  readonly #runs: Run[] = []
  #heap: Run[] | undefined
  #last: string | undefined
  /** DT_* kind of the name that `next` returned. */
  type = 0

  add(keys: readonly string[], types: readonly number[]): void {
    for (let i = 0; i < keys.length; i++) {
      const type = types[i]!
      let run = this.#filling[type]
      if (run === undefined) {
        run = { type, keys: [], at: 0 }
        this.#runs.push(run)
        this.#filling[type] = run
      }
      if (run.keys.push(keys[i]!) < RUN_LENGTH_MAX) continue
      run.keys.sort()
      this.#filling[type] = undefined
    }
  }

  /** True if the name was added; only before the first `next`. */
  has(key: string): boolean {
    this.#prepare()
    return this.#runs.some((run) => holds(run.keys, key))
  }

  /** The next key, or undefined. A name that the file system gave twice comes once. */
  next(): string | undefined {
    const heap = this.#prepare()
    for (;;) {
      const run = heap[0]
      if (run === undefined) return undefined
      const key = run.keys[run.at++]!
      this.type = run.type
      if (run.at === run.keys.length) {
        const end = heap.pop()!
        if (end !== run) heap[0] = end
      }
      sink(heap, 0)
      if (key === this.#last) continue
      this.#last = key
      return key
    }
  }

  #prepare(): Run[] {
    if (this.#heap !== undefined) return this.#heap
    for (const run of this.#filling) run?.keys.sort()
    this.#heap = [...this.#runs]
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) sink(this.#heap, i)
    return this.#heap
  }
}

/** Moves the run at `at` down until no run below it has a smaller first key. */
function sink(heap: Run[], at: number): void {
  for (;;) {
    let least = at
    for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++) {
      if (head(heap[child]!) < head(heap[least]!)) least = child
    }
    if (least === at) return
    const run = heap[at]!
    heap[at] = heap[least]!
    heap[least] = run
    at = least
  }
}

function head(run: Run): string {
  return run.keys[run.at]!
}

/** Binary search. */
function holds(keys: readonly string[], key: string): boolean {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return keys[low] === key
}
