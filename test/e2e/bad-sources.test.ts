// Sources that are missing, unreadable, without an end, or named to deceive, backed up by the real program.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { escapeText } from '../../src/cli/escape.ts'
import { canRestrict, Operator } from '../support/operator.ts'
import { missing, requireLinux } from '../support/requirements.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

async function prepare(t: TestContext, location?: (folder: string) => string) {
  const folder = tempFolder(t, 'source')
  const scratch = await ScratchRepository.create(folder, location === undefined ? {} : { location: location(folder) })
  const operator = new Operator(folder, scratch)
  const source = join(folder, 'photos')
  mkdirSync(source, { recursive: true })
  writeFileSync(join(source, 'a.raw'), 'a photo')
  const content = { [source]: 'directory', [join(source, 'a.raw')]: fileWith('a photo') }
  return { folder, scratch, operator, source, content }
}

/** Runs a process beside the test until the test ends. */
function beside(t: TestContext, command: string, cwd: string): ReturnType<typeof spawn> {
  const child = spawn('sh', ['-c', command], { cwd, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('a source that is not there is an error; one of several is named and the others are stored', async (t) => {
  const { scratch, operator, source, content } = await prepare(t)
  const none = operator.run(['backup', 'nothing', 'here'])
  assert.equal(none.status, 6)
  assert.match(none.stderr, /^holdfast: none of the sources exists: \S+\/home\/nothing, \S+\/home\/here\n/)
  assert.deepEqual(await scratch.readAll(), [])

  const partly = operator.run(['backup', source, 'nothing'])
  assert.equal(partly.status, 3, partly.stderr)
  assert.match(partly.stderr, /^error: source cannot be opened: ENOENT.*: \S+\/home\/nothing$/m)
  assert.match(partly.stdout, /\(partial\)\n[^]*1 problem: what is named above is missing/)
  assert.deepEqual(await scratch.readAll(), [content])
  assert.match(operator.run(['snapshots']).stdout, /partial/)
})

test('what may not be read is named with the reason, the rest is stored, and the exit code is 3', async (t) => {
  if (!canRestrict()) return void missing(t, 'setpriv or an ordinary user')
  const { scratch, operator, source, content } = await prepare(t)
  const [file, folder] = [join(source, 'private'), join(source, 'locked')]
  writeFileSync(file, 'a diary', { mode: 0o000 })
  mkdirSync(folder)
  writeFileSync(join(folder, 'inside'), 'a letter')
  chmodSync(folder, 0o000)
  const first = operator.run(['backup', source], { restricted: true })
  assert.equal(first.status, 3, first.stderr)
  assert.match(first.stderr, /^error: EACCES: permission denied: \S+\/photos\/private$/m)
  assert.match(first.stderr, /^error: directory cannot be opened: EACCES: permission denied: \S+\/photos\/locked$/m)
  const partial = { ...content, [file]: 'file unread', [folder]: 'directory' }
  assert.deepEqual(await scratch.readAll(), [partial])

  const restored = operator.run(['restore', 'latest', '--target', 'out'])
  assert.equal(restored.status, 3, 'a restore of what is not there is partial too')
  assert.match(restored.stderr, /photos\/private/)
  assert.equal(readFileSync(join(operator.home, 'out', source, 'a.raw'), 'utf8'), 'a photo')
  assert.equal(operator.run(['cat', `latest:${file}`]).status, 6)

  const nothing = operator.run(['backup', folder, join(folder, 'inside')], { restricted: true })
  assert.equal(nothing.status, 9, 'a snapshot of nothing is none')
  assert.match(nothing.stderr, /^error: source cannot be opened: EACCES: permission denied: \S+\/locked$/m)
  assert.match(
    nothing.stderr,
    /^holdfast: none of the sources could be read: \S+\/locked, \S+\/inside\n {2}hint: no snapshot/m,
  )
  assert.deepEqual(await scratch.readAll(), [partial])

  chmodSync(folder, 0o700)
  chmodSync(file, 0o600)
  const second = operator.run(['backup', source], { restricted: true })
  assert.equal(second.status, 0, second.stderr)
  const whole = { ...partial, [file]: fileWith('a diary'), [join(folder, 'inside')]: fileWith('a letter') }
  assert.deepEqual(await scratch.readAll(), [partial, whole])
})

test('a file that may not be read and is all there is to back up makes no snapshot, as a folder does not', async (t) => {
  if (!canRestrict()) return void missing(t, 'setpriv or an ordinary user')
  const { scratch, operator, source, content } = await prepare(t)
  assert.equal(operator.run(['backup', source]).status, 0)
  const locked = join(source, 'locked')
  writeFileSync(locked, 'nobody may')
  chmodSync(locked, 0)
  const run = operator.run(['backup', locked], { restricted: true })
  assert.equal(run.status, 9, run.stderr)
  assert.match(run.stderr, /^error: .*EACCES.*\/locked$/m)
  assert.match(run.stderr, /^holdfast: none of the sources could be read: \S+\/locked\n {2}hint: no snapshot was made/m)
  assert.deepEqual(await scratch.readAll(), [content])
})

test('a backup that rules leave nothing of is a warning with the reason, and ends with 3', async (t) => {
  const { scratch, operator, source } = await prepare(t)
  const left = operator.run(['backup', source, '--exclude', '*'])
  assert.equal(left.status, 3, left.stderr)
  assert.match(
    left.stderr,
    /^warning: nothing but folders was backed up: the rules leave out everything else, .*\/photos$/m,
  )
  const json = operator.run(['backup', source, '--rule', '-\\.raw$', '--json'])
  assert.equal(json.status, 3)
  assert.match(json.stdout, /"type":"warning","code":"usage","message":"nothing but folders was backed up/)
  const itself = operator.run(['backup', scratch.location, '--exclude', '*.tmp'])
  assert.equal(itself.status, 3, itself.stderr)
  assert.match(itself.stderr, /^warning: nothing but folders was backed up: all that is there is the repository: /m)
  const empty = join(source, 'empty')
  mkdirSync(empty)
  const nothing = operator.run(['backup', empty, '--exclude', '*'])
  assert.equal(nothing.status, 0, nothing.stderr)
  assert.equal(operator.run(['backup', source, '--exclude', 'empty']).status, 0)
})

test('a folder that is empty where the last backup found files is a warning, and ends with 3', async (t) => {
  const { operator, source } = await prepare(t)
  assert.equal(operator.run(['backup', source]).status, 0)
  rmSync(source, { recursive: true })
  mkdirSync(source) // as a disk that is not mounted leaves it
  const empty = operator.run(['backup', source])
  assert.equal(empty.status, 3, empty.stderr)
  const what =
    /^warning: nothing but folders was backed up, and the last snapshot had \d+ files?: is a disk not mounted\? .*\/photos$/m
  assert.match(empty.stderr, what)
  assert.equal(operator.run(['backup', source]).status, 0, 'said once: now it is what the last one had too')
})

test('of sources none of which can be read no snapshot is made, of some the one that can is in it', async (t) => {
  if (!canRestrict()) return void missing(t, 'setpriv or an ordinary user')
  const { scratch, operator, source, content } = await prepare(t)
  assert.equal(operator.run(['backup', source]).status, 0)
  const [file, folder] = [join(operator.home, 'locked'), join(operator.home, 'closed')]
  writeFileSync(file, 'nobody may')
  mkdirSync(folder)
  for (const path of [file, folder]) chmodSync(path, 0)
  const none = operator.run(['backup', file, folder], { restricted: true })
  assert.equal(none.status, 9, none.stderr)
  assert.match(none.stderr, /none of the sources could be read/)
  assert.deepEqual(await scratch.readAll(), [content])
  assert.equal(operator.run(['backup', file, folder, source], { restricted: true }).status, 3)
  assert.equal((await scratch.readAll()).length, 2)
})

test('a fifo is never opened: neither in a folder nor as a source', async (t) => {
  if (!requireLinux(t)) return
  const { scratch, operator, source, content } = await prepare(t)
  const fifo = join(source, 'fifo')
  system(source, 'mkfifo', 'fifo')
  const writer = beside(t, 'echo for whoever reads > fifo', source)
  const run = operator.run(['backup', source, fifo])
  assert.equal(run.status, 0, run.stderr)
  assert.deepEqual(await scratch.readAll(), [{ ...content, [fifo]: 'fifo' }])
  assert.equal(writer.exitCode, null, 'the writer still waits for somebody to read')
  assert(lstatSync(fifo).isFIFO())
})

test('/proc of a process is stored in finite time, and what cannot be read of it is named', async (t) => {
  if (!requireLinux(t)) return
  const { scratch, operator } = await prepare(t)
  const process = `/proc/${beside(t, 'exec sleep 1000', '/').pid}`
  const setting = '/proc/sys/kernel/ostype'
  const run = operator.run(['backup', process, setting])
  assert(run.status === 0 || run.status === 3, run.stderr)
  const [content] = await scratch.readAll()
  assert.match(content![`${process}/status`]!, /^file /)
  assert.equal(content![setting], fileWith('Linux\n'), run.stderr)
  assert.equal(operator.run(['cat', `latest:${process}/cmdline`]).stdout, 'sleep\x001000\x00')
  assert.match(operator.run(['cat', `latest:${process}/status`]).stdout, /^Name:\tsleep$/m)
  assert.match(operator.run(['ls', `latest:${process}/fd`]).stdout, /\/fd\/0$/m)
})

test('a log that is written to all the time comes to an end, with whole lines in it', async (t) => {
  const { scratch, operator, source } = await prepare(t)
  const log = join(source, 'log')
  writeFileSync(log, 'line\n'.repeat(200_000))
  const writer = beside(t, 'while :; do echo line; done >> log', source)
  const run = operator.run(['backup', source])
  assert(run.status === 0 || run.status === 3, run.stderr)
  if (run.status === 3)
    assert.match(run.stderr, /^error: changed while it was read, every time it was tried: \S+\/log$/m)
  assert.equal(writer.exitCode, null)
  const [content] = await scratch.readAll()
  assert.match(content![log]!, /^file /)
  const stored = operator.run(['cat', `latest:${log}`]).stdout
  assert(stored.length >= 5 * 200_000)
  assert.equal(
    stored.replaceAll('line\n', '').length,
    stored.length % 5,
    'a line that was just being written may be cut',
  )
})

test('a file of an absurd size that takes no space is stored at once', { timeout: 60_000 }, async (t) => {
  if (!existsSync('/dev/shm')) return void missing(t, 'a tmpfs on /dev/shm')
  const { scratch, operator } = await prepare(t)
  const folder = `/dev/shm/${tempFolder(t, 'source').replaceAll('/', '_')}`
  mkdirSync(folder)
  t.after(() => rmSync(folder, { recursive: true }))
  const huge = join(folder, 'huge')
  writeFileSync(huge, 'begins')
  truncateSync(huge, 2 ** 50)
  const run = operator.run(['backup', folder])
  assert.equal(run.status, 0, run.stderr)
  const repository = await scratch.open()
  const { body } = await repository.findSnapshot('latest')
  assert.equal(body.stats.bytes, 2 ** 50)
  assert(body.stats.newPlainBytes < 100_000)
})

test('names that a terminal would obey are shown escaped by every command', async (t) => {
  const { scratch, operator, source, content } = await prepare(t)
  const names: Record<string, string> = {
    'clear\x1b[2J\x1b]0;owned\x07': 'clear\\e[2J\\e]0;owned\\x07',
    'two\nerror: lines': 'two\\nerror: lines',
    'txt.\u202egpj': 'txt.\\u202egpj',
    'back\\slash': 'back\\\\slash',
  }
  for (const name of Object.keys(names)) writeFileSync(join(source, name), 'x')
  const bytes = Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe, 0x41])])
  writeFileSync(bytes, 'x')
  const shown = [...Object.values(names), '\\xff\\xfeA']
  const hostile = join(operator.home, 'evil\x1b[31m\n')
  mkdirSync(hostile)
  symlinkSync('else\x1b[1m', join(hostile, 'symlink'))

  const outputs = {
    backup: operator.run(['backup', '--verbose', source, hostile, join(operator.home, 'gone\x1bc')]),
    ls: operator.run(['ls', '--recursive', '--long', 'latest']),
    find: operator.run(['find', '**']),
    snapshots: operator.run(['snapshots']),
    restore: operator.run(['restore', 'latest', '--target', 'out\x1b[4m', '--verbose']),
    cat: operator.run(['cat', 'latest:nothing\x1b[7m']),
    json: operator.run(['ls', '--json', '--recursive', 'latest']),
  }
  assert.equal(outputs.backup.status, 3)
  assert.match(outputs.backup.stderr, /gone\\ec$/m)
  for (const [command, { stdout, stderr }] of Object.entries(outputs)) {
    assert.equal((stdout + stderr).replaceAll('\n', ''), escapeText((stdout + stderr).replaceAll('\n', '')), command)
    assert(!/^error: lines/m.test(stdout + stderr), `${command} lets a name make a line of its own`)
  }
  for (const name of shown) {
    for (const command of ['ls', 'find'] as const) assert(outputs[command].stdout.includes(name), `${command} ${name}`)
    assert((outputs.backup.stdout + outputs.backup.stderr).includes(name), `backup ${name}`)
    assert((outputs.restore.stdout + outputs.restore.stderr).includes(name), `restore ${name}`)
  }
  assert.match(outputs.snapshots.stdout, /evil\\e\[31m\\n/)
  assert.match(outputs.cat.stderr, /nothing\\e\[7m/)
  const [stored] = await scratch.readAll()
  assert.equal(Object.keys(stored!).length, Object.keys(content).length + 4 + 1 + 2)
})

test('a repository inside of the source is left out and said so, by whatever way it is reached', async (t) => {
  const { folder, scratch, operator, source, content } = await prepare(t, (at) => join(at, 'photos/backup'))
  const twice = [operator.run(['backup', source]), operator.run(['backup', source])]
  for (const { status, stderr } of twice) {
    assert.equal(status, 0, stderr)
    assert.match(stderr, /^warning: the repository itself was not entered: \S+\/photos\/backup$/m)
  }
  const expected = { ...content, [join(source, 'backup')]: 'directory' }
  assert.deepEqual(await scratch.readAll(), [expected, expected])

  // Named through a symlink, and by another path to the same folder.
  symlinkSync(scratch.location, join(folder, 'link'))
  const viaLink = operator.run(['--repo', join(folder, 'link'), 'backup', realpathSync(source)])
  assert.equal(viaLink.status, 0, viaLink.stderr)
  assert.match(viaLink.stderr, /the repository itself was not entered/)
  const itself = operator.run(['backup', scratch.location])
  assert.match(itself.stderr, /the repository itself was not entered/)
  assert.notEqual(itself.status, 70)
  const restored = operator.run(['restore', 'latest', '--target', 'out'])
  assert.equal(restored.status, 0, restored.stderr)
  assert.equal(spawnSync('find', [join(operator.home, 'out'), '-type', 'f']).stdout.length > 0, false)
})
