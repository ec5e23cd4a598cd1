import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { misnamedVariables, VARIABLES } from './environment.ts'

const ROOT = join(import.meta.dirname, '../..')

test('a variable that looks like one of ours is told with the one that was meant', () => {
  const env = {
    HOLDFAST_REPOSITORY: '/mnt/backup',
    HOLDFAST_PASSWRD: 'x',
    HOLDFAST_REPO: '/mnt/backup',
    RESTIC_REPOSITORY: '/mnt/restic',
  }
  assert.deepEqual(misnamedVariables(env), [
    ['HOLDFAST_REPOSITORY', 'HOLDFAST_REPO'],
    ['HOLDFAST_PASSWRD', 'HOLDFAST_PASSWORD'],
  ])
})

test('variables for the tests and the benchmark are taken for none of ours', () => {
  const scripts = ['bench', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(ROOT, folder, name), 'utf8')),
  )
  const names = new Set(scripts.flatMap((text) => text.match(/(?<=env\.|env\[')HOLDFAST_[A-Z0-9_]+/g) ?? []))
  assert.ok(names.has('HOLDFAST_SIM_SEED'))
  assert.deepEqual(misnamedVariables(Object.fromEntries([...names].map((name) => [name, '1']))), [])
})

test('each variable that is read is known, and documented', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'cli/environment.ts')
    .map((name) => readFileSync(join(ROOT, 'src', name), 'utf8'))
  const read = new Set(sources.flatMap((text) => text.match(/HOLDFAST_[A-Z0-9_]*[A-Z0-9]/g) ?? []))
  const documented = readFileSync(join(ROOT, 'docs/config.md'), 'utf8')
  for (const name of read) assert.ok(VARIABLES.includes(name), `${name} is known`)
  for (const name of VARIABLES) assert.ok(documented.includes(`\`${name}\``), `${name} is documented`)
})
