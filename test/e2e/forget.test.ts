// Policies, holds and the trash as a person uses them.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Operator } from '../support/operator.ts'
import type { ProgramResult } from '../support/program.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const DAY = 86_400

class Person {
  readonly repository: string
  readonly #operator: Operator

  constructor(folder: string, scratch: ScratchRepository) {
    this.repository = scratch.location
    this.#operator = new Operator(folder, scratch)
  }

  run(...args: readonly string[]): ProgramResult {
    return this.#operator.run(args)
  }

  /** Standard output of a run that must end with `status`. */
  expect(status: number, ...args: readonly string[]): string {
    const run = this.run(...args)
    assert.equal(run.status, status, `holdfast ${args.join(' ')}:\n${run.stdout}\n${run.stderr}`)
    return run.stdout
  }
}

/** A repository with a backup on each of some days, the last one today, by the clock of the store. */
async function scene(t: TestContext, days: number) {
  const folder = tempFolder(t, 'forget')
  const program = new Person(folder, await ScratchRepository.create(folder))
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  for (let day = 0; day < days; day++) program.expect(0, 'backup', source)
  const snapshots = join(program.repository, 'snap')
  const names = readdirSync(snapshots, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('-'))
  const today = Math.floor(Date.now() / 1000 / DAY) * DAY
  for (const [at, name] of names.toSorted().entries()) {
    const received = today - (days - 1 - at) * DAY
    utimesSync(join(snapshots, name), received, received)
  }
  return { program, source }
}

function idsOf(program: Person): string[] {
  const lines = program.expect(0, 'snapshots', '--json').trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line).id as string)
}

