// Which snapshot a backup is compared with, to know what has not changed.
import { equalBytes } from '../../base/bytes.ts'
import type { Repository } from '../../repo/repository.ts'
import type { SnapshotInfo } from '../../repo/snapshot-catalog.ts'

export interface ParentQuery {
  /** What the operator asked for; null for none, undefined for the default. */
  readonly spec: string | null | undefined
  /** This machine's writer, hex. */
  readonly wid: string
  readonly host: string
  readonly paths: readonly Uint8Array[]
}

/** Own snapshots looked at before the search goes on among all: other sources of this machine come between. */
const OWN_LOOKS_MAX = 16

/** The newest snapshot of the same host and sources; undefined when there is none. */
export async function chooseParent(repo: Repository, query: ParentQuery): Promise<SnapshotInfo | undefined> {
  if (query.spec === null) return undefined
  if (query.spec !== undefined) return repo.findSnapshot(query.spec)
  let looks = 0
  for await (const snapshot of repo.catalog.newestOf(query.wid)) {
    if (fits(snapshot, query)) return snapshot
    if (++looks === OWN_LOOKS_MAX) break
  }
  return (await repo.snapshots()).findLast((snapshot) => fits(snapshot, query))
}

function fits({ body }: SnapshotInfo, { host, paths }: ParentQuery): boolean {
  return (
    body.host === host &&
    body.sources.length === paths.length &&
    body.sources.every((path, i) => equalBytes(path, paths[i]!))
  )
}
