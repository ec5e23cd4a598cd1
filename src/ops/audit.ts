// Verifies the whole history of a repository: every signature, every chain, everything that one object says of another,
// every gap, and, where there are any, what a checkpoint and this machine have seen. Reads no file and no tree.
import { toHex } from '../base/bytes.ts'
import { BackupError } from '../base/errors.ts'
import { timespecToMs } from '../base/time.ts'
import { initHashing } from '../crypto/hash.ts'
import type { Checkpoint } from '../format/checkpoint.ts'
import type { ChainName } from '../format/log-record.ts'
import { PREFIXES } from '../format/names.ts'
import type { HistoryLook } from '../repo/history/rollback.ts'
import { keyOfPlace, LogFacts } from '../repo/history/log-facts.ts'
import type { OpenedRecord } from '../repo/history/log.ts'
import type { Repository } from '../repo/repository.ts'
import { RetentionRecords } from '../repo/history/retention-records.ts'
import type { Revocation } from '../repo/writers/revocations.ts'
import { DAY_MS, groupCopies, listTrash } from '../repo/history/trash.ts'
import { auditChain } from './audit/chain-audit.ts'
import type { AuditedChain, ExplainedPlace, NamedPlace } from './audit/chain-audit.ts'
import { titleOf } from './audit/audited-object.ts'
import type { AuditedObject, ReadObject } from './audit/audited-object.ts'
import { checkDescription, isOfRepository, namedBy } from './audit/checkpoint-audit.ts'
import { Findings } from './audit/finding.ts'
import type { Finding } from './audit/finding.ts'
import { HistoryReader } from './audit/history-reader.ts'
import { hadHeads } from './audit/past-heads.ts'
import { recordsOf } from './audit/recorded.ts'
import type { RecordedPrune, RecordedRepair } from './audit/recorded.ts'
import { TimeAudit } from './audit/time-audit.ts'
import { ignoreEvents } from './events.ts'
import type { EventSink } from './events.ts'

export type { AuditedChain, Gap } from './audit/chain-audit.ts'
export type { Finding } from './audit/finding.ts'
export type { RecordedPrune, RecordedRepair } from './audit/recorded.ts'

export interface AuditOptions {
  readonly repo: Repository
  readonly checkpoint?: Checkpoint
  /** What this machine remembers, compared with what there is (repo/history/rollback.ts). */
  readonly look?: HistoryLook
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface AuditedWriter {
  /** Hex. */
  readonly wid: string
  /** As its certificate has it; empty when that is unknown. */
  readonly name: string
  /** Undefined without a valid certificate. */
  readonly role: string | undefined
  readonly snapshots: AuditedChain | undefined
  readonly records: AuditedChain | undefined
  /** From this number on its snapshots do not count, by that record. */
  readonly revoked: Revocation | undefined
}

export interface AuditResult {
  /** Those that have a certificate or anything else, in the order of their ids. */
  readonly writers: readonly AuditedWriter[]
  readonly findings: readonly Finding[]
  readonly findingCount: number
  /** Records of what could not be made good, in order of name. */
  readonly repairs: readonly RecordedRepair[]
  /** Records of packs that were deleted, in the order in which the store received them. */
  readonly prunes: readonly RecordedPrune[]
  /** Worth knowing. */
  readonly remarks: readonly string[]
  readonly unreadable: readonly { readonly object: string; readonly message: string }[]
  readonly snapshots: number
  readonly records: number
}

/** Throws `unreachable` when the store stops answering, and `interrupted`. */
export async function auditHistory(opts: AuditOptions): Promise<AuditResult> {
  await initHashing()
  return new Audit(opts).run()
}

type Named = NamedPlace & { readonly chain: ChainName; readonly wid: string }

class Audit {
  readonly #opts: AuditOptions
  readonly #repo: Repository
  readonly #onEvent: EventSink
  readonly #findings = new Findings()
  readonly #reader: HistoryReader
  readonly #times = new TimeAudit(this.#findings, (object) => this.#title(object))
  /** By chain and place. */
  readonly #sound = new Map<string, AuditedObject>()
  /** What objects have seen that was not read before them. */
  readonly #named = new Map<string, Named>()

  constructor(opts: AuditOptions) {
    this.#opts = opts
    this.#repo = opts.repo
    this.#onEvent = opts.onEvent ?? ignoreEvents
    this.#reader = new HistoryReader(opts.repo, this.#findings, () => this.#checkStopped())
  }

