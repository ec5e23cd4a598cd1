// Fetches ranges of packs, makes a batch of each block in them and has it carried out. Several ranges are under way at a
// time: one is being fetched while others are decoded and written.
import { displayText, releaseMemory, toHex } from '../../base/bytes.ts'
import { reasonsOf, wrap } from '../../base/errors.ts'
import { SEALED_TYPES } from '../../format/object-header.ts'
import { FileTableBuilder, NO_FILES } from './batch.ts'
import type { Batch, BatchResult, FileFailure, FileTable } from './batch.ts'
import type { BackupError } from '../../base/errors.ts'
import { isOfOneItem } from './content-plan.ts'
import type { BlockWork, InlineWork, Piece, WorkSink } from './block-work.ts'
import type { DirectoryNode, OpenDirectories } from './directory-node.ts'
import type { Executor } from './executor.ts'
import type { FileTask } from './file-task.ts'
import type { RunningSteps } from '../running-steps.ts'
import { planReads } from './read-plan.ts'
import type { ReadRange } from './read-plan.ts'
import type { RestoreReader } from './reader.ts'
import type { Report } from './report.ts'
import { joinPath } from '../browse/tree-walk.ts'

export interface BlockRunnerContext {
  readonly reader: RestoreReader
  readonly executor: Executor
  readonly running: RunningSteps
  readonly directories: OpenDirectories
  readonly report: Report
  /** Throws when the operator has stopped the restore. */
  readonly checkStopped: () => void
}

const NO_PIECES = new Float64Array()
const REF_SIZE = 32

export class BlockRunner implements WorkSink {
  readonly #ctx: BlockRunnerContext

  constructor(ctx: BlockRunnerContext) {
    this.#ctx = ctx
  }

  async blocks(work: readonly BlockWork[]): Promise<void> {
    for (const range of planReads(work)) {
      this.#ctx.checkStopped()
      await this.#ctx.running.start(() => this.#runRange(range))
    }
  }

  async inline({ files, parts, bytes }: InlineWork): Promise<void> {
    const plain = new Uint8Array(bytes)
    let at = 0
    for (const part of parts) {
      plain.set(part, at)
      at += part.length
    }
    await this.#ctx.running.start(() => this.#run({ plain }, files, []))
  }

  async #runRange(range: ReadRange<BlockWork>): Promise<void> {
    const { pack, offset, length, blocks } = range
    let bytes: Uint8Array
    try {
      bytes = await this.#ctx.reader.store.get(pack, { offset, length })
    } catch (cause) {
      const error = wrap('reading a pack', pack, cause)
      if (!isOfOneItem(error)) throw error
      if (blocks.length === 1) return failBlock(blocks[0]!, error)
      // Perhaps only a part of it cannot be read: every block for itself.
      for (const block of blocks) {
        const { offset: start, storedLength } = block.place
        await this.#runRange({ pack, offset: start, length: storedLength, blocks: [block] })
      }
      return
    }
    const parts = blocks.map((block) => part(bytes, block.place.offset - offset, block))
    if (!parts.includes(bytes)) releaseMemory(bytes)
    const steps = blocks.map((block, i) => this.#runBlock(block, parts[i]!))
    // All have to be over before anybody may close what they write to, also when one has failed.
    for (const outcome of await Promise.allSettled(steps)) if (outcome.status === 'rejected') throw outcome.reason
  }

