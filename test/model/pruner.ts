// A prune, step by step (docs/format.md, section 10), and what it might do wrong. Whoever finds a plan carries it out, whether
// its pruner has died, sleeps or is at work. For that what a plan condemns is never relied on again: where it is needed after
// all it is copied.
import { each, subsets } from './bits.ts'
import type { DeletionState, Pruner } from './deletion-state.ts'
import { KEPT, NEEDS, OLD, packOfPruner, snapshotOfWriter } from './deletion-state.ts'
import type { Take } from './explore.ts'
import type { Mistakes } from './mistakes.ts'

/** What a pruner does, in this order. Looks are made in the order that `looksOf` gives. */
const STEPS = [
  'look 1',
  'look 2',
  'look 3',
  'look 4',
  'choose',
  'read blocks',
  'put copies',
  'index copies',
  'put plan',
  'take plans',
  'settle plans',
  'list sessions',
  'wait',
  'settle fence',
  'look again 1',
  'look again 2',
  'look again 3',
  'look again 4',
  'decide',
  'read rescued',
  'rescue',
  'index rescued',
  'delete index',
  'delete packs',
  'delete keys',
  'settle deletions',
  'delete plans',
  'over',
] as const
type Step = (typeof STEPS)[number]

/** Where who goes on with the plans of others begins, and who has read what he wants to copy. */
export const TAKE_PLANS = STEPS.indexOf('take plans')
export const PUT_COPIES = STEPS.indexOf('put copies')

type Look = 'snapshots' | 'plans' | 'index' | 'packs'

function looksOf(mistakes: Mistakes): readonly Look[] {
  if (mistakes.has('other plans last')) return ['snapshots', 'index', 'packs', 'plans']
  if (mistakes.has('packs looked for before other plans')) return ['snapshots', 'packs', 'plans', 'index']
  return ['snapshots', 'plans', 'index', 'packs']
}

export function prunerSteps(state: DeletionState, j: number, mistakes: Mistakes, take: Take<DeletionState>): void {
  new PrunerTurn(state, j, mistakes, take).offer()
}

/** The steps that one pruner may take in one state. */
class PrunerTurn {
  readonly #state: DeletionState
  readonly #j: number
  readonly #mistakes: Mistakes
  readonly #take: Take<DeletionState>
  readonly #own: Pruner

  constructor(state: DeletionState, j: number, mistakes: Mistakes, take: Take<DeletionState>) {
    this.#state = state
    this.#j = j
    this.#mistakes = mistakes
    this.#take = take
    this.#own = state.pruners[j]!
  }

