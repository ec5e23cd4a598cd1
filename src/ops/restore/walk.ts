// Walks the tree of a snapshot in the order of its names and starts what each entry needs. Names are checked here again,
// whatever has checked them before: this is the last place before the file system.
import { compareBytes } from '../../base/bytes.ts'
import { BackupError, errnoOf } from '../../base/errors.ts'
import { nameFlaw, TROUBLE } from '../../format/entry-model.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import { endsOf, nodeName, NodeOrder } from '../../format/node-order.ts'
import { isLeaf } from '../../format/tree-node.ts'
import type { InnerNode, TreeChild, TreeNode } from '../../format/tree-node.ts'
import { splitPath } from '../browse/tree-path.ts'
import { joinPath } from '../browse/tree-walk.ts'
import { requireChangeable } from './changeable.ts'
import type { RestoreContext } from './context.ts'
import { isOfOneItem } from './content-plan.ts'
import { DirectoryMaker } from './directory-maker.ts'
import { DirectoryNode } from './directory-node.ts'
import { lookAt } from './existing-names.ts'
import { isFull } from './file-writer.ts'
import { ItemPlacer } from './item-placer.ts'
import { removeTree } from './remove-tree.ts'

/** Deeper trees than this do not come from a file system: 4,096 bytes of path have 2,048 names at most. */
const DEPTH_MAX = 4096

/** An entry of the snapshot and the folders to put it in, below the target. */
export interface WalkStart {
  readonly entry: Entry
  /** Names of the folders above it; they are not part of what is restored. */
  readonly folders: readonly Uint8Array[]
  /** Name it gets; undefined for a directory whose content goes into the target itself. */
  readonly name: Uint8Array | undefined
}

export class TreeWalk {
  readonly #ctx: RestoreContext
  readonly #maker: DirectoryMaker
  readonly #placer: ItemPlacer

  constructor(ctx: RestoreContext, maker: DirectoryMaker) {
    this.#ctx = ctx
    this.#maker = maker
    this.#placer = new ItemPlacer(ctx)
  }

  /** Restores everything; resolves when all of it is done. */
  async run(target: DirectoryNode, starts: readonly WalkStart[]): Promise<void> {
    const folders = new Map<string, DirectoryNode>()
    for (const start of starts) {
      const parent = this.#folderFor(target, start.folders, folders)
      if (start.name === undefined) await this.#walkInto(parent, start.entry, 1)
      else await this.#entry(parent, start.name, start.entry, 1)
    }
    const { running, plan } = this.#ctx
    do {
      await this.#placer.proceed()
      await plan.flush()
      await running.idle()
    } while (this.#placer.hasMore)
    for (const folder of [...folders.values()].toReversed()) folder.end()
    target.end()
  }

  /** The folders above a source are shared by all sources below them. */
  #folderFor(target: DirectoryNode, names: readonly Uint8Array[], known: Map<string, DirectoryNode>): DirectoryNode {
    let folder = target
    for (const name of names) {
      const key = displayKey(joinPath(folder.path, name))
      let next = known.get(key)
      if (next === undefined) {
        next = new DirectoryNode(folder, name, this.#maker.finish)
        next.prepare = this.#maker.makeOrUse
        known.set(key, next)
      }
      folder = next
    }
    return folder
  }

  async #entry(directory: DirectoryNode, name: Uint8Array, entry: Entry, depth: number): Promise<void> {
    const { filter, report, checkStopped } = this.#ctx
    checkStopped()
    const flaw = nameFlaw(name, {})
    if (flaw !== undefined) {
      report.troubleOf(joinPath(directory.path, name), 'corrupt', `an entry of the snapshot ${flaw}`)
      return this.#passOver(entry)
    }
    const isDirectory = entry.kind === 'directory'
    const verdict = filter === undefined ? 'take' : filter(joinPath(directory.path, name), isDirectory)
    if (verdict === 'skip' || (verdict === 'enter' && !isDirectory)) {
      directory.existing?.take(name) // it is in the snapshot, so nothing that is not wanted
      return this.#passOver(entry)
    }
    if (isDirectory) return this.#directory(directory, name, entry, verdict === 'take', depth)
    try {
      this.#maker.require(directory)
    } catch (cause) {
      if (directory.unusable !== cause) throw cause
      throw new Unusable(directory)
    }
    await this.#placer.place(directory, name, entry, directory.existing?.take(name))
    await this.#placer.proceed()
  }

  async #directory(parent: DirectoryNode, name: Uint8Array, entry: Entry, make: boolean, depth: number): Promise<void> {
    const node = new DirectoryNode(parent, name, this.#maker.finish)
    node.prepare = this.#maker.makeOrEnter
    try {
      node.wanted = await this.#ctx.attributesOf(entry)
    } catch (cause) {
      this.#expected(cause)
      this.#ctx.report.trouble(node.path, cause)
      node.wanted = await this.#ctx.attributesOf({ ...entry, xattrs: [] })
    }
    if (make) {
      try {
        this.#maker.require(node)
      } catch (cause) {
        this.#expected(cause)
        this.#ctx.report.trouble(node.path, cause)
        this.#passOver(entry)
        return node.end()
      }
    }
    await this.#walkInto(node, entry, depth, make)
    node.end()
  }

