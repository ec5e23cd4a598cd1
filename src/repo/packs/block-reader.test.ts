import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes, equalBytes } from '../../base/bytes.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { packName } from '../../format/names.ts'
import { BlobKeys } from '../index/blob-keys.ts'
import { LoadedIndex } from '../index/loaded-index.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { fixedBytes, fixedSealer } from '../../../test/support/format-keys.ts'
import { encodeBlock } from './block-codec.ts'
import { BlockReader } from './block-reader.ts'
import { OpenBlocks } from './open-blocks.ts'

const BLOCKS = 24
const BLOBS = 3
const STEP = 64 * 1024

/** A meta pack whose blocks have a few nodes each, and what is in them. */
async function packOfNodes() {
  const keys = new BlobKeys({ keyId: fixedBytes('id'), keyLoc: fixedBytes('loc'), keyCdc: fixedBytes('cdc') })
  const sealer = fixedSealer()
  const nodes: { ref: Uint8Array; bytes: Uint8Array }[] = []
  const parts: Uint8Array[] = [new Uint8Array(8)]
  const blocks = Array.from({ length: BLOCKS }, (_, block) => {
    const blobs = Array.from({ length: BLOBS }, (_each, i) =>
      new Uint8Array(20_000 + 100 * block).fill(block * BLOBS + i),
    )
    const refs = blobs.map((bytes) => keys.refOf('tree', bytes))
    for (const [i, bytes] of blobs.entries()) nodes.push({ ref: refs[i]!, bytes })
    const plain = concatBytes(blobs)
    const method = block % 2 === 0 ? ({ name: 'none' } as const) : ({ name: 'zstd', level: 3 } as const)
    const { sealed, codec } = encodeBlock(sealer, SEALED_TYPES.metaBlock, plain, method)
    parts.push(sealed)
    return {
      storedLength: sealed.length,
      plainLength: plain.length,
      codec,
      session: 0,
      locs: concatBytes(refs.map((ref) => keys.locOf(ref))),
      lengths: Uint32Array.from(blobs.map(({ length }) => length)),
    }
  })
  const hash = fixedBytes('pack')
  const store = new MemoryStore()
  await store.put(packName('meta', hash), parts)
  const index = new LoadedIndex()
  index.addPack({ hash, kind: 'meta', size: 1 << 20, blocks }, [fixedBytes('session', 16)])
  const reader = new BlockReader(store, index, keys, async () => sealer, undefined, 2 * STEP)
  return { reader, nodes }
}

test('nodes that were read stay as they are while the memory of their blocks is used for others', async () => {
  const { reader, nodes } = await packOfNodes()
  const read = await Promise.all([...nodes, ...nodes.toReversed()].map(({ ref }) => reader.blob('tree', ref)))
  for (const [i, { bytes }] of [...nodes, ...nodes.toReversed()].entries()) assert.ok(equalBytes(read[i]!, bytes))
})

test('a block that is opened again and again has other memory for each who asks for it', async () => {
  const { reader, nodes } = await packOfNodes()
  const place = reader.locate(nodes[0]!.ref)!.block
  const [one, other] = [await reader.block(place), await reader.block(place)]
  assert.ok(equalBytes(one, other))
  assert.notEqual(one.buffer, other.buffer)
})

test('of open blocks the one goes that was not used for longest, and the next uses its memory', () => {
  const open = new OpenBlocks(2 * STEP)
  const first = open.room(1000)
  open.add(1, first)
  const second = open.room(STEP)
  open.add(2, second)
  assert.equal(open.get(1), first)
  open.add(3, open.room(10))
  assert.equal(open.get(2), undefined)
  assert.equal(open.get(1), first)
  assert.equal(open.room(STEP - 1).buffer, second.buffer)
})

test('a block that is larger than all that may be open is open alone', () => {
  const open = new OpenBlocks(2 * STEP)
  open.add(1, open.room(10))
  open.add(2, open.room(5 * STEP))
  assert.equal(open.get(1), undefined)
  assert.equal(open.get(2)?.length, 5 * STEP)
  assert.equal(open.room(10).buffer.byteLength, STEP)
  assert.equal(open.room(10).buffer.byteLength, STEP)
})
