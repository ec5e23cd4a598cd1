// Puts everything that is not a directory in its place: decides, makes small things at once, hands files to the plan, and
// links the other names of an inode when the first is there.
import { displayText } from '../../base/bytes.ts'
import { BackupError, codeOf, errnoOf, reasonsOf } from '../../base/errors.ts'
import type { Entry } from '../../format/entry-model.ts'
import { linkAt, renameAt } from '../../posix/names.ts'
import { closeFd } from '../../posix/open.ts'
import type { FileStat } from '../../posix/stat.ts'
import { applyAttributes, attributesDiffer } from './attributes.ts'
import type { Attributes } from './attributes.ts'
import { ownXattr } from './batch.ts'
import { canChange, requireChangeable } from './changeable.ts'
import { compareWithSnapshot } from './compare-plan.ts'
import type { RestoreContext } from './context.ts'
import { decide } from './decide.ts'
import type { Existing } from './decide.ts'
import type { DirectoryNode } from './directory-node.ts'
import type { Failure, FileTask } from './file-task.ts'
import { isFull, removeQuietly, temporaryName } from './file-writer.ts'
import { canBeMade, foreseeAttributes } from './foresee.ts'
import { Item } from './item.ts'
import type { ItemPlace } from './item.ts'
import type { LinkGroup } from './link-groups.ts'
import type { WarningClass } from './options.ts'
import { refuseMountPoint, removeEmpty, removeTree } from './remove-tree.ts'
import { cannotHold, makeObject } from './special-objects.ts'
import { openQuietly, requireReplaceable, takingPlace } from './taking-place.ts'

export class ItemPlacer {
  readonly #ctx: RestoreContext
  /** Steps that came up where nobody could wait for room. */
  readonly #late: (() => Promise<void>)[] = []

  constructor(ctx: RestoreContext) {
    this.#ctx = ctx
  }

  /** Starts to put an entry in its place; what becomes of it is reported. Throws only what ends the restore. */
  async place(directory: DirectoryNode, name: Uint8Array, entry: Entry, existing: Existing | undefined): Promise<void> {
    const { links, report } = this.#ctx
    directory.begin()
    const alone = new Item(directory, name, entry, existing, undefined)
    if (
      (entry.kind === 'file' && entry.content === undefined) ||
      (entry.kind === 'symlink' && entry.target === undefined)
    ) {
      return this.#end(alone, { code: 'not-found', message: 'it could not be read when it was backed up' })
    }
    const role = links.meet(entry, directory, name)
    if (role.kind === 'other') return this.#follow(alone, role.group)
    if (role.kind === 'differs') report.warn('hard links', alone.path, 'names of one file had different content')
    await this.#restore(role.kind === 'first' ? new Item(directory, name, entry, existing, role.group) : alone)
  }

  /** Carries out what had to wait. More may come until nothing runs any more. */
  async proceed(): Promise<void> {
    for (let step = this.#late.shift(); step !== undefined; step = this.#late.shift()) await step()
  }

  get hasMore(): boolean {
    return this.#late.length > 0
  }

  async #restore(item: Item): Promise<void> {
    const wanted = await this.#wanted(item)
    try {
      const action = decide(item.entry, item.existing, this.#ctx.compare)
      if (action === 'keep') return await this.#keep(item, wanted)
      if (action === 'compare') return await this.#compare(item, wanted)
      if (action === 'replace-directory') this.#clearDirectory(item)
      await this.#make(item, wanted, action === 'replace')
    } catch (cause) {
      this.#fail(item, cause)
    }
  }

  async #wanted(item: Item): Promise<Attributes> {
    const { entry } = item
    try {
      return await this.#ctx.attributesOf(entry)
    } catch (cause) {
      if (!(cause instanceof BackupError)) throw cause
      this.#ctx.report.trouble(item.path, cause)
      const { xattrs: _unreadable, ...rest } = entry
      return this.#ctx.attributesOf(rest)
    }
  }