  async #runBlock(block: BlockWork, sealed: Uint8Array): Promise<void> {
    const { pack, offset, codec, plainLength, sid } = block.place
    const type = pack.kind === 'data' ? SEALED_TYPES.dataBlock : SEALED_TYPES.metaBlock
    const { sessionKeys, suite } = this.#ctx.reader
    let secret: Uint8Array
    try {
      secret = await sessionKeys.secret(sid, pack.kind)
    } catch (cause) {
      const error = wrap('opening a block', pack.objectName, cause)
      if (!isOfOneItem(error)) throw error
      return failBlock(block, error)
    }
    const blobs = new Float64Array(block.blobs.length * 2)
    const refs = new Uint8Array(block.blobs.length * REF_SIZE)
    for (const [i, { offset: start, length, ref }] of block.blobs.entries()) {
      blobs[i * 2] = start
      blobs[i * 2 + 1] = length
      refs.set(ref, i * REF_SIZE)
    }
    const source = {
      pack: pack.objectName,
      offset,
      type,
      codec,
      plainLength,
      sealed,
      sid: toHex(sid),
      secret: new Uint8Array(secret),
      suite,
      blobs,
      refs,
    }
    await this.#run(source, block.files, block.pieces)
  }

  async #run(source: Batch['source'], files: Map<FileTask, number[]>, pieces: readonly Piece[]): Promise<void> {
    const held: DirectoryNode[] = []
    const { executor, directories } = this.#ctx
    const result = await (async () => {
      try {
        const table = files.size === 0 ? NO_FILES : this.#table(files, held)
        return await executor.write({ source, files: table, pieces: encodePieces(pieces) })
      } finally {
        for (const directory of held) directories.release(directory)
      }
    })()
    this.#settle(result, files, pieces)
  }

  /** Files of a directory whose descriptor cannot be had fail by themselves. */
  #table(files: Map<FileTask, number[]>, held: DirectoryNode[]): FileTable {
    const { directories } = this.#ctx
    const builder = new FileTableBuilder()
    let last: DirectoryNode | undefined
    let dirFd = -1
    for (const [task, segments] of files) {
      const { directory } = task
      if (directory !== last) {
        try {
          dirFd = directories.acquireToChange(directory)
        } catch (cause) {
          const error = wrap('opening a directory', displayText(directory.path), cause)
          files.delete(task)
          task.finished({ code: error.code, message: reasonsOf(error) })
          continue
        }
        held.push(directory)
        last = directory
      }
      const { id, name, replace, size, attributes } = task
      builder.add({ id, dirFd, name, replace, inherits: directory.inherits, size, attributes }, segments)
    }
    return builder.finish()
  }

  #settle({ failures, warnings }: BatchResult, files: Map<FileTask, number[]>, pieces: readonly Piece[]): void {
    const { report } = this.#ctx
    const failed = new Map<number, FileFailure>()
    for (const failure of failures) failed.set(failure.id, failure)
    for (const { class: what, id, count, reason } of warnings) {
      for (const task of files.keys()) {
        if (task.id === id) report.warn(what, joinPath(task.directory.path, task.name), reason, count)
      }
    }
    for (const task of files.keys()) task.finished(failed.size === 0 ? undefined : failed.get(task.id))
    for (const { file } of pieces) file.pieceDone(failed.size === 0 ? undefined : failed.get(file.task.id))
    report.progress()
  }
}

/** The bytes of one block in memory of their own, to be moved to another thread. */
function part(bytes: Uint8Array, at: number, { place }: BlockWork): Uint8Array {
  const whole = at === 0 && bytes.byteOffset === 0 && bytes.buffer.byteLength === place.storedLength
  if (whole && bytes.buffer instanceof ArrayBuffer) return bytes
  return new Uint8Array(bytes.subarray(at, at + place.storedLength))
}

function encodePieces(pieces: readonly Piece[]): Float64Array {
  if (pieces.length === 0) return NO_PIECES
  const numbers: number[] = []
  for (const { file, position, from, length } of pieces) {
    const fd = file.fd()
    if (fd !== undefined) numbers.push(file.task.id, fd, position, from, length)
  }
  return Float64Array.from(numbers)
}

function failBlock({ files, pieces }: BlockWork, error: BackupError): void {
  // A pack that is not there is damage of the store; what is not found otherwise is of the target.
  const code = error.code === 'not-found' ? 'corrupt' : error.code
  const failure = { code, message: reasonsOf(error) }
  for (const task of files.keys()) task.finished(failure)
  for (const { file } of pieces) file.pieceDone(failure)
}
