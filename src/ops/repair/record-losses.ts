// Notes in the log what a repair could not make good, in each domain what its snapshots lack: who has another domain alone
// must not read their paths. Where an earlier repair had noted something, this says too that all is whole again.
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { mayLog } from '../../repo/history/log.ts'
import { appendRecord } from '../../repo/history/log-append.ts'
import type { Repository } from '../../repo/repository.ts'
import type { WriterIdentity } from '../../repo/writers/writer-identity.ts'
import { lossRecord } from './loss-record.ts'
import type { FoundLoss } from './loss-record.ts'

export interface RecordLossesOptions {
  readonly writer: () => Promise<WriterIdentity>
  readonly clock: Clock
  readonly by: string
}

/** Names of the records that were added; none where there is nothing to say, or the role does not permit it. */
export async function recordLosses(
  repo: Repository,
  found: FoundLoss,
  { writer: identity, clock, by }: RecordLossesOptions,
): Promise<string[]> {
  if (!mayLog(repo.bundle.role, 'repair')) return []
  const isLost = found.damages.length > 0
  if (!isLost && !found.whole) return []
  const { bySnapshot } = await repo.trust.losses()
  if (!isLost && bySnapshot.size === 0) return []
  const noted = new Set([...bySnapshot.values()].map(({ record }) => record.domainId))
  const writer = await identity()
  const { domainIds } = await repo.writers.certificate(writer.wid)
  const domainOf = await domainsOfSnapshots(repo)
  const names: string[] = []
  for (const within of repo.inDomains.filter(({ domain }) => domainIds.some((id) => equalBytes(id, domain.id)))) {
    const id = toHex(within.domain.id)
    const action = lossRecord(found, (snapshot) => domainOf(snapshot) === id)
    // What no snapshot lacks is told once.
    const isFirst = isLost && names.length === 0 && within === repo
    if (action.snapshots.length === 0 && !noted.has(id) && !isFirst) continue
    names.push((await appendRecord(within, action, { writer, clock, by })).objectName)
  }
  return names
}

/** The domain of a snapshot that can be read, by its id; the one that there is, without reading any, where there is one. */
async function domainsOfSnapshots(repo: Repository): Promise<(snapshot: string) => string | undefined> {
  const only = toHex(repo.domain.id)
  if (repo.inDomains.length === 1) return () => only
  const { snapshots } = await repo.catalog.readable()
  const known = new Map(snapshots.map(({ id, body }) => [id, toHex(body.domainId)]))
  return (snapshot) => known.get(snapshot)
}
