// `auto` compresses harder while the store is what a backup waits for, and never else.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Method } from '../../src/compress/method.ts'
import { threadExecutor, type Executor } from '../../src/ops/backup/executor.ts'
import { FileSystemSource } from '../../src/ops/backup/file-system-source.ts'
import { posixFileReader } from '../../src/ops/backup/posix-file-reader.ts'
import type { Store } from '../../src/store/store.ts'
import { MemoryRepository } from '../support/memory-repository.ts'
import { tempFolder } from '../support/temp-folder.ts'

const KIB = 1024
/** A job of small files makes about one pack. */
const PACK_SIZE = 512 * KIB
const CHUNKER = { min: 16 * KIB, average: 64 * KIB, max: 128 * KIB }
const FOLDERS = 24
const FILES_PER_JOB = 256

function makeSource(t: TestContext): string {
  const folder = tempFolder(t, 'source')
  for (let i = 0; i < FOLDERS; i++) {
    mkdirSync(join(folder, `${i}`))
    for (let file = 0; file < FILES_PER_JOB; file++) {
      // Shrinks by a quarter.
      writeFileSync(join(folder, `${i}`, `${file}`), randomBytes(2 * KIB).toString('base64'))
    }
  }
  return folder
}

/** Takes no pack as long as a worker has something to do, so that it is the bottleneck on any machine. */
function slowed(inner: Store, executor: () => Executor | undefined): Store {
  return {
    location: inner.location,
    listLagMs: 0,
    get: (...args) => inner.get(...args),
    stat: (name) => inner.stat(name),
    keep: (name) => inner.keep(name),
    list: (...args) => inner.list(...args),
    delete: (name) => inner.delete(name),
    close: () => inner.close(),
    async put(name, parts) {
      for (let idle = 0; name.startsWith('data/') && idle < 3; await sleep(5)) {
        idle = executor()?.stalled() === true ? idle + 1 : 0
      }
      return inner.put(name, parts)
    },
  }
}

/** Levels that `auto` went to. */
async function levelsOf(
  folder: string,
  opts: { readonly slow: boolean; readonly compression?: Method },
): Promise<number[]> {
  const memory = await MemoryRepository.create({ packSize: PACK_SIZE, chunker: CHUNKER })
  const levels: number[] = []
  let executor: Executor | undefined
  const store = opts.slow ? slowed(memory.store, () => executor) : memory.store
  const source = new FileSystemSource({ sources: [{ path: Buffer.from(folder) }] })
  await memory.backup(Object.assign(source, posixFileReader), {
    repo: await memory.open(store),
    ...(opts.compression !== undefined && { compression: opts.compression }),
    makeExecutor: (setup) => {
      const threads = threadExecutor(setup, 2)
      const compressAt = (level: number) => {
        levels.push(level)
        threads.compressAt(level)
      }
      executor = { ...threads, compressAt }
      return executor
    },
  })
  return levels
}

test('a store that is the bottleneck raises the level step by step, but not one that was asked for', async (t) => {
  const folder = makeSource(t)
  assert.deepEqual((await levelsOf(folder, { slow: true })).slice(0, 2), [6, 9])
  assert.deepEqual(await levelsOf(folder, { slow: true, compression: { name: 'zstd', level: 3 } }), [])
})

test('a store that keeps up gets level 3', async (t) => {
  assert.deepEqual(await levelsOf(makeSource(t), { slow: false }), [])
})
