// A bit flipped anywhere in a repository is noticed, the object that has it is named, and nothing wrong is ever restored.
//
//   HOLDFAST_DAMAGE=20   so many times the positions of a normal run (nightly)
//   HOLDFAST_SIM_SEED=7  positions by this seed
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRng } from '../../src/base/random.ts'
import { HEADER_SIZE } from '../../src/format/object-header.ts'
import { SEAL_OVERHEAD } from '../../src/crypto/seal.ts'
import { openTrailer, TRAILER_STORED_SIZE } from '../../src/format/directory.ts'
import { parseObjectName } from '../../src/format/names.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import { checked, damagedObjects, scrubbed } from './observation.ts'
import { storeOf } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const TIMES = Number(process.env['HOLDFAST_DAMAGE'] || 1)
const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const rng = seededRng(SEED)
const lab = await Laboratory.create()
const kindOf = (name: string): string => parseObjectName(name)!.kind
const SMALL = [...lab.objects.keys()].filter((name) => kindOf(name) !== 'pack')
const PACKS = lab.names('pack')

/** Positions of each small object with all checks; scrubbing covers every byte. */
const SMALL_POSITIONS = 8 * TIMES
/** Positions of each region of each pack: header, salts, ciphertexts, tags, fill, directory, trailer. */
const REGION_POSITIONS = TIMES
/** Restoring writes files: one trial in so many. */
const RESTORE_EVERY = 4

for (const [kind, [name]] of Object.entries(Object.groupBy(SMALL, kindOf)) as [string, string[]][]) {
  test(`a bit flipped in any byte of an object of the kind ${kind} is found by a scrub, which names no other object`, async () => {
    const store = await storeOf(new Map(excerptFor(name!).map((each) => [each, lab.objects.get(each)!])))
    assert.deepEqual(await scrubbed(store), [])
    const bytes = lab.objects.get(name!)!
    for (let at = 0; at < bytes.length; at++) {
      store.damage(name!, flipped(bytes, at))
      assert.deepEqual(await scrubbed(store), [name], `byte ${at}`)
    }
  })
}

/** The fewest objects in which nothing is missing to a scrub: one takes a fraction of the time. */
function excerptFor(name: string): string[] {
  const kind = kindOf(name)
  const needed = ['description', 'writer']
  // The chain of snapshots leads from one to the other, and from each to the keys of its session.
  if (kind === 'snapshot') needed.push('snapshot', 'session-keys')
  return [...new Set([...needed.flatMap((each) => lab.names(each)), name])]
}

test('a bit flipped in a small object is named by scrub and check, and what is read is right or names it', async () => {
  let trials = 0
  for (const name of SMALL) {
    const bytes = lab.objects.get(name)!
    for (let i = 0; i < SMALL_POSITIONS; i++) await trial(name, bytes, below(bytes.length), trials++)
  }
})

test('a bit flipped in any region of a pack is named with the snapshots and paths that it costs', async () => {
  let trials = 0
  let lost = 0
  for (const name of PACKS) {
    const bytes = lab.objects.get(name)!
    for (const [start, end] of await regionsOf(name, bytes)) {
      for (let i = 0; i < REGION_POSITIONS; i++) {
        lost += await trial(name, bytes, start + below(end - start), trials++)
      }
    }
  }
  assert.ok(lost > trials, 'most of what is in a pack is needed')
})

async function trial(name: string, bytes: Uint8Array, at: number, number: number): Promise<number> {
  const store = await lab.storeWith({ [name]: flipped(bytes, at) })
  try {
    return await observe(name, store, number)
  } catch (cause) {
    throw new Error(`a bit of byte ${at} of ${name} (seed ${SEED}): ${(cause as Error).stack}`, { cause })
  }
}

async function observe(name: string, store: MemoryStore, number: number): Promise<number> {
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
async function regionsOf(name: string, bytes: Uint8Array): Promise<[number, number][]> {
  const repo = await lab.made.open()
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

const TAG = 16
const SALT = SEAL_OVERHEAD - TAG

function below(bound: number): number {
  return Math.floor(rng() * bound)
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const damaged = bytes.slice()
  damaged[at]! ^= 1 << below(8)
  return damaged
}
