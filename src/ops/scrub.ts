// Verifies a store without any key, as its operator can: names, hashes, headers, signatures, chains of snapshots. What it
// cannot tell is what is inside, and whether an object that nothing in the clear speaks of is missing.
import { BackupError } from '../base/errors.ts'
import { initHashing } from '../crypto/hash.ts'
import { isDamagedCopy } from '../format/damaged-copy.ts'
import { PREFIXES, sessionKeysName, snapshotName } from '../format/names.ts'
import type { ObjectName } from '../format/names.ts'
import { checkFeatures } from '../format/repo-description.ts'
import type { Store } from '../store/store.ts'
import { readDescriptions } from '../repo/descriptions.ts'
import { chainFlaws } from './check/chains.ts'
import type { ChainLink } from './check/chains.ts'
import { SessionFacts } from './check/cut-off.ts'
import { DamageLog, unlessDamaged } from './check/damage.ts'
import type { Damage } from './check/damage.ts'
import { SMALL_OBJECTS, surveyNames, surveyObjects } from './check/object-survey.ts'
import type { Survey, SurveyedObject, Unreadable } from './check/object-survey.ts'
import { likelyDescription } from './check/likely-description.ts'
import { hasNamedHash, NOT_AS_NAMED, ObjectVerifier } from './check/object-verifier.ts'
import type { PublicFacts } from './check/object-verifier.ts'
import { ignoreEvents } from './events.ts'
import type { EventSink } from './events.ts'

export interface ScrubOptions {
  readonly store: Store
  readonly onEvent?: EventSink
  readonly signal?: AbortSignal
}

export interface ScrubResult {
  readonly objects: number
  readonly bytes: number
  readonly damages: readonly Damage[]
  readonly damageCount: number
  /** As in a check. */
  readonly cutOff: readonly string[]
  /** Damaged copies in the trash that nobody brings back: no damage. */
  readonly snapshotsGivenUp: number
  readonly stoppedBy: BackupError | undefined
  /** Names that no object of a repository has: the first UNKNOWN_MAX, and how many there are. */
  readonly unknown: readonly string[]
  readonly unknownCount: number
  readonly unreadable: readonly Unreadable[]
}

const UNKNOWN_MAX = 100

/**
 * Reads every object. Damage is in the result, sorted by where it was found; `not-found` is thrown when there is no
 * repository, `unreachable` when the store stops answering before any damage was found, `interrupted`.
 */
export async function scrubStore({ store, onEvent = ignoreEvents, signal }: ScrubOptions): Promise<ScrubResult> {
  await initHashing()
  const damage = new DamageLog(onEvent)
  const survey: Survey = { store, damage, unreadable: [], checkStopped: () => checkStopped(signal, store) }
  const verifier = new ObjectVerifier(await publicFacts(store, damage))
  const total = await countObjects(store, survey.checkStopped)
  const scrub = new Scrub(survey, verifier, total, onEvent)
  const stoppedBy = await unlessDamaged(damage, () => scrub.everything())
  const unknown = total.unknown
  return {
    objects: scrub.objectsDone,
    bytes: scrub.bytesDone,
    damages: damage.list(),
    damageCount: damage.count,
    cutOff: scrub.cutOff,
    snapshotsGivenUp: scrub.snapshotsGivenUp,
    stoppedBy,
    unknown: unknown.slice(0, UNKNOWN_MAX),
    unknownCount: total.unknownCount,
    unreadable: survey.unreadable,
  }
}

/** Without a valid description nothing that is signed can be verified; hashes still can. */
async function publicFacts(store: Store, damage: DamageLog): Promise<PublicFacts | undefined> {
  try {
    const { found } = await readDescriptions(store)
    const { name, description } = await likelyDescription(store, found)
    checkFeatures(description, 'read', name)
    return description
  } catch (cause) {
    if (!(cause instanceof BackupError) || (cause.code !== 'corrupt' && cause.code !== 'unsupported')) throw cause
    damage.addError(cause, PREFIXES.format)
    return undefined
  }
}

interface Totals {
  objects: number
  bytes: number
  readonly unknown: string[]
  unknownCount: number
  /** Session keys and snapshots: what others refer to. */
  readonly names: Set<string>
  /** Snapshots that are in their places. */
  readonly inPlace: Set<string>
  /** Whether there are records of maintenance: what they forget is sealed. */
  hasLog: boolean
}

