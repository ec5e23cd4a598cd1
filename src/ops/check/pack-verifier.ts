// Verifies one pack to the last byte: its name, its header, and every block: seal, compression, and the locator of each
// blob. Pure; runs in worker threads and, for small checks and the simulator, in the thread of the caller.
import { equalBytes, releaseMemory, toHex } from '../../base/bytes.ts'
import { BackupError } from '../../base/errors.ts'
import { hash, keyedHash } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import type { Suite } from '../../crypto/seal.ts'
import { LOCATOR_SIZE } from '../../format/block-table.ts'
import type { PackKind } from '../../format/names.ts'
import { checkHeader, OBJECT_TYPES, SEALED_TYPES } from '../../format/object-header.ts'
import { decodeBlockBriefly } from '../../repo/packs/block-codec.ts'

export interface PackJob {
  readonly objectName: string
  readonly kind: PackKind
  /** The hash in its name, hex. */
  readonly hash: string
  readonly bytes: Uint8Array
  readonly blocks: readonly JobBlock[]
  /** Secrets of the sessions that the blocks name by number. */
  readonly sessions: readonly { readonly sid: string; readonly secret: Uint8Array }[]
}

export interface JobBlock {
  readonly offset: number
  readonly storedLength: number
  readonly plainLength: number
  readonly codec: number
  /** Number in `sessions`; -1 when its secret cannot be had, so that the block is passed over. */
  readonly session: number
  /** 24 bytes for each blob. */
  readonly locs: Uint8Array
  readonly lengths: Uint32Array
}

export interface PackFindings {
  readonly blobs: number
  /** Bytes of plaintext that were verified. */
  readonly plainBytes: number
  readonly findings: readonly Finding[]
}

export interface Finding {
  /** Number in the job's blocks; absent when it is about the whole pack. */
  readonly block?: number
  /** Locator of the one blob that is wrong, hex; absent when all of the block is. */
  readonly loc?: string
  readonly code: BackupError['code']
  readonly message: string
}

export interface VerifierSetup {
  readonly repoId: Uint8Array
  readonly suite: Suite
  /** `K_loc`, and the keys under which blobs of each type are hashed. */
  readonly locKey: Uint8Array
  readonly dataKey: Uint8Array
  readonly treeKey: Uint8Array
  readonly listKey: Uint8Array
}

export class PackVerifier {
  readonly #setup: VerifierSetup
  readonly #sealers = new Map<string, Sealer>()

  constructor(setup: VerifierSetup) {
    this.#setup = setup
  }

  verify(job: PackJob): PackFindings {
    const findings: Finding[] = []
    let blobs = 0
    let plainBytes = 0
    if (toHex(hash(job.bytes)) !== job.hash) {
      findings.push({ code: 'corrupt', message: 'its bytes are not those its name promises' })
    }
    try {
      checkHeader(job.bytes, job.kind === 'data' ? OBJECT_TYPES.dataPack : OBJECT_TYPES.metaPack, job.objectName)
    } catch (cause) {
      findings.push(findingOf(cause))
    }
    for (const [i, block] of job.blocks.entries()) {
      if (block.session < 0) continue
      try {
        this.#verifyBlock(job, block, i, findings)
        blobs += block.lengths.length
        plainBytes += block.plainLength
      } catch (cause) {
        findings.push({ block: i, ...findingOf(cause) })
      }
    }
    releaseMemory(job.bytes)
    return { blobs, plainBytes, findings }
  }

  #verifyBlock(job: PackJob, block: JobBlock, number: number, findings: Finding[]): void {
    const { offset, storedLength, codec, plainLength, locs, lengths } = block
    const session = job.sessions[block.session]!
    const type = job.kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
    const sealed = job.bytes.subarray(offset, offset + storedLength)
    const subject = `${job.objectName} at ${offset}`
    const plain = decodeBlockBriefly(this.#sealer(job.kind, session), { type, sealed, codec, plainLength, subject })
    let at = 0
    for (let i = 0; i < lengths.length; i++) {
      const blob = plain.subarray(at, at + lengths[i]!)
      const loc = locs.subarray(i * LOCATOR_SIZE, (i + 1) * LOCATOR_SIZE)
      at += blob.length
      if (this.#hasLocator(job.kind, blob, loc)) continue
      const message = `a blob in the block at ${offset} is not what its locator says`
      findings.push({ block: number, loc: toHex(loc), code: 'corrupt', message })
    }
  }

  #hasLocator(kind: PackKind, blob: Uint8Array, loc: Uint8Array): boolean {
    const { locKey, dataKey, treeKey, listKey } = this.#setup
    // A meta pack does not say whether a blob is a node or a content list.
    const keys = kind === 'data' ? [dataKey] : [treeKey, listKey]
    return keys.some((key) => equalBytes(keyedHash(locKey, keyedHash(key, blob)).slice(0, LOCATOR_SIZE), loc))
  }

  #sealer(kind: PackKind, { sid, secret }: { readonly sid: string; readonly secret: Uint8Array }): Sealer {
    const key = `${kind} ${sid}`
    let sealer = this.#sealers.get(key)
    if (sealer === undefined) {
      sealer = new Sealer(secret, this.#setup.repoId, this.#setup.suite)
      this.#sealers.set(key, sealer)
    }
    return sealer
  }
}

function findingOf(cause: unknown): Finding {
  if (!(cause instanceof BackupError)) throw cause
  return { code: cause.code, message: cause.message }
}
