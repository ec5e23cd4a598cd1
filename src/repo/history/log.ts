// The maintenance log: records of all writers, listed, checked against their certificates, opened. What they come to is in
// log-facts.ts, how one is added in log-append.ts.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError, doing } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { decodeLogRecord, LOG_RECORD_SIZE_MAX, readLogHead, verifyLogRecord } from '../../format/log-record.ts'
import type { LogAction, LogBody, LogRecordHead } from '../../format/log-record.ts'
import { logPrefix, parseObjectName, PREFIXES } from '../../format/names.ts'
import { listAll } from '../../store/store.ts'
import { foreignOf, openInDomains } from '../keys/membership.ts'
import { getNamedByHash } from '../objects/named-object.ts'
import { problemOf } from '../objects/object-problem.ts'
import type { ChainSource } from './history-source.ts'
import type { WriterIdentity } from '../writers/writer-identity.ts'
import type { ListedLink } from './listed-link.ts'

export type ListedRecord = ListedLink

export interface OpenedRecord extends ListedRecord {
  /** Hash of the writer's record before, hex; undefined for the first. */
  readonly previous: string | undefined
  readonly body: LogBody
  /** Of who signed it. */
  readonly role: Role
  /** Of the domain in which it is sealed, hex. */
  readonly domainId: string
}

export interface ReadLog {
  /** In order of name: by writer, each one's oldest first. */
  readonly records: readonly OpenedRecord[]
  /** One for each record that could not be read; none for those of other domains. */
  readonly problems: readonly BackupError[]
}

/** Records opened at once. */
const READS = 8
/** Records of one writer that are read, the newest: one an hour for twenty years. More are the work of who wants to keep others busy. */
export const CHAIN_RECORDS_MAX = 200_000

/** Who may do what; a record of somebody else has no effect (docs/format.md, 9.2). */
const RIGHTS: Readonly<Record<LogAction['kind'], ReadonlySet<Role>>> = {
  forget: new Set<Role>(['admin', 'maintain']),
  'forget-damaged': new Set<Role>(['admin', 'maintain']),
  revoke: new Set<Role>(['admin']),
  attest: new Set<Role>(['admin', 'maintain', 'read']),
  prune: new Set<Role>(['admin', 'maintain']),
  note: new Set<Role>(['admin', 'maintain', 'read', 'write']),
  accept: new Set<Role>(['admin', 'maintain']),
  policy: new Set<Role>(['admin', 'maintain']),
  hold: new Set<Role>(['admin', 'maintain']),
  recall: new Set<Role>(['admin', 'maintain']),
  rewrite: new Set<Role>(['admin']),
  rotate: new Set<Role>(['admin']),
  'remove-slot': new Set<Role>(['admin']),
  destroy: new Set<Role>(['admin']),
  repair: new Set<Role>(['admin', 'maintain']),
  unknown: new Set<Role>(['admin', 'maintain', 'read', 'write']),
}

export function mayLog(role: Role, kind: LogAction['kind']): boolean {
  return RIGHTS[kind].has(role)
}

/** Throws `wrong-key` unless a record of this kind by this writer has an effect: to be asked before anything is done. */
export async function checkMayLog(repo: ChainSource, { wid }: WriterIdentity, kind: LogAction['kind']): Promise<void> {
  const { role } = await repo.writers.certificate(wid)
  if (mayLog(role, kind)) return
  const able = [...RIGHTS[kind]].join(' or ')
  throw new BackupError('wrong-key', `the role ${role} does not permit this: ${kind}`, repo.store.location, {
    hint: `use a credential with the role ${able}`,
  })
}

/** Names, sizes and times of all records in order of name. */
export async function listLog(repo: ChainSource): Promise<ListedRecord[]> {
  const listed: ListedRecord[] = []
  for await (const { name, size, receivedMs } of listAll(repo.store, PREFIXES.log)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind !== 'log') continue
    const { hash: id, wid, seq } = parsed
    listed.push({ objectName: name, id, wid, seq, storedSize: size, receivedMs })
  }
  return listed
}

/**
 * Reads all records; with `roles` only those of writers who have one. What is wrong with single records, and chains that are
 * too long, is in `problems`; throws what the store throws.
 */
export async function readLog(
  repo: ChainSource,
  { listed, roles }: { readonly listed?: readonly ListedRecord[]; readonly roles?: ReadonlySet<Role> } = {},
): Promise<ReadLog> {
  const records: OpenedRecord[] = []
  const problems: BackupError[] = []
  for (const [wid, chain] of Map.groupBy(listed ?? (await listLog(repo)), (each) => each.wid)) {
    const role = await repo.writers.certificate(fromHex(wid)!).then((cert) => cert.role, problemOf)
    if (role instanceof BackupError) {
      const what = 'the writer of a log record cannot be verified'
      for (const { objectName } of chain) problems.push(new BackupError(role.code, what, objectName, { cause: role }))
      continue
    }
    if (roles?.has(role) === false) continue
    if (chain.length > CHAIN_RECORDS_MAX) {
      const what = `the log has ${chain.length} records of one writer, of which ${CHAIN_RECORDS_MAX} are read`
      problems.push(new BackupError('limit', what, logPrefix(wid)))
    }
    const wanted = chain.slice(-CHAIN_RECORDS_MAX)
    for (let at = 0; at < wanted.length; at += READS) {
      const opening = wanted.slice(at, at + READS).map((each) => openRecord(repo, each).catch(problemOf))
      for (const opened of await Promise.all(opening)) {
        if (!(opened instanceof BackupError)) records.push(opened)
        else if (foreignOf(opened) === undefined) problems.push(opened)
      }
    }
  }
  return { records, problems }
}

/** Reads a record and checks it; throws when it is damaged or not what its name says, `ForeignObject` for another domain's. */
export function openRecord(repo: ChainSource, listed: ListedRecord): Promise<OpenedRecord> {
  const { objectName, wid, seq } = listed
  return doing('reading a log record', objectName, async () => {
    if (listed.storedSize > LOG_RECORD_SIZE_MAX) {
      throw new BackupError('corrupt', `log record has ${listed.storedSize} bytes`, objectName)
    }
    const bytes = await getNamedByHash(repo.store, objectName)
    readLogHead(bytes, objectName, repo.id)
    const writer = await repo.writers.writer(fromHex(wid)!, 'log', objectName)
    const { opened, within } = openInDomains(repo.inDomains, writer, objectName, (keys) =>
      decodeLogRecord(bytes, objectName, { ...keys, repoId: repo.id }),
    )
    const { head, body } = opened
    if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
    return {
      ...listed,
      previous: seq === 1 ? undefined : toHex(head.previous),
      body,
      role: writer.role,
      domainId: toHex(within.domain.id),
    }
  })
}

/** Roles whose records explain what is missing: chains of others need not be read for that. */
export const EXPLAINING_ROLES: ReadonlySet<Role> = RIGHTS.forget

/** Objects of one chain that are tried for its newest sound one. */
export const HEAD_TRIES = 8
/** What is in the clear of a record of any domain, once its signature is found right. Throws as `openRecord` does. */
export function verifyRecord(repo: ChainSource, { objectName, wid, seq }: ListedRecord): Promise<LogRecordHead> {
  return doing('reading a log record', objectName, async () => {
    const bytes = await getNamedByHash(repo.store, objectName)
    const publicKey = await repo.writers.publicKey(fromHex(wid)!, 'log', objectName)
    const head = verifyLogRecord(bytes, objectName, { publicKey, repoId: repo.id })
    if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
    return head
  })
}
