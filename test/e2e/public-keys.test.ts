// Repositories that open with a key of SSH, age or gpg: the whole program, with the real ssh-keygen, age and gpg.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { installToyPlugin, toyIdentity, toyRecipient, WANTS } from '../support/age-plugin-toy.ts'
import { CHEAP_PASSPHRASES } from '../support/cheap-passphrases.ts'
import { COMPILED } from '../support/compiled.ts'
import { GnupgHome } from '../support/gnupg-home.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { TerminalSession } from '../support/terminal.ts'

const LAUNCHER = join(dirname(dirname(import.meta.dirname)), 'holdfast')
const PASSPHRASE = 'correct horse'

interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

class Person {
  readonly home: string
  readonly repository: string
  readonly env: Record<string, string>

  constructor(t: TestContext) {
    this.home = tempFolder(t, 'keys')
    this.repository = join(this.home, 'repository')
    const path = `${join(this.home, 'bin')}:${process.env['PATH'] ?? ''}`
    this.env = {
      PATH: path,
      HOME: this.home,
      LANG: 'C.UTF-8',
      HOLDFAST_REPO: this.repository,
      NODE_COMPILE_CACHE: COMPILED,
      ...CHEAP_PASSPHRASES,
    }
    for (const folder of ['bin', 'photos', '.ssh']) mkdirSync(join(this.home, folder))
    writeFileSync(this.at('photos/a.raw'), 'a photo')
  }

  at(path: string): string {
    return join(this.home, path)
  }

  /** Without a terminal and without a passphrase, unless one is in `more`. */
  run(args: readonly string[], more: Record<string, string | undefined> = {}): Run {
    const env = { ...this.env, ...more }
    return spawnSync('setsid', ['--wait', LAUNCHER, ...args], { env, cwd: this.home, encoding: 'utf8' })
  }

  ok(args: readonly string[], more: Record<string, string | undefined> = {}): string {
    const run = this.run(args, more)
    assert.equal(run.status, 0, `holdfast ${args.join(' ')}: ${run.stderr}`)
    return run.stdout
  }

  /** An SSH key pair in a file. */
  sshKey(file: string, passphrase = '', type = 'ed25519'): string {
    const made = spawnSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'ann', '-f', this.at(file)])
    assert.equal(made.status, 0, made.stderr.toString())
    return this.at(file)
  }

  keys(more: Record<string, string | undefined> = {}, ...args: string[]): KeyRecord[] {
    const lines = this.ok(['key', 'list', '--json', ...args], more)
      .trim()
      .split('\n')
    return lines.map((line) => JSON.parse(line) as KeyRecord)
  }
}

interface KeyRecord {
  readonly id: string
  readonly kind: string
  readonly label: string
  readonly in_use: boolean
  readonly recipients?: readonly string[]
}

const WITH_PASSPHRASE = { HOLDFAST_PASSWORD: PASSPHRASE }

function person(t: TestContext): Person | undefined {
  return requireCommand(t, 'setsid') && requireCommand(t, 'ssh-keygen') ? new Person(t) : undefined
}

test('a repository that is for an SSH key backs up and restores with it, and lists what it is for', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('work-key')
  ann.ok(['init', '--ssh-key', `${key}.pub`])
  ann.ok(['backup', 'photos', '--identity', key])
  ann.ok(['restore', 'latest', '--target', 'restored'], { HOLDFAST_IDENTITY: key })
  assert.equal(readFileSync(ann.at(`restored${ann.at('photos/a.raw')}`), 'utf8'), 'a photo')
  writeFileSync(ann.at('holdfast.toml'), 'identity = ["work-key"]\n')
  const [listed] = ann.keys({}, '--config', ann.at('holdfast.toml'))
  assert.equal(listed!.kind, 'age')
  assert.match(listed!.recipients![0]!, /^ssh-ed25519 SHA256:[\w+/]{43} ann$/)
  assert.match(ann.ok(['key', 'list', '--identity', key]), / ssh-ed25519 key +admin .* ssh-ed25519 SHA256:/)
})

