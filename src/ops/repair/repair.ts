// Repairs a repository: makes good what is damaged, brings back what is missing, indexes again what no segment names, and says
// of the rest what it costs. It deletes nothing that it does not understand. Run on an OverlayStore it is its own rehearsal.
import { BackupError, codeOf } from '../../base/errors.ts'
import { seededRng } from '../../base/random.ts'
import { initHashing } from '../../crypto/hash.ts'
import { parseObjectName, PREFIXES, snapshotName } from '../../format/names.ts'
import type { ObjectName } from '../../format/names.ts'
import { readSnapshotHead } from '../../format/snapshot.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { listPacks } from '../../repo/index/missing-packs.ts'
import type { Repository } from '../../repo/repository.ts'
import { openWholePack, readDirectories } from '../../repo/packs/unindexed-packs.ts'
import type { WriteSession } from '../../repo/write-session.ts'
import { listAll } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { checkRepository } from '../check.ts'
import type { CheckResult, Damage } from '../check.ts'
import { ObjectVerifier } from '../check/object-verifier.ts'
import { ignoreEvents } from '../events.ts'
import type { EventSink } from '../events.ts'
import { ensureParity, HEAL_ORDER, ObjectHealing } from './heal-objects.ts'
import type { OnSound } from './heal-objects.ts'
import { mendIndex } from './mend-index.ts'
import type { MendContext } from './mend-index.ts'
import type { RepairOptions, RepairResult, RepairStep } from './options.ts'
import { recordLosses } from './record-losses.ts'
import { afresh, RepairSessions } from './repair-session.ts'
import { SessionWriters } from './session-writers.ts'

export type { RepairOptions, RepairResult, RepairStep } from './options.ts'

/** How often it is looked again what is missing: bringing back keys shows trees, and those what else is missing. */
const ROUNDS_MAX = 5

/**
 * What is lost for good is in the result. Throws `interrupted`, `unreachable`, `wrong-key` when the credential may not read
 * trees or store anything, `unsupported` when the store cannot replace objects. Every step is whole in itself: what was done
 * before stays, and running it again goes on.
 */
export async function repair(repo: Repository, opts: RepairOptions): Promise<RepairResult> {
  await initHashing()
  return new Repair(repo, opts).run()
}

class Repair {
  #repo: Repository
  readonly #opts: RepairOptions
  readonly #onEvent: EventSink
  readonly #steps: RepairStep[] = []
  readonly #reasons = new Map<string, readonly string[]>()
  readonly #passing = new Set<string>()
  readonly #healing: ObjectHealing
  readonly #verifier: ObjectVerifier
  readonly #sessions = new SessionWriters()
  readonly #writing: RepairSessions

