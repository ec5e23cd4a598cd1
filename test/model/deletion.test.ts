// The protocol of deletion, in every order in which its steps can happen: nothing is lost in any of the settings, and each
// mistake loses something in one.
import assert from 'node:assert/strict'
import test from 'node:test'
import { LARGE, report, STATES_MAX } from './bounds.ts'
import { deletionModel } from './deletion-model.ts'
import { A, B, BOTH, C, KEPT, OLD } from './deletion-state.ts'
import type { Setting } from './deletion-state.ts'
import { explore } from './explore.ts'
import type { Mistake } from './mistakes.ts'

/** A snapshot that is forgotten, one that is kept, and two packs for them. */
const USED = { packs: A | B, snapshots: OLD | KEPT, forgotten: OLD }
/** Nothing yet: what a writer makes another finds, or a pruner takes for rubbish. */
const EMPTY = { packs: 0, snapshots: 0, forgotten: 0 }
/** A pack that no snapshot needs any more, until a writer does. */
const UNNEEDED = { packs: B, snapshots: 0, forgotten: 0 }
const SECOND = 2

const SETTINGS = {
  'a writer and a pruner': { writers: [BOTH], pruners: 1, ...USED },
  'two writers and a pruner that copies, with a pack of a dead session': {
    writers: [BOTH, SECOND],
    pruners: 1,
    ...USED,
    packs: A | B | C,
    copying: true,
  },
  'two writers of the same and a pruner': { writers: [SECOND, SECOND], pruners: 1, ...EMPTY, copying: true },
  'two pruners that copy': { writers: [], pruners: 2, ...USED, copying: true, doomedMax: 2 },
  'a writer and two pruners': { writers: [1], pruners: 2, ...UNNEEDED, copying: true, doomedMax: 1 },
  'a writer and two who carry out the plan of a dead pruner': {
    writers: [1],
    pruners: 2,
    packs: B,
    snapshots: KEPT,
    forgotten: KEPT,
    leftPlan: B,
    copying: true,
  },
  'key objects that are deleted too': { writers: [SECOND, SECOND], pruners: 1, ...EMPTY, keys: true },
  'a writer, a pruner that deletes keys and one that copies what they open': {
    writers: [1],
    pruners: 2,
    ...EMPTY,
    copying: true,
    keys: true,
    inHand: 1,
    doomedMax: 1,
  },
  'a pruner that deletes keys and one that copies what they open and prunes again': {
    writers: [1],
    pruners: 2,
    ...EMPTY,
    copying: true,
    keys: true,
    inHand: 1,
    before: true,
  },
  'a writer, a pruner and somebody who repairs the index': {
    writers: [SECOND],
    pruners: 1,
    repairer: true,
    packs: B | C,
    snapshots: KEPT,
    forgotten: 0,
    copying: true,
  },
  'two writers, and deletions that come again later': {
    writers: [SECOND, SECOND],
    pruners: 1,
    ...EMPTY,
    packs: C,
    late: true,
    copying: true,
  },
  'a store whose lists lag': { writers: [BOTH], pruners: 1, ...USED, lag: true, copying: true },
} satisfies Record<string, Setting>

const LARGE_SETTINGS = {
  'two writers and two pruners': { writers: [1, 1], pruners: 2, ...UNNEEDED, doomedMax: 1 },
  'two writers and two who carry out the plan of a dead pruner': {
    writers: [1, 1],
    pruners: 2,
    packs: B,
    snapshots: KEPT,
    forgotten: KEPT,
    leftPlan: B,
    copying: true,
  },
  'a writer, two pruners and two snapshots': {
    writers: [1],
    pruners: 2,
    packs: A | B,
    snapshots: KEPT,
    forgotten: KEPT,
    copying: true,
    doomedMax: 1,
  },
  'two writers, a pruner, somebody who repairs, and deletions that come again later': {
    writers: [SECOND, SECOND],
    pruners: 1,
    repairer: true,
    ...EMPTY,
    late: true,
  },
  'a writer and two pruners on a store whose lists lag': {
    writers: [1],
    pruners: 2,
    ...UNNEEDED,
    doomedMax: 1,
    lag: true,
  },
  'two writers and a pruner on a store whose lists lag': { writers: [BOTH, SECOND], pruners: 1, ...USED, lag: true },
  'a writer, two pruners that copy and delete keys, and a snapshot that stays': {
    writers: [1],
    pruners: 2,
    packs: B,
    snapshots: KEPT,
    forgotten: 0,
    copying: true,
    keys: true,
    doomedMax: 1,
  },
} satisfies Record<string, Setting>