test('an SSH key at its usual place opens without a word, one under a passphrase is not asked for', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('.ssh/id_ed25519')
  ann.ok(['init'], WITH_PASSPHRASE)
  const before = ann.run(['snapshots'])
  assert.equal(before.status, 2, 'there is a key, but it opens nothing')
  assert.match(before.stderr, /no passphrase is given and there is no terminal/)
  ann.ok(['key', 'add', '--ssh-key', `${key}.pub`], WITH_PASSPHRASE)
  ann.ok(['snapshots'])
  const protectedKey = ann.run(['snapshots'])
  assert.equal(protectedKey.status, 0)
  spawnSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'x', '-f', key])
  assert.equal(ann.run(['snapshots']).status, 2)
  assert.match(ann.run(['snapshots', '--identity', key]).stderr, /under a passphrase and there is nobody to ask/)
})

test('a passphrase of an identity and the PIN of a plugin are asked for on the terminal', async (t) => {
  const ann = person(t)
  if (ann === undefined || !requireCommand(t, 'script')) return
  installToyPlugin(ann.at('bin'))
  const key = ann.sshKey('key', 'geheim')
  writeFileSync(ann.at('toy.txt'), `${toyIdentity(WANTS.pin | WANTS.confirmation | WANTS.message)}\n`)
  ann.ok(['init'], WITH_PASSPHRASE)
  ann.ok(['key', 'add', '--age-recipient', toyRecipient(), '--label', 'toy'], WITH_PASSPHRASE)
  ann.ok(['key', 'add', '--ssh-key', `${key}.pub`], WITH_PASSPHRASE)
  const ssh = new TerminalSession(`${LAUNCHER} key list --identity key`, ann.home, ann.env)
  await ssh.see(/Passphrase for key: /)
  ssh.type('wrong\n')
  await ssh.see(/does not open it/)
  await ssh.see(/Passphrase for key: /)
  ssh.type('geheim\n')
  await ssh.see(/ssh-ed25519 SHA256/)
  assert.equal(await ssh.end(), 0)
  assert.ok(!ssh.shown.includes('geheim'))
  const toy = new TerminalSession(`${LAUNCHER} key list --identity toy.txt`, ann.home, ann.env)
  await toy.see(/toy: touch the toy/)
  await toy.see(/toy: PIN of the toy: /)
  toy.type('1234\n')
  await toy.see(/1 {2}Play[^]*2 {2}Stop[^]*1 or 2\? /)
  toy.type('1\n')
  await toy.see(/age1toy1/)
  assert.equal(await toy.end(), 0)
  assert.ok(!toy.shown.includes('1234'))
})

test('a key of gpg opens when it is asked for, or when there is nothing else', (t) => {
  const ann = person(t)
  const gpg = GnupgHome.create(t)
  if (ann === undefined || gpg === null) return
  gpg.newKey('Ann <ann@example.org>')
  const env = { GNUPGHOME: gpg.env['GNUPGHOME'] }
  ann.ok(['init', '--gpg-key', 'ann@example.org'], env)
  ann.ok(['backup', 'photos'], env)
  ann.ok(['key', 'add', '--new-key-file', ann.at('key')], env)
  const other = ann.run(['snapshots'], env)
  assert.equal(other.status, 2)
  assert.match(
    other.stderr,
    /no passphrase opens the repository[^]*hint: use (--gpg or --key-file or --recovery-words|--key-file or --recovery-words or --gpg)/,
  )
  assert.match(ann.ok(['snapshots', '--gpg'], env), /photos/)
  const without = ann.run(['snapshots', '--gpg'], { ...env, GNUPGHOME: ann.home })
  assert.equal(without.status, 5, without.stderr)
  assert.match(without.stderr, /gpg, by --gpg/)
})

test('a slot of a repository is an age file that age opens', (t) => {
  const ann = person(t)
  if (ann === undefined || !requireCommand(t, 'age')) return
  const key = ann.sshKey('key', '', 'rsa')
  ann.ok(['init', '--ssh-key', `${key}.pub`])
  const [name] = readdirSync(join(ann.repository, 'keys'))
  const slot = readFileSync(join(ann.repository, 'keys', name!))
  const begin = slot.indexOf('age-encryption.org/v1\n')
  const file = slot.subarray(begin, slot.indexOf('\n', slot.indexOf('\n--- ') + 1) + 1 + 64)
  const opened = spawnSync('age', ['-d', '-i', key], { input: file })
  assert.equal(opened.status, 0, opened.stderr.toString())
  assert.equal(opened.stdout.length, 32)
})

