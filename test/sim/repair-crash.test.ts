// Repairs that are cut off at every step, and that run beside a backup: what is done stays right, and the next repair comes to
// the end that one without a crash comes to. Which damage is tried depends on the seed.
import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { codeOf } from '../../src/base/errors.ts'
import type { Rng } from '../../src/base/random.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { initHashing } from '../../src/crypto/hash.ts'
import { parseObjectName, PREFIXES } from '../../src/format/names.ts'
import { checkRepository } from '../../src/ops/check.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import { repair } from '../../src/ops/repair/repair.ts'
import type { RepairResult } from '../../src/ops/repair/repair.ts'
import { createRepository } from '../../src/repo/create-repository.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import type { LocalState } from '../../src/repo/local-state.ts'
import { openRepository } from '../../src/repo/open-repository.ts'
import { CrashError, isCrash } from '../../src/store/faulty-store.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { RepairableStore } from '../support/repairable-store.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import { forEachSeed } from './seeds.ts'

const FILE = 'sim/repair-crash'
const CHUNKER = { min: 1024, average: 4096, max: 16_384 }
const PACK_SIZE = 65_536

type Objects = ReadonlyMap<string, Uint8Array>

interface World {
  readonly credential: { readonly kind: 'key-file'; readonly secret: Uint8Array }
  readonly state: LocalState
  /** Before anything was damaged. */
  readonly sound: Objects
}

function sourceOf(rng: Rng): ScriptedSource {
  const noise = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(rng() * 256))
  const files = Array.from({ length: 6 }, (_, i) => [`f${i}`, noise(20_000 + i)] as const)
  return new ScriptedSource(Object.fromEntries(files))
}

async function backup(
  store: Store,
  { credential, state }: Omit<World, 'sound'>,
  source: ScriptedSource,
): Promise<void> {
  await runBackup({
    repo: await openRepository(store, credential),
    source,
    state,
    clock: systemClock,
    random: secureRandom,
    host: 'host',
    user: 'somebody',
    tool: 'test',
    onEvent: ignoreEvents,
    makeExecutor: (setup) => inlineExecutor(setup, source),
  })
}

async function worldOf(rng: Rng): Promise<World> {
  await initHashing()
  const store = new RepairableStore()
  const credential = { kind: 'key-file' as const, secret: secureRandom(32) }
  const parity = { data: 0.1, meta: 1 }
  const made = { credential, clock: systemClock, random: secureRandom, chunker: CHUNKER, packSize: PACK_SIZE, parity }
  await createRepository(store, made)
  const world = { credential, state: memoryState() }
  await backup(store, world, sourceOf(rng))
  await backup(store, world, sourceOf(rng))
  await mend(store, world)
  return { ...world, sound: await objectsOf(store) }
}

async function mend(store: Store, { credential, state }: Omit<World, 'sound'>): Promise<RepairResult> {
  const repo = await openRepository(store, credential)
  return repair(repo, { state, clock: systemClock, random: secureRandom, host: 'host', tool: 'test', by: 'somebody' })
}

async function objectsOf(store: Store): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>()
  for await (const { name } of listAll(store, '')) objects.set(name, await store.get(name))
  return objects
}

async function storeOf(objects: Objects): Promise<RepairableStore> {
  const store = new RepairableStore()
  for (const [name, bytes] of objects) await store.put(name, [bytes])
  return store
}

