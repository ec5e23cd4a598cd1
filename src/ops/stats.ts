// How large a repository is, and what deduplication and compression save. Reads the index and a listing of the store; no
// packs.
import { parseObjectName } from '../format/names.ts'
import type { Repository } from '../repo/repository.ts'
import type { SnapshotInfo } from '../repo/history/snapshot-catalog.ts'
import { listAll } from '../store/store.ts'

/** Count and bytes of one kind of object. */
export interface ObjectTotal {
  readonly count: number
  readonly bytes: number
}

export interface RepositoryStats {
  readonly snapshots: number
  /** Files of all snapshots together, and the bytes that they would take if each snapshot were restored by itself. */
  readonly files: number
  readonly restoredBytes: number
  /** Blobs that are stored, each counted once. */
  readonly blobs: number
  /** Content of files that is stored, before compression; and as it is stored, sealed. */
  readonly data: { readonly plainBytes: number; readonly storedBytes: number }
  /** The same for directories and content lists. */
  readonly meta: { readonly plainBytes: number; readonly storedBytes: number }
  /** By kind, as in docs/format.md, 2; `other` is what is no object's name. */
  readonly objects: ReadonlyMap<string, ObjectTotal>
  readonly storeBytes: number
}

/** Totals over these snapshots and over everything that is stored in the domains of the credential; indexes must be loaded. */
export async function repositoryStats(
  repository: Repository,
  snapshots: readonly Pick<SnapshotInfo, 'body'>[],
): Promise<RepositoryStats> {
  const sum = (of: (at: (typeof snapshots)[number]) => number) => snapshots.reduce((total, each) => total + of(each), 0)
  const objects = await objectTotals(repository)
  return {
    snapshots: snapshots.length,
    files: sum(({ body }) => body.stats.files),
    restoredBytes: sum(({ body }) => body.stats.bytes),
    blobs: repository.inDomains.reduce((total, { index }) => total + index.blobCount, 0),
    ...blockTotals(repository.inDomains),
    objects,
    storeBytes: [...objects.values()].reduce((total, { bytes }) => total + bytes, 0),
  }
}

function blockTotals(domains: readonly Repository[]): Pick<RepositoryStats, 'data' | 'meta'> {
  const totals = { data: { plainBytes: 0, storedBytes: 0 }, meta: { plainBytes: 0, storedBytes: 0 } }
  for (const { index } of domains) {
    for (const block of index.blocks()) {
      const total = totals[block.pack.kind]
      total.plainBytes += block.plainLength
      total.storedBytes += block.storedLength
    }
  }
  return totals
}

/** By kind; reads a listing of the store and needs no key. */
export async function objectTotals({ store }: Pick<Repository, 'store'>): Promise<Map<string, ObjectTotal>> {
  const totals = new Map<string, ObjectTotal>()
  for await (const { name, size } of listAll(store, '')) {
    const parsed = parseObjectName(name)
    const kind = parsed === null ? 'other' : parsed.kind === 'pack' ? `${parsed.packKind}-pack` : parsed.kind
    const { count, bytes } = totals.get(kind) ?? { count: 0, bytes: 0 }
    totals.set(kind, { count: count + 1, bytes: bytes + size })
  }
  return totals
}
