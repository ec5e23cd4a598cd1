// A snapshot and log records are gone from the middle of their chains, and nothing brings them back.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('what is lost from the history for good is accepted by an administrator who has seen it, until it comes back', async (t) => {
  const folder = tempFolder(t, 'accept-loss')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const expect = (status: number, ...args: readonly string[]) => {
    const run = operator.run(args)
    assert.equal(run.status, status, `${args.join(' ')}: ${run.stdout}${run.stderr}`)
    return run.stdout + run.stderr
  }
  const source = join(folder, 'source')
  mkdirSync(source)
  for (const content of ['first', 'second', 'third']) {
    writeFileSync(join(source, 'file'), content)
    expect(EXIT.ok, 'backup', source)
  }
  for (let i = 0; i < 4; i++) expect(EXIT.ok, 'hold', 'add', 'latest')
  const maintainer = join(folder, 'maintain.key')
  expect(EXIT.ok, 'key', 'add', '--new-key-file', maintainer, '--role', 'maintain')
  const copy = join(folder, 'copy')
  cpSync(scratch.location, copy, { recursive: true })
  const objects = (kind: string) =>
    readdirSync(join(scratch.location, kind), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.includes('-'))
      .map((name) => `${kind}/${name}`)
      .toSorted()
  const [, snapshot] = objects('snap')
  const [, second, third, ...later] = objects('log')
  assert.ok(later.length >= 1)
  const gone = [snapshot!, second!, third!]
  for (const name of gone) rmSync(join(scratch.location, name))
  const writer = third!.split('/')[1]!.slice(0, 8)

  assert.match(expect(EXIT.damage, 'repair'), /can be accepted as lost: `holdfast repair --accept-loss all --dry-run`/)
  assert.match(
    expect(EXIT.ok, 'repair', '--accept-loss', 'all', '--from', copy, '--dry-run'),
    /would bring back: snap\//,
  )
  expect(EXIT.wrongKey, 'repair', '--accept-loss', 'all', '--yes', '--key-file', maintainer)
  const logs = objects('log')
  const shown = expect(EXIT.ok, 'repair', '--accept-loss', 'all', '--dry-run')
  assert.match(shown, new RegExp(`^lost: snapshot 2 of .*\\n  made after 20.* and before 20.*\\n  ${snapshot}\\n`))
  assert.match(
    shown,
    new RegExp(`^lost: record 2 of .*: log/${writer}/2\\n.*\\n  nothing that is still there has`, 'm'),
  )
  assert.match(shown, new RegExp(`^lost: record 3 of .*: log/${writer}/3\\n.*\\n  ${third}\\n  if it revoked`, 'm'))
  assert.match(shown, /^dry run: 1 snapshot and 2 log records would be accepted as lost$/m)
  const unasked = expect(EXIT.refused, 'repair', '--accept-loss', 'all')
  assert.match(unasked, /nothing was accepted/)
  expect(EXIT.notFound, 'repair', '--accept-loss', `log/${writer}/1`, '--yes')
  assert.deepEqual(objects('log'), logs, 'nothing has been signed')

  const one = expect(EXIT.ok, 'repair', '--accept-loss', `snap/${snapshot!.split('/')[1]!.slice(0, 8)}/2`, '--yes')
  assert.match(one, /^accepted as lost: 1 snapshot, noted in the log as log\//m)
  assert.match(expect(EXIT.damage, 'check'), new RegExp(third!))
  expect(EXIT.ok, 'repair', '--accept-loss', 'all', '--yes', '--reason', 'a bad disk')
  assert.match(expect(EXIT.ok, 'check'), /^3 snapshots and log records lost, and accepted as that: /m)
  const audited = expect(EXIT.ok, 'audit')
  assert.match(audited, /^ +2: lost, and accepted as that by .* on 20[-0-9: ]*$/m)
  assert.match(audited, /^ +2 to 3: lost, and accepted as that by .* on 20\d\d-.* \(a bad disk\)$/m)
  // What a removal of a key asks of the log is known again.
  expect(EXIT.ok, 'key', 'rotate', '--yes')

  for (const name of gone.slice(1)) cpSync(join(copy, name), join(scratch.location, name))
  assert.match(expect(EXIT.ok, 'check'), /^1 snapshot or log record lost, and accepted as that: /m)
})
