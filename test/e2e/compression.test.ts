// How files are compressed: by rules, down to the codec of each block, and back.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { textOfBytes } from '../../src/cli/native-text.ts'
import type { Entry } from '../../src/format/entry-model.ts'
import { listTree } from '../../src/ops/ls.ts'
import { Operator } from '../support/operator.ts'
import { requireLinux } from '../support/requirements.ts'
import { ScratchRepository } from '../support/scratch-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CODECS = ['stored', 'zstd', 'LZ4', 'xz']
const MIB = 1024 * 1024

/** Text that compresses, and is another one for each name. */
function textFor(name: string, length: number): Buffer {
  const words = Array.from({ length: Math.ceil(length / 8) }, (_, i) => `${name} ${i % 97} ${(i * 31) % 1009}\n`)
  return Buffer.from(words.join('')).subarray(0, length)
}

async function scene(t: TestContext, files: Readonly<Record<string, Buffer>>) {
  const folder = tempFolder(t, 'compression')
  const scratch = await ScratchRepository.create(folder)
  const operator = new Operator(folder, scratch)
  const source = join(operator.home, 'source')
  mkdirSync(source)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(source, name), content)
  const backUp = (...flags: string[]) => operator.run(['backup', source, ...flags])
  return { folder, scratch, operator, source, backUp }
}

/** The codecs of the blocks that the content of each file lies in, by name, and that of the directories. */
async function codecsOf(scratch: ScratchRepository): Promise<Record<string, string>> {
  const repository = await scratch.open()
  const { body } = (await repository.snapshots()).at(-1)!
  const entries: Entry[] = []
  await listTree({
    reader: repository,
    root: body.root,
    path: new Uint8Array(0),
    recursive: true,
    onEntry: (_path, entry) => entries.push(structuredClone(entry)),
  })
  const codecs: Record<string, string> = { '/': CODECS[repository.locate('tree', body.root)!.block.codec]! }
  for (const { name, kind, content } of entries) {
    if (kind !== 'file' || content === undefined) continue
    const found = new Set<string>()
    for await (const { ref } of repository.resolveContent(content)) {
      found.add(CODECS[repository.locate('data', ref!)!.block.codec]!)
    }
    codecs[textOfBytes(name)] = [...found].join(' and ')
  }
  return codecs
}

test('each file is compressed by its rule, small ones that alternate too, and all come back', async (t) => {
  if (!requireLinux(t)) return
  const files: Record<string, Buffer> = {
    'large.iso': textFor('iso', 20 * MIB),
    'large.log': textFor('log', 3 * MIB),
    'disk.img': textFor('img', 18 * MIB),
  }
  const endings = ['iso', 'log', 'img', 'txt']
  for (let i = 0; i < 200; i++) files[`small ${i}.${endings[i % 4]}`] = textFor(`small ${i}`, 600 + i * 200)
  const { scratch, operator, source, folder, backUp } = await scene(t, files)
  const rules = ['zstd:5', 'none=*.iso', 'lz4=*.img', 'xz:1,min=20k=*.log']
  const run = backUp(...rules.flatMap((rule) => ['--compression', rule]), '--fixed-blocks', '64k=disk.img')
  assert.equal(run.status, 0, run.stderr)
  const expected: Record<string, string> = { '/': 'zstd' }
  for (const [name, content] of Object.entries(files)) {
    const long = content.length >= 20 * 1024
    const byEnding: Record<string, string> = { iso: 'stored', img: 'LZ4', log: long ? 'xz' : 'zstd', txt: 'zstd' }
    expected[name] = byEnding[name.slice(-3)]!
  }
  assert.deepEqual(sorted(await codecsOf(scratch)), sorted(expected))

  const target = join(folder, 'restored')
  assert.equal(operator.run(['restore', 'latest', '--target', target]).status, 0)
  assert.deepEqual(readdirSync(join(target, source)).toSorted(), Object.keys(files).toSorted())
  for (const [name, content] of Object.entries(files)) {
    assert.ok(readFileSync(join(target, source, name)).equals(content), name)
  }
  const checked = operator.run(['check', '--read-data'])
  assert.equal(checked.status, 0, checked.stderr)
})

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

test('none stores directories too, and without a word zstd is used', async (t) => {
  const { scratch, backUp, source } = await scene(t, { a: textFor('a', 5000) })
  backUp('--compression', 'none')
  assert.deepEqual(await codecsOf(scratch), { '/': 'stored', a: 'stored' })
  writeFileSync(join(source, 'b'), textFor('b', 5000))
  backUp()
  // What is stored already stays as it is.
  assert.deepEqual(await codecsOf(scratch), { '/': 'zstd', a: 'stored', b: 'zstd' })
})

test('rules stand in the configuration, and the command line comes after it', async (t) => {
  const files = { 'a.txt': textFor('a', 5000), 'b.txt': textFor('b', 5000), c: textFor('c', 5000) }
  const { scratch, operator, source, folder } = await scene(t, files)
  const config = join(folder, 'config.toml')
  writeFileSync(
    config,
    `compression = "none"\n[set.all]\npaths = [${JSON.stringify(source)}]\ncompression = ["lz4=*.txt"]\n`,
  )
  const run = operator.run(['--config', config, 'backup', '--set', 'all', '--compression', 'zstd=b.*'])
  assert.equal(run.status, 0, run.stderr)
  assert.deepEqual(await codecsOf(scratch), { '/': 'stored', 'a.txt': 'LZ4', 'b.txt': 'zstd', c: 'stored' })
})

test('a wrong rule is a usage error that names it', async (t) => {
  const { backUp } = await scene(t, {})
  const run = backUp('--compression', 'gzip=*.log')
  assert.equal(run.status, 2)
  assert.match(run.stderr, /methods are none, lz4, zstd:LEVEL, xz:LEVEL and auto: gzip=\*\.log/)
})