for (const [who, setting] of Object.entries(LARGE ? { ...SETTINGS, ...LARGE_SETTINGS } : SETTINGS)) proves(who, setting)

function proves(who: string, setting: Setting): void {
  test(`nothing is lost with ${who}`, (context) => {
    const found = explore(deletionModel(setting), STATES_MAX)
    report(context, found)
    assert.deepEqual(found.violation, undefined)
  })
}

type Where = keyof typeof SETTINGS | keyof typeof LARGE_SETTINGS

/** Mistakes, some of which lose only where another protection is missing too, and where they lose. */
const MISTAKES: readonly (readonly [Where, ...Mistake[]])[] = [
  ['a writer and a pruner', 'the intent after the plans'],
  ['a writer and a pruner', 'no look at plans'],
  ['a writer and a pruner', 'the index before the plans', 'the index at its word'],
  ['two writers of the same and a pruner', 'the packs before the plans'],
  ['two writers of the same and a pruner', 'the index at its word'],
  ['a writer and a pruner', 'no look for the intent'],
  ['key objects that are deleted too', 'no look at condemned keys'],
  ['two writers, and deletions that come again later', 'adopts packs by their names'],
  ['two writers of the same and a pruner', 'no plan for what no index names'],
  ['a writer and a pruner', 'the sessions before the plan'],
  ['a writer and a pruner', 'no wait for sessions'],
  ['a writer and a pruner', 'no second look'],
  ['two pruners that copy', 'the first index again', 'the index at its word in pruning'],
  ['two pruners that copy', 'no look at other plans'],
  ['two pruners that copy', 'other plans last'],
  ['two pruners that copy', 'packs looked for before other plans'],
  ['two pruners that copy', 'the index at its word in pruning'],
  ['key objects that are deleted too', 'no second look at keys'],
  ['a writer, a pruner that deletes keys and one that copies what they open', 'no plan for keys'],
  ['a writer, a pruner that deletes keys and one that copies what they open', 'the plan before the keys'],
  ['a pruner that deletes keys and one that copies what they open and prunes again', 'relies on what loses its keys'],
  ['a writer and a pruner', 'the plan before the packs'],
  ['a writer and two who carry out the plan of a dead pruner', 'keeps what is needed'],
  ['a store whose lists lag', 'no wait after the intent'],
  ['a store whose lists lag', 'no wait after the snapshot'],
  ['a store whose lists lag', 'no wait after the plan'],
  ['a store whose lists lag', 'no wait after a fence'],
  ['a store whose lists lag', 'no wait after deletions'],
]

const LARGE_MISTAKES: readonly (readonly [Where, ...Mistake[]])[] = [
  [
    'two writers, a pruner, somebody who repairs, and deletions that come again later',
    'puts packs back by their names',
  ],
]

for (const [where, ...mistakes] of LARGE ? [...MISTAKES, ...LARGE_MISTAKES] : MISTAKES) {
  test(`something is lost with ${where}: ${mistakes.join(', ')}`, (context) => {
    const setting: Setting = { ...SETTINGS, ...LARGE_SETTINGS }[where]
    const found = explore(deletionModel(setting, ...mistakes), STATES_MAX)
    report(context, found)
    assert.ok(found.violation !== undefined, 'the model does not notice')
    context.diagnostic(`lost: ${found.violation.lost}`)
    for (const step of found.violation.trace) context.diagnostic(step)
    assert.ok(!found.violation.trace.includes(''), 'every step of the trace has its words')
  })
}
