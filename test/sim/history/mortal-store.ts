// What happens to one process of a history: at some step it dies, or it sleeps for days and wakes as if nothing had been.
import type { Rng } from '../../../src/base/random.ts'
import type { FaultyStore } from '../../../src/store/faulty-store.ts'
import { chance, pick, randomBelow } from '../../../src/store/faults.ts'
import type { ListPage, ObjectInfo, PutResult, Store } from '../../../src/store/store.ts'
import { Passing } from '../../../src/store/passing-store.ts'
import { STEPS, stepOf } from './steps.ts'
import type { Role } from './steps.ts'

/** Where and how. */
export interface Incident {
  readonly kind: 'death' | 'sleep'
  readonly step: string
  /** Which time the step comes, from 0. */
  readonly occasion: number
  /** Before the request is sent, or when its effect is there and nobody knows yet. */
  readonly when: 'before' | 'after'
  /** Of a sleep. */
  readonly ms: number
}

/** By seed: nothing, a death, one sleep or two. */
export function someIncidents(rng: Rng, role: Role, sleepMs: number): Incident[] {
  const incidents: Incident[] = []
  for (let left = pick(rng, [0, 0, 1, 1, 1, 2]); left > 0; left--) {
    incidents.push({
      kind: chance(rng, 0.3) ? 'death' : 'sleep',
      step: `${role}: ${pick<string>(rng, STEPS[role])}`,
      occasion: chance(rng, 0.6) ? 0 : randomBelow(rng, 4),
      when: chance(rng, 0.5) ? 'before' : 'after',
      ms: rng() * sleepMs,
    })
  }
  return incidents
}

export interface MortalOptions {
  readonly role: Role
  readonly incidents: readonly Incident[]
  readonly process: FaultyStore
  readonly sleep: (ms: number) => Promise<void>
  /** Told of each step at which the process died. */
  readonly onDeath: (step: string) => void
}

export class MortalStore extends Passing {
  readonly #opts: MortalOptions
  readonly #left: Incident[]
  readonly #seen = new Map<string, number>()
  /** While it sleeps nothing of it goes on. */
  #asleep: Promise<void> | undefined
  /** There where the other one can. */
  readonly replace?: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>

  constructor(inner: Store, opts: MortalOptions) {
    super(inner)
    this.#opts = opts
    this.#left = [...opts.incidents]
    if (inner.replace === undefined) return
    this.replace = (name, parts) => this.#live('replace', name, () => inner.replace!(name, parts))
  }

  override put(name: string, parts: readonly Uint8Array[]): Promise<PutResult> {
    return this.#live('put', name, () => super.put(name, parts))
  }

  override get(name: string, range?: { readonly offset: number; readonly length: number }): Promise<Uint8Array> {
    return this.#live('get', name, () => super.get(name, range))
  }

  override stat(name: string): Promise<ObjectInfo | null> {
    return this.#live('stat', name, () => super.stat(name))
  }

  override list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.#live('list', prefix, () => super.list(prefix, cursor))
  }

  override keep(name: string): Promise<boolean> {
    return this.#live('keep', name, () => super.keep(name))
  }

  override delete(name: string): Promise<boolean> {
    return this.#live('delete', name, () => super.delete(name))
  }

  async #live<T>(
    kind: 'put' | 'get' | 'stat' | 'list' | 'delete' | 'keep' | 'replace',
    name: string,
    request: () => Promise<T>,
  ): Promise<T> {
    await this.#asleep
    const step = stepOf(this.#opts.role, kind, name)
    const occasion = step === undefined ? -1 : (this.#seen.get(step) ?? 0)
    if (step === undefined) return this.#awake(request())
    this.#seen.set(step, occasion + 1)
    const incident = this.#left.find((each) => each.step === step && each.occasion === occasion)
    if (incident?.when === 'before') await this.#happens(incident)
    const result = await this.#awake(request())
    if (incident?.when === 'after') await this.#happens(incident)
    return result
  }

  async #awake<T>(request: Promise<T>): Promise<T> {
    const result = await request
    await this.#asleep
    return result
  }

  async #happens(incident: Incident): Promise<void> {
    this.#left.splice(this.#left.indexOf(incident), 1)
    if (incident.kind === 'sleep') {
      this.#asleep = this.#opts.sleep(incident.ms)
      await this.#asleep
      return
    }
    this.#opts.onDeath(incident.step)
    this.#opts.process.crash()
  }
}
