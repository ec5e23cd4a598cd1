// The real program at its edges: what it says, where, and with which exit code.
import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CHEAP_PASSPHRASES } from '../support/cheap-passphrases.ts'
import { COMPILED } from '../support/compiled.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { VERSION } from '../../src/cli/version.ts'

const MAIN = join(dirname(dirname(import.meta.dirname)), 'src/cli/main.ts')

interface Shell {
  readonly home: string
  readonly repository: string
  run(args: readonly string[], env?: Record<string, string | undefined>, input?: string): SpawnSyncReturns<string>
}

/** The program with a home of its own and no terminal: nobody can be asked anything. */
function shell(t: TestContext): Shell {
  const home = tempFolder(t, 'cli')
  const repository = join(home, 'repository')
  const base = {
    PATH: process.env['PATH'],
    HOME: home,
    NODE_COMPILE_CACHE: COMPILED,
    ...CHEAP_PASSPHRASES,
    HOLDFAST_PASSWORD: 'pass',
    HOLDFAST_REPO: repository,
  }
  return {
    home,
    repository,
    run(args, env = {}, input = '') {
      const given = Object.entries({ ...base, ...env }).filter(([, value]) => value !== undefined)
      const options = {
        cwd: home,
        env: Object.fromEntries(given),
        encoding: 'utf8' as const,
        input,
        timeout: 120_000,
        detached: true, // without a controlling terminal, whoever runs the tests
      }
      return spawnSync(process.execPath, [MAIN, ...args], options)
    },
  }
}

test('mistakes in the command line end with 2 and say what is right', (t) => {
  const { run } = shell(t)
  const cases: [string[], RegExp][] = [
    [['bakcup'], /there is no command `bakcup`; did you mean `backup`\?/],
    [['delete'], /there is no command `delete`:/],
    [['snapshots', '--jsn'], /there is no flag --jsn; did you mean --json\?/],
    [['backup', '--exlude', 'x'], /there is no flag --exlude; did you mean --exclude\?/],
    [['ls'], /SNAPSHOT\[:PATH\] is missing/],
    [['ls', 'latest', 'more'], /unexpected argument `more`/],
    [['restore', 'latest', '--target'], /--target needs a value/],
    [['restore', 'latest'], /restore needs a folder to restore into/],
    [['restore', 'latest', '-t', 'x', '-t', 'y'], /--target is given twice/],
    [['restore', 'latest', '-t', 'x', '--sparse', 'some'], /--sparse cannot be `some`, only recorded, zeros, none/],
    [['check', '--sample', '500%'], /--sample: not a share: 500%/],
    [['cat', 'head:/x'], /neither `latest` nor the beginning of an id: head:\/x/],
    [['--repo'], /--repo needs a value/],
    [['backup', ''], /DIR: an empty argument names nothing/],
    [['backup', '.', ''], /DIR: an empty argument names nothing/],
    [['backup', '.', '--rule', '-('], /filter rule is not a regular expression: -\(\n {2}because .*Unterminated group/],
    [['ls', ''], /SNAPSHOT\[:PATH\]: an empty argument names nothing/],
    [['cat', ''], /SNAPSHOT:PATH: an empty argument names nothing/],
    [['diff', 'latest', ''], /TO\[:PATH\]: an empty argument names nothing/],
    [['restore', '', '-t', 'x'], /SNAPSHOT\[:PATH\]: an empty argument names nothing/],
    [['find', ''], /PATTERN: an empty argument names nothing/],
    [['key', 'remove', ''], /KEY: an empty argument names nothing/],
    [['man', ''], /COMMAND: an empty argument names nothing/],
    [['completion', ''], /SHELL: no completion but for bash, zsh, fish/],
    [[''], /there is no command ``/],
    [['--quiet', '--verbose', 'ls', 'latest'], /contradict/],
  ]
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = run(args)
    assert.equal(status, 2, args.join(' '))
    assert.match(stderr, message)
    assert.match(stderr, /\n  hint: /)
    assert.equal(stdout, '')
  }
})

