// One directory on the way of the walk: its place in the tree and its open file descriptor. Only OPEN_MAX of the
// directories between the source and where the walk stands are kept open; the others are closed and opened again on the
// way back, through `..` of the one below, which must lead to the same device and inode. Paths longer than the system
// permits (4 KiB) are no obstacle: every directory is opened by its name in the one above.
import { AT_FDCWD, O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_RDONLY } from '../posix/constants.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { type FileStat, statFd } from '../posix/stat.ts'
import { codeOfError } from '../posix/errors.ts'
import { effectiveUid } from '../posix/users.ts'
import { textOfKey } from './path-text.ts'
import { WalkPlace } from './walk-place.ts'

/** Directories kept open above the one being walked; a process may have 1,024 files open by default. */
export const OPEN_MAX = 64

export class WalkedDirectory extends WalkPlace {
  override readonly parent: WalkedDirectory | null
  /** The name with one character for each byte (posix/directory.ts). */
  readonly key: string
  /** Path below the source for rules: '' for the source itself, then `/a/b` (path-text.ts). */
  readonly rulePath: string
  /** As it is now that it is open; where it could not be opened, as it was when its name was looked at. */
  readonly stat: FileStat | undefined
  #fd: number

  private constructor(parent: WalkedDirectory | null, name: Uint8Array, key: string, stat?: FileStat, fd = NOT_OPEN) {
    super(parent, name)
    this.parent = parent
    this.key = key
    this.rulePath = this.depth < 2 ? '' : `${parent!.rulePath}/${textOfKey(key)}`
    this.stat = stat
    this.#fd = fd
  }

  static override top(): WalkedDirectory {
    return new WalkedDirectory(null, new Uint8Array(0), '', undefined, AT_FDCWD)
  }

  /** Opens `name` in `parent`, never through a symlink. Throws the system's error. */
  static open(parent: WalkedDirectory, name: Uint8Array, key: string, seen: FileStat): WalkedDirectory {
    const fd = openFolder(parent.fd, name, seen.uid)
    try {
      return new WalkedDirectory(parent, name, key, statFd(fd), fd)
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  /** A directory that is not entered. */
  static closed(parent: WalkedDirectory, name: Uint8Array, key: string, seen: FileStat): WalkedDirectory {
    return new WalkedDirectory(parent, name, key, seen)
  }

  /**
   * File descriptor of the open directory (AT_FDCWD for the top), for calls that take a directory and a name. Belongs to
   * the walk: valid until its next step.
   */
  get fd(): number {
    return this.#fd
  }

  get isOpen(): boolean {
    return this.#fd !== NOT_OPEN
  }

  /** Path of an entry for rules, relative to its source. */
  rulePathOf(key: string): string {
    return `${this.rulePath}/${textOfKey(key)}`
  }

  close(): void {
    if (this.#fd >= 0) closeFd(this.#fd)
    this.#fd = NOT_OPEN
  }

  /**
   * Opens a directory again that `close` was called for, coming back from `below`. Throws the system's error, or
   * `MovedError` when what is found in its place is another directory.
   */
  reopenFrom(below: WalkedDirectory): void {
    if (below.isOpen && this.#isThis(tryOpen(() => openFolder(below.fd, DOTDOT, this.stat!.uid)))) return
    // The one below was moved or cannot be used: the way down from the nearest directory that is still open.
    const way = wayFromOpen(this)
    for (let i = 1; i < way.length; i++) {
      const [above, next] = [way[i - 1]!, way[i]!]
      try {
        if (!next.#isThis(openFolder(above.fd, next.name, next.stat!.uid))) {
          throw new MovedError('another directory is in its place')
        }
      } finally {
        if (i > 1) above.close()
      }
    }
  }

  /** Takes an open directory over if it is this one, closes it otherwise. */
  #isThis(fd: number | undefined): boolean {
    if (fd === undefined) return false
    const { dev, ino } = statFd(fd)
    if (dev === this.stat!.dev && ino === this.stat!.ino) {
      this.#fd = fd
      return true
    }
    closeFd(fd)
    return false
  }
}

/** A directory is no longer where it was while the walk was below it. */
export class MovedError extends Error {
  override readonly name = 'MovedError'
}

const NOT_OPEN = -1
const DOTDOT = Uint8Array.of(0x2e, 0x2e)

/** Reading a directory should not change its access time; only its owner and root may ask for that. */
function openFolder(dirFd: number, name: Uint8Array, owner: number): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
  const me = effectiveUid()
  if (me !== 0 && me !== owner) return openAt(dirFd, name, flags)
  try {
    return openAt(dirFd, name, flags | O_NOATIME)
  } catch (error) {
    if (codeOfError(error) !== 'EPERM') throw error
    return openAt(dirFd, name, flags)
  }
}

/** The directories from the nearest open one down to `directory`. */
function wayFromOpen(directory: WalkedDirectory): WalkedDirectory[] {
  const way = [directory]
  while (!way.at(-1)!.isOpen) way.push(way.at(-1)!.parent!)
  return way.toReversed()
}

function tryOpen(open: () => number): number | undefined {
  try {
    return open()
  } catch {
    // The caller knows another way; if that fails too, its error is the one to report.
    return undefined
  }
}
