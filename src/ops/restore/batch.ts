// A piece of work as it travels to a worker thread: one block, the blobs in it that are needed, and what to write where.
// Numbers lie in flat arrays: copying one to another thread costs next to nothing, copying 78,000 objects half a second.
import type { ErrorCode } from '../../base/errors.ts'
import type { Suite } from '../../crypto/seal.ts'
import type { Attributes, PlainXattr } from './attributes.ts'
import type { MetadataClasses, WarningClass } from './options.ts'

/** A sealed block and what has to be verified in it. */
export interface SealedSource {
  /** Object name of its pack, for messages. */
  readonly pack: string
  /** Where it begins in the pack. */
  readonly offset: number
  /** Type of the seal. */
  readonly type: number
  readonly codec: number
  readonly plainLength: number
  readonly sealed: Uint8Array
  /** Session, as hex. */
  readonly sid: string
  readonly secret: Uint8Array
  readonly suite: Suite
  /** Offset and length in the plaintext of each blob that is needed. */
  readonly blobs: Float64Array
  /** 32 bytes for each of them. */
  readonly refs: Uint8Array
}

export interface Batch {
  /** Where the bytes come from: a sealed block, or content that needs none (inline, or empty files). */
  readonly source: SealedSource | { readonly plain: Uint8Array }
  readonly files: FileTable
  /** Pieces of files that are open already, PIECE_WIDTH numbers each: file, fd, position, offset in the source, length. */
  readonly pieces: Float64Array
}

export const PIECE_WIDTH = 5

/** Whole files. */
export interface FileTable {
  readonly count: number
  readonly numbers: Float64Array
  /** All names, one after the other. */
  readonly names: Uint8Array
  /** SEGMENT_WIDTH numbers each: position in the file, offset in the source or -1 for zeros, length. */
  readonly segments: Float64Array
  /** What few files have. */
  readonly extras: readonly FileExtra[]
}

export const SEGMENT_WIDTH = 3

export interface FileExtra {
  readonly flags: number
  readonly xattrs: readonly PlainXattr[]
}

/** One file of a table. */
export interface FileRow {
  /** The planner's number for it. */
  readonly id: number
  readonly dirFd: number
  readonly name: Uint8Array
  /** Something is there: write under another name and rename. */
  readonly replace: boolean
  /** The directory hands an ACL down to what is made in it. */
  readonly inherits: boolean
  readonly size: number
  readonly attributes: Attributes
  /** First and last + 1 of its segments. */
  readonly segmentStart: number
  readonly segmentEnd: number
}

/** What a job has done; files it does not name were written whole. */
export interface BatchResult {
  readonly failures: readonly FileFailure[]
  readonly warnings: readonly FileWarning[]
}

export interface FileFailure {
  readonly id: number
  readonly code: ErrorCode
  readonly message: string
}

/** A class of attributes that could not be given to `count` files, the first of which is `id`. */
export interface FileWarning {
  readonly class: WarningClass
  readonly id: number
  readonly count: number
  readonly reason: string
}

/** What every worker has to know from the start. */
export interface WriterSetup {
  readonly repoId: Uint8Array
  readonly dataRefKey: Uint8Array
  readonly classes: MetadataClasses
  /** File creation mask of the process. */
  readonly umask: number
}

const FILE_WIDTH = 12
const NO_EXTRA = -1
const REPLACE = 1
const INHERITS = 2
const NO_XATTRS: readonly PlainXattr[] = []

/** Makes a table of files; names and attributes are copied. */
export class FileTableBuilder {
  #numbers = new Float64Array(FILE_WIDTH * 32)
  #names = new Uint8Array(1024)
  readonly #segments: number[] = []
  readonly #extras: FileExtra[] = []
  #namesEnd = 0
  count = 0

  /** `segments` as in FileTable. */
  add(file: Omit<FileRow, 'segmentStart' | 'segmentEnd'>, segments: readonly number[]): void {
    const { name, attributes: a } = file
    const at = this.count++ * FILE_WIDTH
    if (at === this.#numbers.length) this.#numbers = doubled(this.#numbers, Float64Array)
    while (this.#namesEnd + name.length > this.#names.length) this.#names = doubled(this.#names, Uint8Array)
    this.#names.set(name, this.#namesEnd)
    this.#namesEnd += name.length
    const n = this.#numbers
    n[at] = file.id
    n[at + 1] = file.dirFd
    n[at + 2] = (file.replace ? REPLACE : 0) | (file.inherits ? INHERITS : 0)
    n[at + 3] = this.#namesEnd
    n[at + 4] = a.mode
    n[at + 5] = a.uid
    n[at + 6] = a.gid
    n[at + 7] = a.mtime.sec
    n[at + 8] = a.mtime.nsec
    n[at + 9] = file.size
    for (const number of segments) this.#segments.push(number)
    n[at + 10] = this.#segments.length / SEGMENT_WIDTH
    n[at + 11] = NO_EXTRA
    if (a.flags !== 0 || a.xattrs.length > 0) {
      n[at + 11] = this.#extras.length
      this.#extras.push({ flags: a.flags, xattrs: a.xattrs.map(ownXattr) })
    }
  }

  finish(): FileTable {
    return {
      count: this.count,
      numbers: this.#numbers.slice(0, this.count * FILE_WIDTH),
      names: this.#names.slice(0, this.#namesEnd),
      segments: Float64Array.from(this.#segments),
      extras: this.#extras,
    }
  }
}

export const NO_FILES: FileTable = new FileTableBuilder().finish()

/** File `i` of a table; the name is a view. */
export function fileRow(table: FileTable, i: number): FileRow {
  const n = table.numbers
  const at = i * FILE_WIDTH
  const extra = n[at + 11] === NO_EXTRA ? undefined : table.extras[n[at + 11]!]
  return {
    id: n[at]!,
    dirFd: n[at + 1]!,
    name: table.names.subarray(i === 0 ? 0 : n[at - FILE_WIDTH + 3]!, n[at + 3]),
    replace: (n[at + 2]! & REPLACE) !== 0,
    inherits: (n[at + 2]! & INHERITS) !== 0,
    size: n[at + 9]!,
    attributes: {
      mode: n[at + 4]!,
      uid: n[at + 5]!,
      gid: n[at + 6]!,
      mtime: { sec: n[at + 7]!, nsec: n[at + 8]! },
      flags: extra?.flags ?? 0,
      xattrs: extra?.xattrs ?? NO_XATTRS,
    },
    segmentStart: i === 0 ? 0 : n[at - FILE_WIDTH + 10]!,
    segmentEnd: n[at + 10]!,
  }
}

/** A view of a decoded node keeps the whole block in memory, and takes it along to another thread. */
export function ownXattr({ name, value }: PlainXattr): PlainXattr {
  return { name: new Uint8Array(name), value: new Uint8Array(value) }
}

function doubled<A extends Float64Array | Uint8Array>(array: A, make: new (length: number) => A): A {
  const larger = new make(array.length * 2)
  larger.set(array)
  return larger
}
