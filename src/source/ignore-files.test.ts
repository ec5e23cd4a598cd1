// Walks random small trees with random ignore files and asks git what it would ignore.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { displayText, utf8 } from '../base/bytes.ts'
import { requireCommand } from '../../test/support/requirements.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { SourceRules } from './rules.ts'
import { TreeWalker } from './walk.ts'

const NAMES = ['a', 'b', 'ab', 'a.b', '.a', 'a b', '-']
const FOLDERS = NAMES.flatMap((x) => (x.length < 3 ? [x, ...['a', 'b', 'ab', '.a'].map((y) => `${x}/${y}`)] : []))

const piece = fc.constantFrom(
  'a',
  'b',
  '.',
  '*',
  '**',
  '?',
  '/',
  '/**/',
  '[ab]',
  '[!a]',
  '[a-c]',
  '\\a',
  ' ',
  '\\ ',
  '-',
)
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '/', '**/'),
    fc.array(piece, { minLength: 1, maxLength: 5 }),
    fc.constantFrom('', '', '/', '/*'),
  )
  .map(([start, pieces, end]) => start + pieces.join('') + end)
  // git cuts off what stands before the first wildcard and so takes `a**` for `a` and `**`, against its own manual.
  .filter((line) => !/^!?\/?[^*?[\\]*[^*?[\\/!]\*\*/.test(line))
const ignoreFile = fc.array(pattern, { minLength: 1, maxLength: 5 }).map((lines) => lines.join('\n') + '\n')

test('a walk with ignore files visits exactly what git does not ignore', (t) => {
  if (!requireCommand(t, 'git')) return
  const folder = tempFolder(t, 'source')
  const tree = join(folder, 'tree')
  const paths: string[] = []
  for (const directory of ['', ...FOLDERS]) {
    mkdirSync(join(tree, directory), { recursive: true })
    if (directory !== '') paths.push(directory)
    for (const name of NAMES) {
      const path = join(directory, name)
      if (FOLDERS.includes(path)) continue
      writeFileSync(join(tree, path), '')
      paths.push(path)
    }
  }
  const git = (args: string[], input = '') => {
    const all = [
      '-c',
      'core.excludesFile=/dev/null',
      `--git-dir=${join(folder, 'git')}`,
      `--work-tree=${tree}`,
      ...args,
    ]
    return spawnSync('git', all, { cwd: tree, input, encoding: 'utf8', env: { PATH: process.env['PATH']! } })
  }
  assert.equal(git(['init', '-q']).status, 0)
  // Ignore files of earlier rounds are emptied, not removed: both sides see the same files all the time.
  const scopes = ['', 'a', 'a/b', 'ab']
  const property = fc.property(fc.array(ignoreFile, { minLength: 1, maxLength: scopes.length }), (files) => {
    for (const [i, scope] of scopes.entries()) writeFileSync(join(tree, scope, '.ignore'), files[i] ?? '')
    for (const scope of scopes) writeFileSync(join(tree, scope, '.gitignore'), files[scopes.indexOf(scope)] ?? '')
    const answer = git(['check-ignore', '--no-index', '-v', '-n', '-z', '--stdin'], paths.join('\0') + '\0')
    assert.ok(answer.status === 0 || answer.status === 1, answer.stderr)
    const fields = answer.stdout.split('\0')
    const wanted: string[] = []
    for (let i = 0; i + 3 < fields.length; i += 4) {
      if (fields[i + 2] === '' || fields[i + 2]!.startsWith('!')) wanted.push(fields[i + 3]!)
    }
    const visited = walked(tree, '.ignore').filter((path) => !/(^|\/)\.(git)?ignore$/.test(path))
    assert.deepEqual(visited.sort(), wanted.sort())
  })
  fc.assert(property, { numRuns: 100 })
})

function walked(root: string, ignoreFile: string): string[] {
  const rules = new SourceRules({ ignoreFiles: [ignoreFile] })
  const walker = new TreeWalker({
    sources: [{ path: utf8(root), rules }],
    report: ({ path, text }) => assert.fail(`${displayText(path)}: ${text}`),
  })
  const paths: string[] = []
  for (let step = walker.next(); step !== null; step = walker.next()) {
    if (step.kind !== 'entries' || step.directory.depth === 0) continue
    for (const { name } of step.entries) paths.push(displayText(step.directory.path(name)).slice(root.length + 1))
  }
  return paths
}
