// `backup --compare`: what is stored of a chunk is read back before the chunk is taken for stored.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { BackupError } from '../../src/base/errors.ts'
import { packName } from '../../src/format/names.ts'
import { runBackup } from '../../src/ops/backup/backup.ts'
import { inlineExecutor } from '../../src/ops/backup/executor.ts'
import { ORDINARY } from '../../src/ops/backup/jobs.ts'
import { ignoreEvents } from '../../src/ops/events.ts'
import type { OperationEvent } from '../../src/ops/events.ts'
import { memoryState } from '../../src/repo/local-state.ts'
import { Repository } from '../../src/repo/repository.ts'
import { excludeGlob } from '../../src/source/glob-list.ts'
import type { Store } from '../../src/store/store.ts'
import { HostileWriter } from '../damage/hostile-writer.ts'
import { checked } from '../damage/observation.ts'
import { Passing } from '../../src/store/passing-store.ts'
import { backUp } from '../support/scratch-backup.ts'
import { fileWith, ScratchRepository } from '../support/scratch-repository.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import type { ScriptedFolder } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MIB = 1024 * 1024
const EVERYTHING = { compare: [excludeGlob('*')], changes: { alwaysRead: true } }

async function scene(t: TestContext) {
  const folder = tempFolder(t, 'compare')
  const scratch = await ScratchRepository.create(folder)
  const source = join(folder, 'source')
  mkdirSync(source)
  return { folder, scratch, source }
}

/** Flips a bit in the middle of every block of every data pack that is there. */
async function damageBlocks(scratch: ScratchRepository): Promise<string[]> {
  const { index } = await scratch.open()
  const damaged = new Set<string>()
  for (let i = 0; i < index.blockCount; i++) {
    const { pack, offset, storedLength } = index.block(i)
    if (pack.kind !== 'data') continue
    const file = join(scratch.location, pack.objectName)
    const bytes = readFileSync(file)
    bytes[offset + Math.floor(storedLength / 2)]! ^= 1
    writeFileSync(file, bytes)
    damaged.add(pack.objectName)
  }
  return [...damaged]
}

const FILES: Record<
  string,
  { readonly content: () => Buffer; readonly fixedBlocks?: number; readonly count?: number }
> = {
  'small files in a bundle': { content: () => randomBytes(3000), count: 40 },
  'a file of some chunks': { content: () => randomBytes(5 * MIB) },
  'a large file': { content: () => randomBytes(40 * MIB + 1) },
  'a file in blocks of one size': { content: () => randomBytes(MIB + 77), fixedBlocks: 65_536 },
  'a large file in blocks of one size': { content: () => randomBytes(20 * MIB), fixedBlocks: 1_048_576 },
}

for (const [what, { content, fixedBlocks, count = 1 }] of Object.entries(FILES)) {
  for (const threads of [false, true]) {
    test(`${what}: equal chunks are not stored again, damaged ones are, and later backups rely on those ${threads ? '(threads)' : ''}`, async (t) => {
      const { scratch, source } = await scene(t)
      const expected = Array.from({ length: count }, (_, i) => {
        const bytes = content()
        writeFileSync(join(source, `file ${i}`), bytes)
        return [join(source, `file ${i}`), fileWith(bytes)] as const
      })
      const blocks =
        fixedBlocks === undefined ? {} : { fixedBlocks: [{ size: fixedBlocks, pattern: excludeGlob('*') }] }
      const files = { ...EVERYTHING, ...blocks }
      const first = await backUp(scratch, [source], { files, threads })
      const data = first.body.stats.newBlobs
      const equal = await backUp(scratch, [source], { files, threads, parent: null })
      assert.deepEqual(equal.problems, [])
      assert.equal(equal.body.stats.newBlobs, 0)
      const damaged = await damageBlocks(scratch)
      const again = await backUp(scratch, [source], { files, threads })
      assert.equal(again.body.partial, false)
      assert.ok(again.problems.length > 0)
      for (const problem of again.problems) {
        assert.match(
          problem,
          /^warning corrupt .*\/file \d+: what data\/\S+ holds of it cannot be read .* stored again/,
        )
        assert.ok(damaged.some((name) => problem.includes(name)))
      }
      assert.ok(again.body.stats.newBlobs > 0 && again.body.stats.newBlobs <= data)
      const snapshots = await scratch.readAll(0)
      for (const [path, is] of expected) for (const each of snapshots) assert.equal(each[path], is)
      for (const opts of [{ files: { ...files, compare: [] } }, { files }]) {
        const later = await backUp(scratch, [source], { ...opts, threads, parent: null })
        assert.deepEqual(later.problems, [])
        assert.equal(later.body.stats.newBlobs, 0)
      }
    })
  }
}

test('files of which one chunk comes twice in one run are compared with what this run stores', async (t) => {
  const { scratch, source } = await scene(t)
  const bytes = randomBytes(600_000)
  for (let i = 0; i < 20; i++) writeFileSync(join(source, `${i}`), i % 2 === 0 ? bytes : randomBytes(70_000))
  writeFileSync(join(source, 'large'), Buffer.concat(Array.from({ length: 40 }, () => bytes)))
  for (const threads of [false, true]) {
    const { problems, body } = await backUp(scratch, [source], { files: EVERYTHING, threads, parent: null })
    assert.deepEqual(problems, [])
    assert.equal(body.partial, false)
  }
  for (const content of await scratch.readAll()) assert.equal(content[join(source, '0')], fileWith(bytes))
})

