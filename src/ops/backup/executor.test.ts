import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { secureRandom } from '../../base/random.ts'
import { DEFAULT_PARAMS } from '../../chunker/params.ts'
import type { Method } from '../../compress/method.ts'
import { initHashing } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { statAt } from '../../posix/stat.ts'
import { AT_FDCWD } from '../../posix/constants.ts'
import { BlobIndex } from '../../repo/index/blob-index.ts'
import { BlobKeys } from '../../repo/index/blob-keys.ts'
import { decodeBlock } from '../../repo/packs/block-codec.ts'
import type { WorkerSetup } from './chunk-worker.ts'
import { inlineExecutor, threadExecutor } from './executor.ts'
import type { Executor } from './executor.ts'
import { FileColumnsReader } from './file-columns.ts'
import { packIdentities } from './jobs.ts'
import type { BundleJob, FilesJob, JobResult } from './jobs.ts'
import { posixFileReader } from './posix-file-reader.ts'

await initHashing()

const setup: WorkerSetup = {
  repoId: secureRandom(16),
  suite: 1,
  keyId: secureRandom(32),
  keyLoc: secureRandom(32),
  keyCdc: secureRandom(32),
  dataSecret: secureRandom(32),
  metaSecret: secureRandom(32),
  chunker: DEFAULT_PARAMS,
  bundleTarget: 256 * 1024,
  methods: [{ name: 'zstd', level: 1 }],
  index: { tables: [] },
}
const keys = new BlobKeys(setup)

/** An executor with an index; closed at the end of the test. */
function start(t: TestContext, make: (setup: WorkerSetup) => Executor): Executor {
  const executor = make(setup)
  t.after(() => executor.close())
  executor.indexGrew(BlobIndex.create().handle)
  return executor
}

const threads = (count: number) => (of: WorkerSetup) => threadExecutor(of, count)
const inline = (of: WorkerSetup) => inlineExecutor(of, posixFileReader)

function filesJob(paths: readonly string[]): FilesJob {
  const bytes = paths.map((path) => Buffer.from(path))
  let end = 0
  const stats = bytes.map((path) => statAt(AT_FDCWD, path))
  return {
    kind: 'files',
    paths: Buffer.concat(bytes),
    pathEnds: Uint32Array.from(bytes, (path) => (end += path.length)),
    identities: packIdentities(stats.map((stat) => ({ stat }))),
  }
}

/** Plaintext of every blob in the blocks, by ref in hex. */
function blobsOf(results: readonly JobResult[]): Map<string, Buffer> {
  const sealer = new Sealer(setup.dataSecret, setup.repoId, setup.suite)
  const blobs = new Map<string, Buffer>()
  for (const { sealed, codec, plainLength, lengths } of results.flatMap(({ blocks }) => blocks)) {
    const plain = decodeBlock(sealer, { type: SEALED_TYPES.dataBlock, sealed, codec, plainLength, subject: 'block' })
    let at = 0
    for (const length of lengths) {
      const bytes = Buffer.from(plain.subarray(at, at + length))
      blobs.set(Buffer.from(keys.refOf('data', bytes)).toString('hex'), bytes)
      at += length
    }
  }
  return blobs
}

function bundleJob(text: string, wrong = false): BundleJob {
  const plain = new Uint8Array(Buffer.from(text))
  const ref = keys.refOf('tree', plain)
  const refs = wrong ? ref.map((byte) => byte ^ 1) : ref
  return {
    kind: 'bundle',
    plain,
    locs: keys.locOf(ref),
    lengths: Uint32Array.of(plain.length),
    refs,
    types: Uint8Array.of(1),
  }
}

for (const [name, make] of [
  ['this thread', inline],
  ['worker threads', threads(3)],
] as const) {
  test(`files come back as they are from ${name}, each blob once`, async (t) => {
    const folder = tempFolder(t, 'executor')
    mkdirSync(join(folder, 'd'))
    const jobs: string[][] = []
    for (let job = 0; job < 12; job++) {
      const paths = Array.from({ length: 10 }, (_, i) => join(folder, 'd', `${job}-${i}`))
      for (const [i, path] of paths.entries()) writeFileSync(path, `${i} `.repeat(i * i * 300 + 1))
      jobs.push(paths)
    }
    const executor = start(t, make)
    const results = await Promise.all(jobs.map((paths) => executor.run(filesJob(paths))))
    const blobs = blobsOf([...results, ...(await executor.flush())])
    assert.equal(blobs.size, 10) // equal in all jobs
    for (const { files } of results) {
      const columns = new FileColumnsReader(files!)
      for (let i = 0; i < 10; i++) {
        const outcome = columns.next()
        assert.ok(outcome.status === 'read')
        const found = Buffer.concat(outcome.extents.map(({ ref }) => blobs.get(Buffer.from(ref!).toString('hex'))!))
        assert.equal(found.toString(), `${i} `.repeat(i * i * 300 + 1))
      }
    }
  })

  test(`auto compresses at the level told last in ${name}, a fixed method at its own`, async (t) => {
    const text = Array.from({ length: 30_000 }, (_, i) => `${(i * i) % 9973} ${i % 89}`).join('\n')
    const lengths = async (method: Method) => {
      const executor = start(t, (of) => make({ ...of, methods: [method] }))
      const length = async () => (await executor.run(bundleJob(text))).blocks[0]!.sealed.length
      const before = await length()
      executor.compressAt(12)
      return [before, await length()] as const
    }
    const [auto, level3] = [await lengths({ name: 'auto' }), await lengths({ name: 'zstd', level: 3 })]
    assert.equal(auto[0], level3[0])
    assert.equal(level3[1], level3[0])
    assert.ok(auto[1] < auto[0] * 0.95, `${auto}`)
  })

  test(`a job that fails in ${name} fails alone, as what it is`, async (t) => {
    const executor = start(t, make)
    const good = executor.run(bundleJob('good'))
    await assert.rejects(executor.run(bundleJob('bad', true)), {
      name: 'BackupError',
      code: 'corrupt',
      hint: /test this machine’s memory/,
    })
    assert.equal((await good).blocks.length, 1)
    assert.equal((await executor.run(bundleJob('after'))).blocks[0]!.kind, 'meta')
  })
}

test('the bytes of a job are moved to its thread, those of its blocks to ours', async (t) => {
  const executor = start(t, threads(1))
  const job = bundleJob('moved')
  const [block] = (await executor.run(job)).blocks
  assert.equal(job.plain.byteLength, 0)
  assert.equal(block!.sealed.buffer.byteLength, block!.sealed.byteLength)
})

test('a thread that dies fails every job, those under way and those to come, and close still returns', async () => {
  const executor = threadExecutor(setup, 2)
  executor.indexGrew(BlobIndex.create().handle)
  await executor.run(bundleJob('alive'))
  // A handle that is none ends the threads within their handler of messages, as an error in native code might.
  executor.indexGrew(0 as never)
  await assert.rejects(Promise.all([1, 2, 3, 4].map((i) => executor.run(bundleJob(`${i}`)))))
  await assert.rejects(executor.run(bundleJob('later')))
  await assert.rejects(executor.flush())
  await executor.close()
})

test('a thread that cannot start fails every job, and close still returns', async () => {
  const executor = threadExecutor({ ...setup, dataSecret: new Uint8Array(5) }, 2)
  await assert.rejects(executor.run(bundleJob('never')), /a sealing key has 32 bytes/)
  await executor.close()
})

test('an executor that was not used is closed', async () => {
  await threadExecutor(setup, 2).close()
})
