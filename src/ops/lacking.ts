// What of a loss that a repair has noted still holds: a backup may have stored again since what was lost. Where that cannot be
// told, what was noted holds.
import { BackupError } from '../base/errors.ts'
import type { Content, Entry } from '../format/entry-model.ts'
import type { BlobRef, Extent } from '../format/extent.ts'
import { sessionKeysName } from '../format/names.ts'
import { LOST_PATH_SIZE_MAX } from '../format/repair-action.ts'
import type { NotedLoss } from '../repo/history/noted-losses.ts'
import type { BlobType } from '../repo/index/blob-keys.ts'
import type { BlobLocation } from '../repo/index/loaded-index.ts'
import { below } from './browse/tree-path.ts'
import { directoryEntries } from './browse/tree-walk.ts'
import type { NodeReader } from './browse/tree-walk.ts'

/** What a snapshot lacks. */
export interface Lack {
  /** Paths that lack something; `paths` has those that are known by name. */
  readonly count: number
  readonly paths: readonly Uint8Array[]
  readonly record: NotedLoss['record']
}

/** What looking asks of a repository whose index is loaded. */
export interface LackReader extends NodeReader {
  locate(type: BlobType, ref: BlobRef): BlobLocation | undefined
  resolveContent(content: Content): AsyncIterable<Extent>
}

/** Looks at the paths that were noted; undefined when none of them lacks anything any more. */
export async function stillLacking(reader: LackReader, root: BlobRef, loss: NotedLoss): Promise<Lack | undefined> {
  const look = new Look(reader, root, loss.lost)
  const paths: Uint8Array[] = []
  for (const path of loss.paths) if (await look.lacks(path)) paths.push(path)
  const count = loss.count - (loss.paths.length - paths.length)
  return count === 0 ? undefined : { count, paths, record: loss.record }
}

class Look {
  readonly #reader: LackReader
  readonly #root: BlobRef
  readonly #lost: ReadonlySet<string>
  #sources: Promise<Entry[]> | undefined

  constructor(reader: LackReader, root: BlobRef, lost: ReadonlySet<string>) {
    this.#reader = reader
    this.#root = root
    this.#lost = lost
  }

  async lacks(path: Uint8Array): Promise<boolean> {
    try {
      const sources = await (this.#sources ??= directoryEntries(this.#reader, this.#root, true))
      if (path.length === 0) return false
      const found = await below(this.#reader, sources, path)
      // A path that was too long was cut.
      if (found === undefined) return path.length === LOST_PATH_SIZE_MAX
      return await this.#entryLacks(found.entry)
    } catch (error) {
      if (error instanceof BackupError) return true
      throw error
    }
  }

  async #entryLacks({ subtree, content, xattrs }: Entry): Promise<boolean> {
    if (subtree !== undefined) await directoryEntries(this.#reader, subtree.ref)
    for (const { value } of xattrs ?? []) {
      if (!(value instanceof Uint8Array) && value.extents.some((extent) => this.#isLost(extent))) return true
    }
    if (content === undefined) return false
    for await (const extent of this.#reader.resolveContent(content)) if (this.#isLost(extent)) return true
    return false
  }

  #isLost({ ref }: Extent): boolean {
    if (ref === undefined) return false
    const block = this.#reader.locate('data', ref)?.block
    if (block === undefined) return true
    return this.#lost.has(block.pack.objectName) || this.#lost.has(sessionKeysName(block.sid))
  }
}