test('key test says which keys open, and its exit code whether one does', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const [mine, other] = [ann.sshKey('mine'), ann.sshKey('other')]
  ann.ok(['init'], WITH_PASSPHRASE)
  ann.ok(['key', 'add', '--ssh-key', `${mine}.pub`, '--label', 'mine'], WITH_PASSPHRASE)
  const [passphrase, ssh] = ann.keys(WITH_PASSPHRASE)
  const tested = ann.ok(['key', 'test', '--identity', mine, '--json']).trim().split('\n')
  const results = tested.map((line) => JSON.parse(line) as { id: string; result: string })
  assert.equal(results.find(({ id }) => id === ssh!.id)?.result, 'opens')
  assert.equal(results.find(({ id }) => id === passphrase!.id)?.result, 'not-tried')
  assert.match(ann.ok(['key', 'test', '--identity', mine]), /opens +mine, ssh-ed25519/)
  assert.equal(ann.run(['key', 'test', '--identity', other]).status, 5)
  assert.equal(ann.run(['key', 'test', passphrase!.id, '--identity', mine]).status, 5)
  ann.ok(['key', 'test', ssh!.id.slice(0, 8), '--identity', mine])
  const file = join(ann.repository, 'keys', passphrase!.id)
  const bytes = readFileSync(file)
  bytes[100]! ^= 1
  rmSync(file)
  writeFileSync(file, bytes)
  const damaged = ann.run(['key', 'test', '--identity', mine])
  assert.equal(damaged.status, 4, damaged.stderr)
  assert.match(damaged.stdout, /cannot be used/)
})

test('a key that was exported opens again after the store has lost its keys', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  ann.ok(['init'], WITH_PASSPHRASE)
  ann.ok(['backup', 'photos'], WITH_PASSPHRASE)
  const [key] = ann.keys(WITH_PASSPHRASE)
  ann.ok(['key', 'export', key!.id.slice(0, 8), 'copy.bin'])
  assert.equal(ann.run(['key', 'export', key!.id, 'copy.bin']).status, 11, 'nothing is overwritten')
  assert.equal(ann.run(['key', 'import', 'copy.bin']).status, 11)
  rmSync(join(ann.repository, 'keys'), { recursive: true })
  assert.equal(ann.run(['snapshots'], WITH_PASSPHRASE).status, 6)
  writeFileSync(ann.at('part.bin'), readFileSync(ann.at('copy.bin')).subarray(0, 200))
  for (const file of ['photos/a.raw', 'part.bin']) {
    const refused = ann.run(['key', 'import', file])
    assert.equal(refused.status, 2)
    assert.match(refused.stderr, /this is no whole copy of a key: .*\n {2}because .*\n {2}hint: give what/)
  }
  ann.ok(['key', 'import', 'copy.bin'])
  assert.match(ann.ok(['snapshots'], WITH_PASSPHRASE), /photos/)
})

test('the last key that is known to work is not removed', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const [mine, other] = [ann.sshKey('mine'), ann.sshKey('other')]
  ann.ok(['init', '--ssh-key', `${mine}.pub`, '--label', 'mine'])
  ann.ok(['key', 'add', '--ssh-key', `${other}.pub`, '--label', 'other'], { HOLDFAST_IDENTITY: mine })
  const again = ann.run(['key', 'add', '--ssh-key', `${other}.pub`], { HOLDFAST_IDENTITY: mine })
  assert.equal(again.status, 11, 'a recipient gets one slot only')
  const first = ann.keys({ HOLDFAST_IDENTITY: mine }).find(({ label }) => label === 'mine')!
  const refused = ann.run(['key', 'remove', first.id, '--identity', mine])
  assert.equal(refused.status, 9)
  assert.match(refused.stderr, /no other key is known to work/)
  ann.ok(['key', 'remove', first.id, '--identity', other])
  assert.equal(ann.run(['snapshots', '--identity', mine]).status, 5)
  ann.ok(['snapshots', '--identity', other])
})

