// Forgetting, bringing back and purging one snapshot, beside a pruner (T and L rules of docs/format.md, section 10). What a
// pruner does with packs is another model's matter (deletion-model.ts): here it looks for roots and deletes what no root needs.
import type { Bits } from './bits.ts'
import { each } from './bits.ts'
import type { Model, ModelState, Take } from './explore.ts'

export type TrashMistake =
  | 'forgets before the copy is there'
  | 'copies what may be gone'
  | 'recalls without a second look'
  | 'recalls without a copy of its own'
  | 'recalls from any copy'
  | 'purges without looking at the log'
  | 'purges what is young'
  | 'marks without the trash'
  | 'looks once into the trash'
  | 'looks at the snapshots first'
  | 'looks once into the trash, twice at the snapshots'
  | 'marks without the log'
  | 'uses names in the trash again'
  | 'goes on with an old copy'

export interface TrashSetting {
  /** How many forget it, bring it back, purge it; each does so once. */
  readonly forgetters: number
  readonly recallers: number
  readonly purgers: number
}

/** What was promised to the operator. */
const HISTORY = 0
/** It can be brought back for some days more. */
const RECALLABLE = 1
const NOTHING = 2

/** Copies that lie in the trash at different times have names of their own, by who put them. */
const COPY_BITS = 4
const FORGETTERS_COPIES = 3

const FORGETTER = { read: 0, copy: 1, look: 2, record: 3, remove: 4, over: 5 } as const
const RECALLER = { read: 0, copy: 1, look: 2, put: 3, record: 4, over: 5 } as const
const PURGER = { look: 0, remove: 1, over: 2 } as const

class TrashState implements ModelState {
  readonly setting: TrashSetting
  /** What the snapshot needs is in packs that are there. */
  content = true
  listed = true
  /** Copies in the trash, a bit for each name. */
  trash = 0
  /** Records so far, and whether the newest is one of forgetting. */
  records = 0
  forgotten = false
  /** That record is so old that the snapshot may be purged, and which copies are. */
  old = false
  oldCopies = 0
  /** Copies that a record names: who put them had seen that the content was there. */
  vouched = 0
  promise = HISTORY
  readonly forgetters: { at: number }[]
  readonly recallers: { at: number; copy: number }[]
  readonly purgers: { at: number; doomed: number }[]
  readonly mark = { at: 0, records: 0, found: false }

  constructor(setting: TrashSetting) {
    this.setting = setting
    this.forgetters = Array.from({ length: setting.forgetters }, () => ({ at: 0 }))
    this.recallers = Array.from({ length: setting.recallers }, () => ({ at: 0, copy: 0 }))
    this.purgers = Array.from({ length: setting.purgers }, () => ({ at: 0, doomed: 0 }))
  }

  visit(bits: Bits): void {
    this.content = bits.flag(this.content)
    this.listed = bits.flag(this.listed)
    this.trash = bits.field(this.trash, COPY_BITS)
    this.records = bits.field(this.records, 3)
    this.forgotten = bits.flag(this.forgotten)
    this.old = bits.flag(this.old)
    this.oldCopies = bits.field(this.oldCopies, COPY_BITS)
    this.vouched = bits.field(this.vouched, COPY_BITS)
    this.promise = bits.field(this.promise, 2)
    for (const each of this.forgetters) each.at = bits.field(each.at, 3)
    for (const each of this.recallers) {
      each.at = bits.field(each.at, 3)
      each.copy = bits.field(each.copy, COPY_BITS)
    }
    for (const each of this.purgers) {
      each.at = bits.field(each.at, 2)
      each.doomed = bits.field(each.doomed, COPY_BITS)
    }
    this.mark.at = bits.field(this.mark.at, 4)
    this.mark.records = bits.field(this.mark.records, 3)
    this.mark.found = bits.flag(this.mark.found)
  }

  record(forgotten: boolean): void {
    this.records++
    // Who forgets what is forgotten promises nothing new.
    if (forgotten && this.forgotten) return
    this.forgotten = forgotten
    this.old = false
    this.promise = forgotten ? RECALLABLE : HISTORY
  }
}

