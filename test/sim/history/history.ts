// A random history on the real code: machines back up, administrators forget, bring back, purge and prune, all at once, over a
// store that fails, with processes that die and sleep at any step. Then the faults are over, and it must come to a good end.
import { rememberSignatures } from '../../support/remembered-signatures.ts'
import { assert } from '../../../src/base/assert.ts'
import type { Clock } from '../../../src/base/clock.ts'
import { seededRng } from '../../../src/base/random.ts'
import { chance, NO_FAULTS, pick, randomBelow, swarmFaults } from '../../../src/store/faults.ts'
import type { Faults } from '../../../src/store/faults.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { RetryingStore } from '../../../src/store/retrying-store.ts'
import { listAll } from '../../../src/store/store.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Damage } from '../../../src/ops/check.ts'
import { BackupWorld } from '../backup-world.ts'
import type { Client } from '../backup-world.ts'
import { checkMaintenanceOrder } from '../maintenance-order.ts'
import { checkPruneOrder, keptFrom, SmallPutKeeper } from '../prune-order.ts'
import { checkRepairOrder } from '../repair-order.ts'
import { changeTree } from '../source-changes.ts'
import { Administrator } from './administrator.ts'
import { comeToAGoodEnd } from './good-end.ts'
import { Inspector } from './inspector.ts'
import { Lateness } from './late.ts'
import { MortalStore, someIncidents } from './mortal-store.ts'
import type { Incident } from './mortal-store.ts'
import { Promises } from './promises.ts'
import { allSteps, isInspecting } from './steps.ts'
import type { Role } from './steps.ts'

rememberSignatures()

/** What a process does otherwise than it should, as a store around its store: a history that does not notice proves little. */
export interface Mistake {
  readonly wrap: (role: Role, store: Store) => Store
  /** Lists lag in each history. */
  readonly lag?: boolean
  /** Where somebody has to sleep for it to matter, which does not come up by itself in few histories. */
  readonly sleepAt?: { readonly role: Role; readonly step: string }
}

export interface HistoryReport {
  /** Steps at which a process died. */
  readonly deaths: readonly string[]
  /** How often each kind of work ended well, failed or was cut off: `prune: success`. */
  readonly ends: ReadonlyMap<string, number>
  /** Deletions by prunes that were held against the rules on order. */
  readonly deletions: number
}

/** Small enough for hundreds of histories a minute. */
const TINY_TREE = { crowd: 0, many: 0, sparse: 0, combs: 0, bytes: 20 * 1024 }
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How time goes in a history: in one of seconds more meets in the same moment, one of days is as things are. */
export interface Pace {
  /** Longest pause between two things that somebody does. */
  readonly pauseMs: number
  /** How long a process sleeps at most. */
  readonly sleepMs: number
  /** How long a session is silent before it is taken for dead. */
  readonly silenceMs: number
}

const PACES: readonly Pace[] = [
  { pauseMs: 1000, sleepMs: 15_000, silenceMs: 500 },
  { pauseMs: 3000, sleepMs: 15_000, silenceMs: 3000 },
  { pauseMs: 2 * DAY_MS, sleepMs: 4 * DAY_MS, silenceMs: DAY_MS },
]

/** Longest times for which lists of a store lag, about as long as sessions are silent in some histories, and much shorter. */
const LAGS_MS = [100, 2000, 30_000]

/** Everything that happens comes from `seed`. Throws what the oracle finds. */
export async function runHistory(seed: number, mistake?: Mistake): Promise<HistoryReport> {
  const world = await BackupWorld.create(seed)
  return new History(world, mistake).run()
}

export class History {
  readonly world: BackupWorld
  readonly promises: Promises
  readonly deaths: string[] = []
  readonly ends = new Map<string, number>()
  /** Another copy of the repository: what was rotten has its right bytes there. */
  readonly mirror: MemoryStore
  /** Days that what is forgotten can be brought back. */
  readonly trashDays: number
  readonly pace: Pace
  /** For so long lists may not show a change; the same for everybody, since it is the store's. */
  readonly listLagMs: number
  /** In some histories new keys are made once something is stored, and prunes encrypt that anew. */
  readonly hasOlderKeys: boolean
  /** A put that fails or is cut off may leave a part of an object. */
  readonly #tears: boolean
  /** Bits fall over, or objects are lost. */
  #rots: boolean
  /** Some requests come late. */
  readonly #lateness: Lateness | undefined
  /** Somebody checks and repairs, too. */
  readonly #isInspected: boolean
  readonly #mistake: Mistake | undefined
  /** Somebody dies there, whatever else happens. */
  readonly #steps: readonly string[]
  #isCalm = false
  /** What is small and was there at some time. */
  #kept = new MemoryStore()
  #processes = 0

