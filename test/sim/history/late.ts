// Requests of a history that arrive when nobody waits for them any more: changes whose answers were lost, or during which the
// process died, come once more, or for the first time, seconds or hours later.
import type { Rng } from '../../../src/base/random.ts'
import { parseObjectName } from '../../../src/format/names.ts'
import { pick } from '../../../src/store/faults.ts'
import type { Faults, LateFaults } from '../../../src/store/faults.ts'

/** How much later at most: shorter and much longer than sessions are silent that are taken for dead. */
const LATE_MS = [300, 10_000, 3_600_000]

/** So many answers are lost, at least: otherwise hardly anything is late. */
const LOST_ANSWERS = 0.12

/**
 * What must not be put again by a request that comes late (docs/decisions/0021): the intent of a session and a pack, whose presence
 * is evidence; a snapshot and a copy in the trash, which would show once more what somebody has forgotten and purged.
 */
const NEVER_PUT_LATE: ReadonlySet<string> = new Set(['session', 'pack', 'snapshot', 'trash'])

export class Lateness {
  readonly #late: LateFaults

  constructor(rng: Rng) {
    const msMax = pick(rng, LATE_MS)
    const isNever = (kind: string, name: string) =>
      kind === 'put' && NEVER_PUT_LATE.has(parseObjectName(name)?.kind ?? '')
    this.#late = { probability: 0.7, msMaxOf: (kind, name) => (isNever(kind, name) ? 0 : msMax) }
  }

  of(faults: Faults): Faults {
    return { ...faults, failAfter: Math.max(faults.failAfter, LOST_ANSWERS), late: this.#late }
  }
}
