// Somebody who brings back into the index what no segment names, in a session of its own. It never puts a pack again under
// its name: a deletion of that name may still be on its way.
import type { DeletionState } from './deletion-state.ts'
import { SESSION_OF_REPAIRER } from './deletion-state.ts'
import type { Take } from './explore.ts'
import type { Mistakes } from './mistakes.ts'
import { lookAround, looksOf } from './writer.ts'

const PUT = 5
const END = 6
const OVER = 7

export function repairerSteps(state: DeletionState, mistakes: Mistakes, take: Take<DeletionState>): void {
  const [repairer] = state.repairers
  if (repairer === undefined) return
  const who = 'repairer'
  const looks = looksOf(state.setting, mistakes)
  const move = (next: DeletionState, at: number) => {
    const own = next.repairers[0]!
    own.at = at
    if (at >= PUT) own.settling = 0
    if (at > PUT) own.condemned = own.condemnedKeys = own.indexed = own.present = 0
  }
  if (repairer.at < looks.length) {
    lookAround(state, looks[repairer.at]!, {
      who,
      session: SESSION_OF_REPAIRER,
      mistakes,
      take,
      change: (next, set) => {
        set(next.repairers[0]!)
        move(next, repairer.at + 1 === looks.length ? PUT : repairer.at + 1)
      },
    })
  } else if (repairer.at === PUT) {
    const usable = ~repairer.condemned
    const missing = repairer.indexed & ~repairer.present & usable
    if (mistakes.has('puts packs back by their names') && missing !== 0) {
      take(who, 'puts packs back that the index names', (next) => {
        next.change('packs', next.packs | missing)
        move(next, END)
      })
      return
    }
    const unnamed = repairer.present & ~repairer.indexed & usable
    take(who, 'puts an index of what none names', (next) => {
      next.change('index', next.index | unnamed)
      move(next, END)
    })
  } else if (repairer.at === END) {
    take(who, 'ends', (next) => {
      next.change('intents', next.intents & ~SESSION_OF_REPAIRER)
      move(next, OVER)
    })
  }
}
