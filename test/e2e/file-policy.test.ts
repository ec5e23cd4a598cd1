// What is asked for single files: blocks of one size, attributes that are not trusted.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
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
  return { source, backUp, restored }
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