test('an empty DIR is not the same as none: the default set is not backed up instead', (t) => {
  const { run, home } = shell(t)
  writeFileSync(join(home, 'config.toml'), 'repo = "repository"\n[set.default]\npaths = ["."]\n')
  assert.equal(run(['init']).status, 0)
  assert.equal(run(['--config', 'config.toml', 'backup', '']).status, 2)
  assert.equal(run(['--config', 'config.toml', 'backup', '--tag', '', '']).status, 2)
  assert.equal(run(['snapshots', '--json']).stdout, '')
})

test('a target that is a file is told before anything is asked or opened', (t) => {
  const { run, home } = shell(t)
  writeFileSync(join(home, 'file'), '')
  for (const target of ['file', 'file/below']) {
    const { status, stderr } = run(['restore', 'latest', '-t', target])
    assert.equal(status, 2, stderr)
    assert.equal(
      stderr,
      `holdfast: the target is a file, or below one: ${target}\n  hint: name a folder with --target\n`,
    )
  }
})

test('a place where no repository can be made is not answered with the advice to make one', (t) => {
  const { status, stderr } = shell(t).run(['init', '--repo', '/proc/holdfast'])
  assert.equal(status, 6)
  assert.match(stderr, /^holdfast: the folder of the repository cannot be made: \/proc\/holdfast\n/)
  assert.doesNotMatch(stderr, /holdfast init/)
})

test('with --json a mistake is an object as well', (t) => {
  const { status, stdout } = shell(t).run(['ls', '--json', '--nonsense'])
  assert.equal(status, 2)
  const { v, type, code, exit_code: exitCode } = JSON.parse(stdout)
  assert.deepEqual({ v, type, code, exitCode }, { v: 1, type: 'failure', code: 'usage', exitCode: 2 })
})

test('no command at all shows help and is no mistake', (t) => {
  const { status, stdout } = shell(t).run([])
  assert.equal(status, 0)
  assert.match(stdout, /^ {2}backup +back up files and folders$/m)
})

test('help is the same by flag and by word, for commands in groups too', (t) => {
  const { run } = shell(t)
  assert.equal(run(['help', 'key', 'add']).stdout, run(['key', 'add', '--help']).stdout)
  assert.match(run(['key', 'add', '-h']).stdout, /^holdfast key add: add [^\n]*\n/)
  assert.match(run(['help', 'key']).stdout, /^holdfast key: /)
})

test('the version is that of the package', async (t) => {
  const { run } = shell(t)
  const manifest = (await import('../../package.json', { with: { type: 'json' } })).default
  assert.equal(VERSION, manifest.version)
  assert.equal(JSON.parse(run(['--version', '--json']).stdout).version, VERSION)
})

test('without a passphrase and without a terminal the variables are named', (t) => {
  const { run } = shell(t)
  const { status, stderr } = run(['init'], { HOLDFAST_PASSWORD: undefined })
  assert.equal(status, 2)
  for (const name of ['HOLDFAST_PASSWORD', 'HOLDFAST_PASSWORD_FILE', 'HOLDFAST_PASSWORD_COMMAND'])
    assert(stderr.includes(name))
})

test('a passphrase comes from a file or a command, by environment, flag or configuration', (t) => {
  const { run, home } = shell(t)
  writeFileSync(join(home, 'secret'), 'pass\n')
  assert.equal(run(['init']).status, 0)
  const none = { HOLDFAST_PASSWORD: undefined }
  chmodSync(join(home, 'secret'), 0o644)
  const read = run(['snapshots'], { ...none, HOLDFAST_PASSWORD_FILE: join(home, 'secret') })
  assert.equal(read.status, 0)
  assert.match(
    read.stderr,
    /^warning: every user .* can read the passphrase file \/.*\/secret: chmod 600 takes that away$/m,
  )
  chmodSync(join(home, 'secret'), 0o640)
  assert.equal(run(['snapshots'], { ...none, HOLDFAST_PASSWORD_COMMAND: 'cat secret' }).status, 0)
  const unread = run(['snapshots', '--password-file', 'secret'], none)
  assert.deepEqual([unread.status, unread.stderr.includes('can read')], [0, false], 'a group may be meant to')
  assert.equal(run(['snapshots', '--password-command', 'echo pass'], { HOLDFAST_PASSWORD: 'wrong' }).status, 0)
  mkdirSync(join(home, '.config/holdfast'), { recursive: true })
  writeFileSync(join(home, '.config/holdfast/config.toml'), 'password-command = ["echo", "pass"]\n')
  assert.equal(run(['snapshots'], none).status, 0)
  assert.equal(run(['snapshots', '--config', 'none'], none).status, 2)
})

