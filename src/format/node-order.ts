// docs/format.md, 6.1: whether the nodes of one directory's B-tree are those that the nodes above them speak of. Whoever
// goes through a directory asks for each node in the order of the walk. Then levels only descend and names only ascend: no
// node comes twice, and a tree made to have millions of paths to the same few nodes ends at the second of them.
import { compareBytes, equalBytes, toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import type { InnerNode, TreeChild, TreeNode } from './tree-node.ts'

/** What of a node its place in the tree depends on; the names are absent in an empty directory alone. */
export interface NodeEnds {
  readonly level: number
  /** Of a leaf its first name, of an inner node the last name of its first child. */
  readonly first: Uint8Array | undefined
  readonly last: Uint8Array | undefined
}

export function endsOf(node: TreeNode): NodeEnds {
  if ('entries' in node) return { level: 0, first: node.entries[0]?.name, last: node.entries.at(-1)?.name }
  return { level: node.level, first: node.children[0]?.lastName, last: node.children.at(-1)?.lastName }
}

/** The same, in memory of its own. */
export function keptEnds({ level, first, last }: NodeEnds): NodeEnds {
  return { level, first: first?.slice(), last: last?.slice() }
}

/** How errors call a node. */
export function nodeName(ref: Uint8Array): string {
  return `tree node ${toHex(ref.subarray(0, 8))}`
}

export class NodeOrder {
  /** Greatest name that the walk has passed. */
  #passed: Uint8Array | undefined

  /** Throws `corrupt` naming `subject` unless this node may follow, as `child` of `parent` or as the topmost one. */
  enter(ends: NodeEnds, subject: string, parent?: InnerNode, child?: TreeChild): void {
    const corrupt = (why: string) => new BackupError('corrupt', `tree node ${why}`, subject)
    const { level, first, last } = ends
    if (parent !== undefined && child !== undefined) {
      if (level !== parent.level - 1) throw corrupt(`of level ${level} is below one of level ${parent.level}`)
      if (last === undefined || !equalBytes(last, child.lastName)) {
        throw corrupt('ends with other names than the node above it says')
      }
    }
    if (first !== undefined && this.#passed !== undefined && compareBytes(first, this.#passed) <= 0) {
      throw corrupt('has names that do not follow those before it')
    }
    if (level === 0 && last !== undefined) this.#passed = last
  }

  /** Goes past a node with all that is below it. */
  pass({ last }: NodeEnds): void {
    this.#passed = last ?? this.#passed
  }
}