/** What a bad disk leaves of some objects; nothing without which the repository does not open. */
function damaged({ sound }: World, rng: Rng): Objects {
  const objects = new Map(sound)
  const names = [...sound.keys()].filter((name) => !/^(?:format|keys|writers|sess|parity)\//.test(name))
  for (const name of names) {
    const bytes = sound.get(name)!
    const lot = rng()
    if (lot < 0.3) objects.set(name, bytes.with(Math.floor(rng() * bytes.length), Math.floor(rng() * 256)))
    else if (lot < 0.4) objects.set(name, bytes.slice().fill(0, bytes.length >> 2, (bytes.length >> 2) + 4000))
    else if (lot < 0.5 && !name.startsWith(PREFIXES.data)) objects.delete(name)
    else if (lot < 0.55) objects.delete(`${PREFIXES.parity}${name}`)
    else if (lot < 0.75 && name.startsWith(PREFIXES.data))
      objects.set(name, bytes.slice().fill(0, 8, bytes.length - 500))
  }
  return objects
}

/** The process dies in the change number `step`, before or after it has its effect. */
function dying(store: RepairableStore, step: number, after: boolean): Store {
  let changes = 0
  let dead = false
  const change = async <T>(effect: () => Promise<T>): Promise<T> => {
    if (dead) throw new CrashError()
    if (changes++ < step) return effect()
    dead = true
    if (after) await effect()
    throw new CrashError()
  }
  const live = <T>(effect: () => Promise<T>): Promise<T> => (dead ? Promise.reject(new CrashError()) : effect())
  return {
    location: store.location,
    listLagMs: 0,
    put: (name, parts) => change(() => store.put(name, parts)),
    replace: (name, parts) => change(() => store.replace(name, parts)),
    delete: (name) => change(() => store.delete(name)),
    get: (name, range) => live(() => store.get(name, range)),
    stat: (name) => live(() => store.stat(name)),
    keep: (name) => live(() => store.keep(name)),
    list: (prefix, cursor) => live(() => store.list(prefix, cursor)),
    close: () => store.close(),
  }
}

const lostIn = ({ lost }: RepairResult) => lost.map(({ object }) => object).sort()

/** Nothing has wrong bytes under its name that had right ones, and nothing is gone. */
function assertNothingWorse(before: Objects, now: Objects, { sound }: World): void {
  for (const [name, bytes] of sound) {
    const isKept = parseObjectName(name)?.kind !== 'index' && before.get(name) !== undefined
    if (isKept && Buffer.compare(before.get(name)!, bytes) === 0) {
      assert.ok(now.has(name) && Buffer.compare(now.get(name)!, bytes) === 0, `${name} is as it was`)
    }
  }
}

test('a repair that is cut off at any step is finished by the next one', async () => {
  let healed = 0
  let lost = 0
  await forEachSeed(FILE, 4, async (seed) => {
    const rng = seededRng(seed)
    const world = await worldOf(rng)
    const before = damaged(world, rng)
    const reference = await storeOf(before)
    const expected = await mend(reference, world)
    healed += expected.steps.filter(({ kind }) => kind === 'healed' || kind === 'brought-back').length
    lost += expected.lostCount
    for (let step = 0, finished = false; !finished; step += 1 + Math.floor(rng() * 3)) {
      const store = await storeOf(before)
      finished = await mend(dying(store, step, rng() < 0.5), world).then(
        () => true,
        (error: unknown) => {
          if (!isCrash(error)) throw error
          return false
        },
      )
      assertNothingWorse(before, await objectsOf(store), world)
      assert.deepEqual(lostIn(await mend(store, world)), lostIn(expected), `cut off at ${step}`)
      assertNothingWorse(before, await objectsOf(store), world)
      const { steps } = await mend(store, world)
      assert.deepEqual(
        steps.filter(({ kind }) => kind !== 'recorded'),
        [],
        'then there is nothing left to do',
      )
    }
  })
  assert.ok(healed > 0 && lost > 0, `${healed} objects were healed, ${lost} could not be`)
})

test('a backup beside a repair is whole, and so is everything that the repair could heal', async () => {
  await forEachSeed(FILE, 4, async (seed) => {
    const rng = seededRng(seed + 1000)
    const world = await worldOf(rng)
    const store = await storeOf(damaged(world, rng))
    const source = sourceOf(rng)
    // A backup that meets folders that are not healed yet fails and says so.
    const beside = backup(store, { ...world, state: memoryState() }, source).catch((error: unknown) => {
      if (codeOf(error) !== 'corrupt') throw error
    })
    await Promise.all([mend(store, world), beside])
    await mend(store, world)
    // The source has all that it ever gave to this snapshot, whatever was damaged while it was made.
    await backup(store, world, source)
    const repo = await openRepository(store, world.credential)
    const { damages } = await checkRepository({ repo, depth: 'all', rng: seededRng(1), threads: 0 })
    const [newest] = (await repo.snapshots()).toSorted((a, b) => b.receivedMs - a.receivedMs || b.seq - a.seq)
    const costsNewest = damages.filter(({ affected }) => affected.some(({ id }) => id === newest!.id))
    assert.deepEqual(costsNewest, [])
  })
})
