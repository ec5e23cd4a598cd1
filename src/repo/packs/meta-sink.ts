// Collects tree nodes and content lists into bundles. Encoding happens here, on the main thread; compressing and sealing
// a full bundle is a job for a worker.
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { BlobIndex } from '../index/blob-index.ts'
import { BLOB_TYPES } from '../index/blob-keys.ts'
import type { BlobKeys, BlobType } from '../index/blob-keys.ts'

const REF_SIZE = 32

/** A full bundle: the blobs one after the other, and what they are. */
export interface MetaBundle {
  readonly plain: Uint8Array
  /** Locators, 24 bytes each. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
  readonly refs: Uint8Array
  /** Numbers of docs/format.md, 3.2. */
  readonly types: Uint8Array
}

interface PendingBlob {
  readonly type: BlobType
  readonly bytes: Uint8Array
  readonly ref: Uint8Array
  readonly loc: Uint8Array
}

export class MetaSink {
  readonly #keys: BlobKeys
  readonly #index: BlobIndex
  readonly #bundleTarget: number
  readonly #submit: (bundle: MetaBundle) => void
  readonly #passed: ((ref: Uint8Array, bytes: Uint8Array) => void) | undefined
  #pending: PendingBlob[] = []
  #size = 0
  newBlobs = 0
  newBytes = 0

  /** `submit` gets each full bundle; it must not fail. */
  constructor(opts: {
    readonly keys: BlobKeys
    readonly index: BlobIndex
    /** As `bundleTargetFor` says. */
    readonly bundleTarget: number
    readonly submit: (bundle: MetaBundle) => void
    /** Sees each blob, also those that are stored already. */
    readonly passed?: ((ref: Uint8Array, bytes: Uint8Array) => void) | undefined
  }) {
    this.#keys = opts.keys
    this.#index = opts.index
    this.#bundleTarget = opts.bundleTarget
    this.#submit = opts.submit
    this.#passed = opts.passed
  }

  /** The ref of a blob; keeps it for the next bundle unless it is stored already. */
  add(type: BlobType, bytes: Uint8Array): Uint8Array {
    const ref = this.#keys.refOf(type, bytes)
    this.#passed?.(ref, bytes)
    const loc = this.#keys.locOf(ref)
    this.#index.reserve(1)
    if (!this.#index.claim(loc)) return ref
    this.newBlobs++
    this.newBytes += bytes.byteLength
    this.#pending.push({ type, bytes, ref, loc })
    this.#size += bytes.byteLength
    if (this.#size >= this.#bundleTarget) this.flush()
    return ref
  }

  flush(): void {
    const pending = this.#pending
    if (pending.length === 0) return
    const plain = new Uint8Array(this.#size)
    const locs = new Uint8Array(pending.length * LOCATOR_SIZE)
    const lengths = new Uint32Array(pending.length)
    const refs = new Uint8Array(pending.length * REF_SIZE)
    const types = new Uint8Array(pending.length)
    let at = 0
    for (const [i, { type, bytes, ref, loc }] of pending.entries()) {
      plain.set(bytes, at)
      at += bytes.byteLength
      lengths[i] = bytes.byteLength
      locs.set(loc, i * LOCATOR_SIZE)
      refs.set(ref, i * REF_SIZE)
      types[i] = BLOB_TYPES.indexOf(type)
    }
    this.#pending = []
    this.#size = 0
    this.#submit({ plain, locs, lengths, refs, types })
  }
}
