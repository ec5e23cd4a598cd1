// Two machines, of which one trusts nobody's packs but its own and attested ones, with the real program.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator, type RunOptions } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const WITHOUT_KEY: RunOptions = { env: { HOLDFAST_KEY_FILE: undefined } }

test('a machine with own+attested stores what others have until it is attested, and nothing of its own twice', async (t) => {
  const folder = tempFolder(t, 'trust')
  const scratch = await ScratchRepository.create(folder)
  const [admin, laptop] = [new Operator(folder, scratch, 'admin'), new Operator(folder, scratch, 'laptop')]
  const source = join(folder, 'photos')
  mkdirSync(source)
  const run = (operator: Operator, args: readonly string[], options: RunOptions = {}, status: number = EXIT.ok) => {
    const done = operator.run(args, options)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout
  }
  const by = (...args: string[]) => run(admin, args)
  const on = (...args: string[]) => run(laptop, args, WITHOUT_KEY)
  const last = (output: string) => JSON.parse(output.trim().split('\n').at(-1)!) as Record<string, number>
  const config = join(folder, 'laptop.toml')
  writeFileSync(config, `trust = "own+attested"\n[set.photos]\npaths = ["${source}"]\n`)
  const backUp = () => last(on('--config', config, 'backup', '--set', 'photos', '--json'))
  const asked = JSON.parse(on('enroll', 'request', '--no-wait', '--json').split('\n')[0]!) as Record<string, string>
  by('enroll', 'approve', asked['code']!, '--name', 'laptop')
  on('enroll', 'request', '--root', asked['root']!)

  writeFileSync(join(source, 'a'), randomBytes(300_000))
  by('backup', source)
  const first = backUp()
  assert.ok(first['stored_bytes']! > 300_000, 'stored again')
  assert.equal(first['packs_passed_over'], 2)
  writeFileSync(join(source, 'b'), randomBytes(300_000))
  by('backup', source)
  assert.match(by('check', '--read-data', '--attest'), /attested [4-9] packs/)
  const second = backUp()
  assert.ok(second['stored_bytes']! < 100_000, `${second['stored_bytes']} bytes: what is attested is not stored again`)
  assert.equal(second['unchanged_files'], 1)
  assert.equal(second['packs_passed_over'], 0)
  assert.match(by('check', '--read-data', '--attest'), /attested 0 packs; [4-9] packs of those read were attested/)
  run(admin, ['check', '--attest'], {}, EXIT.usage)
  const target = join(folder, 'restored')
  by('restore', 'latest', '--target', target)
})
