import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { BackupError } from '../../base/errors.ts'
import { concatBytes } from '../../base/bytes.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { BlobIndex } from '../../repo/index/blob-index.ts'
import { PackAssembler } from '../../repo/packs/pack-assembler.ts'
import type { FinishedPack } from '../../repo/packs/pack-assembler.ts'
import type { PutResult, StagedObject } from '../../store/store.ts'
import { AutoLevel } from './auto-level.ts'
import type { Executor } from './executor.ts'
import type { Job, JobResult, SealedBlock } from './jobs.ts'
import { Pipeline } from './pipeline.ts'

await initHashing()

const MIB = 1024 * 1024
const PACK_SIZE = 4 * MIB
const BLOCK_SIZE = MIB
const WIDTH = 4
const BLOCKS_PER_PACK = PACK_SIZE / BLOCK_SIZE
const sealer = new Sealer(new Uint8Array(32).fill(1), new Uint8Array(16).fill(2), 1)
const JOB: Job = { kind: 'values', values: [] }
const full = () => new BackupError('full', 'no space left', 'data/00')

let counter = 0

function blockOf(): SealedBlock {
  const locs = new Uint8Array(24)
  new DataView(locs.buffer).setUint32(0, ++counter, true)
  const sealed = new Uint8Array(BLOCK_SIZE)
  return {
    kind: 'data',
    sealed,
    codec: 0,
    plainLength: BLOCK_SIZE - 40,
    locs,
    lengths: Uint32Array.of(BLOCK_SIZE - 40),
  }
}

/** Workers that answer every job with blocks, and a store that puts when it is let. */
class Bench {
  readonly pipeline: Pipeline
  readonly packs: FinishedPack[] = []
  jobs = 0
  running = 0
  mostRunning = 0
  /** Bytes of blocks that no acknowledged pack holds. */
  inMemory = 0
  mostInMemory = 0
  /** Resolves when the store goes on. */
  stalled: Promise<void> = Promise.resolve()
  failPuts = false
  /** Levels that workers were told. */
  readonly levels: number[] = []

  #take: Parameters<Executor['deliver']>[0] = () => Promise.resolve()
  readonly #data: PackAssembler

  constructor(
    opts: {
      readonly blocksPerJob?: number
      readonly beat?: () => Promise<void>
      readonly stage?: () => StagedObject
      /** Groups of blocks that a worker hands on while it is flushed, each as large as a pack. */
      readonly handsOnInFlush?: number
    } = {},
  ) {
    const { blocksPerJob = 2, beat, stage } = opts
    const executor: Executor = {
      deliver: (take) => {
        this.#take = take
      },
      width: WIDTH,
      run: async () => {
        this.jobs++
        this.mostRunning = Math.max(this.mostRunning, ++this.running)
        await setImmediate()
        this.running--
        return this.#result(blocksPerJob)
      },
      flush: async () => {
        for (let i = 0; i < (opts.handsOnInFlush ?? 0); i++) {
          void this.handOn(BLOCKS_PER_PACK)
          await setImmediate()
        }
        return [this.#result(1)]
      },
      indexGrew: () => {},
      compressAt: (level) => this.levels.push(level),
      stalled: () => this.running === 0,
      close: async () => {},
    }
    const random = (n: number) => new Uint8Array(n)
    const shared = { packSize: PACK_SIZE, sealer, suite: 1 as const, sid: new Uint8Array(16), random, stage }
    this.#data = new PackAssembler({ ...shared, kind: 'data' })
    this.pipeline = new Pipeline({
      executor,
      index: BlobIndex.create(),
      data: this.#data,
      meta: new PackAssembler({ ...shared, kind: 'meta' }),
      putPack: async (pack) => {
        await this.stalled
        await setImmediate()
        if (this.failPuts) throw full()
        await pack.staged?.append(pack.parts)
        this.packs.push(pack)
        this.inMemory -= pack.blocks.reduce((sum, { storedLength }) => sum + storedLength, 0)
      },
      auto: new AutoLevel(),
      ...(beat !== undefined && { beat }),
    })
  }

  get heldByAssembler(): number {
    return this.#data.held
  }

  /** As a worker does in the middle of a job; resolves when the blocks are taken. */
  handOn(blocks: number): Promise<void> {
    return this.#take(this.#result(blocks).blocks)
  }

  #result(blocks: number): JobResult {
    this.inMemory += blocks * BLOCK_SIZE
    this.mostInMemory = Math.max(this.mostInMemory, this.inMemory)
    const stats = { bytesRead: BLOCK_SIZE, newBlobs: blocks, newBytes: BLOCK_SIZE }
    return { blocks: Array.from({ length: blocks }, blockOf), stats }
  }
}

