// Results of a files job, gathered into columns as the files are read and taken apart again on the main thread.
import type { Extent } from '../../format/extent.ts'
import { FILE_EXTENTS, FILE_FAILED, FILE_GREW, FILE_VANISHED } from './jobs.ts'
import type { FileExtra, FilesResult } from './jobs.ts'

const REF_SIZE = 32

export class FileColumns {
  readonly #status: number[] = []
  readonly #counts: number[] = []
  readonly #lengths: number[] = []
  readonly #fills: number[] = []
  readonly #refs: Uint8Array[] = []
  readonly #extras: FileExtra[] = []

  /** Number of the next file. */
  get next(): number {
    return this.#status.length
  }

  /** None of an empty file. */
  extents(extents: readonly Extent[]): void {
    this.#status.push(FILE_EXTENTS)
    this.#counts.push(extents.length)
    for (const { length, ref, fill } of extents) {
      this.#lengths.push(length)
      this.#fills.push(fill === undefined ? 0 : fill === 'zero' ? 1 : 2)
      if (ref !== undefined) this.#refs.push(ref)
    }
  }

  failed(): void {
    this.#status.push(FILE_FAILED)
    this.#counts.push(0)
  }

  vanished(): void {
    this.#status.push(FILE_VANISHED)
    this.#counts.push(0)
  }

  grew(): void {
    this.#status.push(FILE_GREW)
    this.#counts.push(0)
  }

  extra(extra: FileExtra): void {
    this.#extras.push(extra)
  }

  finish(): FilesResult {
    return {
      status: Uint8Array.from(this.#status),
      counts: Uint32Array.from(this.#counts),
      lengths: Float64Array.from(this.#lengths),
      fills: Uint8Array.from(this.#fills),
      refs: join(this.#refs, this.#refs.length * REF_SIZE),
      extras: this.#extras,
    }
  }
}

export type FileOutcome =
  | { readonly status: 'read'; readonly extents: readonly Extent[] }
  | { readonly status: 'failed' }
  | { readonly status: 'vanished' }
  | { readonly status: 'grew' }

/** Walks through the columns file by file; refs are views of the result's arrays. */
export class FileColumnsReader {
  readonly #result: FilesResult
  #file = 0
  #extent = 0
  #ref = 0

  constructor(result: FilesResult) {
    this.#result = result
  }

  next(): FileOutcome {
    const { status, counts } = this.#result
    const file = this.#file++
    switch (status[file]) {
      case FILE_EXTENTS: {
        const extents: Extent[] = []
        for (let i = 0; i < counts[file]!; i++) extents.push(this.#nextExtent())
        return { status: 'read', extents }
      }
      case FILE_VANISHED:
        return { status: 'vanished' }
      case FILE_GREW:
        return { status: 'grew' }
      default:
        return { status: 'failed' }
    }
  }

  #nextExtent(): Extent {
    const length = this.#result.lengths[this.#extent]!
    const fill = this.#result.fills[this.#extent++]!
    if (fill !== 0) return { length, fill: fill === 1 ? 'zero' : 'hole' }
    const ref = this.#result.refs.subarray(this.#ref, this.#ref + REF_SIZE)
    this.#ref += REF_SIZE
    return { length, ref }
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.byteLength
  }
  return joined
}
