// Directories on their way to becoming tree nodes. A directory is complete when the walk has left it and everything in it
// has its content; then it is encoded and its parent gets its ref. Only directories that still wait are in memory.
import { assert } from '../../base/assert.ts'
import { compareBytes } from '../../base/bytes.ts'
import type { Entry, Subtree } from '../../format/entry-model.ts'
import type { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import type { ParentDirectory } from './parent-tree.ts'

/** Place of one entry in its directory, to be settled once. */
export interface EntrySlot {
  /** `undefined` leaves the entry out: it vanished. `taken`: it is the parent snapshot's own entry. */
  settle(entry: Entry | undefined, taken?: boolean): void
}

/**
 * Runs steps one after the other, those too that are asked for within a step. The last file of a folder completes it, and
 * with it the folder above, and so on: paths have tens of thousands of levels, the stack has not.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #running = false

  take(step: () => void): void {
    this.#waiting.push(step)
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next()
    } finally {
      this.#running = false
      this.#waiting.length = 0 // after a failure there is nothing to complete any more
    }
  }
}

export interface FrameOptions {
  readonly builder: TreeBuilder
  /** The same for all directories of one tree. */
  readonly turns: Turns
  /** Gets the directory's subtree as soon as it is complete. */
  readonly done: (subtree: Subtree) => void
  /** The topmost directory, whose entries are the sources in the order they were named. */
  readonly root?: boolean
  /** The same directory in the parent snapshot: if nothing in it is new it is not encoded again. */
  readonly parent?: ParentDirectory | undefined
}

class Slot implements EntrySlot {
  readonly #frame: DirectoryFrame
  readonly #index: number
  #settled = false

  constructor(frame: DirectoryFrame, index: number) {
    this.#frame = frame
    this.#index = index
  }

  settle(entry: Entry | undefined, taken = false): void {
    assert(!this.#settled, 'an entry is settled once')
    this.#settled = true
    this.#frame.settle(this.#index, entry, taken)
  }
}

export class DirectoryFrame {
  readonly #opts: FrameOptions
  readonly #entries: (Entry | undefined)[] = []
  /** Entries that are the parent snapshot's own. */
  #taken = 0
  #waiting = 1

  constructor(opts: FrameOptions) {
    this.#opts = opts
  }

  /** Adds an entry that is complete; `taken` as for a slot. */
  add(entry: Entry, taken = false): void {
    this.#entries.push(entry)
    if (taken) this.#taken++
  }

  /** Keeps the place of an entry whose content is still to come. */
  reserve(): EntrySlot {
    this.#waiting++
    return new Slot(this, this.#entries.push(undefined) - 1)
  }

  /** Fills the place that was reserved at `index`. */
  settle(index: number, entry: Entry | undefined, taken: boolean): void {
    this.#entries[index] = entry
    if (taken) this.#taken++
    this.#release()
  }

  /** The walk has left the directory: nothing more is added. */
  close(): void {
    this.#release()
  }

  #release(): void {
    this.#waiting--
    if (this.#waiting === 0) this.#opts.turns.take(() => this.#complete())
  }

  #complete(): void {
    const { builder, done, root = false, parent } = this.#opts
    const entries = this.#entries.filter((entry) => entry !== undefined)
    const nothingNew = parent !== undefined && this.#taken === entries.length && this.#taken === parent.size
    if (nothingNew) return done(parent.subtree)
    if (root) entries.sort((a, b) => compareBytes(a.name, b.name))
    done(builder.directory(entries, root))
  }
}
