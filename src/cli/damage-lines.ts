// What is damaged and what that costs, for people and for programs.
import type { Damage } from '../ops/check/damage.ts'
import { escapeName, escapeText } from './escape.ts'
import { jsonName } from './json-lines.ts'
import { shortId } from './snapshot-view.ts'
import { counted, formatCount } from './units.ts'

/** Paths shown for each snapshot that damage costs something; --json has more. */
const PATHS_SHOWN = 5
/** Snapshots shown for each damage: one that is old is in all of them. */
const SNAPSHOTS_SHOWN = 20

export function damageRecord(damage: Damage) {
  return {
    type: 'damage' as const,
    object: damage.object,
    code: damage.code,
    messages: damage.messages,
    findings: damage.findings,
    snapshots_affected: damage.affectedCount,
    affected: damage.affected.map(({ id, paths, pathCount }) => ({
      snapshot: id,
      paths: paths.map((path) => jsonName(path)),
      path_count: pathCount,
    })),
  }
}

export function damageLines({ object, messages, findings, affected, affectedCount }: Damage): string[] {
  const more = findings > messages.length ? ` (and ${formatCount(findings - messages.length)} more)` : ''
  const lines = [`  ${escapeText(object)}: ${escapeText(messages.join('; '))}${more}`]
  for (const { id, paths, pathCount } of affected.slice(0, SNAPSHOTS_SHOWN)) {
    lines.push(`    snapshot ${shortId(id)} needs it for ${counted(pathCount, 'path')}:`)
    for (const path of paths.slice(0, PATHS_SHOWN))
      lines.push(`      ${path.length === 0 ? 'the whole tree' : escapeName(path)}`)
    if (pathCount > PATHS_SHOWN) lines.push(`      and ${formatCount(pathCount - PATHS_SHOWN)} more`)
  }
  const others = affectedCount - Math.min(affected.length, SNAPSHOTS_SHOWN)
  if (others > 0) lines.push(`    and ${counted(others, 'more snapshot')}`)
  return lines
}
