// A backup, step by step (W1 to W9 of docs/format.md, section 10), and what it might do wrong. It works once: whoever was
// fenced begins anew as another writer.
import { each } from './bits.ts'
import type { DeletionState, Reader, Setting } from './deletion-state.ts'
import { keysOfWriter, packOfWriter, sessionOfWriter, snapshotOfWriter } from './deletion-state.ts'
import type { Take } from './explore.ts'
import type { Mistakes } from './mistakes.ts'

/** Where a writer stands. The looks are made in the order that `looksOf` gives. */
export const WRITER = {
  looks: 0, // to 4
  putKeys: 5,
  putPack: 6,
  putIndex: 7,
  putSnapshot: 8,
  settle: 9,
  confirm: 10,
  succeeded: 11,
  ended: 12,
  fenced: 13,
} as const

export function hasSucceeded({ at }: Reader): boolean {
  return at === WRITER.succeeded || at === WRITER.ended
}

export type Look = 'intent' | 'settle' | 'plans' | 'index' | 'packs'

/** What a session does before it relies on anything (W1, W8). */
export function looksOf({ lag }: Setting, mistakes: Mistakes): readonly Look[] {
  const order = orderOf(mistakes)
  return lag === true ? order : order.filter((look) => look !== 'settle')
}

function orderOf(mistakes: Mistakes): readonly Look[] {
  if (mistakes.has('the intent after the plans')) return ['plans', 'intent', 'settle', 'index', 'packs']
  if (mistakes.has('the index before the plans')) return ['intent', 'settle', 'index', 'plans', 'packs']
  if (mistakes.has('the packs before the plans')) return ['intent', 'settle', 'packs', 'plans', 'index']
  if (mistakes.has('no wait after the intent')) return ['intent', 'plans', 'index', 'packs']
  return ['intent', 'settle', 'plans', 'index', 'packs']
}

/** One look of a session; the step after it is one further, unless `then` says otherwise. */
export function lookAround(
  state: DeletionState,
  look: Look,
  {
    who,
    session,
    mistakes,
    change,
    take,
  }: {
    readonly who: string
    readonly session: number
    readonly mistakes: Mistakes
    readonly change: (next: DeletionState, set: (reader: Reader) => void) => void
    readonly take: Take<DeletionState>
  },
): void {
  if (look === 'intent') {
    take(who, 'puts its intent', (next) => {
      if (!mistakes.has('no intent')) next.change('intents', next.intents | session)
      change(next, (reader) => next.beginToWait(reader))
    })
  } else if (look === 'settle') {
    take(who, 'waits until its intent shows', (next) => change(next, (reader) => next.endOfWait(reader)))
  } else if (look === 'plans') {
    for (const plans of state.seen('plans')) {
      const condemned = state.condemnedBut(0, mistakes.has('no look at plans') ? 0 : plans)
      take(who, 'reads the plans', (next) =>
        change(next, (reader) => {
          reader.condemned = condemned.packs
          reader.condemnedKeys = mistakes.has('no look at condemned keys') ? 0 : condemned.keys
        }),
      )
    }
  } else if (look === 'index') {
    for (const index of state.seen('index')) {
      take(who, 'reads the index', (next) => change(next, (reader) => (reader.indexed = index)))
    }
  } else {
    for (const packs of state.seen('packs')) {
      const present = mistakes.has('the index at its word') ? ALL : packs
      take(who, 'lists the packs', (next) => change(next, (reader) => (reader.present = present)))
    }
  }
}

const ALL = 127

export function writerSteps(state: DeletionState, i: number, mistakes: Mistakes, take: Take<DeletionState>): void {
  const writer = state.writers[i]!
  const who = `writer ${i + 1}`
  const looks = looksOf(state.setting, mistakes)
  const move = (next: DeletionState, at: number) => {
    const own = next.writers[i]!
    own.at = at
    if (at === WRITER.putKeys || at === WRITER.confirm) own.settling = 0
    if (at > WRITER.putKeys) own.condemned = own.condemnedKeys = own.indexed = own.present = 0
  }
  if (writer.at < looks.length) {
    lookAround(state, looks[writer.at]!, {
      who,
      session: sessionOfWriter(i),
      mistakes,
      take,
      change: (next, set) => {
        set(next.writers[i]!)
        move(next, writer.at + 1 === looks.length ? WRITER.putKeys : writer.at + 1)
      },
    })
  } else if (writer.at === WRITER.putKeys) {
    decide(state, i, mistakes, take, move)
  } else if (writer.at === WRITER.putPack) {
    take(who, 'puts a pack', (next) => {
      next.change('packs', next.packs | packOfWriter(i))
      move(next, WRITER.putIndex)
    })
  } else if (writer.at === WRITER.putIndex) {
    take(who, 'puts its index', (next) => {
      next.change('index', next.index | packOfWriter(i))
      move(next, WRITER.putSnapshot)
    })
  } else if (writer.at === WRITER.putSnapshot) {
    take(who, 'puts its snapshot', (next) => {
      next.change('snapshots', next.snapshots | snapshotOfWriter(i))
      next.beginToWait(next.writers[i]!)
      move(
        next,
        state.setting.lag !== true || mistakes.has('no wait after the snapshot') ? WRITER.confirm : WRITER.settle,
      )
    })
  } else if (writer.at === WRITER.settle) {
    take(who, 'waits until its snapshot shows', (next) => {
      next.endOfWait(next.writers[i]!)
      move(next, WRITER.confirm)
    })
  } else if (writer.at === WRITER.confirm) {
    for (const intents of state.seen('intents')) {
      const fenced = (intents & sessionOfWriter(i)) === 0 && !mistakes.has('no look for the intent')
      take(who, fenced ? 'finds that it was fenced' : 'sees its intent and reports success', (next) =>
        move(next, fenced ? WRITER.fenced : WRITER.succeeded),
      )
    }
  } else if (writer.at === WRITER.succeeded) {
    take(who, 'ends', (next) => {
      next.change('intents', next.intents & ~sessionOfWriter(i))
      move(next, WRITER.ended)
    })
  }
}

/** What it may rely on (W8), and what it puts for that reason. */
function decide(
  state: DeletionState,
  i: number,
  mistakes: Mistakes,
  take: Take<DeletionState>,
  move: (next: DeletionState, at: number) => void,
): void {
  const writer = state.writers[i]!
  const who = `writer ${i + 1}`
  const there = writer.present & ~writer.condemned
  const keys = state.keys & ~writer.condemnedKeys
  const usable = state.openable(writer.indexed & there, keys)
  const missing = state.setting.writers[i]! & ~state.chunksIn(usable)
  const unnamed = state.openable(there & ~writer.indexed, keys)
  for (const pack of each(unnamed)) {
    const left = missing & ~state.contentOf(pack)
    if (left === missing) continue
    const again = mistakes.has('adopts packs by their names')
    take(who, again ? 'puts a pack again that no index names' : 'names a pack again that it has found', (next) => {
      if (again) next.change('packs', next.packs | pack)
      next.change('index', next.index | pack)
      next.keys |= keysOfWriter(i)
      next.made[i] = left
      move(next, left === 0 ? WRITER.putSnapshot : WRITER.putPack)
    })
  }
  take(who, 'puts its keys and knows what is missing', (next) => {
    next.keys |= keysOfWriter(i)
    next.made[i] = missing
    move(next, missing === 0 ? WRITER.putSnapshot : WRITER.putPack)
  })
}
