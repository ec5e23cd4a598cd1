import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlobLocation, BlockPlace } from '../../repo/index/loaded-index.ts'
import type { BlockWork, WorkSink } from './block-work.ts'
import { ContentPlan } from './content-plan.ts'
import type { FileTask } from './file-task.ts'
import type { OpenFileContext } from './open-file.ts'
import type { RestoreReader } from './reader.ts'

const FILE_SIZE = 10_000
/** Files that fill a block. */
const FULL = 200

interface Planned {
  /** Blocks as they were handed on. */
  readonly blocks: readonly BlockWork[]
  /** Files that were collected and not handed on, at most. */
  readonly held: number
}

/** Plans files of one blob each, the i-th of which lies in block `blockOf(i)`. */
async function planned(
  files: number,
  blockOf: (file: number) => number,
  { plainLength = FULL * FILE_SIZE, isAwaited = false } = {},
): Promise<Planned> {
  const blocks: BlockWork[] = []
  let left = 0
  let held = 0
  const sink: WorkSink = {
    blocks: async (work) => {
      for (const block of work) left += block.files.size
      blocks.push(...work)
    },
    inline: () => Promise.resolve(),
  }
  const reader = { locate: (_: string, ref: Uint8Array) => location(numberOf(ref)) } as unknown as RestoreReader
  const location = (file: number): BlobLocation => {
    const number = blockOf(file)
    const pack = { objectName: `data/${number}`, kind: 'data', size: 0, sessions: [] } as const
    const place = { number, pack, offset: 8, storedLength: 1, plainLength, codec: 0, sid: new Uint8Array(16) }
    return { block: place satisfies BlockPlace, offset: file, length: FILE_SIZE }
  }
  const plan = new ContentPlan(reader, 'recorded', {} as OpenFileContext, sink)
  for (let id = 0; id < files; id++) {
    const content = { kind: 'extents', extents: [{ length: FILE_SIZE, ref: refOf(id) }] } as const
    await plan.add({ id, size: FILE_SIZE, isAwaited } as unknown as FileTask, content)
    held = Math.max(held, id + 1 - left)
  }
  await plan.flush()
  const found = new Map(
    blocks.flatMap(({ files: within, place }) => Array.from(within.keys(), ({ id }) => [id, place])),
  )
  assert.equal(left, files, 'every file once')
  for (let id = 0; id < files; id++) assert.equal(found.get(id)?.number, blockOf(id), `file ${id} with its block`)
  return { blocks, held }
}

function refOf(file: number): Uint8Array {
  const ref = new Uint8Array(32)
  new DataView(ref.buffer).setUint32(0, file)
  return ref
}

function numberOf(ref: Uint8Array): number {
  return new DataView(ref.buffer, ref.byteOffset).getUint32(0)
}

/** A tree whose every tenth file has changed since, in one of `backups` backups. */
function changed(backups: number): (file: number) => number {
  return (file) => (file % 10 === 0 ? 1_000_000 + (((file / 10) * 7919) % backups) : Math.floor(file / FULL))
}

const PORTION = Math.ceil((32 * 1024 * 1024) / FILE_SIZE)

test('a block that many files share is opened once, although each other file lies in a block of its own', async () => {
  const { blocks } = await planned(1000, (file) => (file % 2 === 0 ? 0 : file))
  assert.equal(blocks.filter(({ place }) => place.number === 0).length, 1)
})

test('blocks that a few files of every folder are in are opened once', async () => {
  const { blocks } = await planned(10 * PORTION, changed(20))
  const times = new Map<number, number>()
  for (const { place } of blocks) times.set(place.number, (times.get(place.number) ?? 0) + 1)
  assert.deepEqual(
    [...times].filter(([, count]) => count > 1),
    [],
  )
})

test('what has most of a block is not kept waiting', async () => {
  const { held } = await planned(10 * PORTION, (file) => Math.floor(file / FULL))
  assert(held <= PORTION + FULL, `${held} files`)
})

test('what is collected and waits is bounded, in however many backups the files have changed', async () => {
  for (const backups of [1, 300, 5000]) {
    const { held } = await planned(40_000, changed(backups), { plainLength: 2 ** 28 })
    assert(held <= 8192 + 4096 + 1, `${backups} backups: ${held} files`)
  }
})

test('files that other names wait for do not wait themselves', async () => {
  const { held } = await planned(10 * PORTION, changed(20), { isAwaited: true })
  assert(held <= PORTION + FULL, `${held} files`)
})
