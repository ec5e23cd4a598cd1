// What is named as the repository is not one, cannot be opened, is too new, damaged, or may not be written to.
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { timespecFromMs } from '../../src/base/time.ts'
import { formatKeyFile } from '../../src/crypto/keyfile.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { encodeRepoDescription } from '../../src/format/repo-description.ts'
import { addSlot } from '../../src/repo/keys/keyring.ts'
import { canRestrict, Operator, type RunOptions } from '../support/operator.ts'
import type { ProgramResult } from '../support/program.ts'
import { missing, requireCommand, withLoopFs } from '../support/requirements.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { system } from '../support/system.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** One snapshot of a folder with a single file. */
async function withSnapshot(t: TestContext, place?: string) {
  const folder = tempFolder(t, 'repo')
  const scratch = await ScratchRepository.create(folder, place === undefined ? {} : { location: place })
  const operator = new Operator(folder, scratch)
  const photos = join(operator.home, 'photos')
  mkdirSync(photos)
  writeFileSync(join(photos, 'a.raw'), 'a photo')
  await backUp(scratch, [photos])
  const content = { [photos]: 'directory', [join(photos, 'a.raw')]: fileWith('a photo') }
  return { folder, scratch, operator, photos, content }
}

function fails({ status, stdout, stderr }: ProgramResult, code: number, ...patterns: readonly RegExp[]): void {
  assert.equal(status, code, stderr)
  assert.equal(stdout, '')
  for (const pattern of patterns) assert.match(stderr, pattern)
}

