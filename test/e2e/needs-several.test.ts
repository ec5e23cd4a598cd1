// An operation that takes several people: the key with its rights needs several credentials, the one for every day has less.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('deleting and changing keys take two credentials where the key of one may only read', async (t) => {
  const folder = tempFolder(t, 'several')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const at = (name: string) => join(folder, name)
  mkdirSync(at('photos'))
  writeFileSync(at('photos/a.raw'), 'a photo')
  const run = (status: number, ...args: string[]) => {
    const done = operator.run(args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  run(EXIT.ok, 'backup', at('photos'))
  run(EXIT.ok, 'key', 'add', '--role', 'read', '--new-key-file', at('daily'), '--label', 'daily')
  run(EXIT.ok, 'key', 'add', '--all-of', '--new-key-file', at('stick'), '--recovery-sheet', at('sheet.txt'))
  const keys = run(EXIT.ok, 'key', 'list', '--json').trim().split('\n')
  const idOf = (word: string) => /"id":"(\w+)"/.exec(keys.find((line) => line.includes(word))!)![1]!
  run(EXIT.ok, 'key', 'remove', idOf('"in_use":true'))

  run(EXIT.wrongKey, 'snapshots')
  run(EXIT.ok, 'snapshots', '--key-file', at('daily'))
  run(EXIT.wrongKey, 'forget', 'latest', '--key-file', at('daily'))
  run(EXIT.wrongKey, 'forget', 'latest', '--key-file', at('stick'))
  run(EXIT.wrongKey, 'key', 'rotate', '--yes', '--key-file', at('daily'))
  writeFileSync(at('words'), /^holdfast-key-1 .*$/m.exec(readFileSync(at('sheet.txt'), 'utf8'))![0])
  const both = (status: number, ...args: string[]) => {
    const env = { HOLDFAST_RECOVERY_WORDS_FILE: at('words'), HOLDFAST_KEY_FILE: undefined }
    const done = operator.run([...args, '--together', '--key-file', at('stick')], { env })
    assert.equal(done.status, status, done.stderr)
  }
  both(EXIT.ok, 'forget', 'latest')
  both(EXIT.ok, 'key', 'remove', idOf('daily'))
})
