// Reads the whole history: certificates, snapshots and records, each checked as far as the credential can. What is not as
// it should be becomes a finding; what is sound is given on in the order in which the store received it.
import { fromHex, toHex } from '../../base/bytes.ts'
import { BackupError, codeOf, reasonsOf } from '../../base/errors.ts'
import { timespecToMs } from '../../base/time.ts'
import { SealError } from '../../crypto/seal.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { decodeSnapshot, decodeSnapshotSummary, readSnapshotHead, verifySnapshot } from '../../format/snapshot.ts'
import type { SnapshotHead, WriterHead } from '../../format/snapshot.ts'
import { openWriterName } from '../../format/writer-cert.ts'
import { listLog, openRecord, verifyRecord } from '../../repo/history/log.ts'
import { keyOfPlace, LogFacts } from '../../repo/history/log-facts.ts'
import type { ListedLink } from '../../repo/history/listed-link.ts'
import type { ListedRecord, OpenedRecord } from '../../repo/history/log.ts'
import { checkMember, foreignOf } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { RetentionRecords } from '../../repo/history/retention-records.ts'
import { isNotPermitted } from '../../repo/roles.ts'
import { checkDomain, snapshotSealer } from '../../repo/history/snapshot-catalog.ts'
import type { ListedSnapshot } from '../../repo/history/snapshot-catalog.ts'
import { SessionFacts } from '../check/cut-off.ts'
import { surveyNames } from '../check/object-survey.ts'
import type { SurveyedObject } from '../check/object-survey.ts'
import { hasNamedHash, ObjectVerifier } from '../check/object-verifier.ts'
import type { AuditedObject, ReadObject } from './audited-object.ts'
import type { UnsoundPlace } from './chain-audit.ts'
import type { Findings } from './finding.ts'

/** Objects read at once. */
const READS = 8
const DAMAGED = 'its bytes are not those its name promises'

export interface AuditedWriter {
  /** As its certificate has it; empty when that cannot be read. */
  readonly name: string
  readonly role: string
}

type Unsound = UnsoundPlace & { readonly chain: AuditedObject['chain']; readonly wid: string }

export class HistoryReader {
  readonly writers = new Map<string, AuditedWriter>()
  readonly records: OpenedRecord[] = []
  readonly unsound: Unsound[] = []
  /** Objects that could not be read, so that nothing is known of them. */
  readonly unreadable: { readonly object: string; readonly message: string }[] = []
  /** Snapshots whose content this credential may not open: what they had seen is not known. */
  closed = 0
  /** Records of domains that this credential does not have: what they explain is not known. */
  foreignRecords = 0
  readonly #repo: Repository
  readonly #findings: Findings
  readonly #verifier: ObjectVerifier
  readonly #sessions = new SessionFacts()
  /** Snapshots that an administrator has put in the places of others, by `keyOfPlace`: they say the times of those. */
  readonly #rewritten = new Set<string>()
  readonly #checkStopped: () => void
  #torn = 0

  constructor(repo: Repository, findings: Findings, checkStopped: () => void) {
    this.#repo = repo
    this.#findings = findings
    this.#checkStopped = checkStopped
    this.#verifier = new ObjectVerifier({ repoId: repo.id, rootPublic: repo.bundle.rootPublic }, repo.inDomains)
  }

