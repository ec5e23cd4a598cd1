// A machine that has no key is let in from elsewhere, does what its role permits and nothing else.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { secureRandom } from '../../src/base/random.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { hash } from '../../src/crypto/hash.ts'
import { signingKeyFromSeed } from '../../src/crypto/signing.ts'
import { decodeEnrolmentRequest, encodeEnrolmentRequest } from '../../src/format/enrolment-request.ts'
import { listRequests, requestEnrolment } from '../../src/repo/writers/enrolment.ts'
import { Operator, type RunOptions } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const WITHOUT_KEY: RunOptions = { env: { HOLDFAST_KEY_FILE: undefined } }

interface Scene {
  readonly scratch: ScratchRepository
  readonly admin: Operator
  readonly machine: Operator
  readonly source: string
  /** Runs on the new machine, which has no key but its own. */
  on(args: readonly string[], status?: number): string
  /** Runs where the administrator is. */
  by(args: readonly string[], status?: number): string
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = tempFolder(t, 'enroll')
  const scratch = await ScratchRepository.create(folder)
  const admin = new Operator(folder, scratch, 'admin')
  const machine = new Operator(folder, scratch, 'machine')
  const source = join(folder, 'photos')
  mkdirSync(source)
  writeFileSync(join(source, 'a.raw'), 'a photo')
  const run = (operator: Operator, args: readonly string[], status: number, options: RunOptions = {}) => {
    const done = operator.run(args, options)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  return {
    scratch,
    admin,
    machine,
    source,
    on: (args, status = EXIT.ok) => run(machine, args, status, WITHOUT_KEY),
    by: (args, status = EXIT.ok) => run(admin, args, status),
  }
}

const record = (output: string) => JSON.parse(output.trim().split('\n')[0]!) as Record<string, string>

test('a machine is enrolled by a command on each side, and backs up without any secret of others', async (t) => {
  const { scratch, machine, source, on, by } = await scene(t)
  const asked = record(on(['enroll', 'request', '--no-wait', '--json']))
  assert.match(asked['code']!, /^([0-9a-z]{5}-){3}[0-9a-z]{5}$/)
  assert.match(by(['enroll', 'list']), new RegExp(asked['code']!))
  // The same machine asks again: it is the same request.
  assert.equal(record(on(['enroll', 'request', '--no-wait', '--json']))['code'], asked['code'])
  const waiting = machine.start(['enroll', 'request', '--root', asked['root']!], WITHOUT_KEY)
  assert.ok(await waiting.until(() => waiting.stdout.includes(asked['code']!)), waiting.stderr)
  const approved = by(['enroll', 'approve', asked['code']!.toUpperCase(), '--name', 'laptop'])
  assert.ok(approved.includes(asked['root']!), approved)
  assert.equal((await waiting.end()).status, EXIT.ok, waiting.stderr)
  assert.match(waiting.stdout, /enrolled with the role write: it can make backups, and cannot read or delete any/)
  assert.match(by(['enroll', 'list']), /no machine waits/)
  on(['backup', source])
  const again = record(on(['backup', source, '--json']).split('\n').toReversed().join('\n').trim())
  assert.equal(again['unchanged_files'], 1)
  assert.match(on(['snapshots']), /1\s+7 B/)
  assert.doesNotMatch(on(['snapshots']), /photos/)
  for (const args of [['ls', 'latest'], ['restore', 'latest', '--target', join(machine.home, 'r')], ['check']]) {
    const refused = on(args, EXIT.wrongKey)
    assert.match(refused, /takes a key that can read .*, and the key of this machine has the role write/)
    assert.match(refused, /hint: with the role write one can make backups.*a key of the role admin/)
  }
  assert.match(by(['snapshots']), /photos/)
  assert.match(by(['key', 'list']), /write .*laptop/)
  // Nobody but its owner reads the machine's key, and nothing of it is in the repository.
  const state = join(machine.home, '.local/state/holdfast')
  const file = readdirSync(state).find((name) => name.startsWith('machine-'))!
  assert.equal(statSync(join(state, file)).mode & 0o077, 0)
  const secret = readFileSync(join(state, file), 'utf8').split('\n')[1]!
  for (const name of readdirSync(join(scratch.location, 'keys'))) {
    assert.ok(!readFileSync(join(scratch.location, 'keys', name)).includes(secret))
  }
})

test('a machine lets in by no other code, and not into another repository than was meant', async (t) => {
  const { on, by } = await scene(t)
  const { code } = record(on(['enroll', 'request', '--no-wait', '--json']))
  const other = code!.startsWith('0') ? `1${code!.slice(1)}` : `0${code!.slice(1)}`
  assert.match(by(['enroll', 'approve', other], EXIT.notFound), /no machine has asked with this code/)
  const refused = on(['enroll', 'request', '--root', '00000000 00000000 00000000 00000000'], EXIT.refused)
  assert.match(refused, /another repository than the one you mean/)
  by(['enroll', 'approve', code!])
  // Without a terminal nobody can say that the root key is the right one.
  assert.match(on(['enroll', 'request'], EXIT.refused), /nobody has said that this is the right repository/)
})

test('a key that nobody has confirmed opens nothing by itself', async (t) => {
  const { scratch, source, on, by } = await scene(t)
  const { code } = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['enroll', 'approve', code!])
  const refused = on(['backup', source], EXIT.usage)
  assert.match(refused, /this machine is not let in yet, and no other credential is given/)
  assert.match(refused, /hint: `holdfast enroll request` goes on/)
  assert.deepEqual(await scratch.readAll(), [])
})

