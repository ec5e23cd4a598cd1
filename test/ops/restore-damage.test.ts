// A damaged repository: what cannot be restored is named, everything else is restored, and no file ever has content that
// it did not have.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BackupError } from '../../src/base/errors.ts'
import { secureRandom, seededRng } from '../../src/base/random.ts'
import { PREFIXES } from '../../src/format/names.ts'
import { listAll } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { backedUp, restored, troublesOf } from '../support/restoring.ts'
import type { Backed } from '../support/restoring.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Scene extends Backed {
  readonly source: string
  readonly target: string
}

async function scene(t: TestContext, fill: (source: string) => void, packSize?: number): Promise<Scene> {
  const folder = tempFolder(t, 'damage')
  const source = join(folder, 'source')
  mkdirSync(source)
  fill(source)
  return {
    ...(await backedUp(source, packSize === undefined ? {} : { packSize })),
    source,
    target: join(folder, 'target'),
  }
}

async function names(store: Store, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { name } of listAll(store, prefix)) found.push(name)
  return found
}

async function change({ store }: Backed, name: string, how: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  store.damage(name, how(await store.get(name)))
}

const flip = (at: number) => (bytes: Uint8Array) => bytes.with(at, bytes[at]! ^ 0x10)

const FILES = 20
/** Less than the smallest chunk, so each is one blob; some of them make a block. */
const FILE_SIZE = 250_000
const PER_BLOCK_MAX = 9

function fill(source: string): void {
  mkdirSync(join(source, 'sub'))
  for (let i = 0; i < FILES; i++) {
    writeFileSync(join(source, i % 2 === 0 ? 'sub' : '', `file-${i}`), secureRandom(FILE_SIZE))
  }
  writeFileSync(join(source, 'empty'), '')
}

/** Whatever is in the target is in the source, byte for byte; gives the paths that are missing. */
function missingOf(source: string, target: string): string[] {
  const missing: string[] = []
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true, encoding: 'utf8' })) {
    if (!entry.isFile()) continue
    const from = join(entry.parentPath, entry.name)
    const to = join(target, from.slice(source.length))
    if (!existsSync(to)) missing.push(from)
    else assert.ok(readFileSync(to).equals(readFileSync(from)), `${to} has content that it never had`)
  }
  const known = new Set(namesIn(source))
  assert.deepEqual(
    namesIn(target).filter((name) => !known.has(name)),
    [],
  )
  return missing.sort()
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
}

for (const threads of [0, 2]) {
  test(`a flipped bit anywhere in a data pack costs the files it is in and no others (${threads} threads)`, async (t) => {
    const s = await scene(t, fill)
    const [pack] = await names(s.store, PREFIXES.data)
    const good = await s.store.get(pack!)
    const rng = seededRng(7)
    let hurt = 0
    // One thread pool for each restore: fewer of them.
    for (let i = 0; i < (threads === 0 ? 40 : 6); i++) {
      const at = Math.floor(rng() * FILES * FILE_SIZE)
      s.store.damage(pack!, flip(at)(good))
      rmSync(s.target, { recursive: true, force: true })
      const { repo, root, source, target } = s
      const result = await restored({ repo, root }, source, target, { threads })
      const missing = missingOf(source, target)
      assert.deepEqual(
        troublesOf(result),
        missing.map((path) => `corrupt ${path}`),
        `bit at ${at}`,
      )
      assert.equal(result.partial, missing.length > 0)
      assert.ok(missing.length <= PER_BLOCK_MAX)
      if (missing.length > 0) hurt++
    }
    assert.ok(hurt > 3, `${hurt} of the flips hit a file`)
  })
}

test('a file whose new content is damaged stays as it was', async (t) => {
  const s = await scene(t, fill)
  const [pack] = await names(s.store, PREFIXES.data)
  await change(s, pack!, (bytes) => bytes.fill(0, 8, FILE_SIZE))
  mkdirSync(s.target)
  const topmost = namesIn(s.source).filter((name) => name.startsWith('file-'))
  for (const name of topmost) writeFileSync(join(s.target, name), 'what was there')
  const result = await restored(s, s.source, s.target)
  const left = topmost.filter((name) => readFileSync(join(s.target, name), 'utf8') === 'what was there')
  assert.ok(left.length > 0)
  for (const name of left) assert.ok(troublesOf(result).includes(`corrupt ${join(s.source, name)}`))
  assert.deepEqual(
    readdirSync(s.target).filter((name) => name.includes('holdfast')),
    [],
  )
})

