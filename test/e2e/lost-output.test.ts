// Standard output that cannot be written: a command that did not say what it was asked for has not succeeded.
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { commands } from '../../src/cli/app.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { missing, withLoopFs } from '../support/requirements.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

async function prepare(t: TestContext) {
  const folder = tempFolder(t, 'lost')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo')
  assert.equal(operator.run(['backup', source]).status, EXIT.ok)
  return { folder, scratch, operator, source }
}

test('every command whose output finds no room says so and ends with 8', async (t) => {
  if (!existsSync('/dev/full')) return void missing(t, '/dev/full')
  const { folder, scratch, operator, source } = await prepare(t)
  const full = openSync('/dev/full', 'w')
  t.after(() => closeSync(full))
  writeFileSync(join(folder, 'new'), 'new passphrase\n')
  const byPassphrase = { HOLDFAST_KEY_FILE: undefined, HOLDFAST_PASSWORD: 'new passphrase' }
  const cases: Record<string, { args: string[]; env?: Record<string, string | undefined> }> = {
    backup: { args: [source] },
    snapshots: { args: [] },
    restore: { args: ['latest', '--target', 'out'] },
    ls: { args: ['-R', 'latest'] },
    find: { args: ['*'] },
    diff: { args: ['latest', 'latest'] },
    cat: { args: ['latest:photos/a.raw'] },
    init: { args: ['--repo', join(folder, 'second')] },
    check: { args: [] },
    scrub: { args: [] },
    stats: { args: [] },
    'key list': { args: [] },
    'key add': { args: ['--new-password-file', join(folder, 'new')] },
    'key passwd': { args: [], env: { ...byPassphrase, HOLDFAST_NEW_PASSWORD: 'newer' } },
    'key test': { args: [] },
    'key export': { args: [] },
    'key remove': { args: [] }, // which one is known by then
    'key import': { args: [join(folder, 'exported')] },
    checkpoint: { args: [] },
    audit: { args: [] },
    'enroll request': { args: ['--no-wait'] },
    'enroll list': { args: [] },
    'enroll approve': { args: ['--name', 'laptop', '--role', 'read'] },
    'domain list': { args: [] },
    'enroll revoke': { args: ['--dry-run', 'laptop'] },
    'domain add': { args: ['private', '--yes'] },
    'domain grant': { args: ['private'] }, // to the machine that was let in
    'domain rename': { args: ['private', 'letters'] },
    'domain destroy': { args: ['letters', '--yes', 'letters'] },
    'key rotate': { args: ['--yes'] },
    'policy set': { args: ['--keep-last', '100'] },
    'policy show': { args: [] },
    'hold add': { args: ['latest', '--until', '1d'] },
    'hold list': { args: [] },
    'hold remove': { args: ['latest'] },
    forget: { args: ['latest'] },
    'trash list': { args: [] },
    'trash recall': { args: ['--all'] },
    'trash purge': { args: [] },
    prune: { args: ['--dry-run'] },
    repair: { args: ['--dry-run'] },
    drill: { args: [] },
    version: { args: [] },
    completion: { args: ['fish'] },
    man: { args: ['backup'] },
  }
  assert.deepEqual(
    Object.keys(cases),
    commands
      .map(({ words }) => words.name)
      .toSorted((a, b) => Object.keys(cases).indexOf(a) - Object.keys(cases).indexOf(b)),
  )
  for (const [name, { args, env = {} }] of Object.entries(cases)) {
    if (name === 'enroll approve') {
      args.push((JSON.parse(operator.run(['enroll', 'list', '--json']).stdout) as { code: string }).code)
    }
    if (name === 'key remove' || name === 'key export') {
      const listed = operator.run(['key', 'list', '--json']).stdout.trim().split('\n')
      const keys = listed.map((line) => JSON.parse(line) as { id: string; kind: string })
      args.push(keys.find(({ kind }) => kind === 'passphrase')!.id)
      if (name === 'key export') args.push(join(folder, 'exported'))
    }
    if (name === 'domain grant') {
      const listed = operator.run(['key', 'list', '--json']).stdout.trim().split('\n')
      args.push(listed.map((line) => JSON.parse(line) as { id: string; role: string }).find(isOfMachine)!.id)
    }
    const { status, stderr } = operator.run([...name.split(' '), ...args], { env, stdout: full })
    assert.equal(status, EXIT.full, `${name}: ${stderr}`)
    assert.match(
      stderr,
      /^holdfast: writing: standard output\n {2}because ENOSPC: no space left on device, write$/m,
      name,
    )
    assert.equal(stderr.match(/ENOSPC/g)!.length, 1, `${name} says it once`)
  }
  for (const args of [
    ['ls', '-R', 'latest', '--json'],
    ['restore', '-n', '-t', 'out', 'latest'],
    ['backup', '--json', source],
    ['--help'],
    ['ls', '--help'],
  ]) {
    assert.equal(operator.run(args, { stdout: full }).status, EXIT.full, args.join(' '))
  }
  assert.equal((await scratch.readAll()).length, 3, 'what a command does, it does all the same')
  assert.equal(readFileSync(join(operator.home, 'out', source, 'a.raw'), 'utf8'), 'a photo')
  // The first one, the one that was imported again, the machine that was let in.
  assert.equal(operator.run(['key', 'list', '--json']).stdout.trim().split('\n').length, 3)
})

function isOfMachine({ role }: { readonly role: string }): boolean {
  return role === 'read'
}

test('a file that fills the disk it is printed to ends with 8', (t) =>
  withLoopFs(t, 'ext4', 8, async (disk) => {
    const { operator, source } = await prepare(t)
    writeFileSync(join(source, 'large'), Buffer.alloc(16 * 1024 * 1024))
    assert.equal(operator.run(['backup', source]).status, EXIT.ok)
    const large = openSync(join(disk, 'large'), 'w')
    const { status, stderr } = operator.run(['cat', `latest:${source}/large`], { stdout: large })
    closeSync(large)
    assert.equal(status, EXIT.full, stderr)
    assert.match(stderr, /because ENOSPC/)
  }))
