// Snapshot trees in memory, for tests of what reads them: a description in, a reader of nodes out.
import { utf8 } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { toHex } from '../../src/base/bytes.ts'
import { hash } from '../../src/crypto/hash.ts'
import type { Entry } from '../../src/format/entry.ts'
import { decodeTreeNode, encodeTreeNode, type TreeNode } from '../../src/format/tree-node.ts'
import type { NodeReader } from '../../src/ops/browse/tree-walk.ts'

/** A text is a file with that content, a nested description a folder, a partial entry anything else. */
export interface TreeDescription {
  readonly [name: string]: string | TreeDescription | Special
}
export type Special = { readonly entry: Partial<Entry> }

const NO_ENTRY = { mode: 0o644, uid: 1000, gid: 1000, mtime: { sec: 1_700_000_000, nsec: 0 }, ino: 1n }

export class MemoryTrees implements NodeReader {
  /** Nodes read so far. */
  reads = 0
  readonly #nodes = new Map<string, Uint8Array>()
  /** Entries of a leaf before a directory gets an inner node; small, so that tests meet both kinds. */
  readonly #leafSize: number

  constructor(leafSize = 4) {
    this.#leafSize = leafSize
  }

  /** Stores a snapshot's root whose names are source paths; returns its ref. */
  snapshot(sources: TreeDescription): Uint8Array {
    return this.#store({ level: 0, entries: this.#entries(sources) }, true)
  }

  async readNode(ref: Uint8Array, root = false): Promise<TreeNode> {
    this.reads++
    const bytes = this.#nodes.get(toHex(ref))
    if (bytes === undefined) throw new BackupError('corrupt', 'no such node', toHex(ref))
    return decodeTreeNode(bytes, toHex(ref), { root })
  }

  #entries(folder: TreeDescription): Entry[] {
    const names = Object.keys(folder).sort((a, b) => Buffer.compare(utf8(a), utf8(b)))
    return names.map((name): Entry => {
      const what = folder[name]!
      const base = { ...NO_ENTRY, name: utf8(name) }
      if (typeof what === 'string') {
        return { ...base, kind: 'file', size: utf8(what).length, content: { kind: 'inline', bytes: utf8(what) } }
      }
      if (isSpecial(what)) return { ...base, kind: 'file', ...what.entry }
      return { ...base, kind: 'directory', mode: 0o755, subtree: { ref: this.#directory(what), entries: 0, bytes: 0 } }
    })
  }

  #directory(folder: TreeDescription): Uint8Array {
    const entries = this.#entries(folder)
    if (entries.length <= this.#leafSize) return this.#store({ level: 0, entries })
    const children = []
    for (let at = 0; at < entries.length; at += this.#leafSize) {
      const leaf = entries.slice(at, at + this.#leafSize)
      const ref = this.#store({ level: 0, entries: leaf })
      children.push({ lastName: leaf.at(-1)!.name, ref, entries: leaf.length, bytes: 0 })
    }
    return this.#store({ level: 1, children })
  }

  #store(node: TreeNode, root = false): Uint8Array {
    const bytes = encodeTreeNode(node, { root })
    const ref = hash(bytes)
    this.#nodes.set(toHex(ref), bytes)
    return ref
  }
}

function isSpecial(what: TreeDescription | Special): what is Special {
  return 'entry' in what && typeof what.entry === 'object' && !('name' in what)
}
