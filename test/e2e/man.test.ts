// Manual pages are made from the commands; groff says whether they are good roff, and every command has one.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { commands } from '../../src/cli/app.ts'
import { flagParts, globalFlagParts } from '../../src/cli/command-parts.ts'
import { manPages } from '../../src/cli/man.ts'
import { VERSION } from '../../src/cli/version.ts'
import { requireCommand } from '../support/requirements.ts'

const pages = manPages(commands, VERSION)

test('every command has a page that names all its flags and examples', () => {
  assert.equal(pages.length, commands.length + 1)
  for (const { words, parameters } of commands) {
    const page = pages.find(({ fileName }) => fileName === `holdfast-${words.name.replace(' ', '-')}.1`)
    assert(page !== undefined, words.name)
    for (const { name } of flagParts(parameters))
      assert(page.roff.includes(`\\-\\-${name.replaceAll('-', '\\-')}`), name)
    assert.equal(page.roff.split('\n').filter((line) => line === '.nf').length, words.examples.length)
  }
})

test('every example uses flags that exist', () => {
  const globals = globalFlagParts()
  for (const { words, parameters } of commands) {
    assert(words.examples.length > 0, words.name)
    for (const { command } of words.examples) {
      const own = command.split(/[|;&]|<\(/).find((part) => part.includes(`holdfast ${words.name}`))
      assert(own !== undefined, command)
      const unquoted = own.replaceAll(/'[^']*'|"[^"]*"/g, '')
      for (const [, long, short] of unquoted.matchAll(/ (?:--([a-z-]+)|-([a-zA-Z]))\b/g)) {
        const known = [...globals, ...flagParts(parameters)].some(({ name, alias }) => name === long || alias === short)
        assert(known, `${command}: ${long ?? short}`)
      }
    }
  }
})

test('groff formats every page without a warning', (t) => {
  if (!requireCommand(t, 'groff')) return
  for (const { fileName, roff } of pages) {
    const run = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou', '-rLL=200n'], { input: roff, encoding: 'utf8' })
    assert.equal(run.status, 0, fileName)
    assert.equal(run.stderr, '', fileName)
    assert.match(run.stdout, /NAME/)
  }
})

test('an example comes out of the page as it has to be typed', (t) => {
  if (!requireCommand(t, 'groff')) return
  for (const { words } of commands) {
    const roff = pages.find(({ fileName }) => fileName === `holdfast-${words.name.replace(' ', '-')}.1`)!.roff
    const run = spawnSync('groff', ['-man', '-Tascii', '-P-cbou', '-rLL=300n'], { input: roff, encoding: 'utf8' })
    const shown = run.stdout.replaceAll(/\s+/g, ' ')
    for (const { command } of words.examples) assert(shown.includes(command), `${words.name}: ${command}`)
  }
})