test('a policy decides, and what it removes comes back', async (t) => {
  const { program } = await scene(t, 5)
  assert.match(program.run('forget').stderr, /there is no policy, so nothing is forgotten/)
  program.expect(0, 'policy', 'set', '--keep-daily', '2', '--trash-days', '3', '--reason', 'agreed')
  const shown = program.expect(0, 'policy', 'show')
  assert.match(shown, /2 daily.*\n.*groups: same writer, sources\ntrash: 3 days\nset by .* \(agreed\)/)
  const asRecord = JSON.parse(program.expect(0, 'policy', 'show', '--json')) as Record<string, unknown>
  assert.deepEqual([asRecord['trash_days'], asRecord['note']], [3, 'agreed'])
  const before = idsOf(program)

  const preview = program.expect(0, 'forget', '--dry-run')
  assert.match(preview, /5 snapshots, 2 stay, 3 go/)
  assert.match(preview, /^ +20\d\d-\d\d [ .#-]+$/m)
  assert.match(preview, new RegExp(`${before[4]!.slice(0, 10)} .* stays +newest, daily`))
  assert.match(preview, new RegExp(`${before[0]!.slice(0, 10)} .* goes +no rule keeps it`))
  assert.deepEqual(idsOf(program), before)

  const done = program.expect(0, 'forget')
  assert.match(done, /3 snapshots forgotten, 2 kept\nin the trash until/)
  assert.deepEqual(idsOf(program), before.slice(3))
  assert.match(program.expect(0, 'forget'), /nothing to forget: 2 snapshots kept/)
  // It also finds that the clock of this store was set.
  assert.match(program.run('audit').stdout, /1 to 3: forgotten by .*; in the trash until/)
  assert.equal(program.expect(0, 'trash', 'list').trim().split('\n').length, 4)

  program.expect(0, 'trash', 'recall', before[1]!.slice(0, 12))
  assert.deepEqual(idsOf(program), [before[1], ...before.slice(3)])
  program.expect(0, 'trash', 'recall', '--all')
  assert.deepEqual(idsOf(program), before)
  program.expect(0, 'check', '--read-data')
  // They were received anew, and are all the same as old as they were.
  assert.match(program.expect(0, 'forget', '--dry-run'), /5 snapshots, 2 stay, 3 go/)
})

test('what is held stays until it is released, and dates count', async (t) => {
  const { program, source } = await scene(t, 3)
  const [first, second] = idsOf(program) as [string, string]
  program.expect(0, 'hold', 'add', first, '--reason', 'court')
  assert.match(program.run('forget', first).stderr, /not to be forgotten \(held\)/)
  assert.match(program.expect(0, 'hold', 'list'), /keep .*\(court\)/)
  program.expect(0, 'forget', '--keep-last', '1')
  assert.deepEqual(idsOf(program).length, 2)
  program.expect(0, 'hold', 'remove', first)
  program.expect(0, 'forget', '--keep-last', '1')
  assert.equal(idsOf(program).length, 1)
  assert.equal(program.run('trash', 'recall', '12345678').status, 6)

  program.expect(0, 'backup', source, '--destroy-by', '3d') // less than the trash takes
  program.expect(0, 'backup', source, '--keep-until', '90d')
  program.expect(0, 'backup', source)
  assert.equal(program.run('backup', source, '--keep-until', '90d', '--destroy-by', '3d').status, 2)
  const preview = program.run('forget', '--keep-last', '1', '--dry-run')
  assert.match(preview.stderr, /([0-9a-f]{10}) must be gone by .* in the trash is over: `holdfast trash purge \1`/)
  const shown = program.expect(0, 'forget', '--keep-last', '1', '--json').trim().split('\n')
  const records = shown.map((line) => JSON.parse(line))
  const reasons = records
    .filter(({ type }) => type === 'snapshot')
    .map(({ action, reasons: why }) => [action, why[0]?.split(' 2')[0]])
  assert.deepEqual(reasons, [
    ['keep', 'newest'],
    ['keep', 'keep until'],
    ['forget', 'destroy by'],
    ['forget', undefined],
  ])
  assert.equal(records.at(-1).forgotten, 2)
  assert.ok(!idsOf(program).includes(second))
})

test('a run that would remove unusually much stops, and goes on when it is told to', async (t) => {
  const { program } = await scene(t, 7)
  const stopped = program.run('forget', '--keep-last', '1')
  assert.equal(stopped.status, 9)
  assert.match(stopped.stderr, /6 of 7 snapshots would go; none was ever forgotten/)
  assert.equal(idsOf(program).length, 7)
  const done = program.expect(0, 'forget', '--keep-last', '1', '--allow-unusual', '--trash-days', '0')
  assert.match(done, /the trash keeps what is forgotten for 0 days/)
  assert.doesNotMatch(done, /brings them back/)
  assert.equal(idsOf(program).length, 1)
  program.expect(0, 'trash', 'purge', '--older-than', '0')
  assert.equal(program.run('trash', 'recall', '--all').status, 0)
})

test('what makes no sense together is refused before anything is done', async (t) => {
  const { program, source } = await scene(t, 1)
  const [id] = idsOf(program)
  for (const args of [
    ['forget', id!, '--keep-last', '1'],
    ['forget', '--group-by', 'host'],
    ['forget', '--keep-daily', '0'],
    ['forget', '--keep-daily', '3/0'],
    ['forget', '--keep-within', '3'],
    ['forget', '--keep-tag', ''],
    ['policy', 'set', '--keep-tag', 'a,'],
    ['forget', '--path', '/', '--dry-run'],
    ['forget', '--path', source, '--dry-run'],
    ['forget', '--path', '/'],
    ['forget', '--keep-last', '1', '--group-by', 'writer'],
    ['policy', 'set'],
    ['policy', 'set', '--none', '--keep-last', '1'],
    ['trash', 'recall'],
    ['hold', 'add', id!, '--until', '1d', '--destroy-by', '2d'],
  ]) {
    assert.equal(program.run(...args).status, 2, args.join(' '))
  }
  assert.deepEqual(idsOf(program), [id])
})

test('a path is dropped from all snapshots, which stay what they were otherwise', async (t) => {
  const { program, source } = await scene(t, 1)
  mkdirSync(join(source, 'deep/er'), { recursive: true })
  writeFileSync(join(source, 'deep/er/secret'), 'a password')
  writeFileSync(join(source, 'deep/other'), 'stays')
  program.expect(0, 'backup', source, '--tag', 'monday')
  program.expect(0, 'backup', source)
  const [first, second, third] = idsOf(program) as [string, string, string]
  const path = join(source, 'deep/er')
  assert.equal(program.expect(0, 'forget', '--path', path, '--dry-run').trim().split('\n').length, 2)
  // Of the first one nothing would be left, dry run or not, and nothing is done with the others.
  for (const more of [['--dry-run'], []]) {
    const refused = program.run('forget', '--path', source, ...more)
    assert.deepEqual([refused.status, /nothing would be left of a snapshot/.test(refused.stderr)], [2, true])
  }
  program.expect(0, 'hold', 'add', second)
  assert.equal(program.run('forget', '--path', path).status, 9)
  program.expect(0, 'hold', 'remove', second)
  const done = program.expect(0, 'forget', '--path', path, '--reason', 'a password was in it')
  assert.match(done, /is now [0-9a-f]{10}, without 2 entries \(10 B\)/)
  const lines = program.expect(0, 'snapshots', '--json').trim().split('\n')
  const snapshots = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    snapshots.map(({ id, rewritten_from: from, tags, files, directories }) => [from ?? id, tags, files, directories]),
    [
      [first, [], 1, 1],
      [second, ['monday'], 2, 2],
      [third, [], 2, 2],
    ],
  )
  for (const { id } of snapshots.slice(1)) {
    const listed = program.expect(0, 'ls', '--recursive', id)
    assert.match(listed, /deep\/other/)
    assert.doesNotMatch(listed, /secret/)
  }
  const gone = program.run('forget', '--path', path)
  assert.equal(gone.status, 6, gone.stderr)
  assert.match(gone.stderr, /none of 3 snapshots has this path/)
  const slip = program.run('forget', '--path', join(path, '../othre'), '--dry-run')
  assert.deepEqual([slip.status, /hint: did you mean .*\/deep\/other\?/.test(slip.stderr)], [6, true], slip.stderr)

  program.expect(0, 'check', '--read-data')
  program.expect(0, 'trash', 'purge', '--older-than', '0')
  program.expect(0, 'check', '--read-data')
  assert.match(program.run('audit').stdout, /forgotten by .*\(a password was in it\)/)
  // They are of the same group as before, and as old.
  assert.match(program.expect(0, 'forget', '--keep-last', '2', '--dry-run'), /3 snapshots, 2 stay, 1 goes\n/)
  program.expect(0, 'restore', 'latest', '--target', join(source, '../restored'))
})
