import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { compareBytes, displayText, toHex, utf8 } from '../base/bytes.ts'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDWR } from '../posix/constants.ts'
import { pretendNoLibc } from '../posix/libc.ts'
import { mkdirAt } from '../posix/names.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { statAt } from '../posix/stat.ts'
import { missing, requireLinux, requireRoot } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { DIRECTORY_PATH_MAX } from './folder-walk.ts'
import { excludeGlob } from './glob-list.ts'
import { parseFilterRule } from './path-filter.ts'
import { type SourceProblem, TROUBLE } from './problems.ts'
import { type RuleOptions, SourceRules } from './rules.ts'
import { TreeWalker, type WalkStep } from './walk.ts'
import type { WalkOptions } from './walk-options.ts'
import { OPEN_MAX } from './walked-directory.ts'

interface Walked {
  /** Paths below the folder, directories with a slash. */
  readonly paths: string[]
  /** `(`, entries and `)` in order: the shape of the steps. */
  readonly shape: string
  readonly problems: string[]
  readonly excluded: string[]
  readonly incomplete: string[]
}

/** Walks `folder` and runs `between` after each step. */
function walk(
  folder: string,
  rules: RuleOptions = {},
  more: Partial<WalkOptions> & { between?: (step: WalkStep) => void } = {},
): Walked {
  const { between, ...options } = more
  const relative = (path: Uint8Array) => displayText(path).slice(folder.length + 1)
  const problems: SourceProblem[] = []
  const walked: Walked = { paths: [], shape: '', problems: [], excluded: [], incomplete: [] }
  let shape = ''
  const walker = new TreeWalker({
    sources: [{ path: utf8(folder), rules: new SourceRules(rules) }],
    report: (problem) => problems.push(problem),
    excluded: (directory, name, why) => walked.excluded.push(`${relative(directory.path(name))} ${why}`),
    ...options,
  })
  for (let step = walker.next(); step !== null; step = walker.next()) {
    if (step.kind === 'enter') shape += '('
    if (step.kind === 'leave') {
      shape += ')'
      if (!step.complete) walked.incomplete.push(relative(step.directory.path()))
    }
    if (step.kind === 'entries') {
      shape += '.'.repeat(step.entries.length)
      if (step.directory.depth === 0) assert.equal(step.directory.fd, AT_FDCWD)
      for (const entry of step.entries) {
        assert.equal(entry.directory !== undefined, entry.stat.kind === 'directory')
        if (step.directory.depth === 0) continue
        walked.paths.push(relative(step.directory.path(entry.name)) + (entry.directory === undefined ? '' : '/'))
      }
    }
    between?.(step)
  }
  assert.equal(walker.next(), null)
  const shown = problems.map(({ path, code, errno, text }) => `${relative(path)} ${code} ${errno ?? '-'} ${text}`)
  return { ...walked, shape, problems: shown }
}

function makeTree(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(join(root, path, path.endsWith('/') ? '' : '..'), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(root, path), path)
  }
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}

for (const mode of ['native calls', 'node:fs alone']) {
  test(`a tree is walked depth first in byte order of names (${mode})`, (t) => {
    const folder = tempFolder(t, 'source')
    makeTree(folder, ['b/', 'a', 'a.d/x', 'a.d/y/z', 'c', 'B', 'é', 'empty/', 'a-', 'a.d/.hidden'])
    symlinkSync('b', join(folder, 'link'))
    pretendNoLibc(mode === 'native calls' ? null : 'for a test')
    const { paths, shape, problems } = walk(folder)
    pretendNoLibc(null)
    assert.deepEqual(problems, [])
    assert.deepEqual(paths, 'B a a- a.d/ a.d/.hidden a.d/x a.d/y/ a.d/y/z b/ c empty/ link é'.split(' '))
    assert.equal(shape, '(.(....(...(.)).()..()..))')
  })
}

test('names that are not UTF-8 are walked byte by byte', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const dir = openAt(AT_FDCWD, folder, O_DIRECTORY)
  const names = [Uint8Array.of(0xff, 0x61), Uint8Array.of(0x61, 0xc3), new Uint8Array(255).fill(0xfe)]
  for (const name of names) closeFd(openAt(dir, name, O_CREAT | O_RDWR))
  closeFd(dir)
  const seen: string[] = []
  walk(
    folder,
    {},
    {
      between: (step) => {
        if (step.kind === 'entries' && step.directory.depth === 1)
          seen.push(...step.entries.map(({ name }) => toHex(name)))
      },
    },
  )
  assert.deepEqual(seen, names.sort(compareBytes).map(toHex))
})

