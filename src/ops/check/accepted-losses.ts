// What somebody has accepted as lost and is still not there. What comes back counts again.
import { HASH_SIZE } from '../../crypto/hash.ts'
import type { LogFacts } from '../../repo/history/log-facts.ts'

/** In place of the hash of what nobody has seen: whatever lay there. */
const UNKNOWN = '0'.repeat(2 * HASH_SIZE)

/** How many; `there` has the names of all snapshots and records that there are, damaged ones too. */
export function acceptedLosses(facts: LogFacts, there: ReadonlySet<string>): number {
  const accepted = facts.acceptedNames()
  const places = accepted.some((name) => name.endsWith(UNKNOWN)) ? new Set([...there].map(placeIn)) : undefined
  const isThere = (name: string) => (name.endsWith(UNKNOWN) ? places!.has(placeIn(name)) : there.has(name))
  return accepted.filter((name) => !isThere(name)).length
}

function placeIn(name: string): string {
  return name.slice(0, name.lastIndexOf('-'))
}
