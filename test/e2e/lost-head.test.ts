// The newest snapshot of a machine is gone from the store: every command refuses, and repair is the one that helps.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('a head that was lost comes back from parity, or from another copy of the repository, and then all goes on', async (t) => {
  const folder = tempFolder(t, 'lost-head')
  const scratch = await ScratchRepository.create(folder, { parity: { data: 0.02, meta: 0.1 } })
  const operator = new Operator(folder, scratch)
  const expect = (status: number, ...args: readonly string[]) => {
    const run = operator.run(args)
    assert.equal(run.status, status, `${args.join(' ')}: ${run.stdout}${run.stderr}`)
    return run.stdout + run.stderr
  }
  const source = join(folder, 'source')
  mkdirSync(source)
  for (const content of ['first', 'second']) {
    writeFileSync(join(source, 'file'), content)
    expect(0, 'backup', source)
  }
  expect(0, 'hold', 'add', 'latest')
  const copy = join(folder, 'copy')
  cpSync(scratch.location, copy, { recursive: true })
  const heads = ['snap', 'log'].map((kind) => {
    const names = readdirSync(join(scratch.location, kind), { recursive: true, encoding: 'utf8' })
    return `${kind}/${names
      .filter((name) => name.includes('-'))
      .toSorted()
      .at(-1)!}`
  })
  const lose = (...names: readonly string[]) => {
    for (const name of names) rmSync(join(scratch.location, name))
  }
  const isThere = () => heads.map((name) => existsSync(join(scratch.location, name)))

  lose(heads[0]!)
  assert.match(expect(14, 'snapshots'), /`holdfast repair`/)
  assert.match(expect(0, 'repair'), /brought back: snap\/.*computed from parity/)
  expect(0, 'snapshots')

  lose(...heads, ...heads.map((name) => `parity/${name}`))
  expect(14, 'repair')
  assert.deepEqual(isThere(), [false, false])
  assert.match(expect(0, 'repair', '--from', copy, '--dry-run'), /would bring back: snap\//)
  assert.deepEqual(isThere(), [false, false])
  assert.match(expect(0, 'repair', '--from', copy), /brought back: log\/.* from the other copy/)
  assert.deepEqual(isThere(), [true, true])
  assert.match(expect(0, 'audit'), /the history is whole/)
})
