// What the log says of whom to trust: which writers are revoked, which packs are attested (docs/format.md, 9.4). The log is
// listed once; only chains of those who may say such things are read, and of them only what was not read before.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Role } from '../../format/bundle.ts'
import { logPrefix, packName } from '../../format/names.ts'
import type { LocalState } from '../local-state.ts'
import { CHAIN_RECORDS_MAX, listLog, mayLog, openRecord, readLog } from './log.ts'
import { keyOfPlace, LogFacts } from './log-facts.ts'
import { EXPLAINING_ROLES } from './log.ts'
import type { ListedRecord, OpenedRecord } from './log.ts'
import { foreignOf } from '../keys/membership.ts'
import { problemOf } from '../objects/object-problem.ts'
import type { ChainSource } from './history-source.ts'
import { countingRecords, revocationsOf } from '../writers/revocations.ts'
import type { Revocations, RevokingRecord } from '../writers/revocations.ts'
import { NOTHING_READ, readTrustMemory, writeTrustMemory } from './trust-memory.ts'
import type { ReadChain, TrustMemory } from './trust-memory.ts'

/** Of each attested pack, by its name, what its table is said to be: `tables` of docs/format.md, 9.4, hex. */
export type AttestedPacks = ReadonlyMap<string, ReadonlySet<string>>

const REVOKING: ReadonlySet<Role> = new Set(['admin'])
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
  readonly #problems = new Map<string, BackupError>()
  /** Records that attest packs and were read on the way. */
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

  async #readAttested(): Promise<AttestedPacks> {
    const revoked = await this.revoked()
    const { chains } = await this.#read(ATTESTING)
    const packs = new Map<string, Set<string>>()
    const listed = new Map((await this.#list()).map((each) => [each.objectName, each]))
    for (const [wid, { role, attesting }] of chains) {
      const there = attesting.flatMap((name) => listed.get(name) ?? [])
      if (there.length === 0) continue
      const revocation = revoked.get(wid)
      // Which records of a revoked writer count shows in its whole chain.
      const records =
        revocation === undefined
          ? await this.#openAll(there)
          : countingRecords((await this.#openAll(await this.#chain(wid))).toSorted(bySeq), revocation)
      for (const { body } of records) if (body.action.kind === 'attest') note(body.action, role)
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
      const nothing: ReadChain = { role, seq: 0, id: '', attesting: [] }
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
    { role, seq, id, attesting }: ReadChain,
    revoking: Map<string, RevokingRecord>,
  ): Promise<ReadChain> {
    const wid = chain[0]!.wid
    const unread = chain.filter((each) => each.seq > seq)
    if (unread.length > CHAIN_RECORDS_MAX) {
      const what = `the log has ${unread.length} records of one writer, of which ${CHAIN_RECORDS_MAX} are read`
      this.#problem(new BackupError('limit', what, logPrefix(wid)))
    }
    const read = { role, seq, id }
    const names = [...attesting]
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
      if (body.action.kind === 'attest') {
        names.push(objectName)
        this.#opened.set(objectName, record)
      }
    }
    return { ...read, attesting: names }
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
    const { records } = await readLog(this.#repo, { roles: EXPLAINING_ROLES, listed: await this.#list() })
    if (new LogFacts(records).lostRecords.has(keyOfPlace(wid, seq - 1, previous))) return
    this.#problem(new BackupError('not-found', `record ${seq - 1} of this writer is missing`, objectName))
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
