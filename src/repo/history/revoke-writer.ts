// Revoking a writer: what of it counts on is named one by one, since whoever has its key can sign at any place of its
// chains (docs/format.md, 9.4).
import { fromHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { KEPT_SNAPSHOTS_MAX } from '../../format/log-record.ts'
import type { LogAction } from '../../format/log-record.ts'
import { parseObjectName, PREFIXES, SEQ_MAX, writerName } from '../../format/names.ts'
import { openWriterName } from '../../format/writer-cert.ts'
import { listAll } from '../../store/store.ts'
import { recordChains, snapshotChains } from './chain-look.ts'
import { listLog } from './log.ts'
import type { ListedRecord } from './log.ts'
import type { HistoryDomain, HistorySource } from './history-source.ts'
import type { ListedSnapshot } from './snapshot-catalog.ts'
import { eachOnce, listTrash } from './trash.ts'
import type { Revocation } from '../writers/revocations.ts'

export interface KnownWriter {
  /** Hex. */
  readonly wid: string
  /** Empty where this credential cannot open it. */
  readonly name: string
  readonly role: Role
}

/** What of a writer counts no longer; everything from now on unless given. */
export interface RevokeSince {
  /** Snapshots from this number on. */
  readonly fromSeq?: number
  /** What the store received then or later, in milliseconds since 1970 by its clock. */
  readonly sinceMs?: number
}

export interface RevocationPlan {
  readonly action: LogAction & { readonly kind: 'revoke' }
  /** Of the snapshots that are there or in the trash. */
  readonly kept: readonly ListedSnapshot[]
  readonly dropped: readonly ListedSnapshot[]
  readonly droppedRecords: readonly ListedRecord[]
  /** What revokes it already, where this would take away no more. */
  readonly already: Revocation | undefined
}

/** Writers with a certificate that can be verified, in the order of their ids. */
export async function knownWriters(repo: HistorySource): Promise<KnownWriter[]> {
  const writers: KnownWriter[] = []
  for await (const { name } of listAll(repo.store, PREFIXES.writers)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'writer') continue
    try {
      const certificate = await repo.writers.certificate(fromHex(parsed.wid)!)
      const open = (each: HistoryDomain) => openWriterName(certificate, each.indexSealer, name)
      writers.push({ wid: parsed.wid, role: certificate.role, name: firstOpened(repo.inDomains, open) })
    } catch (error) {
      // `check` and `audit` name those that are damaged or that somebody has made himself.
      if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    }
  }
  return writers
}

function firstOpened(domains: readonly HistoryDomain[], open: (domain: HistoryDomain) => string): string {
  for (const each of domains) {
    try {
      return open(each)
    } catch (error) {
      if (!(error instanceof BackupError) || error.code !== 'corrupt') throw error
    }
  }
  return ''
}

/** Digits of an id that a person has to type at least. */
const PREFIX_MIN = 4

/** The one writer of that name, or whose id begins like this. Throws `not-found`, or `usage` where several do. */
export function findWriter(writers: readonly KnownWriter[], spec: string): KnownWriter {
  const isId = /^[0-9a-f]+$/.test(spec) && spec.length >= PREFIX_MIN
  const found = writers.filter(({ name, wid }) => name === spec || (isId && wid.startsWith(spec)))
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new BackupError('not-found', 'no writer has this name or id', spec, {
      hint: '`holdfast audit` lists the writers with their names and ids',
    })
  }
  const ids = found.map(({ wid }) => wid.slice(0, 8)).join(', ')
  throw new BackupError('usage', `${found.length} writers are called so`, spec, { hint: `say which one: ${ids}` })
}

/** What revoking this writer comes to; changes nothing. */
export async function planRevocation(
  repo: HistorySource,
  wid: string,
  since: RevokeSince,
  reason: string | undefined,
): Promise<RevocationPlan> {
  const { fromSeq, sinceMs = Infinity } = since
  const [listed, trashed, log] = [await repo.catalog.list(), eachOnce(await listTrash(repo)), await listLog(repo)]
  const own = <T extends { readonly wid: string }>(all: readonly T[]) => all.filter((each) => each.wid === wid)
  const there = own(listed)
  const late = there.filter(({ receivedMs }) => receivedMs >= sinceMs).map(({ seq }) => seq)
  const isThere = new Set(there.map(({ id }) => id))
  const all = [...there, ...own(trashed).filter(({ id }) => !isThere.has(id))]
  const next =
    Math.max((await newestSound(snapshotChains(repo), there))?.seq ?? 0, ...own(trashed).map(({ seq }) => seq)) + 1
  const from = Math.min(fromSeq ?? next, next, ...late, SEQ_MAX)
  const kept = all.filter(({ seq }) => seq < from)
  if (kept.length > KEPT_SNAPSHOTS_MAX) {
    throw new BackupError('limit', `this writer has ${kept.length} snapshots before number ${from}`, writerName(wid), {
      hint: `a record names ${KEPT_SNAPSHOTS_MAX} of them; forget older ones first`,
    })
  }
  const early = own(log).filter(({ receivedMs }) => receivedMs < sinceMs)
  const last = await newestSound(recordChains(repo), early)
  const dropped = all.filter(({ seq }) => seq >= from)
  const droppedRecords = own(log).filter(({ seq }) => seq > (last?.seq ?? 0))
  const known = (await repo.trust.revoked()).get(wid)
  return {
    action: {
      kind: 'revoke',
      wid: fromHex(wid)!,
      fromSeq: from,
      snapshots: [...new Set(kept.map(({ id }) => id))].map((id) => fromHex(id)!),
      ...(last !== undefined && { lastRecord: { seq: last.seq, hash: fromHex(last.id)! } }),
      ...(reason !== undefined && { reason }),
    },
    kept,
    dropped,
    droppedRecords,
    already: known !== undefined && takesMore(known, since, { dropped, droppedRecords }) ? undefined : known,
  }
}

/** Whether something counts as yet that would count no more. Without a word of since when, that is past for who is revoked. */
function takesMore(
  { fromSeq, snapshots, lastRecord }: Revocation,
  since: RevokeSince,
  { dropped, droppedRecords }: Pick<RevocationPlan, 'dropped' | 'droppedRecords'>,
): boolean {
  if (since.fromSeq !== undefined && since.fromSeq < fromSeq) return true
  if (since.sinceMs === undefined) return false
  return (
    dropped.some(({ seq, id }) => seq < fromSeq && snapshots.has(id)) ||
    droppedRecords.some(({ seq }) => seq <= (lastRecord?.seq ?? 0))
  )
}

/** The newest that is what its name says: names alone prove nothing. */
async function newestSound<T extends { readonly seq: number }>(
  chains: { previousOf(listed: T): Promise<unknown> },
  chain: readonly T[],
): Promise<T | undefined> {
  for (const listed of chain.toSorted((a, b) => b.seq - a.seq)) {
    try {
      await chains.previousOf(listed)
      return listed
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    }
  }
  return undefined
}
