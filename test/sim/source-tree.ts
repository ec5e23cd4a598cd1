// A file system in memory: what the simulator backs up. It keeps times as a kernel does, in ticks of a few milliseconds,
// so that a change that comes too soon after another leaves no trace in them.
import { assert } from '../../src/base/assert.ts'
import type { Clock } from '../../src/base/clock.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import type { Timespec } from '../../src/base/time.ts'
import type { FileKind, FileStat } from '../../src/posix/stat.ts'
import type { RawXattr } from '../../src/source/attributes.ts'
import { FileContent } from './file-content.ts'

/** A kernel's clock ticks this often, 250 times a second. */
const TICK_MS = 4
/** No machine knows these: what is stored does not depend on its list of users. */
export const UNKNOWN_UID = 3_000_000_001

/** State of an inode; the tree replaces it as a whole, so what has been captured stays as it was. */
export interface Inode {
  readonly kind: FileKind
  readonly ino: bigint
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Timespec
  readonly ctime: Timespec
  readonly nlink: number
  /** Ascending by name. */
  readonly xattrs: readonly RawXattr[]
  /** Of files. */
  readonly content: FileContent
  /** Of symlinks. */
  readonly target: Uint8Array
}

/** A name's node: the same node under several names is a hard link. */
export interface TreeNode {
  inode: Inode
  /** Of directories, by name with one character for each byte. */
  readonly children: Map<string, TreeNode> | undefined
}

/** The tree as it was at one moment. */
export interface TreeImage {
  readonly inode: Inode
  readonly children: ReadonlyMap<string, TreeImage> | undefined
  /** The node it was made from: the same for all names of one inode. */
  readonly node: TreeNode
}

export class SourceTree {
  readonly root: TreeNode
  readonly #clock: Clock
  #nextIno = 1000n
  #aheadMs = 0
  readonly #changed = new Map<TreeNode, readonly Inode[]>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.root = this.newNode('directory')
  }

  /** The same tree, to be changed on its own. */
  fork(clock: Clock): SourceTree {
    const copy = new SourceTree(clock)
    copy.#nextIno = this.#nextIno
    copy.#aheadMs = this.#aheadMs
    const copies = new Map<TreeNode, TreeNode>()
    const copyOf = (node: TreeNode): TreeNode => {
      const known = copies.get(node)
      if (known !== undefined) return known
      const children = node.children && new Map([...node.children].map(([key, child]) => [key, copyOf(child)]))
      const made: TreeNode = { inode: node.inode, children }
      copies.set(node, made)
      return made
    }
    copy.root.inode = this.root.inode
    for (const [key, child] of this.root.children!) copy.root.children!.set(key, copyOf(child))
    return copy
  }

  /** What the kernel's clock shows. */
  now(): Timespec {
    const ms = this.#clock.now() + this.#aheadMs
    return timespecFromMs(ms - (ms % TICK_MS))
  }

  /** Lets a tick pass while nothing else can go on: a file is written while it is read. */
  tick(): void {
    this.#aheadMs += TICK_MS
  }

  newNode(kind: FileKind, what: { readonly content?: FileContent; readonly target?: Uint8Array } = {}): TreeNode {
    const now = this.now()
    const inode: Inode = {
      kind,
      ino: this.#nextIno++,
      mode: kind === 'directory' ? 0o755 : kind === 'symlink' ? 0o777 : 0o644,
      uid: UNKNOWN_UID,
      gid: UNKNOWN_UID,
      mtime: now,
      ctime: now,
      nlink: 1,
      xattrs: [],
      content: what.content ?? FileContent.EMPTY,
      target: what.target ?? new Uint8Array(0),
    }
    return { inode, children: kind === 'directory' ? new Map() : undefined }
  }

  /** Gives a name to a node; a second name of a file is a hard link. */
  link(folder: TreeNode, key: string, node: TreeNode, names = 1): void {
    assert(folder.children?.has(key) === false, 'the name is free')
    folder.children.set(key, node)
    this.change(folder, { mtime: this.now() })
    if (names > 1) this.change(node, { nlink: names })
  }

  unlink(folder: TreeNode, key: string): void {
    const node = folder.children!.get(key)!
    folder.children!.delete(key)
    this.change(folder, { mtime: this.now() })
    if (node.inode.nlink > 1) this.change(node, { nlink: node.inode.nlink - 1 })
  }

  rename(from: TreeNode, key: string, to: TreeNode, newKey: string): void {
    const node = from.children!.get(key)!
    from.children!.delete(key)
    assert(!to.children!.has(newKey), 'the name is free')
    to.children!.set(newKey, node)
    const mtime = this.now()
    this.change(from, { mtime })
    this.change(to, { mtime })
    this.change(node, {})
  }

  /** As the system calls do: whatever is changed, the ctime is the time of the change. */
  change(node: TreeNode, to: Partial<Omit<Inode, 'kind' | 'ino' | 'ctime'>>): void {
    const states = this.#changed.get(node) ?? []
    this.#changed.set(node, [...states, node.inode])
    node.inode = { ...node.inode, ...to, ctime: this.now() }
  }

  write(node: TreeNode, content: FileContent, mtime = this.now()): void {
    this.change(node, { content, mtime })
  }

  /** The node of a path below the root, keys with slashes between them. */
  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.root
    for (const part of path.split('/')) if (part !== '') node = node?.children?.get(part)
    return node
  }

  capture(): TreeImage {
    return capture(this.root)
  }

  /** Forgets the states of the past, to watch from now on. */
  forgetHistory(): void {
    this.#changed.clear()
  }

  /** Everything that changed since: all its states, the first and the last too. */
  changedStates(): ReadonlyMap<TreeNode, readonly Inode[]> {
    return new Map([...this.#changed].map(([node, states]) => [node, [...states, node.inode]]))
  }
}

export interface NamedNode {
  readonly folder: TreeNode
  readonly key: string
  readonly path: string
  readonly node: TreeNode
}

/** Every name below a node, in the order of a walk; hard links more than once. */
export function allNodes(folder: TreeNode, prefix = ''): NamedNode[] {
  const named: NamedNode[] = []
  for (const [key, node] of sortedChildren(folder.children!)) {
    const path = `${prefix}/${key}`
    named.push({ folder, key, path, node })
    if (node.children !== undefined) named.push(...allNodes(node, path))
  }
  return named
}

/** One character is one byte, so the order of texts is that of bytes. */
export function sortedChildren<T>(children: ReadonlyMap<string, T>): [string, T][] {
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1))
}

export function statOf(inode: Inode): FileStat {
  const { kind, mode, uid, gid, mtime, ctime, ino, nlink, content, target } = inode
  const allocated = content.pieces.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / 512), 0)
  return {
    kind,
    mode,
    uid,
    gid,
    mtime,
    ctime,
    ino,
    nlink: kind === 'directory' ? 2 : nlink,
    size: kind === 'file' ? content.size : kind === 'symlink' ? target.length : 0,
    btime: undefined,
    dev: 1n,
    rdev: { major: 0, minor: 0 },
    blocks512: kind === 'file' ? allocated : 0,
    attributes: 0n,
    mountId: 0,
  }
}

function capture(node: TreeNode): TreeImage {
  const children = node.children && new Map([...node.children].map(([key, child]) => [key, capture(child)]))
  return { inode: node.inode, children, node }
}
