// Verifies a repository with its keys. Three depths: the structure (every object that is not a pack, every tree, every
// reference), a sample of the packs, or all of them to the last byte. Streams: memory is bounded by a few packs, the index,
// and 100 bytes for each node of the trees.
import { fromHex, toHex } from '../base/bytes.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import { BackupError, codeOf, reasonsOf } from '../base/errors.ts'
import { timespecToMs } from '../base/time.ts'
import { initHashing } from '../crypto/hash.ts'
import { packName, PREFIXES, sessionKeysName, snapshotName } from '../format/names.ts'
import { decodeSnapshot } from '../format/snapshot.ts'
import type { SnapshotBody } from '../format/snapshot.ts'
import { returnLargeBuffers } from '../posix/allocator.ts'
import { EXPLAINING_ROLES, readLog } from '../repo/history/log.ts'
import { LogFacts } from '../repo/history/log-facts.ts'
import { checkMember, foreignOf } from '../repo/keys/membership.ts'
import { ReadTimes } from '../repo/packs/read-times.ts'
import type { Repository } from '../repo/repository.ts'
import { revocationOf } from '../repo/writers/revocations.ts'
import { checkDomain, snapshotSealer } from '../repo/history/snapshot-catalog.ts'
import { AffectedWalk } from './check/affected.ts'
import { SessionFacts } from './check/cut-off.ts'
import { chainFlaws } from './check/chains.ts'
import type { ChainLink } from './check/chains.ts'
import { choosePacks } from './check/choose-packs.ts'
import type { PackShare } from './check/choose-packs.ts'
import { DamageLog, isDamage, unlessDamaged } from './check/damage.ts'
import { givenUpInTrash } from './check/given-up.ts'
import { checkIndexes } from './check/index-check.ts'
import type { CheckedIndex } from './check/index-check.ts'
import { SMALL_OBJECTS, surveyNames, surveyObjects } from './check/object-survey.ts'
import type { Survey, SurveyedObject } from './check/object-survey.ts'
import { hasNamedHash, NOT_AS_NAMED, ObjectVerifier } from './check/object-verifier.ts'
import { noCounts, wantedPacks } from './check/options.ts'
import type { CheckOptions, CheckResult, AttestablePack, RevokedSnapshot } from './check/options.ts'
import { checkPacks } from './check/pack-check.ts'
import type { ListedPack, PackCheckContext } from './check/pack-check.ts'
import { passOverGone, passOverSuperseded } from './check/unneeded.ts'
import { TreeCheck } from './check/tree-check.ts'
import { ignoreEvents } from './events.ts'
import type { EventSink } from './events.ts'

export type { CheckOptions, CheckResult } from './check/options.ts'
export type { AffectedSnapshot, Damage } from './check/damage.ts'
export type { Unreadable } from './check/object-survey.ts'

const UNKNOWN_MAX = 100
/** Of a check that is killed so much is forgotten. */
const SAVE_INTERVAL_MS = 60_000

/**
 * Damage is in the result. Throws `interrupted`, `wrong-key` when the credential may not read trees, and `unreachable` when
 * the store stops answering before any damage was found: afterwards the result says both.
 */
export async function checkRepository(opts: CheckOptions): Promise<CheckResult> {
  await initHashing()
  if (opts.depth !== 'structure') returnLargeBuffers()
  return new Check(opts).run()
}

interface CheckedSnapshot {
  readonly id: string
  readonly body: SnapshotBody
}

class Check {
  readonly #opts: CheckOptions
  readonly #repo: Repository
  readonly #onEvent: EventSink
  readonly #damage: DamageLog
  readonly #survey: Survey
  readonly #verifier: ObjectVerifier
  readonly #counts = noCounts()
  readonly #unknown: string[] = []
  #unknownCount = 0
  #objectsDone = 0
  readonly #packs = new Map<string, ListedPack>()
  readonly #snapshotNames = new Set<string>()
  readonly #links: ChainLink[] = []
  readonly #snapshots: CheckedSnapshot[] = []
  /** One for each domain of the credential. */
  #indexes: readonly CheckedIndex[] = []
  readonly #sessions = new SessionFacts()
  #cutOff: readonly string[] = []
  readonly #revoked: RevokedSnapshot[] = []
  readonly #attestable: AttestablePack[] = []

