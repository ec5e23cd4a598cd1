// Counts what a backup does and tells whoever listens.
import type { Clock } from '../../base/clock.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { SnapshotStats, SnapshotTrouble } from '../../format/snapshot.ts'
import { SNAPSHOT_SIZE_MAX, TROUBLE_TEXT_MAX, TROUBLES_LISTED_MAX } from '../../format/snapshot.ts'
import type { EventSink } from '../events.ts'
import type { PipelineTotals } from './pipeline.ts'
import type { ScanReport, Told } from './scan.ts'

/** Progress is told this often at most, in milliseconds. */
const PROGRESS_INTERVAL_MS = 100

/** Bytes of troubles that are listed: paths may have 64 KB each, and a snapshot has an end. */
const TROUBLE_BYTES_MAX = SNAPSHOT_SIZE_MAX / 2

export interface ReportOptions {
  readonly onEvent: EventSink
  readonly clock: Clock
  readonly fileEvents: boolean
  readonly expected?: Expected | undefined
}

/** How much there is to do, as far as anybody can know before it is done: what the parent held, or what was counted. */
export interface Expected {
  readonly files: number
  readonly bytes: number
}

export class BackupReport implements ScanReport {
  readonly #opts: ReportOptions
  readonly troubles: SnapshotTrouble[] = []
  troubleCount = 0
  #troubleBytes = 0
  /** What was the matter with the first item that is missing. */
  firstMissing: ErrorCode | undefined
  #counts = { files: 0, directories: 0, others: 0, bytes: 0, newFiles: 0, changedFiles: 0, unchangedFiles: 0 }
  /** Bytes of large files that are being read. */
  #reading = 0
  #expected: Expected | undefined
  #lastProgress = -Infinity

  constructor(opts: ReportOptions) {
    this.#opts = opts
    this.#expected = opts.expected
  }

  /** Tells how much there is, once that is known. */
  expect(expected: Expected | undefined): void {
    this.#expected ??= expected
  }

  file(what: 'new' | 'changed' | 'unchanged', file: Told, size: number): void {
    const counts = this.#counts
    counts.files++
    counts.bytes += size
    if (what === 'new') counts.newFiles++
    else if (what === 'changed') counts.changedFiles++
    else counts.unchangedFiles++
    if (this.#opts.fileEvents) this.#opts.onEvent({ type: 'file', action: what, path: file.path, size })
    this.#progress(file)
  }

  /** So many bytes more of a file that takes long are done; negative once `file` tells of it. */
  reading(path: Uint8Array, bytes: number): void {
    this.#reading += bytes
    if (bytes > 0) this.#progress({ path })
  }

  other(kind: 'directory' | 'other', entry: Told): void {
    if (kind === 'directory') this.#counts.directories++
    else this.#counts.others++
    this.#progress(entry)
  }

  excluded(path: Uint8Array): void {
    if (this.#opts.fileEvents) this.#opts.onEvent({ type: 'file', action: 'excluded', path })
  }

  trouble(path: Uint8Array, trouble: number, code: ErrorCode, message: string): void {
    this.troubleCount++
    this.firstMissing ??= code
    const text = message.slice(0, TROUBLE_TEXT_MAX / 4)
    this.#troubleBytes += path.byteLength + 3 * text.length
    if (this.troubles.length < TROUBLES_LISTED_MAX && this.#troubleBytes <= TROUBLE_BYTES_MAX) {
      this.troubles.push({ path, code: trouble, text })
    }
    this.#opts.onEvent({ type: 'error', path, code, message })
  }

  /** Something that is said and does not make the snapshot partial. */
  warning(path: Uint8Array | undefined, code: ErrorCode, message: string): void {
    this.#opts.onEvent({ type: 'warning', path, code, message })
  }

  vanished(path: Uint8Array): void {
    this.firstMissing ??= 'not-found'
    this.warning(path, 'not-found', 'was there when its directory was listed and is gone now')
  }

  silentChange(path: Uint8Array): void {
    const message = 'its content changed although size and times did not; the disk or the memory may be failing'
    this.warning(path, 'corrupt', message)
  }

  stats(
    totals: PipelineTotals,
    meta: { readonly newBlobs: number; readonly newBytes: number },
    storedBytes: number,
  ): SnapshotStats {
    return {
      ...this.#counts,
      bytes: Math.min(this.#counts.bytes, Number.MAX_SAFE_INTEGER), // sparse files may claim more together
      newBlobs: totals.newBlobs + meta.newBlobs,
      newPlainBytes: totals.newBytes + meta.newBytes,
      storedBytes,
    }
  }

  #progress(current: Told): void {
    const now = this.#opts.clock.monotonic()
    if (now - this.#lastProgress < PROGRESS_INTERVAL_MS) return
    this.#lastProgress = now
    const { files } = this.#counts
    const bytes = this.#counts.bytes + this.#reading
    // An estimate that was exceeded is none any more.
    const expected = this.#expected
    const known = expected !== undefined && files <= expected.files && bytes <= expected.bytes
    this.#opts.onEvent({
      type: 'progress',
      phase: 'backing up',
      filesDone: files,
      bytesDone: bytes,
      current: current.path,
      ...(known && { filesTotal: expected.files, bytesTotal: expected.bytes }),
    })
  }
}