  constructor(repo: Repository, opts: RepairOptions) {
    this.#repo = repo
    this.#opts = opts
    this.#writing = new RepairSessions(opts)
    this.#onEvent = opts.onEvent ?? ignoreEvents
    const facts = { repoId: repo.id, rootPublic: repo.bundle.rootPublic }
    this.#verifier = new ObjectVerifier(facts, repo.inDomains)
    this.#healing = new ObjectHealing({
      store: repo.store,
      mirror: opts.mirror,
      verify: (name, parsed, bytes) => this.#verify(name, parsed, bytes),
      vouch: (name, parsed, bytes) => this.#sessions.checkKeys(name, parsed, bytes),
      steps: this.#steps,
      reasons: this.#reasons,
      passing: this.#passing,
      onEvent: this.#onEvent,
      checkStopped: () => this.#checkStopped(),
    })
  }

  async run(): Promise<RepairResult> {
    const sound: OnSound = (name, bytes) => this.#sound(name, bytes)
    for (const prefix of HEAL_ORDER) await this.#healing.under(prefix, sound)
    if (this.#opts.readData !== false) {
      for (const prefix of [PREFIXES.meta, PREFIXES.data]) await this.#healing.under(prefix, sound)
    }
    let found = await this.#bringBackAll()
    if (await mendIndex(this.#mending, found)) found = await this.#check()
    // Of a pack of another domain nobody here can tell whether it is missed.
    if (found.damageCount === 0 && !this.#verifier.hasForeignDomains) await this.#tidyParity()
    const { damages, damageCount, unreadable } = found
    await this.#record(found)
    return {
      steps: this.#steps,
      lost: damages,
      lostCount: damageCount,
      reasons: this.#reasons,
      unreadable,
      passing: new Set(damages.map(({ object }) => object)).intersection(this.#passing),
    }
  }

  #verify(name: string, parsed: ObjectName, bytes: Uint8Array): void {
    this.#sessions.note(name, parsed, bytes, this.#verifier.verify(name, parsed, bytes))
  }

  async #sound(name: string, bytes: Uint8Array): Promise<void> {
    const { store, description } = this.#repo
    if (description.parity === undefined || store.replace === undefined) return
    const context = { store, steps: this.#steps }
    await ensureParity(context, { shares: description.parity, suite: description.suite }, name, bytes)
  }

  /** Looks for what is missing, and brings it back, until nothing more comes of it. */
  async #bringBackAll(): Promise<CheckResult> {
    const tried = new Set<string>()
    for (let round = 1; ; round++) {
      const found = await this.#check()
      if (round === ROUNDS_MAX) return found
      const isOfLog = ({ object }: Damage) => parseObjectName(object)?.kind === 'log'
      // A record may say why something is missing: where one comes back it is looked again what is missed.
      let changed = await this.#tryAll(found.damages.filter(isOfLog), tried)
      if (changed) continue
      changed = await this.#tryAll(found.damages, tried)
      const blobs = found.damages.some(({ object }) => parseObjectName(object) === null)
      if (!changed && blobs) changed = await this.#bringBackUnnamed(tried)
      if (!changed) return found
    }
  }

  /** Whether anything is right now that was not. */
  async #tryAll(damages: readonly Damage[], tried: Set<string>): Promise<boolean> {
    let changed = false
    for (const damage of damages) {
      for (const name of await this.#suspects(damage)) {
        this.#checkStopped()
        if (tried.has(name)) continue
        tried.add(name)
        changed = (await this.#tryAgain(name)) || changed
      }
    }
    return changed
  }

  /**
   * Blobs are missing and no segment says in which pack they were: packs that have left parity behind, or that the mirror has,
   * and that hold something which is nowhere else. What they hold comes back in new packs: nobody knows whether a pack that no
   * segment names was lost, or pruned by somebody who is about to delete it once more.
   */
  async #bringBackUnnamed(tried: Set<string>): Promise<boolean> {
    const { store } = this.#repo
    const { mirror } = this.#opts
    const candidates = new Set<string>()
    for (const prefix of [PREFIXES.meta, PREFIXES.data]) {
      for await (const { name } of listAll(store, PREFIXES.parity + prefix)) {
        candidates.add(name.slice(PREFIXES.parity.length))
      }
    }
    for (const [name, size] of mirror === undefined ? [] : await listPacks(mirror)) {
      if (await this.#hasMore(mirror!, name, size)) candidates.add(name)
    }
    const missing: string[] = []
    for (const name of candidates) {
      if (parseObjectName(name)?.kind !== 'pack' || tried.has(name) || (await store.stat(name)) !== null) continue
      tried.add(name)
      missing.push(name)
    }
    if (missing.length === 0) return false
    const before = this.#steps.length
    for (const { domain } of this.#repo.inDomains) {
      await this.#writing.run(this.#repo, domain, [], async (session, repo) => {
        for (const name of missing) await this.#copyFrom(repo, session, name)
        await session.finishCopies()
      })
    }
    return this.#steps.length > before
  }

  async #copyFrom({ indexSealer }: Repository, session: WriteSession, name: string): Promise<void> {
    this.#checkStopped()
    const found = await this.#healing.find(name, parseObjectName(name)!)
    this.#reasons.delete(name) // nobody has said that it must be there
    const whole = found && openWholePack(found.bytes, indexSealer, name)
    if (whole === undefined || !(await session.copyFrom(whole))) return
    this.#steps.push({ kind: 'brought-back', object: name, from: found!.from })
  }

  /** Whether a pack of a mirror holds a blob that the index here does not name. */
  async #hasMore(mirror: Store, name: string, size: number): Promise<boolean> {
    for (const { indexSealer, index } of this.#repo.inDomains) {
      if (index.hasPack(name)) return false
      for await (const { blocks } of readDirectories(mirror, indexSealer, [[name, size]])) {
        for (const { locs } of blocks) {
          for (let at = 0; at < locs.length; at += LOCATOR_SIZE) {
            if (index.locate(locs.subarray(at, at + LOCATOR_SIZE)) === undefined) return true
          }
        }
      }
    }
    return false
  }

  /** Names of the objects whose damage or absence a finding may be about. */
  async #suspects({ object, code }: Damage): Promise<string[]> {
    const parsed = parseObjectName(object)
    if (parsed === null) return []
    if (parsed.kind !== 'snapshot' || code !== 'not-found' || parsed.seq === 1) return [object]
    // A hole in a chain is told at the snapshot behind it, which has the hash of what is missing.
    try {
      const { wid, previous } = readSnapshotHead(await this.#repo.store.get(object), object, this.#repo.id)
      return [snapshotName(wid, parsed.seq - 1, previous)]
    } catch (cause) {
      if (codeOf(cause) === 'not-found') return [object]
      if (cause instanceof BackupError && cause.code === 'corrupt') return [object]
      throw cause
    }
  }

  /** Whether an object is right now that was not. */
  async #tryAgain(name: string): Promise<boolean> {
    const parsed = parseObjectName(name)!
    if ((await this.#repo.store.stat(name)) === null) return this.#bringBack(name, parsed)
    const before = this.#steps.length
    const bytes = await this.#healing.object(name, parsed)
    if (bytes !== undefined) await this.#sound(name, bytes)
    return this.#steps.length > before
  }

  /**
   * What a plan condemns goes, whoever finds that it is missing, and never comes back. The plans are looked at again when it is
   * there: nobody begins to rely on it as long as one of them names it.
   */
  async #bringBack(name: string, parsed: ObjectName): Promise<boolean> {
    if (!MISSED.has(parsed.kind)) return false
    const isCondemned = async () => {
      for (const repo of this.#repo.inDomains) {
        const condemned = await repo.condemned()
        if (parsed.kind === 'session-keys' ? condemned.hasSession(parsed.sid) : condemned.has(name)) return true
      }
      return false
    }
    const steps = this.#steps.length
    if (!(await isCondemned()) && (await this.#healing.bringBack(name, parsed)) && !(await isCondemned())) return true
    if (this.#reasons.has(name)) return false
    this.#steps.splice(steps)
    this.#reasons.set(name, ['it is not there', 'somebody is deleting it, because no snapshot needed it any more'])
    return false
  }

  /** A check of the structure, and of the packs of which it is known that they are damaged. */
  async #check(): Promise<CheckResult> {
    const bad = new Set([...this.#reasons.keys()].filter((name) => parseObjectName(name)?.kind === 'pack'))
    this.#repo = afresh(this.#repo)
    const { clock, signal } = this.#opts
    return checkRepository({
      repo: this.#repo,
      depth: bad.size === 0 ? 'structure' : 'sample',
      ...(bad.size > 0 && { only: bad }),
      clock,
      rng: seededRng(1),
      threads: 0,
      onEvent: (event) => event.type === 'progress' && this.#onEvent(event),
      ...(signal !== undefined && { signal }),
    })
  }

  get #mending(): MendContext {
    return {
      repo: this.#repo,
      sessions: this.#writing,
      steps: this.#steps,
      verify: (name, parsed, bytes) => this.#verify(name, parsed, bytes),
      checkStopped: () => this.#checkStopped(),
    }
  }

  /** Parity of packs that are gone, and that nobody misses, is of no use. */
  async #tidyParity(): Promise<void> {
    const { store } = this.#repo
    const orphans: string[] = []
    for await (const { name } of listAll(store, PREFIXES.parity)) {
      this.#checkStopped()
      const parsed = parseObjectName(name)
      if (parsed?.kind !== 'parity') continue
      const of = parseObjectName(parsed.of)
      if (of?.kind !== 'pack') continue
      if (this.#repo.inDomains.some((each) => each.index.hasPack(parsed.of))) continue
      if ((await store.stat(parsed.of)) === null) orphans.push(name)
    }
    for (const name of orphans) {
      await store.delete(name)
      this.#steps.push({ kind: 'parity-removed', object: name })
    }
  }

  async #record({ damages, damageCount, unreadable, stoppedBy }: CheckResult): Promise<void> {
    const { clock, by, readData } = this.#opts
    const isAll = damages.length === damageCount && unreadable.length === 0 && stoppedBy === undefined
    const healed = this.#steps.filter(({ kind }) => kind === 'healed' || kind === 'brought-back').length
    const lost = damages.filter(({ object }) => !this.#passing.has(object))
    const found = { damages: lost, healed, whole: readData !== false && isAll }
    const writer = () => this.#writing.writer(this.#repo)
    const names = await recordLosses(afresh(this.#repo), found, { writer, clock, by })
    for (const object of names) this.#steps.push({ kind: 'recorded', object })
  }

  #checkStopped(): void {
    if (this.#opts.signal?.aborted !== true) return
    throw new BackupError('interrupted', 'the repair was stopped', this.#repo.store.location)
  }
}

/** What something else says must be there. The rest has gone because somebody has taken it away since it was found damaged. */
const MISSED: ReadonlySet<string> = new Set(['pack', 'session-keys', 'snapshot', 'log', 'writer'])
