import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BackupError, reasonsOf } from '../base/errors.ts'
import { SourceRules } from '../source/rules.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { backupRules } from './backup-rules.ts'

const isLeftOut = (rules: SourceRules, name: string) => rules.exclusion('', name, false) !== undefined

test('what is nearer wins, for globs and for regular expressions', () => {
  const far = { exclude: ['*.log'], rules: ['-\\.tmp$'] }
  const near = { exclude: ['!keep.log'], rules: ['+near\\.tmp$'] }
  const rules = new SourceRules(backupRules([far, near], { exclude: ['keep.log2'], rule: ['-^/near\\.tmp$'] }))
  assert.equal(isLeftOut(rules, 'a.log'), true)
  assert.equal(isLeftOut(rules, 'keep.log'), false, 'the set takes it in again')
  assert.equal(isLeftOut(rules, 'near.tmp'), true, 'the command line leaves it out again')
  assert.equal(isLeftOut(rules, 'other-near.tmp'), false)
  assert.equal(isLeftOut(rules, 'far.tmp'), true)
})

test('a switch of the command line wins over the set, the set over the top of the configuration', () => {
  const layers = [
    { excludeCaches: true, excludeLargerThan: 1, oneFileSystem: true },
    { excludeLargerThan: 2, oneFileSystem: false },
  ]
  const { excludeCaches, fileSizeMax, oneFileSystem } = backupRules(layers, { excludeLargerThan: 3 })
  assert.deepEqual(
    { excludeCaches, fileSizeMax, oneFileSystem },
    { excludeCaches: true, fileSizeMax: 3, oneFileSystem: false },
  )
})

test('rules come from files as well', (t) => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'globs'), '# a comment\n*.o\n!main.o\n')
  writeFileSync(join(folder, 'rules'), '# a comment\n+/keep$\n-keep')
  const flags = { excludeFile: [join(folder, 'globs')], ruleFile: [join(folder, 'rules')] }
  const rules = new SourceRules(backupRules([], flags))
  const names = ['a.o', 'main.o', 'keep', 'keeper']
  assert.deepEqual(
    names.map((name) => isLeftOut(rules, name)),
    [true, false, false, true],
  )
})

test('a rule that is none is refused by name', () => {
  const refused = (error: unknown) =>
    error instanceof BackupError && error.code === 'usage' && error.subject === 'no sign'
  assert.throws(() => backupRules([], { rule: ['no sign'] }), refused)
})

test('a pattern that can match nothing is refused by name, wherever it is given', (t) => {
  const file = join(tempFolder(t), 'globs')
  for (const pattern of ['[', '*.[ab', '![', 'a\\', '[[:nothing:]]']) {
    writeFileSync(file, `*.o\n${pattern}\n`)
    for (const [layers, flags] of [
      [[], { exclude: ['*.o', pattern] }],
      [[{ exclude: [pattern] }], {}],
      [[], { excludeFile: [file] }],
    ] as const) {
      assert.throws(
        () => backupRules(layers, flags),
        (error) =>
          error instanceof BackupError && error.code === 'usage' && reasonsOf(error).includes(`nothing: ${pattern}`),
        pattern,
      )
    }
  }
  for (const pattern of ['\\[', 'a]', '[]]', '[!a]']) backupRules([], { exclude: [pattern] })
})
