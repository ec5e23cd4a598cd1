// docs/format.md, 6.2, key 16: extended attributes, `[[name, value] …]` ascending by name. A value is bytes, or
// `[length, [extent …]]` where it is longer than XATTR_INLINE_MAX or the inline ones would pass XATTR_INLINE_TOTAL_MAX.
import { assert } from '../base/assert.ts'
import { compareBytes } from '../base/bytes.ts'
import { MAJOR_BYTES } from '../base/cbor.ts'
import type { CborReader, CborWriter } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { decodeExtents, encodeExtents, extentBytes, EXTENTS_INLINE_MAX } from './extent.ts'
import type { Extent } from './extent.ts'

export interface Xattr {
  readonly name: Uint8Array
  /** The value itself, or its length in bytes and where it lies. */
  readonly value: Uint8Array | { readonly length: number; readonly extents: readonly Extent[] }
}

/** Bytes of a value kept in the entry. */
export const XATTR_INLINE_MAX = 1024
/** Bytes of all values kept in one entry. */
export const XATTR_INLINE_TOTAL_MAX = 64 * 1024
/** Bytes of a name: Linux allows 255. */
export const XATTR_NAME_MAX = 1024
/** Attributes of one entry: Linux lists at most 64 KiB of names. */
export const XATTRS_MAX = 16_384

/** Writes at least one attribute, in the order of names; `limit` naming `subject` when there are too many. */
export function encodeXattrs(w: CborWriter, xattrs: readonly Xattr[], subject: string): void {
  if (xattrs.length > XATTRS_MAX) {
    throw new BackupError('limit', `has ${xattrs.length} extended attributes, more than ${XATTRS_MAX}`, subject)
  }
  const sorted = xattrs.toSorted((a, b) => compareBytes(a.name, b.name))
  let inline = 0
  w.array(sorted.length)
  for (const [i, { name, value }] of sorted.entries()) {
    assert(name.length > 0 && name.length <= XATTR_NAME_MAX, 'the name of an attribute has 1 to 1,024 bytes')
    assert(i === 0 || compareBytes(sorted[i - 1]!.name, name) < 0, 'the names of attributes differ')
    w.array(2).bytes(name)
    if (value instanceof Uint8Array) {
      inline += value.length
      assert(value.length <= XATTR_INLINE_MAX && inline <= XATTR_INLINE_TOTAL_MAX, 'long attributes are extents')
      w.bytes(value)
    } else {
      assert(extentBytes(value.extents) === value.length, 'extents add up to the length of the attribute')
      w.array(2).uint(value.length)
      encodeExtents(w, value.extents)
    }
  }
}

/** Reads attributes; names, values and refs alias the reader's bytes. */
export function decodeXattrs(r: CborReader): Xattr[] {
  const count = r.array(XATTRS_MAX)
  if (count === 0) throw r.corrupt('has an empty list of attributes')
  const xattrs: Xattr[] = []
  let inline = 0
  let previous: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    if (r.array(2) !== 2) throw r.corrupt('has an attribute that is not a pair')
    const name = r.bytes(XATTR_NAME_MAX)
    if (name.length === 0) throw r.corrupt('has an attribute without a name')
    if (previous !== undefined && compareBytes(previous, name) >= 0) throw r.corrupt('has attributes out of order')
    previous = name
    if (r.major() === MAJOR_BYTES) {
      const value = r.bytes(XATTR_INLINE_MAX)
      inline += value.length
      if (inline > XATTR_INLINE_TOTAL_MAX) throw r.corrupt('has too many inline attributes')
      xattrs.push({ name, value })
    } else {
      xattrs.push({ name, value: decodeLongValue(r) })
    }
    r.leave()
  }
  r.leave()
  return xattrs
}

function decodeLongValue(r: CborReader): { length: number; extents: Extent[] } {
  if (r.array(2) !== 2) throw r.corrupt('has a long attribute that is not a pair')
  const length = r.uint()
  const extents = decodeExtents(r, EXTENTS_INLINE_MAX)
  if (extentBytes(extents) !== length) throw r.corrupt('has extents that do not add up to an attribute')
  r.leave()
  return { length, extents }
}
