// Two sources, never one: `Rng` for jitter and sampling (seeded in tests), `SecureRandom` for keys and identifiers
// (the system's generator in the product, replaceable only from test/).
import { randomFillSync } from 'node:crypto'

/** Uniform in [0, 1). */
export type Rng = () => number

/** Fills a new array with bytes fit for keys. */
export type SecureRandom = (length: number) => Uint8Array

export const secureRandom: SecureRandom = (length) => randomFillSync(new Uint8Array(length))

/** Small seeded generator (mulberry32, public domain, Tommy Ettinger 2017). Not for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
