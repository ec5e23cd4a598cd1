// A directory of the target while it is being restored, and the few of them that are open at a time.
//
// Everything below the target is opened from its parent's descriptor, one name at a time and never through a symlink, so
// nothing that lies there or that a snapshot brings can lead out of it. Descriptors are given back when many are open and
// opened again the same way; a directory that was put in the place of another meanwhile is refused.
import { assert } from '../../base/assert.ts'
import { displayText } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../posix/constants.ts'
import { closeFd, openAt } from '../../posix/open.ts'
import { statFd } from '../../posix/stat.ts'
import type { FileStat } from '../../posix/stat.ts'
import { joinPath } from '../browse/tree-walk.ts'
import type { Attributes } from './attributes.ts'
import type { ExistingNames } from './existing-names.ts'

/** What has to happen when everything below a directory is there. */
export type Finish = (node: DirectoryNode) => void

export class DirectoryNode {
  readonly parent: DirectoryNode | undefined
  /** Name in the parent; empty for the target itself. */
  readonly name: Uint8Array
  /** Path below the target, for messages. */
  readonly path: Uint8Array
  /** The attributes it gets in the end; undefined for a folder above what is restored. */
  wanted: Attributes | undefined
  /** Makes the directory when something below it is restored; undefined once that has been tried. */
  prepare: ((node: DirectoryNode) => void) | undefined
  /** Why it could not be made or entered: everything below it fails. */
  unusable: unknown
  /** What was in it before; undefined when nothing was. */
  existing: ExistingNames | undefined
  /** Made by this restore: nothing is in it but what the restore puts there. */
  created = false
  /** In a dry run: would have been made. */
  missing = false
  /** Hands a default ACL down to what is made in it. */
  inherits = false
  /** Something could not be listed or read: nothing in it is deleted. */
  incomplete = false
  /** Takes away what keeps names from being put into it or taken from it (chattr); undefined when nothing does. */
  unlock: ((fd: number) => void) | undefined
  /** Whether `unlock` would do that, also in a dry run. */
  unlockable = false
  /** Mode that it had before it was opened up to be worked in. */
  formerMode: number | undefined
  /** Inode and device once it was opened. */
  identity: { readonly ino: bigint; readonly dev: bigint } | undefined
  /** Items below that are not finished, and one for the walk itself. */
  #pending = 1
  readonly #finish: Finish

  constructor(parent: DirectoryNode | undefined, name: Uint8Array, finish: Finish) {
    this.parent = parent
    this.name = new Uint8Array(name)
    this.path = parent === undefined ? this.name : joinPath(parent.path, name)
    this.#finish = finish
    parent?.begin()
  }

  /** One more item below is under way. */
  begin(): void {
    assert(this.#pending > 0, 'a directory is not finished before what is in it')
    this.#pending++
  }

  /** An item below, or the walk, is finished; with the last one the directory gets its attributes. */
  end(): void {
    if (--this.#pending > 0) return
    this.#finish(this)
    this.parent?.end() // as deep as the tree at most, which the walk limits
  }
}

export const OPEN_DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW

/** Idle directories kept open: a walk comes back to the ancestors of where it is. */
const IDLE_MAX = 128

export class OpenDirectories {
  readonly #open = new Map<DirectoryNode, { fd: number; users: number }>()
  /** Open and unused, the one unused for longest first. */
  readonly #idle = new Set<DirectoryNode>()

  /** Hands over a descriptor that was just opened; in use once. */
  adopt(node: DirectoryNode, fd: number, stat: FileStat): void {
    assert(!this.#open.has(node), 'a directory is adopted once')
    node.identity = { ino: stat.ino, dev: stat.dev }
    this.#open.set(node, { fd, users: 1 })
  }

  /** Descriptor of a directory, open until `release`. */
  acquire(node: DirectoryNode): number {
    if (!this.#open.has(node)) this.#reopen(node)
    const open = this.#open.get(node)!
    if (open.users++ === 0) this.#idle.delete(node)
    return open.fd
  }

  /** As `acquire`, to put names into it or take them from it: what keeps them is taken away, once. */
  acquireToChange(node: DirectoryNode): number {
    const fd = this.acquire(node)
    const { unlock } = node
    node.unlock = undefined
    unlock?.(fd)
    return fd
  }

  /** Runs `step` with a directory's descriptor. */
  using<T>(node: DirectoryNode, step: (fd: number) => T): T {
    const fd = this.acquire(node)
    try {
      return step(fd)
    } finally {
      this.release(node)
    }
  }

  /** The same for a step that puts names into the directory or takes them from it. */
  changing<T>(node: DirectoryNode, step: (fd: number) => T): T {
    const fd = this.acquireToChange(node)
    try {
      return step(fd)
    } finally {
      this.release(node)
    }
  }

  release(node: DirectoryNode): void {
    const open = this.#open.get(node)
    assert(open !== undefined && open.users > 0, 'a directory is released as often as it is acquired')
    if (--open.users > 0) return
    this.#idle.add(node)
    if (this.#idle.size > IDLE_MAX) this.forget(this.#idle.values().next().value!)
  }

  /** Closes a directory that nobody uses. */
  forget(node: DirectoryNode): void {
    const open = this.#open.get(node)
    if (open === undefined || open.users > 0) return
    this.#idle.delete(node)
    this.#open.delete(node)
    closeFd(open.fd)
  }

  /** Closes everything, also what is in use. */
  closeAll(): void {
    for (const { fd } of this.#open.values()) closeFd(fd)
    this.#open.clear()
    this.#idle.clear()
  }

  /** Opens a directory again from its nearest ancestor that is open. */
  #reopen(node: DirectoryNode): void {
    const chain: DirectoryNode[] = []
    for (let at = node; !this.#open.has(at); at = at.parent) {
      assert(at.parent !== undefined, 'the target stays open')
      chain.push(at)
    }
    for (const each of chain.toReversed()) {
      const fd = openAt(this.#open.get(each.parent!)!.fd, each.name, OPEN_DIRECTORY_FLAGS)
      const { ino, dev } = statFd(fd)
      if (ino !== each.identity?.ino || dev !== each.identity.dev) {
        closeFd(fd)
        throw new BackupError('refused', 'a directory was replaced while it was restored', displayText(each.path))
      }
      this.#open.set(each, { fd, users: 0 })
      this.#idle.add(each)
    }
  }
}