  constructor(world: BackupWorld, mistake: Mistake | undefined) {
    this.world = world
    this.#mistake = mistake
    this.trashDays = pick(world.rng, [0, 0, 2])
    this.pace = pick(world.rng, PACES)
    const lags = chance(world.rng, mistake?.lag === true ? 1 : 0.25)
    this.listLagMs = lags ? Math.ceil(world.rng() * pick(world.rng, LAGS_MS)) : 0
    this.hasOlderKeys = world.seed % 5 === 0
    this.#tears = chance(world.rng, 0.3)
    this.#lateness = world.seed % 4 === 3 ? new Lateness(seededRng(world.seed ^ 0x1a7e)) : undefined
    this.#isInspected = world.seed % 5 === 0 || world.seed % 5 === 4
    this.#steps = stepsOf(world.seed, this.#isInspected)
    this.#rots = chance(world.rng, 0.25)
    this.mirror = new MemoryStore({ location: 'mirror:', clock: world.clock })
    this.promises = new Promises(world, this.trashDays)
  }

  async run(): Promise<HistoryReport> {
    const { world } = this
    const { rng } = world
    for (const name of chance(rng, 0.6) ? ['ant', 'bee'] : ['ant']) world.addClient(name, TINY_TREE)
    if (chance(rng, 0.5)) world.cloneTrees()
    for (const client of world.clients) if (chance(rng, 0.8)) await world.backupWell(client)
    if (this.hasOlderKeys) await world.makeNewKeys()
    this.#kept = await keptFrom(world.objects)
    const admins = Array.from({ length: chance(rng, 0.5) ? 2 : 1 }, (_, i) => new Administrator(this, `admin ${i + 1}`))
    const inspectors = this.#isInspected ? [new Inspector(this, 'inspector')] : []
    const machines = world.clients.map((client) => this.#machine(client))
    const others = [...admins, ...inspectors].map((other) => other.work())
    await world.finish(Promise.all([...machines, ...others, this.#powerCuts(), this.#rot()]))
    await this.#comeToTheSteps(admins[0]!, inspectors[0])
    // What a mistake breaks first is a rule; here it has to be found by what is lost.
    let deletions = 0
    if (this.#mistake === undefined) {
      checkMaintenanceOrder(world.log)
      checkRepairOrder(world.log, (actor) => actor.includes(': repair,'))
      await world.checkOrder()
      const machines = admins.map((admin) => (actor: string) => actor.startsWith(`${admin.name}: prune,`))
      deletions = await checkPruneOrder({ log: world.log, machines, kept: await world.openForReading(this.#kept) })
    }
    await comeToAGoodEnd(this)
    return { deaths: this.deaths, ends: this.ends, deletions }
  }

  /** What a check says that was not shown anything wrong. */
  holdAgainst(damages: readonly Damage[], actor: string): void {
    if (this.#tears || this.#rots) return
    const counts = (id: string) => this.promises.kept.includes(id) && !this.promises.spoiled.has(id)
    const [wrong] = damages.filter(({ affected }) => affected.length === 0 || affected.some(({ id }) => counts(id)))
    if (wrong === undefined) return
    const { object, messages, affected } = wrong
    throw new Error(
      `${actor} calls damaged what is not: ${object}: ${messages.join(', ')} (${affected.map(({ id }) => id.slice(0, 8)).join(', ')})`,
    )
  }

  /** A process that is to do one thing, with all that may happen to it. */
  process(role: Role, actor: string): HistoryProcess {
    const { world } = this
    const { store, recorded } = world.process(`${actor}, process ${++this.#processes}`, this.someFaults())
    return { store: this.wrap(role, recorded, store), faulty: store, done: () => store.settle('stays') }
  }

  /** What stands between a process and its store. */
  wrap(role: Role, recorded: Store, process: SimStore): Store {
    const { rng, clock, sleep } = this.world
    const mortal = new MortalStore(new SmallPutKeeper(recorded, this.#kept), {
      role,
      incidents: [...this.#certain(role), ...(this.#isCalm ? [] : this.#incidents(role))],
      process,
      sleep,
      onDeath: (step) => this.deaths.push(step),
    })
    const store = this.#mistake?.wrap(role, mortal) ?? mortal
    return chance(rng, 0.6) ? new RetryingStore(store, { clock, sleep, rng }) : store
  }

  #incidents(role: Role): Incident[] {
    const { rng } = this.world
    const incidents = someIncidents(rng, role, this.pace.sleepMs)
    const sleepAt = this.#mistake?.sleepAt
    if (sleepAt?.role !== role) return incidents
    const step = `${role}: ${sleepAt.step}`
    return [{ kind: 'sleep', step, occasion: 0, when: 'before', ms: this.pace.sleepMs }, ...incidents]
  }

  /** In each history somebody dies at another step. */
  #certain(role: Role): Incident[] {
    return this.#steps
      .filter((step) => step.startsWith(`${role}:`) && !this.deaths.includes(step))
      .map((step) => ({
        kind: 'death',
        step,
        occasion: 0,
        when: chance(this.world.rng, 0.5) ? 'before' : 'after',
        ms: 0,
      }))
  }

  /** If it did not come to that by itself, it does now, where nothing else is in the way. */
  async #comeToTheSteps(admin: Administrator, inspector: Inspector | undefined): Promise<void> {
    const { world } = this
    this.#isCalm = true
    for (const step of this.#steps) {
      for (let attempt = 0; attempt < 3 && !this.deaths.includes(step); attempt++) {
        for (const client of world.clients) {
          changeTree(client.tree, world.rng)
          await world.finish(this.#backup(client))
        }
        await world.finish(isInspecting(step) ? inspector!.comeTo(step) : admin.comeTo(step))
      }
    }
  }

  someFaults(): Faults {
    const { rng } = this.world
    const { listLagMs } = this
    const faults = this.#isCalm || chance(rng, 0.4) ? NO_FAULTS : swarmFaults(rng)
    const all = { ...faults, listLagMs, torn: this.#tears }
    return this.#isCalm ? all : (this.#lateness?.of(all) ?? all)
  }

  /** The clock of a machine that somebody has set wrong. */
  someClock(): Clock {
    const { rng, clock } = this.world
    const wrongMs = chance(rng, 0.3) ? (rng() - 0.5) * 200 * DAY_MS : 0
    return { now: () => clock.now() + wrongMs, monotonic: () => clock.monotonic(), sleep: (ms) => clock.sleep(ms) }
  }

  count(role: Role, end: 'success' | 'failed' | 'crashed'): void {
    const key = `${role}: ${end}`
    this.ends.set(key, (this.ends.get(key) ?? 0) + 1)
  }

  /** Next to nothing now and then. */
  async pause(): Promise<void> {
    const { rng, sleep } = this.world
    await sleep(rng() * (chance(rng, 0.3) ? 50 : this.pace.pauseMs))
  }

  async #machine(client: Client): Promise<void> {
    const { world } = this
    const { rng } = world
    for (let left = 2 + randomBelow(rng, 3); left > 0; left--) {
      await this.pause()
      if (chance(rng, 0.5)) changeTree(client.tree, rng)
      await this.#backup(client)
    }
  }

  async #backup(client: Client): Promise<void> {
    const { world } = this
    const run = world.newRun(client)
    await world.start(client, run, {
      faults: this.someFaults(),
      wrap: (store, process) => this.wrap('backup', store, process),
    })
    const { kind } = run.outcome
    assert(kind !== 'running', `${run.actor} is over`)
    this.count('backup', kind)
  }

  /** In some histories a bit of some object falls over. */
  async #rot(): Promise<void> {
    const { rng, sleep } = this.world
    if (!this.#rots) return
    for (let left = 1 + randomBelow(rng, 3); left > 0; left--) {
      await sleep(rng() * 2 * this.pace.pauseMs)
      await this.rot(['data/', 'meta/', 'index/', 'skeys/', 'snap/', 'trash/', 'log/'])
    }
  }

  /** A bit of some object under these prefixes falls over. */
  async rot(prefixes: readonly string[]): Promise<void> {
    const { rng, objects } = this.world
    const found = await this.#mirrored(prefixes)
    if (found === undefined) return
    const { name, bytes } = found
    bytes[randomBelow(rng, bytes.length)]! ^= 1 << randomBelow(rng, 8)
    objects.damage(name, bytes)
  }

  /** Some object under this prefix is lost. */
  async lose(prefix: string): Promise<void> {
    const found = await this.#mirrored([prefix])
    if (found !== undefined) await this.world.objects.delete(found.name)
  }

  /** Some object under these prefixes, of which there is another copy then. */
  async #mirrored(prefixes: readonly string[]): Promise<{ name: string; bytes: Uint8Array } | undefined> {
    const { rng, objects } = this.world
    this.#rots = true
    const names: string[] = []
    for (const prefix of prefixes) for await (const { name } of listAll(objects, prefix)) names.push(name)
    if (names.length === 0) return undefined
    const name = pick(rng, names)
    const bytes = await objects.get(name)
    await this.mirror.put(name, [this.world.disk.torn.get(name) ?? bytes.slice()])
    return { name, bytes }
  }

  /** Now and then all processes die in one moment, and with them what was acknowledged to nobody. */
  async #powerCuts(): Promise<void> {
    const { rng, sleep } = this.world
    if (!chance(rng, 0.2)) return
    await sleep(rng() * 3 * this.pace.pauseMs)
    await this.world.losePower()
  }
}

export interface HistoryProcess {
  readonly store: Store
  /** Its way to the disk, without what else happens to it. */
  readonly faulty: SimStore
  /** To be called when it is over. */
  readonly done: () => Promise<void>
}

/** In each history another one, and with an inspector one of his. */
function stepsOf(seed: number, isInspected: boolean): string[] {
  const [his = [], others = []] = [true, false].map((own) => allSteps().filter((step) => isInspecting(step) === own))
  const number = 2 * Math.floor(seed / 5) + (seed % 5 === 0 ? 0 : 1)
  const step = others[seed % others.length]!
  return isInspected ? [step, his[number % his.length]!] : [step]
}

type SimStore = ReturnType<BackupWorld['process']>['store']