  constructor(opts: CheckOptions) {
    const { repo, onEvent = ignoreEvents, signal } = opts
    this.#opts = opts
    this.#repo = repo
    this.#onEvent = onEvent
    this.#damage = new DamageLog(onEvent)
    this.#survey = {
      store: repo.store,
      damage: this.#damage,
      unreadable: [],
      checkStopped: () => {
        if (signal?.aborted === true) throw new BackupError('interrupted', 'the check was stopped', repo.store.location)
      },
    }
    this.#verifier = new ObjectVerifier({ repoId: repo.id, rootPublic: repo.bundle.rootPublic }, repo.inDomains)
  }

  async run(): Promise<CheckResult> {
    const stoppedBy = await unlessDamaged(this.#damage, () => this.#everything())
    this.#damage.tell()
    return {
      counts: this.#counts,
      indexIncomplete: this.#indexes.some(({ index }) => index.isIncomplete),
      damages: this.#damage.list(),
      damageCount: this.#damage.count,
      cutOff: this.#cutOff,
      revoked: this.#revoked,
      attestable: this.#attestable,
      stoppedBy,
      unreadable: this.#survey.unreadable,
      unknown: this.#unknown,
      unknownCount: this.#unknownCount,
    }
  }

  async #everything(): Promise<void> {
    await this.#list()
    for (const prefix of SMALL_OBJECTS) {
      const givenUp = prefix === PREFIXES.trash ? await givenUpInTrash(this.#repo, this.#snapshotNames) : undefined
      await surveyObjects(this.#survey, this.#objects(prefix), ({ name, parsed }, bytes) => {
        if (givenUp?.has(name) === true && !hasNamedHash(parsed, bytes)) return void this.#counts.snapshotsGivenUp++
        const verified = this.#verifier.verify(name, parsed, bytes)
        this.#sessions.note(parsed, verified)
        if (verified.foreign === true) this.#counts.objectsForeign++
        this.#object(name)
      })
    }
    this.#indexes = await checkIndexes({
      repos: this.#repo.inDomains,
      survey: this.#survey,
      verifier: this.#verifier,
      segments: () => this.#objects(PREFIXES.index),
      listed: new Map(Array.from(this.#packs, ([name, { size }]) => [name, size])),
      foreign: () => this.#counts.objectsForeign++,
    })
    for (const { repo, index } of this.#indexes) repo.useIndex(index)
    for (const index of this.#indexes) await this.#checkSessions(index)
    await this.#checkSnapshots()
    for (const index of this.#indexes) await this.#checkTrees(index)
    const wanted = wantedPacks(this.#opts)
    if (wanted !== undefined) await this.#checkPacks(wanted)
    if (this.#opts.depth === 'all') await this.#checkParity()
    for (const index of this.#indexes) if (index.broken.any) await this.#findAffected(index)
    await this.#passOverUnneeded()
    this.#countUnindexed()
  }

  async #list(): Promise<void> {
    for await (const object of surveyNames(this.#repo.store, '')) {
      this.#survey.checkStopped()
      if (!('parsed' in object)) {
        this.#unknownCount++
        if (this.#unknown.length < UNKNOWN_MAX) this.#unknown.push(object.name)
        continue
      }
      this.#counts.objects++
      const { name, parsed, size, receivedMs } = object
      if (parsed.kind === 'pack') this.#packs.set(name, { kind: parsed.packKind, hash: parsed.hash, size, receivedMs })
      else if (parsed.kind === 'snapshot') this.#snapshotNames.add(name)
    }
    this.#counts.packs = this.#packs.size
  }

  async *#objects(prefix: string): AsyncGenerator<SurveyedObject> {
    for await (const object of surveyNames(this.#repo.store, prefix)) if ('parsed' in object) yield object
  }

  /** Whether the keys of every session that stored something can be had. */
  async #checkSessions({ repo, sessions, broken }: CheckedIndex): Promise<void> {
    for (const [hex, sid] of sessions) {
      this.#survey.checkStopped()
      for (const purpose of ['meta', 'data'] as const) {
        try {
          await repo.sessionKeys.secret(sid, purpose)
        } catch (cause) {
          if (!(cause instanceof BackupError)) throw cause
          if (foreignOf(cause) !== undefined) {
            const what = `the index of the domain ${repo.domain.name} names it, and it is of another domain`
            broken.sessions.set(hex, this.#damage.add(sessionKeysName(sid), 'corrupt', what))
            continue
          }
          // Not every role may read content; what it may read is checked.
          if (cause.code === 'wrong-key' && purpose === 'data') continue
          if (!isDamage(cause)) throw cause
          broken.sessions.set(hex, this.#damage.addError(cause, sessionKeysName(sid)))
        }
      }
    }
  }

  async #checkSnapshots(): Promise<void> {
    const { id: repoId } = this.#repo
    const revoked = await this.#repo.trust.revoked()
    await surveyObjects(this.#survey, this.#objects(PREFIXES.snapshots), async (object, bytes) => {
      const { name, parsed } = object
      if (this.#sessions.isTorn(object, bytes)) return
      const verified = this.#verifier.verify(name, parsed, bytes)
      const { head } = verified
      if (head === undefined || parsed.kind !== 'snapshot') return
      this.#sessions.note(parsed, verified)
      const revocation = revocationOf({ wid: parsed.wid, seq: head.seq, id: parsed.hash }, revoked)
      if (revocation !== undefined) {
        this.#revoked.push({ objectName: name, revocation })
        return
      }
      this.#links.push({ objectName: name, id: parsed.hash, head })
      this.#object(name)
      try {
        const writer = await this.#repo.writers.writer(head.wid, 'snapshot', name)
        const { sealer, domain } = await snapshotSealer(this.#repo, head.sid, writer, name)
        const { body } = decodeSnapshot(bytes, name, { repoId, publicKey: writer.publicKey, sealer })
        checkDomain(body, domain.id, name)
        checkMember(writer, domain.id, name)
        this.#snapshots.push({ id: parsed.hash, body })
      } catch (error) {
        if (foreignOf(error) === undefined) throw error
        this.#counts.objectsForeign++
      }
    })
    // They were read in any order, and what damage costs is told in that of time.
    this.#snapshots.sort(
      (a, b) => timespecToMs(a.body.started) - timespecToMs(b.body.started) || (a.id < b.id ? -1 : 1),
    )
    const known = await this.#knownSnapshots()
    for (const { object, message } of chainFlaws(this.#links, known)) {
      this.#damage.add(object, 'not-found', message)
    }
    for (const { id, body } of this.#snapshots) {
      if (body.parent !== undefined) this.#sessions.seen.add(toHex(body.parent))
      for (const { wid, seq, hash } of body.heads) {
        this.#sessions.seen.add(toHex(hash))
        const name = snapshotName(wid, seq, hash)
        if (known.has(name)) continue
        this.#damage.add(name, 'not-found', `snapshot ${id.slice(0, 8)} has seen it, and it is not there`)
      }
    }
    const { cutOff, damaged } = this.#sessions.torn()
    for (const name of damaged) this.#damage.add(name, 'corrupt', NOT_AS_NAMED)
    this.#cutOff = cutOff
    this.#counts.snapshots = this.#snapshots.length
  }

  /** Names of the snapshots that are there, and of those that a record of maintenance explains. */
  async #knownSnapshots(): Promise<ReadonlySet<string>> {
    const { records } = await readLog(this.#repo, { roles: EXPLAINING_ROLES })
    const explained = [...new LogFacts(records).gone.keys()].map((key) => {
      const [wid, seq, id] = key.split('/') as [string, string, string]
      return snapshotName(wid, Number(seq), id)
    })
    return this.#snapshotNames.union(new Set(explained))
  }

  #snapshotsOf({ repo }: CheckedIndex): CheckedSnapshot[] {
    return this.#snapshots.filter((snapshot) => this.#repo.of(snapshot) === repo)
  }

  async #checkTrees(index: CheckedIndex): Promise<void> {
    const before = this.#counts.entries
    const trees = new TreeCheck(index.repo, this.#damage, index.broken, () => {
      this.#survey.checkStopped()
      this.#progress('checking trees', before + trees.entries, undefined, 'entries')
    })
    for (const { body } of this.#snapshotsOf(index)) await trees.tree(body.root, true)
    this.#counts.nodes += trees.nodes
    this.#counts.entries += trees.entries
  }

  async #checkPacks(wanted: PackShare): Promise<void> {
    const { times = ReadTimes.forgetful(), clock = systemClock, rng } = this.#opts
    const all = Array.from(this.#packs, ([name, pack]) => ({ ...pack, name, readMs: times.of(name) }))
    const begunMs = clock.now()
    const { lastBegunMs, firstBegunMs } = times
    const chosen = choosePacks(all, wanted, { nowMs: begunMs, lastBegunMs, firstBegunMs, rng })
    if (wanted.kind === 'since') this.#counts.packsPassedOver = all.length - chosen.length
    times.keepOnly(this.#packs.keys())
    times.lastBegunMs = begunMs
    times.firstBegunMs ??= begunMs
    if (wanted.kind === 'all') times.unfinishedMs = begunMs
    try {
      await this.#readPacks(chosen, times, clock)
      if (wanted.kind === 'all' || wanted.kind === 'since') times.unfinishedMs = undefined
    } finally {
      await this.#save(times)
    }
  }

  async #readPacks(chosen: readonly ListedPack[], times: ReadTimes, clock: Clock): Promise<void> {
    const total = chosen.reduce((sum, { size }) => sum + size, 0)
    let read = 0
    let savedAt = clock.monotonic()
    const done: PackCheckContext['done'] = async (pack, { blobs, plainBytes, opened, isSound, tables }) => {
      const name = packName(pack.kind, pack.hash)
      this.#counts.packsRead++
      if (!opened) this.#counts.packsHashedOnly++
      this.#counts.blobs += blobs
      this.#counts.bytes += plainBytes
      read += pack.size
      this.#progress('reading packs', this.#counts.packsRead, chosen.length, 'packs', read, total)
      if (this.#opts.attest === true && tables !== undefined) {
        const { repo } = this.#indexOf(name)!
        this.#attestable.push({ repo, kind: pack.kind, hash: fromHex(pack.hash)!, tables })
      }
      if (isSound) times.good(name, clock.now())
      else times.bad(name)
      if (clock.monotonic() - savedAt < SAVE_INTERVAL_MS) return
      savedAt = clock.monotonic()
      await this.#save(times)
    }
    const shared = { survey: this.#survey, threads: this.#opts.threads, done }
    const byIndex = Map.groupBy(chosen, ({ kind, hash }) => this.#indexOf(packName(kind, hash)))
    for (const [index, packs] of byIndex) {
      // A pack that opens in no domain is damaged where there is no other domain that it could be of.
      const mayBeForeign = index === undefined && this.#verifier.hasForeignDomains
      await checkPacks({ ...shared, index: index ?? this.#indexes[0]!, mayBeForeign }, packs)
    }
  }

  async #checkParity(): Promise<void> {
    await surveyObjects(this.#survey, this.#objects(PREFIXES.parity), ({ name, parsed }, bytes) => {
      this.#verifier.verify(name, parsed, bytes)
      this.#object(name)
    })
  }

  /** What is remembered decides what is read next, and nothing else: a check is none the worse without it. */
  async #save(times: ReadTimes): Promise<void> {
    try {
      await times.save()
    } catch (cause) {
      const message = `it cannot be remembered which packs were read: ${reasonsOf(cause)}`
      this.#onEvent({ type: 'warning', code: codeOf(cause), message })
    }
  }

  /** The index that names a pack, or whose domain opens it. */
  #indexOf(name: string): CheckedIndex | undefined {
    return this.#indexes.find(({ packs, unnamed }) => packs.has(name) || unnamed.has(name))
  }

  #countUnindexed(): void {
    const mayBeForeign = this.#verifier.hasForeignDomains
    for (const name of this.#packs.keys()) {
      const index = this.#indexOf(name)
      if (index === undefined && mayBeForeign) this.#counts.packsForeign++
      if (index?.packs.has(name) === true || (index === undefined && mayBeForeign)) continue
      this.#counts.packsUnindexed++
      const sids = index?.unnamed.get(name)
      if (sids === undefined) this.#counts.packsUnopened++
      else if (sids.some((sid) => this.#sessions.isUnfinished(toHex(sid)))) this.#counts.packsUnfinished++
    }
  }

  async #findAffected(index: CheckedIndex): Promise<void> {
    const { repo, broken } = index
    const walk = new AffectedWalk(repo, broken, this.#damage, (ref) => repo.blobKeys.locOf(ref))
    const snapshots = this.#snapshotsOf(index)
    for (const [i, { id, body }] of snapshots.entries()) {
      this.#survey.checkStopped()
      this.#progress('finding what is affected', i, snapshots.length, 'snapshots')
      await walk.snapshot(id, body.root)
    }
  }

  async #passOverUnneeded(): Promise<void> {
    const shared = { repo: this.#repo, indexes: this.#indexes, survey: this.#survey, counts: this.#counts }
    const context = { ...shared, present: this.#snapshotNames }
    passOverSuperseded(context)
    // What revoked writers have, and what a backup that died has left, was not walked.
    if (this.#revoked.length + this.#cutOff.length === 0) await passOverGone(context)
  }

  #object(name: string): void {
    this.#survey.checkStopped()
    this.#onEvent({
      type: 'progress',
      phase: 'checking objects',
      filesDone: ++this.#objectsDone,
      bytesDone: 0,
      current: Buffer.from(name),
      unit: 'objects',
    })
  }

  #progress(
    phase: string,
    done: number,
    total: number | undefined,
    unit: string,
    bytes = 0,
    bytesTotal?: number,
  ): void {
    this.#onEvent({ type: 'progress', phase, filesDone: done, filesTotal: total, bytesDone: bytes, bytesTotal, unit })
  }
}