test('a wrong passphrase or key file is told with who gave it', (t) => {
  const { run, home } = shell(t)
  assert.equal(run(['init']).status, 0)
  assert.equal(run(['--repo', 'other', 'init', '--new-key-file', 'wrong.key']).status, 0)
  writeFileSync(join(home, 'wrong'), 'wrong\n', { mode: 0o600 })
  writeFileSync(join(home, 'command.toml'), 'password-command = "echo wrong"\n')
  writeFileSync(join(home, 'file.toml'), 'password-file = "wrong"\n')
  writeFileSync(join(home, 'key.toml'), 'key-file = "wrong.key"\n')
  const none = { HOLDFAST_PASSWORD: undefined }
  const cases: [string, string[], Record<string, string | undefined>][] = [
    ['the passphrase from HOLDFAST_PASSWORD', [], { HOLDFAST_PASSWORD: 'wrong' }],
    ['the passphrase from HOLDFAST_PASSWORD_FILE (wrong)', [], { ...none, HOLDFAST_PASSWORD_FILE: 'wrong' }],
    ['the passphrase from HOLDFAST_PASSWORD_COMMAND', [], { ...none, HOLDFAST_PASSWORD_COMMAND: 'echo wrong' }],
    ['the passphrase from --password-file (wrong)', ['--password-file', 'wrong'], {}],
    ['the passphrase from --password-command', ['--password-command', 'echo wrong'], {}],
    ['the passphrase from password-command in command.toml', ['--config', 'command.toml'], none],
    [`the passphrase from password-file in file.toml (${join(home, 'wrong')})`, ['--config', 'file.toml'], none],
    ['the key file from HOLDFAST_KEY_FILE (wrong.key)', [], { ...none, HOLDFAST_KEY_FILE: 'wrong.key' }],
    ['the key file from --key-file (wrong.key)', ['--key-file', 'wrong.key'], {}],
    [`the key file from key-file in key.toml (${join(home, 'wrong.key')})`, ['--config', 'key.toml'], none],
  ]
  for (const [at, [who, flags, env]] of cases.entries()) {
    const { status, stderr } = run([...flags, ...(at % 2 === 0 ? ['snapshots'] : ['key', 'list'])], env)
    assert.equal(status, 5, stderr)
    const [first, second] = stderr.split('\n')
    assert(first!.startsWith(`holdfast: opening with ${who}: `), first)
    assert.match(second!, /^ {2}because the (?:passphrase|key file) opens no key slot \(\d tried\): /)
  }
})

test('a credential that opens nothing is told with what would', (t) => {
  const { run, home } = shell(t)
  const byFile = { HOLDFAST_PASSWORD: undefined, HOLDFAST_KEY_FILE: 'first.key' }
  const hint = (env: Record<string, string | undefined>) => /^ {2}hint: (.*)$/m.exec(run(['snapshots'], env).stderr)![1]
  assert.equal(run(['init', '--new-key-file', 'first.key'], { HOLDFAST_PASSWORD: undefined }).status, 0)
  assert.equal(hint({}), 'the repository has 1 key file: open it with a key file')
  assert.equal(run(['--repo', 'other', 'init', '--new-key-file', 'other.key']).status, 0)
  const wrong = { ...byFile, HOLDFAST_KEY_FILE: 'other.key' }
  assert.equal(hint(wrong), 'the repository has 1 key file: try another key file')
  for (const [password, mode] of [
    ['one', 0o600],
    ['two', 0o604],
  ] as const) {
    chmodSync(join(home, 'first.key'), mode)
    const added = run(['key', 'add'], { ...byFile, HOLDFAST_NEW_PASSWORD: password })
    assert.equal(added.status, 0)
    assert.equal(/warning: every user .* can read the key file first\.key: /.test(added.stderr), mode === 0o604)
  }
  assert.equal(
    hint({}),
    'the repository has 2 passphrases and 1 key file: try it again, mind the keyboard layout, or open it with a key file',
  )
})

