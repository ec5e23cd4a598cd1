import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupError } from '../base/errors.ts'
import { splitGlobalFlags } from './global-flags.ts'

test('global flags mean the same before and after the command', () => {
  const before = splitGlobalFlags(['--repo', '/mnt/r', '--json', '-q', 'ls', '-l', 'latest'])
  const after = splitGlobalFlags(['ls', '-l', 'latest', '--repo=/mnt/r', '-q', '--json'])
  assert.deepEqual(before, after)
  assert.deepEqual(before.rest, ['ls', '-l', 'latest'])
  assert.deepEqual(before.globals, {
    repo: '/mnt/r',
    json: true,
    quiet: true,
    verbose: false,
    noProgress: false,
    acceptRollback: false,
    includeRevoked: false,
  })
})

test('after -- everything is an argument', () => {
  const { globals, rest } = splitGlobalFlags(['backup', '--', '--json', '-q'])
  assert.deepEqual(rest, ['backup', '--', '--json', '-q'])
  assert.equal(globals.json, false)
})

test('flags written together are taken apart', () => {
  const { globals, rest } = splitGlobalFlags(['backup', '-nv', 'x'])
  assert.deepEqual(rest, ['backup', '-n', 'x'])
  assert.equal(globals.verbose, true)
  assert.deepEqual(splitGlobalFlags(['-v', '-vv']).rest, [])
})

test('the values of a command stay its own', () => {
  const { rest } = splitGlobalFlags([
    'backup',
    '--exclude=--json',
    '--tag',
    'q',
    '--repository',
    'x',
    '-',
    '-1',
    '--no-progress-bar',
  ])
  assert.deepEqual(rest, [
    'backup',
    '--exclude=--json',
    '--tag',
    'q',
    '--repository',
    'x',
    '-',
    '-1',
    '--no-progress-bar',
  ])
})

test('a value may hold = and line feeds', () => {
  assert.equal(splitGlobalFlags(['--password-command=a=b\nc']).globals.passwordCommand, 'a=b\nc')
})

test('flags without their value, twice, with one too many or against each other are refused', () => {
  const bad = [
    ['ls', '--repo'],
    ['--repo', '--json', 'ls'],
    ['--repo='],
    ['--repo', 'a', '-r', 'b'],
    ['--json=yes'],
    ['-q', '--verbose'],
  ]
  for (const args of bad) {
    assert.throws(
      () => splitGlobalFlags(args),
      (error) => error instanceof BackupError && error.code === 'usage',
      args.join(' '),
    )
  }
})

test('--version and help are commands in other words', () => {
  assert.deepEqual(splitGlobalFlags(['--version']).rest, ['version'])
  assert.deepEqual(splitGlobalFlags(['--json', '--version']).rest, ['version'])
  assert.deepEqual(splitGlobalFlags(['help', 'key', 'add']).rest, ['key', 'add', '--help'])
  assert.deepEqual(splitGlobalFlags(['help']).rest, ['--help'])
})

test('identities add up, other values are given once', () => {
  const { globals } = splitGlobalFlags(['--identity', 'a', 'ls', '--identity=b', '--gpg'])
  assert.deepEqual(globals.identities, ['a', 'b'])
  assert.equal(globals.gpg, true)
  assert.throws(() => splitGlobalFlags(['--repo', 'a', '--repo', 'b']), BackupError)
})
