// Collects files that have to be written until there is enough to plan well, then hands on the blocks of which most is
// wanted by then, in the order of the packs: each is opened once for all files that were collected from it. Files in other
// blocks wait for more that are in the same ones. What is collected and what waits is bounded, so memory does not grow with
// the snapshot; where more would have to wait some blocks are opened more than once (docs/decisions/0028).
import { equalBytes } from '../../base/bytes.ts'
import { BackupError, reasonsOf } from '../../base/errors.ts'
import type { Content } from '../../format/entry-model.ts'
import type { Extent } from '../../format/extent.ts'
import type { BlockPlace } from '../../repo/index/loaded-index.ts'
import { isReady, surplusOf } from './block-work.ts'
import type { BlockWork, InlineWork, WantedBlob, WorkSink } from './block-work.ts'
import type { FileTask } from './file-task.ts'
import { OpenFile } from './open-file.ts'
import type { OpenFileContext } from './open-file.ts'
import type { RestoreReader } from './reader.ts'

/**
 * A portion: bytes enough to keep all threads busy while the next one is planned. A smaller one costs the collector less:
 * what is planned at a time outlives its young generation.
 */
const BYTES_MAX = 32 * 1024 * 1024
/** Blocks of a portion: at most as many as files, which are bounded too. */
const BLOCKS_MAX = 4096
/** Files: as many as the smallest that are not inline fill a block of 2 MiB with. */
const FILES_MAX = 4096
/** Files that are open at a time hold a descriptor each. */
const OPEN_FILES_MAX = 256
/** Pieces: bounds what a file of very many small extents costs. */
const PIECES_MAX = 32_768
const INLINE_FILES_MAX = 512

export class ContentPlan {
  readonly #reader: RestoreReader
  readonly #sparse: 'recorded' | 'zeros' | 'none'
  readonly #ctx: OpenFileContext
  readonly #sink: WorkSink
  #blocks = new Map<number, BlockWork>()
  #inline: InlineWork = { files: new Map(), parts: [], bytes: 0 }
  /** The block that was last needed. */
  #last: BlockWork | undefined
  /** Since blocks were last handed on. */
  #bytes = 0
  #files = 0
  #newBlocks = 0
  #openFiles = 0
  #pieces = 0

  constructor(reader: RestoreReader, sparse: 'recorded' | 'zeros' | 'none', ctx: OpenFileContext, sink: WorkSink) {
    this.#reader = reader
    this.#sparse = sparse
    this.#ctx = ctx
    this.#sink = sink
  }

  /** Takes a file on; may wait for room. Throws only what ends the restore. */
  async add(task: FileTask, content: Content): Promise<void> {
    if (content.kind === 'inline') this.#addInline(task, content.bytes)
    else if (content.kind !== 'extents' || !this.#addWhole(task, content.extents)) await this.#addPieces(task, content)
    this.#files++
    if (this.#inline.files.size >= INLINE_FILES_MAX) await this.#flushInline()
    await this.#flushIfLarge()
  }

  /** Hands on everything that was collected. */
  async flush(): Promise<void> {
    await this.#flushInline()
    this.#last = undefined
    await this.#handOn(() => true)
  }

  /** Hands on a portion. The last block waits, as long as it is not too much: the next file is probably in it too. */
  async #flushBlocks(): Promise<void> {
    const last = this.#last
    if (last !== undefined && last.files.size + last.pieces.length >= FILES_MAX) this.#last = undefined
    const waiting = [...this.#blocks.values()].filter((block) => block !== this.#last && !isReady(block))
    const surplus = new Set(surplusOf(waiting))
    await this.#handOn((block) => block !== this.#last && (isReady(block) || surplus.has(block)))
  }

  async #handOn(chosen: (block: BlockWork) => boolean): Promise<void> {
    const blocks = [...this.#blocks.values()].filter(chosen)
    for (const { place } of blocks) this.#blocks.delete(place.number)
    this.#bytes = 0
    this.#files = 0
    this.#newBlocks = 0
    this.#openFiles = 0
    this.#pieces = 0
    if (blocks.length > 0) await this.#sink.blocks(blocks)
  }

  async #flushIfLarge(): Promise<void> {
    const large =
      this.#bytes >= BYTES_MAX ||
      this.#files >= FILES_MAX ||
      this.#newBlocks >= BLOCKS_MAX ||
      this.#openFiles >= OPEN_FILES_MAX ||
      this.#pieces >= PIECES_MAX
    if (large) await this.#flushBlocks()
  }

  async #flushInline(): Promise<void> {
    const inline = this.#inline
    if (inline.files.size === 0) return
    this.#inline = { files: new Map(), parts: [], bytes: 0 }
    await this.#sink.inline(inline)
  }

