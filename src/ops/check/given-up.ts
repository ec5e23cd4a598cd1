// What is damaged in the trash and costs nobody anything: snapshots that somebody has forgotten because they could not be read, and
// parts of copies that a forget has left which failed. No record names those, so nobody brings them back; a purge removes them.
import { snapshotName } from '../../format/names.ts'
import { keyOfPlace, LogFacts } from '../../repo/history/log-facts.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/history/log.ts'
import type { Repository } from '../../repo/repository.ts'
import { listTrash } from '../../repo/history/trash.ts'

/** Names in the trash; `present` has the names of all snapshots that are in their places, which were not forgotten. */
export async function givenUpInTrash(repo: Repository, present: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const copies = await listTrash(repo)
  if (copies.length === 0) return new Set()
  const { records, problems } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const facts = new LogFacts(records)
  const counting = copies.filter(({ wid, seq, id, copy }) => {
    const key = keyOfPlace(wid, seq, id)
    if (problems.length === 0 && !facts.copiesOf(key).has(copy)) return false
    return !facts.givenUp.has(key) || present.has(snapshotName(wid, seq, id))
  })
  const kept = new Set(counting.map(({ objectName }) => objectName))
  return new Set(copies.flatMap(({ objectName }) => (kept.has(objectName) ? [] : [objectName])))
}
