// Makes the directories of the target or enters those that are there, and gives them their attributes when everything in
// them is done.
import { displayText } from '../../base/bytes.ts'
import { BackupError, errnoOf } from '../../base/errors.ts'
import { getFlags, FLAG_APPEND, FLAG_IMMUTABLE, setFlags } from '../../posix/file-flags.ts'
import { mkdirAt, unlinkAt } from '../../posix/names.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { chmodFd } from '../../posix/ownership.ts'
import { statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { effectiveUid } from '../../posix/users.ts'
import { getXattr, removeXattr } from '../../posix/xattr.ts'
import { applyAttributes, attributesDiffer, chmodNamed } from './attributes.ts'
import type { Attributes } from './attributes.ts'
import { canChange, isClosedToOwner, lockedBy, requireChangeable } from './changeable.ts'
import type { RestoreContext } from './context.ts'
import { OPEN_DIRECTORY_FLAGS } from './directory-node.ts'
import type { DirectoryNode } from './directory-node.ts'
import { ExistingNames } from './existing-names.ts'
import { isFull } from './file-writer.ts'
import { foreseeAttributes } from './foresee.ts'
import type { WarningClass } from './options.ts'
import { ACCESS_ACL, DEFAULT_ACL } from './posix-acl.ts'
import { refuseMountPoint } from './remove-tree.ts'
import { requireReplaceable, takingPlace } from './taking-place.ts'

/** Closed to others until everything in it has its owner and mode. */
const WORKING_MODE = 0o700
const LOCKS = FLAG_IMMUTABLE | FLAG_APPEND

export class DirectoryMaker {
  readonly #ctx: RestoreContext
  /** Directories that were there and are open to work in, with what they get back when that is over. */
  readonly #openedUp = new Map<
    DirectoryNode,
    { readonly mode: number | undefined; readonly flags: number | undefined }
  >()

  /** Directories that were there with other attributes than they get. */
  readonly #differing = new Set<DirectoryNode>()

  constructor(ctx: RestoreContext) {
    this.#ctx = ctx
  }

  /**
   * Makes sure that a directory is there, with all above it; throws why it cannot be. In a dry run it is left missing.
   */
  require(node: DirectoryNode): void {
    const { prepare } = node
    if (prepare !== undefined) {
      node.prepare = undefined
      try {
        if (node.parent !== undefined) this.require(node.parent)
        prepare(node)
      } catch (cause) {
        if (isFull(cause) || (!(cause instanceof BackupError) && errnoOf(cause) === undefined)) throw cause
        node.unusable = cause
      }
    }
    if (node.unusable !== undefined) throw node.unusable
  }

  /** For `prepare` of a directory of the snapshot: what is there and no directory makes room. */
  readonly makeOrEnter = (node: DirectoryNode): void => {
    const there = node.parent!.existing?.take(node.name)
    if (there === undefined) return this.#make(node, WORKING_MODE)
    if (there.stat.kind === 'directory') return this.#enter(node, there.stat)
    this.#clear(node, there.stat)
    this.#make(node, WORKING_MODE)
    this.#ctx.report.counts.replaced++
  }

  #clear(node: DirectoryNode, stat: FileStat): void {
    const { directories, dryRun, classes } = this.#ctx
    const parent = node.parent!
    refuseMountPoint(stat, node.path)
    if (!dryRun)
      return directories.changing(parent, (fd) =>
        takingPlace(fd, node.name, classes.flags, () => unlinkAt(fd, node.name, false)),
      )
    requireChangeable(directories, parent, true)
    requireReplaceable(stat, node.path, classes.flags)
  }

  /** For `prepare` of a folder above what is restored: it is no part of it, so nothing makes room for it. */
  readonly makeOrUse = (node: DirectoryNode): void => {
    const there = node.parent!.existing?.take(node.name)
    if (there === undefined) return this.#make(node, 0o777)
    if (there.stat.kind === 'directory') return this.#enter(node, there.stat)
    throw new BackupError('refused', `a ${there.stat.kind} is in the place of a folder`, displayText(node.path), {
      hint: 'links in the target are not followed; restore into the folder that it leads to',
    })
  }

  /** The target itself: the operator named it, so a symlink to it is followed. */
  useTarget(node: DirectoryNode, fd: number, created: boolean): void {
    const stat = statFd(fd)
    node.created = created
    this.#ctx.directories.adopt(node, fd, stat)
    if (created) return
    node.inherits = getXattrQuietly(fd) !== null
    node.existing = this.#namesIn(node)
    this.#compare(node, fd, stat)
  }

  /** The restore has ended early: directories that were opened up get back what they had. */
  abandon(): void {
    const { directories } = this.#ctx
    for (const [node, { mode, flags }] of [...this.#openedUp].toReversed()) {
      try {
        const fd = directories.acquire(node)
        if (mode !== undefined) chmodFd(fd, mode)
        if (flags !== undefined) setFlags(fd, flags)
      } catch (cause) {
        if (!(cause instanceof BackupError) && errnoOf(cause) === undefined) throw cause // why it ended is told already
      }
    }
  }

  /** Everything in it is done: mode, owner, times and flags. */
  readonly finish = (node: DirectoryNode): void => {
    const { directories, classes, report, dryRun } = this.#ctx
    const { wanted } = node
    if (dryRun || node.prepare !== undefined || node.unusable !== undefined) return
    try {
      const fd = directories.acquire(node)
      try {
        const found = { ...statFd(fd), fresh: node.created }
        if (wanted !== undefined) {
          const changed = applyAttributes({ fd }, 'directory', wanted, found, classes, (what, cause) => {
            report.warn(what, node.path, cause)
          })
          if (this.#differing.delete(node) && changed) report.counts.attributes++
        }
        if (!classes.mode || wanted === undefined) this.#giveUsualMode(node, fd, found.mode)
        if (wanted === undefined) this.#lockAgain(node, fd)
      } finally {
        directories.release(node)
      }
      this.#openedUp.delete(node)
      if (node.parent !== undefined) directories.forget(node)
    } catch (cause) {
      if (!(cause instanceof BackupError) && errnoOf(cause) === undefined) throw cause
      report.trouble(node.path, cause)
    }
  }

  /** The mode of a directory whose mode is not restored: as any new one has, or what it was. */
  #giveUsualMode(node: DirectoryNode, fd: number, found: number): void {
    const usual = node.created && node.wanted !== undefined ? 0o777 & ~this.#ctx.umask : node.formerMode
    if (usual !== undefined && usual !== found) chmodFd(fd, usual)
  }

  /** A folder above what is restored keeps its flags. */
  #lockAgain(node: DirectoryNode, fd: number): void {
    const flags = this.#openedUp.get(node)?.flags
    if (flags !== undefined) setFlags(fd, flags)
  }

  #make(node: DirectoryNode, mode: number): void {
    const { report, dryRun, directories, classes } = this.#ctx
    const parent = node.parent!
    const made = () => {
      if (node.wanted !== undefined) report.counts.directories++
      node.created = true
    }
    if (dryRun) {
      requireChangeable(directories, parent, false)
      node.missing = true
      this.#foresee(node, undefined)
      return made()
    }
    const fd = directories.changing(parent, (parentFd) => {
      mkdirAt(parentFd, node.name, mode)
      return openAt(parentFd, node.name, OPEN_DIRECTORY_FLAGS)
    })
    made()
    // What the parent hands down is no part of the snapshot; in a folder above what is restored it stays.
    if (parent.inherits && node.wanted !== undefined && classes.acls) removeAcls(fd)
    else node.inherits = parent.inherits
    directories.adopt(node, fd, statFd(fd))
    directories.release(node)
  }

  #foresee(node: DirectoryNode, found: FileStat | undefined): void {
    if (node.wanted !== undefined) this.foresee(node, node.wanted, found)
  }

  /** In a dry run: warns of what a directory would not get; `found` is what is there. */
  foresee(node: DirectoryNode, wanted: Attributes, found: FileStat | undefined): void {
    const { classes, report, restorer, verifying } = this.#ctx
    if (verifying) return
    const warn = (what: WarningClass, cause: unknown) => report.warn(what, node.path, cause)
    foreseeAttributes('directory', wanted, found, restorer, classes, warn)
  }

  #enter(node: DirectoryNode, stat: FileStat): void {
    const { directories, dryRun, classes } = this.#ctx
    const closed = isClosedToOwner(stat)
    const fd = directories.using(node.parent!, (parentFd) => {
      if (closed && !dryRun) {
        node.formerMode = stat.mode
        chmodNamed(parentFd, node.name, stat.mode | WORKING_MODE)
      }
      return openAt(parentFd, node.name, OPEN_DIRECTORY_FLAGS)
    })
    const now = statFd(fd)
    if (now.ino !== stat.ino || now.dev !== stat.dev) {
      closeFd(fd)
      throw new BackupError('refused', 'a directory was replaced while it was restored', displayText(node.path))
    }
    directories.adopt(node, fd, now)
    try {
      node.inherits = getXattrQuietly(fd) !== null
      node.existing = this.#namesIn(node)
      this.#compare(node, fd, stat)
      const mode = node.formerMode
      if (mode !== undefined) this.#openedUp.set(node, { mode, flags: undefined })
      node.unlockable = classes.flags && effectiveUid() === 0
      const locked = !dryRun && classes.flags && lockedBy(stat) !== 0
      if (locked) node.unlock = (writable) => this.#openedUp.set(node, { mode, flags: unlock(writable) })
    } finally {
      directories.release(node)
    }
  }

  #compare(node: DirectoryNode, fd: number, stat: FileStat): void {
    const { wanted } = node
    if (wanted === undefined) return
    const { classes, dryRun, report } = this.#ctx
    const differs = attributesDiffer({ fd }, 'directory', wanted, stat, classes)
    if (!differs) report.counts.unchanged++
    else if (!dryRun) this.#differing.add(node)
    else {
      this.#foresee(node, stat)
      try {
        if (canChange(fd, stat, classes.flags)) report.counts.attributes++
      } catch (cause) {
        if (errnoOf(cause) === undefined) throw cause
        report.trouble(node.path, cause)
      }
    }
  }

  #namesIn(node: DirectoryNode): ExistingNames {
    const { directories } = this.#ctx
    return new ExistingNames(
      () => directories.acquire(node),
      () => directories.release(node),
    )
  }
}

function getXattrQuietly(fd: number): Uint8Array | null {
  try {
    return getXattr({ fd }, DEFAULT_ACL)
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause
    return null
  }
}

function removeAcls(fd: number): void {
  for (const name of [DEFAULT_ACL, ACCESS_ACL]) {
    try {
      removeXattr({ fd }, name)
    } catch (cause) {
      if (errnoOf(cause) === undefined) throw cause
    }
  }
}

/** Takes immutable and append only away; gives the flags that there were, if that was possible. */
function unlock(fd: number): number | undefined {
  try {
    const flags = getFlags(fd)
    if (flags === null) return undefined
    setFlags(fd, flags & ~LOCKS)
    return flags
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause // what is refused in it will be told
    return undefined
  }
}
