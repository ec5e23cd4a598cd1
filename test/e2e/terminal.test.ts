// What a person at a terminal meets: questions, the progress line, Ctrl-C.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CHEAP_PASSPHRASES } from '../support/cheap-passphrases.ts'
import { COMPILED } from '../support/compiled.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { TerminalSession } from '../support/terminal.ts'

const CHECKOUT = dirname(dirname(import.meta.dirname))
const ESC = '\x1b'
const HIDE_CURSOR = `${ESC}[?25l`
const SHOW_CURSOR = `${ESC}[?25h`
const LAUNCHER = join(CHECKOUT, 'holdfast')

interface Person {
  readonly home: string
  readonly env: Record<string, string>
  /** Runs a line of shell on a terminal. */
  start(line: string): TerminalSession
}

function person(t: TestContext): Person | undefined {
  if (!requireCommand(t, 'script')) return undefined
  const home = tempFolder(t, 'terminal')
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    LANG: 'C.UTF-8',
    NODE_COMPILE_CACHE: COMPILED,
    ...CHEAP_PASSPHRASES,
  }
  mkdirSync(join(home, 'photos'))
  writeFileSync(join(home, 'photos/a.raw'), 'a photo')
  return { home, env, start: (line) => new TerminalSession(line, home, env) }
}

