// A file whose content comes from more than one block. Its pieces are written by whichever thread opened their block, at
// their place in the file and in any order; so a large file is never in memory and every core works on it. It has a
// temporary name until the last piece is there.
import { codeOf, errnoOf, reasonsOf } from '../../base/errors.ts'
import { renameAt } from '../../posix/names.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { truncateFd } from '../../posix/read.ts'
import { statFd } from '../../posix/stat.ts'
import { joinPath } from '../browse/tree-walk.ts'
import { applyAttributes } from './attributes.ts'
import type { Warn } from './attributes.ts'
import type { OpenDirectories } from './directory-node.ts'
import type { Failure, FileTask } from './file-task.ts'
import { CREATE_FLAGS, isFull, removeQuietly, setEarlyFlags, temporaryName, writeZeros } from './file-writer.ts'
import type { MetadataClasses } from './options.ts'
import type { Report } from './report.ts'
import { takingPlace } from './taking-place.ts'

export interface OpenFileContext {
  readonly directories: OpenDirectories
  readonly classes: MetadataClasses
  /** File creation mask of the process. */
  readonly umask: number
  readonly report: Report
  /** Files that exist under their temporary name, to be removed if the restore ends early. */
  readonly unfinished: Set<OpenFile>
}

export class OpenFile {
  readonly task: FileTask
  readonly #ctx: OpenFileContext
  #fd: number | undefined
  #hasSize = false
  #failure: Failure | undefined
  /** Pieces that are not written, and one while the content is still being planned. */
  #left = 1

  constructor(task: FileTask, ctx: OpenFileContext) {
    this.task = task
    this.#ctx = ctx
  }

  /** Whether there is no use in writing more of it. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Descriptor to write to; makes the file. Undefined when that fails, which `pieceDone` then tells in the end. */
  fd(): number | undefined {
    if (this.#fd !== undefined || this.failed) return this.#fd
    const { task } = this
    try {
      const dirFd = this.#ctx.directories.acquireToChange(task.directory)
      try {
        this.#fd = openAt(dirFd, temporaryName(task.id), CREATE_FLAGS, 0o600)
      } catch (cause) {
        this.#ctx.directories.release(task.directory)
        throw cause
      }
      this.#ctx.unfinished.add(this)
      if (this.#ctx.classes.flags) setEarlyFlags(this.#fd, task.attributes.flags)
    } catch (cause) {
      this.fail(cause)
    }
    return this.#fd
  }

  /** A run of zeros that takes space, unlike a hole. */
  zeros(position: number, length: number): void {
    const fd = this.fd()
    if (fd === undefined) return
    try {
      writeZeros(fd, position, length)
    } catch (cause) {
      this.fail(cause)
    }
  }

  /**
   * There will be a hole. The file gets its size before its data then: xfs reserves space behind data that makes a file
   * longer, and what would have been a hole would keep it.
   */
  hole(): void {
    const fd = this.#hasSize ? undefined : this.fd()
    if (fd === undefined) return
    this.#hasSize = true
    try {
      truncateFd(fd, this.task.size)
    } catch (cause) {
      this.fail(cause)
    }
  }

  pieceAdded(): void {
    this.#left++
  }

  /** A piece was written or failed, or the plan has come to the end of the file. */
  pieceDone(failure?: Failure): void {
    this.#failure ??= failure
    if (--this.#left > 0) return
    this.fd()
    if (this.failed) this.discard()
    else this.#complete()
    this.task.finished(this.#failure)
  }

  /** Throws `full`; anything else is a failure of this file. */
  fail(cause: unknown): void {
    if (isFull(cause) || errnoOf(cause) === undefined) throw cause
    this.#failure ??= { code: codeOf(cause), message: reasonsOf(cause) }
  }

  /** Removes what there is of it. */
  discard(): void {
    if (this.#fd === undefined) return
    closeFd(this.#fd)
    this.#fd = undefined
    this.#ctx.unfinished.delete(this)
    const { directories } = this.#ctx
    removeQuietly(directories.acquire(this.task.directory), temporaryName(this.task.id))
    directories.release(this.task.directory)
    directories.release(this.task.directory) // that of fd()
  }

  #complete(): void {
    const { task } = this
    const { classes, directories, report, umask } = this.#ctx
    const fd = this.#fd!
    const dirFd = directories.acquire(task.directory)
    try {
      if (!this.#hasSize) truncateFd(fd, task.size)
      const found = { ...statFd(fd), fresh: true }
      const wanted = classes.mode ? task.attributes : { ...task.attributes, mode: 0o666 & ~umask }
      const warn: Warn = (what, cause) => report.warn(what, joinPath(task.directory.path, task.name), cause)
      applyAttributes({ fd }, 'file', wanted, found, { ...classes, mode: true }, warn, () => {
        placeFile(dirFd, task, classes.flags)
      })
      closeFd(fd)
      this.#fd = undefined
      this.#ctx.unfinished.delete(this)
      directories.release(task.directory)
    } catch (cause) {
      this.fail(cause)
      this.discard()
    } finally {
      directories.release(task.directory)
    }
  }
}

/** Gives a complete file its name. What has appeared there since the plan was made is not overwritten. */
function placeFile(dirFd: number, { id, name, replace }: FileTask, unlocks: boolean): void {
  const temporary = temporaryName(id)
  const rename = () => renameAt(dirFd, temporary, dirFd, name)
  if (replace) return takingPlace(dirFd, name, unlocks, rename)
  try {
    renameAt(dirFd, temporary, dirFd, name, 'keep')
  } catch (cause) {
    if (errnoOf(cause) !== 'EINVAL') throw cause
    rename() // some file systems know no such rename
  }
}