export function trashModel(setting: TrashSetting, ...mistakes: readonly TrashMistake[]): Model<TrashState> {
  const made = new Set(mistakes)
  return {
    initial: () => new TrashState(setting),
    steps: (state, take) => {
      for (const i of state.forgetters.keys()) forgetterSteps(state, i, made, take)
      for (const i of state.recallers.keys()) recallerSteps(state, i, made, take)
      for (const i of state.purgers.keys()) purgerSteps(state, i, made, take)
      markSteps(state, made, take)
      timePasses(state, made, take)
    },
    lost: ({ promise, content, listed, trash, vouched }) => {
      if (promise === HISTORY) return content && (listed || trash !== 0) ? undefined : 'a snapshot of the history'
      if (promise === NOTHING) return undefined
      return content && (listed || (trash & vouched) !== 0) ? undefined : 'a snapshot that can be brought back'
    },
  }
}

type Mistakes = ReadonlySet<TrashMistake>

/** So many days that what is in the trash may be purged. Who has put a copy and slept so long before the record begins anew. */
function timePasses(state: TrashState, mistakes: Mistakes, take: Take<TrashState>): void {
  const isUnderWay =
    state.forgetters.some(({ at }) => at === FORGETTER.look || at === FORGETTER.record) ||
    state.recallers.some(({ at }) => at > RECALLER.read && at < RECALLER.over)
  if ((state.old || !state.forgotten) && state.oldCopies === state.trash) return
  if (isUnderWay && !mistakes.has('goes on with an old copy')) return
  take('time', 'passes: it may be purged', (next) => {
    next.oldCopies = next.trash
    if (!next.forgotten) return
    next.old = true
    next.promise = NOTHING
  })
}

/** It is read, copied into the trash, seen to be still there, then comes the record, then it is taken out (T1, L1). */
function forgetterSteps(state: TrashState, i: number, mistakes: Mistakes, take: Take<TrashState>): void {
  const { at } = state.forgetters[i]!
  const who = `forgetter ${i + 1}`
  const go = (next: TrashState, to: number) => (next.forgetters[i]!.at = to)
  const own = mistakes.has('uses names in the trash again') ? 1 : 1 << i
  if (at === FORGETTER.read && state.listed) {
    const early = mistakes.has('forgets before the copy is there')
    take(who, early ? 'takes it out of the history first' : 'reads the snapshot', (next) => {
      if (early) next.listed = false
      go(next, FORGETTER.copy)
    })
  } else if (at === FORGETTER.copy) {
    take(who, 'puts a copy into the trash', (next) => {
      next.trash |= own
      go(next, mistakes.has('copies what may be gone') ? FORGETTER.record : FORGETTER.look)
    })
  } else if (at === FORGETTER.look) {
    take(who, state.listed ? 'sees that it is still there' : 'takes its copy away, which came too late', (next) => {
      if (!next.listed) next.trash &= ~own
      go(next, next.listed ? FORGETTER.record : FORGETTER.over)
    })
  } else if (at === FORGETTER.record) {
    take(who, 'puts its record', (next) => {
      next.record(true)
      next.vouched |= own
      go(next, FORGETTER.remove)
    })
  } else if (at === FORGETTER.remove) {
    take(who, 'takes it out of the history', (next) => {
      next.listed = false
      go(next, FORGETTER.over)
    })
  }
}

/**
 * Another copy under a name that nobody else will delete; then it is looked whether the copy that was read is still there,
 * and with it the content (T2). Only then the snapshot is put back, and the record. A copy of somebody who is about to bring it
 * back tells nothing about the content, so only copies are read that a record names.
 */
function recallerSteps(state: TrashState, i: number, mistakes: Mistakes, take: Take<TrashState>): void {
  const { at, copy } = state.recallers[i]!
  const who = `recaller ${i + 1}`
  const go = (next: TrashState, to: number) => {
    next.recallers[i]!.at = to
    if (to !== RECALLER.copy && to !== RECALLER.look) next.recallers[i]!.copy = 0
  }
  if (at === RECALLER.read) {
    const to = mistakes.has('recalls without a copy of its own') ? RECALLER.look : RECALLER.copy
    for (const found of each(mistakes.has('recalls from any copy') ? state.trash : state.trash & state.vouched)) {
      take(who, 'reads a copy in the trash', (next) => {
        go(next, to)
        next.recallers[i]!.copy = found
      })
    }
  } else if (at === RECALLER.copy) {
    take(who, 'puts another copy into the trash', (next) => {
      next.trash |= 4 << i
      go(next, RECALLER.look)
    })
  } else if (at === RECALLER.look) {
    const late = (state.trash & copy) === 0 && !mistakes.has('recalls without a second look')
    take(who, late ? 'finds that it was purged' : 'sees the copy again', (next) =>
      go(next, late ? RECALLER.over : RECALLER.put),
    )
  } else if (at === RECALLER.put) {
    take(who, 'puts the snapshot', (next) => {
      next.listed = true
      go(next, RECALLER.record)
    })
  } else if (at === RECALLER.record) {
    take(who, 'puts its record and reports success', (next) => {
      next.record(false)
      next.vouched |= 4 << i
      go(next, RECALLER.over)
    })
  }
}

