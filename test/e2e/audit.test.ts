// `holdfast checkpoint` and `holdfast audit`, as a person uses them: something is printed, kept, and held against the store.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

function scene(t: TestContext) {
  const folder = tempFolder(t, 'audit')
  const program = new Program(folder)
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  return { folder, program, source, paper: join(folder, 'paper.txt') }
}

/** The objects of a kind, the oldest first. */
function objectsOf(program: Program, kind: string): string[] {
  const root = join(program.repository, kind)
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.includes('-'))
    .toSorted()
    .map((name) => join(root, name))
}

test('what a printed checkpoint has seen cannot be taken away unnoticed, on a machine that knows nothing else', (t) => {
  const { program, source, paper, folder } = scene(t)
  program.expect(0, 'backup', source)
  writeFileSync(paper, program.expect(0, 'checkpoint'))
  program.expect(0, 'backup', source)
  const good = program.expect(0, 'audit', '--checkpoint', paper)
  assert.match(good, /^audited 3 snapshots and 0 log records of 1 writer; checkpoint of /)
  assert.match(good, /snapshots 1 to 3\n/)
  assert.match(good, /nothing found: the history is whole/)
  program.expect(0, 'audit', '--checkpoint', readFileSync(paper, 'utf8'))

  for (const hidden of objectsOf(program, 'snap').slice(1)) rmSync(hidden)
  rmSync(join(folder, 'home', '.local'), { recursive: true })
  const blind = program.run('audit')
  assert.equal(blind.status, 0, 'nothing else knows of it')
  const bad = program.run('audit', '--checkpoint', paper)
  assert.equal(bad.status, 14)
  assert.match(bad.stdout, /2: MISSING/)
  assert.match(bad.stdout, /missing: snapshot 2 of .* no record says why; the checkpoint of .* has seen it/)

  const lines = program.expect(14, 'audit', '--json', '--no-progress', '--checkpoint', paper).trim().split('\n')
  const [writer, finding, summary] = lines.map((line) => JSON.parse(line))
  assert.deepEqual(writer.snapshots, { last: 2, count: 1, gaps: [{ from: 2, to: 2, reason: 'missing' }] })
  assert.equal(finding.kind, 'missing')
  assert.deepEqual([summary.findings, summary.snapshots, summary.records], [1, 1, 0])
})

test('an audit tells what this machine had seen instead of refusing, and does not forget it', (t) => {
  const { program, source } = scene(t)
  program.expect(0, 'backup', source)
  const newest = objectsOf(program, 'snap').at(-1)!
  renameSync(newest, `${newest}.away`)
  for (let round = 0; round < 2; round++) {
    const { status, stdout } = program.run('audit')
    assert.equal(status, 14)
    assert.match(stdout, /snapshot 2 of .* is missing: no record says why; this machine, on .* has seen it/)
  }
  assert.equal(program.run('snapshots').status, 14)
  program.expect(0, 'snapshots', '--accept-rollback')
  const explained = program.expect(0, 'audit')
  assert.match(explained, /2: lost, and accepted as that by .* on 20/)
})

test('a checkpoint that was copied wrongly, or is none, is refused as that', (t) => {
  const { program, paper } = scene(t)
  const text = program.expect(0, 'checkpoint')
  writeFileSync(
    paper,
    text.replace(/( 2: .)(.)/, (_, before, letter) => before + (letter === '2' ? '3' : '2')),
  )
  const wrong = program.run('audit', '--checkpoint', paper)
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /line 2 was not copied well/)
  assert.equal(program.run('audit', '--checkpoint', 'no-such-file').status, 6)
  assert.match(program.run('audit', '--checkpoint', 'some words').stderr, /there is no checkpoint in this text/)
})

test('a checkpoint of another repository is found to be that', (t) => {
  const { program, source, paper } = scene(t)
  writeFileSync(paper, program.expect(0, 'checkpoint'))
  rmSync(program.repository, { recursive: true })
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  const { status, stdout } = program.run('audit', '--checkpoint', paper)
  assert.equal(status, 14)
  assert.match(stdout, /other-repository: the checkpoint is of another repository/)
})

test('a QR code and JSON say the same as the lines', (t) => {
  const { program, paper } = scene(t)
  const shown = program.expect(0, 'checkpoint', '--qr')
  assert.match(shown, /\n\n█+\n██ ▄▄▄▄▄ █/)
  const record = JSON.parse(program.expect(0, 'checkpoint', '--json'))
  assert.equal(record.type, 'checkpoint')
  assert.deepEqual(
    record.heads.map((head: { sequence: number }) => head.sequence),
    [1],
  )
  assert.match(record.checkpoint, /^HOLDFAST-CHECKPOINT:[0-9A-Z]+$/)
  program.expect(0, 'audit', '--checkpoint', record.checkpoint)
  writeFileSync(paper, JSON.stringify(record))
  program.expect(0, 'audit', '--checkpoint', paper)
})

test('backups publish their checkpoint where the configuration says; what fails is a warning', (t) => {
  const { folder, program, source } = scene(t)
  const [kept, latest] = [join(folder, 'kept'), join(folder, 'latest.txt')]
  mkdirSync(kept)
  const config = join(folder, 'config.toml')
  writeFileSync(
    config,
    `publish = ["file:kept", "command:cat > '${latest}'", "http://127.0.0.1:9/", "command:echo broken >&2; false"]\n`,
  )
  const { status, stderr } = program.run('backup', '--config', config, source)
  assert.equal(status, 0)
  assert.match(stderr, /the snapshot is complete; only its checkpoint was not published: .*127\.0\.0\.1:9/)
  assert.match(stderr, /not published: .*exit code 1, saying: broken/)
  assert.equal(readdirSync(kept).length, 1)
  program.expect(0, 'backup', '--config', config, source)
  assert.equal(readdirSync(kept).length, 2)
  program.expect(0, 'audit', '--checkpoint', latest)
  for (const each of readdirSync(kept)) program.expect(0, 'audit', '--checkpoint', join(kept, each))

  writeFileSync(config, 'publish = ["somewhere"]\n')
  const wrong = program.run('backup', '--config', config, source)
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /`publish` must be a list of file:PATH, command:COMMAND or https:/)
})

test('a checkpoint that cannot be published is printed all the same, and the command fails', (t) => {
  const { folder, program } = scene(t)
  const file = join(folder, 'witness.txt')
  const { status, stdout, stderr } = program.run(
    'checkpoint',
    '--publish',
    'http://127.0.0.1:9/x',
    '--publish',
    `file:${file}`,
  )
  assert.equal(status, 7, stderr)
  assert.match(stdout, /^Holdfast checkpoint of /)
  assert.match(readFileSync(file, 'utf8'), /^Holdfast checkpoint of /)
  assert.equal(program.run('checkpoint', '--publish', 'nowhere').status, 2)
})
