// Histories by chance: machines back up, keep records, forget and look, also in between the requests of one another. An
// honest store is never refused and its audit finds nothing; what is hidden from somebody who has seen it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import type { Rng } from '../../src/base/random.ts'
import { parseObjectName } from '../../src/format/names.ts'
import { readSeen } from '../../src/repo/history/seen-history.ts'
import type { Checkpoint } from '../../src/format/checkpoint.ts'
import { Accompanied } from '../sim/passing-store.ts'
import { seeds } from '../sim/seeds.ts'
import { audit, checkpointOf, digested } from '../support/audited-history.ts'
import { HidingStore, HistoryScene, HOUR, placeOf } from '../support/history-scene.ts'
import type { Machine } from '../support/history-scene.ts'

const STEPS = 25

class World {
  readonly scene: HistoryScene
  readonly machines: readonly Machine[]
  readonly #rng: Rng

  constructor(scene: HistoryScene, rng: Rng) {
    this.scene = scene
    this.#rng = rng
    this.machines = ['ada', 'bob', 'cyd'].map((name) => scene.machine(name))
  }

  one<T>(items: readonly T[]): T {
    return items[Math.floor(this.#rng() * items.length)]!
  }

  async step(): Promise<void> {
    this.scene.now += this.#rng() * 3 * HOUR
    const machine = this.one(this.machines)
    const choice = this.#rng()
    if (choice < 0.35) await machine.backup()
    else if (choice < 0.45) await machine.record({ kind: 'note', text: 'by chance' })
    else if (choice < 0.6) await this.#forgetSome(machine)
    else await this.lookAmongOthers(machine)
  }

  /** A look during which others work. */
  async lookAmongOthers(machine: Machine): Promise<void> {
    const others = this.machines.filter((each) => each !== machine)
    const store = new Accompanied(this.scene.store, async () => {
      const choice = this.#rng()
      if (choice < 0.1) await this.one(others).backup()
      else if (choice < 0.2) await this.#forgetSome(this.one(others))
    })
    await machine.look({ store })
  }

  /** Any of them, also the newest and all of a writer. */
  async #forgetSome(machine: Machine): Promise<void> {
    const names = await this.scene.names('snap/')
    const chosen = names.filter(() => this.#rng() < 0.3)
    if (chosen.length > 0) await machine.forget(chosen.map((objectName) => placeOf({ objectName })))
  }
}

async function lived(seed: number): Promise<World & { readonly kept: readonly Checkpoint[] }> {
  const world = new World(await HistoryScene.create(), seededRng(seed))
  const kept: Checkpoint[] = []
  for (let at = 0; at < STEPS; at++) {
    await world.step()
    if (at % 8 === 7) kept.push(await checkpointOf(world.scene), await digested(world.scene))
  }
  return Object.assign(world, { kept })
}

test('a store that keeps what it was given is never refused, and an audit of it finds nothing', async () => {
  for (const seed of seeds(4)) {
    const { scene, machines, kept } = await lived(seed)
    for (const machine of machines) {
      await machine.look()
      assert.deepEqual((await audit(scene, { machine })).told, [], `seed ${seed}`)
    }
    for (const checkpoint of kept) assert.deepEqual((await audit(scene, { checkpoint })).told, [], `seed ${seed}`)
  }
})

test('whatever a machine has seen last of a writer cannot be hidden from it', async () => {
  for (const seed of seeds(4)) {
    const world = await lived(seed)
    const { scene } = world
    const machine = world.one(world.machines)
    await machine.backup()
    await machine.look()
    const seen = (await readSeen(await scene.open(), machine.state))!
    for (const [wid, head] of seen.snapshots) {
      const store = new HidingStore(scene.store, (name) => {
        const parsed = parseObjectName(name)
        return parsed?.kind === 'snapshot' && parsed.wid === wid && parsed.seq >= head.seq
      })
      await assert.rejects(machine.look({ store }), { code: 'rolled-back' }, `seed ${seed}, writer ${wid}`)
      const { findings } = await audit(scene, { store, machine })
      assert.ok(
        findings.some(({ kind }) => kind === 'missing'),
        `seed ${seed}, writer ${wid}`,
      )
    }
    await machine.look()
  }
})