test('the first backup asks twice for a passphrase, hides it, and says how to restore', async (t) => {
  const someone = person(t)
  if (someone === undefined) return
  const session = someone.start(`${LAUNCHER} backup photos; code=$?; stty -a; exit $code`)
  await session.see(/creating an encrypted one in .*\/\.local\/share\/holdfast\/repository/)
  await session.see(/New passphrase for the new repository: /)
  session.type('first try\n')
  await session.see(/The same again: /)
  session.type('secon')
  session.type('\x7f\x7f\x7f\x7f\x7fother\n')
  await session.see(/The two differ\./)
  await session.see(/New passphrase for the new repository: /)
  session.type('corréct hórse\n')
  await session.see(/The same again: /)
  session.type('corréct hórse\n')
  await session.see(/Keep the passphrase where this machine cannot lose it/)
  await session.see(/snapshot [0-9a-f]{10} of .*photos/)
  await session.see(/restore it with: (.*) --target restored/)
  await session.see(/on the same disk/)
  assert.equal(await session.end(), 0)
  for (const typed of ['first try', 'secon', 'corréct'])
    assert(!session.shown.includes(typed), 'what was typed is not shown')
  assert.match(session.shown, / echo /, 'the terminal shows again what is typed')
  assert.match(session.shown, / icanon /)

  const command = /restore it with: (.*)\r/.exec(session.shown)![1]!
  const env = { ...someone.env, HOLDFAST_PASSWORD: 'corréct hórse' }
  const run = spawnSync('sh', ['-c', command], { cwd: someone.home, env, encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  assert.equal(readFileSync(join(someone.home, 'restored', someone.home, 'photos/a.raw'), 'utf8'), 'a photo')
})

test('a wrong passphrase may be typed again, three times in all', async (t) => {
  const someone = person(t)
  if (someone === undefined) return
  const made = spawnSync(LAUNCHER, ['backup', 'photos'], {
    cwd: someone.home,
    env: { ...someone.env, HOLDFAST_PASSWORD: 'right' },
  })
  assert.equal(made.status, 0)
  const type = async (session: TerminalSession, ...passphrases: string[]) => {
    for (const [at, passphrase] of passphrases.entries()) {
      if (at > 0) await session.see(/This passphrase does not open it\./)
      await session.see(/Passphrase for .*\/repository: /)
      session.type(`${passphrase}\n`)
    }
  }
  for (const command of ['snapshots', 'key list']) {
    const third = someone.start(`${LAUNCHER} ${command}`)
    await type(third, 'wrong', 'false', 'right')
    assert.equal(await third.end(), 0, third.shown)
  }
  const never = someone.start(`${LAUNCHER} snapshots`)
  await type(never, 'wrong', 'false', 'untrue')
  await never.see(/the passphrase opens no key slot \(1 tried\)/)
  assert.equal(await never.end(), 5)
})

test('Ctrl-C at a question ends with 130 and gives the terminal back', async (t) => {
  const session = person(t)?.start(`${LAUNCHER} backup photos; code=$?; stty -a; exit $code`)
  if (session === undefined) return
  await session.see(/New passphrase/)
  session.type('half a pass\x03')
  await session.see(/no passphrase was given/)
  assert.equal(await session.end(), 130)
  assert.match(session.shown, / echo /)
})

test('progress is drawn on a terminal, removed at the end, and not drawn on request', async (t) => {
  const someone = person(t)
  if (someone === undefined) return
  writeFileSync(join(someone.home, 'photos/large'), randomBytes(150_000_000))
  const withProgress = someone.start(`HOLDFAST_PASSWORD=x ${LAUNCHER} backup photos`)
  await withProgress.see(/snapshot [0-9a-f]{10}/)
  assert.equal(await withProgress.end(), 0)
  assert(withProgress.shown.includes(`${HIDE_CURSOR}\r${ESC}[Kbacking up  `), JSON.stringify(withProgress.shown))
  assert.match(
    withProgress.shown,
    / files {2}[\d.]+ (B|[KM]iB)\/143 MiB {2}\d+%/,
    'also of a first backup it is known how much there is',
  )
  const [hidden, given] = [withProgress.shown.lastIndexOf(HIDE_CURSOR), withProgress.shown.lastIndexOf(SHOW_CURSOR)]
  assert(given > hidden, 'the cursor is given back')
  const without = someone.start(`HOLDFAST_PASSWORD=x ${LAUNCHER} backup photos --reread --no-progress`)
  await without.see(/snapshot [0-9a-f]{10}/)
  assert.equal(await without.end(), 0)
  assert(!without.shown.includes('\x1b['), JSON.stringify(without.shown))
})

test('Ctrl-C stops a backup cleanly: 130, the cursor back, and the next one is complete', async (t) => {
  const someone = person(t)
  if (someone === undefined) return
  for (let at = 0; at < 8; at++) writeFileSync(join(someone.home, `photos/large${at}`), randomBytes(40_000_000))
  const session = someone.start(`HOLDFAST_PASSWORD=x ${LAUNCHER} backup photos`)
  await session.see(/\[Kbacking up/)
  session.type('\x03')
  await session.see(/stopping; what is stored stays/)
  assert.equal(await session.end(), 130)
  assert(session.shown.lastIndexOf(SHOW_CURSOR) > session.shown.lastIndexOf(HIDE_CURSOR))
  const again = spawnSync(LAUNCHER, ['backup', 'photos', '--json'], {
    cwd: someone.home,
    env: { ...someone.env, HOLDFAST_PASSWORD: 'x' },
    encoding: 'utf8',
  })
  assert.equal(again.status, 0, again.stderr)
  const { files, partial } = JSON.parse(again.stdout.trim().split('\n').at(-1)!)
  assert.deepEqual({ files, partial }, { files: 9, partial: false })
})

test('names on the terminal are escaped wherever they appear', async (t) => {
  const someone = person(t)
  if (someone === undefined) return
  const name = 'evil\x1b]0;owned\x07\u202e\n.raw'
  writeFileSync(join(someone.home, 'photos', name), 'x')
  const line = [
    'backup photos -v',
    'ls latest:photos',
    "find '*evil*'",
    'restore latest -t out -v',
    `cat 'latest:${name}x'`,
  ]
    .map((command) => `${LAUNCHER} ${command}`)
    .join('; ')
  const session = someone.start(`export HOLDFAST_PASSWORD=x; ${line}; true`)
  assert.equal(await session.end(), 0)
  assert(existsSync(join(someone.home, 'out', someone.home, 'photos', name)))
  assert(!session.shown.includes('\x1b]0;owned'))
  assert(!session.shown.includes('\u202e'))
  assert(session.shown.split('evil\\e]0;owned\\x07\\u202e\\n.raw').length >= 6, session.shown)
})
