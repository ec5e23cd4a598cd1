// The worker's end of the pipeline: bytes in the arena become blobs, blobs become blocks. Small blobs are read straight
// to the end of the bundle and stay there if they are new; nothing is copied on the way to the compressor.
import { assert } from '../../base/assert.ts'
import { BackupError } from '../../base/errors.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { Kernel, KeySlot } from '../../chunker/kernel.ts'
import { keyedHash } from '../../crypto/hash.ts'
import type { Sealer } from '../../crypto/seal.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import type { BlobIndex } from '../../repo/index/blob-index.ts'
import { decodeBlockBriefly, encodeBlock } from '../../repo/packs/block-codec.ts'
import type { SealedBlock } from './jobs.ts'
import { StoringFailed } from './reading.ts'
import { SideBundle, type NewBlob } from './side-bundle.ts'
import { DEFAULT_METHOD, type WorkerMethods } from './worker-methods.ts'

/** From this size on a native hash beats the kernel's, whose call costs nothing; measured crossover, see crypto/hash.ts. */
const NATIVE_HASH_FROM = 16 * 1024

/** Bytes a bundle may take: it is closed when it has `target`, by a blob that is no block of its own. */
export function bundleSizeFor(target: number, chunkMin: number): number {
  return target + Math.max(soloFrom(target), chunkMin)
}

/** A blob of this size or more is a block of its own. */
function soloFrom(bundleTarget: number): number {
  return bundleTarget / 2
}

export interface SinkKeys {
  /** K_ref("data"). */
  readonly ref: Uint8Array
  readonly loc: Uint8Array
}

export interface SinkOptions {
  readonly kernel: Kernel
  readonly index: BlobIndex
  readonly keys: SinkKeys
  readonly sealer: Sealer
  readonly methods: WorkerMethods
  /** Plaintext at which a bundle is closed, in bytes. */
  readonly bundleTarget: number
  /** Takes blocks before their job has ended, so that those of a large file are not all held; may make the thread wait. */
  readonly handOn?: ((blocks: SealedBlock[]) => void) | undefined
}

/** Sealed bytes that are handed on at once: few enough to hold, enough for a message between threads. */
const HAND_ON_FROM = 4 * 1024 * 1024

/** Uses the front of the arena, `bundleSizeFor` bytes of it; what lies behind belongs to the caller. */
export class BlobSink {
  readonly #kernel: Kernel
  /** Replaced when the index has got another table. */
  index: BlobIndex
  readonly #keys: SinkKeys
  readonly #refSlot: KeySlot
  readonly #locSlot: KeySlot
  readonly #sealer: Sealer
  readonly #methods: WorkerMethods
  readonly #bundleTarget: number
  readonly #soloFrom: number
  #bundleEnd = 0
  #blobs: NewBlob[] = []
  /** By the number of their method; made when it is first used. */
  readonly #side: SideBundle[] = []
  #blocks: SealedBlock[] = []
  #blockBytes = 0
  /** While it is set, blobs that the index names already are kept with their bytes for `takeKnown`. */
  keepsKnown = false
  #known: { readonly ref: Uint8Array; readonly bytes: Uint8Array }[] = []
  readonly #handOn: SinkOptions['handOn']
  newBlobs = 0
  newBytes = 0

  constructor(opts: SinkOptions) {
    this.#kernel = opts.kernel
    this.index = opts.index
    this.#keys = opts.keys
    this.#refSlot = opts.kernel.addKey(opts.keys.ref)
    this.#locSlot = opts.kernel.addKey(opts.keys.loc)
    this.#sealer = opts.sealer
    this.#methods = opts.methods
    this.#bundleTarget = opts.bundleTarget
    this.#handOn = opts.handOn
    this.#soloFrom = soloFrom(opts.bundleTarget)
  }

  /** Arena offset where the next small blob may be read to; `add` there costs no copy. */
  get tail(): number {
    return this.#bundleEnd
  }

