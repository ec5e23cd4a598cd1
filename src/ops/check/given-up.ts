// Snapshots that somebody has forgotten because they could not be read: what lies of them in the trash is damaged, and known to be.
import { snapshotName } from '../../format/names.ts'
import { keyOfPlace, LogFacts } from '../../repo/log-facts.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/log.ts'
import type { Repository } from '../../repo/repository.ts'
import { listTrash } from '../../repo/trash.ts'

/** Names in the trash; `present` has the names of all snapshots that are in their places, which were not forgotten. */
export async function givenUpInTrash(repo: Repository, present: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const { givenUp } = new LogFacts(records)
  if (givenUp.size === 0) return new Set()
  const copies = (await listTrash(repo)).filter(
    ({ wid, seq, id }) => givenUp.has(keyOfPlace(wid, seq, id)) && !present.has(snapshotName(wid, seq, id)),
  )
  return new Set(copies.map(({ objectName }) => objectName))
}
