// The secrets of a domain that name and find blobs (docs/format.md, 3.1 and 3.2), derived once.
import { deriveKey, keyedHash } from '../../crypto/hash.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'

export type BlobType = 'data' | 'tree' | 'list'

/** Number of each type in the format. */
export const BLOB_TYPES: readonly BlobType[] = ['data', 'tree', 'list']

export class BlobKeys {
  readonly #ref: Readonly<Record<BlobType, Uint8Array>>
  readonly #loc: Uint8Array
  /** Splits directories; also names hard link groups. */
  readonly split: Uint8Array
  readonly #splitLevels: Uint8Array[] = []

  constructor(domain: { readonly keyId: Uint8Array; readonly keyLoc: Uint8Array; readonly keyCdc: Uint8Array }) {
    this.#ref = {
      data: deriveKey('holdfast 1 ref data', domain.keyId),
      tree: deriveKey('holdfast 1 ref tree', domain.keyId),
      list: deriveKey('holdfast 1 ref list', domain.keyId),
    }
    this.#loc = domain.keyLoc
    this.split = deriveKey('holdfast 1 split', domain.keyCdc)
  }

  /** Key under which the plaintext of a blob is hashed. */
  refKey(type: BlobType): Uint8Array {
    return this.#ref[type]
  }

  refOf(type: BlobType, plaintext: Uint8Array): Uint8Array {
    return keyedHash(this.#ref[type], plaintext)
  }

  locOf(ref: Uint8Array): Uint8Array {
    return keyedHash(this.#loc, ref).slice(0, LOCATOR_SIZE)
  }

  /** Key that decides where the nodes of a directory end on this level; leaves are level 0. */
  splitKey(level: number): Uint8Array {
    if (level === 0) return this.split
    return (this.#splitLevels[level] ??= deriveKey(`holdfast 1 split level ${level}`, this.split))
  }
}
