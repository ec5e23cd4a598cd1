// When snapshots were made, for retention: when the store received them, which no client can choose. Where the store is a
// copy of another one those times say nothing; then what the snapshots claim is taken, in the order of their chains.
import { timespecToMs } from '../../base/time.ts'
import type { Timespec } from '../../base/time.ts'

/** What is looked at of a snapshot. */
export interface Received {
  readonly id: string
  /** Hex. */
  readonly wid: string
  readonly seq: number
  readonly receivedMs: number
  readonly body: { readonly ended: Timespec }
}

export interface SnapshotTimes {
  /** By the id of the snapshot, in milliseconds since 1970. */
  readonly timeOf: ReadonlyMap<string, number>
  /** The store is a copy: these are the times that the snapshots claim. */
  readonly isCopy: boolean
}

/** How long after it says it was made the store may have received a snapshot. */
const LATE_MS = 86_400_000

/**
 * Most snapshots of most writers came late: one writer who lies does not make a copy of a store. A claimed time is never
 * before that of the snapshot before it in its chain and never after its receipt.
 */
export function timesOf(snapshots: readonly Received[]): SnapshotTimes {
  const chains = [...Map.groupBy(snapshots, ({ wid }) => wid).values()]
  const late = chains.filter((chain) => isMost(chain, isLate)).length
  const isCopy = late * 2 > chains.length
  if (!isCopy) return { timeOf: new Map(snapshots.map(({ id, receivedMs }) => [id, receivedMs])), isCopy }
  const timeOf = new Map<string, number>()
  for (const chain of chains) {
    let before = -Infinity
    for (const each of chain.toSorted((a, b) => a.seq - b.seq)) {
      before = Math.max(before, Math.min(claimed(each), each.receivedMs))
      timeOf.set(each.id, before)
    }
  }
  return { timeOf, isCopy }
}

function isLate(each: Received): boolean {
  return each.receivedMs - claimed(each) > LATE_MS
}

function claimed({ body }: Received): number {
  return timespecToMs(body.ended)
}

function isMost<T>(items: readonly T[], holds: (item: T) => boolean): boolean {
  return items.length > 1 && items.filter(holds).length * 2 > items.length
}
