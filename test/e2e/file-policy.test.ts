// What is asked for single files: blocks of one size, attributes that are not trusted.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Operator } from '../support/operator.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const BLOCK = 65_536

async function scene(t: TestContext) {
  const folder = tempFolder(t, 'policy')
  const operator = new Operator(folder, await ScratchRepository.create(folder))
  const source = join(operator.home, 'source')
  mkdirSync(source)
  const backUp = (...flags: string[]) => {
    const run = operator.run(['backup', source, '--json', ...flags])
    assert.equal(run.status, 0, run.stderr)
    return JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Record<string, number>
  }
  const restored = (name: string) => {
    const target = join(folder, `restored ${name}`)
    const run = operator.run(['restore', 'latest', '--target', target])
    assert.equal(run.status, 0, run.stderr)
    return readFileSync(join(target, source, name))
  }
  return { folder, operator, source, backUp, restored }
}

test('of an image in which a few blocks change, those blocks are stored, and it comes back bit for bit', async (t) => {
  const { source, backUp, restored } = await scene(t)
  const image = join(source, 'disk.img')
  writeFileSync(image, randomBytes(40 * 1024 * 1024 + 1000))
  backUp('--fixed-blocks', '64k=*.img')
  const fd = openSync(image, 'r+')
  for (const block of [0, 100, 517]) writeSync(fd, randomBytes(8), 0, 8, block * BLOCK + 77)
  closeSync(fd)
  const { new_bytes: bytes } = backUp('--fixed-blocks', '64k=*.img')
  // Three blocks and a few kilobytes of tree.
  assert.ok(bytes! >= 3 * BLOCK && bytes! < 4 * BLOCK, `${bytes} bytes are new`)
  assert.ok(restored('disk.img').equals(readFileSync(image)))
})

test('a file whose times lie is read again where a pattern says so, and nowhere else', async (t) => {
  const { source, backUp, restored } = await scene(t)
  const files = ['a.db', 'a.txt'].map((name) => join(source, name))
  const write = (text: string) => {
    for (const file of files) {
      writeFileSync(file, text)
      utimesSync(file, 1_000_000, 1_000_000)
    }
  }
  write('one')
  backUp()
  write('two')
  // The size and mtime are those of before; ctime is left out so that they are believed.
  const flags = ['--ignore-ctime', '--distrust', 'all=*.db']
  assert.equal(statSync(files[0]!).mtimeMs, 1_000_000_000)
  backUp(...flags)
  assert.deepEqual([restored('a.db').toString(), restored('a.txt').toString()], ['two', 'one'])
})

test('a file that the configuration says is compared is stored again where the store has it damaged, and comes back', async (t) => {
  const { folder, operator, source, backUp, restored } = await scene(t)
  const contents = { 'a.db': randomBytes(700_000), 'b.txt': randomBytes(800_000) }
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(source, name), bytes)
  backUp()
  const config = join(folder, 'config.toml')
  writeFileSync(config, 'compare = ["*.db"]\ndistrust = ["all=*.db"]\n')
  assert.equal(backUp('--config', config)['new_bytes'], 0)
  for (const pack of packsIn(join(folder, 'repository', 'data'))) {
    const bytes = readFileSync(pack)
    // Both files lie in it, the first one first.
    bytes[350_000]! ^= 1
    writeFileSync(pack, bytes)
  }
  const run = operator.run(['backup', source, '--config', config])
  assert.equal(run.status, 0, run.stderr)
  assert.doesNotMatch(run.stderr, /b\.txt$/m)
  assert.match(
    run.stderr,
    /what data\/\S+ holds of it cannot be read \(sealed part is not authentic.*stored again.*check --read-data`: .*a\.db$/m,
  )
  const whole = operator.run(['cat', 'latest:source/a.db'])
  assert.equal(whole.status, 0, whole.stderr)
  // What else that pack held is stored again by the next backup, compared or not.
  backUp()
  for (const [name, bytes] of Object.entries(contents)) assert.ok(restored(name).equals(bytes), name)
  const refused = operator.run(['backup', source, '--compare', ''])
  assert.equal(refused.status, 2, refused.stderr)
})

function packsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}
