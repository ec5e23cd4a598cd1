// One run that adds to a repository: steps 1 to 7 of the writer (docs/format.md, 10). It never deletes and never
// overwrites, and reports success only if no pruner has declared it dead in the meantime.
import { assert } from '../base/assert.ts'
import { compareBytes, equalBytes, fromHex, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { BackupError, codeOf, doing } from '../base/errors.ts'
import type { SecureRandom } from '../base/random.ts'
import { hash } from '../crypto/hash.ts'
import {
  encodeIndexSegment,
  SEGMENT_BLOBS_MAX,
  SEGMENT_DISTRUSTED_MAX,
  SEGMENT_PACKS_MAX,
} from '../format/index-segment.ts'
import type { IndexSegment } from '../format/index-segment.ts'
import { countBlobs, LOCATOR_SIZE } from '../format/block-table.ts'
import { indexName, parseObjectName, sessionName, snapshotName } from '../format/names.ts'
import { encodeSnapshot } from '../format/snapshot.ts'
import type { SnapshotBody } from '../format/snapshot.ts'
import { keptPacks, segmentsOf } from './packs/adopted-packs.ts'
import { ClosedPacks } from './packs/closed-packs.ts'
import { DeclaredSession } from './declared-session.ts'
import type { SessionSecrets } from './declared-session.ts'
import { listPacks } from './index/missing-packs.ts'
import type { FinishedPack } from './packs/pack-assembler.ts'
import type { OwnPacks } from './packs/own-packs.ts'
import { PackAssembler } from './packs/pack-assembler.ts'
import { fullPackSize } from './packs/pack-layout.ts'
import { parityMakerOf } from './objects/parity-maker.ts'
import type { ParityMaker } from './objects/parity-maker.ts'
import type { LoadedIndex, PackRecord } from './index/loaded-index.ts'
import type { Repository } from './repository.ts'
import { checkNotRevoked } from './writers/revocations.ts'
import { settle } from './objects/settle.ts'
import { storePack } from './packs/store-pack.ts'
import { readDirectories } from './packs/unindexed-packs.ts'
import type { UnindexedPack, WholePack } from './packs/unindexed-packs.ts'
import { UsablePacks } from './index/usable-packs.ts'
import type { PackTrust } from './index/pack-trust.ts'
import type { WriterIdentity } from './writers/writer-identity.ts'

export interface SessionOptions {
  readonly secrets: SessionSecrets
  readonly writer: WriterIdentity
  readonly clock: Clock
  readonly random: SecureRandom
  readonly host: string
  readonly tool: string
  /** On whose packs it relies; everybody's unless given. */
  readonly trust?: PackTrust
  /** Names of packs that somebody found damaged: nothing relies on them from now on. */
  readonly distrust?: Iterable<string>
  /** What this machine remembers of its own packs, for `own+attested`. */
  readonly ownPacks?: OwnPacks
}

export interface CommittedSnapshot {
  /** Hash of the object, hex. */
  readonly id: string
  readonly objectName: string
  /** Its writer, hex. */
  readonly wid: string
  readonly seq: number
  readonly size: number
}

/** What a session found when it began, and what it relies on of that. */
interface FoundPacks {
  readonly index: LoadedIndex
  readonly closedPacks: ClosedPacks
  readonly usable: UsablePacks
}

interface Parts extends FoundPacks {
  readonly declared: DeclaredSession
  readonly parity: ParityMaker
}

export class WriteSession {
  readonly #repo: Repository
  readonly #opts: SessionOptions
  /** What may be referenced without being uploaded: the index less what is condemned, missing or closed (rule W8). */
  readonly index: LoadedIndex
  readonly data: PackAssembler
  readonly meta: PackAssembler
  readonly #found: FoundPacks
  #unindexed: FinishedPack[] = []
  #unindexedBlobs = 0
  /** Packs with blocks of other sessions, which wait for the end of the run. */
  readonly #ofOthers: FinishedPack[] = []
  /** Hashes of packs that the next segment says are not relied on. */
  #distrusted: Uint8Array[] = []
  readonly #indexPuts: Promise<void>[] = []
  readonly #parity: ParityMaker
  readonly #declared: DeclaredSession
  #indexedAt: number
  storedBytes = 0

  private constructor(repo: Repository, opts: SessionOptions, parts: Parts) {
    this.#repo = repo
    this.#declared = parts.declared
    this.#parity = parts.parity
    this.#opts = opts
    this.index = parts.index
    this.#found = parts
    this.#indexedAt = opts.clock.monotonic()
    const shared = {
      sealer: repo.indexSealer,
      suite: repo.suite,
      sid: opts.secrets.sid,
      random: opts.random,
      stage: repo.store.stage?.bind(repo.store),
    }
    this.data = new PackAssembler({ ...shared, kind: 'data', packSize: fullPackSize(repo, 'data') })
    this.meta = new PackAssembler({ ...shared, kind: 'meta', packSize: fullPackSize(repo, 'meta') })
  }

  /** Declares the run, then reads the plans, then the index, in this order (W1); publishes its keys (W2). */
  static async begin(repo: Repository, opts: SessionOptions): Promise<WriteSession> {
    const { secrets, writer, clock, host, tool, trust = 'all', distrust = [], ownPacks } = opts
    await checkNotRevoked(repo, writer.wid)
    const parity = parityMakerOf(repo)
    const declared = await DeclaredSession.declare(repo, { secrets, writer, clock, host, tool, parity })
    const closedPacks = new ClosedPacks(repo)
    const usable = await UsablePacks.of(repo, { wid: writer.wid, trust, ownPacks })
    const index = await repo.readIndexToWrite(closedPacks, usable, distrust)
    await declared.published
    const session = new WriteSession(repo, opts, { index, closedPacks, usable, declared, parity })
    for (const objectName of distrust) session.distrust({ objectName })
    return session
  }

  /** Puts a pack; once it is acknowledged its blobs may be referenced (W3) and it is noted for the index (W4). */
  async putPack(pack: FinishedPack): Promise<void> {
    await doing('storing a pack', pack.objectName, () => storePack(this.#repo.store, pack))
    this.storedBytes += pack.size
    this.#parity.ofPack(pack.objectName, pack.size)
    this.index.addPack(pack, pack.sessions)
    if (!pack.sessions.every((sid) => equalBytes(sid, this.#opts.secrets.sid))) {
      this.#ofOthers.push({ ...pack, parts: [], staged: undefined })
      return
    }
    this.#found.usable.noteOwn(pack, [this.#opts.secrets.sid])
    const blobs = countBlobs(pack.blocks)
    if (this.#unindexed.length > 0 && this.#unindexedBlobs + blobs > SEGMENT_BLOBS_MAX) this.#putIndex()
    // The index needs the tables, not the bytes.
    this.#unindexed.push({ ...pack, parts: [], staged: undefined })
    this.#unindexedBlobs += blobs
    const due = this.#opts.clock.monotonic() - this.#indexedAt > INDEX_INTERVAL_MS
    if (due || this.#unindexed.length >= SEGMENT_PACKS_MAX) this.#putIndex()
  }

  /** Something in a pack is not what the index says: from the next segment on everybody takes other copies first. */
  distrust({ objectName }: Pick<PackRecord, 'objectName'>): void {
    const parsed = parseObjectName(objectName)
    assert(parsed?.kind === 'pack', 'packs are distrusted')
    if (this.index.distrusted.has(objectName)) return
    this.index.distrusted.add(objectName)
    this.#distrusted.push(fromHex(parsed.hash)!)
    if (this.#distrusted.length === SEGMENT_DISTRUSTED_MAX) this.#putIndex()
  }

  /**
   * Indexes again the packs that no segment names, for when the index has lost some; gives their number. `check` is called
   * before each and may throw.
   */
  async adoptUnindexed(check: () => void): Promise<number> {
    const { closedPacks, usable } = this.#found
    const adopted: UnindexedPack[] = []
    for await (const pack of keptPacks(this.#repo, this.#unnamed(check))) {
      if ((await closedPacks.among([pack])).size > 0 || !usable.takesUnindexed(pack, closedPacks)) continue
      this.index.addPack(pack, pack.sessions)
      adopted.push(pack)
    }
    for (const segment of segmentsOf(adopted)) this.#putSegment(segment)
    return adopted.length
  }

  /**
   * Copies those blocks of a pack into new ones that hold something which the index lacks: for a pack that is not in the store,
   * and whose name may be one that somebody is about to delete. They are put by `finishCopies`. False when nothing is copied.
   */
  async copyFrom({ pack, bytes }: WholePack): Promise<boolean> {
    const { closedPacks, usable } = this.#found
    if (this.index.excluded.has(pack.objectName)) return false
    if ((await closedPacks.among([pack])).size > 0 || !usable.takesUnindexed(pack, closedPacks)) return false
    const lacking = pack.blocks.filter(({ locs }) => this.#lacksSome(locs))
    for (const { offset, storedLength, plainLength, codec, session, locs, lengths } of lacking) {
      const sealed = bytes.slice(offset, offset + storedLength)
      const block = { sealed, plainLength, codec, locs, lengths, sid: pack.sessions[session]! }
      for (const full of this[pack.kind].add(block)) await this.putPack(full)
    }
    await this.beat()
    return lacking.length > 0
  }

  async finishCopies(): Promise<void> {
    for (const pack of [...this.data.finish(), ...this.meta.finish()]) await this.putPack(pack)
  }

  #lacksSome(locs: Uint8Array): boolean {
    for (let at = 0; at < locs.length; at += LOCATOR_SIZE) {
      if (this.index.locate(locs.subarray(at, at + LOCATOR_SIZE)) === undefined) return true
    }
    return false
  }

  /** Packs of other domains are not among them: the ends of packs tell whose they are. */
  async *#unnamed(check: () => void): AsyncGenerator<string> {
    const { store, indexSealer } = this.#repo
    const unnamed = [...(await listPacks(store))].filter(
      ([name]) => !this.index.hasPack(name) && !this.index.excluded.has(name),
    )
    for await (const { objectName } of readDirectories(store, indexSealer, unnamed)) {
      check()
      await this.beat()
      yield objectName
    }
  }

  /** To be called often, whether anything is stored or not: shows that the run goes on. */
  async beat(): Promise<void> {
    await this.#declared.beat(() => Promise.all([this.data.keepAlive(), this.meta.keepAlive()]))
  }

  /** Puts what is left of the index and waits until all of it is acknowledged. */
  async finishIndex(): Promise<void> {
    if (this.#unindexed.length + this.#distrusted.length > 0) this.#putIndex()
    for (const segment of segmentsOf(this.#ofOthers.splice(0))) this.#putSegment(segment)
    await Promise.all(this.#indexPuts)
    await this.#opts.ownPacks?.save((name) => this.index.hasPack(name))
  }

  /**
   * Commits a snapshot (W5) and makes sure that nobody has fenced this session (W6). Throws `fenced` if somebody has:
   * then the snapshot may refer to packs that are being deleted, and the backup has to be repeated.
   */
  async commit(body: SnapshotBody): Promise<CommittedSnapshot> {
    await this.finishIndex()
    const { writer, secrets, clock } = this.#opts
    const committed = await writer.exclusively(async () => {
      const head = await this.#repo.headOf(writer.wid, clock)
      const seq = (head?.seq ?? 0) + 1
      const bytes = encodeSnapshot(
        { repoId: this.#repo.id, seq, previous: head?.hash ?? NO_SNAPSHOT, sid: secrets.sid },
        body,
        { sealer: this.#repo.sealerOf(secrets.meta), reports: this.#repo.reportSealer, signer: writer.signer },
      )
      const id = toHex(hash(bytes))
      const objectName = snapshotName(writer.wid, seq, id)
      this.#parity.ofBytes(objectName, bytes)
      await doing('storing the snapshot', objectName, () => this.#repo.store.put(objectName, [bytes]))
      // Whoever has not found it then has fenced the session before it is looked for; and the next snapshot follows this one.
      await settle(this.#repo.store, clock)
      return { id, objectName, wid: toHex(writer.wid), seq, size: bytes.byteLength }
    })
    this.storedBytes += committed.size
    const intent = sessionName(secrets.sid)
    const isThere = await doing('confirming the backup', intent, () => this.#declared.isThere())
    if (!isThere) throw this.#fenced()
    return committed
  }

  /** Waits for the parity of everything that was stored; gives what kept some of it from being made. */
  async finishParity(): Promise<BackupError | undefined> {
    const problem = await this.#parity.finish()
    this.storedBytes += this.#parity.storedBytes
    this.#parity.storedBytes = 0
    return problem
  }

  /** For a run that ends early: what is under way is finished, the rest is left to a repair. */
  stopParity(): void {
    this.#parity.stop()
  }

  /** Says that the run is over, with a snapshot or without one (W7). Gives what kept it from saying so, if anything did. */
  end(): Promise<BackupError | undefined> {
    return this.#declared.end()
  }

  /**
   * A failure as it is to be told: whatever a session stumbled over that somebody has fenced, what it relied on may have
   * been deleted, and it has to be repeated.
   */
  async explain(error: unknown): Promise<unknown> {
    if (codeOf(error) !== 'not-found' && codeOf(error) !== 'corrupt') return error
    return (await this.#declared.isThere().catch(() => true)) ? error : this.#fenced(error)
  }

  #fenced(cause?: unknown): BackupError {
    const intent = sessionName(this.#opts.secrets.sid)
    return new BackupError('fenced', 'another machine took this backup for dead while it ran', intent, {
      cause,
      hint: 'run the backup again; what it has stored is used where it is still there',
    })
  }

  #putIndex(): void {
    const packs = this.#unindexed
    this.#unindexed = []
    this.#unindexedBlobs = 0
    this.#indexedAt = this.#opts.clock.monotonic()
    const distrusted = this.#distrusted.sort(compareBytes)
    this.#distrusted = []
    this.#putSegment({ sessions: [this.#opts.secrets.sid], packs, distrusted })
  }

  #putSegment(segment: IndexSegment): void {
    const keys = { sealer: this.#repo.indexSealer, signer: this.#opts.writer.signer }
    const bytes = encodeIndexSegment(segment, keys)
    const name = indexName(hash(bytes))
    this.storedBytes += bytes.byteLength
    const put = doing('storing the index', name, () => this.#repo.store.put(name, [bytes])).then(() => {})
    put.catch(() => {})
    this.#indexPuts.push(put)
  }
}

/** Packs wait for the index this long at most: what a run has stored until it is killed is found by the next. */
const INDEX_INTERVAL_MS = 60_000
/** Stands for the snapshot before the first. */
const NO_SNAPSHOT = new Uint8Array(32)
