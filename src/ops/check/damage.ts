// What was found wrong, by object, and what it costs: the snapshots and paths that need it.
import { BackupError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { parseObjectName } from '../../format/names.ts'
import type { EventSink } from '../events.ts'

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
}

/** Objects whose damage is kept in detail; more are counted. */
export const DAMAGES_MAX = 10_000
/** Findings of one object kept as text. */
const MESSAGES_MAX = 5
/** Paths of one snapshot kept for each damaged object. */
export const AFFECTED_PATHS_MAX = 100

export class DamageRecord {
  readonly object: string
  readonly code: ErrorCode
  readonly messages: string[] = []
  findings = 0
  readonly affected = new Map<string, { paths: Uint8Array[]; pathCount: number }>()

  constructor(object: string, code: ErrorCode) {
    this.object = object
    this.code = code
  }

  affects(snapshot: string, path: Uint8Array): void {
    let entry = this.affected.get(snapshot)
    if (entry === undefined) this.affected.set(snapshot, (entry = { paths: [], pathCount: 0 }))
    entry.pathCount++
    if (entry.paths.length < AFFECTED_PATHS_MAX) entry.paths.push(new Uint8Array(path))
  }
}

export class DamageLog {
  readonly #records = new Map<string, DamageRecord>()
  readonly #onEvent: EventSink
  readonly #overflow = new DamageRecord('', 'corrupt')
  #objects = 0

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent
  }

  get count(): number {
    return this.#objects
  }

  add(object: string, code: ErrorCode, message: string): DamageRecord {
    let record = this.#records.get(object)
    if (record === undefined) {
      this.#objects++
      if (this.#records.size >= DAMAGES_MAX) return this.#overflow
      this.#records.set(object, (record = new DamageRecord(object, code)))
    }
    record.findings++
    if (record.messages.length < MESSAGES_MAX && !record.messages.includes(message)) {
      record.messages.push(message)
      this.#onEvent({ type: 'error', code, message: `${object}: ${message}` })
    }
    return record
  }

  /** Files an error under the object it names last: that is where the bytes are wrong. */
  addError(error: BackupError, otherwise: string): DamageRecord {
    const { object, message } = rootOf(error, otherwise)
    return this.add(object, error.code, message)
  }

  list(): Damage[] {
    return Array.from(this.#records.values(), ({ object, code, messages, findings, affected }) => ({
      object,
      code,
      messages,
      findings,
      affected: Array.from(affected, ([id, { paths, pathCount }]) => ({ id, paths, pathCount })),
    }))
  }
}

function rootOf(error: BackupError, otherwise: string): { object: string; message: string } {
  let object = otherwise
  let message = error.message
  for (let at: unknown = error; at instanceof BackupError; at = at.cause) {
    message = at.message
    if (parseObjectName(at.subject) !== null) object = at.subject
  }
  const suffix = `: ${object}`
  return { object, message: message.endsWith(suffix) ? message.slice(0, -suffix.length) : message }
}

/** Whether an error says that bytes are wrong or missing, rather than that they could not be had. */
export function isDamage(error: BackupError): boolean {
  return DAMAGE_CODES.has(error.code)
}

const DAMAGE_CODES: ReadonlySet<ErrorCode> = new Set(['corrupt', 'not-found', 'limit', 'unsupported'])
