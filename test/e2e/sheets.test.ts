// Recovery sheets and shares, as people make and use them.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Program } from '../support/program.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { TerminalSession } from '../support/terminal.ts'

interface Scene {
  readonly program: Program
  readonly folder: string
  readonly path: (name: string) => string
  /** Without the passphrase. */
  open(flags: string, input?: string): ReturnType<Program['run']>
}

function scene(t: TestContext): Scene {
  const folder = tempFolder(t, 'sheets')
  const program = new Program(folder)
  program.expect(0, 'init', '--label', 'first')
  const path = (name: string) => join(folder, name)
  const open = (flags: string, input = '') => {
    writeFileSync(path('input'), input)
    return program.shell(`unset HOLDFAST_PASSWORD; cd ${folder}; $HOLDFAST key list --json ${flags} < input`)
  }
  return { program, folder, path, open }
}

function inUse({ status, stdout, stderr }: ReturnType<Program['run']>): string {
  assert.equal(status, 0, stderr)
  const keys = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { label: string; in_use: boolean })
  return keys.find((key) => key.in_use)!.label
}

/** The words of a sheet as text, in order: lines of nothing but numbered words. */
function wordsOf(sheet: string): string[] {
  const lines = sheet.split('\n').filter((line) => /^ *\d+ [a-z]+( +\d+ [a-z]+){3} *$/.test(line))
  return lines.join(' ').match(/[a-z]+/g)!
}

test('a recovery sheet opens the repository by its words, however typed, and by its files', (t) => {
  const { program, path, open } = scene(t)
  program.expect(0, 'key', 'add', '--recovery-sheet', path('safe.txt'), '--label', 'safe')
  const sheet = readFileSync(path('safe.txt'), 'utf8')
  const words = wordsOf(sheet)
  assert.equal(words.length, 24)
  assert.ok(!sheet.includes(program.repository), 'where the repository is stands there on request only')
  assert.equal(inUse(open('--recovery-words', words.join(' '))), 'safe')
  assert.equal(
    inUse(open('--recovery-words', words.map((word, i) => `${i + 1}. ${word.slice(0, 4).toUpperCase()}`).join('\n'))),
    'safe',
  )
  assert.equal(inUse(open('--recovery-words', sheet)), 'safe')
  const byFile = program.shell(
    `unset HOLDFAST_PASSWORD; HOLDFAST_RECOVERY_WORDS_FILE=${path('safe.txt')} $HOLDFAST key list --json`,
  )
  assert.equal(inUse(byFile), 'safe')
  const code = /^holdfast-key-1 .*$/m.exec(sheet)![0]
  writeFileSync(path('scanned'), code)
  assert.equal(inUse(open('--key-file scanned')), 'safe', 'the code is a key file')

  const typo = open('--recovery-words', words.with(6, 'abanbon').join(' '))
  assert.equal(typo.status, 2, typo.stderr)
  assert.match(typo.stderr, /word 7 is no word of the list.*\n.*did you mean abandon\?/)
  const swapped = open('--recovery-words', [words[1], words[0], ...words.slice(2)].join(' '))
  if (words[0] !== words[1]) assert.match(swapped.stderr, /the checksum of the words is wrong|opens no key slot/)
  const other = open('--recovery-words', `${'zoo '.repeat(23)}vote`)
  assert.match(other.stderr, /opening with the recovery words \(standard input\)/)
})

test('a sheet as PDF is private, is never written over, and says where the repository is when asked to', (t) => {
  if (!requireCommand(t, 'pdftotext')) return
  const { program, path, open } = scene(t)
  program.expect(0, 'key', 'add', '--recovery-sheet', path('safe.pdf'), '--print-location', '--label', 'in the safe')
  assert.equal(statSync(path('safe.pdf')).mode & 0o777, 0o600)
  const before = readFileSync(path('safe.pdf'))
  const again = program.run('key', 'add', '--recovery-sheet', path('safe.pdf'))
  assert.equal(again.status, 11, again.stderr)
  assert.deepEqual(readFileSync(path('safe.pdf')), before)
  const { stdout } = program.shell(`pdftotext -layout ${path('safe.pdf')} -`)
  const text = stdout.replace(/\s+/g, ' ')
  assert.ok(text.includes('in the safe') && text.includes(program.repository), text)
  const command = /holdfast --repo (\S+) --recovery-words snapshots/.exec(text)
  assert.equal(command?.[1], program.repository)
  assert.equal(inUse(open('--recovery-words', wordsOf(stdout).join(' '))), 'in the safe')
  const list = program.expect(0, 'key', 'list')
  assert.match(list, /key file +admin .*in the safe +recovery sheet/)
})

