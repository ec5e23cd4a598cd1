// docs/format.md, 6.3: what a piece of a file is made of.
//
//   [length, ref]              a whole blob, from its first byte
//   [length, ref, offset]      a part of a blob; offset is at least 1
//   [length, 0]                zeros
//   [length, 1]                a hole
import { assert } from '../base/assert.ts'
import type { CborReader, CborWriter } from '../base/cbor.ts'
import { MAJOR_BYTES } from '../base/cbor.ts'

/** Name of a blob inside sealed trees: keyed hash of its plaintext, 32 bytes. */
export type BlobRef = Uint8Array
export const REF_SIZE = 32

/** A run of `length` bytes of a file, at least 1: from the blob `ref` beginning at `offset` (0 if absent), or a fill. */
export interface Extent {
  readonly length: number
  readonly ref?: BlobRef
  readonly offset?: number
  readonly fill?: 'zero' | 'hole'
}

/** Extents that an entry or an attribute holds itself; more of them go into content list nodes. */
export const EXTENTS_INLINE_MAX = 64
const FILL_ZERO = 0
const FILL_HOLE = 1

export function encodeExtents(w: CborWriter, extents: readonly Extent[]): void {
  assert(extents.length >= 1, 'a list of extents is not empty')
  w.array(extents.length)
  for (const extent of extents) encodeExtent(w, extent)
}

function encodeExtent(w: CborWriter, { length, ref, offset, fill }: Extent): void {
  assert(length >= 1, 'an extent has at least one byte')
  if (ref === undefined) {
    assert(fill !== undefined && offset === undefined, 'an extent has either a blob or a fill')
    w.array(2)
      .uint(length)
      .uint(fill === 'zero' ? FILL_ZERO : FILL_HOLE)
    return
  }
  assert(fill === undefined && ref.length === REF_SIZE, 'an extent has either a blob of 32 bytes or a fill')
  if (offset === undefined || offset === 0) w.array(2).uint(length).bytes(ref)
  else w.array(3).uint(length).bytes(ref).uint(offset)
}

/** Reads an array of 1 to `max` extents; refs alias the reader's bytes. */
export function decodeExtents(r: CborReader, max: number): Extent[] {
  const count = r.array(max)
  if (count === 0) throw r.corrupt('has an empty list of extents')
  const extents: Extent[] = []
  for (let i = 0; i < count; i++) extents.push(decodeExtent(r))
  r.leave()
  return extents
}

function decodeExtent(r: CborReader): Extent {
  const parts = r.array(3)
  if (parts < 2) throw r.corrupt('has an extent without a source')
  const length = r.uint()
  if (length === 0) throw r.corrupt('has an extent of no bytes')
  let extent: Extent
  if (r.major() === MAJOR_BYTES) {
    const ref = r.fixed(REF_SIZE)
    if (parts === 2) {
      extent = { length, ref }
    } else {
      const offset = r.uint()
      if (offset === 0) throw r.corrupt('has an offset of 0 that belongs left out,')
      if (offset + length > Number.MAX_SAFE_INTEGER) throw r.corrupt('has an extent beyond 2^53')
      extent = { length, ref, offset }
    }
  } else {
    if (parts !== 2) throw r.corrupt('has a fill with an offset')
    extent = { length, fill: r.uint(FILL_HOLE) === FILL_ZERO ? 'zero' : 'hole' }
  }
  r.leave()
  return extent
}

/** Bytes that extents cover; the sum of a hostile list may pass 2^53 and is then not exact, but never small. */
export function extentBytes(extents: readonly Extent[]): number {
  let bytes = 0
  for (const extent of extents) bytes += extent.length
  return bytes
}
