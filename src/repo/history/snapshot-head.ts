// A writer's newest snapshot, forgotten or not.
import { fromHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError } from '../../base/errors.ts'
import { parseObjectName, SEQ_MAX, snapshotPrefix, trashPrefix, writerName } from '../../format/names.ts'
import { verifySnapshot } from '../../format/snapshot.ts'
import { listAll } from '../../store/store.ts'
import { endOfChain } from './chain-end.ts'
import type { ChainObject } from './chain-end.ts'
import type { HistorySource } from './history-source.ts'

/** A snapshot is in the trash before it goes away, so the trash is listed last. Throws as `endOfChain`, and `limit`. */
export async function snapshotHead(
  repo: HistorySource,
  wid: Uint8Array,
  clock: Clock,
): Promise<{ readonly seq: number; readonly hash: Uint8Array } | undefined> {
  for (let attempt = 1; ; attempt++) {
    const head = await lookForHead(repo, wid, clock)
    if (head === undefined) return undefined
    if (head === 'gone') {
      // It is in the trash now, which has to be listed again.
      if (attempt < ATTEMPTS) continue
      throw new BackupError('io', 'snapshots come and go faster than they can be read', repo.store.location, {
        hint: 'try again later',
      })
    }
    if (head.seq < SEQ_MAX) return { seq: head.seq, hash: fromHex(head.id)! }
    throw new BackupError('limit', 'this writer’s snapshot has the last number that there is', head.objectName, {
      hint: 'run `holdfast check`: if it is damaged, remove it',
    })
  }
}

const ATTEMPTS = 10

async function lookForHead(
  repo: HistorySource,
  wid: Uint8Array,
  clock: Clock,
): Promise<ChainObject | 'gone' | undefined> {
  const chain: ChainObject[] = []
  for (const prefix of [snapshotPrefix(wid), trashPrefix(wid)]) {
    for await (const { name } of listAll(repo.store, prefix)) {
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'snapshot' && parsed?.kind !== 'trash') continue
      chain.push({ objectName: name, seq: parsed.seq, id: parsed.hash })
    }
  }
  if (chain.length === 0) return undefined
  const publicKey = await repo.writers.publicKey(wid, 'snapshot', writerName(wid))
  // Of two with one number that in its place: the sort keeps their order.
  const newestFirst = chain.sort((a, b) => b.seq - a.seq)
  return endOfChain(repo.store, clock, newestFirst, (bytes, { objectName, seq }) => {
    const { seq: own } = verifySnapshot(bytes, objectName, { publicKey, repoId: repo.id })
    if (own !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
  })
}
