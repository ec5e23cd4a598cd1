// What a restore asks of a repository whose index is loaded: a part of `Repository`, so that tests can bring their own.
import type { Suite } from '../../crypto/seal.ts'
import type { Content, Subtree } from '../../format/entry-model.ts'
import type { BlobRef, Extent } from '../../format/extent.ts'
import type { BlobType } from '../../repo/index/blob-keys.ts'
import type { BlobLocation } from '../../repo/index/loaded-index.ts'
import type { Store } from '../../store/store.ts'
import type { NodeReader } from '../browse/tree-walk.ts'

export interface RestoreReader extends NodeReader {
  /** Identifier of the repository, 16 bytes. */
  readonly id: Uint8Array
  readonly suite: Suite
  /** `location` keeps a restore from deleting the repository it reads. */
  readonly store: Pick<Store, 'location' | 'get'>
  /** Keys under which blobs are hashed, 32 bytes. */
  readonly blobKeys: { refKey(type: BlobType): Uint8Array }
  /** What opens the blocks of a session, 32 bytes; `wrong-key` when the credential may not. */
  readonly sessionKeys: { secret(sid: Uint8Array, purpose: 'data' | 'meta'): Promise<Uint8Array> }
  /** Extents of content in the order of the file; not of inline content. */
  resolveContent(content: Content): AsyncIterable<Extent>
  /** A blob, compared with its ref; may be a view. */
  readBlob(type: BlobType, ref: BlobRef): Promise<Uint8Array>
  locate(type: BlobType, ref: BlobRef): BlobLocation | undefined
  /** Reads what is below a directory before it is asked for, where that is worth it. */
  readAhead?(subtree: Subtree): Promise<void>
  /** Looks also where the index does not say; afterwards `locate` finds it too. */
  locateAnywhere?(type: BlobType, ref: BlobRef): Promise<BlobLocation | undefined>
}