test('any two of three sheets open the repository, one does not, and sets do not mix', (t) => {
  const { program, path, open } = scene(t)
  program.expect(0, 'key', 'add', '--shares', '2/3', '--sheets', path('pdf'), '--label', 'family')
  program.expect(0, 'key', 'add', '--shares', '2/3', '--sheets', path('txt'), '--text', '--label', 'friends')
  assert.deepEqual(
    readdirSync(path('pdf')).sort(),
    [1, 2, 3].map((i) => `share-${i}-of-3.pdf`),
  )
  for (const name of readdirSync(path('pdf'))) assert.equal(statSync(join(path('pdf'), name)).mode & 0o777, 0o600)
  assert.equal(inUse(open('--share pdf/share-1-of-3.pdf --share pdf/share-3-of-3.pdf')), 'family')
  assert.equal(inUse(open('--share txt/share-2-of-3.txt --share txt/share-3-of-3.txt')), 'friends')
  const typed = ['txt/share-3-of-3.txt', 'txt/share-1-of-3.txt'].map((name) =>
    wordsOf(readFileSync(path(name), 'utf8')).join(' '),
  )
  assert.equal(inUse(open('--share -', typed.join('\n\n'))), 'friends')
  assert.equal(inUse(open('--share - --share txt/share-2-of-3.txt', typed[0])), 'friends')

  const one = open('--share pdf/share-1-of-3.pdf')
  assert.equal(one.status, 2)
  assert.match(one.stderr, /1 of 2 shares are given: set [0-9a-f]{8}/)
  assert.match(open('--share pdf/share-1-of-3.pdf --share txt/share-2-of-3.txt').stderr, /this share is of set/)
  assert.match(open('--share pdf/share-1-of-3.pdf --share pdf/share-1-of-3.pdf').stderr, /share 1 is there already/)
  assert.match(open('--share input', 'nothing of the kind').stderr, /word \d+ is no word of the list: input/)
  assert.match(program.expect(0, 'key', 'list'), /set of shares +admin .*family +2 of 3 shares of set [0-9a-f]{8}/)
})

test('keys that are needed together open together, and none of them alone', (t) => {
  const { program, path, folder, open } = scene(t)
  const add = (flags: string) => program.shell(`cd ${folder}; $HOLDFAST key add ${flags}`)
  const both = add('--all-of --new-key-file stick --label both')
  assert.match(both.stderr, /no terminal to ask on/, 'with one other key a passphrase is asked for')
  assert.match(both.stderr, /hint: set HOLDFAST_NEW_PASSWORD to the new passphrase/)
  assert.ok(!readdirSync(folder).includes('stick'), 'nothing is left of it')
  const added = program.shell(
    `cd ${folder}; HOLDFAST_NEW_PASSWORD=anna $HOLDFAST key add --all-of --new-key-file stick --label both`,
  )
  assert.equal(added.status, 0, added.stderr)
  const two = program.shell(
    `cd ${folder}; HOLDFAST_NEW_PASSWORD=ben $HOLDFAST key add --require 2 --new-key-file second --recovery-sheet sheet.txt --label some`,
  )
  assert.equal(two.status, 0, two.stderr)
  assert.match(readFileSync(path('sheet.txt'), 'utf8'), /together with other keys/)

  const tryWith = (variables: string, flags: string) =>
    program.shell(`cd ${folder}; unset HOLDFAST_PASSWORD; ${variables} $HOLDFAST key list --json ${flags} < /dev/null`)
  assert.equal(inUse(tryWith('HOLDFAST_PASSWORD=anna', '--together --key-file stick')), 'both')
  assert.equal(inUse(tryWith('HOLDFAST_PASSWORD=ben', '--together --key-file second')), 'some')
  assert.equal(inUse(tryWith('HOLDFAST_RECOVERY_WORDS_FILE=sheet.txt', '--together --key-file second')), 'some')
  assert.equal(
    inUse(open('--together --key-file second --recovery-words', readFileSync(path('sheet.txt'), 'utf8'))),
    'some',
  )
  for (const [variables, flags] of [
    ['HOLDFAST_PASSWORD=anna', ''],
    ['', '--key-file stick'],
    ['HOLDFAST_PASSWORD=Anna', '--together --key-file stick'],
    ['HOLDFAST_PASSWORD=anna', '--together --key-file second'],
  ] as const) {
    const run = tryWith(variables, flags)
    assert.notEqual(run.status, 0, `${variables} ${flags}`)
    assert.match(run.stderr, /opens no key slot/)
  }
  assert.match(
    tryWith('HOLDFAST_PASSWORD=anna', '--together').stderr,
    /a passphrase alone is given: --together\n.*besides/,
  )
  assert.match(tryWith('', '--together').stderr, /no credential is given: --together/)
  assert.match(tryWith('', '--key-file stick --tpm').stderr, /two credentials are given.*\n.*--together/)
  assert.match(
    program.expect(0, 'key', 'list'),
    /set of several keys +admin .*both +all of these together, passphrase, key file/,
  )
})