test('a request for the same key slot that certifies another key is not taken for the own one', async (t) => {
  const { scratch, on } = await scene(t)
  const first = record(on(['enroll', 'request', '--no-wait', '--json']))
  const folder = join(scratch.location, 'enrol')
  const [name] = readdirSync(folder)
  const { repoId, recipient, created } = decodeEnrolmentRequest(readFileSync(join(folder, name!)), name!)
  rmSync(join(folder, name!), { force: true })
  const forged = encodeEnrolmentRequest({ repoId, recipient, created }, signingKeyFromSeed(secureRandom(32)))
  writeFileSync(join(folder, toHex(hash(forged))), forged)
  assert.equal(readdirSync(folder).length, 1)
  const second = record(on(['enroll', 'request', '--no-wait', '--json']))
  assert.equal(readdirSync(folder).length, 2)
  assert.ok(second['code'] !== undefined && first['code'] !== undefined)
  const shown = (await listRequests(await scratch.store(), repoId)).find((one) => one.code === second['code'])
  assert.notDeepEqual(shown?.request.publicKey, decodeEnrolmentRequest(forged, 'forged').publicKey)
})

test('a request for what would run a program here is refused', async (t) => {
  const { scratch, by } = await scene(t)
  const { id } = await scratch.open()
  const store = await scratch.store()
  const opts = { repoId: id, seed: secureRandom(32), recipient: 'age1evil1qqqq', clock: systemClock }
  const code = await requestEnrolment(store, opts)
  assert.match(by(['enroll', 'approve', code], EXIT.refused), /a key that no machine makes/)
})

test('a machine gets another role by another key, and is not certified twice for one', async (t) => {
  const { source, on, by } = await scene(t)
  const ask = (...flags: string[]) => record(on(['enroll', 'request', '--no-wait', '--json', ...flags]))
  const { code, root } = ask('--root', record(on(['enroll', 'request', '--no-wait', '--json']))['root']!)
  by(['enroll', 'approve', code!, '--role', 'maintain'])
  on(['enroll', 'request', '--root', root!])
  assert.match(on(['backup', source], EXIT.wrongKey), /role maintain/)
  const key = record(
    by(['key', 'list', '--json'])
      .split('\n')
      .find((line) => line.includes('"maintain"'))!,
  )
  by(['key', 'remove', key['id']!])
  const same = ask()['code']!
  assert.match(
    by(['enroll', 'approve', same, '--role', 'write'], EXIT.exists),
    /certified already, with the role maintain/,
  )
  const fresh = ask('--anew')['code']!
  assert.notEqual(fresh, same)
  by(['enroll', 'approve', fresh, '--role', 'write'])
  on(['backup', source])
  assert.match(by(['snapshots']), /photos/)
})

