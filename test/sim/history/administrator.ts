// Somebody who looks after the repository of a history: forgets, brings back, purges, prunes, each time in a new process.
import { BackupError } from '../../../src/base/errors.ts'
import { ignoreEvents } from '../../../src/ops/events.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import type { PruneOptions, PruneReport } from '../../../src/ops/prune/prune.ts'
import type { Repository } from '../../../src/repo/repository.ts'
import { moveToTrash, purgeTrash, readTrash, recallFromTrash } from '../../../src/repo/history/trash.ts'
import type { TrashOptions } from '../../../src/repo/history/trash.ts'
import { writerIdentity } from '../../../src/repo/writers/writer-identity.ts'
import { chance, pick, randomBelow } from '../../../src/store/faults.ts'
import { isCrash } from '../../../src/store/faulty-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { simState } from '../local-state.ts'
import type { History } from './history.ts'
import type { Role } from './steps.ts'

/** What somebody does in one go. */
const HABITS = [
  ['forget', 'purge', 'prune'],
  ['forget', 'purge', 'prune', 'prune'],
  ['prune'],
  ['recall'],
  ['purge', 'prune'],
  ['forget'],
] as const

/** Between two looks of a prune that waits, in the product. */
const LOOKS_MS = 60_000

export class Administrator {
  readonly #history: History
  readonly name: string
  readonly #state = simState()

  constructor(history: History, name: string) {
    this.#history = history
    this.name = name
  }

  async work(): Promise<void> {
    const { rng } = this.#history.world
    for (let left = 2 + randomBelow(rng, 3); left > 0; left--) {
      await this.#history.pause()
      for (const role of pick(rng, HABITS)) await this.#process(role, (repo) => this[role](repo))
    }
  }

  /** Does what has to be done for a step to come. */
  async comeTo(step: string): Promise<void> {
    const last = step.split(':')[0] as Role
    if (last === 'backup' || last === 'check' || last === 'repair') return
    await this.#history.pause()
    const before = { forget: [], recall: ['forget'], purge: ['forget'], prune: ['forget', 'purge'] } as const
    for (const role of [...before[last], last]) await this.#process(role, (repo) => this[role](repo))
  }

  /** Opens the repository as a process without troubles does. */
  open(): Promise<Repository> {
    return this.#history.world.openForReading(this.#history.world.process(`${this.name}, at last`).recorded)
  }

  async forget(repo: Repository): Promise<void> {
    const { world, promises } = this.#history
    const share = pick(world.rng, [0.4, 0.8, 1])
    const chosen = (await repo.catalog.list()).filter(() => chance(world.rng, share))
    if (chosen.length === 0) return
    const ids = chosen.map(({ id }) => id)
    promises.beginToForget(ids)
    // Who sleeps in the middle of it goes on when he wakes.
    try {
      await moveToTrash(repo, chosen, await this.options(repo))
    } finally {
      promises.endToForget(ids)
    }
  }

  async recall(repo: Repository): Promise<void> {
    const { world, promises } = this.#history
    const { snapshots, recalled } = await readTrash(repo)
    const chosen = [...snapshots, ...recalled].filter(() => chance(world.rng, 0.6))
    for (const each of chosen) {
      promises.spoiled.add(each.id)
      const { begun } = promises
      await recallFromTrash(repo, [each], await this.options(repo))
      promises.broughtBack([each.id], begun)
    }
  }

  async purge(repo: Repository): Promise<void> {
    await purgeTrash(repo, { ...(await this.options(repo)), days: this.#history.trashDays })
  }

  async prune(repo: Repository, opts: Partial<PruneOptions> = {}): Promise<PruneReport> {
    const { pace, hasOlderKeys } = this.#history
    const { rng, clock, sleep } = this.#history.world
    const { writer: _, ...options } = await this.options(repo)
    return prune(repo, {
      ...options,
      state: this.#state,
      random: this.#history.world.secureRandom,
      host: this.name,
      tool: 'simulator',
      onEvent: ignoreEvents,
      threads: 0,
      sleep: (ms) => sleep((ms / LOOKS_MS) * (pace.silenceMs / 4)),
      maxRemoved: 1,
      maxUnused: pick(rng, [0, 0, 0, 0.05]),
      repackSmall: chance(rng, 0.5),
      reencrypt: hasOlderKeys && chance(rng, 0.7),
      wait: chance(rng, 0.3),
      silenceMs: pace.silenceMs,
      clock,
      ...opts,
    })
  }

  async #process(role: Role, work: (repo: Repository) => Promise<unknown>): Promise<void> {
    const history = this.#history
    const { store, done } = history.process(role, `${this.name}: ${role}`)
    try {
      await work(await this.#opened(store))
      history.count(role, 'success')
    } catch (error) {
      if (isCrash(error)) history.count(role, 'crashed')
      else if (error instanceof BackupError) history.count(role, 'failed')
      else throw error
    }
    await done()
  }

  #opened(store: Store): Promise<Repository> {
    return this.#history.world.openForReading(store)
  }

  async options(repo: Repository): Promise<TrashOptions> {
    const { secureRandom: random } = this.#history.world
    const clock = this.#history.someClock()
    const writer = await writerIdentity(repo, { state: this.#state, clock, random, host: this.name })
    return { writer, clock, random, by: this.name }
  }
}
