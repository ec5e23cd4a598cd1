// The snapshots of each writer form a chain: numbers without gaps, each with the hash of the one before. A store can
// withhold or lose a snapshot but not without breaking a chain, unless it is the last one.
import { toHex } from '../../base/bytes.ts'
import { snapshotName } from '../../format/names.ts'
import type { SnapshotHead } from '../../format/snapshot.ts'

/** Of one snapshot, verified. */
export interface ChainLink {
  readonly objectName: string
  /** Hash of the object, hex. */
  readonly id: string
  readonly head: SnapshotHead
}

export interface ChainFlaw {
  /** The object that shows it. */
  readonly object: string
  /** Lost: a snapshot is not there. Forked: two claim the same place. */
  readonly kind: 'lost' | 'forked'
  readonly message: string
}

/** What is wrong with the chains of all writers. `known` has all names that are there, also of snapshots that are damaged. */
export function chainFlaws(links: readonly ChainLink[], known: ReadonlySet<string>): ChainFlaw[] {
  const flaws: ChainFlaw[] = []
  for (const [, chain] of Map.groupBy(links, ({ head }) => toHex(head.wid))) {
    const sorted = chain.toSorted((a, b) => a.head.seq - b.head.seq)
    for (const [i, link] of sorted.entries()) {
      const { objectName, head } = link
      const before = sorted[i - 1]
      if (before !== undefined && before.head.seq === head.seq) {
        flaws.push({ object: objectName, kind: 'forked', message: `${before.objectName} has the same number` })
        continue
      }
      if (head.seq === 1) continue
      const previous = toHex(head.previous)
      if (before?.head.seq === head.seq - 1) {
        if (sorted.some(({ id, head: other }) => other.seq === head.seq - 1 && id === previous)) continue
        flaws.push({ object: objectName, kind: 'forked', message: `it does not follow ${before.objectName}` })
      } else if (!known.has(nameOf(head, previous))) {
        const gap = head.seq - 1 - (before?.head.seq ?? 0)
        const what = gap === 1 ? `snapshot ${head.seq - 1} of its writer is` : `${gap} snapshots before it are`
        flaws.push({ object: objectName, kind: 'lost', message: `${what} not there` })
      }
    }
  }
  return flaws
}

function nameOf({ wid, seq }: SnapshotHead, previous: string): string {
  return snapshotName(wid, seq - 1, previous)
}
