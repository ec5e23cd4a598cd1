// What the records of the log come to: what is gone for a reason, who is revoked, what was brought back; each as far as those who
// say so may.
import { toHex } from '../../base/bytes.ts'
import { timespecToMs } from '../../base/time.ts'
import type { ChainPlace, LogAction } from '../../format/log-record.ts'
import { isForget } from '../../format/retention-actions.ts'
import { logName, snapshotName } from '../../format/names.ts'
import { mayLog } from './log.ts'
import type { OpenedRecord } from './log.ts'
import { countingRecords, revocationsOf } from '../writers/revocations.ts'
import type { Revocations } from '../writers/revocations.ts'

/** What counts of a log: the word of those who may give it. */
export class LogFacts {
  /** Snapshots that are no longer there for a reason, by `placeKey`; the first record that gives one. */
  readonly gone = new Map<string, OpenedRecord>()
  /** Of these, what was forgotten because it could not be read, by `placeKey`. */
  readonly givenUp = new Set<string>()
  /** When the store received the last forget record that is not undone, by `placeKey`. */
  readonly lastForgottenMs = new Map<string, number>()
  /** When the store had received what was forgotten, by `placeKey`: what is brought back it receives anew. */
  readonly receivedMs = new Map<string, number>()
  readonly #copies = new Map<string, Set<string>>()
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

  /** Names of the snapshots that are gone for a reason, and of the records that are known to be lost. */
  goneNames(): string[] {
    return Array.from(this.gone.keys(), (key) => nameOfKey(key, snapshotName))
  }

  lostRecordNames(): string[] {
    return Array.from(this.lostRecords.keys(), (key) => nameOfKey(key, logName))
  }

  /** Names of all that somebody has accepted as lost. */
  acceptedNames(): string[] {
    const snapshots = [...this.gone].filter(([, { body }]) => body.action.kind === 'accept')
    return [...snapshots.map(([key]) => nameOfKey(key, snapshotName)), ...this.lostRecordNames()]
  }

  /** Whether somebody has brought a snapshot back, by `placeKey`. */
  isRecalled(key: string): boolean {
    return this.#recalls.has(key)
  }

  /**
   * Numbers, hex, of the copies in the trash of which a record says that they were there while all that the snapshot needs was,
   * by `placeKey`: what else is there may have come too late.
   */
  copiesOf(key: string): ReadonlySet<string> {
    return this.#copies.get(key) ?? NONE
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
    if (isForget(action) || action.kind === 'recall') {
      for (const [at, copy] of (action.copies ?? []).entries()) {
        const key = placeKey(action.snapshots[at]!)
        this.#copies.set(key, (this.#copies.get(key) ?? new Set()).add(toHex(copy)))
      }
    }
    if (isForget(action)) {
      for (const [at, time] of (action.received ?? []).entries()) {
        const key = placeKey(action.snapshots[at]!)
        this.receivedMs.set(key, Math.min(timespecToMs(time), this.receivedMs.get(key) ?? Infinity))
      }
    }
    if (isForget(action) || action.kind === 'accept') {
      for (const place of action.snapshots) {
        const key = placeKey(place)
        if (isForget(action) && this.#recalls.undo(record, key)) continue
        keepFirst(this.gone, key, record)
        if (action.kind === 'forget-damaged') this.givenUp.add(key)
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

const NONE: ReadonlySet<string> = new Set()

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

/** One place of a chain with what is there, as a key of maps. */
export function placeKey({ wid, seq, hash: id }: ChainPlace): string {
  return keyOfPlace(toHex(wid), seq, toHex(id))
}

export function keyOfPlace(wid: string, seq: number, id: string): string {
  return `${wid}/${seq}/${id}`
}

function nameOfKey(key: string, nameOf: (wid: string, seq: number, id: string) => string): string {
  const [wid, seq, id] = key.split('/') as [string, string, string]
  return nameOf(wid, Number(seq), id)
}

function keepFirst<V>(map: Map<string, V>, key: string, value: V): void {
  if (!map.has(key)) map.set(key, value)
}
