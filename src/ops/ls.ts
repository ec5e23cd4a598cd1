// Lists what a snapshot holds.
import type { Entry } from '../format/entry-model.ts'
import type { BlobRef } from '../format/extent.ts'
import { locate } from './browse/tree-path.ts'
import { walkDirectory, type NodeReader } from './browse/tree-walk.ts'

export interface ListOptions {
  readonly reader: NodeReader
  readonly root: BlobRef
  /** Empty for the sources themselves. */
  readonly path: Uint8Array
  /** Also what is below directories, at any depth. */
  readonly recursive: boolean
  /** The entry is a view: copy what has to be kept. */
  readonly onEntry: (path: Uint8Array, entry: Entry) => void
}

/**
 * The entries of the directory at `path`, or the one entry there when it is no directory. Order is that of names, parents
 * before their content. Throws `not-found`, `corrupt` and what reading the repository throws.
 */
export async function listTree({ reader, root, path, recursive, onEntry }: ListOptions): Promise<void> {
  const found = await locate(reader, root, path)
  const visit = (at: Uint8Array, entry: Entry) => {
    onEntry(at, entry)
    return recursive ? undefined : 'prune'
  }
  if (found.kind === 'entry') {
    const { entry } = found
    if (entry.kind !== 'directory') onEntry(found.path, entry)
    else if (entry.subtree !== undefined) await walkDirectory(reader, found.path, entry.subtree.ref, visit)
    return
  }
  for (const source of found.sources) {
    if (visit(source.name, source) !== 'prune' && source.subtree !== undefined) {
      await walkDirectory(reader, source.name, source.subtree.ref, visit)
    }
  }
}
