// What a backup says of packs that the index names and that are not there, and the other way round.
import type { PackRecord } from '../../repo/index/loaded-index.ts'
import type { ProblemEvent } from '../events.ts'

/** Names of packs shown; `holdfast check` has them all. */
const PACKS_SHOWN = 3

export function missingWarning(packs: readonly PackRecord[]): ProblemEvent {
  const one = packs.length === 1
  const what = one ? '1 pack that the index names is' : `${packs.length} packs that the index names are`
  return warning(`${what} missing or not whole`, packs)
}

export function closedWarning(packs: readonly PackRecord[]): ProblemEvent {
  const what = packs.length === 1 ? '1 pack cannot be opened' : `${packs.length} packs cannot be opened`
  return warning(
    `${what}, because the keys of the session that stored ${packs.length === 1 ? 'it' : 'them'} are gone or damaged`,
    packs,
  )
}

function warning(what: string, packs: readonly PackRecord[]): ProblemEvent {
  const names = packs.slice(0, PACKS_SHOWN).map(({ objectName }) => objectName)
  if (packs.length > PACKS_SHOWN) names.push(`${packs.length - PACKS_SHOWN} more`)
  const held = packs.length === 1 ? 'it held' : 'they held'
  const message = `${what}; what ${held} is stored again where the source still has it; run \`holdfast check\` (${names.join(', ')})`
  return { type: 'warning', code: 'not-found', message }
}

export function adoptedWarning(count: number): ProblemEvent {
  const what = count === 1 ? '1 pack that no segment of it names is' : `${count} packs that no segment of it names are`
  return {
    type: 'warning',
    code: 'not-found',
    fact: 'index-incomplete',
    message: `the index was incomplete: ${what} indexed again`,
  }
}
