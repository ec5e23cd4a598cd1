// The real prune in a simulated world, by an administrator who forgets snapshots now and then.
import { fromHex } from '../../src/base/bytes.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { encodeDeletionPlan } from '../../src/format/deletion-plan.ts'
import { parseObjectName, planName } from '../../src/format/names.ts'
import type { PackKind } from '../../src/format/names.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import type { PruneOptions, PruneReport } from '../../src/ops/prune/prune.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import type { Repository } from '../../src/repo/repository.ts'
import { moveToTrash, purgeTrash } from '../../src/repo/history/trash.ts'
import { writerIdentity } from '../../src/repo/writers/writer-identity.ts'
import type { FaultyStore } from '../../src/store/faulty-store.ts'
import { chance } from '../../src/store/faults.ts'
import type { Faults } from '../../src/store/faults.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import type { BackupWorld } from './backup-world.ts'
import { simState } from './local-state.ts'
import { checkPruneOrder, SmallObjectKeeper } from './prune-order.ts'

export interface WorldPrunerOptions {
  /** Its name in the log; each is a machine of its own. */
  readonly name?: string
  readonly faults?: Partial<Faults>
  /** Stands between the prune and its store: a mistake that a test must notice, or somebody who acts at a certain moment. */
  readonly wrap?: (store: Store) => Store
  /** What it keeps on its own disk. */
  readonly state?: LocalState
}

export class WorldPruner {
  readonly name: string
  readonly store: FaultyStore
  readonly #world: BackupWorld
  readonly #repo: Repository
  readonly #state: LocalState
  readonly #kept: Store

  private constructor(
    world: BackupWorld,
    name: string,
    parts: { readonly store: FaultyStore; readonly repo: Repository; readonly state: LocalState; readonly kept: Store },
  ) {
    this.#world = world
    this.name = name
    this.store = parts.store
    this.#repo = parts.repo
    this.#state = parts.state
    this.#kept = parts.kept
  }

  static async open(world: BackupWorld, opts: WorldPrunerOptions = {}): Promise<WorldPruner> {
    const { name = 'pruner', wrap = (store: Store) => store, state = simState() } = opts
    const { store, recorded } = world.process(name, opts.faults)
    const kept = new MemoryStore()
    const repo = await world.openForReading(wrap(new SmallObjectKeeper(recorded, kept)))
    return new WorldPruner(world, name, { store, repo, state, kept })
  }

  /** Throws naming the rule that this prune broke. */
  async checkOrder(): Promise<void> {
    const kept = await this.#world.openForReading(this.#kept)
    await checkPruneOrder({ log: this.#world.log, machines: [(actor) => actor === this.name], kept })
  }

  /** Puts a plan that condemns packs, and does no more. */
  async condemn(packs: readonly string[]): Promise<void> {
    const { clock, secureRandom: random } = this.#world
    const hashesOf = (wanted: PackKind) =>
      packs.flatMap((name) => {
        const parsed = parseObjectName(name)
        return parsed?.kind === 'pack' && parsed.packKind === wanted ? [fromHex(parsed.hash)!] : []
      })
    const pid = random(16)
    const created = timespecFromMs(clock.now())
    const writer = await writerIdentity(this.#repo, { state: this.#state, clock, random, host: this.name })
    const bytes = encodeDeletionPlan(
      { pid, dataPacks: hashesOf('data'), metaPacks: hashesOf('meta'), created },
      { sealer: this.#repo.indexSealer, signer: writer.signer },
    )
    await this.#repo.store.put(planName(pid), [bytes])
  }

  /** Forgets each snapshot with a probability, and empties the trash at once. */
  async forget(probability: number): Promise<void> {
    const { rng, clock, secureRandom: random } = this.#world
    const chosen = (await this.#repo.catalog.list()).filter(() => chance(rng, probability))
    if (chosen.length === 0) return
    for (const { id } of chosen) this.#world.forgotten.add(id)
    const writer = await writerIdentity(this.#repo, { state: this.#state, clock, random, host: this.name })
    await moveToTrash(this.#repo, chosen, { writer, clock, random, by: this.name })
    await clock.sleep(10)
    await purgeTrash(this.#repo, { writer, clock, by: this.name, days: 0 })
  }

  run(opts: Partial<PruneOptions> = {}): Promise<PruneReport> {
    const { clock, secureRandom: random } = this.#world
    return prune(this.#repo, {
      state: this.#state,
      clock,
      random,
      host: this.name,
      by: this.name,
      tool: 'simulator',
      onEvent: ignoreEvents,
      threads: 0,
      sleep: (ms) => clock.sleep(ms),
      maxRemoved: 1,
      ...opts,
    })
  }
}
