// Walks through what is large, deep, or carried away meanwhile.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDWR } from '../posix/constants.ts'
import { mkdirAt } from '../posix/names.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { requireLinux } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { makeTree, openFiles, walk } from '../../test/support/walked.ts'
import { DIRECTORY_PATH_MAX } from './folder-walk.ts'
import { excludeGlob } from './glob-list.ts'
import { TreeWalker } from './walk.ts'
import { OPEN_MAX } from './walked-directory.ts'

test('a very large folder is listed and walked in short steps', (t) => {
  const folder = tempFolder(t, 'source')
  // Long names fill the parts of a listing sooner.
  const count = 5000
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `name${i}`.padEnd(250, '.')), '')
  let steps = 0
  let busy = 0
  let entries = 0
  walk(
    folder,
    {},
    {
      between: (step) => {
        steps++
        if (step.kind === 'busy') busy++
        if (step.kind === 'entries') entries = Math.max(entries, step.entries.length)
      },
    },
  )
  assert.ok(busy >= 2, `${busy} busy steps`)
  assert.equal(entries, 256)
  assert.ok(steps >= count / 256)
  const none = walk(folder, { globs: [excludeGlob('name*')] })
  assert.equal(none.excluded.length, count)
  assert.equal(none.shape, '(.())')
})

test('trees far deeper than the longest path are walked with few open files, and leave none open', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const depth = 3 * OPEN_MAX
  const name = 'd'.repeat(100)
  makeDeep(folder, name, depth, (dir) => {
    closeFd(openAt(dir, 'a', O_CREAT | O_RDWR))
    closeFd(openAt(dir, 'z', O_CREAT | O_RDWR))
  })
  const before = openFiles()
  let most = 0
  let longest = 0
  const { shape, problems, incomplete } = walk(
    folder,
    {},
    {
      between: (step) => {
        most = Math.max(most, openFiles())
        if (step.kind === 'enter') longest = Math.max(longest, step.directory.path().length)
      },
    },
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(incomplete, [])
  assert.equal(shape, `(.${'(..'.repeat(depth)}(..)${'.)'.repeat(depth)})`)
  assert.ok(longest > 4 * 4096)
  assert.ok(most - before <= OPEN_MAX + 2, `${most - before} files open`)
  assert.equal(openFiles(), before)
})

test('a walk that is given up closes its files', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a/b/c/d'])
  const before = openFiles()
  const walker = new TreeWalker({ sources: [{ path: utf8(folder) }], report: () => undefined })
  for (let i = 0; i < 6; i++) walker.next()
  assert.ok(openFiles() > before)
  walker.close()
  assert.equal(openFiles(), before)
  assert.equal(walker.next(), null)
})

test('coming back to a folder from one that was moved away finds it by its name', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const elsewhere = tempFolder(t, 'source')
  makeDeep(folder, 'd', OPEN_MAX + 10, (dir) => closeFd(openAt(dir, 'z', O_CREAT | O_RDWR)))
  const { problems, incomplete, shape } = walk(
    folder,
    {},
    {
      between: (step) => {
        // The fifth is closed by now; the sixth is carried off while the walk is far below it.
        if (step.kind !== 'enter' || step.directory.depth !== OPEN_MAX + 10) return
        renameSync(join(folder, 'd/d/d/d/d'), join(elsewhere, 'd'))
      },
    },
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(incomplete, [])
  assert.equal(shape.split('.').length - 1, 2 * (OPEN_MAX + 10) + 2)
})

test('a folder above the walk that is gone is trouble with what was in it, and the walk goes on above', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const elsewhere = tempFolder(t, 'source')
  makeDeep(folder, 'd', OPEN_MAX + 10, (dir) => closeFd(openAt(dir, 'z', O_CREAT | O_RDWR)))
  const { problems, incomplete } = walk(
    folder,
    {},
    {
      between: (step) => {
        if (step.kind !== 'enter' || step.directory.depth !== OPEN_MAX + 10) return
        // Nothing below the fourth is in its place, and what is there is not what it was.
        const path = join(folder, 'd/d/d')
        renameSync(join(path, 'd/d'), join(elsewhere, 'moved'))
        renameSync(join(path, 'd'), join(elsewhere, 'gone'))
        mkdirSync(join(path, 'd'))
      },
    },
  )
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /^d\/d\/d\/d 4 - directory was moved .*: another directory is in its place$/)
  assert.deepEqual(incomplete, ['d/d/d/d'])
})

test('folders nested deeper than a path can be reported are named and not entered', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  makeDeep(folder, 'n'.repeat(255), Math.ceil(DIRECTORY_PATH_MAX / 256) + 2, () => undefined)
  const { problems, incomplete } = walk(folder)
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, / 4 - directory is nested too deeply/)
  assert.equal(incomplete.length, 1)
})

/** Makes `depth` folders below each other and calls `fill` with each, the first included. */
function makeDeep(root: string, name: string, depth: number, fill: (dir: number) => void): void {
  let dir = openAt(AT_FDCWD, root, O_DIRECTORY)
  fill(dir)
  for (let i = 0; i < depth; i++) {
    mkdirAt(dir, name, 0o755)
    const next = openAt(dir, name, O_DIRECTORY | O_NOFOLLOW)
    closeFd(dir)
    dir = next
    fill(dir)
  }
  closeFd(dir)
}
