// Whether a file has to be read: what the parent snapshot says about it against what the file system says now.
//
// By default ctime, mtime, size, inode and kind have to be the same. The ctime is the one that counts: the kernel sets it
// at every change of content or attributes and programs cannot. The others can be relied on where it cannot: file
// systems that do not keep it, trees that something touches all the time.
//
// **Racy files.** A clock ticks every few milliseconds. A file that was changed, backed up, and changed again within one
// tick carries the same times for both contents. So times prove something only if they are older than the start of the
// backup that recorded them; a file whose time is not is read again, once: the next backup starts later. The margin of
// two seconds covers file systems that keep times no finer (FAT) and clocks of file servers that are a little behind.
import { sameTime, type Timespec } from '../base/time.ts'
import type { Entry } from '../format/entry-model.ts'
import type { FileStat } from '../posix/stat.ts'

export interface ChangeOptions {
  readonly ignoreCtime?: boolean
  readonly ignoreMtime?: boolean
  /** For file systems that number their files anew (some network and FUSE file systems). */
  readonly ignoreInode?: boolean
  /** Read everything and compare: finds what changed behind the file system's back. */
  readonly alwaysRead?: boolean
}

/**
 * - `same`: content and attributes are those of the parent's entry.
 * - `same content`: the content is; attributes have to be read (only where ctime is not compared).
 * - `verify`: as `same` or `same content`, but it has to be read; other content then means silent damage.
 * - `changed`: read it.
 */
export type Verdict = 'same' | 'same content' | 'verify' | 'changed'

/** Two seconds: the coarsest times that a file system in use keeps (FAT). */
export const RACY_MARGIN_SECONDS = 2

/** Compares a regular file with its entry in the parent snapshot, which was started at `parentStarted`. */
export function compareWithParent(
  parent: Entry | undefined,
  stat: FileStat,
  parentStarted: Timespec,
  options: ChangeOptions = {},
): Verdict {
  if (parent === undefined || parent.kind !== 'file' || stat.kind !== 'file') return 'changed'
  // What could not be read then, or did not hold still, is read now.
  if (parent.content === undefined || (parent.trouble !== undefined && parent.trouble.length > 0)) return 'changed'
  if (parent.size !== stat.size) return 'changed'
  if (options.ignoreInode !== true && parent.ino !== stat.ino) return 'changed'
  if (options.ignoreMtime !== true && !sameTime(parent.mtime, stat.mtime)) return 'changed'
  const byCtime = options.ignoreCtime !== true && parent.ctime !== undefined
  if (byCtime && !sameTime(parent.ctime, stat.ctime)) return 'changed'
  // One time that is compared and old enough is proof: the ctime, or else the mtime.
  const proof = byCtime ? stat.ctime : options.ignoreMtime === true ? undefined : stat.mtime
  if (proof !== undefined && isRacy(proof, parentStarted)) return 'changed'
  if (options.alwaysRead === true) return 'verify'
  return byCtime ? 'same' : 'same content'
}

/** True if a change after `started` could have left something with this time. */
export function isRacy(time: Timespec, started: Timespec): boolean {
  const limit = started.sec - RACY_MARGIN_SECONDS
  return time.sec > limit || (time.sec === limit && time.nsec >= started.nsec)
}
