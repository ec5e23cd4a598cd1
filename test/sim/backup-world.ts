// A simulated world (world.ts) in which backups run: a repository, and clients with trees of their own. It knows what each
// run was to save, so it can tell for every snapshot whether it holds just that.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from '../../src/base/assert.ts'
import { BackupError, codeOf } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/random.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import type { BackupResult } from '../../src/ops/backup/backup.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import type { LocalIndex } from '../../src/repo/index/local-index.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import type { Repository } from '../../src/repo/repository.ts'
import type { SnapshotInfo } from '../../src/repo/history/snapshot-catalog.ts'
import { isCrash } from '../../src/store/faulty-store.ts'
import type { FaultyStore } from '../../src/store/faulty-store.ts'
import { chance } from '../../src/store/faults.ts'
import type { Faults } from '../../src/store/faults.ts'
import { RetryingStore } from '../../src/store/retrying-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { rotate } from '../support/key-changes.ts'
import { copyOfState, simState } from './local-state.ts'
import { MemorySource } from './memory-source.ts'
import type { SourceTroubles } from './memory-source.ts'
import { SUCCESS } from './ordering-oracle.ts'
import { checkSnapshot } from './snapshot-check.ts'
import { simExecutor } from './sim-executor.ts'
import { changeTree, plantTree, SMALL_TREE, someTraits } from './source-changes.ts'
import type { TreeTraits } from './source-changes.ts'
import { SourceTree } from './source-tree.ts'
import type { Inode, TreeImage, TreeNode } from './source-tree.ts'
import { SimWorld } from './world.ts'
import { checkWriterOrder, SegmentKeeper } from './writer-order.ts'

/** Small chunks and packs, so that little data makes many of both. */
const CHUNKER = { min: 4096, average: 8192, max: 32 * 1024 }
const PACK_SIZE = 64 * 1024
/** A tree node fits a pack: those of crowded directories are large. */
const PACK_SIZE_CROWDED = 512 * 1024

/** A file is made of what is hardly anything. */
const TINY_INDEX = { tableBlobsMax: 16, runEntries: 64 }

/** A machine that backs up. */
export interface Client {
  readonly name: string
  tree: SourceTree
  /** What it keeps on its own disk. */
  state: LocalState
}

/** One backup and everything that is known of it. */
export interface Run {
  readonly number: number
  /** Its name in the log. */
  readonly actor: string
  readonly path: string
  /** The source when the run began. */
  readonly image: TreeImage
  readonly troubles: SourceTroubles
  /** States of what was changed while it ran, the last one too. */
  states: ReadonlyMap<TreeNode, readonly Inode[]>
  outcome: Outcome
}

export type Outcome =
  | { readonly kind: 'running' }
  | { readonly kind: 'success'; readonly result: BackupResult }
  | { readonly kind: 'failed'; readonly error: BackupError }
  | { readonly kind: 'crashed' }

export interface RunOptions {
  readonly faults?: Faults
  /** Operation of the store in which the process dies, counted from 0. */
  readonly crashAfter?: number
  /** The process dies after so much virtual time, also between an effect and its acknowledgement. */
  readonly killAfterMs?: number
  /** Tries again what failed, as the product does with stores that are far away. */
  readonly retries?: boolean
  readonly workers?: number
  /** Stands between the backup and its store: a mistake that a test must notice, or somebody who acts at a certain moment. */
  readonly wrap?: (store: Store, process: FaultyStore) => Store
  readonly disturb?: number
  readonly vanish?: number
  readonly unreadable?: number
  readonly badMemory?: number
  readonly signal?: AbortSignal
}

export class BackupWorld extends SimWorld {
  readonly runs: Run[] = []
  readonly clients: Client[] = []
  /** Ids of snapshots that somebody has removed on purpose. */
  readonly forgotten = new Set<string>()
  /** Where each client keeps a local index of whatever is more than a few blobs; none unless it is set. */
  indexFolder: string | undefined
  readonly #localIndexes: LocalIndex[] = []
  readonly #credential: { readonly kind: 'key-file'; readonly secret: Uint8Array }
  readonly #segments = new Map<string, Uint8Array>()

