// Packs that are whole while the index that named them is lost.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('check never says that no snapshot needs packs of no index while something is missing', (t) => {
  const { program } = backedUp(t)
  rmSync(join(program.repository, 'index'), { recursive: true })
  rmSync(objectsIn(join(program.repository, 'data'))[0]!)
  const { status, stdout } = program.run('check')
  assert.equal(status, 4)
  assert.match(stdout, /^1 pack in no index: keep what may hold what is missing$/m)
  assert.doesNotMatch(stdout, /no snapshot needs/)
})

test('without any index everything is read all the same, with a warning', (t) => {
  const { folder, program, source, files } = backedUp(t)
  rmSync(join(program.repository, 'index'), { recursive: true })
  const listed = program.run('ls', '-R', 'latest')
  assert.equal(listed.status, 0, listed.stderr)
  assert.match(listed.stdout, /sub\/two/)
  assert.match(listed.stderr, INCOMPLETE)
  const target = join(folder, 'restored')
  const restored = program.run('restore', 'latest', '--target', target)
  assert.equal(restored.status, 0, restored.stderr)
  assert.match(restored.stderr, INCOMPLETE)
  for (const [name, bytes] of Object.entries(files)) {
    assert.ok(readFileSync(join(target, source, name)).equals(bytes), name)
  }
  for (const command of [
    ['ls', '-R', 'latest'],
    ['find', 'two'],
    ['restore', 'latest', '--target', join(folder, 'again')],
    ['check'],
  ]) {
    const records = program
      .expect(0, ...command, '--json')
      .trim()
      .split('\n')
    const facts = records.map((line) => JSON.parse(line)).filter(({ fact }) => fact === 'index-incomplete')
    assert.equal(facts.length, 1, command[0])
    const summary = JSON.parse(records.at(-1)!)
    if (command[0] !== 'check') continue
    assert.deepEqual([summary.packs_unindexed, summary.packs_unfinished, summary.index_incomplete], [2, 0, true])
  }
  for (const flags of [[], ['--read-data']]) {
    const checked = program.run('check', ...flags)
    assert.equal(checked.status, 0, checked.stdout + checked.stderr)
    assert.match(checked.stdout, /^2 packs in no index: snapshots need what is in there$/m)
    assert.match(checked.stderr, /segments of the index are lost or damaged: what they named is read all the same/)
  }
  const again = program.run('backup', source)
  assert.equal(again.status, 0, again.stderr)
  assert.match(again.stderr, /the index was incomplete: 2 packs that no segment of it names are indexed again/)
  assert.equal(objectsIn(join(program.repository, 'data')).length, 1, 'nothing is stored twice')
  for (const command of [
    ['ls', '-R', 'latest'],
    ['check', '--read-data'],
    ['backup', source],
  ]) {
    const { status, stdout, stderr } = program.run(...command)
    assert.equal(status, 0, stderr)
    assert.doesNotMatch(stdout + stderr, /warning|in no index|incomplete/)
  }
})

const INCOMPLETE = /the index is incomplete: 2 packs are in no segment of it and read all the same/

function backedUp(t: TestContext) {
  const folder = tempFolder(t, 'lost-index')
  const program = new Program(folder)
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  const files = { large: secureRandom(3_000_000), 'sub/one': secureRandom(5000), 'sub/two': secureRandom(70_000) }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(source, name), bytes)
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  return { folder, program, source, files }
}

function objectsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}
