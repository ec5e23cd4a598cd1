// Random histories (history/history.ts): some hundreds here, and so many times as many by HOLDFAST_SIM_SEEDS (seeds.ts). At
// every step of the protocol somebody dies in one of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { runHistory } from './history/history.ts'
import { allSteps } from './history/steps.ts'
import { forEachSeed } from './seeds.ts'

const FILE = 'sim/histories'
const HISTORIES = 200

test('random histories lose nothing, and at every step of the protocol somebody dies in one', async (context) => {
  const deaths = new Map<string, number>()
  const ends = new Map<string, number>()
  const began = performance.now()
  let count = 0
  let deletions = 0
  await forEachSeed(FILE, HISTORIES, async (seed) => {
    const report = await runHistory(seed)
    count++
    deletions += report.deletions
    for (const step of report.deaths) deaths.set(step, (deaths.get(step) ?? 0) + 1)
    context.diagnostic(`${deletions} deletions by prunes were in order`)
    for (const [end, times] of report.ends) ends.set(end, (ends.get(end) ?? 0) + times)
    if (count % 1000 === 0) context.diagnostic(`${count} histories`)
  })
  const seconds = (performance.now() - began) / 1000
  context.diagnostic(`${count} histories in ${seconds.toFixed(0)} s`)
  for (const [end, times] of ends) context.diagnostic(`${times} of ${end}`)
  for (const [step, times] of deaths) context.diagnostic(`${times} deaths at ${step}`)
  if (count < HISTORIES) return // one seed alone
  const never = allSteps().filter((step) => !deaths.has(step))
  assert.ok(deletions > 0, 'prunes delete something')
  assert.deepEqual(never, [], 'nobody died there')
})
