// A domain for data that everybody may read, beside others that nobody may.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const OWN = 'a diary that is nobody’s business '
const PUBLIC = 'what everybody can download anyway '

async function scene(t: TestContext) {
  const folder = tempFolder(t, 'public-domains')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const [own, shared] = [join(folder, 'own'), join(folder, 'mirror')]
  for (const [at, name, text] of [
    [own, 'diary.txt', OWN],
    [shared, 'release.txt', PUBLIC],
  ] as const) {
    mkdirSync(at)
    writeFileSync(join(at, name), text)
  }
  const by = (args: readonly string[], status: number = EXIT.ok): string => {
    const done = operator.run(args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  by(['domain', 'add', 'mirror', '--public-data'])
  return { folder, scratch, operator, own, shared, by }
}

test('what is stored for a public domain can be read by whoever has the store, and nothing else can', async (t) => {
  const { scratch, own, shared, by } = await scene(t)
  assert.match(by(['domain', 'list']), /default \* +keys .*\nmirror +whoever has the store/)
  assert.doesNotMatch(by(['backup', own]), /not encrypted/)
  assert.match(by(['backup', shared, '--domain', 'mirror']), /The domain mirror is not encrypted: names and content/)
  for (const text of [PUBLIC, 'release.txt']) assert.ok(storeHolds(scratch.location, text), text)
  for (const text of [OWN, 'diary.txt']) assert.ok(!storeHolds(scratch.location, text), text)
})

test('everything works in a public domain and beside it, and each key sees what it has', async (t) => {
  const { folder, scratch, operator, own, shared, by } = await scene(t)
  by(['backup', own])
  by(['backup', shared, '--domain', 'mirror'])
  by(['key', 'add', '--new-key-file', 'mirror.key', '--role', 'read', '--domain', 'mirror'])
  by(['key', 'add', '--new-key-file', 'own.key', '--role', 'read', '--domain', 'default'])
  by(['key', 'add', '--new-key-file', 'report.key', '--role', 'report'])
  assert.match(by(['snapshots', '--key-file', 'report.key']), /mirror/)
  for (const [key, file, path] of [
    ['mirror.key', 'release.txt', join(shared, 'release.txt')],
    ['own.key', 'diary.txt', join(own, 'diary.txt')],
  ] as const) {
    const as = ['--key-file', key]
    assert.equal(
      by(['snapshots', '--json', ...as])
        .trim()
        .split('\n').length,
      1,
    )
    assert.match(by(['check', '--read-data', ...as]), /are of domains that this key does not have[^]*no damage found/)
    assert.ok(by(['cat', `latest:${path}`, ...as]).length > 0, file)
    by(['audit', ...as])
  }
  const machine = new Operator(folder, scratch, 'machine')
  const on = (args: readonly string[]): string => {
    const done = machine.run(args, { env: { HOLDFAST_KEY_FILE: undefined } })
    assert.equal(done.status, EXIT.ok, `${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout + done.stderr
  }
  const asked = JSON.parse(on(['enroll', 'request', '--no-wait', '--json']).split('\n')[0]!) as Record<string, string>
  by(['enroll', 'approve', asked['code']!, '--domain', 'mirror'])
  on(['enroll', 'request', '--root', asked['root']!])
  writeFileSync(join(shared, 'second.txt'), 'one more ')
  assert.match(on(['backup', shared]), /The domain mirror is not encrypted/)
  assert.match(by(['enroll', 'list']), /machine|write/)
  by(['forget', 'latest'])
  by(['key', 'rotate', '--yes'])
  by(['backup', shared, '--domain', 'mirror'])
  by(['prune', '--reencrypt'])
  by(['prune'])
  assert.match(by(['check', '--read-data']), /no damage found/)
  by(['repair'])
  const target = join(operator.home, 'back')
  by(['restore', 'latest', '--target', target])
  assert.ok(storeHolds(target, PUBLIC))
})

test('the index of a public domain that is lost is made again, and damage in it is noticed', async (t) => {
  const { scratch, shared, by } = await scene(t)
  by(['backup', shared, '--domain', 'mirror'])
  rmSync(join(scratch.location, 'index'), { recursive: true })
  by(['repair'])
  assert.match(by(['check', '--read-data']), /no damage found/)
  const [pack] = readdirSync(join(scratch.location, 'data'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(scratch.location, 'data', name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(PUBLIC))
  const bytes = readFileSync(pack!)
  bytes[bytes.indexOf(PUBLIC)]! ^= 1
  rmSync(pack!)
  writeFileSync(pack!, bytes)
  assert.match(by(['check', '--read-data'], EXIT.damage), /release\.txt/)
})

function storeHolds(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .some((path) => readFileSync(path).includes(text))
}
