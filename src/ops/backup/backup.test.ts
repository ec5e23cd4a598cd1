import assert from 'node:assert/strict'
import test from 'node:test'
import { MemoryRepository } from '../../../test/support/memory-repository.ts'
import { fileStat, foundAt, ScriptedSource } from '../../../test/support/scripted-source.ts'
import { systemClock } from '../../base/clock.ts'
import { seededRng } from '../../base/random.ts'
import { parseObjectName, PREFIXES } from '../../format/names.ts'
import { TROUBLE } from '../../format/entry-model.ts'
import { listAll } from '../../store/store.ts'
import type { BackupReport } from './report.ts'
import type { Scan } from './scan.ts'

const MIB = 1024 * 1024
const utf8 = (text: string) => Buffer.from(text)

test('chunks may be larger than packs', async () => {
  const repository = await MemoryRepository.create({ packSize: 64 * 1024 })
  const rng = seededRng(1)
  const content = new Uint8Array(9 * MIB).map(() => rng() * 256)
  const source = new ScriptedSource({ file: content, small: content.subarray(0, 200_000) })
  const entries = await repository.entries(await repository.backup(source))
  assert.ok(Buffer.from(content).equals(await repository.content(entries.get('/file')!)))
  assert.equal((await repository.content(entries.get('/small')!)).length, 200_000)
})

test('a run that reads for hours and stores nothing shows that it lives', async () => {
  const repository = await MemoryRepository.create()
  const file = (i: number) => ({ content: Buffer.alloc(5000, `${i % 2}`) })
  const files = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`${1000 + i}`, file(i)]))
  await repository.backup(new ScriptedSource(files))
  let now = 0
  const clock = { now: () => systemClock.now(), monotonic: () => (now += 60_000), sleep: () => Promise.resolve() }
  await repository.backup(new ScriptedSource(files, { changes: { alwaysRead: true } }), { clock })
  const beats: string[] = []
  for await (const { name } of listAll(repository.store, PREFIXES.sessions)) {
    if (parseObjectName(name)?.kind === 'heartbeat') beats.push(name)
  }
  assert.ok(beats.length >= 1, 'there are heartbeats')
})

test('a run to which nothing comes from its source for hours shows that it lives', async () => {
  const repository = await MemoryRepository.create()
  let now = 0
  const clock = { now: () => systemClock.now(), monotonic: () => now, sleep: () => Promise.resolve() }
  let tick = (): void => assert.fail('a tick is asked for')
  let stopped = false
  const every = (_ms: number, step: () => void) => {
    tick = step
    return () => {
      stopped = true
    }
  }
  const source = new ScriptedSource({ file: utf8('x') })
  const walk = source.walk.bind(source)
  source.walk = async (scan: Scan, report: BackupReport, check: () => void) => {
    for (let hour = 0; hour < 30; hour++) {
      now += 3_600_001
      tick()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await walk(scan, report, check)
  }
  await repository.backup(source, { clock, every })
  const beats: number[] = []
  for await (const { name } of listAll(repository.store, PREFIXES.sessions)) {
    const parsed = parseObjectName(name)
    if (parsed?.kind === 'heartbeat') beats.push(parsed.number)
  }
  assert.ok(beats.length >= 24, `${beats.length} heartbeats in 30 hours`)
  assert.ok(stopped)
})

test('names of one inode share a group also when the device has another number by now', async () => {
  const repository = await MemoryRepository.create()
  const linked = (dev: bigint) => ({ content: utf8('linked'), stat: { ino: 77n, nlink: 2, dev } })
  await repository.backup(new ScriptedSource({ a: linked(1n), other: utf8('o') }))
  // The second name was left out the first time; the device was numbered anew since.
  const second = await repository.backup(new ScriptedSource({ a: linked(2n), b: linked(2n), other: utf8('o') }))
  const entries = await repository.entries(second)
  assert.deepEqual(entries.get('/a')!.linkGroup, entries.get('/b')!.linkGroup)
  assert.equal(second.body.stats.unchangedFiles, 2)
})

test('troubles with very long paths fit into a snapshot', async () => {
  const repository = await MemoryRepository.create()
  const source = new ScriptedSource({ file: utf8('x') })
  const walk = source.walk.bind(source)
  source.walk = async (scan: Scan, report: BackupReport, check: () => void) => {
    for (let i = 0; i < 1500; i++) report.trouble(Buffer.alloc(60_000, `${i}/`), TROUBLE.listing, 'refused', 'EACCES')
    await walk(scan, report, check)
  }
  const { body } = await repository.backup(source)
  assert.equal(body.troubleCount, 1500)
  assert.ok(body.troubles.length > 50 && body.troubles.length < 1000)
  assert.equal(body.partial, true)
})

test('attributes of a folder are read again when its time proves nothing', async () => {
  const repository = await MemoryRepository.create()
  const now = { sec: Math.floor(Date.now() / 1000), nsec: 0 }
  const folders = (value: string) => new FolderSource(value, fileStat({ kind: 'directory', ctime: now, mtime: now }))
  await repository.backup(folders('first'))
  const entries = await repository.entries(await repository.backup(folders('second')))
  assert.deepEqual(Buffer.from(entries.get('')!.xattrs![0]!.value as Uint8Array).toString(), 'second')
})

test('a file that is read again because its time proves nothing counts as changed only if it has', async () => {
  const repository = await MemoryRepository.create()
  const stat = { ctime: { sec: Math.floor(Date.now() / 1000), nsec: 0 } }
  const source = (other: string) =>
    new ScriptedSource({ same: { content: utf8('same'), stat }, other: { content: utf8(other), stat } })
  await repository.backup(source('one'))
  const second = source('two')
  const { body } = await repository.backup(second)
  assert.deepEqual(second.opened, ['/source/other', '/source/same'])
  assert.deepEqual([body.stats.newFiles, body.stats.changedFiles, body.stats.unchangedFiles], [0, 1, 1])
})

/** One folder with one attribute. */
class FolderSource extends ScriptedSource {
  readonly #value: string
  readonly #stat: ReturnType<typeof fileStat>

  constructor(value: string, stat: ReturnType<typeof fileStat>) {
    super({})
    this.#value = value
    this.#stat = stat
  }

  override async walk(scan: Scan): Promise<void> {
    const xattrs = [{ name: utf8('user.a'), value: utf8(this.#value) }]
    await scan.enter(foundAt('/source', this.#stat, '/source'), () => ({ xattrs }))
    scan.leave(true)
  }
}
