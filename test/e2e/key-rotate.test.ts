// New keys as people make them.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('new keys go to those who are listed, after a question; who is left out reads what was stored before', async (t) => {
  const folder = tempFolder(t, 'rotate')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo '.repeat(200))
  const by = (args: readonly string[], status: number = EXIT.ok): string => {
    const done = operator.run(args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  const keyOf = (label: string) => new RegExp(`^([0-9a-f]{10}) .*${label}$`, 'm').exec(by(['key', 'list']))![1]!
  by(['key', 'add', '--new-key-file', 'ann.key', '--role', 'read', '--label', 'Ann'])
  by(['key', 'add', '--new-key-file', 'ben.key', '--role', 'read', '--label', 'Ben'])
  by(['key', 'add', '--new-key-file', 'own.key', '--label', 'made by Ann', '--key-file', 'ann.key'])
  by(['backup', source, '--tag', 'early'])
  const refused = by(['key', 'rotate', '--except', keyOf('Ben')], EXIT.refused)
  assert.match(refused, /These get the new keys:[^]*Ann[^]*These do not[^]*Ben +left out[^]*nothing was changed/)
  assert.match(refused, /made by Ann +no administrator has made it/)
  assert.doesNotMatch(by(['key', 'list']), /older keys/)
  const records = by(['key', 'rotate', '--except', keyOf('Ben'), '--yes', '--reason', 'Ben has left', '--json'])
    .trim()
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []))
  assert.deepEqual(
    records
      .filter(({ type }) => type === 'key_rotation')
      .map(({ renewed, passed, description }) => [renewed, passed, description]),
    [[2, 2, 2]],
  )
  assert.match(by(['key', 'list']), /older keys +Ben/)
  by(['backup', source, '--tag', 'late'])
  const early = /"id":"([0-9a-f]+)"/.exec(by(['snapshots', '--json', '--tag', 'early']))![1]!
  for (const [key, opens] of [
    ['ann.key', true],
    ['ben.key', false],
    ['own.key', false],
  ] as const) {
    const as = ['--key-file', key]
    const listed = operator.run(['snapshots', ...as])
    assert.match(listed.stdout, /#early/)
    assert.equal(/#late/.test(listed.stdout), opens)
    if (opens) by(['restore', 'latest', '--target', join(folder, 'restored'), ...as])
    else
      assert.match(
        listed.stderr,
        /keys for reading were made new on \d{4}-\d\d-\d\d, and this key was not given the new/,
      )
    by(['ls', early, ...as])
  }
  assert.match(
    by(['key', 'rotate', '--yes', '--key-file', 'ann.key'], EXIT.wrongKey),
    /takes the key of an administrator, .* has the role read/,
  )
  const own = /^([0-9a-f]{10}) \*/m.exec(by(['key', 'list']))![1]!
  assert.match(by(['key', 'rotate', '--yes', '--except', own], EXIT.refused), /key in use cannot be left out/)
  by(['check', '--read-data'])
  assert.match(by(['audit', '--verbose']), /no finding|nothing|sound/i)
  // Who got none is given new ones when keys are made anew again.
  by(['key', 'rotate', '--yes'])
  by(['backup', source])
  by(['restore', 'latest', '--target', join(folder, 'of ben'), '--key-file', 'ben.key'])
})
