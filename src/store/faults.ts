// Which faults a run of the simulator has. A swarm (Groce et al., "Swarm testing", 2012): each run switches each kind of
// fault on or off by seed, because a run with all of them hides what a few of them would show.
import type { Rng } from '../base/random.ts'

export interface Faults {
  /** Probability that an operation fails and nothing happened. */
  readonly failBefore: number
  /** Probability that it was carried out and the answer is an error. */
  readonly failAfter: number
  /** Probability that a get returns bytes with one bit wrong. */
  readonly flipBit: number
  /** Probability that a get returns too few bytes (of a range: throws `corrupt`, as the interface asks). */
  readonly truncate: number
  /** Lists may not show a put or a delete until so many virtual milliseconds later; 0: at once. */
  readonly listLagMs: number
  /** Longest pause before and after each effect, in virtual milliseconds: operations overtake one another. */
  readonly delayMsMax: number
  /**
   * A write that was not acknowledged at a crash may leave wrong bytes under its name, and one whose answer is an error a part of
   * the object (a store that is not atomic).
   */
  readonly torn: boolean
  /** What becomes of changes whose answers were lost, and that a crash has cut off: nothing more unless given. */
  readonly late?: LateFaults
  /** A crash may take acknowledged writes too (a disk that lies). No order of writes helps: only detection can. */
  readonly lying: boolean
}

/** Somebody on the way keeps requests that nobody waits for any more, and delivers them when he can. */
export interface LateFaults {
  /** Probability that such a change is carried out, or once more. */
  readonly probability: number
  /** How much later at most, in virtual milliseconds; 0 for one that is never late. */
  readonly msMaxOf: (kind: 'put' | 'delete' | 'replace', name: string) => number
}

/** Operations overtake one another, crashes keep or lose what was not acknowledged, and nothing else goes wrong. */
export const NO_FAULTS: Faults = {
  failBefore: 0,
  failAfter: 0,
  flipBit: 0,
  truncate: 0,
  listLagMs: 0,
  delayMsMax: 10,
  torn: false,
  lying: false,
}

/** Faults of a store that is bad and keeps its promises: never `lying`, and `torn` in some runs. */
export function swarmFaults(rng: Rng): Faults {
  const sometimes = (most: number) => (chance(rng, 0.5) ? rng() * most : 0)
  return {
    failBefore: sometimes(0.1),
    failAfter: sometimes(0.1),
    flipBit: sometimes(0.05),
    truncate: sometimes(0.05),
    listLagMs: Math.floor(sometimes(10_000)),
    delayMsMax: 1 + sometimes(1000),
    torn: chance(rng, 0.25),
    lying: false,
  }
}

export function chance(rng: Rng, probability: number): boolean {
  return probability > 0 && rng() < probability
}

/** Uniform integer of 0 to `limit` - 1. */
export function randomBelow(rng: Rng, limit: number): number {
  return Math.floor(rng() * limit)
}

export function pick<T>(rng: Rng, of: readonly T[]): T {
  return of[randomBelow(rng, of.length)]!
}
