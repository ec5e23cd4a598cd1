// The cipher of a repository is chosen when it is made; every command works with each of them.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Operator } from '../support/operator.ts'
import { tempFolder } from '../support/temp-folder.ts'

const TEXT = 'what everybody may read '.repeat(400)

function scene(t: TestContext) {
  const folder = tempFolder(t, 'ciphers')
  const repository = join(folder, 'repository')
  const operator = new Operator(folder, { location: repository, keyFile: '' })
  const env = { HOLDFAST_PASSWORD: 'correct horse battery staple', HOLDFAST_KEY_FILE: undefined }
  const run = (...args: string[]) => operator.run(args, { env })
  const expect = (status: number, ...args: string[]) => {
    const { stdout, stderr, status: ended } = run(...args)
    assert.equal(ended, status, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const changePassphrase = () =>
    operator.run(['key', 'passwd'], { env: { ...env, HOLDFAST_NEW_PASSWORD: 'another one' } }).status
  const program = { repository, run, expect, changePassphrase }
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'sub', 'text.txt'), TEXT)
  return { folder, program, source }
}

const INIT = {
  'aes-256-gcm': ['init'],
  'chacha20-poly1305': ['init', '--cipher', 'chacha20-poly1305'],
  none: ['init', '--cipher', 'none', '--public-data'],
}

for (const [cipher, init] of Object.entries(INIT)) {
  test(`every command works on a repository with the cipher ${cipher}, which init and stats show`, (t) => {
    const { folder, program, source } = scene(t)
    const record = JSON.parse(
      program
        .expect(0, ...init, '--json')
        .split('\n')
        .find((line) => line.includes('"repository"'))!,
    )
    assert.equal(record.cipher, cipher)
    program.expect(0, 'backup', source, '--compression', '0')
    writeFileSync(join(source, 'second.txt'), 'second')
    program.expect(0, 'backup', source)
    const target = join(folder, 'restored')
    program.expect(0, 'restore', 'latest', '--target', target, '--verify')
    assert.equal(readFileSync(join(target, source, 'sub', 'text.txt'), 'utf8'), TEXT)
    assert.equal(program.expect(0, 'cat', 'latest:source/sub/text.txt'), TEXT)
    assert.match(program.expect(0, 'ls', '--recursive', 'latest'), /text\.txt/)
    assert.match(program.expect(0, 'find', 'second.*'), /second\.txt/)
    const ids = program
      .expect(0, 'snapshots', '--json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).short_id)
    assert.match(program.expect(0, 'diff', ids[0], ids[1]), /second\.txt/)
    assert.match(program.expect(0, 'stats'), new RegExp(`^cipher +${cipher}$`, 'm'))
    assert.equal(JSON.parse(program.expect(0, 'stats', '--json')).cipher, cipher)
    const keyFile = join(folder, 'second.key')
    program.expect(0, 'key', 'add', '--new-key-file', keyFile, '--label', 'second')
    assert.match(program.expect(0, 'key', 'list', '--key-file', keyFile), /second/)
    assert.equal(program.changePassphrase(), 0)
    program.expect(0, 'check', '--read-data', '--key-file', keyFile)
    program.expect(0, 'scrub')
    assert.equal(storeHolds(program.repository, 'what everybody may read what everybody may read'), cipher === 'none')
    assert.equal(storeHolds(program.repository, 'text.txt'), cipher === 'none')
  })
}

test('a repository that everybody can read is made only when that is said, and init and backup say it again', (t) => {
  const { program, source } = scene(t)
  const refused = program.run('init', '--cipher', 'none')
  assert.equal(refused.status, 2)
  assert.match(refused.stderr, /whoever has the store reads every file/)
  assert.match(refused.stderr, /--public-data/)
  assert.equal(program.run('init', '--public-data').status, 2)
  assert.equal(program.run('init', '--cipher', 'rot13').status, 2)
  assert.throws(() => statSync(program.repository), 'nothing was made')
  const made = program.run('init', '--cipher', 'none', '--public-data')
  assert.match(made.stdout, /created a repository without encryption/)
  for (const run of [made, program.run('backup', source)]) {
    assert.equal(run.status, 0)
    assert.match(run.stderr, /not encrypted: names and content of all files can be read by whoever has the store/)
  }
})

test('a repository with a cipher is not said to be readable', (t) => {
  const { program, source } = scene(t)
  const made = program.run('init')
  assert.match(made.stdout, /created an encrypted repository .*\(aes-256-gcm\)/)
  assert.doesNotMatch(made.stderr + program.run('backup', source).stderr, /not encrypted/)
})

function storeHolds(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .some((path) => readFileSync(path).includes(text))
}
