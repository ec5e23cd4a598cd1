// What the log says of whom and what to trust: which writers are revoked, which packs are attested (docs/format.md, 9.4), and
// what repairs could not make good. The log is
// listed once; only chains of those who may say such things are read, and of them only what was not read before.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { logName, logPrefix, packName } from '../../format/names.ts'
import type { LocalState } from '../local-state.ts'
import { CHAIN_RECORDS_MAX, listLog, mayLog, openRecord, readLog } from './log.ts'
import { LogFacts } from './log-facts.ts'
import { EXPLAINING_ROLES } from './log.ts'
import type { ListedRecord, OpenedRecord } from './log.ts'
import { foreignOf } from '../keys/membership.ts'
import { problemOf } from '../objects/object-problem.ts'
import type { ChainSource } from './history-source.ts'
import { countingRecords, revocationsOf } from '../writers/revocations.ts'
import type { Revocation, Revocations, RevokingRecord } from '../writers/revocations.ts'
import { notedLosses } from './noted-losses.ts'
import type { NotedLosses } from './noted-losses.ts'
import { NOTHING_READ, readTrustMemory, writeTrustMemory } from './trust-memory.ts'
import type { ReadChain, TrustMemory } from './trust-memory.ts'

/** Of each attested pack, by its name, what its table is said to be: `tables` of docs/format.md, 9.4, hex. */
export type AttestedPacks = ReadonlyMap<string, ReadonlySet<string>>

const REVOKING: ReadonlySet<Role> = new Set(['admin'])
const NOTING: ReadonlySet<Role> = new Set(['admin', 'maintain'])
const ATTESTING: ReadonlySet<Role> = new Set(['admin', 'read', 'maintain'])
/** Whose word on data packs counts: who can read them. */
const READS_CONTENT: ReadonlySet<Role> = new Set(['admin', 'read'])
/** Records opened at once. */
const READS = 8

export class TrustLog {
  readonly #repo: ChainSource
  #state: LocalState | undefined
  #listed: readonly ListedRecord[] | undefined
  #revoked: Promise<Revocations> | undefined
  #attested: Promise<AttestedPacks> | undefined
  #losses: Promise<NotedLosses> | undefined
  readonly #problems = new Map<string, BackupError>()
  /** Records that attest packs or note losses and were read on the way. */
  readonly #opened = new Map<string, OpenedRecord>()

  constructor(repo: ChainSource) {
    this.#repo = repo
  }

  /** Begins with what is remembered in `state`, and remembers there what is read; `listed` is the log of this moment. */
  remember(state: LocalState, listed?: readonly ListedRecord[]): void {
    this.#state = state
    this.#listed = listed
  }

