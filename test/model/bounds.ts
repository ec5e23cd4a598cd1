// How far the model checker goes in a test:
//   HOLDFAST_MODEL=large    also the settings that take minutes
import type { TestContext } from 'node:test'
import type { Exploration } from './explore.ts'

/** Whether a bound that takes minutes is asked for. */
export const LARGE = process.env['HOLDFAST_MODEL'] === 'large'

/** States of one exploration at most: 40 bytes each. */
export const STATES_MAX = LARGE ? 40_000_000 : 2_000_000

export function report(context: TestContext, { states, depth }: Exploration): void {
  context.diagnostic(`${states} states, up to ${depth} steps`)
}