test('several sources, one of them a file, come in byte order as entries of the top', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['z/1', 'a/2', 'file'])
  symlinkSync('a', join(folder, 'link'))
  const steps: string[] = []
  const problems: SourceProblem[] = []
  const names = ['z', 'file', 'link', 'a', 'z', 'missing'].map((name) => join(folder, name))
  const walker = new TreeWalker({
    sources: names.map((name) => ({ path: utf8(name) })),
    report: (p) => problems.push(p),
  })
  for (let step = walker.next(); step !== null; step = walker.next()) {
    if (step.kind === 'busy') continue
    const entries = step.kind === 'entries' ? step.entries.map(({ name }) => displayText(name)).join() : ''
    const complete = step.kind === 'leave' && !step.complete ? 'incomplete' : ''
    steps.push(`${step.kind} ${step.directory.depth} ${entries}${complete}`.replaceAll(folder, '').trim())
  }
  assert.deepEqual(steps, [
    'enter 0',
    'entries 0 /a',
    'enter 1',
    'entries 1 2',
    'leave 1',
    'entries 0 /file',
    'entries 0 /link',
    'entries 0 /z',
    'enter 1',
    'entries 1 1',
    'leave 1',
    'leave 0 incomplete',
  ])
  assert.deepEqual(
    problems.map(({ path, code, errno }) => [displayText(path), code, errno]),
    [[join(folder, 'missing'), TROUBLE.listing, 'ENOENT']],
  )
})

test('rules leave out names before anybody looks at them, and what is in folders with them', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, [
    'src/a.c',
    'src/a.o',
    'src/keep.o',
    'tmp/x',
    'sub/tmp/y',
    'build',
    'lib/build/z',
    '.git/config',
    '.git/HEAD',
  ])
  const { paths, excluded } = walk(folder, {
    filters: ['+/\\.git/config$', '+/\\.git/$', '-/\\.git/', '-^/tmp/'].map(parseFilterRule),
    globs: ['*.o', '!keep.o', 'build/'].map(excludeGlob),
  })
  assert.deepEqual(paths, [
    '.git/',
    '.git/config',
    'build',
    'lib/',
    'src/',
    'src/a.c',
    'src/keep.o',
    'sub/',
    'sub/tmp/',
    'sub/tmp/y',
  ])
  assert.deepEqual(excluded, ['.git/HEAD filter', 'lib/build pattern', 'src/a.o pattern', 'tmp filter'])
})

test('ignore files count in their folder and below, the deepest first', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a/x.log', 'a/keep/x.log', 'a/keep/y.tmp', 'x.log', 'a/top', 'top'])
  writeFileSync(join(folder, '.holdfastignore'), '*.log\n/top\n*.tmp\n')
  writeFileSync(join(folder, 'a/keep/.holdfastignore'), '!*.log\n')
  const { paths } = walk(folder, { ignoreFiles: ['.holdfastignore'] })
  assert.deepEqual(paths, ['.holdfastignore', 'a/', 'a/keep/', 'a/keep/.holdfastignore', 'a/keep/x.log', 'a/top'])
})

test('an ignore file that is none or too large is named and not used', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a', 'd/b'])
  writeFileSync(join(folder, '.ignore'), '*\n'.repeat(600_000))
  symlinkSync('/etc/passwd', join(folder, 'd/.ignore'))
  const { paths, problems, incomplete } = walk(folder, { ignoreFiles: ['.ignore'] })
  assert.deepEqual(paths, ['.ignore', 'a', 'd/', 'd/.ignore', 'd/b'])
  assert.match(problems.join('\n'), /^\.ignore 0 - has more than .*\nd\/\.ignore 0 ELOOP cannot be read/)
  assert.deepEqual(incomplete, [])
})

test('of tagged caches and marked folders only the mark is kept', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, [
    'cache/x',
    'cache/d/y',
    'fake/CACHEDIR.TAG',
    'fake/x',
    'marked/.nobackup',
    'marked/x',
    'dir/CACHEDIR.TAG/',
    'dir/x',
  ])
  writeFileSync(join(folder, 'cache/CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n# made by a test\n')
  const { paths, excluded, incomplete } = walk(folder, { excludeCaches: true, markers: ['.nobackup'] })
  assert.deepEqual(
    paths,
    'cache/ cache/CACHEDIR.TAG dir/ dir/CACHEDIR.TAG/ dir/x fake/ fake/CACHEDIR.TAG fake/x marked/ marked/.nobackup'.split(
      ' ',
    ),
  )
  assert.deepEqual(excluded, ['cache/d cache', 'cache/x cache', 'marked/x marker'])
  assert.deepEqual(incomplete, [])
  assert.ok(walk(folder).paths.includes('cache/x'))
})

test('files above the size limit are left out, files of exactly that size are not', (t) => {
  const folder = tempFolder(t, 'source')
  for (const size of [0, 9, 10, 11]) writeFileSync(join(folder, `f${size}`), 'x'.repeat(size))
  mkdirSync(join(folder, 'large directories count as directories'))
  const { paths, excluded } = walk(folder, { fileSizeMax: 10 })
  assert.deepEqual(paths, ['f0', 'f10', 'f9', 'large directories count as directories/'])
  assert.deepEqual(excluded, ['f11 size'])
})

