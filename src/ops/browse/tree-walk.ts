// Walks the tree of a snapshot in the order of names, without recursion: a hostile or deep tree costs heap that is
// bounded by its depth, never the stack. Only tree nodes are read; the visitor is synchronous, so a million entries are
// a million calls and not a million promises.
import { BackupError } from '../../base/errors.ts'
import { displayText } from '../../base/bytes.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import { isLeaf, type TreeNode } from '../../format/tree-node.ts'

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
  const stack: Frame[] = [{ node: await reader.readNode(ref, root), prefix, root, at: 0 }]
  while (stack.length > 0) {
    if (stack.length > DEPTH_MAX) {
      throw new BackupError('corrupt', `tree is more than ${DEPTH_MAX} levels deep`, displayText(prefix))
    }
    const frame = stack.at(-1)!
    const { node, prefix: parent } = frame
    const next = isLeaf(node) ? visitLeaf(frame, node.entries, visit) : node.children[frame.at++]?.ref
    if (next === undefined) stack.pop()
    else if (next instanceof Uint8Array) {
      stack.push({ node: await reader.readNode(next, frame.root), prefix: parent, root: frame.root, at: 0 })
    } else {
      stack.push({ node: await reader.readNode(next.ref, false), prefix: next.path, root: false, at: 0 })
    }
  }
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
  await walkNodes(reader, ref, root, (leaf) => {
    for (const entry of leaf) entries.push(entry)
  })
  return entries
}

async function walkNodes(
  reader: NodeReader,
  ref: BlobRef,
  root: boolean,
  each: (leaf: readonly Entry[]) => void,
): Promise<void> {
  const node = await reader.readNode(ref, root)
  if (isLeaf(node)) return each(node.entries)
  // Levels descend by one (checked when a node is read) and are at most LEVEL_MAX, so this recursion is shallow.
  for (const child of node.children) await walkNodes(reader, child.ref, root, each)
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