/** Deletes copies of what is forgotten, according to the log and for long. */
function purgerSteps(state: TrashState, i: number, mistakes: Mistakes, take: Take<TrashState>): void {
  const { at, doomed } = state.purgers[i]!
  const who = `purger ${i + 1}`
  if (at === PURGER.look) {
    const isForgotten = mistakes.has('purges without looking at the log') || state.forgotten
    const young = mistakes.has('purges what is young')
    const due = young ? state.trash : state.old || !state.forgotten ? state.oldCopies : 0
    if (!isForgotten || state.listed || due === 0) return
    take(who, 'finds what it may purge', (next) => {
      next.purgers[i]!.doomed = due
      next.purgers[i]!.at = PURGER.remove
    })
  } else if (at === PURGER.remove) {
    take(who, 'purges the trash', (next) => {
      next.trash &= ~doomed
      next.oldCopies &= ~doomed
      next.purgers[i]!.doomed = 0
      next.purgers[i]!.at = PURGER.over
    })
  }
}

/** Roots: the trash, the snapshots, the trash again; and all of it anew when the log has grown meanwhile. */
function markSteps(state: TrashState, mistakes: Mistakes, take: Take<TrashState>): void {
  const { at, found } = state.mark
  const looks = marksLooks(mistakes)
  const go = (next: TrashState, to: number, seen = false) => {
    next.mark.found ||= seen
    next.mark.at = to
  }
  const look = looks[at]
  if (look === 'log') {
    take('pruner', 'lists the log', (next) => {
      next.mark.records = next.records
      go(next, at + 1)
    })
  } else if (look === 'snapshots') {
    take('pruner', 'lists the snapshots', (next) => go(next, at + 1, state.listed))
  } else if (look === 'page 1') {
    const seen = (state.trash & ~FORGETTERS_COPIES) !== 0
    take('pruner', 'lists a part of the trash', (next) => go(next, at + 1, seen))
  } else if (look === 'page 2') {
    const seen = (state.trash & FORGETTERS_COPIES) !== 0
    take('pruner', 'lists the rest of the trash', (next) => go(next, at + 1, seen))
  } else if (at === looks.length) {
    const grown = state.records !== state.mark.records && !mistakes.has('marks without the log')
    take('pruner', grown ? 'sees that the log has grown' : 'sees that the log is the same', (next) => {
      go(next, found ? MARK_OVER : grown ? 0 : at + 1)
      next.mark.found = false
      next.mark.records = 0
    })
  } else if (at === looks.length + 1) {
    take('pruner', 'deletes what no root needs', (next) => {
      next.content = false
      go(next, MARK_OVER)
    })
  }
}

type Look = 'log' | 'snapshots' | 'page 1' | 'page 2'

/** A list comes in pages, between which something may happen: here those of recallers are on the first. */
function marksLooks(mistakes: Mistakes): readonly Look[] {
  if (mistakes.has('marks without the trash')) return ['log', 'snapshots']
  if (mistakes.has('looks once into the trash')) return ['log', 'page 1', 'page 2', 'snapshots']
  if (mistakes.has('looks once into the trash, twice at the snapshots')) {
    return ['log', 'snapshots', 'page 1', 'page 2', 'snapshots']
  }
  if (mistakes.has('looks at the snapshots first')) return ['log', 'snapshots', 'page 1', 'page 2']
  return ['log', 'page 1', 'page 2', 'snapshots', 'page 1', 'page 2']
}

const MARK_OVER = 15