  async readWriters(): Promise<void> {
    for await (const object of this.#objects(PREFIXES.writers)) {
      if (object.parsed.kind !== 'writer') continue
      const { wid } = object.parsed
      try {
        this.#verifier.verify(object.name, object.parsed, await this.#repo.store.get(object.name))
        const certificate = await this.#repo.writers.certificate(fromHex(wid)!)
        // Sealed in the first domain of the writer, of which this credential may have no key.
        const open = ({ indexSealer }: Repository) => openWriterName(certificate, indexSealer, object.name)
        const name = openAny(this.#repo.inDomains, open) ?? ''
        this.writers.set(wid, { name, role: certificate.role })
      } catch (error) {
        this.#problem(object.name, error, 'forged')
      }
    }
  }

  /** Everything that is sound, oldest first by the clock of the store. */
  async *objects(): AsyncGenerator<ReadObject> {
    const snapshots = await this.#repo.catalog.list()
    const records = await this.#readRecords(await listLog(this.#repo))
    const facts = new LogFacts(this.records)
    const { receivedMs } = facts
    for (const place of new RetentionRecords(facts).rewritten.keys()) this.#rewritten.add(place)
    const all = [
      ...snapshots.map((there) => {
        // What was brought back from the trash was received anew; that it was there before stands in the log.
        const first = receivedMs.get(keyOfPlace(there.wid, there.seq, there.id)) ?? Infinity
        const listed = { ...there, receivedMs: Math.min(there.receivedMs, first) }
        return { listed, read: () => this.#snapshot(listed) }
      }),
      ...records,
    ].toSorted((a, b) => a.listed.receivedMs - b.listed.receivedMs || a.listed.seq - b.listed.seq)
    for (let at = 0; at < all.length; at += READS) {
      this.#checkStopped()
      for (const read of await Promise.all(all.slice(at, at + READS).map((each) => each.read()))) {
        if (read !== undefined) yield read
      }
    }
  }

  async #readRecords(listed: readonly ListedRecord[]) {
    const read: { readonly listed: ListedRecord; readonly read: () => Promise<ReadObject | undefined> }[] = []
    for (let at = 0; at < listed.length; at += READS) {
      this.#checkStopped()
      const part = listed.slice(at, at + READS)
      const found = await Promise.all(part.map((each) => this.#record(each)))
      for (const [i, record] of found.entries()) read.push({ listed: part[i]!, read: async () => record })
    }
    return read
  }

  /** Tells apart what an interrupted backup left and what is damaged; `seen` has the ids that others speak of. */
  async settleTorn(seen: Iterable<string>): Promise<void> {
    if (this.#torn === 0) return
    for await (const { name, parsed } of this.#objects(PREFIXES.sessions)) {
      try {
        this.#sessions.note(parsed, this.#verifier.verify(name, parsed, await this.#repo.store.get(name)))
      } catch (error) {
        if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
      }
    }
    for (const id of seen) this.#sessions.seen.add(id)
    const { cutOff, damaged } = this.#sessions.torn()
    for (const name of cutOff) this.#unsound(name, 'interrupted')
    for (const name of damaged) {
      this.#unsound(name, 'damaged')
      this.#findings.add('damaged', name, DAMAGED)
    }
  }

  async #snapshot(listed: ListedSnapshot): Promise<ReadObject | undefined> {
    const { objectName: name, wid, seq } = listed
    const bytes = await this.#bytes(name)
    if (bytes === undefined) return undefined
    const parsed = parseObjectName(name)!
    const { receivedMs, storedSize: size } = listed
    if (this.#sessions.isTorn({ name, parsed, size, receivedMs }, bytes)) {
      this.#torn++
      return undefined
    }
    let head: SnapshotHead
    try {
      readSnapshotHead(bytes, name, this.#repo.id)
      const publicKey = await this.#repo.writers.publicKey(fromHex(wid)!, 'snapshot', name)
      head = verifySnapshot(bytes, name, { publicKey, repoId: this.#repo.id })
      if (head.seq !== seq) throw new BackupError('corrupt', 'its number is not that of its name', name)
    } catch (error) {
      this.#problem(name, error, 'forged')
      this.#unsound(name, 'damaged')
      return undefined
    }
    this.#sessions.note(parsed, { head })
    const said = await this.#saidBy(name, head, bytes)
    const previous = seq === 1 ? undefined : toHex(head.previous)
    const isRewritten = this.#rewritten.has(keyOfPlace(wid, seq, listed.id))
    const claimedMs = isRewritten ? undefined : said.claimedMs
    const object = { ...placeOf(listed), chain: 'snapshot' as const, previous, claimedMs }
    return { object, heads: said.heads }
  }

  /** What a snapshot says of its time and of others, as far as this credential may know it. */
  async #saidBy(
    name: string,
    { sid, wid }: SnapshotHead,
    bytes: Uint8Array,
  ): Promise<{ readonly claimedMs: number | undefined; readonly heads: readonly WriterHead[] | undefined }> {
    const { id: repoId, writers, inDomains } = this.#repo
    try {
      const writer = await writers.writer(wid, 'snapshot', name)
      const { publicKey } = writer
      try {
        const { sealer, domain } = await snapshotSealer(this.#repo, sid, writer, name)
        const { body } = decodeSnapshot(bytes, name, { publicKey, repoId, sealer })
        checkDomain(body, domain.id, name)
        checkMember(writer, domain.id, name)
        return { claimedMs: timespecToMs(body.ended), heads: body.heads }
      } catch (error) {
        if (codeOf(error) !== 'wrong-key') throw error
        this.closed++
        const opened = openAny(inDomains, ({ reportSealer: reports }) =>
          decodeSnapshotSummary(bytes, name, { publicKey, repoId, reports }),
        )
        if (opened === undefined && foreignOf(error) === undefined) throw new SealError(name)
        return { claimedMs: opened && timespecToMs(opened.summary.ended), heads: undefined }
      }
    } catch (error) {
      this.#problem(name, error, 'damaged')
      return { claimedMs: undefined, heads: undefined }
    }
  }

  async #record(listed: ListedRecord): Promise<ReadObject | undefined> {
    const { objectName: name } = listed
    const bytes = await this.#bytes(name)
    if (bytes === undefined) return undefined
    if (!hasNamedHash(parseObjectName(name)!, bytes)) {
      this.#findings.add('damaged', name, DAMAGED)
      this.#unsound(name, 'damaged')
      return undefined
    }
    try {
      const record = await openRecord(this.#repo, listed)
      this.records.push(record)
      const { previous, body } = record
      const object = { ...placeOf(listed), chain: 'record' as const, previous, claimedMs: timespecToMs(body.time) }
      return { object, heads: body.heads }
    } catch (error) {
      if (foreignOf(error) !== undefined) return this.#foreignRecord(listed)
      this.#problem(name, error, 'forged')
      this.#unsound(name, 'damaged')
      return undefined
    }
  }

  /** Of a domain that this credential does not have: it has its place in the chain, and what it says is not known. */
  async #foreignRecord(listed: ListedRecord): Promise<ReadObject> {
    this.foreignRecords++
    const { seq, previous } = await verifyRecord(this.#repo, listed)
    const before = seq === 1 ? undefined : toHex(previous)
    return {
      object: { ...placeOf(listed), chain: 'record', previous: before, claimedMs: undefined },
      heads: undefined,
    }
  }

  /** Undefined when it is gone since it was listed, or cannot be read. */
  async #bytes(name: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#repo.store.get(name)
    } catch (error) {
      if (codeOf(error) !== 'not-found') this.#problem(name, error, 'damaged')
      return undefined
    }
  }

  #problem(name: string, error: unknown, kind: 'forged' | 'damaged'): void {
    if (!(error instanceof BackupError) || error.code === 'unreachable') throw error
    if (error.code === 'io' || error.code === 'refused') {
      this.unreadable.push({ object: name, message: reasonsOf(error) })
      this.#unsound(name, 'unreadable')
    } else this.#findings.add(isNotPermitted(error) ? 'not-permitted' : kind, name, reasonsOf(error))
  }

  #unsound(objectName: string, reason: Unsound['reason']): void {
    const parsed = parseObjectName(objectName)
    if (parsed?.kind !== 'snapshot' && parsed?.kind !== 'log') return
    const chain = parsed.kind === 'snapshot' ? 'snapshot' : 'record'
    this.unsound.push({ chain, wid: parsed.wid, seq: parsed.seq, id: parsed.hash, objectName, reason })
  }

  async *#objects(prefix: string): AsyncGenerator<SurveyedObject> {
    for await (const object of surveyNames(this.#repo.store, prefix)) if ('parsed' in object) yield object
  }
}

/** What the first domain gives whose key fits. */
function openAny<T>(domains: readonly Repository[], open: (domain: Repository) => T): T | undefined {
  for (const domain of domains) {
    try {
      return open(domain)
    } catch (error) {
      if (!(error instanceof SealError)) throw error
    }
  }
  return undefined
}

function placeOf({ objectName, wid, seq, id, receivedMs }: ListedLink) {
  return { objectName, wid, seq, id, receivedMs }
}
