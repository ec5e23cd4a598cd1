// Domains as people use them: added, chosen for a backup by a flag or by the configuration, and read across.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Scene {
  readonly folder: string
  readonly operator: Operator
  readonly scratch: ScratchRepository
  readonly source: string
  by(args: readonly string[], status?: number): string
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = tempFolder(t, 'domains')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo '.repeat(200))
  return {
    folder,
    operator,
    scratch,
    source,
    by(args, status = EXIT.ok) {
      const done = operator.run(args)
      assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
      return done.stdout + done.stderr
    },
  }
}

test('a domain is added, backed up into and given to somebody who sees nothing else', async (t) => {
  const { operator, source, by } = await scene(t)
  assert.match(by(['domain', 'list']), /default \*/)
  by(['key', 'add', '--new-key-file', 'old.key', '--role', 'read'])
  assert.match(by(['domain', 'add', 'private']), /added domain private; the key in use is now [0-9a-f]{10}/)
  assert.match(by(['domain', 'list']), /default \* .*\n *private /)
  assert.match(by(['domain', 'add', 'private'], EXIT.exists), /there is a domain of this name/)
  by(['backup', source])
  by(['backup', source, '--domain', 'private', '--tag', 'mine'])
  assert.match(by(['backup', source, '--domain', 'nowhere'], EXIT.notFound), /there are: default, private/)
  const listed = by(['snapshots'])
  assert.match(listed, /DOMAIN\n/)
  assert.match(listed, /#mine\] +private/)
  assert.match(by(['key', 'list']), /key file +admin/)
  // The newest of all domains.
  assert.match(by(['cat', `latest:${join(source, 'a.raw')}`]), /^a photo/)
  assert.match(by(['find', 'a.raw']), /a\.raw/)
  assert.match(by(['stats']), /snapshots +2/)
  assert.match(by(['check', '--read-data']), /no damage found/)
  by(['audit'])
  const [first, second] = by(['snapshots', '--json'])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
  assert.notEqual(first!['domain_id'], second!['domain_id'])
  assert.match(by(['diff', first!['id']!, second!['id']!], EXIT.usage), /default and private/)
  by(['key', 'add', '--new-key-file', 'member.key', '--role', 'read', '--domain', 'private'])
  for (const [key, own, other] of [
    ['member.key', second!, first!],
    ['old.key', first!, second!],
  ] as const) {
    const as = ['--key-file', key]
    assert.match(by(['snapshots', ...as]), new RegExp(`^ID.*\n${own['short_id']}.*\n$`))
    by(['restore', 'latest', '--target', join(operator.home, `${key} restored`), ...as])
    assert.match(by(['check', '--read-data', ...as]), /are of domains that this key does not have[^]*no damage found/)
    assert.match(by(['ls', other['id']!, ...as], EXIT.wrongKey), /belongs to a domain that is not one of this key/)
    assert.match(by(['audit', ...as]), /no finding|nothing|sound/i)
  }
})

test('a machine that is let in for one domain backs up into it, and sees nothing else', async (t) => {
  const { folder, scratch, source, by } = await scene(t)
  by(['domain', 'add', 'private'])
  by(['backup', source])
  const machine = new Operator(folder, scratch, 'machine')
  const on = (args: readonly string[], status: number = EXIT.ok): string => {
    const done = machine.run(args, { env: { HOLDFAST_KEY_FILE: undefined } })
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  const asked = JSON.parse(on(['enroll', 'request', '--no-wait', '--json']).split('\n')[0]!) as Record<string, string>
  by(['enroll', 'approve', asked['code']!, '--role', 'read', '--domain', 'private'])
  on(['enroll', 'request', '--root', asked['root']!])
  on(['backup', source, '--tag', 'machine'])
  on(['backup', source, '--domain', 'default'], EXIT.notFound)
  assert.match(on(['snapshots']), /^ID[^\n]*\n[^\n]*#machine\][^\n]*\n$/)
  assert.match(by(['snapshots']), /#machine\] +private/)
  // With a domain more it reads that one. It was not let in to write there.
  const key = /^([0-9a-f]{10}) +age/m.exec(by(['key', 'list']))![1]!
  by(['domain', 'grant', 'default', key])
  assert.match(on(['snapshots']), /default\n/)
  assert.match(on(['backup', source, '--domain', 'default'], EXIT.wrongKey), /was not let in for this domain/)
  on(['backup', source, '--domain', 'private'])
  by(['domain', 'add', 'third'])
  const writer = new Operator(folder, scratch, 'writer')
  const request = writer.run(['enroll', 'request', '--no-wait', '--json'], { env: { HOLDFAST_KEY_FILE: undefined } })
  const { code, root } = JSON.parse(request.stdout.split('\n')[0]!) as Record<string, string>
  by(['enroll', 'approve', code!, '--domain', 'private', '--domain', 'third'])
  writer.run(['enroll', 'request', '--root', root!], { env: { HOLDFAST_KEY_FILE: undefined } })
  // The second of its domains as well as the first.
  const stored = writer.run(['backup', source, '--domain', 'third'], { env: { HOLDFAST_KEY_FILE: undefined } })
  assert.equal(stored.status, EXIT.ok, stored.stderr)
  const lacking = by(['key', 'list']).match(/^([0-9a-f]{10}) +age identity +write/m)![1]!
  assert.match(by(['domain', 'grant', 'default', lacking], EXIT.refused), /is certified for its domains/)
})

test('a domain that is added opens with the keys of all administrators, who need not be there', async (t) => {
  const { operator, scratch, by } = await scene(t)
  by(['key', 'add', '--new-key-file', 'other.key', '--label', 'in the safe'])
  by(['key', 'add', '--new-key-file', 'member.key', '--role', 'read'])
  const count = () => readdirSync(join(scratch.location, 'keys')).length
  const before = count()
  by(['domain', 'add', 'private'])
  assert.equal(count(), before)
  assert.match(by(['domain', 'list', '--key-file', 'other.key']), /private/)
  assert.doesNotMatch(by(['domain', 'list', '--key-file', 'member.key']), /private/)
  assert.match(by(['key', 'list', '--key-file', 'other.key']), /in the safe/)
  // The state of that key on this machine is the same as before.
  by(['backup', operator.home, '--domain', 'private', '--key-file', 'other.key'])
})

test('a domain is given to somebody who need not be there, and renamed for all', async (t) => {
  const { source, by } = await scene(t)
  by(['key', 'add', '--new-key-file', 'member.key', '--role', 'read', '--label', 'Ben'])
  by(['domain', 'add', 'private'])
  by(['backup', source, '--domain', 'private'])
  const as = ['--key-file', 'member.key']
  assert.doesNotMatch(by(['snapshots', ...as]), /photos/)
  const ben = /^([0-9a-f]{10}) .*Ben$/m.exec(by(['key', 'list']))![1]!
  const granted = by(['domain', 'grant', 'private', ben])
  assert.match(by(['cat', `latest:${join(source, 'a.raw')}`, ...as]), /^a photo/)
  const again = /^([0-9a-f]{10}) .*Ben$/m.exec(by(['key', 'list']))![1]!
  assert.match(granted, new RegExp(`key ${again} has the domain private now; its id was ${ben} before`))
  assert.match(by(['domain', 'grant', 'private', again], EXIT.exists), /has the domain already/)
  by(['domain', 'rename', 'private', 'letters'])
  assert.match(by(['domain', 'list', ...as]), /letters/)
  assert.match(by(['domain', 'rename', 'letters', 'default'], EXIT.exists), /there is a domain of this name/)
})

test('a key that no administrator has made is named, and a domain is added without it only when that is meant', async (t) => {
  const { by } = await scene(t)
  by(['key', 'add', '--new-key-file', 'member.key', '--role', 'read', '--label', 'Ben'])
  const as = ['--key-file', 'member.key']
  by(['key', 'add', '--new-key-file', 'second.key', '--label', 'also Ben', ...as])
  assert.match(by(['key', 'list']), /own +also Ben/)
  const key = /^([0-9a-f]{10}) .*also Ben$/m.exec(by(['key', 'list']))![1]!
  by(['domain', 'add', 'private'])
  assert.match(by(['domain', 'grant', 'private', key], EXIT.refused), /no administrator has made it/)
})

test('each source set may have its domain', async (t) => {
  const { operator, source, by } = await scene(t)
  by(['domain', 'add', 'shared'])
  by(['domain', 'add', 'private'])
  const file = join(operator.home, 'config.toml')
  const [photos, letters] = [source, join(operator.home, 'letters')]
  mkdirSync(letters)
  writeFileSync(join(letters, 'letter'), 'a letter')
  writeFileSync(
    file,
    `domain = "shared"\n[set.photos]\npaths = ["${photos}"]\n[set.letters]\npaths = ["${letters}"]\ndomain = "private"\n`,
  )
  by(['--config', file, 'backup', '--set', 'photos'])
  by(['--config', file, 'backup', '--set', 'letters'])
  by(['--config', file, 'backup', '--set', 'letters', '--domain', 'default'])
  const lines = by(['snapshots']).trim().split('\n').slice(1)
  assert.deepEqual(
    lines.map((line) => line.split(/ +/).at(-1)),
    ['shared', 'private', 'default'],
  )
})
