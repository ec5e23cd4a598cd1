import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { compareBytes, displayText, toHex, utf8 } from '../base/bytes.ts'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDWR } from '../posix/constants.ts'
import { pretendNoLibc } from '../posix/libc.ts'
import { mkdirAt } from '../posix/names.ts'
import { closeFd, openAt } from '../posix/open.ts'
import { statAt } from '../posix/stat.ts'
import { missing, requireLinux, requireRoot } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { makeTree, walk } from '../../test/support/walked.ts'
import { excludeGlob } from './glob-list.ts'
import { parseFilterRule } from './path-filter.ts'
import { type SourceProblem, TROUBLE } from './problems.ts'
import { TreeWalker } from './walk.ts'

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
  if (mounted.status !== 0) {
    missing(t, `mounting tmpfs (${mounted.stderr})`)
    return
  }
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
  assert.deepEqual(problems, ['a/repo 0 - the repository itself was not entered'])
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
  if (/EACCES.*node_modules|Cannot find module/.test(run.stdout)) {
    missing(t, 'a checkout that other users may read')
    return
  }
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

test('folders nested thousands of levels deep are walked in a time that follows their number', (t) => {
  if (!requireLinux(t)) return
  const folder = tempFolder(t, 'source')
  const depth = 4000
  let fd = openAt(AT_FDCWD, folder, O_DIRECTORY)
  for (let level = 0; level < depth; level++) {
    mkdirAt(fd, 'd', 0o755)
    const below = openAt(fd, 'd', O_DIRECTORY)
    closeFd(fd)
    fd = below
  }
  closeFd(fd)
  const start = process.cpuUsage().user
  const walker = new TreeWalker({ sources: [{ path: utf8(folder) }], report: () => {} })
  let longest = 0
  for (let step = walker.next(); step !== null; step = walker.next()) {
    if (step.kind === 'enter') longest = Math.max(longest, step.directory.path().length)
  }
  assert.equal(longest, utf8(folder).length + 2 * depth)
  // A path for each level of each path takes some ten seconds.
  assert.ok((process.cpuUsage().user - start) / 1e6 < 4)
})
