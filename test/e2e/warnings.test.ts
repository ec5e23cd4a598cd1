// What is wrong in a repository and not needed by the command at hand is warned of, and does not stop it.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import { Operator } from '../support/operator.ts'
import type { ProgramResult } from '../support/program.ts'
import { backUp } from '../support/scratch-backup.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** Two snapshots with nothing in common, and a second key. */
async function twoSnapshots(t: TestContext) {
  const folder = tempFolder(t, 'warnings')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const ids: string[] = []
  const segments: string[] = []
  for (const name of ['first', 'second']) {
    const source = join(operator.home, name)
    mkdirSync(source)
    writeFileSync(join(source, 'file'), `${name}\n`.repeat(1000))
    const { snapshot } = await backUp(scratch, [source])
    ids.push(snapshot.id)
    const all = readdirSync(join(scratch.location, 'index')).map((each) => `index/${each}`)
    segments.push(...all.filter((each) => !segments.includes(each)))
  }
  const { store, bundle } = await scratch.open()
  const details = { created: timespecFromMs(systemClock.now()), random: secureRandom, suite: 1 as const }
  const slot = await addSlot(store, bundle, { kind: 'key-file', secret: secureRandom(32) }, details)
  const damage = (name: string) => {
    const file = join(scratch.location, name)
    chmodSync(file, 0o600)
    writeFileSync(
      file,
      readFileSync(file).map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
    )
  }
  return { scratch, operator, ids, segments, slot, damage }
}

function warnings({ stderr }: ProgramResult): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('warning: '))
}

/** The one warning there is. */
function onlyWarning(run: ProgramResult): string {
  const all = warnings(run)
  assert.equal(all.length, 1, run.stderr)
  return all[0]!
}

test('a damaged segment of the index is warned of by name, and what others name can be read', async (t) => {
  const { operator, ids, segments, damage } = await twoSnapshots(t)
  const [first] = ids
  const damaged = segments[1]!
  damage(damaged)

  const listed = operator.run(['ls', first!])
  assert.equal(listed.status, 0, listed.stderr)
  assert(listed.stdout.includes('first'))
  assert(onlyWarning(listed).startsWith(`warning: reading the index: ${damaged}, because `))
  assert.match(onlyWarning(listed), /; what no other segment names is looked for in the packs$/)

  const lines = operator
    .run(['ls', first!, '--json'])
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const told = lines.filter(({ type }) => type === 'warning')
  assert.deepEqual(
    told.map(({ code, message }) => [code, message.includes(damaged)]),
    [['corrupt', true]],
  )

  const content = operator.run(['cat', `${first}:first/file`, '--json'])
  assert.equal(content.stdout, 'first\n'.repeat(1000))
  assert(onlyWarning(content).includes(damaged))

  const checked = operator.run(['check'])
  assert.equal(checked.status, 4)
  assert.match(onlyWarning(checked), /segments of the index are lost or damaged: what they named is read all the same/)
  assert(checked.stdout.includes(damaged))

  const stored = operator.run(['backup', join(operator.home, 'first')])
  assert.equal(stored.status, 0)
  assert.match(onlyWarning(stored), /; what it names is stored again$/)
})

test('a damaged key slot is warned of by name, once, by whoever opens with another', async (t) => {
  const { operator, slot, damage } = await twoSnapshots(t)
  damage(slot)
  for (const command of [['snapshots'], ['ls', 'latest'], ['backup', join(operator.home, 'first')], ['key', 'list']]) {
    const run = operator.run(command)
    assert.equal(run.status, 0, run.stderr)
    assert(onlyWarning(run).includes(slot), command.join(' '))
  }
  const told = operator.run(['snapshots', '--json']).stdout.split('\n')[0]!
  const { type, code } = JSON.parse(told)
  assert.deepEqual([type, code], ['warning', 'corrupt'])

  const checked = operator.run(['check'])
  assert.equal(checked.status, 4)
  assert.deepEqual(warnings(checked), [])
  assert(checked.stdout.includes(slot))
})

test('a description of another repository is warned of, and check and scrub name it alone', async (t) => {
  const { scratch, operator } = await twoSnapshots(t)
  const { description } = await scratch.open()
  const stranger = signingKeyFromSeed(secureRandom(32))
  const planted = encodeRepoDescription({ ...description, repoId: secureRandom(16) }, stranger)
  writeFileSync(join(scratch.location, 'format/99'), planted)
  for (const command of [['snapshots'], ['backup', join(operator.home, 'first')], ['key', 'list']]) {
    const run = operator.run(command)
    assert.equal(run.status, 0, run.stderr)
    assert.match(onlyWarning(run), /this description is of another repository and is passed over: format\/99$/)
  }
  for (const command of ['check', 'scrub']) {
    const run = operator.run([command, '--json'])
    assert.equal(run.status, 4, run.stderr)
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.filter(({ type }) => type === 'damage').map(({ object }) => object),
      ['format/99'],
    )
    assert(!lines.some(({ type }) => type === 'warning'))
  }
})