  offer(): void {
    const state = this.#state
    const own = this.#own
    const step = STEPS[own.at]!
    if (step.startsWith('look ')) {
      const look = looksOf(this.#mistakes)[Number(step.at(-1)) - 1]!
      if (!step.startsWith('look again')) return this.#look(look)
      const skipped =
        this.#mistakes.has('no second look') || (look === 'index' && this.#mistakes.has('the first index again'))
      return skipped ? this.#do('does not look again', () => {}) : this.#look(look)
    }
    if (step === 'choose') return this.#choose()
    if (step === 'read blocks' || step === 'read rescued') return this.#readBlocks()
    if (step === 'put copies' || step === 'rescue') {
      return this.#do('puts a pack of copies', (next) => next.change('packs', next.packs | packOfPruner(this.#j)))
    }
    if (step === 'index copies') {
      // What it had in hand was of an earlier run.
      const then = state.setting.before === true && own.doomed === 0 ? 'look 1' : 'put plan'
      const what = 'puts an index of its copies'
      return this.#go(then, what, (next) => next.change('index', next.index | packOfPruner(this.#j)))
    }
    if (step === 'put plan') return this.#putPlan()
    if (step.startsWith('settle ')) {
      return this.#do('waits until that shows', (next, pruner) => next.endOfWait(pruner))
    }
    if (step === 'list sessions') {
      for (const intents of state.seen('intents')) {
        const then = this.#mistakes.has('the sessions before the plan') ? 'put plan' : 'wait'
        this.#go(then, 'lists the sessions', (_next, pruner) => (pruner.waiting = intents))
      }
      return
    }
    if (step === 'wait') return this.#wait()
    if (step === 'take plans') return this.#takePlans()
    if (step === 'decide') return this.#decide()
    if (step === 'index rescued') {
      return this.#go('look again 1', 'puts an index of its copies and looks again', (next) =>
        next.change('index', next.index | packOfPruner(this.#j)),
      )
    }
    if (step === 'delete index') {
      return this.#do('puts an index without them', (next) => next.change('index', next.index & ~own.doomed))
    }
    if (step === 'delete packs') return this.#deletePacks()
    if (step === 'delete keys') {
      return this.#do('deletes key objects', (next) => (next.keys &= ~own.doomedKeys))
    }
    if (step === 'delete plans') return this.#deletePlans()
  }

  /** A look at the store; who makes it again uses what is there now. */
  #look(look: Look): void {
    const state = this.#state
    if (look === 'snapshots') {
      for (const snapshots of state.seen('snapshots')) {
        this.#do('lists the snapshots', (_next, pruner) => (pruner.live = chunksNeeded(state, snapshots)))
      }
    } else if (look === 'plans') {
      for (const plans of state.seen('plans')) {
        const others = state.condemnedBut(this.#own.carried, this.#mistakes.has('no look at other plans') ? 0 : plans)
        this.#do('reads the plans of others', (_next, pruner) => {
          pruner.others = others.packs
          pruner.otherKeys = others.keys
        })
      }
    } else if (look === 'index') {
      for (const index of state.seen('index')) {
        this.#do('reads the index', (_next, pruner) => (pruner.indexed = index))
      }
    } else {
      for (const packs of state.seen('packs')) {
        this.#do('lists the packs', (_next, pruner) => (pruner.present = packs))
      }
    }
  }

