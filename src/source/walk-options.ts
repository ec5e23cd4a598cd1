// What a walk is asked to do, and what it says about an entry.
import type { FileStat } from '../posix/stat.ts'
import type { ReportProblem } from './problems.ts'
import type { Exclusion, SourceRules } from './rules.ts'
import type { WalkedDirectory } from './walked-directory.ts'

export interface WalkSource {
  /** Absolute path, raw bytes. A symlink is taken as it is, not followed. */
  readonly path: Uint8Array
  readonly rules?: SourceRules
}

export interface WalkOptions {
  readonly sources: readonly WalkSource[]
  readonly report: ReportProblem
  /** Directories that are recorded but not entered: the repository's own, wherever it turns up. */
  readonly avoid?: readonly { readonly dev: bigint; readonly ino: bigint }[]
  /** Called for everything that rules leave out; `name` is in `directory`. */
  readonly excluded?: (directory: WalkedDirectory, name: Uint8Array, why: Exclusion) => void
  /** Entries of one step at most; 256 by default, which take about a millisecond. */
  readonly batchSize?: number
}

export interface WalkedEntry {
  /** Raw bytes; of a source, its whole path. */
  readonly name: Uint8Array
  /** The name with one character for each byte (posix/directory.ts), for maps and comparisons. */
  readonly key: string
  readonly stat: FileStat
  /** Of directories: what is entered after this batch. */
  readonly directory: WalkedDirectory | undefined
}

/** One directory of the walk, or the list of sources. */
export interface DirectoryWalk {
  readonly directory: WalkedDirectory
  /** False once something of the directory is known to be missing. */
  readonly complete: boolean
  /** The next entries; `busy` when there are none yet, `done` when there are no more. */
  advance(): readonly WalkedEntry[] | 'busy' | 'done'
  /** The walk through the directory that ended the last batch; once. */
  takeEntered(): DirectoryWalk | undefined
  /** Reports why the rest of the directory cannot be walked. */
  giveUp(what: string, cause: unknown): void
}