test('a repository that somebody put in the place of the known one is refused, whoever it opens for', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('.ssh/id_ed25519')
  ann.ok(['init'], WITH_PASSPHRASE)
  ann.ok(['key', 'add', '--ssh-key', `${key}.pub`], WITH_PASSPHRASE)
  const eve = { XDG_STATE_HOME: ann.at('eve'), HOLDFAST_REPO: ann.at('of-eve') }
  ann.ok(['init', '--ssh-key', `${key}.pub`], eve)
  renameSync(ann.repository, ann.at('of-ann'))
  cpSync(ann.at('of-eve'), ann.repository, { recursive: true })
  const refused = ann.run(['backup', 'photos'])
  assert.equal(refused.status, 9, refused.stderr)
  assert.match(refused.stderr, /another repository than the one known at this place/)
  // Beside the right one, what the stranger made is passed over.
  rmSync(ann.repository, { recursive: true })
  cpSync(ann.at('of-ann'), ann.repository, { recursive: true })
  cpSync(ann.at('of-eve/keys'), join(ann.repository, 'keys'), { recursive: true })
  cpSync(ann.at('of-eve/format/1'), join(ann.repository, 'format/2'))
  ann.ok(['backup', 'photos'])
  assert.match(ann.ok(['snapshots'], WITH_PASSPHRASE), /photos/)
})

test('an SSH key is never tried by itself on a repository that this machine does not know', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('.ssh/id_ed25519')
  const eve = { XDG_STATE_HOME: ann.at('eve') }
  ann.ok(['init', '--ssh-key', `${key}.pub`], eve)
  const asked = ann.run(['backup', 'photos'])
  assert.equal(asked.status, 2, asked.stderr)
  assert.match(asked.stderr, /no credential is given[^]*use --identity/)
  // Nor on one that took the place of the one that was backed up to with a passphrase.
  renameSync(ann.repository, ann.at('of-eve'))
  ann.ok(['init'], WITH_PASSPHRASE)
  rmSync(ann.repository, { recursive: true })
  renameSync(ann.at('of-eve'), ann.repository)
  assert.equal(ann.run(['backup', 'photos']).status, 9)
  assert.equal(ann.run(['backup', 'photos', '--identity', key]).status, 9)
})

test('a machine that meets a repository for the first time says which root key it takes for the right one', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('key')
  ann.ok(['init', '--ssh-key', `${key}.pub`])
  const known = ann.run(['snapshots', '--identity', key])
  assert.doesNotMatch(known.stderr, /root key/)
  const fresh = ann.run(['snapshots', '--identity', key], { XDG_STATE_HOME: ann.at('fresh') })
  assert.match(fresh.stderr, /has not opened .* before[^]*root key is ([0-9a-f]{8} ){3}[0-9a-f]{8}/)
  assert.doesNotMatch(ann.run(['snapshots', '--identity', key], { XDG_STATE_HOME: ann.at('fresh') }).stderr, /root key/)
})

test('a damaged note of the root key is an error for a public key, and of no account for a passphrase', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  const key = ann.sshKey('.ssh/id_ed25519')
  ann.ok(['init'], WITH_PASSPHRASE)
  ann.ok(['key', 'add', '--ssh-key', `${key}.pub`], WITH_PASSPHRASE)
  const state = ann.at('.local/state/holdfast')
  const [note] = readdirSync(state).filter((name) => name.startsWith('root-'))
  writeFileSync(join(state, note!), 'nonsense')
  const damaged = ann.run(['snapshots', '--identity', key])
  assert.equal(damaged.status, 4)
  assert.match(
    damaged.stderr,
    /the note about the root key .* is damaged: root-[^]*remove it from .*holdfast if you are sure/,
  )
  assert.match(ann.run(['snapshots']).stderr, /no passphrase is given and there is no terminal/)
  ann.ok(['backup', 'photos'], WITH_PASSPHRASE)
  ann.ok(['snapshots'])
})

test('two credentials at once are an error that names both', (t) => {
  const ann = person(t)
  if (ann === undefined) return
  ann.ok(['init'], WITH_PASSPHRASE)
  const run = ann.run(['snapshots', '--identity', 'a', '--gpg'])
  assert.equal(run.status, 2)
  assert.match(run.stderr, /two credentials are given: --identity and --gpg/)
  const variables = ann.run(['snapshots'], { HOLDFAST_IDENTITY: 'a', HOLDFAST_PASSWORD: 'b' })
  assert.equal(variables.status, 2)
  assert.match(variables.stderr, /HOLDFAST_IDENTITY and HOLDFAST_PASSWORD/)
  const fresh = ann.run(['key', 'add', '--ssh-key', 'a.pub', '--gpg-key', 'b'], WITH_PASSPHRASE)
  assert.equal(fresh.status, 2)
  assert.match(fresh.stderr, /two new keys are given: recipients of age and --gpg-key/)
})
