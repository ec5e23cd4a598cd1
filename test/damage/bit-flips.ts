// One bit of one object is flipped, and everybody who looks at the repository has to notice.
import assert from 'node:assert/strict'
import { seededRng } from '../../src/base/random.ts'
import { SEAL_OVERHEAD } from '../../src/crypto/seal.ts'
import { openTrailer, TRAILER_STORED_SIZE } from '../../src/format/directory.ts'
import { HEADER_SIZE } from '../../src/format/object-header.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import { checked, damagedObjects, scrubbed } from './observation.ts'
import type { Laboratory } from './trial.ts'

/** Restoring writes files: one trial in so many. */
const RESTORE_EVERY = 4
const TAG = 16
const SALT = SEAL_OVERHEAD - TAG

export class BitFlips {
  readonly #lab: Laboratory
  readonly #seed: number
  readonly #rng: () => number
  #trials = 0

  constructor(lab: Laboratory, seed: number) {
    this.#lab = lab
    this.#seed = seed
    this.#rng = seededRng(seed)
  }

  get trials(): number {
    return this.#trials
  }

  /** Flips a bit of each of `positions` bytes of an object, chosen in [start, end). Gives how many paths and snapshots that cost. */
  async within(name: string, positions: number, start = 0, end = this.#bytesOf(name).length): Promise<number> {
    let lost = 0
    for (let i = 0; i < positions; i++) lost += await this.#trial(name, start + this.#below(end - start))
    return lost
  }

  /** `within` for each part of a pack: header, salts, ciphertexts, tags, fill, directory, trailer. */
  async withinRegions(name: string, positions: number): Promise<number> {
    let lost = 0
    for (const [start, end] of await this.#regionsOf(name)) lost += await this.within(name, positions, start, end)
    return lost
  }

  /** The object with one bit of a byte flipped. */
  flipped(name: string, at: number): Uint8Array {
    const damaged = this.#bytesOf(name).slice()
    damaged[at]! ^= 1 << this.#below(8)
    return damaged
  }

  async #trial(name: string, at: number): Promise<number> {
    const store = await this.#lab.storeWith({ [name]: this.flipped(name, at) })
    try {
      return await this.#observe(name, store, this.#trials++)
    } catch (cause) {
      throw new Error(`a bit of byte ${at} of ${name} (seed ${this.#seed}): ${(cause as Error).stack}`, { cause })
    }
  }

  async #observe(name: string, store: MemoryStore, number: number): Promise<number> {
    const lab = this.#lab
    assert.deepEqual(await scrubbed(store), [name])
    const repo = await lab.openOrNamed(store, [name])
    if (repo === undefined) return 1
    const check = await checked(repo)
    assert.deepEqual(damagedObjects(check), [name])
    const fresh = await lab.made.open(store)
    const lost = await lab.readOrNamed(fresh, [name], check)
    if (number % RESTORE_EVERY === 0) await lab.restoreOrNamed(fresh, [name])
    return lost
  }

  /** Parts of a pack, each as [start, end). */
  async #regionsOf(name: string): Promise<[number, number][]> {
    const bytes = this.#bytesOf(name)
    const repo = await this.#lab.made.open()
    await repo.loadIndex()
    const trailerAt = bytes.length - TRAILER_STORED_SIZE
    const { directoryOffset } = openTrailer(bytes.subarray(trailerAt), name, repo.indexSealer)
    const regions: [number, number][] = [[0, HEADER_SIZE]]
    let end = HEADER_SIZE
    for (let i = 0; i < repo.index.blockCount; i++) {
      const { pack, offset, storedLength } = repo.index.block(i)
      if (pack.objectName !== name) continue
      end = offset + storedLength
      regions.push([offset, offset + SALT], [offset + SALT, end - TAG], [end - TAG, end])
    }
    regions.push([end, directoryOffset], [directoryOffset, trailerAt], [trailerAt, bytes.length])
    return regions.filter(([from, to]) => to > from)
  }

  #bytesOf(name: string): Uint8Array {
    return this.#lab.objects.get(name)!
  }

  #below(bound: number): number {
    return Math.floor(this.#rng() * bound)
  }
}