test('only the files that match are compared, and without such files nothing that is stored is read', async (t) => {
  const { scratch, source } = await scene(t)
  for (const name of ['a.db', 'b.txt']) writeFileSync(join(source, name), randomBytes(700_000))
  await backUp(scratch, [source])
  await damageBlocks(scratch)
  const read: string[] = []
  const store = new (class extends Passing {
    override get(...[name, range]: Parameters<Store['get']>): Promise<Uint8Array> {
      if (name.startsWith('data/')) read.push(name)
      return super.get(name, range)
    }
  })(await scratch.store())
  const changes = { alwaysRead: true }
  const none = await backUp(scratch, [source], { store, files: { changes } })
  assert.deepEqual([none.problems, read], [[], []])
  const compare = [excludeGlob('*'), excludeGlob('!*.txt')]
  const some = await backUp(scratch, [source], { store, files: { changes, compare } })
  assert.ok(some.problems.length > 0)
  for (const problem of some.problems) assert.match(problem, /a\.db: /)
})

test('a pack that somebody deletes while the backup runs is noticed', async (t) => {
  const { scratch, source } = await scene(t)
  const bytes = randomBytes(700_000)
  writeFileSync(join(source, 'file'), bytes)
  await backUp(scratch, [source])
  const store = new (class extends Passing {
    override get(...[name, range]: Parameters<Store['get']>): Promise<Uint8Array> {
      if (name.startsWith('data/')) return Promise.reject(new BackupError('not-found', 'reading', name))
      return super.get(name, range)
    }
  })(await scratch.store())
  const { problems, body } = await backUp(scratch, [source], { store, files: EVERYTHING })
  assert.match(problems[0]!, /^warning not-found .*file: /)
  assert.ok(body.stats.newBlobs > 0)
})

test('what another writer has planted under the ref of a chunk is not taken for it', async () => {
  const right = Buffer.from('what the file has '.repeat(50))
  const wrong = Buffer.from('what a liar put there')
  const other = Buffer.from('what only that pack has, and has as it should')
  // Segments are read in the order of their names, which are hashes: either may come first.
  for (let seed = 1; seed <= 6; seed++) {
    const hostile = await HostileWriter.create(seed)
    hostile.block('data', wrong, hostile.ref('data', right))
    const otherRef = hostile.blob('data', other)
    await hostile.flush()
    await hostile.index()
    const [{ hash: planted }] = hostile.packs as [HostileWriter['packs'][number]]
    const name = packName('data', toHex(planted))
    const { made } = hostile
    const taken = await backUpTree(await made.open(), made, { file: right }, false)
    assert.deepEqual(taken.warnings, [])
    await assert.rejects(contentOf(await made.open(), taken.ref), { code: 'corrupt' })
    const compared = await backUpTree(await made.open(), made, { file: right }, true)
    assert.equal(compared.warnings.length, 1)
    assert.ok(compared.warnings[0]!.includes(`what ${name} holds of it has other bytes`), compared.warnings[0])
    assert.deepEqual(Buffer.from(await contentOf(await made.open(), compared.ref)), right)
    assert.deepEqual(Buffer.from(await contentOf(await made.open(), otherRef)), other)
    const later = await backUpTree(await made.open(), made, { file: right }, false)
    assert.equal(later.newBlobs, 0, 'a later backup takes the good copy')
    const check = await checked(await made.open())
    assert.deepEqual(
      [check.damages, check.counts.packsSuperseded],
      [[], 1],
      'the check takes it too: nobody needs the planted pack any more',
    )
  }
})

test('a credential that may not read content cannot compare, and is told so before anything is read or stored', async () => {
  const { made } = await HostileWriter.create()
  const repo = await made.open()
  const [{ dataPrivate: _, ...domain }] = repo.bundle.domains as [Repository['domain']]
  const { store, description, descriptionNumber, bundle } = repo
  const writeOnly = new Repository({
    store,
    description,
    descriptionNumber,
    bundle: { ...bundle, role: 'write', domains: [domain] },
  })
  const before = (await made.objects()).size
  await assert.rejects(backUpTree(writeOnly, made, { file: Buffer.alloc(900, 'x') }, true), {
    code: 'wrong-key',
    message: /comparing with what is stored takes a key that can read files, and this one has the role write/,
  })
  assert.equal((await made.objects()).size, before)
})

interface TreeBackup {
  readonly warnings: readonly string[]
  readonly newBlobs: number
  /** Of the only chunk of `file`. */
  readonly ref: Uint8Array
}

async function backUpTree(
  repo: Repository,
  { clock, random }: HostileWriter['made'],
  tree: ScriptedFolder,
  compares: boolean,
): Promise<TreeBackup> {
  const source = new ScriptedSource(tree, { changes: { alwaysRead: true } })
  const compared = Object.assign(source, { compares, treatment: () => ({ ...ORDINARY, compared: compares }) })
  const warnings: string[] = []
  const onEvent = (event: OperationEvent) => {
    ignoreEvents(event)
    if (event.type === 'warning') warnings.push(event.message)
  }
  const { body } = await runBackup({
    repo,
    source: compared,
    state: memoryState(),
    clock,
    random,
    host: 'host',
    user: 'somebody',
    tool: 'test',
    onEvent,
    makeExecutor: (setup) => inlineExecutor(setup, source),
  })
  const [root] = await entriesOf(repo, body.root, true)
  const [file] = await entriesOf(repo, root!.subtree!.ref, false)
  assert.ok(file?.content?.kind === 'extents')
  return { warnings, newBlobs: body.stats.newBlobs, ref: file.content.extents[0]!.ref! }
}

async function entriesOf(repo: Repository, ref: Uint8Array, root: boolean) {
  const entries = []
  for await (const entry of repo.directoryEntries(ref, root)) entries.push(entry)
  return entries
}

async function contentOf(repo: Repository, ref: Uint8Array): Promise<Uint8Array> {
  await repo.loadIndex()
  return repo.readBlob('data', ref)
}
