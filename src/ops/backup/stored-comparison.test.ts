import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlobKeys } from '../../repo/index/blob-keys.ts'
import { LoadedIndex } from '../../repo/index/loaded-index.ts'
import { judge, StoredComparison } from './stored-comparison.ts'

/** A hash so weak that texts of one length collide. */
const weak = (bytes: Uint8Array) => new Uint8Array(32).fill(bytes.length)
const LOC = new Uint8Array(24).fill(7)

test('other bytes with the same ref are a collision, with another ref they are only not what they should be', () => {
  const bytes = Buffer.from('one text')
  const ref = weak(bytes)
  assert.equal(judge(Buffer.from('one text'), bytes, weak, ref), 'equal')
  assert.equal(judge(Buffer.from('two text'), bytes, weak, ref), 'collision')
  assert.equal(judge(Buffer.from('another text'), bytes, weak, ref), 'other')
  assert.equal(judge(new Uint8Array(0), bytes, weak, weak(new Uint8Array(0))), 'other')
})

test('a file with a chunk that collides with a stored one fails; nothing is stored and no pack is distrusted', async () => {
  const stored = Buffer.from('two text')
  const index = new LoadedIndex()
  const block = { storedLength: 48, plainLength: 8, codec: 0, session: 0, locs: LOC, lengths: Uint32Array.of(8) }
  index.addPack({ hash: new Uint8Array(32), kind: 'data', size: 1000, blocks: [block] }, [new Uint8Array(16)])
  const fail = () => assert.fail('nothing is to be done')
  const comparison = new StoredComparison({
    index,
    keys: { locOf: () => LOC, refOf: (_type: string, bytes: Uint8Array) => weak(bytes) } as unknown as BlobKeys,
    pipeline: { run: fail, place: fail },
    readBlock: async () => stored,
    distrust: fail,
    warn: fail,
  })
  const bytes = Buffer.from('one text')
  const known = [0, 1].map((at) => ({ index: at, ref: weak(bytes), bytes: at === 0 ? bytes : stored }))
  const failures = await comparison.compare(known, () => Buffer.from('/file'))
  assert.deepEqual([...failures.keys()], [0])
  assert.match(failures.get(0)!.message, /collides/)
})