test('a password command that fails, two passphrases at once and an empty one are refused', (t) => {
  const { run, home } = shell(t)
  assert.equal(run(['init']).status, 0)
  const none = { HOLDFAST_PASSWORD: undefined }
  assert.match(
    run(['snapshots'], { ...none, HOLDFAST_PASSWORD_COMMAND: 'exit 7' }).stderr,
    /failed with exit code 7: exit 7/,
  )
  const both = run(['snapshots'], { HOLDFAST_PASSWORD_FILE: join(home, 'secret') })
  assert.equal(both.status, 2)
  assert.match(both.stderr, /HOLDFAST_PASSWORD and HOLDFAST_PASSWORD_FILE/)
  const keyFile = run(['snapshots'], { HOLDFAST_KEY_FILE: join(home, 'some.key') })
  assert.equal(keyFile.status, 2)
  assert.match(keyFile.stderr, /more than one .*: HOLDFAST_KEY_FILE and HOLDFAST_PASSWORD\n {2}hint: keep one/)
  writeFileSync(join(home, 'pass'), 'pass\n')
  const flag = run(['snapshots', '--password-file', 'pass'], { HOLDFAST_KEY_FILE: join(home, 'some.key') })
  assert.equal(flag.status, 0, 'what a flag says needs no guess')
  writeFileSync(join(home, 'secret'), '\n')
  assert.match(run(['snapshots', '--password-file', 'secret'], none).stderr, /the passphrase is empty: secret/)
  assert.equal(run(['snapshots', '--password-file', 'missing'], none).status, 6)
})

test('a wrong passphrase, no repository, and something else in its place are told apart', (t) => {
  const { run, home } = shell(t)
  const missing = run(['snapshots'])
  assert.equal(missing.status, 6)
  assert.match(missing.stderr, /hint: .*holdfast init/)
  mkdirSync(join(home, 'other'))
  writeFileSync(join(home, 'other/file'), '')
  assert.equal(run(['init', '--repo', 'other']).status, 11)
  assert.equal(run(['snapshots', '--repo', 's3://bucket']).status, 10)
  assert.equal(run(['init']).status, 0)
  assert.equal(run(['snapshots'], { HOLDFAST_PASSWORD: 'wrong' }).status, 5)
  assert.equal(run(['init']).status, 11)
})

test('a named repository that is not there is not created by a backup: the disk may not be mounted', (t) => {
  const { run, home } = shell(t)
  mkdirSync(join(home, 'data'))
  const { status, stderr } = run(['backup', 'data'])
  assert.equal(status, 6)
  assert.match(stderr, /holdfast init/)
})

test('keys are added, listed, changed and removed, and the last one stays', (t) => {
  const { run, home } = shell(t)
  assert.equal(run(['init', '--label', 'first']).status, 0)
  const added = run(['key', 'add', '--new-key-file', 'machine.key', '--label', 'cr\x1bon'])
  assert.equal(added.status, 0)
  assert.equal(added.stderr, 'Whoever has machine.key can do what you can.\n')
  const listed = run(['key', 'list'])
  assert.match(listed.stdout, /passphrase +admin .* first$/m)
  assert.match(listed.stdout, /key file +admin .* cr\\eon$/m)
  const byFile = { HOLDFAST_PASSWORD: undefined, HOLDFAST_KEY_FILE: join(home, 'machine.key') }
  assert.equal(run(['snapshots'], byFile).status, 0)
  assert.equal(run(['key', 'add', '--new-key-file', 'machine.key']).status, 11, 'a key file is never overwritten')
  assert.equal(run(['key', 'passwd'], { HOLDFAST_NEW_PASSWORD: 'new' }).status, 0)
  assert.equal(run(['snapshots']).status, 5)
  assert.equal(
    run(['key', 'passwd'], { ...byFile, HOLDFAST_NEW_PASSWORD: 'newer' }).status,
    2,
    'there is no passphrase in use',
  )
  const keys = run(['key', 'list', '--json'], byFile)
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const passphrase = keys.find(({ kind }) => kind === 'passphrase')
  assert.equal(passphrase.label, 'first', 'a changed passphrase keeps its label')
  assert.equal(run(['key', 'remove', passphrase.id.slice(0, 8)], byFile).status, 0)
  assert.equal(run(['key', 'remove', keys.find(({ in_use: inUse }) => inUse).id], byFile).status, 9)
  assert.equal(run(['key', 'remove', '0123456789'], byFile).status, 6)
})
