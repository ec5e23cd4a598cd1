// A pack that somebody has deleted: the next backup says so and stores again what it held.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

for (const options of [[], ['--reread'], ['--parent', 'none']]) {
  test(`after a data pack was deleted ${['backup', ...options].join(' ')} stores again what it held`, (t) => {
    const folder = tempFolder(t, 'missing-pack')
    const program = new Program(folder)
    const source = join(folder, 'source')
    mkdirSync(join(source, 'sub'), { recursive: true })
    const files = { large: secureRandom(3_000_000), 'sub/one': secureRandom(5000), 'sub/two': secureRandom(70_000) }
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(source, name), bytes)
    program.expect(0, 'init')
    program.expect(0, 'backup', source)
    const packs = objectsIn(join(program.repository, 'data'))
    assert.equal(packs.length, 1)
    rmSync(packs[0]!)
    const again = program.run('backup', ...options, source)
    assert.equal(again.status, 0, again.stderr)
    assert.match(again.stderr, /1 pack that the index names is missing .* stored again .* `holdfast check`/)
    const target = join(folder, 'restored')
    program.expect(0, 'restore', 'latest', '--target', target)
    for (const [name, bytes] of Object.entries(files)) {
      assert.ok(readFileSync(join(target, source, name)).equals(bytes), name)
    }
    assert.equal(objectsIn(join(program.repository, 'data')).length, 1)
    program.expect(0, 'backup', source)
    assert.equal(objectsIn(join(program.repository, 'data')).length, 1, 'it is stored again once')
  })
}

function objectsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}
