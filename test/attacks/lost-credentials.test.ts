// Nobody's attack: every key slot is gone, or nobody has what opens one. There is no other way in, and what is said has to
// lead to the right next step.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

async function scene(t: TestContext) {
  const folder = tempFolder(t, 'lost')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), 'content')
  assert.equal(operator.run(['backup', source]).status, EXIT.ok)
  return { folder, scratch, operator, source }
}

test('without any key slot each command says that there is none, and nothing is written', async (t) => {
  const { scratch, operator, source } = await scene(t)
  rmSync(join(scratch.location, 'keys'), { recursive: true })
  const before = readdirSync(scratch.location, { recursive: true }).length
  for (const args of [
    ['snapshots'],
    ['backup', source],
    ['restore', 'latest', '--target', 'r'],
    ['check'],
    ['key', 'list'],
  ]) {
    const { status, stderr } = operator.run(args)
    assert.notEqual(status, EXIT.ok, args.join(' '))
    assert.match(stderr, /no key slot/, args.join(' '))
  }
  assert.equal(readdirSync(scratch.location, { recursive: true }).length, before)
  // Soundness can still be looked at without any key.
  assert.equal(operator.run(['scrub']).status, EXIT.ok)
})

test('a copy of one key slot, put back, is all that was missing', async (t) => {
  const { folder, scratch, operator } = await scene(t)
  const [slot] = readdirSync(join(scratch.location, 'keys')) as [string]
  const copy = join(folder, 'copy')
  assert.equal(operator.run(['key', 'export', slot.slice(0, 8), copy]).status, EXIT.ok)
  rmSync(join(scratch.location, 'keys'), { recursive: true })
  const back = operator.run(['key', 'import', copy])
  assert.equal(back.status, EXIT.ok, back.stderr)
  assert.match(operator.run(['snapshots']).stdout, /source/)
})

test('with another key the message says how many slots were tried, and what to try', async (t) => {
  const { folder, operator } = await scene(t)
  const other = join(folder, 'other.key')
  writeFileSync(other, `holdfast-key-1 ${'ab'.repeat(32)}\n`, { mode: 0o600 })
  const { status, stderr } = operator.run(['snapshots', '--key-file', other])
  assert.equal(status, EXIT.wrongKey)
  assert.match(stderr, /the key file opens no key slot \(\d tried.*hint: /s)
})