/** Objects that come in pieces, kept as they come. */
class StagedPieces {
  begun = 0
  discarded = 0

  begin(): StagedObject {
    this.begun++
    return new StagedPiece(this)
  }
}

class StagedPiece implements StagedObject {
  readonly pieces: Uint8Array[] = []
  readonly #all: StagedPieces

  constructor(all: StagedPieces) {
    this.#all = all
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.pieces.push(part.slice())
  }

  async commit(): Promise<PutResult> {
    return { created: true }
  }

  async keepAlive(): Promise<void> {}

  async discard(): Promise<void> {
    this.#all.discarded++
  }
}

/** Lets everything happen that can. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 200; i++) await setImmediate()
}

test('a store that stalls stops the reader, and memory stays what it is', async () => {
  const bench = new Bench()
  let goOn = () => {}
  bench.stalled = new Promise((resolve) => {
    goOn = resolve
  })
  let made = 0
  const reading = (async () => {
    for (; made < 300; made++) {
      bench.pipeline.start(JOB, () => {})
      await bench.pipeline.room()
    }
    await bench.pipeline.finish()
  })()
  await quiet()
  assert.ok(made < 20, `${made} jobs are made while nothing is stored`)
  const { inMemory } = bench
  assert.ok(inMemory <= 3 * PACK_SIZE + WIDTH * 2 * BLOCK_SIZE, `${inMemory} bytes wait`)
  await quiet()
  assert.equal(bench.inMemory, inMemory)
  goOn()
  await reading
  assert.equal(bench.jobs, 300)
  assert.equal(bench.inMemory, 0)
  assert.equal(bench.mostRunning, WIDTH)
  assert.ok(bench.mostInMemory <= 3 * PACK_SIZE + WIDTH * 2 * BLOCK_SIZE, `${bench.mostInMemory} bytes at most`)
})

test('a store that fails is heard of by everybody, those who wait for it included', async () => {
  const bench = new Bench({ blocksPerJob: 8 })
  bench.failPuts = true
  const jobs = Array.from({ length: 3 * WIDTH }, () => bench.pipeline.run(JOB))
  const ends = await Promise.allSettled(jobs)
  assert.ok(ends.filter(({ status }) => status === 'rejected').length >= ends.length - 1)
  await assert.rejects(bench.pipeline.settle(), { code: 'full' })
  await assert.rejects(bench.pipeline.room(), { code: 'full' })
  await assert.rejects(bench.pipeline.finish(), { code: 'full' })
})

test('work whose result cannot be handled fails the run', async () => {
  const { pipeline } = new Bench()
  const mistake = new TypeError('a mistake')
  pipeline.start(JOB, () => {
    throw mistake
  })
  await assert.rejects(pipeline.settle(), mistake)
  await assert.rejects(pipeline.run(JOB), mistake)
})

test('a run that is stopped stores what is sealed and begins nothing', async () => {
  const bench = new Bench()
  const stop = new BackupError('interrupted', 'stopped', 'backup')
  let done = 0
  for (let i = 0; i < 50; i++) bench.pipeline.start(JOB, () => done++)
  await setImmediate()
  await bench.pipeline.salvage(stop)
  assert.ok(done > 0 && done <= 2 * WIDTH, `${done} jobs came to their end`)
  assert.equal(bench.jobs, done)
  assert.equal(bench.inMemory, 0)
  await assert.rejects(bench.pipeline.run(JOB), stop)
})

test('blocks that come before the end of their job are stored, and are waited for', async () => {
  const bench = new Bench({ blocksPerJob: 0 })
  await bench.handOn(8)
  assert.ok(bench.packs.length > 0)
  await bench.handOn(1)
  await bench.pipeline.finish()
  assert.equal(bench.inMemory, 0)
})

test('what a flush hands on before its end is stored too', async () => {
  const bench = new Bench({ blocksPerJob: 2, handsOnInFlush: 3 })
  await bench.pipeline.run(JOB)
  bench.stalled = wait(30) // the first pack is still on its way when the flush is over
  await bench.pipeline.finish()
  assert.equal(bench.inMemory, 0, 'blocks are in no pack that was stored')
})

test('after the end nothing is taken any more', async () => {
  const staged = new StagedPieces()
  const bench = new Bench({ blocksPerJob: 0, stage: () => staged.begin() })
  await bench.pipeline.close()
  await bench.handOn(3)
  assert.equal(staged.begun, 0)
})

test('who hands blocks on hears of room also when the store fails, and the run hears of the failure', async () => {
  const bench = new Bench({ blocksPerJob: 0 })
  bench.failPuts = true
  for (let i = 0; i < 20; i++) await bench.handOn(8)
  await assert.rejects(bench.pipeline.settle(), { code: 'full' })
})

test('where the store takes packs in pieces, blocks do not wait for their pack to be full', async () => {
  const staged = new StagedPieces()
  const bench = new Bench({ blocksPerJob: 1, stage: () => staged.begin() })
  for (let i = 0; i < 40; i++) {
    await bench.pipeline.run(JOB)
    assert.ok(bench.heldByAssembler <= PACK_SIZE / 2, 'a pack is held in memory')
  }
  await bench.pipeline.finish()
  assert.ok(bench.packs.length > 1)
  for (const { staged: place, hash: name, size } of bench.packs) {
    const bytes = concatBytes((place as StagedPiece).pieces)
    assert.equal(bytes.byteLength, size)
    assert.deepEqual(hash(bytes), name)
  }
  assert.equal(staged.discarded, 0)
})

test('a run that ends without its packs leaves nothing of them behind', async () => {
  const staged = new StagedPieces()
  const bench = new Bench({ blocksPerJob: 1, stage: () => staged.begin() })
  await bench.pipeline.run(JOB)
  await bench.pipeline.close()
  assert.equal(staged.begun, 1)
  assert.equal(staged.discarded, 1)
})

test('who starts jobs without waiting is held when more wait than run', async () => {
  const bench = new Bench({ blocksPerJob: 0 })
  await bench.pipeline.keepUp()
  for (let i = 0; i < 10 * WIDTH; i++) bench.pipeline.start(JOB, () => {})
  let on = false
  const waiting = bench.pipeline.keepUp().then(() => {
    on = true
  })
  await Promise.resolve()
  assert.equal(on, false)
  await waiting
  assert.ok(bench.jobs >= 9 * WIDTH)
  await bench.pipeline.settle()
})

test('a sign of life that fails fails the run', async () => {
  const bench = new Bench({ beat: () => Promise.reject(full()) })
  await assert.rejects(bench.pipeline.run(JOB), { code: 'full' })
  await assert.rejects(bench.pipeline.settle(), { code: 'full' })
})

test('workers compress harder while they wait for the store, and as before when it waits for them', async () => {
  const bench = new Bench({ blocksPerJob: 4 })
  let opened: () => void = () => {}
  const close = () => {
    bench.stalled = new Promise((resolve) => {
      opened = resolve
    })
  }
  for (let i = 0; i < 60; i++) bench.pipeline.start(JOB, () => {})
  for (let pack = 0; pack < 8; pack++) {
    const open = opened
    close()
    open()
    await quiet()
  }
  assert.deepEqual(bench.levels, [6])
  opened()
  bench.stalled = Promise.resolve()
  await bench.pipeline.finish()
  assert.equal(bench.levels.at(-1), 3)
})

test('a store that keeps up leaves the level as it is', async () => {
  const bench = new Bench({ blocksPerJob: 1 })
  for (let i = 0; i < 100; i++) await bench.pipeline.run(JOB)
  await bench.pipeline.finish()
  assert.deepEqual(bench.levels, [])
})
