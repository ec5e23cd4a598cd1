// What has to happen with an entry, given what is in its place. Pure: the table of all cases is in the test.
import { equalBytes } from '../../base/bytes.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'
import { sameFileTime } from './file-time.ts'

export type Action =
  /** Nothing is there. */
  | 'make'
  /** The content is right; attributes may have to be changed. */
  | 'keep'
  /** Size and kind are right; the content has to be compared. */
  | 'compare'
  /** Something else is there and makes room: a file, a symlink or whatever can simply be replaced. */
  | 'replace'
  /** A directory is in the way of something that is none. */
  | 'replace-directory'

export interface Existing {
  readonly stat: FileStat
  /** Target, if it is a symlink. */
  readonly target?: Uint8Array | undefined
}

export function decide(entry: Entry, existing: Existing | undefined, compare: 'attributes' | 'content'): Action {
  if (existing === undefined) return 'make'
  const { stat, target } = existing
  if (stat.kind !== entry.kind) return stat.kind === 'directory' ? 'replace-directory' : 'replace'
  switch (entry.kind) {
    case 'directory':
    case 'fifo':
    case 'socket':
      return 'keep'
    case 'symlink':
      return target !== undefined && entry.target !== undefined && equalBytes(target, entry.target) ? 'keep' : 'replace'
    case 'char':
    case 'block':
      return stat.rdev.major === entry.device?.major && stat.rdev.minor === entry.device.minor ? 'keep' : 'replace'
    case 'file':
      if (stat.size !== entry.size) return 'replace'
      if (compare === 'content') return 'compare'
      return sameFileTime(stat.mtime, entry.mtime) ? 'keep' : 'replace'
  }
}
