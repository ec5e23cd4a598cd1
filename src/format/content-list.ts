// docs/format.md, 6.3: nodes of the tree that keeps the extents of a file with more than EXTENTS_INLINE_MAX of them.
//
//   level 0   {0: 0, 1: [extent …]}
//   above     {0: level, 1: [[bytes below, ref, extents below] …]}
import { assert } from '../base/assert.ts'
import { CborReader, CborWriter } from '../base/cbor.ts'
import type { RawField } from '../base/cbor.ts'
import { BackupError } from '../base/errors.ts'
import { LEVEL_MAX } from './entry-model.ts'
import { decodeExtents, encodeExtents, extentBytes, REF_SIZE } from './extent.ts'
import type { BlobRef, Extent } from './extent.ts'

/** A child of an upper node: the bytes of the file and the extents that it stands for. */
export interface ListChild {
  readonly bytes: number
  readonly ref: BlobRef
  readonly extents: number
}

export type ContentListNode =
  | { readonly level: 0; readonly extents: readonly Extent[]; readonly unknown?: readonly RawField[] }
  | { readonly level: number; readonly children: readonly ListChild[]; readonly unknown?: readonly RawField[] }

/** Items of one node; the encoded node stays under 64 KiB. */
export const LIST_ITEMS_MAX = 1024

export function encodeContentList(node: ContentListNode): Uint8Array {
  const w = new CborWriter(4096).openMap().key(0).uint(node.level).key(1)
  const items = 'extents' in node ? node.extents : node.children
  assert(items.length >= 1 && items.length <= LIST_ITEMS_MAX, `a content list has 1 to ${LIST_ITEMS_MAX} items`)
  if ('extents' in node) {
    encodeExtents(w, node.extents)
  } else {
    assert(node.level >= 1 && node.level <= LEVEL_MAX, `an upper content list is on level 1 to ${LEVEL_MAX}`)
    w.array(node.children.length)
    for (const { bytes, ref, extents } of node.children) {
      assert(ref.length === REF_SIZE && bytes >= 1 && extents >= 1, 'a child stands for bytes')
      w.array(3).uint(bytes).bytes(ref).uint(extents)
    }
  }
  return w.rawFields(node.unknown).closeMap().finish()
}

/** Reads a node; `corrupt` naming `subject` if it breaks any rule. Refs are views of `bytes`. */
export function decodeContentList(bytes: Uint8Array, subject: string): ContentListNode {
  const r = new CborReader(bytes, subject)
  const fields = r.map()
  if (fields < 2 || r.key(-1) !== 0) throw r.corrupt('is not a content list')
  const level = r.uint(LEVEL_MAX)
  if (r.key(0) !== 1) throw r.corrupt('is not a content list')
  const items = level === 0 ? { extents: decodeExtents(r, LIST_ITEMS_MAX) } : { children: decodeChildren(r) }
  const unknown = r.remainingFields(fields - 2, 1)
  r.leave()
  r.end()
  return { level, ...items, ...(unknown !== undefined && { unknown }) } as ContentListNode
}

/** Bytes of the file that a node stands for. */
export function listBytes(node: ContentListNode): number {
  if ('extents' in node) return extentBytes(node.extents)
  return node.children.reduce((sum, { bytes }) => sum + bytes, 0)
}

/**
 * Throws `corrupt` naming `subject` unless a node is on the level and has the bytes that the one above it says. So lists
 * end, and no file is longer than its list claims.
 */
export function checkListPlace(node: ContentListNode, subject: string, level: number, bytes?: number): void {
  if (node.level !== level) {
    throw new BackupError('corrupt', `content list is on level ${node.level}, not ${level}`, subject)
  }
  const own = listBytes(node)
  if (bytes !== undefined && own !== bytes) {
    throw new BackupError('corrupt', `content list of ${own} bytes is in the place of one of ${bytes}`, subject)
  }
}

function decodeChildren(r: CborReader): ListChild[] {
  const count = r.array(LIST_ITEMS_MAX)
  if (count === 0) throw r.corrupt('is an upper content list without children')
  const children: ListChild[] = []
  for (let i = 0; i < count; i++) {
    if (r.array() !== 3) throw r.corrupt('has a child that is not of three parts')
    const bytes = r.uint()
    const ref = r.fixed(REF_SIZE)
    const extents = r.uint()
    if (bytes === 0 || extents === 0) throw r.corrupt('has a child that stands for nothing')
    children.push({ bytes, ref, extents })
    r.leave()
  }
  r.leave()
  return children
}
