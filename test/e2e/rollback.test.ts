// A store that goes back behind what this machine has seen, met by the real program.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

function scene(t: TestContext) {
  const folder = tempFolder(t, 'rollback')
  const program = new Program(folder)
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  const earlier = join(folder, 'earlier')
  cpSync(program.repository, earlier, { recursive: true })
  return {
    program,
    source,
    state: join(folder, 'home', '.local', 'state', 'holdfast'),
    /** Puts the copy in the place of the repository. */
    goBack: () => {
      rmSync(program.repository, { recursive: true })
      cpSync(earlier, program.repository, { recursive: true })
    },
    /** Hides one object until it is put back. */
    hide: (object: string) => {
      const hidden = join(folder, 'hidden')
      renameSync(join(program.repository, object), hidden)
      return () => renameSync(hidden, join(program.repository, object))
    },
    objects: (prefix: string) => readdirSync(join(program.repository, prefix), { recursive: true, encoding: 'utf8' }),
  }
}

test('every command refuses a store that went back, and says what is missing and what to do', (t) => {
  const { program, source, goBack } = scene(t)
  program.expect(0, 'backup', source)
  goBack()
  const commands = [
    ['snapshots'],
    ['ls', 'latest'],
    ['cat', 'latest:source/file'],
    ['find', '*'],
    ['diff', 'latest', 'latest'],
    ['restore', 'latest', '--target', join(source, 'never')],
    ['backup', source],
    ['check'],
    ['stats'],
    ['key', 'list'],
    ['key', 'add', '--new-key-file', join(source, 'never.key')],
  ]
  for (const command of commands) {
    const { status, stderr } = program.run(...command)
    assert.equal(status, 14, `${command.join(' ')}: ${stderr}`)
    assert.match(stderr, /went back behind what it was on 20\d\d-.*Z: snapshot 2 of writer [0-9a-f]{8} .* is gone/)
    assert.match(stderr, /--accept-rollback/)
  }
  assert.deepEqual(readdirSync(source), ['file'])
  // Without a key there is nothing to compare with.
  program.expect(0, 'scrub')
})

test('a rollback is accepted once, in the log for others too, and then all goes on', (t) => {
  const { program, source, goBack, objects } = scene(t)
  program.expect(0, 'backup', source)
  goBack()
  // A dry run says what would be accepted, and accepts nothing.
  const rehearsed = program.run('prune', '--dry-run', '--accept-rollback')
  assert.equal(rehearsed.status, 0, rehearsed.stderr)
  assert.match(rehearsed.stderr, /dry run, not accepted yet: .* snapshot 2 .* is gone/)
  program.expect(14, 'snapshots')
  const accepted = program.run('snapshots', '--accept-rollback')
  assert.equal(accepted.status, 0, accepted.stderr)
  assert.match(accepted.stderr, /accepted: .* snapshot 2 .* is gone/)
  assert.match(accepted.stderr, /noted in the log of the repository as log\//)
  assert.equal(objects('log').filter((name) => name.includes('/')).length, 1)
  program.expect(0, 'snapshots')
  program.expect(0, 'backup', source)
  program.expect(0, 'check')
  const idle = program.run('snapshots', '--accept-rollback')
  assert.equal(idle.status, 0)
  assert.match(idle.stderr, /nothing was accepted/)
})

test('the snapshot that a backup has just made is missed by the next command', (t) => {
  const { program, hide, objects } = scene(t)
  const [own] = objects('snap').filter((name) => name.includes('-'))
  const putBack = hide(`snap/${own}`)
  assert.equal(program.run('snapshots').status, 14)
  putBack()
  program.expect(0, 'snapshots')
})

test('a state folder that cannot be written or read is told, and keeps nobody from restoring', (t) => {
  const { program, state, source } = scene(t)
  rmSync(state, { recursive: true })
  writeFileSync(state, 'a file where the folder should be')
  const { status, stderr } = program.run('snapshots')
  assert.equal(status, 0, stderr)
  assert.match(stderr, /not compared with what this machine saw before|could not be remembered/)
  program.expect(0, 'restore', 'latest', '--target', join(source, 'restored'))
  assert.equal(program.run('snapshots', '--quiet').stderr, '')
})

test('what is remembered is readable by its owner alone', (t) => {
  const { program, state } = scene(t)
  program.expect(0, 'snapshots')
  const kept = readdirSync(state).filter((name) => name.includes('.seen-'))
  assert.ok(kept.length > 0)
  for (const name of kept) assert.equal(statSync(join(state, name)).mode & 0o077, 0, name)
})

test('commands that run at once on one machine remember what each has seen', (t) => {
  const { program, source, goBack } = scene(t)
  const { status, stderr } = program.shell(
    `for i in 1 2 3; do "$HOLDFAST" backup --quiet ${source} & "$HOLDFAST" snapshots --quiet > /dev/null & done; wait`,
  )
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  program.expect(0, 'snapshots')
  goBack()
  assert.match(program.run('snapshots').stderr, /snapshot 4 of writer/)
})

test('who may not keep a record accepts for this machine and key alone', (t) => {
  const { program, source, state, goBack } = scene(t)
  program.expect(0, 'backup', source)
  const keyFile = join(state, '..', 'reader.key')
  program.expect(0, 'key', 'add', '--role', 'read', '--new-key-file', keyFile)
  const reader = ['--key-file', keyFile]
  program.expect(0, 'snapshots', ...reader)
  const slots = readdirSync(join(program.repository, 'keys'))
  const kept = slots.map((name) => [name, readFileSync(join(program.repository, 'keys', name))] as const)
  goBack()
  for (const [name, bytes] of kept) writeFileSync(join(program.repository, 'keys', name), bytes)
  assert.equal(program.run('snapshots', ...reader).status, 14)
  const accepted = program.run('snapshots', '--accept-rollback', ...reader)
  assert.equal(accepted.status, 0, accepted.stderr)
  assert.match(accepted.stderr, /only this machine knows that it was accepted: /)
  program.expect(0, 'snapshots', ...reader)
  assert.equal(program.run('snapshots').status, 14, 'another key has a memory of its own')
})