  /**
   * Takes the bytes at [offset, offset + length) of the arena as one blob; they may be reused afterwards. A blob that is
   * stored already stays as it was compressed then.
   */
  add(offset: number, length: number, method = DEFAULT_METHOD): Uint8Array {
    const kernel = this.#kernel
    const ref =
      length < NATIVE_HASH_FROM
        ? kernel.hash(this.#refSlot, offset, length)
        : keyedHash(this.#keys.ref, kernel.memory.subarray(offset, offset + length))
    const loc = kernel.hashOf(this.#locSlot, ref)
    if (this.index.claim(loc)) this.#store(offset, { ref, loc, length }, method)
    else if (this.keepsKnown) this.#known.push({ ref, bytes: kernel.memory.slice(offset, offset + length) })
    return ref
  }

  /** `add` for a blob that is stored whether the index names it or not. */
  addAgain(offset: number, length: number): void {
    const ref = keyedHash(this.#keys.ref, this.#kernel.memory.subarray(offset, offset + length))
    this.#store(offset, { ref, loc: this.#kernel.hashOf(this.#locSlot, ref), length }, DEFAULT_METHOD)
  }

  #store(offset: number, blob: NewBlob, method: number): void {
    const { memory } = this.#kernel
    const { length } = blob
    this.newBlobs++
    this.newBytes += length
    if (length >= this.#soloFrom && (offset !== this.#bundleEnd || method !== DEFAULT_METHOD)) {
      return this.#seal(memory.subarray(offset, offset + length), [blob], method)
    }
    if (method !== DEFAULT_METHOD) return this.#addAside(memory.subarray(offset, offset + length), blob, method)
    if (offset !== this.#bundleEnd) memory.copyWithin(this.#bundleEnd, offset, offset + length)
    this.#bundleEnd += length
    this.#blobs.push(blob)
    if (this.#bundleEnd >= this.#bundleTarget) this.#close()
  }

  /** Closes the bundles that are being filled. */
  flush(): void {
    this.#close()
    for (const method of this.#side.keys()) this.#closeAside(method)
  }

  #close(): void {
    if (this.#blobs.length === 0) return
    const plain = this.#kernel.memory.subarray(0, this.#bundleEnd)
    this.#seal(plain, this.#blobs, DEFAULT_METHOD)
    this.#blobs = []
    this.#bundleEnd = 0
  }

  #addAside(bytes: Uint8Array, blob: NewBlob, method: number): void {
    const bundle = (this.#side[method] ??= new SideBundle(this.#bundleTarget + this.#soloFrom))
    bundle.add(bytes, blob)
    if (bundle.plain.byteLength >= this.#bundleTarget) this.#closeAside(method)
  }

  #closeAside(method: number): void {
    const bundle = this.#side[method]
    if (bundle === undefined || bundle.blobs.length === 0) return
    this.#seal(bundle.plain, bundle.blobs, method)
    bundle.empty()
  }

  /** The blobs kept since the last call. */
  takeKnown(): { readonly ref: Uint8Array; readonly bytes: Uint8Array }[] {
    const known = this.#known
    this.#known = []
    return known
  }

  /** The blocks sealed since the last call that were not handed on. */
  take(): SealedBlock[] {
    const blocks = this.#blocks
    this.#blocks = []
    this.#blockBytes = 0
    return blocks
  }

  /** Seals a block and opens it again; only what came back bit for bit is handed on (rule W3). */
  #seal(plain: Uint8Array, blobs: readonly NewBlob[], method: number): void {
    try {
      this.#sealAndVerify(plain, blobs, method)
    } catch (cause) {
      throw new StoringFailed('a block could not be made', { cause })
    }
  }

  #sealAndVerify(plain: Uint8Array, blobs: readonly NewBlob[], method: number): void {
    const type = SEALED_TYPES.dataBlock
    const { sealed, codec } = encodeBlock(this.#sealer, type, plain, this.#methods.fixed(method))
    const stored = { type, sealed, codec, plainLength: plain.byteLength, subject: 'block just sealed' }
    const back = decodeBlockBriefly(this.#sealer, stored)
    const locs = new Uint8Array(blobs.length * LOCATOR_SIZE)
    const lengths = new Uint32Array(blobs.length)
    let at = 0
    for (const [i, { ref, loc, length }] of blobs.entries()) {
      locs.set(loc.subarray(0, LOCATOR_SIZE), i * LOCATOR_SIZE)
      lengths[i] = length
      this.#verify(back.subarray(at, at + length), ref)
      at += length
    }
    assert(at === back.byteLength, 'the blobs of a block make up its plaintext')
    this.#blocks.push({ kind: 'data', sealed, codec, plainLength: plain.byteLength, locs, lengths })
    this.#blockBytes += sealed.byteLength
    if (this.#blockBytes >= HAND_ON_FROM) this.#handOn?.(this.take())
  }

  #verify(bytes: Uint8Array, ref: Uint8Array): void {
    const small = bytes.byteLength < NATIVE_HASH_FROM
    const found = small ? this.#kernel.hashOf(this.#refSlot, bytes) : keyedHash(this.#keys.ref, bytes)
    if (!equalBytes(found, ref)) throw notWhatWentIn()
  }
}

/** What to say when bytes that were just encoded do not come back: bad memory, or a bug in a codec. */
export function notWhatWentIn(): BackupError {
  return new BackupError('corrupt', 'a block did not decode to what went into it; nothing of it was stored', 'backup', {
    hint: 'run the backup again; if it happens again, test this machine’s memory',
  })
}
