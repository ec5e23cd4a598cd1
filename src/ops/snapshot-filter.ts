// Which snapshots a command is about.
import { contains } from './browse/tree-path.ts'

export interface SnapshotFilter {
  readonly host?: string | undefined
  /** Snapshots must have all of them. */
  readonly tags?: readonly string[] | undefined
  /** Snapshots must have a source that is this path or above it. */
  readonly source?: Uint8Array | undefined
}

/** What the filter looks at. */
export interface Filterable {
  readonly host: string
  readonly tags: readonly string[]
  readonly sources: readonly Uint8Array[]
}

/** Keeps the order. */
export function filterSnapshots<S extends Filterable>(
  snapshots: readonly S[],
  { host, tags = [], source }: SnapshotFilter,
): S[] {
  return snapshots.filter(
    (snapshot) =>
      (host === undefined || snapshot.host === host) &&
      tags.every((tag) => snapshot.tags.includes(tag)) &&
      (source === undefined || snapshot.sources.some((root) => contains(root, source))),
  )
}
