// What is wanted of blocks, and which of them wait until more is.
import type { BlockPlace } from '../../repo/index/loaded-index.ts'
import type { FileTask } from './file-task.ts'
import type { OpenFile } from './open-file.ts'

/** What is wanted of one block. */
export interface BlockWork {
  readonly place: BlockPlace
  /** Blobs to verify. */
  readonly blobs: WantedBlob[]
  /** Files that need nothing but this block, each with its segments (batch.ts). */
  readonly files: Map<FileTask, number[]>
  readonly pieces: Piece[]
  /** Bytes of those blobs. */
  wanted: number
  /** Other names wait for some of the files. */
  isAwaited: boolean
}

export interface WantedBlob {
  /** In the block's plaintext. */
  readonly offset: number
  readonly length: number
  readonly ref: Uint8Array
}

export interface Piece {
  readonly file: OpenFile
  readonly position: number
  /** In the block's plaintext. */
  readonly from: number
  readonly length: number
}

/** Files that need no block: empty, inline, or nothing but holes and zeros. */
export interface InlineWork {
  readonly files: Map<FileTask, number[]>
  readonly parts: Uint8Array[]
  bytes: number
}

/** Gets what was collected; resolves when there is room for more. */
export interface WorkSink {
  blocks(work: readonly BlockWork[]): Promise<void>
  inline(work: InlineWork): Promise<void>
}

/**
 * A block is ready when this share of it is wanted. The files of a folder lie in the block of the backup that first had
 * them, and in those of each backup that a few of them have changed for, whose other files are anywhere: those would be
 * opened again for every portion.
 */
const READY_SHARE = 7 / 8
/**
 * Files that wait for their block: they take about a kilobyte each. A tree with the changes
 * of a hundred backups needs half of its blocks once and the rest hardly more often with so many (decision 0028).
 */
const WAITING_MAX = 8192
/** When more would wait, blocks are handed on until so many are left: not one by one with each further portion. */
const WAITING_LEFT = 7680
/** Open files and other names do not wait: nothing bounds how many there are of them. */
export function isReady({ place, pieces, wanted, isAwaited }: BlockWork): boolean {
  return pieces.length > 0 || isAwaited || wanted >= READY_SHARE * place.plainLength
}

/** Of blocks that wait, those that cannot: first the ones that most files wait for, so that few are opened once more. */
export function surplusOf(waiting: readonly BlockWork[]): BlockWork[] {
  let files = waiting.reduce((sum, block) => sum + block.files.size, 0)
  if (files <= WAITING_MAX) return []
  const surplus: BlockWork[] = []
  for (const block of waiting.toSorted((a, b) => b.files.size - a.files.size)) {
    if (files <= WAITING_LEFT) break
    surplus.push(block)
    files -= block.files.size
  }
  return surplus
}