  /** Packs that hold what is relied on, if those of `doomed` are not counted. */
  #copies(doomed: number, doomedKeys: number): number {
    const { indexed, present, others, otherKeys } = this.#own
    const there = this.#mistakes.has('the index at its word in pruning') ? indexed : indexed & present
    const going = this.#mistakes.has('relies on what loses its keys') ? 0 : otherKeys | doomedKeys
    return this.#state.openable(there & ~others & ~doomed, this.#state.keys & ~going)
  }

  /** Any packs, so long as each chunk that is needed is still in another or is copied. */
  #choose(): void {
    const state = this.#state
    const own = this.#own
    const { copying, keys, doomedMax = 7 } = state.setting
    const first: Step = this.#mistakes.has('the sessions before the plan') ? 'list sessions' : 'put plan'
    const coverable = own.live & state.chunksIn(this.#copies(0, 0))
    for (const doomed of subsets(own.present & ~own.others)) {
      if (countBits(doomed) > doomedMax) continue
      // Keys go when nothing is left that they open: what is condemned may have to be copied.
      const unused = state.keys & ~state.keysFor(own.present)
      for (const doomedKeys of keys === true ? subsets(unused) : [0]) {
        if (doomed === 0 && doomedKeys === 0) {
          this.#go('take plans', 'has nothing to delete', () => {})
          continue
        }
        const uncovered = coverable & ~state.chunksIn(this.#copies(doomed, doomedKeys))
        const noPlan = this.#mistakes.has('no plan for what no index names') && (doomed & own.indexed) === 0
        if (uncovered === 0) {
          this.#go(
            noPlan || (doomed === 0 && this.#mistakes.has('no plan for keys')) ? 'delete index' : first,
            'chooses what to delete',
            (_next, pruner) => {
              pruner.doomed = doomed
              pruner.doomedKeys = doomedKeys
            },
          )
        } else if (copying === true && state.made[2 + this.#j] === 0) {
          this.#go('read blocks', 'chooses what to copy and delete', (next, pruner) => {
            pruner.doomed = doomed
            pruner.doomedKeys = doomedKeys
            next.made[2 + this.#j] = uncovered
          })
        }
      }
    }
  }

  /** Whole blocks from packs that are there; who does not find one any more gives up. */
  #readBlocks(): void {
    const state = this.#state
    let left = state.made[2 + this.#j]!
    let keys = 0
    for (const pack of each(state.openable(state.packs & this.#own.doomed))) {
      if ((left & state.contentOf(pack)) === 0) continue
      left &= ~state.contentOf(pack)
      keys |= state.keysFor(pack)
    }
    if (left !== 0) return this.#go('over', 'does not find what it wanted to copy', () => {})
    const { keys: going } = state.condemnedBut(0)
    if ((keys & going) !== 0) return this.#go('over', 'does not copy what loses its keys', () => {})
    this.#do('reads what it copies', (next) => (next.madeKeys[this.#j] = keys))
  }

  #putPlan(): void {
    const { doomed, doomedKeys } = this.#own
    const change = (next: DeletionState, pruner: Pruner) => {
      next.change('plans', next.plans | (1 << this.#j))
      next.planned[this.#j] = doomed
      next.plannedKeys[this.#j] = this.#mistakes.has('no plan for keys') ? 0 : doomedKeys
      pruner.carried = 1 << this.#j
    }
    if (this.#mistakes.has('the sessions before the plan')) return this.#go('wait', 'puts its plan', change)
    this.#do('puts its plan', change)
  }

  /**
   * Any of the plans that are there, whosever. Where lists lag, a plan that this one sees others
   * may not see yet.
   */
  #takePlans(): void {
    const state = this.#state
    const own = state.plans & (1 << this.#j)
    const then: Step = this.#mistakes.has('no wait after the plan') ? 'list sessions' : 'settle plans'
    for (const plans of state.seen('plans')) {
      const all = plans | own
      if (all === 0) this.#go('over', 'finds no plan', () => {})
      for (const carried of subsets(all)) {
        if (carried === 0) continue
        this.#go(then, 'takes plans to carry out', (_next, pruner) => {
          pruner.carried = carried
          const condemned = state.condemnedBut(0, carried)
          pruner.doomed = condemned.packs
          if (!this.#mistakes.has('no plan for keys')) pruner.doomedKeys = condemned.keys
        })
      }
    }
  }

  /** For sessions that may not have read the plan; one that shows no sign of life is fenced. */
  #wait(): void {
    const { waiting } = this.#own
    const then: Step = this.#mistakes.has('no wait after a fence') ? 'look again 1' : 'settle fence'
    if (waiting === 0 || this.#mistakes.has('no wait for sessions')) {
      return this.#go(then, 'waits for nobody', (_next, pruner) => (pruner.waiting = 0))
    }
    for (const session of each(waiting)) {
      for (const intents of this.#state.seen('intents')) {
        const left = waiting & ~session
        const gone = (intents & session) === 0
        this.#go(
          left === 0 ? then : 'wait',
          gone ? 'sees that a session is over' : 'fences a session',
          (next, pruner) => {
            if (!gone) next.change('intents', next.intents & ~session)
            pruner.waiting = left
          },
        )
      }
    }
  }

  /** What is needed after all is copied, and looked at again; then everything that the plans condemn goes. */
  #decide(): void {
    const state = this.#state
    const { doomed, doomedKeys, live, present } = this.#own
    const uncovered = live & ~state.chunksIn(this.#copies(doomed, doomedKeys))
    const inDoomed = state.chunksIn(state.openable(present & doomed))
    const needed = this.#mistakes.has('no second look') ? 0 : uncovered & inDoomed
    const keysLeft = this.#mistakes.has('no second look at keys')
      ? doomedKeys
      : doomedKeys & ~state.keysFor(present & ~doomed)
    if (needed === 0) {
      const first: Step = this.#mistakes.has('the plan before the packs') ? 'delete plans' : 'delete index'
      return this.#go(first, 'sees that nothing of it is needed', (_next, pruner) => (pruner.doomedKeys = keysLeft))
    }
    if (this.#mistakes.has('keeps what is needed')) {
      let kept = 0
      for (const pack of each(doomed)) if ((state.contentOf(pack) & needed) !== 0) kept |= pack
      return this.#go('delete index', 'keeps what is needed', (_next, pruner) => (pruner.doomed = doomed & ~kept))
    }
    // Each copies once: who would have to do it again gives up, and nothing is deleted.
    if (state.made[2 + this.#j] !== 0) return this.#go('over', 'gives up', () => {})
    this.#do('sees that something of it is needed', (next) => (next.made[2 + this.#j] = needed))
  }

  #deletePacks(): void {
    const { doomed } = this.#own
    const then: Step = this.#state.setting.keys === true ? 'delete keys' : this.#afterDeletions()
    this.#go(then, 'deletes packs', (next) => {
      next.change('packs', next.packs & ~doomed)
      if (next.setting.late === true) next.late |= doomed
    })
  }

  #afterDeletions(): Step {
    if (this.#mistakes.has('the plan before the packs')) return 'over'
    return this.#mistakes.has('no wait after deletions') ? 'delete plans' : 'settle deletions'
  }

  /** A plan stays while keys are there that it condemns. */
  #deletePlans(): void {
    const state = this.#state
    let left = 0
    for (const k of state.pruners.keys()) if ((state.plannedKeys[k]! & state.keys) !== 0) left |= 1 << k
    if (this.#mistakes.has('the plan before the keys')) left = 0
    const gone = this.#own.carried & ~left
    const then: Step = this.#mistakes.has('the plan before the packs') ? 'delete index' : 'over'
    this.#go(then, 'deletes the plans', (next) => next.change('plans', next.plans & ~gone))
  }

  #do(what: string, change: (next: DeletionState, pruner: Pruner) => void): void {
    this.#go(STEPS[this.#own.at + 1]!, what, change)
  }

  #go(to: Step, what: string, change: (next: DeletionState, pruner: Pruner) => void): void {
    this.#take(`pruner ${this.#j + 1}`, what, (next) => {
      const pruner = next.pruners[this.#j]!
      change(next, pruner)
      if (to.startsWith('settle ') && to !== STEPS[this.#own.at]) next.beginToWait(pruner)
      const settled = to.startsWith('settle ') && next.setting.lag !== true
      pruner.at = STEPS.indexOf(to) + (settled ? 1 : 0)
      const { indexed } = pruner
      forgetWhatIsNotNeeded(pruner, STEPS[pruner.at]!)
      if (this.#mistakes.has('the first index again') && to !== 'over') pruner.indexed = indexed
    })
  }
}

/** States that differ in nothing that matters any more are one. */
function forgetWhatIsNotNeeded(pruner: Pruner, at: Step): void {
  const looking = at.startsWith('look') || at === 'choose' || at === 'decide'
  if (!at.startsWith('settle ')) pruner.settling = 0
  if (!looking) pruner.live = pruner.others = pruner.otherKeys = pruner.present = pruner.indexed = 0
  if (at === 'over') pruner.doomed = pruner.doomedKeys = pruner.carried = 0
}

function chunksNeeded(state: DeletionState, snapshots: number): number {
  let chunks = 0
  if ((snapshots & OLD) !== 0) chunks |= NEEDS[OLD]!
  if ((snapshots & KEPT) !== 0) chunks |= NEEDS[KEPT]!
  for (const [i, wanted] of state.setting.writers.entries())
    if ((snapshots & snapshotOfWriter(i)) !== 0) chunks |= wanted
  return chunks
}

function countBits(set: number): number {
  return [...each(set)].length
}
