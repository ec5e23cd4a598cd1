// What the walk has found, and files of it that wait to be read.
import type { Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { EntrySlot } from './tree-assembly.ts'

/** An entry that the walk has found. */
export interface Found {
  /** Raw bytes; of a source, its whole path. */
  readonly name: Uint8Array
  /** The name with one character for each byte. */
  readonly key: string
  readonly path: Uint8Array
  readonly stat: FileStat
}

/** A file that is to be read, and the place of its entry. */
export class PendingFile {
  readonly #found: Found
  readonly slot: EntrySlot
  readonly what: 'new' | 'changed' | 'unchanged'
  /** What it should still be, when it is only read to be compared. */
  readonly before: Entry | undefined

  constructor(found: Found, slot: EntrySlot, what: PendingFile['what'], before: Entry | undefined) {
    this.#found = found
    this.slot = slot
    this.what = what
    this.before = before
  }

  get name(): Uint8Array {
    return this.#found.name
  }

  get path(): Uint8Array {
    return this.#found.path
  }

  get stat(): FileStat {
    return this.#found.stat
  }
}
