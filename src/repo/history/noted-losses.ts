// What repairs have noted as lost for good, and nobody has noted since as whole again (docs/format.md, 9.7).
import { toHex } from '../../base/bytes.ts'
import { timespecToMs } from '../../base/time.ts'
import { LOST_SNAPSHOTS_MAX } from '../../format/repair-action.ts'
import type { LostPaths } from '../../format/repair-action.ts'
import { hasSeen } from './log-facts.ts'
import type { OpenedRecord } from './log.ts'

/** What a snapshot was found to lack. */
export interface NotedLoss {
  /** Paths that lack something; `paths` has the first of them. */
  readonly count: number
  readonly paths: readonly Uint8Array[]
  /** Names of what is lost. */
  readonly lost: ReadonlySet<string>
  /** The newest that says so. */
  readonly record: OpenedRecord
}

export interface NotedLosses {
  /** By the ids of the snapshots, hex. */
  readonly bySnapshot: ReadonlyMap<string, NotedLoss>
  /** Some record has as many snapshots as fit: others may lack something too. */
  readonly isCut: boolean
}

/** What holds of records of repairs that count, in any order; others are passed over. */
export function notedLosses(records: readonly OpenedRecord[]): NotedLosses {
  const bySnapshot = new Map<string, NotedLoss>()
  let isCut = false
  for (const record of records.filter((each) => !records.some((later) => replaces(later, each)))) {
    const { action } = record.body
    if (action.kind !== 'repair') continue
    isCut ||= action.snapshots.length === LOST_SNAPSHOTS_MAX
    const lost = new Set(action.lost)
    for (const each of action.snapshots) {
      const id = toHex(each.snapshot)
      bySnapshot.set(id, joined(bySnapshot.get(id), { ...each, lost, record }))
    }
  }
  return { bySnapshot, isCut }
}

/** Whether one record says of a domain what is lost in all of it, and its writer had seen the other. */
function replaces(later: OpenedRecord, earlier: OpenedRecord): boolean {
  const { action } = later.body
  if (action.kind !== 'repair' || action.whole !== true || later.domainId !== earlier.domainId) return false
  return hasSeen(later, earlier)
}

function joined(known: NotedLoss | undefined, { count, paths, lost, record }: NotedLoss & LostPaths): NotedLoss {
  if (known === undefined) return { count, paths, lost, record }
  const all = new Map([...known.paths, ...paths].map((path) => [toHex(path), path]))
  const isNewer = timespecToMs(record.body.time) > timespecToMs(known.record.body.time)
  return {
    count: Math.max(count, known.count, all.size),
    paths: [...all.values()],
    lost: new Set([...known.lost, ...lost]),
    record: isNewer ? record : known.record,
  }
}