/** Names and sizes of everything in a folder. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort()
}

test('a wrong passphrase or key file says how many were tried and changes nothing', async (t) => {
  const { folder, scratch, operator, photos, content } = await withSnapshot(t)
  const repository = await scratch.open()
  const passphrase = { kind: 'passphrase', passphrase: 'right' } as const
  const cost = { memoryKiB: 8 * 1024, passes: 1, lanes: 1 }
  const details = { created: timespecFromMs(systemClock.now()), random: secureRandom, suite: 1 as const, cost }
  await addSlot(repository.store, repository.bundle, passphrase, details)
  const other = join(folder, 'other.key')
  writeFileSync(other, formatKeyFile(secureRandom(32)))
  const before = listing(scratch.location)

  const byPassphrase = (password: string): RunOptions => ({
    env: { HOLDFAST_KEY_FILE: undefined, HOLDFAST_PASSWORD: password },
  })
  const wrong = [
    /the passphrase opens no key slot \(1 tried\): \S+\/repository\n/,
    /hint: the repository has 1 passphrase and 1 key file: try/,
  ]
  fails(operator.run(['backup', photos], byPassphrase('wrong')), 5, ...wrong)
  fails(
    operator.run(['snapshots'], { env: { HOLDFAST_KEY_FILE: other } }),
    5,
    /the key file opens no key slot \(0 tried\)/,
  )
  assert.equal(operator.run(['snapshots'], byPassphrase('right')).status, 0)
  assert.deepEqual(listing(scratch.location), before)
  assert.deepEqual(await scratch.readAll(), [content])
})

test('a file that is no key file, or a damaged one, is named and never shown', async (t) => {
  const { folder, operator, scratch } = await withSnapshot(t)
  const file = join(folder, 'wrong.key')
  const run = () => operator.run(['snapshots'], { env: { HOLDFAST_KEY_FILE: file } })
  fails(run(), 6, /reading key file: \S+\/wrong\.key\n {2}because ENOENT/)
  writeFileSync(file, 'my diary')
  fails(run(), 2, /this is not a key file: \S+\/wrong\.key\n {2}hint: a key file is one line/)
  writeFileSync(file, readFileSync(scratch.keyFile).subarray(0, 50))
  fails(run(), 4, /the key file is damaged: .*wrong\.key\n {2}hint: use another copy/)
  const secret = readFileSync(scratch.keyFile, 'utf8').trim().split(' ')[1]!
  assert(!run().stderr.includes(secret.slice(0, 20)))
})

test('what is no repository is told apart, named, and left as it is', async (t) => {
  const folder = tempFolder(t, 'repo')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(operator.home, 'source')
  mkdirSync(source)
  const place = (name: string) => join(folder, name)
  mkdirSync(place('empty'))
  mkdirSync(join(place('photos'), 'format'), { recursive: true }) // looks a little like one
  writeFileSync(join(place('photos'), 'format/1.txt'), 'a note')
  writeFileSync(place('file'), 'a letter')
  const cases: [string, number, RegExp][] = [
    ['missing', 6, /no repository in this folder: \S+\/missing\n {2}hint: .*`holdfast init`/],
    ['empty', 6, /no repository in this folder: \S+\/empty\n {2}hint: check the path and that its disk is mounted/],
    ['photos', 6, /no Holdfast repository here: \S+\/photos\n/],
    ['file', 2, /not a folder: \S+\/file\n/],
    ['file/below', 2, /not a folder: \S+\/file\/below\n/],
  ]
  const before = listing(folder)
  for (const [at, [name, code, message]] of cases.entries()) {
    fails(operator.run(['--repo', place(name), ...(at % 2 === 0 ? ['snapshots'] : ['backup', source])]), code, message)
  }
  fails(
    operator.run(['--repo', 'sftp://host/repo', 'snapshots']),
    10,
    /sftp:\/\/host\/repo\n {2}hint: this version keeps repositories in folders/,
  )
  const init = operator.run(['--repo', place('photos'), 'init'])
  assert.notEqual(init.status, 0, 'a folder that holds something else does not become a repository')
  assert.deepEqual(listing(folder), before)
  assert.equal(readFileSync(place('file'), 'utf8'), 'a letter')
})

test('a repository that has lost its description is not made anew', async (t) => {
  const { scratch, operator, photos } = await withSnapshot(t)
  const description = join(scratch.location, 'format/1')
  const bytes = readFileSync(description)
  rmSync(description)
  const before = listing(scratch.location)
  const asDefault: RunOptions = { env: { HOLDFAST_REPO: undefined, XDG_DATA_HOME: join(operator.home, 'data') } }
  mkdirSync(join(operator.home, 'data/holdfast'), { recursive: true })
  symlinkSync(scratch.location, join(operator.home, 'data/holdfast/repository'))
  for (const [args, opts] of [[['init']], [['snapshots']], [['backup', photos]], [['backup', photos], asDefault]] as [
    string[],
    RunOptions?,
  ][]) {
    const lost =
      /the description of this repository \(format\/\) is missing, and \S+ is there: .*\n {2}hint: `holdfast repair` computes it/
    fails(operator.run(args, opts), 4, lost)
  }
  assert.deepEqual(listing(scratch.location), before)
  writeFileSync(description, bytes)
  assert.equal(operator.run(['backup', photos], asDefault).status, 0)
})

test('a folder that only looks empty to a repository is not taken', async (t) => {
  const folder = tempFolder(t, 'repo')
  const operator = new Operator(folder, await ScratchRepository.create(folder))
  const place = join(folder, 'place')
  mkdirSync(join(place, 'format'), { recursive: true })
  mkdirSync(join(place, 'lost+found'))
  mkdirSync(join(place, 'camera'))
  writeFileSync(join(place, 'camera/IMG.JPG'), '')
  fails(
    operator.run(['--repo', place, 'init']),
    11,
    /this place is not empty, it holds "camera\/IMG.JPG": \S+\/place\n {2}hint: choose/,
  )
  rmSync(join(place, 'camera/IMG.JPG'))
  assert.equal(operator.run(['--repo', place, 'init']).status, 0)
})

test('a repository of restic is not touched', async (t) => {
  if (!requireCommand(t, 'restic')) return
  const folder = tempFolder(t, 'repo')
  const operator = new Operator(folder, await ScratchRepository.create(folder))
  system(
    folder,
    'sh',
    '-c',
    'echo secret >password && restic -q --no-cache --password-file password init --repo restic',
  )
  const place = join(folder, 'restic')
  const before = listing(place)
  fails(operator.run(['--repo', place, 'backup', operator.home]), 6, /no repository in this folder: \S+\/restic\n/)
  fails(
    operator.run(['--repo', place, 'init']),
    11,
    /folder is not empty, it holds "\w+": \S+\/restic\n {2}hint: choose/,
  )
  assert.deepEqual(listing(place), before)
})

test('a repository that needs a newer version is refused, for reading or only for writing, and left as it is', async (t) => {
  const { scratch, operator, photos, content } = await withSnapshot(t)
  const repository = await scratch.open()
  const root = signingKeyFromSeed(repository.bundle.rootSeed!)
  const { description } = repository
  const second = join(scratch.location, 'format/2')
  const newer = (flags: { incompat?: number; roCompat?: number }) => {
    rmSync(second, { force: true })
    writeFileSync(second, encodeRepoDescription({ ...description, ...flags }, root))
  }
  newer({ incompat: 1 << 5 })
  const before = listing(scratch.location)
  for (const command of [
    ['backup', photos],
    ['restore', 'latest', '--target', 'out'],
  ]) {
    const what = /repository needs features this version does not know \(5\): format\/2\n {2}hint: use a newer version/
    fails(operator.run(command), 10, what)
  }
  newer({ roCompat: 1 })
  assert.equal(operator.run(['snapshots']).status, 0)
  const id = JSON.parse(operator.run(['key', 'list', '--json']).stdout).id
  const writing = [
    ['backup', photos],
    ['key', 'add', '--new-key-file', join(operator.home, 'new.key')],
    ['key', 'remove', id],
    ['key', 'passwd'],
  ]
  for (const command of writing) {
    const what = /writing needs features this version does not know \(0\): \S+\/repository\n/
    fails(operator.run(command), 10, what)
  }
  assert.deepEqual(listing(scratch.location), before)
  writeFileSync(second, readFileSync(second).subarray(0, 50))
  assert.match(operator.run(['snapshots']).stderr, /warning: .*format\/2/)
  for (const command of writing) {
    const what =
      /a newer description .* is damaged, so it is not known .*: format\/2\n.*\n {2}hint: copy the object back/
    fails(operator.run(command), 4, what)
  }
  assert.deepEqual(listing(scratch.location), before)

  // Another version of the object itself.
  rmSync(second)
  const first = join(scratch.location, 'format/1')
  const bytes = readFileSync(first)
  chmodSync(first, 0o600)
  writeFileSync(
    first,
    Uint8Array.from(bytes, (byte, at) => (at === 5 ? 2 : byte)),
  )
  fails(operator.run(['snapshots']), 10, /object has version 2, this program knows 1: format\/1\n/)
  writeFileSync(first, bytes)
  assert.deepEqual(await scratch.readAll(), [content])
})

test('a description or a key slot that is cut short or missing is named, and a second copy of it is enough', async (t) => {
  const { scratch, operator, content } = await withSnapshot(t)
  const first = join(scratch.location, 'format/1')
  const bytes = readFileSync(first)
  chmodSync(first, 0o600)
  for (const size of [0, bytes.length - 1]) {
    truncateSync(first, size)
    fails(
      operator.run(['snapshots']),
      4,
      /reading the repository’s description: .*\n {2}because .*: format\/1\n {2}hint: `holdfast repair` computes it/,
    )
  }
  writeFileSync(join(scratch.location, 'format/2'), bytes)
  assert.equal(operator.run(['snapshots']).status, 0)
  rmSync(first)
  const [slot] = readdirSync(join(scratch.location, 'keys'))
  const slotFile = join(scratch.location, 'keys', slot!)
  const slotBytes = readFileSync(slotFile)
  chmodSync(slotFile, 0o600)
  truncateSync(slotFile, 200)
  const unusable =
    /no key slot can be used, of 1: .*\n {2}because .*: keys\/[0-9a-f]{64}\n {2}hint: bring it back with `holdfast key import` .* copy the folder `keys`/
  fails(operator.run(['snapshots']), 4, unusable)
  rmSync(slotFile)
  fails(operator.run(['snapshots']), 6, /there are no key slots: \S+\/repository\n {2}hint: copy the folder `keys` /)
  writeFileSync(slotFile, slotBytes)
  assert.deepEqual(await scratch.readAll(), [content])
})

test('another repository in the place of the known one is told, where the same secret opens both', async (t) => {
  const { scratch, operator, photos } = await withSnapshot(t)
  const known = operator.run(['backup', photos])
  assert.doesNotMatch(known.stderr, /another repository/)
  rmSync(scratch.location, { recursive: true })
  const elsewhere = { env: { XDG_STATE_HOME: join(operator.home, 'of-another-machine') } }
  assert.equal(operator.run(['init'], elsewhere).status, 0)
  const told = operator.run(['snapshots'])
  assert.equal(told.status, 0, told.stderr)
  assert.match(
    told.stderr,
    /This is another repository than the one known at \S+\/repository: its root key is .{35}, before/,
  )
  assert.equal(operator.run(['backup', photos]).status, 0)
  assert.doesNotMatch(operator.run(['snapshots']).stderr, /another repository/)
})

test('a repository folder without write permission is read and not written to', async (t) => {
  if (!canRestrict()) return void missing(t, 'setpriv or an ordinary user')
  const { scratch, operator, photos, content } = await withSnapshot(t)
  const restricted = { restricted: true }
  const folders = ['', ...listing(scratch.location)].filter((name) => existsSync(join(scratch.location, name, '.')))
  const before = listing(scratch.location)
  for (const name of folders) chmodSync(join(scratch.location, name), 0o500)
  assert.equal(operator.run(['snapshots'], restricted).status, 0)
  writeFileSync(join(photos, 'b.raw'), 'another')
  const refused = [
    /^holdfast: enrolling a writer: writers\/\w+\n/,
    /because EACCES: /,
    /hint: check that the repository is not mounted read-only/,
  ]
  fails(operator.run(['backup', photos], restricted), 9, ...refused)
  chmodSync(scratch.location, 0o000)
  fails(operator.run(['snapshots'], restricted), 9, /EACCES: permission denied/)
  for (const name of folders) chmodSync(join(scratch.location, name), 0o700)
  assert.deepEqual(listing(scratch.location), before)
  assert.deepEqual(await scratch.readAll(), [content])
})

test('a repository on a disk that is mounted read-only is restored from and not written to', (t) =>
  withLoopFs(t, 'ext4', 64, async (disk) => {
    const { scratch, operator, photos, content } = await withSnapshot(t, join(disk, 'repository'))
    system(disk, 'mount', '-o', 'remount,ro', disk)
    for (const command of [
      ['backup', photos],
      ['key', 'add', '--new-key-file', 'new.key'],
    ]) {
      fails(operator.run(command), 9, /because EROFS: read-only file system/, /hint: .* not mounted read-only/)
    }
    fails(operator.run(['--repo', join(disk, 'other'), 'init']), 9, /EROFS/)
    const restored = operator.run(['restore', 'latest', '--target', 'out'])
    assert.equal(restored.status, 0, restored.stderr)
    assert.equal(readFileSync(join(operator.home, 'out', photos, 'a.raw'), 'utf8'), 'a photo')
    assert.deepEqual(await scratch.readAll(), [content])
  }))
