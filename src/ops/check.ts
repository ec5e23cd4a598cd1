// Verifies a repository with its keys. Three depths: the structure (every object that is not a pack, every tree, every
// reference), a sample of the packs, or all of them to the last byte. Streams: memory is bounded by a few packs, the index,
// and 100 bytes for each node of the trees.
import { toHex } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError } from '../base/errors.ts'
import { initHashing } from '../crypto/hash.ts'
import { PREFIXES, sessionKeysName } from '../format/names.ts'
import { settle } from '../repo/objects/settle.ts'
import { returnLargeBuffers } from '../posix/allocator.ts'
import { foreignOf } from '../repo/keys/membership.ts'
import type { Repository } from '../repo/repository.ts'
import { AffectedWalk } from './check/affected.ts'
import { SessionFacts } from './check/cut-off.ts'
import { CheckMemory } from './check/check-memory.ts'
import type { PackShare } from './check/choose-packs.ts'
import { DamageLog, isDamage, unlessDamaged } from './check/damage.ts'
import { givenUpInTrash } from './check/given-up.ts'
import { checkIndexes } from './check/index-check.ts'
import type { CheckedIndex } from './check/index-check.ts'
import { verifyMeeting } from './check/meet-writers.ts'
import { NameDigest } from './check/name-digest.ts'
import { SMALL_OBJECTS, surveyNames, surveyObjects } from './check/object-survey.ts'
import type { Survey, SurveyedObject } from './check/object-survey.ts'
import { hasNamedHash, ObjectVerifier } from './check/object-verifier.ts'
import { noCounts, wantedPacks } from './check/options.ts'
import type { AttestablePack, CheckOptions, CheckResult } from './check/options.ts'
import type { ListedPack } from './check/pack-check.ts'
import { readPacks } from './check/pack-reading.ts'
import { CheckProgress } from './check/progress.ts'
import { RecordChains } from './check/record-chains.ts'
import { SnapshotCheck } from './check/snapshot-check.ts'
import type { CheckedSnapshot } from './check/snapshot-check.ts'
import { TrashKeys } from './check/trash-keys.ts'
import { TreeCheck } from './check/tree-check.ts'
import { passOverGone, passOverSuperseded } from './check/unneeded.ts'
import { ignoreEvents } from './events.ts'

export type { CheckOptions, CheckResult } from './check/options.ts'
export type { AffectedSnapshot, Damage } from './check/damage.ts'
export type { Unreadable } from './check/object-survey.ts'

const UNKNOWN_MAX = 100

/** How often it is looked at most for what is missing; each further time needs somebody who has changed something meanwhile. */
const LOOKS_MAX = 4

/**
 * Damage is in the result. Throws `interrupted`, `wrong-key` when the credential may not read trees, and `unreachable` when
 * the store stops answering before any damage was found: afterwards the result says both.
 */
export async function checkRepository(opts: CheckOptions): Promise<CheckResult> {
  await initHashing()
  if (opts.depth !== 'structure') returnLargeBuffers()
  return new Check(opts).run()
}

class Check {
  /** How often it may still be looked again when others change what is there. */
  readonly #looksLeft: number
  readonly #opts: CheckOptions
  readonly #repo: Repository
  readonly #progress: CheckProgress
  readonly #damage: DamageLog
  readonly #survey: Survey
  readonly #verifier: ObjectVerifier
  readonly #counts = noCounts()
  readonly #unknown: string[] = []
  #unknownCount = 0
  readonly #packs = new Map<string, ListedPack>()
  readonly #snapshotNames = new Set<string>()
  readonly #recordNames = new Set<string>()
  readonly #listedSnapshots: SurveyedObject[] = []
  readonly #snapshots: SnapshotCheck
  /** One for each domain of the credential. */
  #indexes: readonly CheckedIndex[] = []
  readonly #sessions = new SessionFacts()
  readonly #records = new RecordChains()
  readonly #trashKeys = new TrashKeys()
  readonly #attestable: AttestablePack[] = []

