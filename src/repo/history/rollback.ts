// Compares a store with what this client saw in it before. A store may be ahead of that, by any number of backups, and
// may lack what a record of maintenance explains; nothing else.
import { BackupError } from '../../base/errors.ts'
import { descriptionName, parseObjectName } from '../../format/names.ts'
import type { ChainName } from '../../format/log-record.ts'
import type { LocalState } from '../local-state.ts'
import { ChainLook, recordChains, snapshotChains } from './chain-look.ts'
import type { LostPlace, Suspect } from './chain-look.ts'
import { EXPLAINING_ROLES, listLog, readLog } from './log.ts'
import { keyOfPlace, LogFacts } from './log-facts.ts'
import type { HistorySource } from './history-source.ts'
import { isSameHead, readSeen, updateSeen } from './seen-history.ts'
import type { SeenHead, SeenHeads, SeenHistory } from './seen-history.ts'

export interface HistoryLook {
  /** What was remembered before; undefined at the first look. */
  readonly before: SeenHistory | undefined
  readonly lost: readonly LostPlace[]
  /** Numbers of the descriptions that were and are in use, where an older one has come back. */
  readonly olderDescription: { readonly was: number; readonly is: number } | undefined
  /** What there is now. */
  readonly snapshots: SeenHeads
  readonly records: SeenHeads
  readonly description: number
}

/** How old the time of the last look may become where nothing else has changed. */
const LOOKED_PRECISION_MS = 600_000

/**
 * Lists the snapshots and the log, reads the newest object of each chain that has a new one, and compares. Changes nothing.
 * Throws what the store throws: what cannot be listed is not missing.
 */
export async function lookAtHistory(repo: HistorySource, state: LocalState): Promise<HistoryLook> {
  // First what is remembered, then what is there: whatever another process remembers meanwhile is there too.
  const before = await readSeen(repo, state)
  const [listedSnapshots, listedRecords] = await Promise.all([repo.catalog.list(), listLog(repo)])
  const [snapshots, records] = await Promise.all([
    new ChainLook(snapshotChains(repo), before?.snapshots ?? new Map()).look(listedSnapshots),
    new ChainLook(recordChains(repo), before?.records ?? new Map()).look(listedRecords),
  ])
  repo.trust.remember(state, listedRecords)
  const heads = { snapshot: snapshots.heads, record: records.heads }
  return {
    before,
    lost: await unexplained(repo, [...snapshots.suspects, ...records.suspects], heads, before?.accepted),
    olderDescription: olderDescription(repo, before),
    snapshots: snapshots.heads,
    records: records.heads,
    description: repo.descriptionNumber,
  }
}

export function isRolledBack({ lost, olderDescription: older }: HistoryLook): boolean {
  return lost.length > 0 || older !== undefined
}

/** Says what is missing, since when, and what to do. */
export function rollbackError({ store }: HistorySource, look: HistoryLook): BackupError {
  const since = new Date(look.before?.lookedMs ?? 0).toISOString().replace(/\.\d+Z$/, 'Z')
  const told = look.lost.slice(0, TOLD_MAX).map(lostText)
  const { olderDescription: older, lost } = look
  if (lost.length > TOLD_MAX) told.push(`${lost.length - TOLD_MAX} more heads of chains are gone`)
  if (older !== undefined) {
    told.push(`${descriptionName(older.was)} was in use and ${descriptionName(older.is)} is now`)
  }
  const what = `the repository went back behind what it was on ${since}: ${told.join('; ')}`
  return new BackupError('rolled-back', what, store.location, {
    hint: 'if the store was restored from an older copy, say so once with --accept-rollback; if it has lost something, `holdfast repair`, or `repair --from COPY`; if not, back up elsewhere, keep this machine’s state folder, and see `holdfast audit`',
  })
}

/** Heads that are named one by one. */
const TOLD_MAX = 3

function lostText({ chain, wid, head, rival }: LostPlace): string {
  const what = `${chain} ${head.seq} of writer ${wid.slice(0, 8)} (${head.id.slice(0, 10)})`
  return rival === undefined ? `${what} is gone` : `${what} has a rival, ${rival}`
}

/**
 * Remembers what a look has found. With `accepted` also where that is less than before. Does nothing when nothing has
 * changed since a short while.
 */
