// The maintenance log: records of all writers, listed, checked against their certificates, opened; and what they come to.
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError, doing } from '../base/errors.ts'
import { timespecFromMs, timespecToMs } from '../base/time.ts'
import { hash } from '../crypto/hash.ts'
import type { Role } from '../format/bundle.ts'
import {
  decodeLogRecord,
  encodeLogRecord,
  LOG_RECORD_SIZE_MAX,
  readLogHead,
  verifyLogRecord,
} from '../format/log-record.ts'
import type { ChainPlace, LogAction, LogBody, LogRecordHead } from '../format/log-record.ts'
import { logName, logPrefix, parseObjectName, PREFIXES, SEQ_MAX } from '../format/names.ts'
import { listAll } from '../store/store.ts'
import { checkWritable } from './descriptions.ts'
import { foreignOf, openInDomains } from './membership.ts'
import { getNamedByHash } from './named-object.ts'
import { parityMakerOf } from './parity-maker.ts'
import type { Repository } from './repository.ts'
import { checkNotRevoked, countingRecords, revocationsOf } from './revocations.ts'
import type { Revocations } from './revocations.ts'
import type { WriterIdentity } from './writer-identity.ts'

/** What the name of a record and the store tell. */
export interface ListedRecord {
  readonly objectName: string
  /** Hash of the object, hex. */
  readonly id: string
  readonly wid: string
  readonly seq: number
  readonly storedSize: number
  readonly receivedMs: number
}

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
export async function checkMayLog(repo: Repository, { wid }: WriterIdentity, kind: LogAction['kind']): Promise<void> {
  const { role } = await repo.writers.certificate(wid)
  if (mayLog(role, kind)) return
  const able = [...RIGHTS[kind]].join(' or ')
  throw new BackupError('wrong-key', `the role ${role} does not permit this: ${kind}`, repo.store.location, {
    hint: `use a credential with the role ${able}`,
  })
}

