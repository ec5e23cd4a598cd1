// Contents: sizes around every limit, holes and zeros in every place.
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { seededRng } from '../../src/base/random.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Around inline content, pages, blocks of the format, chunk sizes (256 KiB, 1 MiB, 4 MiB) and the packs' order of size. */
const SIZES = [0, 1, 2, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097]
  .concat([16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB, 4 * MIB].flatMap((size) => [size - 1, size, size + 1]))
  .concat([20 * MIB])

export function makeSizes(folder: string): void {
  for (const size of SIZES) writeFileSync(join(folder, `random-${size}`), randomBytes(size, size))
  for (const size of [1, 512, 513, 64 * KIB, 5 * MIB]) writeFileSync(join(folder, `text-${size}`), textBytes(size))
  for (const size of [1, 512, 4096, 64 * KIB, 64 * KIB + 1, 2 * MIB])
    writeFileSync(join(folder, `zeros-${size}`), new Uint8Array(size))
  writeFileSync(join(folder, 'copy-of-random-20971520'), randomBytes(20 * MIB, 20 * MIB))
  // The same content shifted by one byte, and twice in one file.
  writeFileSync(join(folder, 'shifted'), Buffer.concat([Buffer.from('x'), randomBytes(4 * MIB, 4 * MIB)]))
  writeFileSync(join(folder, 'twice'), Buffer.concat([randomBytes(MIB, 7), randomBytes(MIB, 7)]))
  for (const name of ['empty', 'empty-with-empty/inner']) mkdirSync(join(folder, name), { recursive: true })
}

/** `size`, then what is written where; everything else is a hole. */
const SPARSE: Readonly<Record<string, readonly [size: number, ...data: [at: number, length: number][]]>> = {
  'all-hole-4k': [4 * KIB],
  'all-hole-1m': [MIB],
  'all-hole-odd': [MIB + 12_345],
  'all-hole-8g': [8 * 1024 * MIB],
  'hole-at-start': [MIB, [MIB - 64 * KIB, 64 * KIB]],
  'hole-in-middle': [MIB, [0, 64 * KIB], [MIB - 64 * KIB, 64 * KIB]],
  'hole-at-end': [MIB, [0, 64 * KIB]],
  'hole-at-end-odd': [MIB + 777, [0, 64 * KIB]],
  'one-byte-at-end': [MIB, [MIB - 1, 1]],
  'one-byte-after-8g': [8 * 1024 * MIB + 1, [8 * 1024 * MIB, 1]],
  'small-holes': [256 * KIB, ...Array.from({ length: 32 }, (_, i): [number, number] => [i * 8 * KIB, 4 * KIB])],
  // More extents than an entry holds, so that they go into content lists.
  'many-holes': [64 * MIB, ...Array.from({ length: 256 }, (_, i): [number, number] => [i * 256 * KIB, 16 * KIB])],
  'large-between-holes': [40 * MIB, [8 * MIB, 12 * MIB]],
}

export function makeSparse(folder: string): void {
  for (const [name, [size, ...data]] of Object.entries(SPARSE)) {
    withFile(join(folder, name), size, (fd) => {
      for (const [at, length] of data) writeSync(fd, randomBytes(length, at + 1), 0, length, at)
    })
  }
  // Zeros that occupy space, next to holes and to data.
  withFile(join(folder, 'zeros-and-holes'), 4 * MIB, (fd) => {
    writeSync(fd, new Uint8Array(MIB), 0, MIB, 0)
    writeSync(fd, randomBytes(MIB, 9), 0, MIB, 2 * MIB)
    writeSync(fd, new Uint8Array(128 * KIB), 0, 128 * KIB, 3 * MIB)
  })
}

function withFile(path: string, size: number, fill: (fd: number) => void): void {
  const fd = openSync(path, 'wx')
  try {
    ftruncateSync(fd, size)
    fill(fd)
  } finally {
    closeSync(fd)
  }
}

/** The same bytes for the same seed. */
export function randomBytes(length: number, seed: number): Uint8Array {
  const rng = seededRng(seed)
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let n = 0; n < words.length; n++) words[n] = rng() * 0x1_0000_0000 // `from` takes five times as long
  return new Uint8Array(words.buffer, 0, length)
}

function textBytes(length: number): Uint8Array {
  const lines = Array.from({ length: Math.ceil(length / 32) }, (_, i) => `line ${i}: all work and no play\n`).join('')
  return Buffer.from(lines).subarray(0, length)
}
