// Carries out batches: opens the block, compares its blobs with their refs, writes the files. Runs in worker threads and,
// for small restores and the simulator, in the thread of the caller.
import { equalBytes, releaseMemory } from '../../base/bytes.ts'
import { BackupError, codeOf, reasonsOf } from '../../base/errors.ts'
import { keyedHash } from '../../crypto/hash.ts'
import { Sealer } from '../../crypto/seal.ts'
import { decodeBlockBriefly } from '../../repo/packs/block-codec.ts'
import { writeAt } from '../../posix/read.ts'
import { fileRow, PIECE_WIDTH, SEGMENT_WIDTH } from './batch.ts'
import type { Batch, BatchResult, FileFailure, FileRow, SealedSource, WriterSetup } from './batch.ts'
import { compareContent } from './compare-content.ts'
import type { CompareJob, CompareResult } from './compare-content.ts'
import { FileWriter, isFull } from './file-writer.ts'
import { Tally } from './tally.ts'

const REF_SIZE = 32

/** Ranges of a block's plaintext that are not what was backed up. */
type Damage = readonly { readonly start: number; readonly end: number }[]

const NO_DAMAGE: Damage = []

export class BatchWorker {
  readonly #setup: WriterSetup
  readonly #writer: FileWriter
  readonly #sealers = new Map<string, Sealer>()

  constructor(setup: WriterSetup) {
    this.#setup = setup
    this.#writer = new FileWriter(setup.classes, setup.umask)
  }

  /** Throws `full` when the target has no room left; every other failure is that of a file. */
  run(batch: Batch): BatchResult {
    const failures: FileFailure[] = []
    const tally = new Tally<number>()
    const { source } = batch
    let plain: Uint8Array
    let damage = NO_DAMAGE
    try {
      if ('plain' in source) plain = source.plain
      else {
        plain = this.#open(source)
        releaseMemory(source.sealed)
        damage = this.#findDamage(source, plain)
      }
    } catch (cause) {
      if (!(cause instanceof BackupError)) throw cause
      return { failures: allOf(batch, cause), warnings: [] }
    }
    this.#writer.forgetDirectories()
    this.#writeFiles(batch, plain, damage, failures, tally)
    writePieces(batch, plain, damage, failures)
    return {
      failures,
      warnings: tally
        .sums()
        .map(({ class: what, count, first, reason }) => ({ class: what, count, id: first, reason })),
    }
  }

  compare(job: CompareJob): CompareResult {
    return compareContent(job, this.#setup.dataRefKey)
  }

  #open({ sid, secret, suite, type, sealed, codec, plainLength, pack }: SealedSource): Uint8Array {
    let sealer = this.#sealers.get(sid)
    if (sealer === undefined) this.#sealers.set(sid, (sealer = new Sealer(secret, this.#setup.repoId, suite)))
    return decodeBlockBriefly(sealer, { type, sealed, codec, plainLength, subject: pack })
  }

  #findDamage({ blobs, refs }: SealedSource, plain: Uint8Array): Damage {
    let damage: { start: number; end: number }[] | undefined
    for (let i = 0; i * 2 < blobs.length; i++) {
      const start = blobs[i * 2]!
      const end = start + blobs[i * 2 + 1]!
      const ref = refs.subarray(i * REF_SIZE, (i + 1) * REF_SIZE)
      if (end <= plain.length && equalBytes(keyedHash(this.#setup.dataRefKey, plain.subarray(start, end)), ref))
        continue
      ;(damage ??= []).push({ start, end })
    }
    return damage ?? NO_DAMAGE
  }

  #writeFiles(batch: Batch, plain: Uint8Array, damage: Damage, failures: FileFailure[], tally: Tally<number>): void {
    const { files } = batch
    for (let i = 0; i < files.count; i++) {
      const file = fileRow(files, i)
      if (damage.length > 0 && needsDamaged(file, files.segments, damage)) {
        failures.push(damagedBlob(file.id, batch))
        continue
      }
      try {
        this.#writer.write(file, files.segments, plain, (what, cause) => tally.add(what, file.id, cause))
      } catch (cause) {
        failures.push(failureOf(file.id, cause))
      }
    }
  }
}

function writePieces(batch: Batch, plain: Uint8Array, damage: Damage, failures: FileFailure[]): void {
  const { pieces } = batch
  for (let at = 0; at < pieces.length; at += PIECE_WIDTH) {
    const [id, fd, position, from, length] = pieces.subarray(at, at + PIECE_WIDTH) as unknown as Piece
    if (damage.length > 0 && touches(damage, from, length)) {
      failures.push(damagedBlob(id, batch))
      continue
    }
    try {
      writeAt(fd, plain.subarray(from, from + length), position)
    } catch (cause) {
      failures.push(failureOf(id, cause))
    }
  }
}

type Piece = readonly [number, number, number, number, number]

function needsDamaged(file: FileRow, segments: Float64Array, damage: Damage): boolean {
  for (let i = file.segmentStart; i < file.segmentEnd; i++) {
    const from = segments[i * SEGMENT_WIDTH + 1]!
    if (from >= 0 && touches(damage, from, segments[i * SEGMENT_WIDTH + 2]!)) return true
  }
  return false
}

function touches(damage: Damage, from: number, length: number): boolean {
  return damage.some(({ start, end }) => from < end && from + length > start)
}

function damagedBlob(id: number, { source }: Batch): FileFailure {
  const pack = 'plain' in source ? '' : source.pack
  return { id, code: 'corrupt', message: `a piece of it in ${pack} is not what was backed up` }
}

/** When the block cannot be had at all. */
function allOf(batch: Batch, cause: BackupError): FileFailure[] {
  const ids = new Set<number>()
  for (let i = 0; i < batch.files.count; i++) ids.add(fileRow(batch.files, i).id)
  for (let at = 0; at < batch.pieces.length; at += PIECE_WIDTH) ids.add(batch.pieces[at]!)
  return Array.from(ids, (id) => ({ id, code: cause.code, message: reasonsOf(cause) }))
}

function failureOf(id: number, cause: unknown): FileFailure {
  // The reason is in the text: causes stay behind in the worker.
  if (isFull(cause)) throw new BackupError('full', 'writing files', reasonsOf(cause))
  if (cause instanceof Error && 'code' in cause) return { id, code: codeOf(cause), message: reasonsOf(cause) }
  throw cause
}
