// A domain that is destroyed as people do it.
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('a domain is destroyed when its name is typed, its files are overwritten, and the history says so', async (t) => {
  const folder = tempFolder(t, 'destroy')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo '.repeat(2000))
  const by = (args: readonly string[], status: number = EXIT.ok): string => {
    const done = operator.run(args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  assert.match(by(['domain', 'destroy', 'default'], EXIT.refused), /only domain[^]*delete the repository/)
  by(['domain', 'add', 'private'])
  by(['key', 'add', '--new-key-file', 'ann.key', '--role', 'read', '--domain', 'private', '--label', 'Ann'])
  by(['backup', source])
  by(['backup', source, '--domain', 'private'])
  const refused = by(['domain', 'destroy', 'private'], EXIT.refused)
  assert.match(refused, /1 snapshot, 2 packs[^]*1 key that open nothing else: [0-9a-f]{10}[^]*nothing was destroyed/)
  assert.match(by(['domain', 'destroy', 'private', '--yes', 'default'], EXIT.refused), /not the name of the domain/)
  assert.match(by(['domain', 'destroy', 'nowhere', '--yes', 'nowhere'], EXIT.notFound), /no such domain/)
  assert.equal(by(['snapshots']).trim().split('\n').length, 3)
  // The keys of both sessions: those of the domain are overwritten.
  const keys = join(scratch.location, 'skeys')
  const witnesses = readdirSync(keys).map((name) => {
    linkSync(join(keys, name), join(folder, name))
    return { name, bytes: readFileSync(join(keys, name)) }
  })
  const told = by(['domain', 'destroy', 'private', '--yes', 'private', '--overwrite', '--reason', 'asked for'])
  assert.match(told, /destroyed domain private; the key in use is now [0-9a-f]{10}/)
  assert.match(told, /SSD or a file system that copies on write/)
  const kept = witnesses.filter(({ name, bytes }) => readFileSync(join(folder, name)).equals(bytes))
  assert.deepEqual(
    kept.map(({ name }) => name),
    readdirSync(keys),
  )
  assert.equal(kept.length, 1)
  assert.equal(by(['snapshots']).trim().split('\n').length, 2)
  by(['restore', 'latest', '--target', join(folder, 'restored')])
  assert.match(by(['check', '--read-data']), /no damage found/)
  assert.match(by(['audit', '--verbose']), /destroyed with their domain by [^\n]*\(asked for\)/)
  by(['snapshots', '--key-file', 'ann.key'], EXIT.wrongKey)
  by(['backup', source])
})
