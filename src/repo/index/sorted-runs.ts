// Sorting more entries than fit into memory: runs that do are sorted and put aside, then all are merged.
import { ENTRY_WORDS } from './index-file.ts'
import { PageReader } from './sealed-pages.ts'
import type { PageFile, PageRegion } from './sealed-pages.ts'

/** The entries in ascending order, in an array of their own: at most 2^21, so that word and number fit one float. */
export function sortEntries(entries: Uint32Array): Uint32Array {
  const count = entries.length / ENTRY_WORDS
  // Floats are sorted natively, without a comparison in JavaScript; what they leave undecided is rare.
  const keys = new Float64Array(count)
  for (let i = 0; i < count; i++) keys[i] = entries[i * ENTRY_WORDS]! * NUMBER_RANGE + i
  keys.sort()
  const sorted = new Uint32Array(entries.length)
  for (let i = 0; i < count; i++) {
    const from = (keys[i]! % NUMBER_RANGE) * ENTRY_WORDS
    let to = i * ENTRY_WORDS
    for (; to > 0 && compare(sorted, to - ENTRY_WORDS, entries, from) > 0; to -= ENTRY_WORDS) {
      sorted.copyWithin(to, to - ENTRY_WORDS, to)
    }
    sorted[to] = entries[from]!
    sorted[to + 1] = entries[from + 1]!
    sorted[to + 2] = entries[from + 2]!
  }
  return sorted
}

const NUMBER_RANGE = 2 ** 21

function compare(a: Uint32Array, atA: number, b: Uint32Array, atB: number): number {
  return a[atA]! - b[atB]! || a[atA + 1]! - b[atB + 1]! || a[atA + 2]! - b[atB + 2]!
}

/** The entries of all runs in ascending order. What is given is overwritten by the next. */
export function* mergeRuns(file: PageFile, runs: readonly PageRegion[]): Generator<Uint32Array> {
  const heap = runs.map((run) => new RunCursor(file, run)).filter((cursor) => cursor.next())
  heap.sort((a, b) => compare(a.entry, 0, b.entry, 0))
  while (heap.length > 0) {
    const [least] = heap as [RunCursor]
    yield least.entry
    if (!least.next()) {
      const last = heap.pop()!
      if (heap.length === 0) return
      heap[0] = last
    }
    siftDown(heap)
  }
}

/** Brings the first of a heap to where it belongs. */
function siftDown(heap: RunCursor[]): void {
  const moved = heap[0]!
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compare(heap[child + 1]!.entry, 0, heap[child]!.entry, 0) < 0) child++
    if (compare(moved.entry, 0, heap[child]!.entry, 0) <= 0) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = moved
}

class RunCursor {
  readonly entry = new Uint32Array(ENTRY_WORDS)
  readonly #reader: PageReader
  #at = 0

  constructor(file: PageFile, run: PageRegion) {
    this.#reader = new PageReader(file, run)
  }

  /** Goes on to the next entry; false at the end. */
  next(): boolean {
    if (this.#at === this.#reader.region.words) return false
    this.#reader.copy(this.#at, ENTRY_WORDS, this.entry)
    this.#at += ENTRY_WORDS
    return true
  }
}
