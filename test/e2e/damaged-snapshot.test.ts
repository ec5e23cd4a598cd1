// One damaged snapshot costs that one alone.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('a damaged snapshot is named, and the others are listed, counted, searched and restored', (t) => {
  const folder = tempFolder(t, 'snapshot')
  const program = new Program(folder)
  const source = join(folder, 'data')
  mkdirSync(source)
  program.expect(0, 'init')
  for (const version of ['first', 'second', 'third']) {
    writeFileSync(join(source, 'file'), version)
    program.expect(0, 'backup', source)
  }
  const ids = program
    .expect(0, 'snapshots', '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id as string)
  const snap = join(program.repository, 'snap')
  const objects = readdirSync(snap, { recursive: true, encoding: 'utf8' }).map((name) => join(snap, name))
  const damaged = objects.find((path) => statSync(path).isFile() && path.includes(ids[1]!))!
  chmodSync(damaged, 0o600)
  const bytes = readFileSync(damaged)
  bytes[120]! ^= 1
  writeFileSync(damaged, bytes)

  const listed = program.run('snapshots', '--json')
  assert.equal(listed.status, 4)
  const lines = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.filter(({ type }) => type === 'snapshot').map(({ id }) => id),
    [ids[0], ids[2]],
  )
  assert(lines.some(({ type, code, message }) => type === 'error' && code === 'corrupt' && message.includes(ids[1])))
  const counted = program.run('stats')
  assert.equal(counted.status, 4)
  assert.match(counted.stdout, /^snapshots +2\nfiles in them +2\n/)
  assert(counted.stderr.startsWith('error: ') && counted.stderr.includes(ids[1]!), counted.stderr)
  const found = program.run('find', 'file')
  assert.equal(found.status, 4)
  assert.equal(found.stdout.trim().split('\n').length, 2)
  assert.equal(program.expect(0, 'cat', `${ids[2]}:data/file`), 'third')
  assert.equal(program.run('cat', `${ids[1]}:data/file`).status, 4)
  // Which one is the latest cannot be told.
  const latest = program.run('cat', 'latest:data/file')
  assert.equal(latest.status, 4)
  assert(latest.stderr.includes(ids[1]!))
  assert.match(latest.stderr, /hint: name one by its id/)
})