test('an administrator who backs up on an enrolled machine leaves it what it was', async (t) => {
  const { scratch, machine, source, on, by } = await scene(t)
  const { root } = record(on(['enroll', 'request', '--no-wait', '--json']))
  assert.equal(machine.run(['backup', source, '--key-file', scratch.keyFile], WITHOUT_KEY).status, EXIT.ok)
  const { code } = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['enroll', 'approve', code!])
  on(['enroll', 'request', '--root', root!])
  on(['backup', source])
  assert.equal((await scratch.readAll()).length, 2)
})

test('a machine whose certificate is gone makes no backup that would count for nothing', async (t) => {
  const { scratch, source, on, by } = await scene(t)
  const { code, root } = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['enroll', 'approve', code!])
  on(['enroll', 'request', '--root', root!])
  rmSync(join(scratch.location, 'writers'), { recursive: true })
  mkdirSync(join(scratch.location, 'writers'))
  assert.match(on(['backup', source], EXIT.damage), /certificate of a writer is missing/)
})

test('who is no administrator lets nobody in', async (t) => {
  const { on, by, admin } = await scene(t)
  const { code } = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['key', 'add', '--new-key-file', 'reader.key', '--role', 'read'])
  const tried = admin.run(['enroll', 'approve', code!, '--key-file', 'reader.key'])
  assert.equal(tried.status, EXIT.wrongKey)
  assert.match(tried.stderr, /`holdfast enroll approve` takes the key of an administrator, .* has the role read/)
})

test('a key for reports sees that there are backups, and no name of anything', async (t) => {
  const { source, by } = await scene(t)
  by(['backup', source, '--tag', 'holiday'])
  assert.match(by(['key', 'add', '--new-key-file', 'report.key', '--role', 'report']), /no name of anything/)
  const seen = by(['snapshots', '--key-file', 'report.key', '--json'])
  const summary = record(seen)
  assert.deepEqual([summary['type'], summary['files'], summary['bytes']], ['snapshot_summary', 1, 7])
  assert.doesNotMatch(seen, /photos|holiday|test/)
  for (const args of [
    ['ls', 'latest'],
    ['backup', source],
    ['snapshots', '--host', 'x'],
    ['key', 'add', '--new-key-file', 'x.key', '--label', 'x'],
    ['drill', '--status'],
  ]) {
    assert.match(by([...args, '--key-file', 'report.key'], EXIT.wrongKey), /role report/)
  }
  // Counts and sizes are for reports, and so is another key of the same kind.
  assert.match(by(['stats', '--key-file', 'report.key']), /files in them +1\n.*whole store/s)
  by(['key', 'add', '--new-key-file', 'second.key', '--key-file', 'report.key'])
  by(['snapshots', '--key-file', 'second.key'])
})

