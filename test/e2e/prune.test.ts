// The real program forgets, prunes, is killed in the middle of it, prunes again; what stays is restored bit for bit.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024

test('what was forgotten and purged is given back, and a prune that is killed loses nothing', (t) => {
  const folder = tempFolder(t, 'prune')
  const program = new Program(folder)
  const source = join(folder, 'source')
  mkdirSync(source)
  const file = (name: string) => join(source, name)
  for (let i = 0; i < 4; i++) writeFileSync(file(`old-${i}`), randomFillSync(new Uint8Array(MIB)))
  writeFileSync(file('kept'), randomFillSync(new Uint8Array(MIB)))
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  for (let i = 0; i < 4; i++) rmSync(file(`old-${i}`))
  program.expect(0, 'backup', source)
  program.expect(0, 'forget', '--keep-last', '1')
  program.expect(0, 'trash', 'purge', '--older-than', '0')
  assert.equal(program.run('prune', '--max-unused', '0%').status, 13, 'unusually much asks first')
  const args = ['prune', '--max-unused', '0%', '--max-removed', '95%']
  assert.match(program.expect(0, ...args, '--dry-run'), /^frees 4\.\d+ MiB; reads/m)
  // Wherever that is: the next one goes on.
  program.shell(`timeout -s KILL 0.6 "$HOLDFAST" ${args.join(' ')}`)
  program.expect(0, ...args)
  program.expect(0, 'check', '--read-data')
  assert.match(program.expect(0, 'audit'), /^pruned by .+ on \d{4}-.+: \d+ packs? deleted \([\d.]+ \w+\)$/m)
  const target = join(folder, 'target')
  program.expect(0, 'restore', 'latest', '--target', target)
  assert.deepEqual(readFileSync(join(target, file('kept'))), readFileSync(file('kept')))
})
