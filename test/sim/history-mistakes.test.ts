// Random histories (history/history.ts) in which somebody makes a mistake: they have to find it, by what is lost.
import assert from 'node:assert/strict'
import test from 'node:test'
import { runHistory } from './history/history.ts'
import { MISTAKES } from './history/mistakes.ts'

/** Histories in which a mistake has to be found. */
const BUDGET = 400

for (const [what, mistake] of Object.entries(MISTAKES)) {
  test(`${what} is found out by what is lost`, async (context) => {
    for (let seed = 1; seed <= BUDGET; seed++) {
      const error = await runHistory(seed, mistake).then(
        () => undefined,
        (cause: unknown) => cause as Error,
      )
      if (error === undefined) continue
      context.diagnostic(`history ${seed}: ${error.message}`)
      return
    }
    assert.fail(`not found in ${BUDGET} histories`)
  })
}