test('other file systems are recorded as empty folders when the walk stays on one', (t) => {
  if (!requireLinux(t) || !requireRoot(t)) return
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['mnt/', 'mnt2/', 'x'])
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'none', join(folder, 'mnt')], { encoding: 'utf8' })
  if (mounted.status !== 0) return void missing(t, `mounting tmpfs (${mounted.stderr})`)
  try {
    makeTree(folder, ['mnt/inside'])
    const { paths, excluded, incomplete } = walk(folder, { oneFileSystem: true })
    assert.deepEqual(paths, ['mnt/', 'mnt2/', 'x'])
    assert.deepEqual(excluded, ['mnt file system'])
    assert.deepEqual(incomplete, [])
    assert.ok(walk(folder).paths.includes('mnt/inside'))
  } finally {
    spawnSync('umount', [join(folder, 'mnt')])
  }
})

test('the repository is recorded and not entered, also under another name', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a/repo/data/pack', 'b'])
  symlinkSync('a/repo', join(folder, 'link'))
  const { dev, ino } = statAt(AT_FDCWD, join(folder, 'a/repo'))
  const { paths, problems, incomplete, excluded } = walk(folder, {}, { avoid: [{ dev, ino }] })
  assert.deepEqual(paths, ['a/', 'a/repo/', 'b', 'link'])
  assert.deepEqual(problems, ['a/repo 0 - is the repository itself and was not entered'])
  assert.deepEqual(excluded, ['a/repo avoided'])
  assert.deepEqual(incomplete, [])
  const inside = walk(join(folder, 'a/repo'), {}, { avoid: [{ dev, ino }] })
  assert.deepEqual(inside.paths, [])
  assert.equal(inside.problems.length, 1)
})

test('folders that may not be read are recorded and named, everything else is walked', (t) => {
  if (process.geteuid?.() === 0) return runAsNobody(t, 'folders that may not be read')
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['closed/x', 'names only/y', 'z'])
  chmodSync(join(folder, 'closed'), 0o000)
  chmodSync(join(folder, 'names only'), 0o444)
  const { paths, problems, incomplete } = walk(folder)
  assert.deepEqual(paths, ['closed/', 'names only/', 'z'])
  assert.match(problems.join('\n'), /^closed 4 EACCES directory cannot be opened: EACCES: permission denied\n/)
  assert.match(problems.join('\n'), /\nnames only\/y 4 EACCES cannot be looked at: EACCES: permission denied$/)
  assert.deepEqual(incomplete, ['closed', 'names only'])
})

/** Runs the tests of this file whose names match as a user without privileges. */
function runAsNobody(t: TestContext, pattern: string): void {
  const nobody = 65_534
  const args = ['--test', `--test-name-pattern=${pattern}`, import.meta.filename]
  const TMPDIR = tempFolder(t, 'nobody')
  chmodSync(TMPDIR, 0o777)
  // Without the variable that makes a test runner inside of another one report to it.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const env = { ...environment, TMPDIR }
  const run = spawnSync(process.execPath, args, { uid: nobody, gid: nobody, encoding: 'utf8', env })
  if (/EACCES.*node_modules|Cannot find module/.test(run.stdout))
    return void missing(t, 'a checkout that other users may read')
  assert.equal(run.status, 0, run.stdout + run.stderr)
  assert.match(run.stdout, /pass 1\n/)
}

test('what vanishes between listing and looking is a note and nothing else', (t) => {
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a', 'b', 'c', 'd/x', 'e'])
  const { paths, problems, incomplete } = walk(
    folder,
    {},
    {
      batchSize: 1,
      between: (step) => {
        if (step.kind !== 'entries' || displayText(step.entries[0]!.name) !== 'a') return
        rmSync(join(folder, 'b'))
        rmSync(join(folder, 'd'), { recursive: true })
      },
    },
  )
  assert.deepEqual(paths, ['a', 'c', 'e'])
  assert.deepEqual(problems, [
    'b 0 ENOENT vanished before it was looked at',
    'd 0 ENOENT vanished before it was looked at',
  ])
  assert.deepEqual(incomplete, [])
})

test('a folder that is emptied or replaced while it is walked does not end the walk', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  makeTree(folder, ['a/1', 'a/2', 'b/3', 'c/4'])
  const { paths, problems, incomplete } = walk(
    folder,
    {},
    {
      between: (step) => {
        if (step.kind !== 'enter' || step.directory.depth !== 2) return
        if (displayText(step.directory.name) === 'a') {
          rmSync(join(folder, 'a'), { recursive: true })
          rmSync(join(folder, 'b'), { recursive: true })
          writeFileSync(join(folder, 'b'), 'a file now')
          rmSync(join(folder, 'c'), { recursive: true })
          symlinkSync('/etc', join(folder, 'c'))
        }
      },
    },
  )
  assert.deepEqual(paths, ['a/', 'b', 'c'])
  assert.deepEqual(problems, ['a 0 ENOENT vanished before it was listed'])
  assert.deepEqual(incomplete, [])
})

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
