// The simulated world: a store that fails, a clock that jumps and processes that die, all from one seed.
//
//   test('what was acknowledged survives', () =>
//     forEachSeed('my.test.ts', 50, async (seed) => {
//       for (let step = 0, finished = false; !finished; step++) {
//         const world = new SimWorld(seed)
//         world.store.crashAfterWrites(step)             // or crashAfter(step): reads count too
//         finished = await write(world.connection()).then(() => true, rethrowUnlessCrash)
//         await world.restart()                          // unacknowledged writes: kept, lost or torn
//         world.checkOrder()                             // docs/format.md, section 10
//         await write(world.connection())                // must converge
//       }
//     }))
//
// Rules for code that runs in the world: no timers, no threads, no real input or output; time is `world.clock` and
// `world.sleep`, chance is `world.rng` and `world.secureRandom`. Then the order of everything repeats with the seed.
//
// `world.store` is the current process's way to the disk; after `restart` it is another one, and whatever of the dead
// process still runs keeps getting CrashErrors. `world.process(actor)` is a second client of the same disk that lives and
// dies by itself. `world.objects` is what is really there. `BackupWorld` (backup-world.ts) is the one for whole backups.
import { createHash } from 'node:crypto'
import { type Rng, type SecureRandom, seededRng } from '../../src/base/random.ts'
import { FaultyDisk } from '../../src/store/faulty-disk.ts'
import { FaultyStore, isCrash } from '../../src/store/faulty-store.ts'
import { type Faults, NO_FAULTS, swarmFaults } from '../../src/store/faults.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { OperationLog, RecordingStore } from '../../src/store/recording-store.ts'
import { RetryingStore } from '../../src/store/retrying-store.ts'
import type { Store } from '../../src/store/store.ts'
import { checkOrder, type OracleOptions } from './ordering-oracle.ts'
import { VirtualTime } from './virtual-time.ts'

/** Name of the process that `world.store` belongs to, in the log. */
export const MAIN = 'main'

export interface WorldOptions {
  /** `none` (the default): delays and crashes only. `swarm`: chosen by the seed. Or what is given over `none`. */
  readonly faults?: 'none' | 'swarm' | Partial<Faults>
}

/** One process's ways to the disk. */
export interface SimProcess {
  /** Fails as the world does; crashAfter, faults and settle are here. */
  readonly store: FaultyStore
  /** The same, written down in the world's log: give this to the code under test. */
  readonly recorded: Store
}

export class SimWorld {
  readonly seed: number
  readonly clock: VirtualTime
  readonly rng: Rng
  readonly secureRandom: SecureRandom
  readonly disk: FaultyDisk
  /** What is really there; `damage` it to play a rotting disk. */
  readonly objects: MemoryStore
  /** Every request of every process, as the process saw it. */
  readonly log = new OperationLog()
  readonly #faultsRng: Rng
  #faults: Faults
  #main: SimProcess

  constructor(seed: number, opts: WorldOptions = {}) {
    this.seed = seed
    this.clock = new VirtualTime()
    this.rng = seededRng(seed)
    this.#faultsRng = seededRng(seed ^ 0x5eed5)
    this.secureRandom = seededSecureRandom(seed)
    this.objects = new MemoryStore({ location: `simulation ${seed}:`, clock: this.clock })
    this.disk = new FaultyDisk(this.objects, this.#faultsRng)
    const { faults = 'none' } = opts
    if (faults === 'swarm') this.#faults = swarmFaults(seededRng(seed ^ 0x5a4a))
    else this.#faults = { ...NO_FAULTS, ...(faults === 'none' ? {} : faults) }
    this.#main = this.process(MAIN)
  }

  /** The main process's store. */
  get store(): FaultyStore {
    return this.#main.store
  }

  get faults(): Faults {
    return this.#faults
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms)
  }

  /** Another process on the same disk. */
  process(actor: string): SimProcess {
    const sleep = (ms: number) => this.clock.sleep(ms)
    const store = new FaultyStore(this.disk, { rng: this.#faultsRng, sleep, faults: this.#faults })
    return { store, recorded: new RecordingStore(store, { log: this.log, actor, digest: this.digest }) }
  }

  /** By which the log tells the bytes of objects apart. */
  digest(parts: readonly Uint8Array[]): string {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest('hex')
  }

  /** What the code under test gets: the main process's store, written down, with retries around it if asked for. */
  connection(opts: { readonly retries?: boolean } = {}): Store {
    const { recorded } = this.#main
    if (!opts.retries) return recorded
    return new RetryingStore(recorded, { clock: this.clock, sleep: (ms) => this.sleep(ms), rng: this.rng })
  }

  /** Kills the main process if it is not dead, settles what it left, and starts the next. */
  async restart(): Promise<void> {
    await this.#main.store.settle()
    this.#main = this.process(MAIN)
  }

  /** From now on nothing fails: what follows must converge. */
  faultsOff(): void {
    this.#faults = NO_FAULTS
    this.#main.store.faults = NO_FAULTS
  }

  /** Throws unless every writer in the log kept the rules on order. */
  checkOrder(opts: OracleOptions = {}): void {
    checkOrder(this.log, opts)
  }
}

/** For `catch`: false for a crash, anything else is thrown on. */
export function rethrowUnlessCrash(error: unknown): false {
  if (isCrash(error)) return false
  throw error
}

/** Bytes that look random and repeat with the seed. */
function seededSecureRandom(seed: number): SecureRandom {
  let block = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const digest = createHash('sha256').update(`${seed} ${block++}`).digest()
      bytes.set(digest.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}
