// A bit flipped anywhere in a repository is noticed, the object that has it is named, and nothing wrong is ever restored.
//
//   HOLDFAST_DAMAGE=20   so many times the positions of a normal run (nightly)
//   HOLDFAST_SIM_SEED=7  positions by this seed
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseObjectName } from '../../src/format/names.ts'
import { BitFlips } from './bit-flips.ts'
import { scrubbed } from './observation.ts'
import { storeOf } from './small-repository.ts'
import { Laboratory } from './trial.ts'

const TIMES = Number(process.env['HOLDFAST_DAMAGE'] || 1)
const SEED = Number(process.env['HOLDFAST_SIM_SEED'] || 1)
const lab = await Laboratory.create()
const flips = new BitFlips(lab, SEED)
const kindOf = (name: string): string => parseObjectName(name)!.kind
const SMALL = [...lab.objects.keys()].filter((name) => kindOf(name) !== 'pack')

/** Positions of each small object with all checks; scrubbing covers every byte. */
const SMALL_POSITIONS = 8 * TIMES
/** Positions of each region of each pack. */
const REGION_POSITIONS = TIMES

for (const [kind, [name]] of Object.entries(Object.groupBy(SMALL, kindOf)) as [string, string[]][]) {
  test(`a bit flipped in any byte of an object of the kind ${kind} is found by a scrub, which names no other object`, async () => {
    const store = await storeOf(new Map(excerptFor(name!).map((each) => [each, lab.objects.get(each)!])))
    assert.deepEqual(await scrubbed(store), [])
    for (let at = 0; at < lab.objects.get(name!)!.length; at++) {
      store.damage(name!, flips.flipped(name!, at))
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
  for (const name of SMALL) await flips.within(name, SMALL_POSITIONS)
})

test('a bit flipped in any region of a pack is named with the snapshots and paths that it costs', async () => {
  const before = flips.trials
  let lost = 0
  for (const name of lab.names('pack')) lost += await flips.withinRegions(name, REGION_POSITIONS)
  assert.ok(lost > flips.trials - before, 'most of what is in a pack is needed')
})
