import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlobLocation, BlockPlace } from '../../repo/index/loaded-index.ts'
import { ContentPlan } from './content-plan.ts'
import type { BlockWork, WorkSink } from './content-plan.ts'
import type { FileTask } from './file-task.ts'
import type { OpenFileContext } from './open-file.ts'
import type { RestoreReader } from './reader.ts'

const FILE_SIZE = 10_000

/** Plans files of one blob each, the i-th of which lies in block `blockOf(i)`; the blocks as they were handed on. */
async function planned(files: number, blockOf: (file: number) => number): Promise<BlockWork[]> {
  const handedOn: BlockWork[] = []
  const sink: WorkSink = {
    blocks: (work) => Promise.resolve(void handedOn.push(...work)),
    inline: () => Promise.resolve(),
  }
  const reader = { locate: (_: string, ref: Uint8Array) => location(numberOf(ref)) } as unknown as RestoreReader
  const location = (file: number): BlobLocation => {
    const number = blockOf(file)
    const pack = { objectName: `data/${number}`, kind: 'data', size: 0, sessions: [] } as const
    const place = { number, pack, offset: 8, storedLength: 1, plainLength: 2 ** 24, codec: 0, sid: new Uint8Array(16) }
    return { block: place satisfies BlockPlace, offset: file, length: FILE_SIZE }
  }
  const plan = new ContentPlan(reader, 'recorded', {} as OpenFileContext, sink)
  for (let id = 0; id < files; id++) {
    const content = { kind: 'extents', extents: [{ length: FILE_SIZE, ref: refOf(id) }] } as const
    await plan.add({ id, size: FILE_SIZE, content } as unknown as FileTask)
  }
  await plan.flush()
  const all = handedOn.flatMap((block) => [...block.files.keys()].map(({ id }) => [id, block.place.number]))
  assert.deepEqual(
    all.toSorted((a, b) => a[0]! - b[0]!),
    Array.from({ length: files }, (_, id) => [id, blockOf(id)]),
    'every file once, with its block',
  )
  return handedOn
}

function refOf(file: number): Uint8Array {
  const ref = new Uint8Array(32)
  new DataView(ref.buffer).setUint32(0, file)
  return ref
}

function numberOf(ref: Uint8Array): number {
  return new DataView(ref.buffer, ref.byteOffset).getUint32(0)
}

test('a block that many files share is opened once, although each other file lies in a block of its own', async () => {
  const handedOn = await planned(1000, (file) => (file % 2 === 0 ? 0 : file))
  assert.equal(handedOn.filter(({ place }) => place.number === 0).length, 1)
})

test('what is planned at a time is bounded by its bytes', async () => {
  const portion = Math.ceil((32 * 1024 * 1024) / FILE_SIZE)
  const handedOn = await planned(3 * portion, (file) => file % 7)
  const times = handedOn.filter(({ place }) => place.number === 0).length
  assert(times >= 3 && times <= 5, `${times} times`)
})
