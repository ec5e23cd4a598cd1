// What a backup reads from: the file system in the product, a tree in memory in the simulator.
import type { Method } from '../../compress/method.ts'
import type { Timespec } from '../../base/time.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import type { Verdict } from '../../source/change-detection.ts'
import type { Treatment } from './jobs.ts'
import type { Found } from './pending-file.ts'
import type { BackupReport } from './report.ts'
import type { Scan } from './scan.ts'

export interface BackupSource {
  /** Absolute paths of the sources. */
  readonly paths: readonly Uint8Array[]
  /**
   * Begins to look around while the caller prepares what `walk` needs; `walk` goes on with it. Returns when it began, in
   * milliseconds since 1970: what is seen is no older.
   */
  begin?(): number
  /** Walks everything in order of name; calls `check` often: it throws when the backup is to stop. */
  walk(scan: Scan, report: BackupReport, check: () => void): Promise<void>
  /**
   * Counts what there is, a little at a time beside the walk, so that a person can be told how long it will take.
   * Resolves to undefined when `signal` stops it; never rejects.
   */
  measure?(signal: AbortSignal): Promise<{ readonly files: number; readonly bytes: number } | undefined>
  /** Whether a file has to be read again; `since` is when the parent snapshot was begun. */
  compare(entry: Entry, file: Found, since: Timespec): Verdict
  /** Methods that some files are compressed with instead of the default. */
  readonly methods?: readonly Method[]
  /** How the content of a file is cut, and which of `methods` it is compressed with, counted from 1; absent where nothing is asked for any. */
  treatment?(file: Found): Treatment
  /** Whether there may be files whose chunks are compared with what is stored. */
  readonly compares?: boolean
  /** Ends what `begin` began where no `walk` came after it. */
  close?(): Promise<void>
  /** Looks at a path again, on the way that the walk took: never through a symlink. */
  restat(path: Uint8Array): FileStat
}
