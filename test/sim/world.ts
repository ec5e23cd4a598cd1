// The simulated world: a disk that fails, a clock that jumps and processes that die, all from one seed.
//
//   test('what was acknowledged survives', () =>
//     forEachSeed('my.test.ts', 50, async (seed) => {
//       for (let step = 0, finished = false; !finished; step++) {
//         const world = new SimWorld(seed)
//         const { store, recorded } = world.process()
//         store.crashAfterWrites(step)                   // or crashAfter(step): reads count too
//         finished = await write(recorded).then(() => true, rethrowUnlessCrash)
//         await store.settle()                           // unacknowledged writes: kept, lost or torn
//         checkOrder(world.log)                          // docs/format.md, section 10
//         await write(world.process().recorded)          // must converge
//       }
//     }))
//
// A failure names its seed and the command that runs it again (seeds.ts). For that, code that runs in the world has no
// timers, no threads, and no real input or output; time is `world.clock` and `world.sleep`, chance is `world.rng` and
// `world.secureRandom`. Then the order of everything repeats with the seed.
//
// `world.process(actor)` is a client of the disk that lives and dies by itself: once its store has crashed or settled it is
// dead, and whatever of it still runs keeps getting CrashErrors. `settle('stays')` is the death of a process alone, `settle()`
// takes the power of the disk with it, and `world.losePower()` that of everybody. `world.objects` is what is really there.
// A BackupWorld (backup-world.ts) is one in which whole backups run.
import { createHash } from 'node:crypto'
import { rememberSignatures } from '../support/remembered-signatures.ts'
import { type Rng, type SecureRandom, seededRng } from '../../src/base/random.ts'
import { FaultyDisk } from '../../src/store/faulty-disk.ts'
import { FaultyStore, isCrash } from '../../src/store/faulty-store.ts'
import { type Faults, NO_FAULTS } from '../../src/store/faults.ts'
import { OperationLog, RecordingStore } from '../../src/store/recording-store.ts'
import type { Store } from '../../src/store/store.ts'
import { RepairableStore } from '../support/repairable-store.ts'
import { VirtualTime } from './virtual-time.ts'

rememberSignatures()

/** Name of a process in the log, where there is only one. */
export const MAIN = 'main'

/** One process's ways to the disk. */
export interface SimProcess {
  /** Fails as it is told to; crashAfter, faults and settle are here. */
  readonly store: FaultyStore
  /** The same, written down in the world's log: give this to the code under test. */
  readonly recorded: Store
}

export class SimWorld {
  readonly seed: number
  readonly clock = new VirtualTime()
  readonly rng: Rng
  readonly secureRandom: SecureRandom
  readonly disk: FaultyDisk
  /** What is really there; `damage` it to play a rotting disk. */
  readonly objects: RepairableStore
  /** Every request of every process, as the process saw it. */
  readonly log = new OperationLog()
  readonly #faultsRng: Rng
  readonly #living: FaultyStore[] = []

  constructor(seed: number) {
    this.seed = seed
    this.rng = seededRng(seed)
    this.#faultsRng = seededRng(seed ^ 0x5eed5)
    this.secureRandom = seededSecureRandom(seed)
    this.objects = new RepairableStore({ location: `simulation ${seed}:`, clock: this.clock })
    this.disk = new FaultyDisk(this.objects, this.#faultsRng, this.clock)
  }

  readonly sleep = (ms: number): Promise<void> => this.clock.sleep(ms)

  /** Another process on the same disk; without faults there are delays and crashes only. */
  process(actor: string = MAIN, faults: Partial<Faults> = {}): SimProcess {
    const { sleep, log } = this
    const store = new FaultyStore(this.disk, { rng: this.#faultsRng, sleep, faults: { ...NO_FAULTS, ...faults } })
    this.#living.push(store)
    return { store, recorded: new RecordingStore(store, { log, actor, digest: digestOf }) }
  }

  /** All processes die in one moment, and with them goes what shows and was acknowledged to nobody, or some of it. */
  async losePower(): Promise<void> {
    for (const store of this.#living) store.crash()
    for (const store of this.#living.splice(0)) await store.settle()
  }
}

/** By which the log tells the bytes of objects apart. */
export function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
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