  /** The content is right. */
  async #keep(item: Item, wanted: Attributes): Promise<void> {
    const { entry, directory, name, existing, group } = item
    const { classes, directories, dryRun, links, report, verifying } = this.#ctx
    const { stat } = existing!
    if (!links.mayKeep(stat)) {
      links.sameInode(stat)
      return this.#make(item, wanted, true)
    }
    if (group !== undefined) group.kept = stat
    const differs = directories.using(directory, (dirFd) => {
      return attributesDiffer({ dirFd, name }, entry.kind, wanted, stat, classes)
    })
    // A change would show under the other names too, and they may lie outside of the target.
    if (differs && stat.nlink > 1) {
      if (group !== undefined) group.kept = undefined
      return this.#make(item, wanted, true)
    }
    if (differs) {
      if (dryRun) this.#foreseeAttributes(item, wanted, stat)
      const canBe = () => directories.using(directory, (dirFd) => canChange(dirFd, stat, classes.flags))
      if (dryRun ? canBe() : this.#change(item, wanted, stat)) {
        report.counts.attributes++
        report.item('changed', () => item.path, entry.size)
      }
    } else {
      report.counts.unchanged++
      report.item(verifying ? 'verified' : 'unchanged', () => item.path, entry.size)
    }
    this.#end(item)
  }

  /** Whether any of it could be changed; warnings tell what could not. */
  #change(item: Item, wanted: Attributes, stat: FileStat): boolean {
    const { entry, directory, name } = item
    const { classes, directories, report } = this.#ctx
    const found = { ...stat, fresh: false }
    const warn = (what: WarningClass, cause: unknown) => report.warn(what, item.path, cause)
    return directories.using(directory, (dirFd) => {
      const fd = entry.kind === 'file' ? openQuietly(dirFd, name) : undefined
      try {
        return applyAttributes(fd === undefined ? { dirFd, name } : { fd }, entry.kind, wanted, found, classes, warn)
      } finally {
        if (fd !== undefined) closeFd(fd)
      }
    })
  }

  /** Whether the content is right is found out beside the walk, in a worker. */
  async #compare(item: Item, wanted: Attributes): Promise<void> {
    const { running, directories, executor, reader } = this.#ctx
    const content = item.entry.content!
    const { directory, name, entry } = item
    const isEqual = async () => {
      const dirFd = directories.acquire(directory)
      try {
        return await compareWithSnapshot(reader, executor, dirFd, name, content, entry.size!)
      } finally {
        directories.release(directory)
      }
    }
    await running.start(async () => {
      try {
        const equal = await isEqual()
        // What follows may have to wait for room, so it cannot be done in here.
        this.#late.push(() => this.#recover(item, equal ? this.#keep(item, wanted) : this.#make(item, wanted, true)))
      } catch (cause) {
        this.#fail(item, cause)
      }
    })
  }

  async #make(item: Item, wanted: Attributes, replace: boolean): Promise<void> {
    const { entry, directory, name } = item
    const { dryRun, report, plan, nextId, verifying } = this.#ctx
    if (verifying && entry.kind === 'file') {
      return this.#end(item, { code: 'corrupt', message: 'what is in the target is not what the snapshot has' })
    }
    this.#checkPlace(item, replace)
    if (dryRun) return this.#foresee(item, wanted, replace)
    if (entry.kind === 'file') return plan.add(this.#fileTask(item.place(), wanted, replace), entry.content!)
    const { classes, directories } = this.#ctx
    const warn = (what: WarningClass, cause: unknown) => report.warn(what, item.path, cause)
    try {
      directories.changing(directory, (dirFd) => {
        const place = { dirFd, name, temporary: replace ? temporaryName(nextId()) : undefined }
        makeObject(place, entry, wanted, classes, warn)
      })
      this.#made(item, replace)
    } catch (cause) {
      if (!cannotHold(cause)) throw cause
      warn(entry.kind === 'symlink' ? 'symlinks' : 'special files', cause)
      this.#settle(item, 'failed')
      this.#leave(item)
    }
  }

  #fileTask(place: ItemPlace, wanted: Attributes, replace: boolean): FileTask {
    const { directory, name, size, group } = place
    return {
      id: this.#ctx.nextId(),
      directory,
      name,
      size: size!,
      attributes: wanted.xattrs.length === 0 ? wanted : { ...wanted, xattrs: wanted.xattrs.map(ownXattr) },
      replace,
      isAwaited: group !== undefined,
      finished: (failure) => (failure === undefined ? this.#made(place, replace) : this.#end(place, failure)),
    }
  }

  #foresee(item: Item, wanted: Attributes, replace: boolean): void {
    const { restorer, verifying } = this.#ctx
    if (verifying || canBeMade(item.entry, restorer)) {
      this.#foreseeAttributes(item, wanted, undefined)
      return this.#made(item, replace)
    }
    this.#ctx.report.warn('special files', item.path, 'this user may not make devices')
    this.#settle(item, 'failed')
    this.#leave(item)
  }

  #foreseeAttributes({ entry, path }: Item, wanted: Attributes, found: FileStat | undefined): void {
    const { classes, report, restorer, verifying } = this.#ctx
    if (verifying) return
    foreseeAttributes(entry.kind, wanted, found, restorer, classes, (what, cause) => report.warn(what, path, cause))
  }

  #made(item: ItemPlace, replaced: boolean): void {
    const { kind, size } = item
    const { counts } = this.#ctx.report
    if (replaced) counts.replaced++
    if (kind === 'file') {
      counts.files++
      counts.bytes += size!
    } else if (kind === 'symlink') counts.symlinks++
    else counts.specials++
    this.#ctx.report.item('restored', () => item.path, size)
    this.#end(item)
  }

  /** Another name of a group: linked as soon as the first one is there. */
  #follow(item: Item, group: LinkGroup): void {
    const proceed = () => {
      if (group.state === 'failed') this.#late.push(() => this.#restore(item))
      else this.#link(item, group)
    }
    if (group.state === 'pending') group.waiting.push(proceed)
    else proceed()
  }

  #link(item: Item, group: LinkGroup): void {
    const { directory, name, existing } = item
    const { report, dryRun, directories, links, nextId, classes } = this.#ctx
    const { kept } = group
    if (kept !== undefined && existing?.stat.ino === kept.ino && existing.stat.dev === kept.dev) {
      links.sameInode(kept)
      report.counts.unchanged++
      report.item('unchanged', () => item.path, item.entry.size)
      return this.#end(item)
    }
    try {
      if (existing?.stat.kind === 'directory') this.#clearDirectory(item)
      const replace = existing !== undefined && existing.stat.kind !== 'directory'
      this.#checkPlace(item, replace)
      if (!dryRun) {
        const temporary = replace ? temporaryName(nextId()) : undefined
        const { first } = group
        directories.using(first.directory, (firstFd) => {
          directories.changing(directory, (dirFd) =>
            linkInto(firstFd, first.name, dirFd, name, temporary, classes.flags),
          )
        })
      }
      if (replace) report.counts.replaced++
      report.counts.hardLinks++
      report.item('restored', () => item.path, item.entry.size)
      this.#end(item)
    } catch (cause) {
      if (!isSystemError(cause) || isFull(cause)) return this.#fail(item, cause)
      // What cannot be linked is a file of its own: nothing is missing but the link.
      report.warn('hard links', item.path, cause)
      this.#late.push(() => this.#restore(item))
    }
  }

  /** Makes room where a directory is in the place of something else. */
  #clearDirectory(item: Item): void {
    const { directory, name, path } = item
    const { deleteOthers, directories, dryRun, guard, report } = this.#ctx
    requireChangeable(directories, directory, true)
    const clear = (fd: number) => {
      if (deleteOthers) removeTree(fd, name, path, { guard, dryRun, removed: report.removed })
      else removeEmpty(fd, name, path, { guard, dryRun })
    }
    try {
      if (dryRun) directories.using(directory, clear)
      else directories.changing(directory, clear)
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOTEMPTY' && errnoOf(cause) !== 'EEXIST') throw cause
      throw new BackupError('exists', 'a directory that is not empty is in its place', displayText(path), {
        hint: 'remove it, or restore with --delete',
      })
    }
  }

  /** Throws what is known before the item is made: that its place cannot be taken, and in a dry run what would fail. */
  #checkPlace({ directory, existing, path }: Item, replace: boolean): void {
    const { classes, directories, dryRun } = this.#ctx
    if (replace && existing !== undefined) {
      refuseMountPoint(existing.stat, path)
      requireReplaceable(existing.stat, path, classes.flags)
    }
    if (dryRun) requireChangeable(directories, directory, replace)
  }

  async #recover(item: Item, step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (cause) {
      this.#fail(item, cause)
    }
  }

  #fail(item: Item, cause: unknown): void {
    const ours = cause instanceof BackupError ? isOwn(cause) : isSystemError(cause) && !isFull(cause)
    if (!ours) throw cause
    this.#end(item, { code: codeOf(cause), message: reasonsOf(cause) })
  }

  /** The item is done or has failed: tells, lets other names go on, and lets the directory finish. */
  #end(item: ItemPlace, failure?: Failure): void {
    const { report } = this.#ctx
    if (failure !== undefined) report.troubleOf(item.path, failure.code, failure.message)
    report.done(item.size ?? 0)
    this.#settle(item, failure === undefined ? 'done' : 'failed')
    item.directory.end()
  }

  /** Not there, and not counted as trouble: the target cannot hold it. */
  #leave(item: ItemPlace): void {
    this.#ctx.report.done()
    item.directory.end()
  }

  #settle({ group }: ItemPlace, state: 'done' | 'failed'): void {
    if (group !== undefined) this.#ctx.links.settle(group, state)
  }
}

function linkInto(
  fromFd: number,
  from: Uint8Array,
  dirFd: number,
  name: Uint8Array,
  temporary: Uint8Array | undefined,
  unlocks: boolean,
): void {
  if (temporary === undefined) return linkAt(fromFd, from, dirFd, name)
  linkAt(fromFd, from, dirFd, temporary)
  try {
    takingPlace(dirFd, name, unlocks, () => renameAt(dirFd, temporary, dirFd, name))
  } catch (cause) {
    removeQuietly(dirFd, temporary)
    throw cause
  }
}

function isSystemError(cause: unknown): boolean {
  return !(cause instanceof BackupError) && errnoOf(cause) !== undefined
}

function isOwn({ code }: BackupError): boolean {
  return code !== 'unreachable' && code !== 'interrupted' && code !== 'full' && code !== 'wrong-key'
}
