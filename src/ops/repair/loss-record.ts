// What a repair notes in the log of what is lost for good: as much as fits, the most concerned first.
import { fromHex } from '../../base/bytes.ts'
import { LOST_OBJECTS_MAX, LOST_PATHS_MAX, LOST_SNAPSHOTS_MAX } from '../../format/repair-action.ts'
import type { LostPaths, RepairAction } from '../../format/repair-action.ts'
import type { Damage } from '../check.ts'

/** Bytes of paths in one record, far below what a record may have. */
const PATHS_SIZE_MAX = 4 * 1024 * 1024
const NAME_MAX = 200

export function lossRecord({ damages }: { readonly damages: readonly Damage[] }, healed: number): RepairAction {
  const bySnapshot = new Map<string, { count: number; paths: Uint8Array[] }>()
  for (const { affected } of damages) {
    for (const { id, paths, pathCount } of affected) {
      const all = bySnapshot.get(id) ?? { count: 0, paths: [] }
      bySnapshot.set(id, { count: all.count + pathCount, paths: [...all.paths, ...paths].slice(0, LOST_PATHS_MAX) })
    }
  }
  const most = [...bySnapshot].sort(([, a], [, b]) => b.count - a.count).slice(0, LOST_SNAPSHOTS_MAX)
  let room = PATHS_SIZE_MAX
  const snapshots = most.map(([id, { count, paths }]): LostPaths => {
    const fitting = paths.filter(({ length }) => (room -= length) >= 0)
    return { snapshot: fromHex(id)!, count, paths: fitting }
  })
  const lost = damages.slice(0, LOST_OBJECTS_MAX).map(({ object }) => object.slice(0, NAME_MAX))
  return { kind: 'repair', healed, lost, snapshots }
}