async function countObjects(store: Store, stopped: () => void): Promise<Totals> {
  const total: Totals = {
    objects: 0,
    bytes: 0,
    unknown: [],
    unknownCount: 0,
    names: new Set(),
    inPlace: new Set(),
    hasLog: false,
  }
  for await (const object of surveyNames(store, '')) {
    stopped()
    if (!('parsed' in object)) {
      total.unknownCount++
      if (total.unknown.length < UNKNOWN_MAX) total.unknown.push(object.name)
      continue
    }
    total.objects++
    total.bytes += object.size
    if (object.parsed.kind === 'log') total.hasLog = true
    const { parsed } = object
    if (parsed.kind === 'session-keys' || parsed.kind === 'snapshot') total.names.add(object.name)
    if (parsed.kind === 'snapshot') total.inPlace.add(object.name)
    if (parsed.kind === 'trash') total.names.add(snapshotName(parsed.wid, parsed.seq, parsed.hash))
  }
  return total
}

class Scrub {
  objectsDone = 0
  bytesDone = 0
  cutOff: readonly string[] = []
  snapshotsGivenUp = 0
  readonly #sessions = new SessionFacts()
  readonly #survey: Survey
  readonly #verifier: ObjectVerifier
  readonly #total: Totals
  readonly #onEvent: EventSink
  readonly #links: ChainLink[] = []

  constructor(survey: Survey, verifier: ObjectVerifier, total: Totals, onEvent: EventSink) {
    this.#survey = survey
    this.#verifier = verifier
    this.#total = total
    this.#onEvent = onEvent
  }

  async everything(): Promise<void> {
    for (const prefix of SMALL_OBJECTS) await this.objects(prefix)
    await this.objects(PREFIXES.index)
    await this.objects(PREFIXES.snapshots)
    this.checkChains()
    await this.objects(PREFIXES.meta)
    await this.objects(PREFIXES.data)
    await this.objects(PREFIXES.parity)
  }

  async objects(prefix: string): Promise<void> {
    await surveyObjects(this.#survey, known(this.#survey.store, prefix), (object, bytes) => this.#verify(object, bytes))
  }

  checkChains(): void {
    const { damage } = this.#survey
    const { cutOff, damaged } = this.#sessions.torn()
    for (const name of damaged) damage.add(name, 'corrupt', NOT_AS_NAMED)
    this.cutOff = cutOff
    for (const { object, kind, message } of chainFlaws(this.#links, this.#total.names)) {
      // What was forgotten is in the log, which only a key opens: `check` and `audit` tell it from a loss.
      if (kind === 'lost' && this.#total.hasLog) continue
      damage.add(object, 'not-found', message)
    }
    for (const { objectName, head } of this.#links) {
      const keys = sessionKeysName(head.sid)
      if (this.#total.names.has(keys)) continue
      damage.add(keys, 'not-found', `the keys of the session that made ${objectName} are missing`)
    }
  }

  #verify(object: SurveyedObject, bytes: Uint8Array): void {
    const { name, parsed, size } = object
    this.objectsDone++
    this.bytesDone += size
    this.#progress(name)
    if (this.#sessions.isTorn(object, bytes)) return
    if (this.#isGivenUp(parsed, bytes)) return void this.snapshotsGivenUp++
    const verified = this.#verifier.verify(name, parsed, bytes)
    this.#sessions.note(parsed, verified)
    const { head } = verified
    if (head !== undefined && parsed.kind === 'snapshot') this.#links.push({ objectName: name, id: parsed.hash, head })
  }

  /**
   * Whether it is a copy in the trash that nobody brings back: it was damaged when it was put there, or it is a part that a
   * forget has left which failed, so that the snapshot is still in its place.
   */
  #isGivenUp(parsed: ObjectName, bytes: Uint8Array): boolean {
    if (parsed.kind !== 'trash' || hasNamedHash(parsed, bytes)) return false
    const { wid, seq, hash, copy } = parsed
    return isDamagedCopy(copy, bytes) || this.#total.inPlace.has(snapshotName(wid, seq, hash))
  }

  #progress(name: string): void {
    this.#onEvent({
      type: 'progress',
      phase: 'scrubbing',
      filesDone: this.objectsDone,
      filesTotal: this.#total.objects,
      bytesDone: this.bytesDone,
      bytesTotal: this.#total.bytes,
      current: Buffer.from(name),
      unit: 'objects',
    })
  }
}

async function* known(store: Store, prefix: string): AsyncGenerator<SurveyedObject> {
  for await (const object of surveyNames(store, prefix)) if ('parsed' in object) yield object
}

function checkStopped(signal: AbortSignal | undefined, { location }: Store): void {
  if (signal?.aborted === true) throw new BackupError('interrupted', 'the scrub was stopped', location)
}
