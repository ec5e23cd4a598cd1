// The completion scripts, in the shells they are for.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { completionScript, type Shell } from '../../src/cli/completion.ts'
import { commands } from '../../src/cli/app.ts'
import { requireCommand } from '../support/requirements.ts'
import { tempFolder } from '../support/temp-folder.ts'

/** What a person typed, and what the shell must offer for the last word among other things, or must not. */
const CASES: { typed: string; offers: string[]; never?: string[] }[] = [
  { typed: 'holdfast ba', offers: ['backup'], never: ['restore'] },
  { typed: 'holdfast ', offers: ['backup', 'restore', 'key', 'completion'] },
  { typed: 'holdfast --repo /mnt res', offers: ['restore'] },
  { typed: 'holdfast key ', offers: ['list', 'add', 'remove', 'passwd'], never: ['backup'] },
  { typed: 'holdfast --json key a', offers: ['add'] },
  { typed: 'holdfast key add --new', offers: ['--new-key-file', '--new-password-file'], never: ['--exclude'] },
  { typed: 'holdfast backup --exclude-', offers: ['--exclude-caches', '--exclude-if-present'], never: ['--target'] },
  { typed: 'holdfast restore latest --sparse ', offers: ['recorded', 'zeros', 'none'], never: ['folder one'] },
  { typed: 'holdfast completion ', offers: ['bash', 'zsh', 'fish'] },
  { typed: 'holdfast ls --js', offers: ['--json'] },
  { typed: 'holdfast backup fol', offers: ['folder one'] },
  { typed: 'holdfast --key-file fi', offers: ['file.key'] },
  { typed: 'holdfast restore latest --target f', offers: ['folder one'], never: ['file.key'] },
]

function sandbox(t: TestContext, shell: Shell): string {
  const folder = tempFolder(t, 'completion')
  writeFileSync(join(folder, 'script'), completionScript(shell, commands))
  mkdirSync(join(folder, 'folder one'))
  writeFileSync(join(folder, 'file.key'), '')
  return folder
}

function offered(program: string, args: string[], cwd: string): string[] {
  const run = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, HOME: cwd, TERM: 'dumb' },
  })
  assert.equal(run.status, 0, `${run.stderr}\n${run.stdout}`)
  assert.equal(run.stderr, '')
  return run.stdout.split('\n').map((line) => line.trim().replace(/[/\\]/g, ''))
}

function assertOffers(words: string[], { typed, offers, never = [] }: (typeof CASES)[number]): void {
  for (const word of offers) assert(words.includes(word), `\`${typed}\` offers ${word} among ${words.join(', ')}`)
  for (const word of never) assert(!words.includes(word), `\`${typed}\` does not offer ${word}`)
}

test('bash completes commands, flags, values and files', (t) => {
  const folder = sandbox(t, 'bash')
  for (const each of CASES) {
    const words = each.typed.split(' ')
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`
    const show = 'printf "%s\\n" "${COMPREPLY[@]}"'
    assertOffers(offered('bash', ['--norc', '-c', `source ./script; ${set}; _holdfast; ${show}`], folder), each)
  }
})

// Completing in zsh needs a terminal and its own timing, which no test has driven reliably: it reads the script here.
test('zsh reads the completion script', (t) => {
  if (!requireCommand(t, 'zsh')) return
  const folder = sandbox(t, 'zsh')
  const read = 'autoload -Uz compinit && compinit -u -D; source ./script; whence -w _holdfast'
  assert.deepEqual(offered('zsh', ['-f', '-c', read], folder).join('').trim(), '_holdfast: function')
})

test('fish completes commands, flags, values and files', (t) => {
  if (!requireCommand(t, 'fish')) return
  const folder = sandbox(t, 'fish')
  for (const each of CASES) {
    const lines = offered('fish', ['--no-config', '-c', `source ./script; complete -C '${each.typed}'`], folder)
    assertOffers(
      lines.map((line) => line.split('\t')[0]!),
      each,
    )
  }
})
