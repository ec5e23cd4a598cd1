// Snapshots that somebody has forgotten because they could not be read: what lies of them in the trash is damaged, and known to be.
import { fromHex } from '../../base/bytes.ts'
import { snapshotName, trashName } from '../../format/names.ts'
import { LogFacts } from '../../repo/log-facts.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/log.ts'
import type { Repository } from '../../repo/repository.ts'

/** Names in the trash; `present` has the names of all snapshots that are in their places, which were not forgotten. */
export async function givenUpInTrash(repo: Repository, present: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const names = new Set<string>()
  for (const key of new LogFacts(records).givenUp) {
    const [hex, number, id] = key.split('/') as [string, string, string]
    const [wid, seq] = [fromHex(hex)!, Number(number)]
    if (!present.has(snapshotName(wid, seq, id))) names.add(trashName(wid, seq, id))
  }
  return names
}
