// Forgetting, bringing back and purging, in every order in which the steps can happen.
import assert from 'node:assert/strict'
import test from 'node:test'
import { LARGE, report, STATES_MAX } from './bounds.ts'
import { explore } from './explore.ts'
import { trashModel } from './trash-model.ts'
import type { TrashMistake } from './trash-model.ts'

const ONE_BRINGS_BACK = { forgetters: 2, recallers: 1, purgers: 1 }
const TWO_BRING_BACK = { forgetters: 1, recallers: 2, purgers: 1 }
const ALL_TWICE = { forgetters: 2, recallers: 2, purgers: LARGE ? 2 : 1 }

test('what is forgotten can be brought back until it is purged, and what was brought back stays', (context) => {
  const found = explore(trashModel(ALL_TWICE), STATES_MAX)
  report(context, found)
  assert.deepEqual(found.violation, undefined)
})

const MISTAKES: readonly TrashMistake[] = [
  'forgets before the copy is there',
  'copies what may be gone',
  'recalls without a second look',
  'recalls without a copy of its own',
  'purges without looking at the log',
  'purges what is young',
  'marks without the trash',
  'looks once into the trash',
  'looks at the snapshots first',
  'looks once into the trash, twice at the snapshots',
  'marks without the log',
  'uses names in the trash again',
  'goes on with an old copy',
]

for (const mistake of MISTAKES) {
  test(`a snapshot is lost when somebody ${mistake}`, (context) => {
    const found = explore(trashModel(ONE_BRINGS_BACK, mistake), STATES_MAX)
    report(context, found)
    assert.ok(found.violation !== undefined, 'the model does not notice')
    for (const step of found.violation.trace) context.diagnostic(step)
  })
}

test('a snapshot is lost when two bring it back and one relies on the copy of the other', () => {
  const right = explore(trashModel(TWO_BRING_BACK), STATES_MAX)
  assert.deepEqual(right.violation, undefined)
  const { violation } = explore(trashModel({ ...TWO_BRING_BACK, forgetters: 2 }, 'recalls from any copy'), STATES_MAX)
  assert.ok(violation !== undefined)
})