export async function rememberLook(
  repo: HistorySource,
  state: LocalState,
  look: HistoryLook,
  { nowMs, accepted = false }: { readonly nowMs: number; readonly accepted?: boolean },
): Promise<void> {
  const { before } = look
  const isOld = before === undefined || Math.abs(nowMs - before.lookedMs) > LOOKED_PRECISION_MS
  const isSame =
    before !== undefined &&
    before.description === look.description &&
    sameHeads(before.snapshots, look.snapshots) &&
    sameHeads(before.records, look.records)
  if (isSame && !isOld && !accepted) return
  await updateSeen(repo, state, (kept) => ({
    lookedMs: Math.max(nowMs, kept?.lookedMs ?? 0),
    description: accepted ? look.description : Math.max(look.description, kept?.description ?? 0),
    snapshots: merged(kept?.snapshots, before?.snapshots, look.snapshots),
    records: merged(kept?.records, before?.records, look.records),
    accepted: new Set([...(kept?.accepted ?? []), ...(accepted ? look.lost.map(({ objectName }) => objectName) : [])]),
  }))
}

/** Remembers what this machine has just added itself. */
export function rememberOwn(
  repo: HistorySource,
  state: LocalState,
  chain: ChainName,
  { wid, seq, id, nowMs }: SeenHead & { readonly wid: string; readonly nowMs: number },
): Promise<void> {
  return updateSeen(repo, state, (kept) => {
    const seen = kept ?? { ...NOTHING, lookedMs: nowMs }
    const own = new Map([[wid, { seq, id }]])
    return chain === 'snapshot'
      ? { ...seen, snapshots: newer(seen.snapshots, own) }
      : { ...seen, records: newer(seen.records, own) }
  })
}

const NOTHING: SeenHistory = {
  lookedMs: 0,
  description: 0,
  snapshots: new Map(),
  records: new Map(),
  accepted: new Set(),
}

/** What a look found takes the place of what it began with; what another process has remembered since stays if it is newer. */
function merged(kept: SeenHeads = new Map(), before: SeenHeads = new Map(), found: SeenHeads): SeenHeads {
  const since = new Map([...kept].filter(([wid, head]) => !isSameHead(before.get(wid), head)))
  return newer(found, since)
}

function newer(one: SeenHeads, other: SeenHeads): SeenHeads {
  const heads = new Map(one)
  for (const [wid, head] of other) if (head.seq > (heads.get(wid)?.seq ?? 0)) heads.set(wid, head)
  return heads
}

function sameHeads(a: SeenHeads, b: SeenHeads): boolean {
  return a.size === b.size && [...a].every(([wid, head]) => isSameHead(b.get(wid), head))
}

/** Those that no record explains and that the store does not have when it is asked for them by name. */
async function unexplained(
  repo: HistorySource,
  suspects: readonly Suspect[],
  heads: Readonly<Record<ChainName, Map<string, SeenHead>>>,
  accepted: ReadonlySet<string> = new Set(),
): Promise<LostPlace[]> {
  if (suspects.length === 0) return []
  // Listed after the snapshots: a record is acknowledged before what it explains is deleted (docs/format.md, 10).
  const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
  const facts = new LogFacts(records)
  const lost: LostPlace[] = []
  for (const { absent, ...place } of suspects) {
    const { chain, wid, head, objectName, rival } = place
    const reasons = chain === 'snapshot' ? facts.gone : facts.lostRecords
    if (accepted.has(objectName) || reasons.has(keyOfPlace(wid, head.seq, head.id))) continue
    if (absent && rival === undefined && (await repo.store.stat(objectName)) !== null) heads[chain].set(wid, head)
    else lost.push(place)
  }
  return lost
}

/** A newer description that is damaged is there all the same: that is damage, and told as such. */
function olderDescription(
  { descriptionNumber: is, newerDamaged }: HistorySource,
  before: SeenHistory | undefined,
): HistoryLook['olderDescription'] {
  const was = before?.description ?? 0
  const isThere = newerDamaged.some(({ subject }) => {
    const parsed = parseObjectName(subject)
    return parsed?.kind === 'description' && parsed.number >= was
  })
  return is < was && !isThere ? { was, is } : undefined
}
