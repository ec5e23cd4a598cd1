import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AssertionFailed } from '../base/assert.ts'
import { BackupError, wrap, type ErrorCode } from '../base/errors.ts'
import { EXIT, EXIT_MEANINGS, exitCodeOf } from './exit-codes.ts'
import { describeFailure, renderFailure } from './failure.ts'

const golden = join(import.meta.dirname, '../../test/golden')

/** Compares with a file in test/golden; `UPDATE_GOLDEN=1 npm test` writes it anew, to be read before it is committed. */
function assertGolden(name: string, text: string): void {
  const file = join(golden, name)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code, errno: -5 })
}

test('each link of a failure is a line, from what was tried to what the system said', () => {
  const inner = wrap('reading source file', '/srv/photos/a.raw', systemError('EIO', 'i/o error, read'))
  const failure = describeFailure(wrap('backing up', '/srv/photos', inner))
  assertGolden('failure-chain.txt', renderFailure(failure, '0.1.0'))
  assert.equal(failure.exitCode, EXIT.failed)
})

test('the hint comes last and once, whoever gave it', () => {
  const inner = new BackupError('corrupt', 'pack directory has 38 bytes, not a multiple of 37', 'data/3f/3f09', {
    hint: 'run `holdfast check --read-data` to list the snapshots that need this pack',
  })
  const failure = describeFailure(wrap('restoring', 'latest:/srv', inner))
  assertGolden('failure-hint.txt', renderFailure(failure, '0.1.0'))
  assert.equal(failure.exitCode, EXIT.damage)
})

test('names in a failure cannot talk to the terminal', () => {
  const failure = describeFailure(
    new BackupError('not-found', 'no such file', '/srv/\x1b[2J\u202eevil\nholdfast: done'),
  )
  assertGolden('failure-escaped.txt', renderFailure(failure, '0.1.0'))
})

test('a bug says that it is one, with its stack, also when an operation has named the step', () => {
  const bug = new AssertionFailed('offset is inside of the pack')
  bug.stack = 'AssertionFailed: offset is inside of the pack\n    at readBlock (src/repo/pack.ts:1:2)'
  const failure = describeFailure(wrap('backing up', '/srv/photos', bug))
  const text = renderFailure(failure, '0.1.0').replace(/Node \S+, .*/, 'Node VERSION, SYSTEM')
  assertGolden('failure-bug.txt', text)
  assert.equal(failure.exitCode, EXIT.bug)
  assert.equal(describeFailure(new TypeError('x is not a function')).code, 'bug')
  const misuse = Object.assign(new TypeError('must be a string'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.equal(describeFailure(wrap('reading', 'x', misuse)).code, 'bug')
})

test('what the system says is no bug, wrapped or not', () => {
  assert.equal(describeFailure(systemError('ENOSPC', 'no space left on device, write')).exitCode, EXIT.full)
  const refused = new TypeError('fetch failed', { cause: systemError('ECONNREFUSED', 'connect') })
  assert.equal(
    describeFailure(new BackupError('unreachable', 'asking', 'https://x', { cause: refused })).exitCode,
    EXIT.unreachable,
  )
})

test('a failure of a kind that is known is no bug, whatever was thrown below it', () => {
  for (const code of ['usage', 'corrupt', 'unsupported', 'limit', 'wrong-key'] as const) {
    const cause = new SyntaxError('Invalid regular expression: /(/u: Unterminated group')
    const failure = describeFailure(
      wrap('reading rules', 'x', new BackupError(code, 'makes no sense', '-(', { cause })),
    )
    assert.equal(failure.code, code)
    assert.equal(failure.exitCode, exitCodeOf(code))
    assert.equal(failure.stack, undefined)
    assert.match(failure.links.at(-1)!, /Unterminated group$/)
  }
})

test('an aborted operation counts as interrupted', () => {
  assert.equal(describeFailure(AbortSignal.abort().reason).exitCode, EXIT.interrupted)
})

test('a chain that bites its tail ends', () => {
  const a = new Error('a')
  const b = new Error('b', { cause: a })
  a.cause = b
  assert.equal(describeFailure(a).links.length, 2)
})

test('every kind of error has its exit code and every exit code its meaning', () => {
  const codes: ErrorCode[] = [
    'usage',
    'io',
    'unreachable',
    'not-found',
    'exists',
    'corrupt',
    'wrong-key',
    'refused',
    'full',
    'limit',
    'unsupported',
    'fenced',
    'interrupted',
  ]
  const numbers = codes.map(exitCodeOf)
  assert.equal(new Set(numbers).size, codes.length, 'no two kinds share a number')
  const documented = EXIT_MEANINGS.map(({ code }) => code)
  assert.deepEqual(documented, Object.values(EXIT))
})