test('shares that cannot all be written leave neither a sheet nor a key', (t) => {
  const { program, path } = scene(t)
  mkdirSync(path('sheets'))
  writeFileSync(path('sheets/share-3-of-5.pdf'), 'something else')
  const run = program.run('key', 'add', '--shares', '3/5', '--sheets', path('sheets'))
  assert.equal(run.status, 11, run.stderr)
  assert.deepEqual(readdirSync(path('sheets')), ['share-3-of-5.pdf'])
  assert.equal(program.expect(0, 'key', 'list').trim().split('\n').length, 2)
})

test('a sheet for which there is no room for a key is removed again', (t) => {
  const { program, path } = scene(t)
  const keys = join(program.repository, 'keys')
  for (let i = 0; i < 64; i++) writeFileSync(join(keys, i.toString(16).padStart(64, '0')), '')
  const run = program.run('key', 'add', '--recovery-sheet', path('safe.pdf'))
  assert.notEqual(run.status, 0)
  assert.match(run.stderr, /key slots/)
  assert.ok(!readdirSync(path('.')).includes('safe.pdf'))
})

test('flags for sheets that make no sense together are refused before anything is written', (t) => {
  const { program, path, folder } = scene(t)
  writeFileSync(path('new'), 'a passphrase')
  const before = readdirSync(folder).sort()
  const refused: readonly (readonly [RegExp, ...string[]])[] = [
    [/a sheet is a \.pdf or a \.txt/, '--recovery-sheet', path('sheet.doc')],
    [/two new keys are given/, '--recovery-sheet', '-', '--shares', '2/3', '--sheets', '-'],
    [/two new keys are given/, '--recovery-sheet', path('a.pdf'), '--new-key-file', path('key')],
    [/the shares need a place/, '--shares', '2/3'],
    [/sheets of nothing/, '--sheets', path('x')],
    [/not of the form 3\/5/, '--shares', 'three'],
    [/one share alone would be the key/, '--shares', '1/3', '--sheets', path('x')],
    [/4 of 3 shares can never/, '--shares', '4/3', '--sheets', path('x')],
    [/255 shares at most/, '--shares', '2/256', '--sheets', path('x')],
    [/for the sheets of shares/, '--recovery-sheet', path('a.pdf'), '--text'],
    [/no sheet to print it on/, '--print-location'],
    [/two kinds of sheets/, '--all-of', '--recovery-sheet', '-', '--shares', '2/3', '--sheets', '-'],
    [/all of them, or some/, '--all-of', '--require', '2', '--new-key-file', path('key')],
    [
      /more are needed than there are/,
      '--require',
      '3',
      '--new-key-file',
      path('key'),
      '--new-password-file',
      path('new'),
    ],
    [/is not a number of keys/, '--require', 'two'],
    [/a sheet is no JSON/, '--recovery-sheet', '-', '--json'],
  ]
  for (const [what, ...flags] of refused) {
    const run = program.run('key', 'add', ...flags)
    assert.equal(run.status, 2, `${flags.join(' ')}: ${run.stderr}`)
    assert.match(run.stderr + run.stdout, what)
  }
  assert.deepEqual(readdirSync(folder).sort(), before)
  assert.match(
    program.run('key', 'list', '--recovery-words', '--tpm').stderr,
    /two credentials are given: --recovery-words and --tpm/,
  )
})

