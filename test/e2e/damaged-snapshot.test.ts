// One damaged snapshot costs that one alone.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Operator } from '../support/operator.ts'
import { Program } from '../support/program.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
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

test('one that nothing makes good keeps prunes from running, until somebody lets go of it by name', async (t) => {
  const folder = tempFolder(t, 'let-go')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const run = (...args: readonly string[]) => operator.run(args)
  const expect = (status: number, ...args: readonly string[]) => {
    const ended = run(...args)
    assert.equal(ended.status, status, `${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout
  }
  const source = join(folder, 'data')
  mkdirSync(source)
  for (const version of ['first', 'second']) {
    writeFileSync(join(source, 'file'), version)
    expect(0, 'backup', source)
  }
  const snap = join(scratch.location, 'snap')
  const [name] = readdirSync(snap, { recursive: true, encoding: 'utf8' })
    .filter((each) => each.includes('-'))
    .toSorted()
  const path = join(snap, name!)
  chmodSync(path, 0o600)
  writeFileSync(path, readFileSync(path).with(120, readFileSync(path)[120]! ^ 1))
  const id = name!.slice(-64, -54)

  expect(4, 'repair')
  const stopped = run('prune')
  assert.equal(stopped.status, 4)
  assert.ok(stopped.stderr.includes(`\`holdfast forget --damaged ${id}\` lets go of it`), stopped.stderr)
  const plain = run('forget', id)
  assert.equal(plain.status, 4)
  assert.match(plain.stderr, /hint: run `holdfast repair`; .* say --damaged/)
  assert.equal(run('forget', '--damaged').status, 2)
  assert.equal(run('forget', '--damaged', id, '--keep-last', '1').status, 2)
  assert.match(expect(0, 'forget', '--damaged', `snap/${name}`, '--dry-run'), /1 damaged .* would be forgotten/)
  assert.match(expect(0, 'forget', '--damaged', id, '--reason', 'a sector'), /1 damaged snapshot forgotten/)
  expect(0, 'prune', '--max-removed', '100%')
  assert.match(expect(0, 'check'), /1 damaged snapshot in the trash, forgotten because of the damage/)
  const audited = expect(0, 'audit')
  assert.match(audited, /1: forgotten because it was damaged by .* \(a sector\); in the trash until/)
  assert.match(audited, /^repaired by .*: 0 objects made good, 1 object lost for good\n  lost: snap\//m)
  assert.match(expect(0, 'trash', 'purge', id), /1 snapshot purged from the trash, 0 kept/)
  assert.equal(run('trash', 'purge', id).status, 6)

  // As somebody leaves it who is about to forget it, and has died or is slow.
  const left = join(scratch.location, 'trash', `${name}-${'7'.repeat(32)}`)
  mkdirSync(dirname(left), { recursive: true })
  writeFileSync(left, 'a part')
  const young = run('trash', 'purge', id)
  assert.equal(young.status, 9)
  assert.match(young.stderr, /hint: it can go after .*; a prune that it stands in the way of takes it away/)
  const longAgo = Date.now() / 1000 - 100_000
  utimesSync(left, longAgo, longAgo)
  assert.match(expect(0, 'trash', 'purge', id), /1 copy removed that nobody could bring back/)
})