  /** Restores what is in a directory, which need not have been made. */
  async #walkInto(node: DirectoryNode, entry: Entry, depth: number, selected = true): Promise<void> {
    const { report } = this.#ctx
    report.done()
    if (node.created) report.item('restored', () => node.path)
    if (entry.trouble?.includes(TROUBLE.listing) === true) {
      node.incomplete = true
      report.troubleOf(node.path, 'not-found', 'not all that was in it could be listed when it was backed up')
    }
    if (entry.subtree === undefined) return
    if (depth > DEPTH_MAX) return report.troubleOf(node.path, 'corrupt', 'the tree is too deep')
    // A filter may take little of it.
    if (this.#ctx.filter === undefined) await this.#ctx.reader.readAhead?.(entry.subtree)
    try {
      await this.#node(node, entry.subtree.ref, depth, { name: undefined, order: new NodeOrder() })
    } catch (cause) {
      if (cause instanceof Unusable && cause.directory === node) report.trouble(node.path, node.unusable)
      else throw cause
    }
    if (selected && this.#ctx.deleteOthers && !node.incomplete) this.#deleteOthers(node)
  }

  /** One node of a directory's B-tree and those below it. One that cannot be read costs what is in it and no more. */
  async #node(
    directory: DirectoryNode,
    ref: BlobRef,
    depth: number,
    last: { name: Uint8Array | undefined; readonly order: NodeOrder },
    above?: { readonly parent: InnerNode; readonly child: TreeChild },
  ): Promise<void> {
    let node: TreeNode
    try {
      node = await this.#ctx.reader.readNode(ref, false)
      last.order.enter(endsOf(node), nodeName(ref), above?.parent, above?.child)
    } catch (cause) {
      this.#expected(cause)
      directory.incomplete = true
      this.#ctx.report.trouble(directory.path, cause)
      return
    }
    if (!isLeaf(node)) {
      const parent = node
      for (const child of parent.children) await this.#node(directory, child.ref, depth, last, { parent, child })
      return
    }
    for (const entry of node.entries) {
      if (last.name !== undefined && compareBytes(last.name, entry.name) >= 0) {
        directory.incomplete = true
        const path = joinPath(directory.path, entry.name)
        this.#ctx.report.troubleOf(path, 'corrupt', 'it is not in the order of names, perhaps there twice')
        continue
      }
      last.name = entry.name
      await this.#entry(directory, entry.name, entry, depth + 1)
    }
  }

  #deleteOthers(node: DirectoryNode): void {
    const { directories, report, dryRun, guard, filter } = this.#ctx
    for (const name of node.existing?.others() ?? []) {
      const path = joinPath(node.path, name)
      const dirFd = directories.acquire(node)
      try {
        const there = lookAt(dirFd, name)
        if (there === undefined) continue
        if (filter !== undefined && filter(path, there.stat.kind === 'directory') !== 'take') continue
        requireChangeable(directories, node, true)
        const fd = dryRun ? dirFd : directories.acquireToChange(node)
        try {
          removeTree(fd, name, path, { guard, dryRun, removed: report.removed })
        } finally {
          if (!dryRun) directories.release(node)
        }
      } catch (cause) {
        this.#expected(cause)
        report.trouble(path, cause)
      } finally {
        directories.release(node)
      }
    }
  }

  /** An entry that is not restored, with all below it. */
  #passOver(entry: Entry): void {
    this.#ctx.report.done(entry.subtree?.bytes ?? entry.size ?? 0, entry.subtree?.entries ?? 0)
  }

  /** Rethrows what is more than the failure of one item. */
  #expected(cause: unknown): void {
    if (cause instanceof BackupError ? !isOfOneItem(cause) : errnoOf(cause) === undefined || isFull(cause)) throw cause
  }
}

/** Leaves the walk of a directory that turned out to be unusable when the first thing in it was to be restored. */
class Unusable extends Error {
  readonly directory: DirectoryNode

  constructor(directory: DirectoryNode) {
    super('a directory cannot be used')
    this.directory = directory
  }
}

function displayKey(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1')
}

/** Where the sources of a snapshot, or those below a folder, go: under their path from there on. */
export function startsBelow(prefix: Uint8Array, sources: readonly Entry[]): WalkStart[] {
  const above = splitPath(prefix).length
  return sources.map((entry) => {
    const names = splitPath(entry.name).slice(above)
    return { entry, folders: names.slice(0, -1), name: names.at(-1) }
  })
}
