// Records of repairs, as `holdfast audit` shows them: what was lost for good, and what that cost.
import { toHex } from '../base/bytes.ts'
import type { RecordedRepair } from '../ops/audit.ts'
import { escapeName, escapeText } from './escape.ts'
import { jsonName } from './json-lines.ts'
import type { JsonRecord } from './json-lines.ts'
import { recordOrigin } from './record-origin.ts'
import { shortId } from './snapshot-view.ts'
import { counted, formatLocalTime } from './units.ts'

/** Objects, snapshots and paths that are named one by one; --json has all that the record has. */
const NAMED_MAX = 5

export function repairLines({ record, action: { healed, lost, snapshots } }: RecordedRepair): string[] {
  const { by, time } = record.body
  const who = `${escapeText(by)} on ${formatLocalTime(time)}`
  const left = lost.length === 0 ? 'nothing is lost any more' : `${counted(lost.length, 'object')} lost for good`
  return [
    `repaired by ${who}: ${counted(healed, 'object')} made good, ${left}`,
    ...firstOf(lost, (name) => `  lost: ${escapeText(name)}`),
    ...firstOf(snapshots, ({ snapshot, count, paths }) => {
      const named = paths.slice(0, NAMED_MAX).map((path) => escapeName(path))
      const more = count > named.length ? ', …' : ''
      return `  of snapshot ${shortId(toHex(snapshot))} ${counted(count, 'path')}: ${named.join(', ')}${more}`
    }),
  ]
}

export function repairRecord({
  record,
  action: { healed, lost, snapshots, whole = false },
}: RecordedRepair): JsonRecord {
  return {
    type: 'repair',
    ...recordOrigin(record),
    healed,
    lost: [...lost],
    whole,
    affected: snapshots.map(({ snapshot, count, paths }) => ({
      snapshot: toHex(snapshot),
      path_count: count,
      paths: paths.map((path) => jsonName(path)),
    })),
  }
}

function firstOf<T>(items: readonly T[], line: (item: T) => string): string[] {
  const lines = items.slice(0, NAMED_MAX).map((item) => line(item))
  return items.length > NAMED_MAX ? [...lines, `  and ${items.length - NAMED_MAX} more`] : lines
}
