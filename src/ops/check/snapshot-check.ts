// Snapshots in their places: each verified and opened, their chains, and what they have seen of one another.
import { toHex } from '../../base/bytes.ts'
import { timespecToMs } from '../../base/time.ts'
import { snapshotName } from '../../format/names.ts'
import { decodeSnapshot } from '../../format/snapshot.ts'
import type { SnapshotBody } from '../../format/snapshot.ts'
import { EXPLAINING_ROLES, readLog } from '../../repo/history/log.ts'
import { LogFacts } from '../../repo/history/log-facts.ts'
import { checkDomain, snapshotSealer } from '../../repo/history/snapshot-catalog.ts'
import { checkMember, foreignOf } from '../../repo/keys/membership.ts'
import type { Repository } from '../../repo/repository.ts'
import { revocationOf } from '../../repo/writers/revocations.ts'
import type { Revocations } from '../../repo/writers/revocations.ts'
import { acceptedLosses } from './accepted-losses.ts'
import { chainFlaws } from './chains.ts'
import type { ChainLink } from './chains.ts'
import type { SessionFacts } from './cut-off.ts'
import { verifyMeeting } from './meet-writers.ts'
import { surveyObjects } from './object-survey.ts'
import type { Survey, SurveyedObject } from './object-survey.ts'
import { NOT_AS_NAMED } from './object-verifier.ts'
import type { ObjectVerifier } from './object-verifier.ts'
import type { CheckCounts, RevokedSnapshot } from './options.ts'
import type { CheckProgress } from './progress.ts'

export interface CheckedSnapshot {
  readonly id: string
  readonly body: SnapshotBody
}

export interface SnapshotCheckContext {
  readonly repo: Repository
  readonly survey: Survey
  readonly verifier: ObjectVerifier
  readonly sessions: SessionFacts
  readonly counts: CheckCounts
  readonly progress: CheckProgress
  /** Of all log records that are there, damaged or not. */
  readonly recordNames: ReadonlySet<string>
}

/** What it has found holds too where the store goes away in the middle. */
export class SnapshotCheck {
  readonly #ctx: SnapshotCheckContext
  readonly #links: ChainLink[] = []
  /** Those that could be opened; in order of time at the end. */
  readonly opened: CheckedSnapshot[] = []
  readonly revoked: RevokedSnapshot[] = []
  /** Names of those of which a backup that died left only a part. */
  cutOff: readonly string[] = []

  constructor(ctx: SnapshotCheckContext) {
    this.#ctx = ctx
  }

  /** `present`: names of all snapshots that are in their places. */
  async run(objects: Iterable<SurveyedObject>, present: ReadonlySet<string>): Promise<void> {
    const { repo, survey, sessions, counts } = this.#ctx
    const revoked = await repo.trust.revoked()
    await surveyObjects(survey, objects, (object, bytes) => this.#snapshot(object, bytes, revoked))
    // They were read in any order, and what damage costs is told in that of time.
    this.opened.sort((a, b) => timespecToMs(a.body.started) - timespecToMs(b.body.started) || (a.id < b.id ? -1 : 1))
    const { records } = await readLog(repo, { roles: EXPLAINING_ROLES })
    const facts = new LogFacts(records)
    const known = present.union(new Set(facts.goneNames()))
    counts.lossesAccepted = acceptedLosses(facts, present.union(this.#ctx.recordNames))
    for (const { object, message } of chainFlaws(this.#links, known)) survey.damage.add(object, 'not-found', message)
    this.#checkHeads(known)
    const { cutOff, damaged } = sessions.torn()
    for (const name of damaged) survey.damage.add(name, 'corrupt', NOT_AS_NAMED)
    this.cutOff = cutOff
    counts.snapshots = this.opened.length
  }

  async #snapshot(object: SurveyedObject, bytes: Uint8Array, revocations: Revocations): Promise<void> {
    const { repo, survey, verifier, sessions, counts, progress } = this.#ctx
    const { name, parsed } = object
    if (sessions.isTorn(object, bytes)) return
    const verified = await verifyMeeting(survey.store, verifier, object, bytes)
    const { head } = verified
    if (head === undefined || parsed.kind !== 'snapshot') return
    sessions.note(parsed, verified)
    const revocation = revocationOf({ wid: parsed.wid, seq: head.seq, id: parsed.hash }, revocations)
    if (revocation !== undefined) {
      this.revoked.push({ objectName: name, revocation })
      return
    }
    this.#links.push({ objectName: name, id: parsed.hash, head })
    progress.object(name)
    try {
      const writer = await repo.writers.writer(head.wid, 'snapshot', name)
      const { sealer, domain } = await snapshotSealer(repo, head.sid, writer, name)
      const { body } = decodeSnapshot(bytes, name, { repoId: repo.id, publicKey: writer.publicKey, sealer })
      checkDomain(body, domain.id, name)
      checkMember(writer, domain.id, name)
      this.opened.push({ id: parsed.hash, body })
    } catch (error) {
      if (foreignOf(error) === undefined) throw error
      counts.objectsForeign++
    }
  }

  /** What a snapshot has seen has to be known. */
  #checkHeads(known: ReadonlySet<string>): void {
    const { survey, sessions } = this.#ctx
    for (const { id, body } of this.opened) {
      if (body.parent !== undefined) sessions.seen.add(toHex(body.parent))
      for (const { wid, seq, hash } of body.heads) {
        sessions.seen.add(toHex(hash))
        const name = snapshotName(wid, seq, hash)
        if (known.has(name)) continue
        survey.damage.add(name, 'not-found', `snapshot ${id.slice(0, 8)} has seen it, and it is not there`)
      }
    }
  }
}
