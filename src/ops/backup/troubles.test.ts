// What one file does must stay that file's trouble: the backup goes on and says so.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { fileStat, ScriptedSource } from '../../../test/support/scripted-source.ts'
import { TROUBLE } from '../../format/entry-model.ts'
import type { FileStat } from '../../posix/stat.ts'

const MIB = 1024 * 1024
const utf8 = (text: string) => Buffer.from(text)

test('a log that is emptied while it is read is an empty file, and its directory can be read', async () => {
  const repository = await MemoryRepository.create()
  let size = 20 * MIB
  const stat = (): FileStat => fileStat({ size, mtime: { sec: 1_600_000_000, nsec: size } })
  const log = {
    content: new Uint8Array(size).fill(1),
    stat: stat(),
    open: () => {
      size = 0
      return { opened: stat(), stat, read: () => 0 }
    },
    xattrs: [{ name: utf8('user.a'), value: utf8('b') }],
  }
  const source = new ScriptedSource({ log, other: utf8('untouched') }, { restat: stat })
  const result = await repository.backup(source)
  const entries = await repository.entries(result)
  assert.equal(entries.get('/log')!.content?.kind, 'inline')
  assert.equal(entries.get('/log')!.size, 0)
  assert.equal(entries.get('/log')!.xattrs?.length, 1)
  assert.equal(entries.has('/other'), true)
})

test('a large file that is a folder by now could not be read', async () => {
  const repository = await MemoryRepository.create()
  const large = {
    content: new Uint8Array(20 * MIB).fill(1),
    open: () => ({ stat: () => fileStat({ size: 20 * MIB, mtime: { sec: 5, nsec: 0 } }) }),
  }
  const restat = () => fileStat({ kind: 'directory', mode: 0o755 })
  const result = await repository.backup(new ScriptedSource({ large }, { restat }))
  const entry = (await repository.entries(result)).get('/large')!
  assert.equal(entry.kind, 'file')
  assert.deepEqual(entry.trouble, [TROUBLE.content])
  assert.equal(result.body.partial, true)
})

test('a file whose attributes fail leaves the content of the next file alone', async () => {
  const repository = await MemoryRepository.create()
  const broken = {
    content: Buffer.alloc(1000, 'a'),
    open: () => ({
      attributes: () => {
        throw Object.assign(new Error('EIO: i/o error, flistxattr'), { code: 'EIO', syscall: 'flistxattr' })
      },
    }),
  }
  const source = new ScriptedSource({ a: broken, b: Buffer.alloc(2000, 'b'), c: utf8('c') })
  const result = await repository.backup(source)
  const entries = await repository.entries(result)
  assert.deepEqual(entries.get('/a')!.trouble, [TROUBLE.content])
  assert.equal(Buffer.from(await repository.content(entries.get('/b')!)).toString(), 'b'.repeat(2000))
  assert.equal(Buffer.from(await repository.content(entries.get('/c')!)).toString(), 'c')
})

test('what is no trouble of a file ends the backup: blobs that count as stored may be lost with it', async () => {
  const repository = await MemoryRepository.create()
  const noMemory = new RangeError('Array buffer allocation failed')
  for (const size of [1000, 20 * MIB]) {
    const file = {
      content: new Uint8Array(size),
      open: () => ({
        read: () => {
          throw noMemory
        },
      }),
    }
    await assert.rejects(repository.backup(new ScriptedSource({ file })), noMemory)
  }
})

test('a long attribute is stored where chunks are smaller than it', async () => {
  const repository = await MemoryRepository.create({
    chunker: { min: 4096, average: 8192, max: 32 * 1024 },
    packSize: 64 * 1024,
  })
  const value = new Uint8Array(64 * 1024).map((_, i) => i * 31)
  const xattrs = [{ name: utf8('user.long'), value }]
  const source = new ScriptedSource({ small: { content: utf8('x'), xattrs }, next: Buffer.alloc(3000, 'n') })
  const result = await repository.backup(source)
  const entries = await repository.entries(result)
  const kept = entries.get('/small')!.xattrs![0]!.value
  assert.ok(!(kept instanceof Uint8Array))
  const content = { kind: 'extents' as const, extents: kept.extents }
  assert.deepEqual(Buffer.from(await repository.content({ ...entries.get('/small')!, content })), Buffer.from(value))
  assert.equal(Buffer.from(await repository.content(entries.get('/next')!)).toString(), 'n'.repeat(3000))
})