test('a machine that is revoked makes no more backups, and nothing takes its snapshots for anything', async (t) => {
  const { scratch, source, on, by } = await scene(t)
  by(['backup', source])
  const asked = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['enroll', 'approve', asked['code']!, '--name', 'laptop'])
  on(['enroll', 'request', '--root', asked['root']!])
  writeFileSync(join(source, 'b.raw'), 'another photo')
  on(['backup', source])
  const [first, second] = by(['snapshots', '--json'])
    .split('\n')
    .flatMap((line) => /"short_id":"(\w+)"/.exec(line)?.[1] ?? [])
  const preview = by(['enroll', 'revoke', 'laptop', '--from', '1', '--dry-run'])
  assert.match(preview, /would revoke laptop \w{8}, write/)
  assert.match(preview, /1 snapshot of those that are there count/)
  assert.match(preview, /would remove its key/)
  assert.match(by(['key', 'list']), /laptop/)
  assert.match(by(['snapshots']), new RegExp(second!))

  by(['enroll', 'revoke', 'laptop', '--from', '1', '--reason', 'stolen on the train', '--keep-key'])
  assert.match(on(['backup', source], EXIT.refused), /this machine was revoked by .*stolen on the train/)
  const listed = by(['snapshots'])
  assert.doesNotMatch(listed, new RegExp(`^${second!}`, 'm'))
  assert.match(listed, /1 snapshot of revoked machines not shown/)
  assert.match(
    by(['snapshots', '--include-revoked']),
    new RegExp(`${second!} .*revoked by .* \\(stolen on the train\\)`),
  )
  assert.match(by(['ls', 'latest', '--recursive']), /a\.raw/)
  assert.doesNotMatch(by(['ls', 'latest', '--recursive']), /b\.raw/)
  assert.match(by(['ls', second!], EXIT.refused), /revoked by .*--include-revoked/s)
  assert.match(by(['ls', second!, '--recursive', '--include-revoked']), /b\.raw/)
  const checked = by(['check'])
  assert.match(checked, /does not count, its machine was revoked by .* \(stolen on the train\): snap\//)
  assert.match(checked, /no damage found/)
  assert.match(by(['audit']), /laptop .*\n  revoked by .*its snapshots from 1 on do not count/)
  assert.match(by(['backup', source]), new RegExp(`(since|compared with) ${first!}|unchanged`))

  const slots = join(scratch.location, 'keys')
  const before = new Map(readdirSync(slots).map((name) => [name, readFileSync(join(slots, name))]))
  const records = () => readdirSync(join(scratch.location, 'log'), { recursive: true }).length
  const recordsBefore = records()
  const told = /laptop \w{8}, write, is revoked by .* on \d{4}-.* \(stolen on the train\) already/
  assert.match(by(['enroll', 'revoke', 'laptop', '--keep-key', '--from', '7']), told)
  assert.equal(records(), recordsBefore)
  // Its key goes all the same.
  assert.match(by(['enroll', 'revoke', 'laptop']), told)
  assert.doesNotMatch(by(['key', 'list']), /laptop/)
  // Who owns the store brings the key slot back: keys that are made later do not get into it.
  const [removed] = [...before.keys()].filter((name) => !readdirSync(slots).includes(name))
  writeFileSync(join(slots, removed!), before.get(removed!)!)
  assert.match(by(['key', 'rotate', '--yes']), /it was removed, and somebody has brought it back/)
  rmSync(join(slots, removed!))
  assert.match(
    on(['backup', source], EXIT.wrongKey),
    /this machine \(writer [0-9a-f]{8}\) was let in, and its key was removed since/,
  )
  assert.match(by(['enroll', 'revoke', 'nobody'], EXIT.notFound), /no writer has this name/)
})

test('what a key may not do is refused before anything is done, with what it takes and what it is', async (t) => {
  const { scratch, source, on, by } = await scene(t)
  by(['backup', source])
  const { code, root } = record(on(['enroll', 'request', '--no-wait', '--json']))
  by(['enroll', 'approve', code!, '--role', 'maintain'])
  on(['enroll', 'request', '--root', root!])
  by(['key', 'add', '--new-key-file', 'second.key', '--label', 'second'])
  const second = /\n([0-9a-f]{10}) .* second/.exec(by(['key', 'list']))![1]!
  const before = await scratch.readAll()
  for (const [args, takes] of [
    [['forget', '--path', source], /`holdfast forget --path` takes the key of an administrator/],
    [['restore', 'latest', '--target', join(source, 'never')], /`holdfast restore` takes a key that can read files/],
    [['check', '--read-data', '--attest'], /`holdfast check --attest` takes a key that can read files/],
    [['key', 'remove', second], /removing a key that an administrator has made/],
  ] as const) {
    const refused = on(args, EXIT.wrongKey)
    assert.match(refused, takes)
    assert.match(refused, /has the role maintain/)
    assert.match(refused, /hint: with the role maintain one can see names and trees/)
  }
  // Nor does a machine that was not let in read everything first, to sign then what nobody would count.
  by(['key', 'add', '--role', 'read', '--new-key-file', 'reader.key'])
  const unsigned = by(['check', '--read-data', '--attest', '--key-file', 'reader.key'], EXIT.wrongKey)
  assert.match(unsigned, /may not enrol a writer.*\n.*enroll request`, and approve that with --role read/)
  assert.doesNotMatch(unsigned, /checked/)
  assert.deepEqual(await scratch.readAll(), before)
  // What it may, it may.
  on(['forget', '--keep-last', '1', '--dry-run'])
  on(['ls', 'latest'])
})
