import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { displayText, utf8 } from '../base/bytes.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { makeTree } from '../../test/support/walked.ts'
import { excludeGlob } from './glob-list.ts'
import { parseFilterRule } from './path-filter.ts'
import type { RuleOptions } from './rules.ts'
import { ThreadedWalk } from './threaded-walk.ts'
import { OP, WalkColumnsReader } from './walk-columns.ts'
import { WalkPlace } from './walk-place.ts'

async function walkAll(folder: string, rules: RuleOptions = {}): Promise<string[]> {
  const walk = new ThreadedWalk({ sources: [{ path: utf8(folder), rules }], avoid: [], tellExcluded: true })
  const told: string[] = []
  const relative = (path: Uint8Array) => displayText(path).slice(folder.length + 1)
  let here = WalkPlace.top()
  try {
    for (let columns = await walk.next(); columns !== null; columns = await walk.next()) {
      const steps = new WalkColumnsReader(columns)
      for (let op = steps.next(); op !== undefined; op = steps.next()) {
        if (op === OP.problem) told.push(`! ${steps.problem().text}`)
        else if (op === OP.excluded) told.push(`- ${relative(steps.excluded())}`)
        else if (op === OP.leave || op === OP.leavePartial) here = here.parent!
        else {
          const found = steps.found(here)
          if (op === OP.file) told.push(relative(found.path))
          else {
            const { target } = steps.extras()
            told.push(`${relative(found.path)}${target === undefined ? '/' : ` -> ${displayText(target)}`}`)
          }
          if (op === OP.enter) here = new WalkPlace(here, found.name)
        }
      }
    }
  } finally {
    await walk.close()
  }
  assert.equal(here.depth, 0)
  return told
}

test('a thread walks as the walker does, with rules of every kind', async (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a', 'b/c', 'b/d.o', 'b/keep.o', 'e/f/g', 'tmp/x', 'z/.nobackup', 'z/y'])
  symlinkSync('b/c', join(folder, 'link'))
  const rules: RuleOptions = {
    globs: ['*.o', '!keep.o'].map(excludeGlob),
    filters: [parseFilterRule('-^/TMP/(?i)')],
    markers: ['.nobackup'],
  }
  const told = await walkAll(folder, rules)
  const expected = ['/', 'a', 'b/', 'b/c', '- b/d.o', 'b/keep.o', 'e/', 'e/f/', 'e/f/g', 'link -> b/c', '- tmp', 'z/']
  assert.deepEqual(told.filter((line) => !line.includes('z/') || line === 'z/').toSorted(), expected.toSorted())
  assert.ok(!told.includes('z/y'))
})

test('what is missing is told, and the walk goes on', async (t) => {
  const folder = tempFolder(t, 'source')
  const told = await walkAll(join(folder, 'not-there'))
  assert.equal(told.length, 1)
  assert.match(told[0]!, /source cannot be opened/)
})

test('a walk that nobody takes from waits, and ends when it is closed', async (t) => {
  const folder = tempFolder(t, 'source')
  mkdirSync(join(folder, 'many'))
  for (let i = 0; i < 3000; i++) writeFileSync(join(folder, 'many', `${i}`), '')
  const walk = new ThreadedWalk({
    sources: Array.from({ length: 10 }, (_, i) => ({ path: utf8(`${folder}${'/.'.repeat(i)}/many`), rules: {} })),
    avoid: [],
    tellExcluded: false,
  })
  await walk.next()
  await setTimeout(100)
  await walk.close()
})

test('what ends the thread reaches who waits for it', async () => {
  const broken = { globs: [{ source: '*', pattern: null, negated: false }] } as unknown as RuleOptions
  const walk = new ThreadedWalk({ sources: [{ path: utf8('/'), rules: broken }], avoid: [], tellExcluded: false })
  await assert.rejects(walk.next())
  await walk.close()
})
