// What a repair notes in the log of what is lost for good: as much as fits, the most concerned first.
import { fromHex, toHex } from '../../base/bytes.ts'
import { LOST_OBJECTS_MAX, LOST_PATHS_MAX, LOST_SNAPSHOTS_MAX } from '../../format/repair-action.ts'
import type { LostPaths, RepairAction } from '../../format/repair-action.ts'
import type { Damage } from '../check.ts'

/** Bytes of paths in one record, far below what a record may have. */
const PATHS_SIZE_MAX = 4 * 1024 * 1024
const NAME_MAX = 200

export interface FoundLoss {
  readonly damages: readonly Damage[]
  /** Objects that were made good. */
  readonly healed: number
  /** Whether everything was read. */
  readonly whole: boolean
}

/** `isIn` says of the id of a snapshot whether it is of the domain in which the record is sealed. */
export function lossRecord({ damages, healed, whole }: FoundLoss, isIn: (snapshot: string) => boolean): RepairAction {
  const bySnapshot = new Map<string, AffectedPaths>()
  for (const { affected } of damages) {
    for (const { id, paths, pathCount } of affected) {
      if (!isIn(id)) continue
      const all = bySnapshot.get(id) ?? new AffectedPaths()
      all.add(paths, pathCount)
      bySnapshot.set(id, all)
    }
  }
  const most = [...bySnapshot].sort(([, a], [, b]) => b.count - a.count).slice(0, LOST_SNAPSHOTS_MAX)
  let room = PATHS_SIZE_MAX
  const snapshots = most.map(([id, { count, first }]): LostPaths => {
    const fitting = first.filter(({ length }) => (room -= length) >= 0)
    return { snapshot: fromHex(id)!, count, paths: fitting }
  })
  const lost = damages.slice(0, LOST_OBJECTS_MAX).map(({ object }) => object.slice(0, NAME_MAX))
  return { kind: 'repair', healed, lost, snapshots, ...(whole && { whole }) }
}

/** Of one snapshot. A path that lacks parts of several objects is counted once, as far as all are known. */
class AffectedPaths {
  readonly #known = new Map<string, Uint8Array>()
  #unknown = 0

  get count(): number {
    return this.#known.size + this.#unknown
  }

  get first(): Uint8Array[] {
    return [...this.#known.values().take(LOST_PATHS_MAX)]
  }

  add(paths: readonly Uint8Array[], count: number): void {
    for (const path of paths) this.#known.set(toHex(path), path)
    this.#unknown += count - paths.length
  }
}