test('words are asked for on a terminal, a slip is told at once, and what is missing is said', async (t) => {
  if (!requireCommand(t, 'script')) return
  const { program, folder, path } = scene(t)
  program.expect(0, 'key', 'add', '--recovery-sheet', path('safe.txt'), '--label', 'safe')
  program.expect(0, 'key', 'add', '--shares', '2/3', '--sheets', path('txt'), '--text', '--label', 'friends')
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, LANG: 'C.UTF-8', HOLDFAST_REPO: program.repository }
  const start = (flag: string) => new TerminalSession(`${program.launcher} key list ${flag}`, folder, env)
  const words = wordsOf(readFileSync(path('safe.txt'), 'utf8'))

  const recovery = start('--recovery-words')
  await recovery.see(/What is typed is not shown/)
  await recovery.see(/Recovery sheet, word 1 of 24: /)
  recovery.type(`${words.slice(0, 6).join(' ')} xabanndon\n`)
  await recovery.see(/word 7 is no word of the list: type it again, and what came after it/)
  await recovery.see(/Recovery sheet, word 7 of 24: /)
  recovery.type(`${words.slice(6).join(' ')}\n`)
  await recovery.see(/ \* .*safe/)
  assert.equal(await recovery.end(), 0)
  for (const typed of [words.slice(0, 3).join(' '), words.slice(6, 9).join(' '), 'xabanndon'])
    assert.ok(!recovery.shown.includes(typed), 'what was typed is not shown, a slip neither')

  const share = (number: number) => wordsOf(readFileSync(path(`txt/share-${number}-of-3.txt`), 'utf8'))
  const shares = start('--share -')
  await shares.see(/Type the words of one share after the other\./)
  await shares.see(/Share, word 1 of 32: /)
  shares.type(`${share(1).join(' ')}\n`)
  await shares.see(/One more share is needed\./)
  await shares.see(/Share, word 1 of 32: /)
  shares.type(`${share(1).join(' ')}\n`)
  await shares.see(/share 1 is there already/)
  await shares.see(/Share, word 1 of 32: /)
  const pasted = share(3)
  shares.type(`${pasted.slice(0, 20).join(' ')}\n${pasted.slice(20, 30).join(' ')}\n${pasted.slice(30).join(' ')}\n`)
  await shares.see(/ \* .*friends/)
  assert.equal(await shares.end(), 0)
  assert.ok(!shares.shown.includes(pasted.slice(20, 24).join(' ')), 'lines that are pasted together neither')

  const begun = start('--share txt/share-2-of-3.txt')
  await begun.see(/One more share is needed\./)
  begun.type(`${share(3).join('\n')}\n`)
  await begun.see(/ \* .*friends/)
  assert.equal(await begun.end(), 0)
})

test('two identities are two of the keys that are needed together, and no passphrase is asked for', (t) => {
  if (!requireCommand(t, 'ssh-keygen')) return
  const { program, folder } = scene(t)
  const shell = (line: string) => program.shell(`cd ${folder}; ${line} < /dev/null`)
  const made = shell(
    `for key in ann ben; do ssh-keygen -q -t ed25519 -N '' -f $key; done; $HOLDFAST key add --all-of --ssh-key ann.pub --ssh-key ben.pub --label two`,
  )
  assert.equal(made.status, 0, made.stderr)
  const listed = shell('unset HOLDFAST_PASSWORD; $HOLDFAST key list --json --together --identity ann --identity ben')
  assert.equal(inUse(listed), 'two')
  assert.notEqual(shell('unset HOLDFAST_PASSWORD; $HOLDFAST snapshots --together --identity ann').status, 0)
})

test('a key file of which no key was made does not stay', (t) => {
  const { program, folder } = scene(t)
  const tried = program.shell(
    `cd ${folder}; rm -r $HOLDFAST_REPO/tmp; touch $HOLDFAST_REPO/tmp; $HOLDFAST key add --new-key-file new.key`,
  )
  assert.notEqual(tried.status, 0)
  assert.ok(!readdirSync(folder).includes('new.key'), tried.stderr)
})
