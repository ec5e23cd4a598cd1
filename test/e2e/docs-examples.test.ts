// The commands that the documents show are run, in the order in which they are shown, in a home folder with a few files.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { CHEAP_PASSPHRASES } from '../support/cheap-passphrases.ts'
import { COMPILED } from '../support/compiled.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHECKOUT = dirname(dirname(import.meta.dirname))
/** Each document is one story; its blocks share a shell, so that variables live on. */
const DOCUMENTS = ['README.md', 'docs/commands.md', 'docs/exit-codes.md', 'docs/json.md']

/** The fenced blocks marked `sh`. */
function shellBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!)
}

/** A home with photos, documents and the program; `./holdfast` works in it as in a checkout. */
function sampleHome(folder: string): string {
  const home = join(folder, 'home')
  for (const each of ['photos/2026', 'work/build', 'disk', 'bin']) mkdirSync(join(home, each), { recursive: true })
  for (let at = 0; at < 3; at++) writeFileSync(join(home, 'photos/2026', `img${at}.raw`), Buffer.alloc(200_000, at))
  writeFileSync(join(home, 'work/report.odt'), 'a report')
  writeFileSync(join(home, 'work/notes.txt'), 'some notes\n')
  writeFileSync(join(home, 'work/build/out.tmp'), 'not worth keeping')
  symlinkSync(join(CHECKOUT, 'holdfast'), join(home, 'bin/holdfast'))
  symlinkSync(join(CHECKOUT, 'holdfast'), join(home, 'holdfast'))
  return home
}

for (const document of DOCUMENTS) {
  test(`the commands in ${document} work as shown`, (t) => {
    const blocks = shellBlocks(readFileSync(join(CHECKOUT, document), 'utf8'))
    assert(blocks.length > 0, 'it shows commands')
    const home = sampleHome(tempFolder(t, 'docs'))
    const env = {
      PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
      HOME: home,
      LANG: 'C.UTF-8',
      HOLDFAST_PASSWORD: 'correct horse battery staple',
      NODE_COMPILE_CACHE: COMPILED,
      ...(document === 'README.md' ? {} : CHEAP_PASSPHRASES), // the first story is all real
    }
    // Pages that are no story of their own begin where a backup was made.
    const begin = document.startsWith('docs/') && document !== 'docs/commands.md' ? 'holdfast backup ~/work >&2' : ''
    const script = [
      'set -eu -o pipefail',
      begin,
      ...blocks.map((block) => `set -x\n${block}{ set +x; } 2> /dev/null`),
    ].join('\n')
    const run = spawnSync('bash', ['-c', script], { cwd: home, env, encoding: 'utf8', timeout: 300_000 })
    assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`)
  })
}

test('every command has its place in docs/commands.md', async () => {
  const { commands } = await import('../../src/cli/app.ts')
  const page = readFileSync(join(CHECKOUT, 'docs/commands.md'), 'utf8')
  const shown = shellBlocks(page).join('')
  for (const { words } of commands) assert.match(shown, new RegExp(`\\bholdfast ${words.name}\\b`), words.name)
})

test('docs/exit-codes.md says what the table of exit codes says', async () => {
  const { EXIT_MEANINGS } = await import('../../src/cli/exit-codes.ts')
  const page = readFileSync(join(CHECKOUT, 'docs/exit-codes.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (\d+) \| (.*?) \| ?(.*?) ?\|$/gm)].map(([, code, meaning, next]) => [
    Number(code),
    meaning,
    next,
  ])
  const table = EXIT_MEANINGS.map(({ code, meaning, next }) => [code, meaning.replaceAll('|', '\\|'), next])
  assert.deepEqual(rows, table)
})

test('docs/config.md lists exactly the keys that a configuration may have', async () => {
  const { CONFIG_KEYS } = await import('../../src/cli/config.ts')
  const page = readFileSync(join(CHECKOUT, 'docs/config.md'), 'utf8')
  const listed = [...page.matchAll(/^\| `([a-z0-9-]+)` \| .* \| (?:top|set).*\|$/gm)].map((match) => match[1]!)
  assert.deepEqual(listed.toSorted(), CONFIG_KEYS.filter((key) => key !== 'set').toSorted())
})