test('a pack that is cut short costs what was behind the cut', async (t) => {
  const s = await scene(t, fill)
  const [pack] = await names(s.store, PREFIXES.data)
  await change(s, pack!, (bytes) => bytes.slice(0, (FILES * FILE_SIZE) / 2))
  const result = await restored(s, s.source, s.target)
  const missing = missingOf(s.source, s.target)
  assert.deepEqual(
    troublesOf(result),
    missing.map((path) => `corrupt ${path}`),
  )
  assert.ok(missing.length >= FILES / 2 && missing.length <= FILES / 2 + PER_BLOCK_MAX, `${missing.length} missing`)
})

test('a pack that is gone costs the files in it, and no others', async (t) => {
  const s = await scene(t, fill)
  const [pack] = await names(s.store, PREFIXES.data)
  await s.store.delete(pack!)
  const result = await restored(s, s.source, s.target)
  assert.equal(result.troubleCount, FILES)
  assert.ok(result.troubles.every(({ code }) => code === 'corrupt'))
  assert.equal(readFileSync(join(s.target, 'empty'), 'utf8'), '')
})

/** A second snapshot whose root is new and whose folder `sub` is that of the first. */
async function secondSnapshot(s: Scene): Promise<{ firstMeta: string; root: Uint8Array }> {
  const [firstMeta] = await names(s.store, PREFIXES.meta)
  writeFileSync(join(s.source, 'new'), 'new')
  const root = await s.again(s.source)
  return { firstMeta: firstMeta!, root }
}

test('a folder whose node is damaged is named, made, and its content is missing; nothing in it is deleted', async (t) => {
  const s = await scene(t, fill)
  const { firstMeta, root } = await secondSnapshot(s)
  await change(s, firstMeta, flip(200))
  const repo = await s.open()
  await repo.loadIndex()
  mkdirSync(join(s.target, 'sub'), { recursive: true })
  writeFileSync(join(s.target, 'sub', 'precious'), 'x')
  writeFileSync(join(s.target, 'other'), 'x')
  const result = await restored({ repo, root }, s.source, s.target, { delete: true })
  assert.deepEqual(troublesOf(result), [`corrupt ${join(s.source, 'sub')}`])
  assert.deepEqual(readdirSync(s.target).sort(), readdirSync(s.source).sort())
  assert.deepEqual(readdirSync(join(s.target, 'sub')), ['precious'])
})

test('what a session stored is lost with its keys and named; the rest is restored', async (t) => {
  const s = await scene(t, fill)
  const [keys] = await names(s.store, PREFIXES.sessionKeys)
  const { root } = await secondSnapshot(s)
  await s.store.delete(keys!)
  const repo = await s.open()
  await repo.loadIndex()
  const result = await restored({ repo, root }, s.source, s.target)
  const lost = readdirSync(s.source).filter((name) => name.startsWith('file-') || name === 'sub')
  assert.deepEqual(troublesOf(result), lost.map((name) => `corrupt ${join(s.source, name)}`).sort())
  assert.deepEqual(readdirSync(s.target).sort(), ['empty', 'new', 'sub'])
})

test('a store that stops answering ends the restore and says so, without temporary files', async (t) => {
  const s = await scene(t, fill)
  const reader = {
    ...readerOf(s),
    store: {
      location: 'far away',
      get: async (name: string) => {
        throw new BackupError('unreachable', 'no answer', name)
      },
    },
  }
  await assert.rejects(restored({ repo: reader, root: s.root }, s.source, s.target), { code: 'unreachable' })
  const left = namesIn(s.target)
  assert.deepEqual(
    left.filter((name) => name.includes('holdfast')),
    [],
  )
})

test('one pack that cannot be read is the trouble of the files in it', async (t) => {
  const s = await scene(t, fill)
  const [pack] = await names(s.store, PREFIXES.data)
  const { store } = readerOf(s)
  const failing = {
    location: store.location,
    get: async (name: string, range?: { offset: number; length: number }) => {
      if (name === pack && range!.offset < 2 * FILE_SIZE) throw new BackupError('io', 'bad sector', name)
      return store.get(name, range)
    },
  }
  const result = await restored({ repo: { ...readerOf(s), store: failing }, root: s.root }, s.source, s.target)
  const missing = missingOf(s.source, s.target)
  assert.deepEqual(
    troublesOf(result),
    missing.map((path) => `io ${path}`),
  )
  assert.ok(missing.length > 0 && missing.length <= 2 * PER_BLOCK_MAX)
})

function readerOf({ repo }: Scene) {
  return {
    id: repo.id,
    suite: repo.suite,
    store: repo.store,
    blobKeys: repo.blobKeys,
    sessionKeys: repo.sessionKeys,
    readNode: repo.readNode.bind(repo),
    resolveContent: repo.resolveContent.bind(repo),
    readBlob: repo.readBlob.bind(repo),
    locate: repo.locate.bind(repo),
  }
}
