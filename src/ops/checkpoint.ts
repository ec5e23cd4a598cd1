// Makes a checkpoint: what the history of a repository is now, for somebody to hold against it later.
import { fromHex } from '../base/bytes.ts'
import { digestOf, fingerprintOf, sortHeads } from '../format/checkpoint.ts'
import type { ChainHead, Checkpoint } from '../format/checkpoint.ts'
import type { ChainName } from '../format/log-record.ts'
import { ChainLook, recordChains, snapshotChains } from '../repo/history/chain-look.ts'
import { listLog } from '../repo/history/log.ts'
import type { Repository } from '../repo/repository.ts'
import type { SeenHeads } from '../repo/history/seen-history.ts'

/** Heads that are written out unless all are asked for; eight are twenty lines, a digest is as short as one. */
const WRITTEN_OUT_MAX = 8

export interface CheckpointOptions {
  readonly nowMs: number
  /** Whether all heads are written out, however many. */
  readonly full?: boolean
}

/** Reads the newest object of each chain. Throws what the store throws. */
export async function makeCheckpoint(
  repo: Repository,
  { nowMs, full = false }: CheckpointOptions,
): Promise<Checkpoint> {
  const [snapshots, records] = [await repo.catalog.list(), await listLog(repo)]
  const none: SeenHeads = new Map()
  const snapshotHeads = await new ChainLook(snapshotChains(repo), none, Infinity).look(snapshots)
  const recordHeads = await new ChainLook(recordChains(repo), none, Infinity).look(records)
  const heads = sortHeads([...headsOf('snapshot', snapshotHeads.heads), ...headsOf('record', recordHeads.heads)])
  return {
    repoId: repo.id,
    fingerprint: fingerprintOf(repo.bundle.rootPublic),
    time: Math.floor(nowMs / 1000),
    description: repo.descriptionNumber,
    snapshots: snapshots.length,
    records: records.length,
    heads: full || heads.length <= WRITTEN_OUT_MAX ? heads : digestOf(heads),
  }
}

function headsOf(chain: ChainName, heads: SeenHeads): ChainHead[] {
  return [...heads].map(([wid, { seq, id }]) => ({ chain, wid: fromHex(wid)!, seq, hash: fromHex(id)! }))
}
