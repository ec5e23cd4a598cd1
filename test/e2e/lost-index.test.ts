// Packs that are whole while the index that named them is lost.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { secureRandom } from '../../src/base/random.ts'
import { Program } from '../support/program.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('check never says that no snapshot needs packs of no index while something is missing', (t) => {
  const { program } = backedUp(t)
  rmSync(join(program.repository, 'index'), { recursive: true })
  rmSync(objectsIn(join(program.repository, 'data'))[0]!)
  const { status, stdout } = program.run('check')
  assert.equal(status, 4)
  assert.match(stdout, /^1 pack in no index: they may hold what is missing, so keep them$/m)
  assert.doesNotMatch(stdout, /no snapshot needs/)
})

function backedUp(t: TestContext) {
  const folder = tempFolder(t, 'lost-index')
  const program = new Program(folder)
  const source = join(folder, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  const files = { large: secureRandom(3_000_000), 'sub/one': secureRandom(5000), 'sub/two': secureRandom(70_000) }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(source, name), bytes)
  program.expect(0, 'init')
  program.expect(0, 'backup', source)
  return { folder, program, source, files }
}

function objectsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}