  /** What could not be read and might have said something: to be told. */
  get problems(): readonly BackupError[] {
    return [...this.#problems.values()]
  }

  /** The revoked writers. Read once; throws what the store throws, and a failure is not remembered. */
  revoked(): Promise<Revocations> {
    if (this.#revoked === undefined) {
      this.#revoked = this.#read(REVOKING).then(({ revoking }) => revocationsOf(revoking.values()))
      this.#revoked.catch(() => (this.#revoked = undefined))
    }
    return this.#revoked
  }

  /** The attested packs, of all domains. */
  attested(): Promise<AttestedPacks> {
    if (this.#attested === undefined) {
      this.#attested = this.#readAttested()
      this.#attested.catch(() => (this.#attested = undefined))
    }
    return this.#attested
  }

  /** What repairs could not make good, of all domains, as the log says it. */
  losses(): Promise<NotedLosses> {
    if (this.#losses === undefined) {
      this.#losses = this.#readLosses()
      this.#losses.catch(() => (this.#losses = undefined))
    }
    return this.#losses
  }

  async #readLosses(): Promise<NotedLosses> {
    const revoked = await this.revoked()
    const { chains } = await this.#read(NOTING)
    const counting: OpenedRecord[] = []
    const own = this.#repo.inDomains.map(({ domain }) => toHex(domain.id))
    for (const [wid, { role, repairing }] of chains) {
      if (repairing.length === 0 || !mayLog(role, 'repair')) continue
      const there = await this.#there(repairing)
      const revocation = revoked.get(wid)
      const chain = revocation && (await this.#countingOf(wid, there, revocation))
      const counts = chain && new Set(chain.map(({ objectName }) => objectName))
      // The newest first: what comes before one that says of a domain what is lost in all of it, says nothing more of that.
      const open = new Set(own)
      for (const listed of there.toReversed()) {
        if (open.size === 0) break
        if (counts?.has(listed.objectName) === false) continue
        for (const record of await this.#openAll([listed])) {
          counting.push(record)
          const { action } = record.body
          if (action.kind === 'repair' && action.whole === true) open.delete(record.domainId)
        }
      }
    }
    return notedLosses(counting)
  }

  /** Nobody deletes records: one that was read once and is not listed is hidden or lost. */
  async #there(names: readonly string[]): Promise<ListedRecord[]> {
    const listed = new Map((await this.#list()).map((each) => [each.objectName, each]))
    const missing = names.filter((name) => !listed.has(name))
    const lost = missing.length === 0 ? undefined : await this.#lostRecords()
    for (const name of missing) {
      if (lost?.has(name) === true) continue
      this.#problem(new BackupError('not-found', 'a record of what a repair could not make good is missing', name))
    }
    return names.flatMap((name) => listed.get(name) ?? [])
  }

  async #readAttested(): Promise<AttestedPacks> {
    const revoked = await this.revoked()
    const { chains } = await this.#read(ATTESTING)
    const packs = new Map<string, Set<string>>()
    const listed = new Map((await this.#list()).map((each) => [each.objectName, each]))
    for (const [wid, { role, attesting }] of chains) {
      const there = attesting.flatMap((name) => listed.get(name) ?? [])
      if (there.length === 0) continue
      for (const { body } of await this.#countingOf(wid, there, revoked.get(wid))) {
        if (body.action.kind === 'attest') note(body.action, role)
      }
    }
    return packs

    function note(action: OpenedRecord['body']['action'] & { readonly kind: 'attest' }, role: Role): void {
      const data = READS_CONTENT.has(role) ? action.dataPacks : []
      for (const [kind, attested] of [
        ['data', data],
        ['meta', action.metaPacks],
      ] as const) {
        for (const { hash, tables } of attested) {
          const name = packName(kind, hash)
          packs.set(name, (packs.get(name) ?? new Set()).add(toHex(tables)))
        }
      }
    }
  }

  /** Of a revoked writer those that count, which shows in its whole chain; else those that are asked for. In order of number. */
  async #countingOf(
    wid: string,
    wanted: readonly ListedRecord[],
    revocation: Revocation | undefined,
  ): Promise<OpenedRecord[]> {
    if (revocation === undefined) return this.#openAll(wanted)
    const all = await this.#openAll(await this.#chain(wid))
    return countingRecords(all.toSorted(bySeq), revocation).toSorted(bySeq)
  }

  async #list(): Promise<readonly ListedRecord[]> {
    return (this.#listed ??= await listLog(this.#repo))
  }

  async #chain(wid: string): Promise<readonly ListedRecord[]> {
    return (await this.#list()).filter((each) => each.wid === wid)
  }

  /** Reads what is new in the chains of these roles. */
  async #read(roles: ReadonlySet<Role>): Promise<TrustMemory> {
    const kept = this.#state === undefined ? NOTHING_READ : await readTrustMemory(this.#repo, this.#state)
    const chains = new Map<string, ReadChain>()
    const revoking = new Map<string, RevokingRecord>(kept.revoking)
    for (const [wid, chain] of Map.groupBy(await this.#list(), (each) => each.wid)) {
      const known = kept.chains.get(wid)
      const role = known?.role ?? (await this.#roleOf(wid, chain))
      if (role === undefined) continue
      const nothing: ReadChain = { role, seq: 0, id: '', attesting: [], repairing: [] }
      if (!roles.has(role)) chains.set(wid, known ?? nothing)
      else chains.set(wid, await this.#readChain(chain, this.#isThere(known, chain) ? known! : nothing, revoking))
    }
    await this.#keep(kept, { chains, revoking })
    return { chains, revoking }
  }

  #isThere(known: ReadChain | undefined, chain: readonly ListedRecord[]): boolean {
    return known !== undefined && chain.some(({ seq, id }) => seq === known.seq && id === known.id)
  }

  /** Reads a chain from where it was read to; what is missing or does not open holds back how far it counts as read. */
  async #readChain(
    chain: readonly ListedRecord[],
    { role, seq, id, attesting, repairing }: ReadChain,
    revoking: Map<string, RevokingRecord>,
  ): Promise<ReadChain> {
    const wid = chain[0]!.wid
    const unread = chain.filter((each) => each.seq > seq)
    if (unread.length > CHAIN_RECORDS_MAX) {
      const what = `the log has ${unread.length} records of one writer, of which ${CHAIN_RECORDS_MAX} are read`
      this.#problem(new BackupError('limit', what, logPrefix(wid)))
    }
    const read = { role, seq, id }
    const names = { attest: new Set(attesting), repair: new Set(repairing) }
    const wanted = unread.slice(-CHAIN_RECORDS_MAX)
    let isWhole = wanted.length === unread.length
    for (const record of await this.#openAll(wanted)) {
      const { objectName, body } = record
      if (isWhole && record.seq === read.seq + 1 && (record.previous ?? '') === read.id) {
        read.seq = record.seq
        read.id = record.id
      } else {
        isWhole = false
        await this.#gap(record)
      }
      if (body.action.kind === 'revoke' && mayLog(role, 'revoke')) {
        revoking.set(objectName, { objectName, body: { ...body, heads: [] } })
      }
      const { kind } = body.action
      if (kind === 'attest' || kind === 'repair') {
        names[kind].add(objectName)
        this.#opened.set(objectName, record)
      }
    }
    return { ...read, attesting: [...names.attest], repairing: [...names.repair] }
  }

  /** Of the records that can be read; what is wrong with others is noted. */
  async #openAll(listed: readonly ListedRecord[]): Promise<OpenedRecord[]> {
    const records: OpenedRecord[] = []
    for (let at = 0; at < listed.length; at += READS) {
      const opening = listed.slice(at, at + READS).map(async (each) => {
        return this.#opened.get(each.objectName) ?? openRecord(this.#repo, each).catch(problemOf)
      })
      for (const opened of await Promise.all(opening)) {
        if (!(opened instanceof BackupError)) records.push(opened)
        else if (foreignOf(opened) === undefined) this.#problem(opened)
      }
    }
    return records
  }

  /** What is missing before a record may have revoked somebody, unless it is known to be lost. */
  async #gap({ wid, seq, previous, objectName }: OpenedRecord): Promise<void> {
    const chain = await this.#chain(wid)
    if (previous === undefined || chain.some((each) => each.seq === seq - 1 && each.id === previous)) return
    if ((await this.#lostRecords()).has(logName(wid, seq - 1, previous))) return
    this.#problem(new BackupError('not-found', `record ${seq - 1} of this writer is missing`, objectName))
  }

  /** Names of the records that are known to be lost. */
  async #lostRecords(): Promise<ReadonlySet<string>> {
    const { records } = await readLog(this.#repo, { roles: EXPLAINING_ROLES, listed: await this.#list() })
    return new Set(new LogFacts(records).lostRecordNames())
  }

  async #roleOf(wid: string, chain: readonly ListedRecord[]): Promise<Role | undefined> {
    const role = await this.#repo.writers.certificate(fromHex(wid)!).then((cert) => cert.role, problemOf)
    if (!(role instanceof BackupError)) return role
    const what = 'the writer of a log record cannot be verified'
    this.#problem(new BackupError(role.code, what, chain[0]!.objectName, { cause: role }))
    return undefined
  }

  #problem(problem: BackupError): void {
    this.#problems.set(problem.subject, problem)
  }

  async #keep(kept: TrustMemory, found: TrustMemory): Promise<void> {
    if (this.#state === undefined) return
    const isSame =
      kept.revoking.size === found.revoking.size &&
      [...found.chains].every(([wid, { seq, id }]) => {
        const known = kept.chains.get(wid)
        return known?.seq === seq && known.id === id
      })
    if (isSame) return
    await writeTrustMemory(this.#repo, this.#state, found).catch((error: unknown) => {
      // The log is read again next time.
      if (!(error instanceof BackupError)) throw error
    })
  }
}

function bySeq(a: OpenedRecord, b: OpenedRecord): number {
  return a.seq - b.seq
}
