// What a restore is asked to do and what it answers.
import type { ErrorCode } from '../../base/errors.ts'
import type { BlobRef } from '../../format/extent.ts'
import type { EventSink } from '../events.ts'
import type { RestoreReader } from './reader.ts'

/** Attributes besides content; each class can be left out, and is then as if the file were new. */
export interface MetadataClasses {
  readonly owner: boolean
  readonly mode: boolean
  readonly times: boolean
  /** Extended attributes except ACLs; capabilities are among them. */
  readonly xattrs: boolean
  readonly acls: boolean
  /** What chattr sets. */
  readonly flags: boolean
}

export const ALL_METADATA: MetadataClasses = {
  owner: true,
  mode: true,
  times: true,
  xattrs: true,
  acls: true,
  flags: true,
}

/** What a target may be unable to hold, besides a class of attributes. */
export type WarningClass = keyof MetadataClasses | 'hard links' | 'symlinks' | 'special files'

/**
 * Decides about a path of the snapshot. `take`: it and, for a directory, what is below it is asked about. `skip`: neither.
 * `enter`: a directory that is made only if something below it is taken.
 */
export type PathFilter = (path: Uint8Array, isDirectory: boolean) => 'take' | 'skip' | 'enter'

export interface RestoreOptions {
  readonly repo: RestoreReader
  /** Root tree of the snapshot. */
  readonly root: BlobRef
  /**
   * What to restore, as it is called in the snapshot. The content of a directory goes straight into the target; a file
   * keeps its name there. Without it everything is restored, each source under its whole path below the target.
   */
  readonly path?: Uint8Array
  /** Folder to restore into; made if missing. */
  readonly target: string
  readonly filter?: PathFilter
  readonly metadata?: Partial<MetadataClasses>
  /** Owners by number; without it users and groups that exist here by name keep their name. */
  readonly numericOwner?: boolean
  /** Removes what is in a restored directory and not in the snapshot. */
  readonly delete?: boolean
  /** Changes nothing; counts and events tell what would be done. */
  readonly dryRun?: boolean
  /**
   * When an existing file counts as unchanged: `attributes`, its kind, size and modification time are those of the
   * snapshot; `content`, every byte of it is compared, whatever its times.
   */
  readonly compare?: 'attributes' | 'content'
  /** Reads everything again afterwards and compares it with the snapshot. */
  readonly verify?: boolean
  /** Holes: as they were (`recorded`), also for runs of zeros (`zeros`), or nowhere (`none`). */
  readonly sparse?: 'recorded' | 'zeros' | 'none'
  /** Worker threads for large restores; 0 does everything in the calling thread. */
  readonly threads: number
  /** Sends a FileEvent for each item. */
  readonly fileEvents?: boolean
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface RestoreCounts {
  /** Made or written anew. */
  files: number
  directories: number
  symlinks: number
  specials: number
  /** Names that became links to a file already counted. */
  hardLinks: number
  /** Bytes of files made or written anew, holes included. */
  bytes: number
  /** Items that were as they had to be. */
  unchanged: number
  /** Items whose content was right and whose attributes were not. */
  attributes: number
  /** Items among those made that took the place of something else. */
  replaced: number
  deleted: number
  /** Items that are not there as the snapshot has them. */
  failed: number
}

/** What the target could not hold, summed up by class. */
export interface RestoreWarning {
  readonly class: WarningClass
  readonly count: number
  /** The first item it happened to, and why. */
  readonly path: Uint8Array
  readonly reason: string
}

/** One item that was not restored. */
export interface RestoreTrouble {
  readonly path: Uint8Array
  readonly code: ErrorCode
  readonly message: string
}

export interface RestoreResult {
  readonly counts: Readonly<RestoreCounts>
  readonly warnings: readonly RestoreWarning[]
  /** The first TROUBLES_MAX of them. */
  readonly troubles: readonly RestoreTrouble[]
  readonly troubleCount: number
  /** Whether anything that was asked for is not there as the snapshot has it. */
  readonly partial: boolean
}

/** Troubles kept in the result; all of them are sent as events. */
export const TROUBLES_MAX = 1000
