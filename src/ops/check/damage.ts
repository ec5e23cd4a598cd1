// What was found wrong, by object, and what it costs: the snapshots and paths that need it.
import { BackupError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { parseObjectName } from '../../format/names.ts'
import { isOfPageFile } from '../../repo/index/sealed-pages.ts'
import type { EventSink, ProblemEvent } from '../events.ts'

export interface AffectedSnapshot {
  /** Id, hex. */
  readonly id: string
  /** The first AFFECTED_PATHS_MAX paths in it. */
  readonly paths: readonly Uint8Array[]
  readonly pathCount: number
}

export interface Damage {
  /** Name of the object that is damaged, or that is missing. */
  readonly object: string
  readonly code: ErrorCode
  /** What is wrong with it: the first few findings. */
  readonly messages: readonly string[]
  readonly findings: number
  readonly affected: readonly AffectedSnapshot[]
  /** All snapshots that need it, of which `affected` has the first AFFECTED_SNAPSHOTS_MAX. */
  readonly affectedCount: number
}

/** Objects whose damage is kept in detail; more are counted. */
export const DAMAGES_MAX = 10_000
/** Findings of one object kept as text. */
const MESSAGES_MAX = 5
/** Paths of one snapshot kept for each damaged object. */
export const AFFECTED_PATHS_MAX = 100
/** Snapshots kept for each damaged object, the first ones that need it. */
export const AFFECTED_SNAPSHOTS_MAX = 1000
/** Paths kept of all damage together, so that a disk that is full of bad sectors does not fill the memory too. */
const PATHS_MAX = 100_000

export class DamageRecord {
  readonly object: string
  readonly code: ErrorCode
  readonly messages: string[] = []
  findings = 0
  readonly affected = new Map<string, { paths: Uint8Array[]; pathCount: number }>()
  readonly #room: { paths: number }
  /** All snapshots that it costs something. */
  snapshots = 0
  #last: string | undefined

  /** `room` is shared by all records: how many paths may still be kept. */
  constructor(object: string, code: ErrorCode, room: { paths: number }) {
    this.object = object
    this.code = code
    this.#room = room
  }

  /** To be called for one snapshot after the other. */
  affects(snapshot: string, path: Uint8Array): void {
    if (this.#last !== snapshot) {
      this.#last = snapshot
      this.snapshots++
    }
    let entry = this.affected.get(snapshot)
    if (entry === undefined) {
      if (this.affected.size === AFFECTED_SNAPSHOTS_MAX) return
      this.affected.set(snapshot, (entry = { paths: [], pathCount: 0 }))
    }
    entry.pathCount++
    if (entry.paths.length === AFFECTED_PATHS_MAX || this.#room.paths === 0) return
    this.#room.paths--
    entry.paths.push(new Uint8Array(path))
  }
}

export class DamageLog {
  readonly #records = new Map<string, DamageRecord>()
  readonly #onEvent: EventSink
  readonly #room = { paths: PATHS_MAX }
  readonly #overflow = new DamageRecord('', 'corrupt', this.#room)
  readonly #untold: { readonly object: string; readonly event: ProblemEvent }[] = []
  readonly #doubtful = new Set<string>()
  #objects = 0

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent
  }

  get count(): number {
    return this.#objects
  }

  /** Whether something was found wrong with an object. */
  has(object: string): boolean {
    return this.#records.has(object)
  }

  /** What is wrong with these is told at the end: perhaps nobody needs them. */
  doubt(objects: Iterable<string>): void {
    for (const object of objects) this.#doubtful.add(object)
  }

  /**
   * Takes back what was found wrong with an object, if no snapshot needs it; true if it was. With `why` what was kept for later
   * is told now, as what it is.
   */
  dropUnneeded(object: string, why?: string): boolean {
    if (this.#records.get(object)?.snapshots !== 0) return false
    this.#records.delete(object)
    this.#objects--
    for (const { object: of, event } of why === undefined ? [] : this.#untold) {
      if (of === object) this.#onEvent({ ...event, type: 'warning', message: `${event.message}; ${why}` })
    }
    return true
  }

  /**
   * What another check has found that was begun later: what this one missed is not missing if that one had it, and what that one
   * found is added.
   */
  settleBy(later: readonly Damage[]): void {
    const found = new Set(later.map(({ object }) => object))
    for (const [object, { code }] of this.#records) {
      if (!isMissing({ object, code }) || found.has(object)) continue
      this.#records.delete(object)
      this.#objects--
    }
    for (const { object, code, messages, affected } of later) {
      if (this.#records.has(object)) continue
      for (const message of messages) {
        const record = this.add(object, code, message)
        for (const { id, paths } of affected) for (const path of paths) record.affects(id, path)
      }
    }
  }

  /** With `later`, and where something is missing, it is told at the end, if it is damage then. */
  add(object: string, code: ErrorCode, message: string, { later = false } = {}): DamageRecord {
    let record = this.#records.get(object)
    if (record === undefined) {
      this.#objects++
      if (this.#records.size >= DAMAGES_MAX) return this.#overflow
      this.#records.set(object, (record = new DamageRecord(object, code, this.#room)))
    }
    record.findings++
    if (record.messages.length < MESSAGES_MAX && !record.messages.includes(message)) {
      record.messages.push(message)
      const event = { type: 'error' as const, code, message: `${object}: ${message}` }
      if (later || isMissing({ object, code }) || this.#doubtful.has(object)) this.#untold.push({ object, event })
      else this.#onEvent(event)
    }
    return record
  }

  /** Tells of what was kept for later and is damage. */
  tell(): void {
    for (const { object, event } of this.#untold.splice(0)) if (this.has(object)) this.#onEvent(event)
  }

  /** Files an error under the object it names last: that is where the bytes are wrong. */
  addError(error: BackupError, otherwise: string): DamageRecord {
    const { object, code, message } = rootOf(error, otherwise)
    return this.add(object, code, message)
  }

  /** Whether something is missing, so that another look may say otherwise. */
  get hasMissing(): boolean {
    return this.#records.values().some(isMissing)
  }

  /** In order of name. */
  list(): Damage[] {
    const records = [...this.#records.values()].sort((a, b) => (a.object < b.object ? -1 : 1))
    return Array.from(records, ({ object, code, messages, findings, affected, snapshots }) => ({
      object,
      code,
      messages,
      findings,
      affectedCount: snapshots,
      affected: Array.from(affected, ([id, { paths, pathCount }]) => ({ id, paths, pathCount })),
    }))
  }
}

function rootOf(error: BackupError, otherwise: string): { object: string; code: ErrorCode; message: string } {
  let object = otherwise
  let { code } = error
  let message = error.message
  for (let at: unknown = error; at instanceof BackupError; at = at.cause) {
    message = at.message
    if (parseObjectName(at.subject) !== null) object = at.subject
    // What is missing may make something else unreadable, which is what the error is about then.
    if (at.code === 'not-found') code = at.code
  }
  const suffix = `: ${object}`
  return { object, code, message: message.endsWith(suffix) ? message.slice(0, -suffix.length) : message }
}

/**
 * Looks for damage until it is done or the store goes away. That says nothing of what is in the store; what was found wrong
 * before is wrong all the same, and the result has it, with the error. Without damage the error is thrown.
 */
export async function unlessDamaged(damage: DamageLog, look: () => Promise<void>): Promise<BackupError | undefined> {
  try {
    await look()
    return undefined
  } catch (cause) {
    if (cause instanceof BackupError && cause.code === 'unreachable' && damage.count > 0) return cause
    throw cause
  }
}

/** Whether an object, or a blob that has no name, is not there: it may have been taken away by somebody who may, or put since. */
export function isMissing({ object, code }: Pick<Damage, 'object' | 'code'>): boolean {
  return code === 'not-found' || parseObjectName(object) === null
}

/** Whether an error says that bytes are wrong or missing, rather than that they could not be had. */
export function isDamage(error: BackupError): boolean {
  // What this machine keeps is no part of the repository.
  return DAMAGE_CODES.has(error.code) && !isOfPageFile(error)
}

const DAMAGE_CODES: ReadonlySet<ErrorCode> = new Set(['corrupt', 'not-found', 'limit', 'unsupported'])