  constructor(opts: CheckOptions, looksLeft = LOOKS_MAX - 1) {
    this.#looksLeft = looksLeft
    const { repo, onEvent = ignoreEvents, signal } = opts
    this.#opts = opts
    this.#repo = repo
    this.#progress = new CheckProgress(onEvent)
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
    this.#snapshots = new SnapshotCheck({
      repo,
      survey: this.#survey,
      verifier: this.#verifier,
      sessions: this.#sessions,
      counts: this.#counts,
      progress: this.#progress,
      recordNames: this.#recordNames,
    })
  }

  async run(): Promise<CheckResult> {
    let stoppedBy: BackupError | undefined
    try {
      stoppedBy = await unlessDamaged(this.#damage, () => this.#remembered())
    } finally {
      this.#damage.tell()
    }
    return {
      counts: this.#counts,
      indexIncomplete: this.#indexes.some(({ index }) => index.isIncomplete),
      damages: this.#damage.list(),
      damageCount: this.#damage.count,
      cutOff: this.#snapshots.cutOff,
      revoked: this.#snapshots.revoked,
      attestable: this.#attestable,
      stoppedBy,
      unreadable: this.#survey.unreadable,
      unknown: this.#unknown,
      unknownCount: this.#unknownCount,
    }
  }

  async #remembered(): Promise<void> {
    const wanted = wantedPacks(this.#opts)
    if (wanted === undefined) return this.#everything()
    const memory = new CheckMemory(this.#opts)
    await memory.during(wanted, () => this.#everything(() => this.#readPacks(wanted, memory)))
  }

  /**
   * Whoever backs up puts packs, then the index that names them, then the snapshot that needs them: it is looked for in the other
   * order, and in that of trust.
   */
  async #everything(readPacks?: () => Promise<void>): Promise<void> {
    const listed = await this.#list()
    await settle(this.#repo.store, this.#clock)
    for (const prefix of SMALL_OBJECTS) {
      const givenUp = prefix === PREFIXES.trash ? await givenUpInTrash(this.#repo, this.#snapshotNames) : undefined
      await surveyObjects(this.#survey, this.#objects(prefix), async ({ name, parsed }, bytes) => {
        if (givenUp?.has(name) === true && !hasNamedHash(parsed, bytes)) return void this.#counts.snapshotsGivenUp++
        const verified = await verifyMeeting(this.#repo.store, this.#verifier, { name, parsed }, bytes)
        this.#sessions.note(parsed, verified)
        if (verified.record !== undefined) this.#records.note(name, verified.record)
        if (verified.head !== undefined && givenUp?.has(name) === false) this.#trashKeys.note(name, verified.head)
        if (verified.foreign === true) this.#counts.objectsForeign++
        this.#progress.object(name)
      })
    }
    await this.#records.check(this.#repo, this.#survey)
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
    await this.#snapshots.run(this.#listedSnapshots, this.#snapshotNames)
    await this.#trashKeys.check(this.#repo, this.#survey)
    for (const index of this.#indexes) await this.#checkTrees(index)
    await readPacks?.()
    if (this.#opts.depth === 'all') await this.#checkParity()
    for (const index of this.#indexes) if (index.broken.any) await this.#findAffected(index)
    await this.#passOverUnneeded()
    this.#countUnindexed()
    await this.#lookAgain(listed)
  }

  /**
   * What is missing may have been there all the time: others forget snapshots, replace segments of the index and delete packs
   * while a check goes on. Where something has changed it is looked for once more, with what is there then.
   */
  async #lookAgain(before: string): Promise<void> {
    if (!this.#damage.hasMissing || this.#looksLeft === 0) return
    await settle(this.#repo.store, this.#clock)
    if ((await this.#namesNow()) === before) return
    const { rng, clock, signal, onEvent = ignoreEvents } = this.#opts
    const again = new Check(
      {
        repo: this.#repo,
        depth: 'structure',
        rng,
        threads: 0,
        onEvent: (event) => event.type === 'progress' && onEvent(event),
        ...(clock !== undefined && { clock }),
        ...(signal !== undefined && { signal }),
      },
      this.#looksLeft - 1,
    )
    const { damages } = await again.run()
    this.#damage.settleBy(damages)
  }

  get #clock(): Clock {
    return this.#opts.clock ?? systemClock
  }

  /** Tells states of the store apart. */
  async #namesNow(): Promise<string> {
    const names = new NameDigest()
    for await (const { name } of surveyNames(this.#repo.store, '')) names.add(name)
    return names.digest()
  }

  /** Gives what tells this state of the store from others. */
  async #list(): Promise<string> {
    const names = new NameDigest()
    for await (const object of surveyNames(this.#repo.store, '')) {
      this.#survey.checkStopped()
      names.add(object.name)
      if (!('parsed' in object)) {
        this.#unknownCount++
        if (this.#unknown.length < UNKNOWN_MAX) this.#unknown.push(object.name)
        continue
      }
      this.#counts.objects++
      const { name, parsed, size, receivedMs } = object
      if (parsed.kind === 'pack') this.#packs.set(name, { kind: parsed.packKind, hash: parsed.hash, size, receivedMs })
      else if (parsed.kind === 'log') this.#recordNames.add(name)
      else if (parsed.kind === 'snapshot') {
        this.#snapshotNames.add(name)
        this.#listedSnapshots.push(object)
      }
    }
    this.#counts.packs = this.#packs.size
    return names.digest()
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

  #snapshotsOf({ repo }: CheckedIndex): CheckedSnapshot[] {
    return this.#snapshots.opened.filter((snapshot) => this.#repo.of(snapshot) === repo)
  }

  async #checkTrees(index: CheckedIndex): Promise<void> {
    const before = this.#counts.entries
    const trees = new TreeCheck(index.repo, this.#damage, index.broken, () => {
      this.#survey.checkStopped()
      this.#progress.step('checking trees', before + trees.entries, undefined, 'entries')
    })
    for (const { body } of this.#snapshotsOf(index)) await trees.tree(body.root, true)
    this.#counts.nodes += trees.nodes
    this.#counts.entries += trees.entries
  }

  async #readPacks(wanted: PackShare, memory: CheckMemory): Promise<void> {
    const shared = { opts: this.#opts, memory, survey: this.#survey, counts: this.#counts, progress: this.#progress }
    const indexOf = (name: string) => this.#indexOf(name)
    const { hasForeignDomains } = this.#verifier
    const indexes = { indexOf, ownIndex: this.#indexes[0]!, hasForeignDomains }
    await readPacks({ ...shared, ...indexes, listed: this.#packs, attestable: this.#attestable }, wanted)
  }

  async #checkParity(): Promise<void> {
    await surveyObjects(this.#survey, this.#objects(PREFIXES.parity), ({ name, parsed }, bytes) => {
      this.#verifier.verify(name, parsed, bytes)
      this.#progress.object(name)
    })
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
      this.#progress.step('finding what is affected', i, snapshots.length, 'snapshots')
      await walk.snapshot(id, body.root)
    }
  }

  async #passOverUnneeded(): Promise<void> {
    const shared = { repo: this.#repo, indexes: this.#indexes, survey: this.#survey, counts: this.#counts }
    const context = { ...shared, present: this.#snapshotNames }
    passOverSuperseded(context)
    // What revoked writers have, and what a backup that died has left, was not walked.
    if (this.#snapshots.revoked.length + this.#snapshots.cutOff.length === 0) await passOverGone(context)
  }
}
