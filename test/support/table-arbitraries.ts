// Tables of blocks as pack directories and index segments hold them.
import fc from 'fast-check'
import type { DirectoryBlock } from '../../src/format/block-table.ts'

/** Up to six consistent blocks of one pack that refer to `sessions` sessions. */
export function tables(sessions: number): fc.Arbitrary<DirectoryBlock[]> {
  const lengths = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 12 })
  const block = fc
    .tuple(lengths, fc.nat(sessions - 1), fc.double({ min: 0, max: 0.99, noNaN: true }), fc.boolean(), fc.nat(255))
    .map(([list, session, ratio, compressed, fill]): DirectoryBlock => {
      const plainLength = list.reduce((a, b) => a + b, 0)
      const packed = compressed ? Math.max(1, Math.floor(plainLength * ratio)) : plainLength
      const codec = packed < plainLength ? 1 : 0
      const locs = Uint8Array.from({ length: list.length * 24 }, (_, i) => fill + i)
      return { storedLength: packed + 40, plainLength, codec, session, locs, lengths: new Uint32Array(list) }
    })
  return fc.array(block, { maxLength: 6 })
}
