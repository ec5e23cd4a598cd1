// Times that contradict one another: of a writer's clock with itself, with the clock of the store, and with what it had
// seen. Clocks may be wrong; that is worth knowing too. Objects come in the order in which the store received them.
import { toHex } from '../../base/bytes.ts'
import type { AuditedObject, ReadObject } from './audited-object.ts'
import type { Findings } from './finding.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** A chain may go backwards by that much: two backups of one machine at once, a clock that was set. */
const BACKWARDS_MS = 5 * MINUTE
/** What clocks of two machines may differ by. */
const CLOCKS_DIFFER_MS = HOUR
/** How long after it says it was made the store may have received an object. */
const LATE_MS = DAY
/** How long something may have been there before a backup ends that has not seen it. */
const UNSEEN_MS = HOUR
/** Objects of one chain that nobody makes in a day: one every five minutes. */
const FLOOD_COUNT = 288
/** Share of objects that came late from which on the store is taken for a copy, whose times say nothing. */
const COPY_SHARE = 0.5

export class TimeAudit {
  readonly #findings: Findings
  readonly #titleOf: (object: AuditedObject) => string
  /** All snapshots in the order of their receipt; the newest of each chain among those that are old enough to count. */
  readonly #received = new Map<string, AuditedObject>()
  readonly #recent: AuditedObject[] = []
  #settled = 0
  /** What depends on the clock of the store, to be told unless it is a copy. */
  readonly #byStore: (() => void)[] = []
  readonly #windows = new Map<string, number[]>()
  readonly #flooded = new Set<string>()
  #timed = 0
  #late = 0

  constructor(findings: Findings, nameOf: (object: AuditedObject) => string) {
    this.#findings = findings
    this.#titleOf = nameOf
  }

  add({ object, heads }: ReadObject): void {
    this.#flood(object)
    this.#lateness(object)
    if (object.chain === 'snapshot') {
      this.#settle(object.receivedMs)
      if (heads !== undefined) this.#unseen(object, new Map(heads.map(({ wid, seq }) => [toHex(wid), seq])))
      this.#recent.push(object)
    }
  }

  /** Whether one object says it was made before another that it comes after in the same chain. */
  order(before: AuditedObject, object: AuditedObject): void {
    if (before.claimedMs === undefined || object.claimedMs === undefined) return
    if (object.claimedMs >= before.claimedMs - BACKWARDS_MS) return
    this.#backDated(
      object,
      `says it was made on ${day(object.claimedMs)}, before the one it follows (${day(before.claimedMs)})`,
    )
  }

  /** Whether one says it was made before what it has seen. */
  sight(object: AuditedObject, seen: AuditedObject): void {
    if (object.claimedMs === undefined || seen.claimedMs === undefined) return
    if (object.claimedMs >= seen.claimedMs - CLOCKS_DIFFER_MS) return
    const what = `says it was made on ${day(object.claimedMs)} and has seen ${this.#titleOf(seen)} of ${day(seen.claimedMs)}`
    this.#backDated(object, `${what}: one of the two clocks is wrong`)
  }

  /** Tells what depends on the clock of the store. */
  finish(): void {
    if (this.#timed > 1 && this.#late > this.#timed * COPY_SHARE) {
      this.#findings.remark(
        `the store received ${this.#late} of ${this.#timed} objects more than a day after they were made: it is a copy, and its times were not compared`,
      )
    } else for (const tell of this.#byStore) tell()
  }

  #backDated(object: AuditedObject, what: string): void {
    this.#findings.add('back-dated', object.objectName, `${this.#titleOf(object)} ${what}`)
  }

  #lateness(object: AuditedObject): void {
    if (object.claimedMs === undefined) return
    const { receivedMs, claimedMs } = object
    this.#timed++
    if (receivedMs - claimedMs > LATE_MS) {
      this.#late++
      this.#byStore.push(() =>
        this.#backDated(object, `says it was made on ${day(claimedMs)}; the store received it on ${day(receivedMs)}`),
      )
    } else if (claimedMs - receivedMs > LATE_MS) {
      this.#byStore.push(() =>
        this.#backDated(
          object,
          `says it was made on ${day(claimedMs)}, after the store received it (${day(receivedMs)})`,
        ),
      )
    }
  }

  #flood({ chain, wid, receivedMs, objectName }: AuditedObject): void {
    const key = `${chain} ${wid}`
    const window = this.#windows.get(key) ?? []
    this.#windows.set(key, window)
    window.push(receivedMs)
    if (window.length > FLOOD_COUNT) window.shift()
    if (window.length < FLOOD_COUNT || receivedMs - window[0]! > DAY || this.#flooded.has(key)) return
    this.#flooded.add(key)
    const folder = objectName.slice(0, objectName.lastIndexOf('/') + 1)
    const what = `the store received ${FLOOD_COUNT} ${chain}s of one writer within a day of ${day(receivedMs)}`
    this.#byStore.push(() => this.#findings.add('flood', folder, what))
  }

  /** What was there long enough before `nowMs` for everybody to see it. */
  #settle(nowMs: number): void {
    for (let next = this.#recent[this.#settled]; next !== undefined; next = this.#recent[++this.#settled]) {
      const object = next
      if (object.receivedMs >= nowMs - UNSEEN_MS) return
      const known = this.#received.get(object.wid)
      if (known === undefined || known.seq < object.seq) this.#received.set(object.wid, object)
    }
  }

  #unseen(object: AuditedObject, seen: ReadonlyMap<string, number>): void {
    for (const [wid, there] of this.#received) {
      if (wid === object.wid || (seen.get(wid) ?? 0) >= there.seq) continue
      const since = `which the store had since ${day(there.receivedMs)}`
      const what = `${this.#titleOf(object)} of ${day(object.receivedMs)} has not seen ${this.#titleOf(there)}, ${since}: it was not shown`
      this.#byStore.push(() => this.#findings.add('withheld', object.objectName, what))
    }
  }
}

function day(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'a time beyond the calendar' : date.toISOString().slice(0, 16).replace('T', ' ')
}
