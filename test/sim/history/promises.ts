// What was promised to somebody in a history: a snapshot that was reported as done is there until it is forgotten, and can be
// brought back for some days more.
import { assert } from '../../../src/base/assert.ts'
import { parseObjectName } from '../../../src/format/names.ts'
import type { BackupWorld } from '../backup-world.ts'

const DAY_MS = 24 * 3_600_000

export class Promises {
  readonly #world: BackupWorld
  readonly #trashMs: number
  /** When somebody began to forget a snapshot, by its id; whether he came so far is not always known. */
  readonly #forgotten = new Map<string, number>()
  /** Snapshots that somebody is about to forget, and how many are. */
  readonly #underWay = new Map<string, number>()
  /** Of each the last time that somebody began to forget it, counted. */
  readonly #begun = new Map<string, number>()
  /** How often somebody has begun to forget something. */
  begun = 0
  /** What was tried to be brought back too late, so that it may be there without its content. */
  readonly spoiled = new Set<string>()

  constructor(world: BackupWorld, trashDays: number) {
    this.#world = world
    this.#trashMs = trashDays * DAY_MS
  }

  beginToForget(ids: readonly string[]): void {
    this.begun++
    for (const id of ids) {
      this.#begun.set(id, this.begun)
      this.#underWay.set(id, (this.#underWay.get(id) ?? 0) + 1)
      if (!this.#forgotten.has(id)) this.#forgotten.set(id, this.#world.clock.now())
    }
  }

  /** Who wanted to forget them will not do anything any more. */
  endToForget(ids: readonly string[]): void {
    for (const id of ids) this.#underWay.set(id, this.#underWay.get(id)! - 1)
  }

  /** It was reported that they are back, by who began when `begun` was so much: somebody may have forgotten them since. */
  broughtBack(ids: readonly string[], begun = this.begun): void {
    for (const id of ids) {
      if ((this.#underWay.get(id) ?? 0) > 0 || (this.#begun.get(id) ?? 0) > begun) continue
      this.#forgotten.delete(id)
      this.spoiled.delete(id)
    }
  }

  /** Ids of snapshots that somebody was told are safe. */
  get kept(): string[] {
    return this.#world.runs.flatMap(({ outcome }) => (outcome.kind === 'success' ? [outcome.result.snapshot.id] : []))
  }

  /** Whether a snapshot may be gone altogether. */
  mayBeGone(id: string): boolean {
    const sinceMs = this.#forgotten.get(id)
    return sinceMs !== undefined && this.#world.clock.now() - sinceMs >= this.#trashMs
  }

  /** Whether a snapshot may be in the trash and not in the history. */
  mayBeForgotten(id: string): boolean {
    return this.#forgotten.has(id) || this.#wasDeletedLate(id)
  }

  /** By a request of somebody who had forgotten it before it was brought back: it is in the trash, and whoever prunes puts it back. */
  #wasDeletedLate(id: string): boolean {
    return this.#world.disk.late.some(({ kind, name }) => {
      const parsed = parseObjectName(name)
      return kind === 'delete' && parsed?.kind === 'snapshot' && parsed.hash === id
    })
  }

  check(condition: boolean, id: string, what: string): void {
    const run = this.#world.runs.find(({ outcome }) => outcome.kind === 'success' && outcome.result.snapshot.id === id)
    assert(condition, `the snapshot ${id.slice(0, 8)} of ${run?.actor ?? 'a run'} ${what}`)
  }
}
