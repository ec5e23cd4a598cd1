// A pack as the index knows it.
import { packName } from '../../format/names.ts'
import type { PackKind } from '../../format/names.ts'
import type { DirectoryBlock } from '../../format/block-table.ts'

export interface PackRecord {
  readonly objectName: string
  readonly kind: PackKind
  /** Bytes. */
  readonly size: number
  /** Whose secrets seal its blocks, 16 bytes each. */
  readonly sessions: readonly Uint8Array[]
}

/** What a segment or a finished pack tells of one pack. */
export interface IndexablePack {
  readonly hash: Uint8Array
  readonly kind: PackKind
  readonly size: number
  readonly blocks: readonly DirectoryBlock[]
}

/** The record of a pack whose blocks refer to `sessions`. */
export function recordOf({ kind, hash, size, blocks }: IndexablePack, sessions: readonly Uint8Array[]): PackRecord {
  const used = new Set(blocks.map(({ session }) => session))
  return {
    objectName: packName(kind, hash),
    kind,
    size,
    sessions: Array.from(used, (ordinal) => sessions[ordinal]!),
  }
}
