// A tree without some of its paths. Only the directories above them are read and written anew; all others are taken over by
// their refs.
import { displayText, equalBytes, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { BlobRef } from '../../format/extent.ts'
import type { SnapshotStats } from '../../format/snapshot.ts'
import type { TreeBuilder } from '../../repo/trees/tree-builder.ts'
import { contains, splitPath } from '../browse/tree-path.ts'
import { directoryEntries } from '../browse/tree-walk.ts'
import type { NodeReader } from '../browse/tree-walk.ts'

/** What is left out, counted as in the statistics of a snapshot. */
export type DroppedCounts = Pick<SnapshotStats, 'files' | 'directories' | 'others' | 'bytes'>

export interface DroppedTree {
  readonly root: BlobRef
  /** Sources that are still there. */
  readonly sources: readonly Uint8Array[]
  readonly dropped: DroppedCounts
}

/** Deeper trees than this do not come from a file system whose longest path has 4,096 bytes. */
const DEPTH_MAX = 4096

export class PathDropper {
  readonly #reader: NodeReader
  readonly #builder: TreeBuilder
  readonly #afterDirectory: () => Promise<void>
  /** Of directories that were left out whole, by ref: many snapshots have the same. */
  readonly #counted = new Map<string, DroppedCounts>()

  /** `afterDirectory` is called when one was built: a moment to store what waits. */
  constructor(reader: NodeReader, builder: TreeBuilder, afterDirectory: () => Promise<void>) {
    this.#reader = reader
    this.#builder = builder
    this.#afterDirectory = afterDirectory
  }

  /** Undefined when the tree has none of the paths, which are absolute. */
  async drop(root: BlobRef, paths: readonly Uint8Array[]): Promise<DroppedTree | undefined> {
    const sources = await directoryEntries(this.#reader, root, true)
    const total: { -readonly [K in keyof DroppedCounts]: number } = { files: 0, directories: 0, others: 0, bytes: 0 }
    const kept: Entry[] = []
    for (const source of sources) {
      if (paths.some((path) => contains(path, source.name))) {
        add(total, await this.#count(source, 0))
        continue
      }
      const inside = paths.filter((path) => contains(source.name, path))
      const below = inside.map((path) => splitPath(path.subarray(source.name.length)))
      kept.push(await this.#without(source, below, total, 0))
    }
    if (total.files + total.directories + total.others === 0) return undefined
    if (kept.length === 0) throw nothingLeft(paths)
    const { ref } = this.#builder.directory(kept, true)
    await this.#afterDirectory()
    return { root: ref, sources: kept.map(({ name }) => name), dropped: total }
  }

  /** The entry, of whose directory some paths are left out; as it is when it has none of them. */
  async #without(
    entry: Entry,
    paths: readonly (readonly Uint8Array[])[],
    total: { -readonly [K in keyof DroppedCounts]: number },
    depth: number,
  ): Promise<Entry> {
    if (paths.length === 0 || entry.subtree === undefined) return entry
    if (depth > DEPTH_MAX) throw new BackupError('corrupt', 'the tree is too deep', toHex(entry.subtree.ref))
    const entries = await directoryEntries(this.#reader, entry.subtree.ref, false)
    const kept: Entry[] = []
    let changed = false
    for (const child of entries) {
      const own = paths.filter(([first]) => first !== undefined && equalBytes(first, child.name))
      if (own.some(({ length }) => length === 1)) {
        add(total, await this.#count(child, depth))
        changed = true
        continue
      }
      const now = await this.#without(
        child,
        own.map((path) => path.slice(1)),
        total,
        depth + 1,
      )
      changed ||= now !== child
      kept.push(now)
    }
    if (!changed) return entry
    const subtree = this.#builder.directory(kept)
    await this.#afterDirectory()
    return { ...entry, subtree }
  }

  async #count({ kind, size = 0, subtree }: Entry, depth: number): Promise<DroppedCounts> {
    const own = {
      files: kind === 'file' ? 1 : 0,
      directories: kind === 'directory' ? 1 : 0,
      others: kind === 'file' || kind === 'directory' ? 0 : 1,
      bytes: kind === 'file' ? size : 0,
    }
    if (subtree === undefined) return own
    const key = toHex(subtree.ref)
    let below = this.#counted.get(key)
    if (below === undefined) {
      if (depth > DEPTH_MAX) throw new BackupError('corrupt', 'the tree is too deep', key)
      const sum = { files: 0, directories: 0, others: 0, bytes: 0 }
      for (const child of await directoryEntries(this.#reader, subtree.ref, false)) {
        add(sum, await this.#count(child, depth + 1))
      }
      below = sum
      this.#counted.set(key, below)
    }
    add(own, below)
    return own
  }
}

/** Names the snapshot, hex, where it is known. */
export function nothingLeft(paths: readonly Uint8Array[], id?: string): BackupError {
  const subject = paths.map((path) => (path.length === 0 ? '/' : displayText(path))).join()
  const named = id === undefined ? 'SNAPSHOT' : id.slice(0, 10)
  return new BackupError('usage', 'nothing would be left of a snapshot', subject, {
    hint: `forget it: \`holdfast forget ${named}\``,
  })
}

function add(total: { -readonly [K in keyof DroppedCounts]: number }, more: DroppedCounts): void {
  total.files += more.files
  total.directories += more.directories
  total.others += more.others
  total.bytes += more.bytes
}
