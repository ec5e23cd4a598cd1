// Somebody who looks whether the repository of a history is whole, and repairs it, beside whatever the others do.
import { BackupError } from '../../../src/base/errors.ts'
import { PREFIXES, sessionKeysName } from '../../../src/format/names.ts'
import { checkRepository } from '../../../src/ops/check.ts'
import type { CheckOptions } from '../../../src/ops/check.ts'
import { repair } from '../../../src/ops/repair/repair.ts'
import type { Repository } from '../../../src/repo/repository.ts'
import { chance, pick, randomBelow } from '../../../src/store/faults.ts'
import { isCrash } from '../../../src/store/faulty-store.ts'
import type { FaultyStore } from '../../../src/store/faulty-store.ts'
import { OverlayStore } from '../../../src/store/overlay-store.ts'
import { ReadOnlyStore } from '../../../src/store/read-only-store.ts'
import { listAll } from '../../../src/store/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { simState } from '../local-state.ts'
import type { History } from './history.ts'

/** What somebody does in one go. */
const HABITS = [['check'], ['check'], ['check', 'repair'], ['repair'], ['repair', 'check']] as const

type Work = (typeof HABITS)[number][number]

/** How much of it is read. */
const DEPTHS: readonly Pick<CheckOptions, 'depth' | 'sample'>[] = [
  { depth: 'structure' },
  { depth: 'structure' },
  { depth: 'sample', sample: 0.3 },
  { depth: 'all' },
]

/** What a rehearsal keeps in memory. */
const REHEARSAL_MAX = 64 * 1024 * 1024

export class Inspector {
  readonly #history: History
  readonly name: string
  readonly #state = simState()

  constructor(history: History, name: string) {
    this.#history = history
    this.name = name
  }

  async work(): Promise<void> {
    const { rng } = this.#history.world
    for (let left = 1 + randomBelow(rng, 2); left > 0; left--) {
      await this.#history.pause()
      if (chance(rng, 0.3)) await this.#copyAll()
      for (const role of pick(rng, HABITS)) await this.#process(role)
    }
  }

  /** Does what has to be done for a step to come, where nothing else is in the way. */
  async comeTo(step: string): Promise<void> {
    const [role, what] = step.split(': ') as [Work, string]
    await this.#history.pause()
    if (role === 'check') return this.#process('check', { depth: 'all' })
    const [verb, noun] = what.split(' ') as [string, string]
    const kind = DAMAGED[noun] ?? 'index'
    if (verb === 'put' && noun === 'pack') await this.#losePack()
    else if (verb === 'put' && noun === 'keys') await this.#loseKeys()
    else await this.#history.rot([PREFIX_OF[kind]])
    // From another copy it is made good under its own name; without one all that is left of it is made new.
    await this.#process('repair', { fromMirror: verb === 'replace' || noun === 'pack' || noun === 'keys' })
  }

  async #process(role: Work, opts: { fromMirror?: boolean; depth?: CheckOptions['depth'] } = {}): Promise<void> {
    const history = this.#history
    const { store, faulty, done } = history.process(role, `${this.name}: ${role}`)
    try {
      if (role === 'check') await this.#check(store, faulty, opts.depth)
      else await this.#repair(store, opts.fromMirror)
      history.count(role, 'success')
    } catch (error) {
      if (isCrash(error)) history.count(role, 'crashed')
      else if (error instanceof BackupError) history.count(role, 'failed')
      else throw error
    }
    await done()
  }

  async #check(store: Store, faulty: FaultyStore, depth?: CheckOptions['depth']): Promise<void> {
    const { world } = this.#history
    const { rng, clock } = world
    const repo = await this.#open(store)
    const share = depth === undefined ? pick(rng, DEPTHS) : { depth }
    const { damages } = await checkRepository({ repo, ...share, rng, threads: 0, clock })
    if (faulty.faults.flipBit === 0 && faulty.faults.truncate === 0) this.#history.holdAgainst(damages, this.name)
  }

  async #repair(store: Store, fromMirror = chance(this.#history.world.rng, 0.5)): Promise<void> {
    const { world, mirror } = this.#history
    const { rng, clock, secureRandom: random } = world
    const rehearsal = fromMirror === undefined && chance(rng, 0.2)
    const own = rehearsal
      ? new OverlayStore(new ReadOnlyStore(store), { now: () => clock.now(), bytesMax: REHEARSAL_MAX })
      : store
    const repo = await this.#open(own)
    const who = { state: rehearsal ? simState() : this.#state, host: this.name, tool: 'simulator', by: this.name }
    const how = { clock: this.#history.someClock(), random, readData: chance(rng, 0.7) }
    await repair(repo, { ...(fromMirror && { mirror }), ...who, ...how })
  }

  #open(store: Store): Promise<Repository> {
    return this.#history.world.openForReading(store)
  }

  /** One that a snapshot needs: what only the trash needs nobody misses. */
  async #losePack(): Promise<void> {
    const repo = await this.#open(this.#history.world.objects)
    await repo.loadIndex()
    // Nothing is known of what a plan takes away of which a put has left a part.
    const condemned = await repo.condemned().catch((error: unknown) => {
      if (error instanceof BackupError) return undefined
      throw error
    })
    if (condemned === undefined) return
    for (const { body } of await snapshotsIn(repo)) {
      const pack = repo.locate('tree', body.root)?.block.pack.objectName
      if (pack !== undefined && !condemned.has(pack)) return this.#history.lose(pack)
    }
  }

  async #loseKeys(): Promise<void> {
    const { world } = this.#history
    const snapshots = await snapshotsIn(await this.#open(world.objects))
    if (snapshots.length > 0) await this.#history.lose(sessionKeysName(pick(world.rng, snapshots).sid))
  }

  /** Another copy of the repository is brought up to date: what is deleted here stays there. */
  async #copyAll(): Promise<void> {
    const { world, mirror } = this.#history
    for await (const { name } of listAll(world.objects, '')) {
      await mirror.put(name, [world.disk.torn.get(name) ?? (await world.objects.get(name))])
    }
  }
}

/** None where one of them is rotten. */
function snapshotsIn(repo: Repository) {
  return repo.snapshots().catch((error: unknown) => {
    if (error instanceof BackupError) return []
    throw error
  })
}

const DAMAGED: Readonly<Record<string, keyof typeof PREFIX_OF>> = {
  pack: 'pack',
  keys: 'keys',
  snapshot: 'snapshot',
  record: 'pack',
}

const PREFIX_OF = {
  pack: PREFIXES.data,
  index: PREFIXES.index,
  snapshot: PREFIXES.snapshots,
  keys: PREFIXES.sessionKeys,
} as const
