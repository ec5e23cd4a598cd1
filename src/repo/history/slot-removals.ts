// Which key slots were removed, as the log says it. Whoever owns the store can bring back the bytes of one that an
// administrator had signed; keys that are made later must not get into it.
import { fromHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { logPrefix } from '../../format/names.ts'
import { listLog, readLog } from './log.ts'
import { LogFacts } from './log-facts.ts'
import type { ListedRecord } from './log.ts'
import type { ChainSource } from './history-source.ts'

const ADMINS: ReadonlySet<Role> = new Set<Role>(['admin'])

/**
 * Hashes, hex, of the public keys of the slots that were removed. Throws `corrupt` when a record of an administrator is
 * damaged or missing: it may be that of a removal.
 */
export async function removedSlots(repo: ChainSource): Promise<ReadonlySet<string>> {
  const listed = await listLog(repo)
  const { records, problems } = await readLog(repo, { listed, roles: ADMINS })
  const facts = new LogFacts(records)
  const cause = problems[0] ?? (await firstGap(repo, listed, facts))
  if (cause === undefined) return facts.removedSlots
  const what = 'the log is not whole, so it is not known which keys were removed'
  throw new BackupError('corrupt', what, cause.subject, {
    cause,
    hint: 'see `holdfast audit`; what is not of this repository may be removed from the folder `log`; a record that is gone for good: `holdfast repair --accept-loss all`',
  })
}

/** Records of administrators have the numbers 1, 2, 3 …; one that is not there, and that nobody has accepted as lost, is missing. */
async function firstGap(
  repo: ChainSource,
  listed: readonly ListedRecord[],
  { lostRecords }: LogFacts,
): Promise<BackupError | undefined> {
  const accepted = new Set([...lostRecords.keys()].map((key) => key.slice(0, key.lastIndexOf('/'))))
  for (const [wid, chain] of Map.groupBy(listed, (each) => each.wid)) {
    const { role } = await repo.writers.certificate(fromHex(wid)!)
    if (role !== 'admin') continue
    const there = new Set(chain.map(({ seq }) => seq))
    const last = chain.reduce((greatest, { seq }) => Math.max(greatest, seq), 0)
    for (let seq = 1; seq < last; seq++) {
      if (there.has(seq) || accepted.has(`${wid}/${seq}`)) continue
      return new BackupError('corrupt', `record ${seq} of a writer is missing`, logPrefix(wid))
    }
  }
  return undefined
}