/** Names, sizes and times of all records in order of name. */
export async function listLog(repo: Repository): Promise<ListedRecord[]> {
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
  repo: Repository,
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
export function openRecord(repo: Repository, listed: ListedRecord): Promise<OpenedRecord> {
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

/** What counts of a log: the word of those who may give it. */
export class LogFacts {
  /** Snapshots that are no longer there for a reason, by `placeKey`; the first record that gives one. */
  readonly gone = new Map<string, OpenedRecord>()
  /** When the store received the last forget record that is not undone, by `placeKey`. */
  readonly lastForgottenMs = new Map<string, number>()
  /** When the store had received what was forgotten, by `placeKey`: what is brought back it receives anew. */
  readonly receivedMs = new Map<string, number>()
  /** Records that are known to be lost, by `placeKey`. */
  readonly lostRecords = new Map<string, OpenedRecord>()
  readonly revoked: Revocations
  /** All that count. */
  readonly effective: readonly OpenedRecord[]
  /** Records of revoked writers that have no effect any more. */
  readonly annulled: readonly OpenedRecord[]
  /** Hashes, hex, of the public keys of key slots that were removed. */
  readonly removedSlots = new Set<string>()
  /** Records of what their writer may not do; they have no effect. */
  readonly powerless: readonly OpenedRecord[]
  readonly #recalls: Recalls

  constructor(records: readonly OpenedRecord[]) {
    const permitted = records.filter(({ role, body }) => mayLog(role, body.action.kind))
    this.powerless = records.filter(({ role, body }) => !mayLog(role, body.action.kind))
    this.revoked = revocationsOf(permitted)
    this.effective = this.#effective(records, permitted)
    const effective = new Set(this.effective)
    this.annulled = permitted.filter((record) => !effective.has(record))
    this.#recalls = new Recalls(this.effective)
    for (const record of this.effective) this.#note(record, record.body.action)
  }

  /** Whether somebody has brought a snapshot back, by `placeKey`. */
  isRecalled(key: string): boolean {
    return this.#recalls.has(key)
  }

  /** Without what revoked writers have signed since; two who revoke each other are both revoked. */
  #effective(records: readonly OpenedRecord[], permitted: readonly OpenedRecord[]): OpenedRecord[] {
    if (this.revoked.size === 0) return [...permitted]
    const counting = new Set<OpenedRecord>()
    for (const [wid, chain] of Map.groupBy(records, (each) => each.wid)) {
      const revocation = this.revoked.get(wid)
      for (const each of revocation === undefined ? chain : countingRecords(chain, revocation)) counting.add(each)
    }
    return permitted.filter((record) => counting.has(record) || record.body.action.kind === 'revoke')
  }

  #note(record: OpenedRecord, action: LogAction): void {
    if (action.kind === 'forget') {
      for (const [at, time] of (action.received ?? []).entries()) {
        const key = placeKey(action.snapshots[at]!)
        this.receivedMs.set(key, Math.min(timespecToMs(time), this.receivedMs.get(key) ?? Infinity))
      }
    }
    if (action.kind === 'forget' || action.kind === 'accept') {
      for (const place of action.snapshots) {
        const key = placeKey(place)
        if (action.kind === 'forget' && this.#recalls.undo(record, key)) continue
        keepFirst(this.gone, key, record)
        this.lastForgottenMs.set(key, Math.max(record.receivedMs, this.lastForgottenMs.get(key) ?? 0))
      }
    }
    if (action.kind === 'accept') {
      for (const place of action.records) keepFirst(this.lostRecords, placeKey(place), record)
    }
    if (action.kind === 'remove-slot') this.removedSlots.add(toHex(action.slot))
    if (action.kind === 'destroy') {
      for (const place of action.snapshots) keepFirst(this.gone, placeKey(place), record)
    }
  }
}

/** What was brought back: undoes each forget that the record of it has seen, and none that came since. */
class Recalls {
  readonly #byPlace = new Map<string, OpenedRecord[]>()

  constructor(records: readonly OpenedRecord[]) {
    for (const record of records) {
      if (record.body.action.kind !== 'recall') continue
      for (const place of record.body.action.snapshots) {
        const key = placeKey(place)
        const known = this.#byPlace.get(key)
        if (known === undefined) this.#byPlace.set(key, [record])
        else known.push(record)
      }
    }
  }

  has(key: string): boolean {
    return this.#byPlace.has(key)
  }

  undo(forget: OpenedRecord, key: string): boolean {
    return this.#byPlace.get(key)?.some((recall) => hasSeen(recall, forget)) === true
  }
}

/** Whether one record came after another, as its writer saw it. */
export function hasSeen(later: OpenedRecord, earlier: OpenedRecord): boolean {
  if (later.wid === earlier.wid) return later.seq > earlier.seq
  return later.body.heads.some(({ wid, seq }) => seq >= earlier.seq && toHex(wid) === earlier.wid)
}

/** Roles whose records explain what is missing: chains of others need not be read for that. */
export const EXPLAINING_ROLES: ReadonlySet<Role> = RIGHTS.forget

/** One place of a chain with what is there, as a key of maps. */
export function placeKey({ wid, seq, hash: id }: ChainPlace): string {
  return keyOfPlace(toHex(wid), seq, toHex(id))
}

export function keyOfPlace(wid: string, seq: number, id: string): string {
  return `${wid}/${seq}/${id}`
}

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
export async function appendRecord(repo: Repository, action: LogAction, opts: AppendOptions): Promise<ListedRecord> {
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

  async function append({ indexSealer: sealer }: Repository): Promise<ListedRecord> {
    const listed = await listLog(repo)
    const own = listed.findLast((each) => each.wid === wid)
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
async function logHeads(repo: Repository, listed: readonly ListedRecord[]): Promise<ChainPlace[]> {
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

/** Objects of one chain that are tried for its newest sound one. */
export const HEAD_TRIES = 8
/** Stands for the record before the first. */
const NO_RECORD = new Uint8Array(32)

function keepFirst<V>(map: Map<string, V>, key: string, value: V): void {
  if (!map.has(key)) map.set(key, value)
}

/** What is in the clear of a record of any domain, once its signature is found right. Throws as `openRecord` does. */
export function verifyRecord(repo: Repository, { objectName, wid, seq }: ListedRecord): Promise<LogRecordHead> {
  return doing('reading a log record', objectName, async () => {
    const bytes = await getNamedByHash(repo.store, objectName)
    const publicKey = await repo.writers.publicKey(fromHex(wid)!, 'log', objectName)
    const head = verifyLogRecord(bytes, objectName, { publicKey, repoId: repo.id })
    if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', objectName)
    return head
  })
}

/** What is the matter with one object; what says nothing about it is thrown. */
export function problemOf(error: unknown): BackupError {
  if (error instanceof BackupError && OF_ONE_OBJECT.has(error.code)) return error
  throw error
}

const OF_ONE_OBJECT: ReadonlySet<BackupError['code']> = new Set([
  'corrupt',
  'unsupported',
  'limit',
  'wrong-key',
  'not-found',
])
