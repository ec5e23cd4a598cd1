// Walks the tree of a snapshot in the order of names, without recursion: a hostile or deep tree costs heap that is
// bounded by its depth, never the stack. Only tree nodes are read; the visitor is synchronous, so a million entries are
// a million calls and not a million promises.
import { BackupError } from '../../base/errors.ts'
import { displayText } from '../../base/bytes.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import { endsOf, nodeName, NodeOrder } from '../../format/node-order.ts'
import { isLeaf, type InnerNode, type TreeChild, type TreeNode } from '../../format/tree-node.ts'

/** What browsing asks of a repository. `root` is true for the nodes of a snapshot's root, whose names are paths. */
export interface NodeReader {
  readNode(ref: BlobRef, root?: boolean): Promise<TreeNode>
}

/**
 * Called for each entry before what is below it. The entry and its byte strings are views that must be copied to be
 * kept; `path` may be kept. Return `prune` to skip what is below.
 */
export type Visit = (path: Uint8Array, entry: Entry) => 'prune' | void

/** Deeper trees than this do not come from a file system whose longest path has 4,096 bytes. */
const DEPTH_MAX = 4096

interface Frame {
  readonly node: TreeNode
  readonly prefix: Uint8Array
  readonly root: boolean
  /** Of the directory that the node belongs to. */
  readonly order: NodeOrder
  at: number
}

/** Visits everything below a directory, whose path is `prefix`. Throws `corrupt` for a tree that is too deep. */
export async function walkDirectory(
  reader: NodeReader,
  prefix: Uint8Array,
  ref: BlobRef,
  visit: Visit,
  root = false,
): Promise<void> {
  const stack: Frame[] = [await enterDirectory(reader, prefix, ref, root)]
  while (stack.length > 0) {
    if (stack.length > DEPTH_MAX) {
      throw new BackupError('corrupt', `tree is more than ${DEPTH_MAX} levels deep`, displayText(prefix))
    }
    const frame = stack.at(-1)!
    const { node, prefix: parent } = frame
    if (isLeaf(node)) {
      const next = visitLeaf(frame, node.entries, visit)
      if (next === undefined) stack.pop()
      else stack.push(await enterDirectory(reader, next.path, next.ref, false))
    } else {
      const child = node.children[frame.at++]
      if (child === undefined) stack.pop()
      else stack.push({ ...frame, node: await readChild(reader, frame, node, child), prefix: parent, at: 0 })
    }
  }
}

async function enterDirectory(reader: NodeReader, prefix: Uint8Array, ref: BlobRef, root: boolean): Promise<Frame> {
  const node = await reader.readNode(ref, root)
  const order = new NodeOrder()
  order.enter(endsOf(node), nodeName(ref))
  return { node, prefix, root, order, at: 0 }
}

async function readChild(
  reader: NodeReader,
  { root, order }: Pick<Frame, 'root' | 'order'>,
  parent: InnerNode,
  child: TreeChild,
): Promise<TreeNode> {
  const node = await reader.readNode(child.ref, root)
  order.enter(endsOf(node), nodeName(child.ref), parent, child)
  return node
}

/** Visits entries until one has to be descended into; undefined when the leaf is done. */
function visitLeaf(
  frame: Frame,
  entries: readonly Entry[],
  visit: Visit,
): { ref: BlobRef; path: Uint8Array } | undefined {
  while (frame.at < entries.length) {
    const entry = entries[frame.at++]!
    const path = joinPath(frame.prefix, entry.name)
    if (visit(path, entry) !== 'prune' && entry.subtree !== undefined) return { ref: entry.subtree.ref, path }
  }
  return undefined
}

/** All entries of one directory, in the order of names. */
export async function directoryEntries(reader: NodeReader, ref: BlobRef, root = false): Promise<Entry[]> {
  const entries: Entry[] = []
  const frame = await enterDirectory(reader, new Uint8Array(), ref, root)
  await walkNodes(reader, frame, frame.node, (leaf) => {
    for (const entry of leaf) entries.push(entry)
  })
  return entries
}

async function walkNodes(
  reader: NodeReader,
  frame: Frame,
  node: TreeNode,
  each: (leaf: readonly Entry[]) => void,
): Promise<void> {
  if (isLeaf(node)) return each(node.entries)
  // Levels descend by one and are at most LEVEL_MAX, so this recursion is shallow.
  for (const child of node.children) await walkNodes(reader, frame, await readChild(reader, frame, node, child), each)
}

const SLASH = 0x2f

/** `parent/name`; for an empty parent and for root entries, which are paths, the name itself. */
export function joinPath(parent: Uint8Array, name: Uint8Array): Uint8Array {
  if (parent.length === 0) return name.slice()
  const slash = parent.at(-1) === SLASH ? 0 : 1
  const path = new Uint8Array(parent.length + slash + name.length)
  path.set(parent)
  if (slash === 1) path[parent.length] = SLASH
  path.set(name, parent.length + slash)
  return path
}