test('attributes that an entry has no room for are left out and reported', async () => {
  const many = Array.from({ length: 16_385 }, (_, i) => ({ name: utf8(`user.${i}`), value: utf8('v') }))
  const huge = Array.from({ length: 8000 }, (_, i) => ({ name: utf8(`${'n'.repeat(240)}${i}`), value: utf8('v') }))
  const odd = [
    { name: utf8('user.same'), value: utf8('1') },
    { name: utf8('user.same'), value: utf8('2') },
    { name: Buffer.alloc(1025, 'x'), value: utf8('3') },
    { name: utf8('user.value'), value: new Uint8Array(70_000) },
  ]
  const tree = { many: { content: utf8('m'), xattrs: many }, huge: { content: utf8('h'), xattrs: huge } }
  const large = { content: new Uint8Array(17 * MIB).fill(7), xattrs: many }
  const repository = await MemoryRepository.create()
  const result = await repository.backup(
    new ScriptedSource({ ...tree, large, odd: { content: utf8('o'), xattrs: odd } }),
  )
  const entries = await repository.entries(result)
  for (const name of ['/many', '/huge', '/large', '/odd']) {
    assert.deepEqual(entries.get(name)!.trouble, [TROUBLE.attributes], name)
    assert.ok(entries.get(name)!.content !== undefined)
  }
  assert.equal(entries.get('/many')!.xattrs!.length, 16_384)
  assert.deepEqual(entries.get('/odd')!.xattrs!.length, 1)
  assert.equal(repository.problems.length, 4)
  assert.match(repository.problems[0]!.message, /extended attributes are too long or too many/)
})

test('a folder full of files with long lists of attributes is cut into nodes', async () => {
  const xattrs = Array.from({ length: 60 }, (_, i) => ({
    name: utf8(`user.${i}`),
    value: new Uint8Array(1000).fill(i),
  }))
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`file ${1000 + i}`, { content: utf8(`${i}`), xattrs }]),
  )
  const repository = await MemoryRepository.create()
  const entries = await repository.entries(await repository.backup(new ScriptedSource(files)))
  assert.equal(entries.size, 201)
})

test('a file that claims more bytes than numbers can say is trouble of that file', async () => {
  const repository = await MemoryRepository.create()
  const content = new Uint8Array(0)
  const sparse = { content, stat: { size: 2 ** 63, blocks512: 0 } }
  const most = {
    content,
    stat: { size: Number.MAX_SAFE_INTEGER, blocks512: 0 },
    open: () => ({ data: (_at: number, size: number) => ({ start: size, end: size }) }),
  }
  const result = await repository.backup(new ScriptedSource({ sparse, a: most, b: most }))
  const entries = await repository.entries(result)
  assert.deepEqual(entries.get('/sparse')!.trouble, [TROUBLE.content])
  const hole = [{ length: Number.MAX_SAFE_INTEGER, fill: 'hole' }]
  assert.deepEqual(entries.get('/a')!.content, { kind: 'extents', extents: hole })
  assert.equal(entries.get('')!.subtree!.entries, 3)
})

test('a small file that has become large since it was found is read in segments', async () => {
  const repository = await MemoryRepository.create()
  const content = new Uint8Array(20 * MIB).map((_, i) => i >> 3)
  const stat = fileStat({ size: content.length, mtime: { sec: 1_600_000_001, nsec: 0 } })
  const grown = { content, stat: { size: 100 }, open: () => ({ opened: stat, stat: () => stat }) }
  const source = new ScriptedSource({ a: utf8('a'), grown, z: utf8('z') }, { restat: () => stat })
  const entries = await repository.entries(await repository.backup(source))
  assert.equal(entries.get('/grown')!.size, content.length)
  assert.deepEqual(entries.get('/grown')!.mtime, stat.mtime)
  assert.ok(Buffer.from(content).equals(await repository.content(entries.get('/grown')!)))
  assert.equal(entries.size, 4)
  assert.deepEqual(
    source.opened.map((path) => path.slice(8)),
    ['a', 'grown', 'z', 'grown'],
  )
})