  #addInline(task: FileTask, bytes: Uint8Array): void {
    const inline = this.#inline
    inline.files.set(task, bytes.length === 0 ? [] : [0, inline.bytes, bytes.length])
    inline.parts.push(bytes)
    inline.bytes += bytes.length
  }

  /** A file that needs at most one block is written by one batch; false if it needs more. */
  #addWhole(task: FileTask, extents: readonly Extent[]): boolean {
    let only: BlockPlace | undefined
    const segments: number[] = []
    const used: WantedBlob[] = []
    let position = 0
    for (const extent of extents) {
      if (extent.ref === undefined) {
        if (this.#isWritten(extent)) segments.push(position, -1, extent.length)
      } else {
        const blob = this.#locate(extent, extent.ref)
        // Which copy of it is good is found out for files of pieces.
        if (
          typeof blob === 'string' ||
          blob.isContested === true ||
          (only !== undefined && only.number !== blob.block.number)
        )
          return false
        only = blob.block
        used.push({ offset: blob.offset, length: blob.length, ref: new Uint8Array(extent.ref) })
        segments.push(position, blob.offset + (extent.offset ?? 0), extent.length)
      }
      position += extent.length
    }
    if (only === undefined) {
      this.#inline.files.set(task, segments)
      return true
    }
    const block = this.#block(only)
    block.files.set(task, segments)
    if (task.isAwaited) block.isAwaited = true
    for (const blob of used) this.#want(block, blob)
    return true
  }

  /** A file of many blocks, perhaps of more than fit into a portion. */
  async #addPieces(task: FileTask, content: Content): Promise<void> {
    const file = new OpenFile(task, this.#ctx)
    this.#openFiles++
    let position = 0
    try {
      for await (const extent of this.#reader.resolveContent(content)) {
        if (position + extent.length > task.size) throw tooLong(task)
        if (extent.ref !== undefined) await this.#reader.locateAnywhere?.('data', extent.ref)
        this.#addPiece(file, extent, position)
        position += extent.length
        if (file.failed) break
        await this.#flushIfLarge()
        if (this.#openFiles === 0) this.#openFiles = 1 // this one is still open
      }
      if (position !== task.size && !file.failed) throw tooLong(task)
    } catch (cause) {
      if (!(cause instanceof BackupError) || !isOfOneItem(cause)) throw cause
      file.pieceAdded()
      file.pieceDone({ code: cause.code, message: reasonsOf(cause) })
    }
    file.pieceDone()
  }

  #addPiece(file: OpenFile, extent: Extent, position: number): void {
    if (extent.ref === undefined) {
      if (this.#isWritten(extent)) file.zeros(position, extent.length)
      else file.hole()
      return
    }
    const blob = this.#locate(extent, extent.ref)
    if (typeof blob === 'string') throw new BackupError('corrupt', blob, 'content')
    const block = this.#block(blob.block)
    this.#want(block, { offset: blob.offset, length: blob.length, ref: new Uint8Array(extent.ref) })
    block.pieces.push({ file, position, from: blob.offset + (extent.offset ?? 0), length: extent.length })
    file.pieceAdded()
    this.#pieces++
  }

  /** Where the blob of an extent lies, or what is wrong with it. */
  #locate({ length, offset = 0 }: Extent, ref: Uint8Array) {
    const location = this.#reader.locate('data', ref)
    if (location === undefined) return 'a piece of it is in no pack that the index names'
    if (offset + length > location.length) return 'a piece of it is longer than what was stored'
    return location
  }

  /** Whether a run of zeros or a hole takes space in the new file. */
  #isWritten({ fill }: Extent): boolean {
    return this.#sparse === 'none' || (this.#sparse === 'recorded' && fill === 'zero')
  }

  /**
   * Files with the same content come one after the other, if at all, so looking at the last blob finds nearly all repeats;
   * verifying one twice costs little, and leaving out one that a second ref names would be wrong.
   */
  #want(block: BlockWork, blob: WantedBlob): void {
    const { blobs } = block
    const last = blobs.at(-1)
    if (last !== undefined && last.offset === blob.offset && equalBytes(last.ref, blob.ref)) return
    blobs.push(blob)
    block.wanted += blob.length
    this.#bytes += blob.length
  }

  #block(place: BlockPlace): BlockWork {
    let block = this.#blocks.get(place.number)
    if (block === undefined) {
      block = { place, blobs: [], files: new Map(), pieces: [], wanted: 0, isAwaited: false }
      this.#blocks.set(place.number, block)
      this.#newBlocks++
    }
    this.#last = block
    return block
  }
}

function tooLong(task: FileTask): BackupError {
  return new BackupError('corrupt', `its extents do not add up to its size of ${task.size} bytes`, 'content')
}

/** Whether a failure is that of one item, so that the rest goes on. */
export function isOfOneItem({ code }: BackupError): boolean {
  return code !== 'unreachable' && code !== 'interrupted' && code !== 'full' && code !== 'wrong-key'
}
