// Sizes between which the chunker cuts, in bytes. They are part of the repository description: machines that should
// share chunks must cut alike.
import { BackupError } from '../base/errors.ts'

export interface ChunkerParams {
  /** No cut before this many bytes, except at the end of the content. */
  readonly min: number
  /** Size aimed at; a power of two. */
  readonly average: number
  /** A chunk of this size is cut in any case. */
  readonly max: number
}

export const DEFAULT_PARAMS: ChunkerParams = { min: 256 * 1024, average: 1024 * 1024, max: 4 * 1024 * 1024 }

/** Bytes that the decision at one position depends on; a smaller minimum would look back beyond the chunk. */
export const GEAR_WINDOW = 64

export const CHUNK_MAX = 16 * 1024 * 1024 // a chunk is one block, and a block's plaintext ends here (docs/format.md, 4)

/** Throws `limit` unless 64 <= min < average < max <= 16 MiB and the average is a power of two. */
export function checkParams(params: ChunkerParams): void {
  const { min, average, max } = params
  const subject = `chunker sizes ${min}, ${average}, ${max}`
  if (![min, average, max].every((n) => Number.isSafeInteger(n))) {
    throw new BackupError('limit', 'minimum, average and maximum must be whole numbers', subject)
  }
  if (min < GEAR_WINDOW) throw new BackupError('limit', `minimum is below ${GEAR_WINDOW} bytes`, subject)
  if (max > CHUNK_MAX) throw new BackupError('limit', `maximum is above ${CHUNK_MAX} bytes`, subject)
  if (min >= average || average >= max) {
    throw new BackupError('limit', 'minimum, average and maximum do not ascend', subject)
  }
  if ((average & (average - 1)) !== 0) throw new BackupError('limit', 'average is not a power of two', subject)
}
