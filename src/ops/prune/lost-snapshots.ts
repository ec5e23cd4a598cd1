// Snapshots that others speak of, and that are neither there nor explained by a record: a sign that the store does not show all
// that it has.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { snapshotName } from '../../format/names.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/history/log.ts'
import { keyOfPlace, LogFacts } from '../../repo/history/log-facts.ts'
import type { Repository } from '../../repo/repository.ts'
import type { Root } from './roots.ts'

/** Throws `corrupt` when one is missing. `listed` has the hashes of all snapshots that are there, also of what cannot be read. */
export async function checkNoneIsLost(
  repo: Repository,
  roots: readonly Root[],
  listed: ReadonlySet<string>,
): Promise<void> {
  const missing = new Map<string, string>()
  for (const { wid, seq, previous, body } of roots) {
    const seen = body.heads.map((head) => ({ wid: toHex(head.wid), seq: head.seq, id: toHex(head.hash) }))
    if (previous !== undefined) seen.push({ wid, seq: seq - 1, id: previous })
    for (const place of seen) {
      if (listed.has(place.id)) continue
      missing.set(keyOfPlace(place.wid, place.seq, place.id), snapshotName(fromHex(place.wid)!, place.seq, place.id))
    }
  }
  if (missing.size === 0) return
  // After the snapshots: whoever takes one away says so before.
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const { gone } = new LogFacts(records)
  const unexplained = [...missing].flatMap(([key, name]) => (gone.has(key) ? [] : [name]))
  const [first] = unexplained
  if (first === undefined) return
  const more = unexplained.length === 1 ? 'a snapshot is' : `${unexplained.length} snapshots are`
  throw new BackupError('corrupt', `${more} missing that no record explains, so nothing is deleted`, first, {
    hint: 'is all of the store there? `holdfast audit` tells more; when they cannot be had again: `holdfast repair --accept-loss all`, or this once `holdfast prune --allow-missing`',
  })
}
