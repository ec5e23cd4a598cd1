import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { BackupError } from '../base/errors.ts'
import { defaultConfigFile, defaultRepository, lineOfKey, loadConfig, parseConfig } from './config.ts'

const EXAMPLE = `# what to back up and where to
repo = "~/backup"
password-command = ["pass", "show", "holdfast"]
exclude = ["*.tmp", "node_modules/"]
exclude-larger-than = "2G"

[set.home]
paths = ["~", "/etc"]
exclude = [".cache/"]
one-file-system = true
`

const parse = (text: string) => parseConfig(text, '/etc/holdfast/config.toml', '/home/ann')

async function refusal(text: string): Promise<BackupError> {
  try {
    await parse(text)
  } catch (error) {
    assert(error instanceof BackupError)
    assert.equal(error.code, 'usage')
    return error
  }
  return assert.fail(`accepted: ${text}`)
}

test('a configuration says where, how and what', async () => {
  assert.deepEqual(await parse(EXAMPLE), {
    file: '/etc/holdfast/config.toml',
    repo: '/home/ann/backup',
    passwordCommand: ['pass', 'show', 'holdfast'],
    exclude: ['*.tmp', 'node_modules/'],
    excludeLargerThan: 2 * 2 ** 30,
    sets: { home: { paths: ['/home/ann', '/etc'], exclude: ['.cache/'], oneFileSystem: true } },
  })
})

test('relative paths are relative to the file, and the URL of a repository stays', async () => {
  assert.equal((await parse('repo = "../r"')).repo, '/etc/r')
  for (const url of ['s3://bucket/r', 'file:///r', 'FILE:///r'])
    assert.equal((await parse(`repo = "${url}"`)).repo, url)
  assert.equal((await parse('repo = "back:up"')).repo, '/etc/holdfast/back:up')
  assert.equal((await parse('key-file = "s3://key"')).keyFile, '/etc/holdfast/s3:/key')
  assert.deepEqual((await parse('[set.a]\npaths = ["film:2026"]')).sets['a']?.paths, ['/etc/holdfast/film:2026'])
})

test('an unknown key is refused with its line', async () => {
  const error = await refusal(`${EXAMPLE}excludes = ["x"]\n`)
  assert.match(error.message, /unknown key `set\.home\.excludes`: \/etc\/holdfast\/config\.toml:11$/)
  assert.match(error.hint ?? '', /exclude-if-present/)
  assert.match((await refusal('repository = "x"\n')).message, /`repository`: .*:1$/)
})

test('a key of a prototype is unknown like any other', async () => {
  assert.match((await refusal('toString = 1')).message, /unknown key `toString`/)
  assert.match((await refusal('__proto__ = 1')).message, /__proto__/)
})

test('a value of the wrong type is refused with its line', async () => {
  const cases: [string, RegExp][] = [
    ['repo = 1', /`repo` must be a path: .*:1$/],
    ['\nexclude = "x"', /`exclude` must be a list of texts: .*:2$/],
    ['exclude-caches = "yes"', /`exclude-caches` must be true or false/],
    ['exclude-larger-than = "big"', /`exclude-larger-than` must be a size/],
    ['password-command = []', /must be a command/],
    ['set = 1', /`set` must be tables/],
    ['[set.a]\ntags = ["x"]', /set `a` has no `paths`: .*:1$/],
    ['[set]\na = 1', /`set\.a` must be a table: .*:2$/],
  ]
  for (const [text, message] of cases) assert.match((await refusal(text)).message, message)
})

test('broken TOML is refused with line and column', async () => {
  assert.match((await refusal('repo = "x"\nexclude = [')).message, /not valid TOML: .*config\.toml:2:\d+$/)
})

test('keys are found however they are written', () => {
  assert.equal(lineOfKey('a = 1\n"b-c" = 2', ['b-c']), 2)
  assert.equal(lineOfKey('[set]\nhome.paths = 1', ['set', 'home', 'paths']), 2)
  assert.equal(lineOfKey('[ set . "home" ]\n\npaths = 1', ['set', 'home', 'paths']), 3)
  assert.equal(lineOfKey('set = { home = 1 }', ['set', 'home']), undefined)
})

test('the file is looked for where XDG says, and a missing one is no configuration', async () => {
  assert.equal(defaultConfigFile({ HOME: '/home/ann' }), '/home/ann/.config/holdfast/config.toml')
  assert.equal(defaultConfigFile({ HOME: '/home/ann', XDG_CONFIG_HOME: '/c' }), '/c/holdfast/config.toml')
  assert.equal(
    defaultRepository({ HOME: '/home/ann', XDG_DATA_HOME: '' }),
    '/home/ann/.local/share/holdfast/repository',
  )
  assert.deepEqual(await loadConfig(undefined, { HOME: '/nonexistent' }), { sets: {} })
  assert.deepEqual(await loadConfig('none', { HOLDFAST_CONFIG: '/nonexistent' }), { sets: {} })
})

test('a file that is named must exist; the flag wins over the environment', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'a.toml'), 'repo = "/a"')
  const missing = (error: unknown) => error instanceof BackupError && error.code === 'not-found'
  await assert.rejects(loadConfig(undefined, { HOLDFAST_CONFIG: join(folder, 'b.toml') }), missing)
  assert.equal((await loadConfig(join(folder, 'a.toml'), { HOLDFAST_CONFIG: join(folder, 'b.toml') })).repo, '/a')
})
