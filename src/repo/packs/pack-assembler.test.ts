import assert from 'node:assert/strict'
import test from 'node:test'
import { concatBytes } from '../../base/bytes.ts'
import { seededRng } from '../../base/random.ts'
import { hash, initHashing } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { countBlobs } from '../../format/block-table.ts'
import { openDirectory, openTrailer, TRAILER_STORED_SIZE } from '../../format/directory.ts'
import { checkHeader, OBJECT_TYPES } from '../../format/object-header.ts'
import { padme } from '../../format/padme.ts'
import { PackAssembler } from './pack-assembler.ts'
import type { AssemblerOptions, FinishedPack, PackableBlock } from './pack-assembler.ts'

await initHashing()

const KIB = 1024
const PACK_SIZE = 4 * 1024 * KIB
const sealer = new Sealer(new Uint8Array(32).fill(1), new Uint8Array(16).fill(2), 1)

function optionsOf(kind: 'data' | 'meta'): AssemblerOptions {
  const sid = new Uint8Array(16).fill(3)
  return { kind, packSize: PACK_SIZE, sealer, suite: 1, sid, random: (n) => new Uint8Array(n).fill(9) }
}

function assemblerOf(kind: 'data' | 'meta' = 'data'): PackAssembler {
  return new PackAssembler(optionsOf(kind))
}

let counter = 0

/** A block with one blob; nobody opens it here. */
function blockOf(size: number): PackableBlock {
  const locs = new Uint8Array(24)
  new DataView(locs.buffer).setUint32(0, counter++, true)
  const sealed = new Uint8Array(size).fill(counter)
  return { sealed, codec: 0, plainLength: size - 40, locs, lengths: Uint32Array.of(size - 40) }
}

function checkPack(pack: FinishedPack): PackableBlock['sealed'][] {
  const bytes = concatBytes(pack.parts)
  assert.equal(bytes.byteLength, pack.size)
  assert.deepEqual(Buffer.from(hash(bytes)), Buffer.from(pack.hash))
  checkHeader(bytes, pack.kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, pack.objectName)
  const trailer = openTrailer(bytes.subarray(bytes.length - TRAILER_STORED_SIZE), pack.objectName, sealer)
  const { directoryOffset, directoryLength } = trailer
  const sealedDirectory = bytes.subarray(directoryOffset, directoryOffset + directoryLength)
  const directory = openDirectory(sealedDirectory, directoryOffset, pack.objectName, sealer)
  assert.equal(directory.blocks.length, pack.blocks.length)
  return directory.blocks.map(({ offset, storedLength }) => bytes.subarray(offset, offset + storedLength))
}

test('every block is in exactly one pack, and the pack’s directory finds it', () => {
  const assembler = assemblerOf()
  const rng = seededRng(1)
  const blocks = Array.from({ length: 200 }, () => blockOf(41 + Math.floor(rng() * 400 * KIB)))
  const packs = [...blocks.flatMap((block) => assembler.add(block)), ...assembler.finish()]
  const found = packs.flatMap(checkPack).map((bytes) => Buffer.from(hash(bytes)).toString('hex'))
  const put = blocks.map(({ sealed }) => Buffer.from(hash(sealed)).toString('hex'))
  assert.deepEqual(found.toSorted(), put.toSorted())
})

test('data packs have one size, but for the last; little of it is fill', () => {
  for (const blockMax of [100, 400, 1000]) {
    const assembler = assemblerOf()
    const rng = seededRng(blockMax)
    let stored = 0
    const packs: FinishedPack[] = []
    for (let i = 0; i < 400; i++) {
      const block = blockOf(41 + Math.floor(rng() * blockMax * KIB))
      stored += block.sealed.byteLength
      packs.push(...assembler.add(block))
    }
    const last = assembler.finish()
    assert.ok(packs.every(({ size }) => size === PACK_SIZE))
    const total = [...packs, ...last].reduce((sum, { size }) => sum + size, 0)
    const waste = (total - stored) / total
    assert.ok(waste < 0.06, `blocks up to ${blockMax} KiB in packs of 4 MiB: ${(waste * 100).toFixed(2)} % is fill`)
  }
})

test('no more than one and a quarter packs and a block are held', () => {
  const assembler = assemblerOf()
  const rng = seededRng(3)
  for (let i = 0; i < 500; i++) {
    assembler.add(blockOf(41 + Math.floor(rng() * 900 * KIB)))
    assert.ok(assembler.held <= PACK_SIZE * 1.25 + 900 * KIB)
  }
})

test('the last pack tells only the order of magnitude of its content', () => {
  const sizes = new Set<number>()
  for (let size = 1000; size < 1020; size++) {
    const assembler = assemblerOf('meta')
    assembler.add(blockOf(size * KIB))
    sizes.add(assembler.finish()[0]!.size)
  }
  assert.ok(sizes.size <= 2)
})

test('copies of the same blocks never have the same name, however well they fit', () => {
  for (let size = 3000; size < 3600; size++) {
    const block = blockOf(size)
    const names = [1, 2].map((seed) => {
      const assembler = new PackAssembler({ ...optionsOf('meta'), random: (n) => new Uint8Array(n).fill(seed) })
      assembler.add(block)
      return assembler.finish()[0]!.objectName
    })
    assert.notEqual(names[0], names[1], `with a block of ${size} bytes`)
  }
})

test('an assembler that got nothing makes no pack', () => {
  assert.deepEqual(assemblerOf().finish(), [])
})

test('a block that is larger than a pack gets a pack of its own, which tells only its order of magnitude', () => {
  for (const kind of ['data', 'meta'] as const) {
    const assembler = assemblerOf(kind)
    const small = [blockOf(1000 * KIB), blockOf(800 * KIB)]
    const large = blockOf(PACK_SIZE + 300 * KIB)
    const packs = [small[0]!, large, small[1]!].flatMap((block) => assembler.add(block))
    assert.equal(packs.length, 1)
    assert.ok(packs[0]!.size > PACK_SIZE && packs[0]!.size <= padme(PACK_SIZE + 301 * KIB))
    const found = [...packs, ...assembler.finish()].flatMap(checkPack)
    assert.equal(found.length, 3)
  }
})

test('a pack has no more blobs and blocks than its directory can list', () => {
  const blob = (n: number): PackableBlock => {
    const locs = new Uint8Array(24 * n)
    return { sealed: new Uint8Array(100), codec: 1, plainLength: n, locs, lengths: new Uint32Array(n).fill(1) }
  }
  const assembler = new PackAssembler({ ...optionsOf('data'), packSize: 48 * 1024 * KIB })
  const packs: FinishedPack[] = []
  for (let i = 0; i < 20; i++) packs.push(...assembler.add(blob(100_000)))
  packs.push(...assembler.finish())
  assert.ok(packs.every(({ blocks }) => countBlobs(blocks) <= 1_048_576))
  assert.equal(
    packs.reduce((sum, { blocks }) => sum + blocks.length, 0),
    20,
  )
  const many = new PackAssembler({ ...optionsOf('data'), packSize: 48 * 1024 * KIB })
  const one = { ...blob(1000), sealed: new Uint8Array(60), lengths: Uint32Array.of(1000), locs: new Uint8Array(24) }
  const full: FinishedPack[] = []
  for (let i = 0; i < 70_000; i++) full.push(...many.add(one))
  full.push(...many.finish())
  assert.ok(full.every(({ blocks }) => blocks.length <= 65_535))
})