  private constructor(seed: number, secret?: Uint8Array) {
    super(seed)
    this.#credential = { kind: 'key-file', secret: secret ?? this.secureRandom(32) }
  }

  /** A new repository in a sound store, and clients with trees of all kinds. */
  static async withClients(seed: number, ...names: readonly string[]): Promise<BackupWorld> {
    const rng = seededRng(seed)
    const clients = names.map((name) => ({ name, traits: someTraits(rng) }))
    const world = await BackupWorld.create(seed, { crowded: clients.some(({ traits }) => traits.crowd > 0) })
    for (const { name, traits } of clients) world.addClient(name, traits)
    // Machines that look alike: what one has stored the other finds.
    if (chance(rng, 0.5)) world.cloneTrees()
    return world
  }

  /** A new repository in a sound store; `crowded` if a client has a directory of many names. */
  static async create(seed: number, { crowded = false }: { readonly crowded?: boolean } = {}): Promise<BackupWorld> {
    await initHashing()
    const world = new BackupWorld(seed)
    const { clock, secureRandom: random } = world
    const packSize = crowded ? PACK_SIZE_CROWDED : PACK_SIZE
    await createRepository(world.objects, { credential: world.#credential, clock, random, chunker: CHUNKER, packSize })
    return world
  }

  /** With one client that has a small tree; with even seeds it has a snapshot, which its next backup is compared with. */
  static async withSmallTree(seed: number): Promise<BackupWorld> {
    const world = await BackupWorld.create(seed)
    const client = world.addClient('ant', SMALL_TREE)
    if (seed % 2 === 1) return world
    await world.backupWell(client)
    changeTree(client.tree, world.rng)
    return world
  }

  /** The same world at this moment, to go on in another way: its chances come from another seed. Its log is empty. */
  async fork(salt: number): Promise<BackupWorld> {
    const world = new BackupWorld(this.seed * 10_007 + salt, this.#credential.secret)
    world.clock.jump(this.clock.now() - world.clock.now())
    for await (const { name } of listAll(this.objects, ''))
      await world.objects.put(name, [await this.objects.get(name)])
    world.runs.push(...this.runs)
    for (const id of this.forgotten) world.forgotten.add(id)
    for (const { name, tree, state } of this.clients) {
      world.clients.push({ name, tree: tree.fork(world.clock), state: copyOfState(state) })
    }
    return world
  }

  addClient(name: string, traits: TreeTraits): Client {
    const client = { name, tree: new SourceTree(this.clock), state: simState() }
    plantTree(client.tree, this.rng, traits)
    this.clients.push(client)
    return client
  }

  /** Gives every client a tree that begins as the first one's. */
  cloneTrees(): void {
    for (const client of this.clients.slice(1)) client.tree = this.clients[0]!.tree.fork(this.clock)
  }

  /** Runs a backup to its end, whatever that is; throws when it is one that no backup may have. */
  async backup(client: Client, opts: RunOptions = {}): Promise<Run> {
    const run = this.newRun(client)
    await this.finish(this.start(client, run, opts))
    return run
  }

  /** For backups that must succeed: nothing is wrong with the store any more. */
  async backupWell(client: Client, opts: RunOptions = {}): Promise<Run & { readonly result: BackupResult }> {
    const run = await this.backup(client, opts)
    if (run.outcome.kind === 'failed') throw run.outcome.error
    if (run.outcome.kind !== 'success') throw new Error(`${run.actor} ended as ${run.outcome.kind}`)
    return Object.assign(run, { result: run.outcome.result })
  }

  /** Backups at the same time. */
  async backupAll(starts: readonly { readonly client: Client; readonly opts?: RunOptions }[]): Promise<Run[]> {
    const runs = starts.map(({ client }) => this.newRun(client))
    await this.finish(Promise.all(starts.map(({ client, opts }, i) => this.start(client, runs[i]!, opts ?? {}))))
    return runs
  }

  /** Begins a run; `finish` sees it through. */
  async start(client: Client, run: Run, opts: RunOptions): Promise<void> {
    const { store, recorded } = this.process(run.actor, opts.faults)
    if (opts.crashAfter !== undefined) store.crashAfter(opts.crashAfter)
    if (opts.killAfterMs !== undefined) void this.sleep(opts.killAfterMs).then(() => store.crash())
    try {
      const result = await this.#runBackup(client, run, { recorded, process: store }, opts)
      assert(!store.crashed, `${run.actor} reports success after its process died`)
      this.log.mark(run.actor, SUCCESS)
      run.outcome = { kind: 'success', result }
    } catch (error) {
      run.outcome = outcomeOf(error, store, run)
    }
    run.states = client.tree.changedStates()
    // The process is gone: what it had under way is decided now. Where others go on the power has stayed, so what they may
    // have seen of it stays too.
    await store.settle(this.runs.some(({ outcome }) => outcome.kind === 'running') ? 'stays' : 'fails')
  }

  /** Waits for `work`; throws if it waits for something that nobody will do. */
  async finish<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const note = () => {
      settled = true
    }
    work.then(note, note)
    for (let idle = 0; !settled; idle = this.clock.sleepers > 0 ? 0 : idle + 1) {
      assert(idle < IDLE_ROUNDS_MAX, 'the backup waits for something that never happens')
      await new Promise((resolve) => setImmediate(resolve))
    }
    return work
  }

  /** Opens the repository as a new process does that sees what is really there. */
  async openForReading(store: Store = this.objects, client = 'reader'): Promise<Repository> {
    const repo = await openRepository(store, this.#credential)
    if (this.indexFolder === undefined) return repo
    const folder = join(this.indexFolder, client)
    const prepare = () => mkdirSync(folder, { recursive: true })
    repo.keepIndexIn({ places: [{ folder, prepare, kept: true }], ...TINY_INDEX })
    this.#localIndexes.push(repo.localIndex!)
    return repo
  }

  /** Closes what is open on the real disk. */
  close(): void {
    for (const local of this.#localIndexes.splice(0)) local.close()
  }

  /**
   * Every snapshot that is listed can be restored and holds what its run was to save, and every run that reported success
   * has one. With `pruned`, only those that are confirmed: others may have lost what they refer to.
   */
  async verify({ pruned = false }: { readonly pruned?: boolean } = {}): Promise<void> {
    const repo = await this.openForReading()
    await repo.loadIndex()
    await this.verifyWith(repo, { pruned })
  }

  /** As `verify`, by an index of the caller's choice. */
  async verifyWith(repo: Repository, { pruned = false }: { readonly pruned?: boolean } = {}): Promise<void> {
    const listed = await repo.snapshots()
    for (const snapshot of listed) {
      const run = this.runOf(snapshot)
      if (pruned && !snapshot.confirmed) continue
      await checkSnapshot(repo, snapshot, run)
    }
    for (const { actor, outcome } of this.runs) {
      if (outcome.kind !== 'success' || this.forgotten.has(outcome.result.snapshot.id)) continue
      const own = listed.find(({ id }) => id === outcome.result.snapshot.id)
      assert(own?.confirmed === true, `${actor} reported success and has a snapshot that is confirmed`)
    }
  }

  /** Removes snapshots that cannot be read, as an operator does; none of them may be one that was reported as saved. */
  async removeDamagedSnapshots(): Promise<void> {
    const { catalog } = await this.openForReading()
    for (const listed of await catalog.list()) {
      try {
        await catalog.open(listed)
      } catch (error) {
        if (codeOf(error) !== 'corrupt') throw error
        const run = this.runs.find(
          ({ outcome }) => outcome.kind === 'success' && outcome.result.snapshot.id === listed.id,
        )
        assert(run === undefined, `${run?.actor} reported success, and its snapshot is damaged: ${error}`)
        await this.objects.delete(listed.objectName)
      }
    }
  }

  /** An administrator makes new keys; gives the repository as somebody has opened it before who gets none of them. */
  async makeNewKeys(): Promise<Repository> {
    const former = await this.openForReading()
    const { objects: store, clock, secureRandom: random } = this
    await this.finish(rotate({ store, credential: this.#credential, clock, random }))
    return former
  }

  /** Takes every snapshot out of the history, as an operator may. */
  async forgetAll(): Promise<void> {
    const { catalog } = await this.openForReading()
    for (const { id, objectName } of await catalog.list()) {
      this.forgotten.add(id)
      await this.objects.delete(objectName)
    }
  }

  runOf(snapshot: SnapshotInfo): Run {
    const run = this.runs.find(({ number }) => snapshot.body.description === `run ${number}`)
    assert(run !== undefined, `${snapshot.objectName} is a snapshot of some run`)
    return run
  }

  /** Every run kept the rules on order. */
  async checkOrder(): Promise<void> {
    await checkWriterOrder({ log: this.log, segments: this.#segments, repo: await this.openForReading() })
  }

  async #runBackup(
    client: Client,
    run: Run,
    { recorded, process }: { readonly recorded: Store; readonly process: FaultyStore },
    opts: RunOptions,
  ): Promise<BackupResult> {
    const { rng, clock, secureRandom, sleep } = this
    const kept = new SegmentKeeper(recorded, this.#segments)
    let store = opts.wrap?.(kept, process) ?? kept
    if (opts.retries === true) store = new RetryingStore(store, { clock, sleep, rng })
    const repo = await this.openForReading(store, client.name)
    const source = new MemorySource({
      tree: client.tree,
      path: run.path,
      rng,
      pause: () => sleep(rng() * 5),
      ...(opts.disturb !== undefined && { disturb: opts.disturb }),
      ...(opts.vanish !== undefined && { vanish: opts.vanish }),
      ...(opts.unreadable !== undefined && { unreadable: opts.unreadable }),
      ...(opts.badMemory !== undefined && { badMemory: opts.badMemory }),
      troubles: run.troubles,
    })
    return runBackup({
      repo,
      source,
      state: client.state,
      clock,
      random: secureRandom,
      host: client.name,
      user: 'somebody',
      tool: 'simulator',
      description: `run ${run.number}`,
      compression: { name: 'zstd', level: 1 },
      onEvent: ignoreEvents,
      makeExecutor: (setup) =>
        simExecutor(setup, source, { workers: opts.workers ?? 1, rng, sleep, delayMsMax: rng() < 0.5 ? 1 : 50 }),
      ...(opts.signal !== undefined && { signal: opts.signal }),
    })
  }

  newRun(client: Client): Run {
    client.tree.forgetHistory()
    const number = this.runs.length + 1
    const run: Run = {
      number,
      actor: `run ${number} of ${client.name}`,
      path: `/home/${client.name}`,
      image: client.tree.capture(),
      troubles: { vanished: new Set(), unreadable: new Set() },
      states: new Map(),
      outcome: { kind: 'running' },
    }
    this.runs.push(run)
    return run
  }
}

/** Rounds of the event loop in which nobody sleeps: more than any chain of promises takes. */
const IDLE_ROUNDS_MAX = 50

/** An object, what the objects asked for begin with, the repository itself, a blob or node of it, or the backup as such. */
const NAMED = /^(?:[a-z]+\/[0-9a-z/.-]*|simulation \d+:|(?:blob|tree node|content list) .*|backup)$/

function outcomeOf(error: unknown, store: FaultyStore, run: Run): Outcome {
  if (isCrash(error) || store.crashed) return { kind: 'crashed' }
  if (!(error instanceof BackupError)) throw error
  const isNamed = error.code === 'interrupted' || NAMED.test(error.subject)
  assert(isNamed, `${run.actor} fails and says at what: ${error.message}`)
  return { kind: 'failed', error }
}
