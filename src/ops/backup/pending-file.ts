// What the walk has found, and files of it that wait to be read.
import type { Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { Treatment } from './jobs.ts'
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
  /** `verified`: it should be what it was before, and is read to make sure. */
  readonly what: 'new' | 'changed' | 'unchanged' | 'verified'
  /** In the parent snapshot. */
  readonly before: Entry | undefined
  readonly treatment: Treatment

  constructor(
    found: Found,
    slot: EntrySlot,
    { what, before, treatment }: Pick<PendingFile, 'what' | 'before' | 'treatment'>,
  ) {
    this.#found = found
    this.slot = slot
    this.what = what
    this.before = before
    this.treatment = treatment
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
