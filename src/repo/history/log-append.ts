// Adds a record to the log, onto the newest one of this writer.
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { BackupError, doing } from '../../base/errors.ts'
import { timespecFromMs } from '../../base/time.ts'
import { hash } from '../../crypto/hash.ts'
import { encodeLogRecord, verifyLogRecord } from '../../format/log-record.ts'
import type { ChainPlace, LogAction, LogBody } from '../../format/log-record.ts'
import { logName, SEQ_MAX } from '../../format/names.ts'
import { endOfChain } from './chain-end.ts'
import { checkWritable } from '../descriptions.ts'
import { checkMayLog, HEAD_TRIES, listLog, verifyRecord } from './log.ts'
import type { ListedRecord } from './log.ts'
import { parityMakerOf } from '../objects/parity-maker.ts'
import { problemOf } from '../objects/object-problem.ts'
import type { HistoryDomain, HistorySource } from './history-source.ts'
import { checkNotRevoked } from '../writers/revocations.ts'
import { settle } from '../objects/settle.ts'
import type { WriterIdentity } from '../writers/writer-identity.ts'

export interface AppendOptions {
  readonly writer: WriterIdentity
  readonly clock: Clock
  /** Who does it, as people are called: `ada@workstation`. */
  readonly by: string
}

/**
 * Adds a record to the writer's chain; when this resolves it is acknowledged. What explains a gap is said once in each domain
 * of the writer: chains are common to all domains, and who has one domain alone sees their gaps too. Gives the record in the
 * domain of `repo`. Throws `wrong-key` when the role of the writer does not permit it.
 */
export async function appendRecord(repo: HistorySource, action: LogAction, opts: AppendOptions): Promise<ListedRecord> {
  checkWritable(repo, repo.store.location)
  const { writer, clock, by } = opts
  const wid = toHex(writer.wid)
  await checkMayLog(repo, writer, action.kind)
  await checkNotRevoked(repo, writer.wid)
  const { domainIds } = await repo.writers.certificate(writer.wid)
  const others = EXPLAINING.has(action.kind)
    ? repo.inDomains.filter((each) => each !== repo && domainIds.some((id) => equalBytes(id, each.domain.id)))
    : []
  return writer.exclusively(async () => {
    for (const other of others) await append(other)
    return append(repo)
  })

  async function append({ indexSealer: sealer }: HistoryDomain): Promise<ListedRecord> {
    // What this machine has added just now shows, and what others had when it was decided to add this.
    await settle(repo.store, clock)
    const listed = await listLog(repo)
    const mine = listed.filter((each) => each.wid === wid).toReversed()
    const own = await endOfChain(repo.store, clock, mine, (bytes, { objectName, seq }) => {
      const head = verifyLogRecord(bytes, objectName, { publicKey: writer.signer.publicKey, repoId: repo.id })
      if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
    })
    if (own === 'gone') {
      throw new BackupError(
        'corrupt',
        'a record of this machine was taken away while it was looked at',
        repo.store.location,
        {
          hint: 'nobody deletes records: see `holdfast audit`',
        },
      )
    }
    if (own?.seq === SEQ_MAX) {
      throw new BackupError('limit', 'this writer’s record has the last number that there is', own.objectName)
    }
    const heads = await logHeads(
      repo,
      listed.filter((each) => each.wid !== wid),
    )
    const seq = (own?.seq ?? 0) + 1
    const body: LogBody = { time: timespecFromMs(clock.now()), by, action, heads }
    const bytes = encodeLogRecord(
      { repoId: repo.id, seq, previous: own === undefined ? NO_RECORD : fromHex(own.id)! },
      body,
      { sealer, signer: writer.signer },
    )
    const id = toHex(hash(bytes))
    const objectName = logName(wid, seq, id)
    const parity = parityMakerOf(repo)
    parity.ofBytes(objectName, bytes)
    await doing('storing a log record', objectName, () => repo.store.put(objectName, [bytes]))
    await parity.finish() // what could not be made a repair makes
    return { objectName, id, wid, seq, storedSize: bytes.length, receivedMs: clock.now() }
  }
}

/** Kinds of records that tell others why something is gone, or counts no longer. */
const EXPLAINING: ReadonlySet<LogAction['kind']> = new Set([
  'forget',
  'forget-damaged',
  'revoke',
  'accept',
  'policy',
  'hold',
  'recall',
  'rewrite',
  'rotate',
  'remove-slot',
  'destroy',
])

/** The newest sound record of each chain: a name alone is no proof that there ever was such a record. */
async function logHeads(repo: HistorySource, listed: readonly ListedRecord[]): Promise<ChainPlace[]> {
  const heads: ChainPlace[] = []
  for (const [wid, chain] of Map.groupBy(listed, (each) => each.wid)) {
    for (const each of chain.slice(-HEAD_TRIES).toReversed()) {
      if ((await verifyRecord(repo, each).catch(problemOf)) instanceof BackupError) continue
      heads.push({ wid: fromHex(wid)!, seq: each.seq, hash: fromHex(each.id)! })
      break
    }
  }
  return heads
}

/** Stands for the record before the first. */
const NO_RECORD = new Uint8Array(32)
