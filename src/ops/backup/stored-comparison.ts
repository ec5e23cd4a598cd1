// Compares chunks of files with what the store has of them, byte for byte, before that is taken for stored
// (`backup --compare`). Everybody else trusts the keyed hash, and the index to tell the truth.
import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { BackupError, codeOf } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { Gate } from '../../base/gate.ts'
import type { BlobKeys } from '../../repo/index/blob-keys.ts'
import type { BlobLocation, BlockPlace, LoadedIndex, PackRecord } from '../../repo/index/loaded-index.ts'
import type { KnownBlob } from './jobs.ts'
import type { Pipeline } from './pipeline.ts'

/** Bytes of jobs whose chunks may come back to be compared: two segments of large files. */
const BYTES_MAX = 64 * 1024 * 1024
/** Blocks read at once; each may have 16 MiB. */
const READS_MAX = 4
/** A chunk that this run stores itself has a place after two rounds at most, and may have to be stored twice. */
const ROUNDS_MAX = 16
/** What is said of a pack of which something cannot be had; anything else says nothing about it. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set(['corrupt', 'not-found', 'limit'])

export interface StoredComparisonOptions {
  readonly index: LoadedIndex
  readonly keys: BlobKeys
  readonly pipeline: Pick<Pipeline, 'run' | 'place'>
  readonly readBlock: (place: BlockPlace) => Promise<Uint8Array>
  /** Notes that a pack is not to be relied on. */
  readonly distrust: (pack: PackRecord) => void
  readonly warn: (path: Uint8Array, code: ErrorCode, message: string) => void
}

/** Why a file cannot be stored. */
export interface ComparisonFailure {
  readonly code: ErrorCode
  readonly message: string
}

export class StoredComparison {
  readonly #opts: StoredComparisonOptions
  readonly #bytes = new Gate(BYTES_MAX)
  readonly #reads = new Gate(READS_MAX)

  constructor(opts: StoredComparisonOptions) {
    this.#opts = opts
  }

  /** Waits until a job over so many bytes may begin; `leave` when what came back of it is compared. */
  enter(bytes: number): Promise<void> {
    return this.#bytes.enter(bytes)
  }

  leave(bytes: number): void {
    this.#bytes.leave(bytes)
  }

  /** Compares what came back of a job. Gives the files that cannot be stored, by their number in the job. */
  async compare(
    known: readonly KnownBlob[],
    pathOf: (index: number) => Uint8Array,
  ): Promise<Map<number, ComparisonFailure>> {
    const failures = new Map<number, ComparisonFailure>()
    for (const blob of known) {
      if (failures.has(blob.index)) continue
      const failure = await this.#compare(blob, pathOf(blob.index))
      if (failure !== undefined) failures.set(blob.index, failure)
    }
    return failures
  }

  async #compare({ ref, bytes }: KnownBlob, path: Uint8Array): Promise<ComparisonFailure | undefined> {
    const { index, keys, pipeline } = this.#opts
    const loc = keys.locOf(ref)
    for (let round = 0; ; round++) {
      assert(round < ROUNDS_MAX, 'what this run stores gets a place')
      const location = index.locate(loc)
      if (location === undefined) {
        // This run stores it itself, and has not put it yet.
        await pipeline.place()
        continue
      }
      const stored = await this.#read(location)
      const verdict = stored instanceof BackupError ? 'other' : judge(stored, bytes, (x) => keys.refOf('data', x), ref)
      if (verdict === 'equal') return undefined
      if (verdict === 'collision') return COLLISION
      if (index.locate(loc)?.block.number !== location.block.number) continue // another file has found it meanwhile
      this.#distrust(location, stored, path)
      index.forget(loc)
      await pipeline.run({ kind: 'again', blobs: [bytes] })
      return undefined
    }
  }

  /** The stored bytes, or what is the matter with them. */
  async #read({ block, offset, length }: BlobLocation): Promise<Uint8Array | BackupError> {
    await this.#reads.enter()
    try {
      const plain = await this.#opts.readBlock(block)
      return plain.subarray(offset, offset + length)
    } catch (error) {
      if (error instanceof BackupError && DAMAGE.has(codeOf(error))) return error
      throw error
    } finally {
      this.#reads.leave()
    }
  }

  #distrust({ block: { pack } }: BlobLocation, stored: Uint8Array | BackupError, path: Uint8Array): void {
    const what = stored instanceof BackupError ? `cannot be read (${reasonOf(stored)})` : 'has other bytes'
    this.#opts.distrust(pack)
    const message = `what ${pack.objectName} holds of it ${what}; it is stored again, and that pack is not relied on any more; run \`holdfast check --read-data\``
    this.#opts.warn(path, stored instanceof BackupError ? stored.code : 'corrupt', message)
  }
}

/** Without what was being done, and to which pack. */
function reasonOf({ message, cause }: BackupError): string {
  return cause instanceof BackupError ? reasonOf(cause) : message
}

const COLLISION: ComparisonFailure = {
  code: 'refused',
  message:
    'a chunk of it has the same ref as other bytes that are stored: the keyed hash collides, and it cannot be stored',
}

/**
 * What to think of stored bytes that should be `bytes`, whose ref is `ref`. `other`: they are not what the index promises,
 * so another copy may take their place; `collision`: they are a blob of the same ref, which no second one can have.
 */
export function judge(
  stored: Uint8Array,
  bytes: Uint8Array,
  refOf: (bytes: Uint8Array) => Uint8Array,
  ref: Uint8Array,
): 'equal' | 'other' | 'collision' {
  if (equalBytes(stored, bytes)) return 'equal'
  return stored.length > 0 && equalBytes(refOf(stored), ref) ? 'collision' : 'other'
}
