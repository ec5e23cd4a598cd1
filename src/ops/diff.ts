// What changed between two snapshots, or between two folders of them. Subtrees with the same reference are the same, so
// the work is proportional to what changed and not to what there is.
import { compareBytes, equalBytes } from '../base/bytes.ts'
import { sameTime } from '../base/time.ts'
import type { Content, Entry } from '../format/entry.ts'
import type { BlobRef, Extent } from '../format/extent.ts'
import type { Xattr } from '../format/xattr.ts'
import { locate } from './browse/tree-path.ts'
import { directoryEntries, joinPath, walkDirectory, type NodeReader } from './browse/tree-walk.ts'

/** `content` includes changed metadata; `metadata` is that alone; `type` is a file that became a directory, say. */
export type Change = 'added' | 'removed' | 'content' | 'metadata' | 'type'

export interface DiffOptions {
  readonly reader: NodeReader
  readonly from: { readonly root: BlobRef; readonly path: Uint8Array }
  readonly to: { readonly root: BlobRef; readonly path: Uint8Array }
  /** Whether changes of metadata alone count. */
  readonly metadata: boolean
  /** Views: copy what has to be kept. One of the two is absent for what was added or removed. */
  readonly onChange: (change: Change, path: Uint8Array, before: Entry | undefined, after: Entry | undefined) => void
}

export type DiffResult = Readonly<Record<Change, number>> & {
  /** Bytes of files that were added, and of the new state of changed ones. */
  readonly bytesAdded: number
  readonly bytesRemoved: number
}

/** Reports every difference in the order of names, parents before their content. Throws `not-found`, `corrupt`. */
export async function diffSnapshots(options: DiffOptions): Promise<DiffResult> {
  const differ = new Differ(options)
  const { reader, from, to } = options
  const [before, after] = await Promise.all([locate(reader, from.root, from.path), locate(reader, to.root, to.path)])
  if (before.kind === 'entry' && after.kind === 'entry') {
    await differ.entry(after.path, before.entry, after.entry)
  } else {
    const sources = (found: typeof before) =>
      found.kind === 'above' ? found.sources : [{ ...found.entry, name: found.path }]
    await differ.compare(sources(before), sources(after), (name) => name)
  }
  return differ.result
}

class Differ {
  readonly #reader: NodeReader
  readonly #options: DiffOptions
  readonly result = { added: 0, removed: 0, content: 0, metadata: 0, type: 0, bytesAdded: 0, bytesRemoved: 0 }

  constructor(options: DiffOptions) {
    this.#reader = options.reader
    this.#options = options
  }

  /** Merges two lists in name order; directories that differ are compared in turn, before their next sibling. */
  async compare(
    old: readonly Entry[],
    young: readonly Entry[],
    pathOf: (name: Uint8Array) => Uint8Array,
  ): Promise<void> {
    for (let a = 0, b = 0; a < old.length || b < young.length;) {
      const order = compareNames(old[a], young[b])
      const before = order <= 0 ? old[a++] : undefined
      const after = order >= 0 ? young[b++] : undefined
      await this.entry(pathOf((before ?? after)!.name), before, after)
    }
  }

  async entry(path: Uint8Array, before: Entry | undefined, after: Entry | undefined): Promise<void> {
    if (before !== undefined && after !== undefined && before.kind === after.kind) {
      const change = changeOf(before, after)
      if (change === 'content' || (change === 'metadata' && this.#options.metadata))
        this.#report(change, path, before, after)
    } else if (before !== undefined && after !== undefined) {
      this.#report('type', path, before, after)
    } else if (after === undefined) {
      this.#report('removed', path, before, undefined)
    } else {
      this.#report('added', path, undefined, after)
    }
    await this.#below(path, before?.subtree?.ref, after?.subtree?.ref)
  }

  async #below(path: Uint8Array, before: BlobRef | undefined, after: BlobRef | undefined): Promise<void> {
    if (before !== undefined && after !== undefined) {
      if (equalBytes(before, after)) return
      const [old, young] = await Promise.all([
        directoryEntries(this.#reader, before),
        directoryEntries(this.#reader, after),
      ])
      await this.compare(old, young, (name) => joinPath(path, name))
    } else if (after !== undefined) {
      await walkDirectory(this.#reader, path, after, (at, entry) => this.#report('added', at, undefined, entry))
    } else if (before !== undefined) {
      await walkDirectory(this.#reader, path, before, (at, entry) => this.#report('removed', at, entry, undefined))
    }
  }

  #report(change: Change, path: Uint8Array, before: Entry | undefined, after: Entry | undefined): void {
    this.result[change]++
    if (change !== 'metadata') {
      if (after?.kind === 'file') this.result.bytesAdded += after.size ?? 0
      if (before?.kind === 'file') this.result.bytesRemoved += before.size ?? 0
    }
    this.#options.onChange(change, path, before, after)
  }
}

function compareNames(a: Entry | undefined, b: Entry | undefined): number {
  if (a === undefined) return 1
  return b === undefined ? -1 : compareBytes(a.name, b.name)
}

/** What differs between two entries of one kind; what is below a directory does not count. */
export function changeOf(before: Entry, after: Entry): 'content' | 'metadata' | 'same' {
  if (!sameContent(before.content, after.content) || !sameBytes(before.target, after.target)) return 'content'
  const same =
    before.mode === after.mode &&
    before.uid === after.uid &&
    before.gid === after.gid &&
    sameTime(before.mtime, after.mtime) &&
    (before.flags ?? 0) === (after.flags ?? 0) &&
    before.device?.major === after.device?.major &&
    before.device?.minor === after.device?.minor &&
    sameXattrs(before.xattrs ?? [], after.xattrs ?? [])
  return same ? 'same' : 'metadata'
}

function sameContent(a: Content | undefined, b: Content | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.kind === 'inline') return b.kind === 'inline' && equalBytes(a.bytes, b.bytes)
  if (a.kind === 'extents') return b.kind === 'extents' && sameExtents(a.extents, b.extents)
  return b.kind === 'list' && equalBytes(a.ref, b.ref)
}

function sameExtents(a: readonly Extent[], b: readonly Extent[]): boolean {
  const same = (x: Extent, y: Extent) =>
    x.length === y.length && x.fill === y.fill && (x.offset ?? 0) === (y.offset ?? 0) && sameBytes(x.ref, y.ref)
  return a.length === b.length && a.every((extent, at) => same(extent, b[at]!))
}

function sameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return (
    a.length === b.length &&
    a.every((xattr, at) => equalBytes(xattr.name, b[at]!.name) && sameValue(xattr.value, b[at]!.value))
  )
}

function sameValue(a: Xattr['value'], b: Xattr['value']): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b)
  return !(b instanceof Uint8Array) && sameExtents(a.extents, b.extents)
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}
