// The attributes that an entry gets in the target. Long extended attributes are blobs and have to be read.
import { displayText } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import type { Entry } from '../../format/entry-model.ts'
import type { Xattr } from '../../format/xattr.ts'
import { XATTR_SIZE_MAX } from '../../posix/xattr.ts'
import type { Attributes, PlainXattr } from './attributes.ts'
import type { OwnerMap } from './owner-map.ts'
import type { RestoreReader } from './reader.ts'

const NONE: readonly PlainXattr[] = []

/** Byte strings of the result are views of the entry, except those that were read. */
export function wantedAttributes(reader: RestoreReader, ownerOf: OwnerMap): (entry: Entry) => Promise<Attributes> {
  return async (entry) => {
    const { uid, gid } = ownerOf(entry)
    const { mode, mtime, flags = 0 } = entry
    const xattrs = entry.xattrs === undefined ? NONE : await readXattrs(reader, entry.xattrs)
    return { mode, uid, gid, mtime, flags, xattrs }
  }
}

async function readXattrs(reader: RestoreReader, xattrs: readonly Xattr[]): Promise<PlainXattr[]> {
  const plain: PlainXattr[] = []
  for (const { name, value } of xattrs) {
    plain.push({ name, value: value instanceof Uint8Array ? value : await readLong(reader, name, value) })
  }
  return plain
}

type LongValue = Exclude<Xattr['value'], Uint8Array>

async function readLong(reader: RestoreReader, name: Uint8Array, { length, extents }: LongValue): Promise<Uint8Array> {
  const subject = `attribute ${displayText(name)}`
  if (length > XATTR_SIZE_MAX)
    throw new BackupError('limit', `has ${length} bytes, more than any system takes`, subject)
  const value = new Uint8Array(length)
  let at = 0
  for (const extent of extents) {
    if (extent.ref !== undefined) {
      const offset = extent.offset ?? 0
      const blob = await reader.readBlob('data', extent.ref)
      const piece = blob.subarray(offset, offset + extent.length)
      if (piece.length !== extent.length) throw new BackupError('corrupt', 'a piece is longer than its blob', subject)
      value.set(piece, at)
    }
    at += extent.length
  }
  return value
}
