// Bundles of tree blobs become blocks: the main thread has encoded and hashed the blobs, a worker compresses, seals and
// opens them again (rule W3).
import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { deriveKey, keyedHash } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlockBriefly, encodeBlock } from '../../repo/packs/block-codec.ts'
import { notWhatWentIn } from './blob-sink.ts'
import type { WorkerSetup } from './chunk-worker.ts'
import type { BundleJob, SealedBlock } from './jobs.ts'

export class MetaBlocks {
  readonly #sealer: Sealer
  readonly #refKeys: readonly Uint8Array[]

  constructor({ metaSecret, repoId, suite, keyId }: Pick<WorkerSetup, 'metaSecret' | 'repoId' | 'suite' | 'keyId'>) {
    this.#sealer = new Sealer(metaSecret, repoId, suite)
    this.#refKeys = ['data', 'tree', 'list'].map((type) => deriveKey(`holdfast 1 ref ${type}`, keyId))
  }

  seal(
    { plain, locs, lengths, refs, types }: Omit<BundleJob, 'kind'>,
    method: Parameters<typeof encodeBlock>[3],
  ): SealedBlock {
    const type = SEALED_TYPES.metaBlock
    const { sealed, codec } = encodeBlock(this.#sealer, type, plain, method)
    const stored = { type, sealed, codec, plainLength: plain.byteLength, subject: 'block just sealed' }
    const back = decodeBlockBriefly(this.#sealer, stored)
    let at = 0
    for (let i = 0; i < types.length; i++) {
      const bytes = back.subarray(at, at + lengths[i]!)
      const found = keyedHash(this.#refKeys[types[i]!]!, bytes)
      if (!equalBytes(found, refs.subarray(i * 32, i * 32 + 32))) throw notWhatWentIn()
      at += bytes.byteLength
    }
    assert(at === back.byteLength, 'the blobs of a block make up its plaintext')
    return { kind: 'meta', sealed, codec, plainLength: plain.byteLength, locs, lengths }
  }
}