  async run(): Promise<AuditResult> {
    const { checkpoint, look } = this.#opts
    await this.#reader.readWriters()
    for await (const read of this.#reader.objects()) this.#note(read)
    const isOwn = checkpoint !== undefined && isOfRepository(checkpoint, this.#repo, this.#findings)
    const named = [...this.#named.values(), ...(isOwn ? namedBy(checkpoint) : []), ...rememberedBy(look)]
    await this.#reader.settleTorn(named.map(({ id }) => id))
    const facts = new LogFacts(this.#reader.records)
    this.#powerless(facts)
    const trash = await this.#trash(facts)
    const explained = explainedPlaces(facts, trash)
    const writers = this.#writers(named, explained, facts, trash)
    this.#orders()
    this.#times.finish()
    if (isOwn) this.#compare(checkpoint, explained)
    if (look?.olderDescription !== undefined) {
      const { was, is } = look.olderDescription
      this.#findings.add(
        'rolled-back',
        PREFIXES.format,
        `this machine has used description ${was}, and ${is} is in use now`,
      )
    }
    if (this.#reader.closed > 0) {
      const snapshots = this.#reader.closed === 1 ? '1 snapshot' : `${this.#reader.closed} snapshots`
      const what = `what ${snapshots} had seen of others was not compared: this key may not open them`
      this.#findings.remark(what)
    }
    if (this.#reader.foreignRecords > 0) {
      const what = `what ${this.#reader.foreignRecords} records explain is not known: they are of domains that this key does not have`
      this.#findings.remark(what)
    }
    for (const [wid, records] of Map.groupBy(facts.annulled, (each) => each.wid)) {
      const many = records.length === 1 ? '1 log record' : `${records.length} log records`
      this.#findings.remark(`${many} of ${this.#writer(wid)}, who is revoked, have no effect`)
    }
    const counts = Object.groupBy(this.#sound.values(), ({ chain }) => chain)
    return {
      writers,
      findings: this.#findings.list,
      findingCount: this.#findings.count,
      repairs: recordsOf(facts, 'repair'),
      prunes: recordsOf(facts, 'prune').sort((a, b) => a.record.receivedMs - b.record.receivedMs),
      remarks: this.#findings.remarks,
      unreadable: this.#reader.unreadable,
      snapshots: counts.snapshot?.length ?? 0,
      records: counts.record?.length ?? 0,
    }
  }

  #note(read: ReadObject): void {
    const { object, heads } = read
    this.#sound.set(keyOf(object), object)
    this.#times.add(read)
    for (const head of heads ?? []) {
      const place = { chain: object.chain, wid: toHex(head.wid), seq: head.seq, id: toHex(head.hash) }
      const seen = this.#sound.get(keyOf(place))
      if (seen !== undefined) this.#times.sight(object, seen)
      else if (!this.#named.has(keyOf(place))) this.#named.set(keyOf(place), { ...place, by: this.#title(object) })
    }
    this.#onEvent({
      type: 'progress',
      phase: 'auditing',
      filesDone: this.#sound.size,
      bytesDone: 0,
      current: Buffer.from(object.objectName),
      unit: 'objects',
    })
  }

  /** Until when what lies in the trash can be brought back, by `keyOfPlace`. */
  async #trash(facts: LogFacts): Promise<TrashTimes> {
    const keepMs = new RetentionRecords(facts).trashDays * DAY_MS
    return new Map(
      [...groupCopies(await listTrash(this.#repo), facts)].map(([key, { named, others }]) => {
        const counting = named.length > 0 ? named : others
        const receivedMs = Math.max(...counting.map((copy) => copy.receivedMs))
        return [key, Math.max(receivedMs, facts.lastForgottenMs.get(key) ?? 0) + keepMs]
      }),
    )
  }

  #writers(
    named: readonly Named[],
    explained: readonly (ExplainedPlace & Place)[],
    facts: LogFacts,
    trash: TrashTimes,
  ): AuditedWriter[] {
    const sound = [...this.#sound.values()]
    const { unsound, writers } = this.#reader
    const all = [...sound, ...unsound, ...named, ...explained]
    const wids = [...new Set([...writers.keys(), ...all.map(({ wid }) => wid)])].toSorted()
    const grouped = <T extends Place>(places: readonly T[]) =>
      Map.groupBy(places, ({ chain, wid }) => `${chain} ${wid}`)
    const groups = {
      sound: grouped(sound),
      unsound: grouped(unsound),
      named: grouped(named),
      explained: grouped(explained),
    }
    return wids.map((wid) => {
      const chainOf = (name: ChainName) => {
        const key = `${name} ${wid}`
        return auditChain(
          {
            name,
            wid,
            writer: this.#writer(wid),
            sound: groups.sound.get(key) ?? [],
            unsound: groups.unsound.get(key) ?? [],
            named: groups.named.get(key) ?? [],
            explained: groups.explained.get(key) ?? [],
            isInTrash: ({ seq, id }) => name === 'snapshot' && trash.has(keyOfPlace(wid, seq, id)),
          },
          this.#findings,
        )
      }
      const known = writers.get(wid)
      return {
        wid,
        name: known?.name ?? '',
        role: known?.role,
        snapshots: chainOf('snapshot'),
        records: chainOf('record'),
        revoked: facts.revoked.get(wid),
      }
    })
  }

  /** Times along each chain. */
  #orders(): void {
    for (const chain of Map.groupBy(this.#sound.values(), ({ chain, wid }) => `${chain} ${wid}`).values()) {
      const sorted = chain.toSorted((a, b) => a.seq - b.seq)
      for (const [at, object] of sorted.entries()) if (at > 0) this.#times.order(sorted[at - 1]!, object)
    }
  }

  #powerless({ powerless }: LogFacts): void {
    for (const { objectName, role, body, wid } of powerless) {
      const what = `a record of kind ${body.action.kind} by ${this.#writer(wid)}, whose role ${role} does not permit it`
      this.#findings.add('not-permitted', objectName, what)
    }
  }

  #compare(checkpoint: Checkpoint, explained: readonly (ExplainedPlace & Place)[]): void {
    checkDescription(checkpoint, this.#repo, this.#findings)
    const { heads, time } = checkpoint
    if (!('root' in heads)) return
    const gone = explained.map(({ record, ...place }) => ({ ...place, goneMs: timespecToMs(record.body.time) }))
    if (hadHeads(heads, time * 1000, [...gone, ...this.#sound.values()])) return
    const what = `it cannot be shown that the ${heads.chains} chains had the heads then that the checkpoint was made of: something that it had seen is not there any more, or was put in between`
    this.#findings.add('missing', PREFIXES.snapshots, what)
  }

  #title({ chain, seq, wid }: AuditedObject): string {
    return titleOf(chain, seq, this.#writer(wid))
  }

  #writer(wid: string): string {
    const name = this.#reader.writers.get(wid)?.name ?? ''
    return name === '' ? `writer ${wid.slice(0, 8)}` : `${name} (${wid.slice(0, 8)})`
  }

  #checkStopped(): void {
    if (this.#opts.signal?.aborted !== true) return
    throw new BackupError('interrupted', 'the audit was stopped', this.#repo.store.location)
  }
}

interface Place {
  readonly chain: ChainName
  readonly wid: string
  readonly seq: number
  readonly id: string
}

function keyOf({ chain, wid, seq, id }: Place): string {
  return `${chain} ${keyOfPlace(wid, seq, id)}`
}

/** Milliseconds since 1970, by `keyOfPlace`. */
type TrashTimes = ReadonlyMap<string, number>

function explainedPlaces({ gone, lostRecords }: LogFacts, trash: TrashTimes): (ExplainedPlace & Place)[] {
  const places = (chain: ChainName, reasons: ReadonlyMap<string, OpenedRecord>) =>
    [...reasons].map(([key, record]) => {
      const [wid, seq, id] = key.split('/') as [string, string, string]
      const until = chain === 'snapshot' ? trash.get(key) : undefined
      return { chain, wid, seq: Number(seq), id, record, ...(until !== undefined && { restorableUntilMs: until }) }
    })
  return [...places('snapshot', gone), ...places('record', lostRecords)]
}

function rememberedBy(look: HistoryLook | undefined): Named[] {
  if (look?.before === undefined) return []
  const by = `this machine, on ${new Date(look.before.lookedMs).toISOString().slice(0, 16).replace('T', ' ')}`
  return look.lost.map(({ chain, wid, head }) => ({ chain, wid, seq: head.seq, id: head.id, by }))
}
