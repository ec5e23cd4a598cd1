// The protocol of deletion with its processes, each as it should be or with mistakes.
import { each } from './bits.ts'
import type { Setting } from './deletion-state.ts'
import {
  DeletionState,
  KEPT,
  keysOfWriter,
  NEEDS,
  OLD,
  OLD_KEYS,
  packOfWriter,
  snapshotOfWriter,
} from './deletion-state.ts'
import type { Model, Take } from './explore.ts'
import type { Mistake, Mistakes } from './mistakes.ts'
import { prunerSteps, PUT_COPIES, TAKE_PLANS } from './pruner.ts'
import { repairerSteps } from './repairer.ts'
import { hasSucceeded, WRITER, writerSteps } from './writer.ts'

export function deletionModel(setting: Setting, ...mistakes: readonly Mistake[]): Model<DeletionState> {
  const made: Mistakes = new Set(mistakes)
  return {
    initial: () => {
      const state = new DeletionState(setting)
      if (setting.leftPlan !== undefined) for (const pruner of state.pruners) pruner.at = TAKE_PLANS
      if (setting.inHand !== undefined) {
        state.pruners.at(-1)!.at = PUT_COPIES
        state.made[1 + setting.pruners] = setting.inHand
        state.madeKeys[setting.pruners - 1] = OLD_KEYS
      }
      if (setting.before === true) {
        state.writers[0]!.at = WRITER.ended
        state.made[0] = setting.writers[0]!
        state.packs = state.index = setting.packs | packOfWriter(0)
        state.snapshots |= snapshotOfWriter(0)
        state.keys |= keysOfWriter(0)
      }
      return state
    },
    steps: (state, take) => {
      for (const i of state.writers.keys()) writerSteps(state, i, made, take)
      repairerSteps(state, made, take)
      for (const j of state.pruners.keys()) prunerSteps(state, j, made, take)
      othersSteps(state, take)
    },
    lost,
  }
}

/** What happens besides: snapshots are forgotten, and deletions are carried out once more. */
function othersSteps(state: DeletionState, take: Take<DeletionState>): void {
  for (const snapshot of each(state.snapshots & state.setting.forgotten)) {
    take('somebody', 'forgets a snapshot', (next) => next.change('snapshots', next.snapshots & ~snapshot))
  }
  for (const pack of each(state.late & state.packs)) {
    take('the store', 'carries out a deletion once more', (next) => next.change('packs', next.packs & ~pack))
  }
}

/** A snapshot that is kept, or was reported as done, has all its chunks in packs that are there and that an index names. */
function lost(state: DeletionState): string | undefined {
  const there = state.chunksIn(state.openable(state.packs & state.index))
  for (const snapshot of [OLD, KEPT]) {
    if ((state.snapshots & snapshot) !== 0 && (NEEDS[snapshot]! & ~there) !== 0)
      return 'a snapshot that was there from the start'
  }
  for (const [i, writer] of state.writers.entries()) {
    if (hasSucceeded(writer) && (state.setting.writers[i]! & ~there) !== 0) return `the snapshot of writer ${i + 1}`
  }
  return undefined
}
