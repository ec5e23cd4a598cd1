// Extended attributes on their way into an entry: which of them it has room for, and which values are too long for it and
// become blobs (docs/format.md, 6.2, key 16).
import { compareBytes } from '../../base/bytes.ts'
import { ENTRY_SIZE_MAX } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import { XATTR_INLINE_MAX, XATTR_INLINE_TOTAL_MAX, XATTR_NAME_MAX, XATTRS_MAX } from '../../format/xattr.ts'
import type { Xattr } from '../../format/xattr.ts'
import type { RawXattr } from '../../source/attributes.ts'

/** 64 KiB, the most that Linux takes for a value: a worker has room for it however small the chunks are. */
export const XATTR_VALUE_MAX = 64 * 1024
/** Bytes of an entry that its attributes may take: three quarters; a symlink's target needs up to 64 KiB of the rest. */
const ATTRIBUTES_SIZE_MAX = (ENTRY_SIZE_MAX / 4) * 3
/** Bytes that an attribute takes beside its name and value: the heads of both. */
const INLINE_OVERHEAD = 8
/** The same with a long value: lengths and a ref in its place. */
const LONG_OVERHEAD = 64

/** Attributes of one entry, told apart by where their values go. */
export interface SortedAttributes {
  /** Ascending by name. */
  readonly fitting: readonly RawXattr[]
  /** Those of `fitting` whose values become blobs. */
  readonly long: readonly RawXattr[]
  /** How many there is no room for: more or longer ones than any Linux file has. */
  readonly leftOut: number
}

const NONE: SortedAttributes = { fitting: [], long: [], leftOut: 0 }

export function sortAttributes(raw: readonly RawXattr[]): SortedAttributes {
  if (raw.length === 0) return NONE
  const fitting: RawXattr[] = []
  const long: RawXattr[] = []
  let inline = 0
  let room = ATTRIBUTES_SIZE_MAX
  for (const xattr of raw.toSorted((a, b) => compareBytes(a.name, b.name))) {
    const { name, value } = xattr
    const before = fitting.at(-1)
    if (name.byteLength === 0 || name.byteLength > XATTR_NAME_MAX || value.byteLength > XATTR_VALUE_MAX) continue
    if (before !== undefined && compareBytes(before.name, name) === 0) continue
    const isLong = value.byteLength > XATTR_INLINE_MAX || inline + value.byteLength > XATTR_INLINE_TOTAL_MAX
    room -= name.byteLength + (isLong ? LONG_OVERHEAD : INLINE_OVERHEAD + value.byteLength)
    if (room < 0 || fitting.length === XATTRS_MAX) break
    fitting.push(xattr)
    if (isLong) long.push(xattr)
    else inline += value.byteLength
  }
  return { fitting, long, leftOut: raw.length - fitting.length }
}

/** The attributes as an entry keeps them; `stored` are the extents of the long values in their order. */
export function keptAttributes(
  { fitting, long }: SortedAttributes,
  stored: readonly (readonly Extent[])[],
): readonly Xattr[] {
  let next = 0
  return fitting.map((xattr): Xattr => {
    if (xattr !== long[next]) return xattr
    return { name: xattr.name, value: { length: xattr.value.byteLength, extents: stored[next++]! } }
  })
}

/** What to tell of attributes that there is no room for. */
export function leftOutText(leftOut: number): string {
  return `${leftOut} extended attributes are too long or too many to be kept`
}
