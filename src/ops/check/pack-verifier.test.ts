import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { hash, initHashing, keyedHash } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { encodeHeader, OBJECT_TYPES, SEALED_TYPES } from '../../format/object-header.ts'
import { encodeBlock } from '../../repo/packs/block-codec.ts'
import { PackVerifier } from './pack-verifier.ts'
import type { PackJob } from './pack-verifier.ts'

await initHashing()

const key = (n: number) => new Uint8Array(32).fill(n)
const SETUP = {
  repoId: new Uint8Array(16),
  suite: 1 as const,
  locKey: key(1),
  dataKey: key(2),
  treeKey: key(3),
  listKey: key(4),
}
const SECRET = key(9)
const BLOBS = [Buffer.alloc(500, 'a'), Buffer.alloc(700, 'b')]

/** A pack of one block, and what its directory says of it. */
function pack(
  kind: 'data' | 'meta',
  refKeys: readonly Uint8Array[],
): { bytes: Uint8Array; job: Omit<PackJob, 'bytes'> } {
  const plain = Buffer.concat(BLOBS)
  const type = kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
  const { sealed, codec } = encodeBlock(new Sealer(SECRET, SETUP.repoId, 1), type, plain, { name: 'zstd', level: 1 })
  const header = encodeHeader(kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, 1)
  const bytes = new Uint8Array([...header, ...sealed, 1, 2, 3])
  const locs = new Uint8Array(BLOBS.length * 24)
  for (const [i, blob] of BLOBS.entries()) {
    locs.set(keyedHash(SETUP.locKey, keyedHash(refKeys[i]!, blob)).subarray(0, 24), i * 24)
  }
  const lengths = Uint32Array.from(BLOBS, ({ length }) => length)
  const block = { offset: 8, storedLength: sealed.length, plainLength: plain.length, codec, session: 0, locs, lengths }
  const sessions = [{ sid: '00', secret: SECRET }]
  return { bytes, job: { objectName: `${kind}/x`, kind, hash: toHex(hash(bytes)), blocks: [block], sessions } }
}

const verify = (bytes: Uint8Array, job: Omit<PackJob, 'bytes'>) =>
  new PackVerifier(SETUP).verify({ ...job, bytes: bytes.slice() })

test('a pack that is as its directory says has no findings; meta packs hold nodes and lists', () => {
  const data = pack('data', [SETUP.dataKey, SETUP.dataKey])
  assert.deepEqual(verify(data.bytes, data.job), { blobs: 2, plainBytes: 1200, findings: [] })
  const meta = pack('meta', [SETUP.treeKey, SETUP.listKey])
  assert.deepEqual(verify(meta.bytes, meta.job).findings, [])
})

test('a blob that is not the one its locator names is found, and only that', () => {
  for (const [i, wrong] of [0, 1].entries()) {
    const keys = [SETUP.dataKey, SETUP.dataKey].with(wrong, SETUP.treeKey)
    const { bytes, job } = pack('data', keys)
    const { findings } = verify(bytes, job)
    assert.deepEqual(
      findings.map(({ block, loc }) => [block, loc]),
      [[0, toHex(job.blocks[0]!.locs.subarray(i * 24, i * 24 + 24))]],
    )
  }
})

test('a changed byte is a finding of the pack, and of the block it is in', () => {
  const { bytes, job } = pack('data', [SETUP.dataKey, SETUP.dataKey])
  for (let at = 0; at < bytes.length; at++) {
    const { findings } = verify(bytes.with(at, bytes[at]! ^ 1), job)
    const inBlock = at >= 8 && at < bytes.length - 3
    assert.equal(
      findings.some(({ block }) => block === undefined),
      true,
      `byte ${at}: the name`,
    )
    assert.equal(
      findings.some(({ block }) => block === 0),
      inBlock,
      `byte ${at}: the block`,
    )
  }
})

test('a pack of the other kind under this name, or another format, is named by its header', () => {
  const { bytes, job } = pack('meta', [SETUP.treeKey, SETUP.listKey])
  assert.match(verify(bytes, { ...job, kind: 'data' }).findings[0]!.message, /is a meta pack, not a data pack/)
})

test('a block whose secret cannot be had is passed over', () => {
  const { bytes, job } = pack('data', [SETUP.dataKey, SETUP.dataKey])
  const blocks = job.blocks.map((block) => ({ ...block, session: -1 }))
  assert.deepEqual(verify(bytes, { ...job, blocks }), { blobs: 0, plainBytes: 0, findings: [] })
})
